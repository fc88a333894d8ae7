// [data-busy]: a form that takes a while says so on its button, and is sent once.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-busy]")) return;
  const button = event.submitter ?? event.target.querySelector("button");
  if (button?.getAttribute("aria-busy") === "true") event.preventDefault();
  button?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
});
