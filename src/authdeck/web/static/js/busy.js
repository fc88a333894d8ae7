// [data-busy]: a form that takes a while says so on its button, and is sent once. A part of the page that htmx waits for
// says so too.
const parts = "#main, #drawer, #found";
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-busy]")) return;
  const button = event.submitter ?? event.target.querySelector("button");
  if (button?.getAttribute("aria-busy") === "true") event.preventDefault();
  button?.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.target?.matches?.(parts)) ctx.target.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  for (const part of [ctx.target, ctx.request.submitter]) part?.removeAttribute?.("aria-busy");
});
addEventListener("pageshow", () => {
  for (const part of document.querySelectorAll("[aria-busy]")) part.removeAttribute("aria-busy");
});
