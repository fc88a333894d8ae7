// [data-retry] sends what failed last once more, from its own form or link: all that was typed is still there.
let lost;
const letGo = () => document.querySelectorAll("[data-failure]").forEach((toast) => toast.remove());
for (const failed of ["htmx:error", "htmx:response:error"]) document.addEventListener(failed, ({ detail: { ctx } }) => {
  lost = { from: ctx.sourceElement, by: ctx.request.submitter, type: ctx.sourceEvent?.type };
});
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.response.status < 400 && ctx.sourceElement === lost?.from) letGo();
});
document.addEventListener("click", async ({ target }) => {
  const toast = target.closest("[data-retry]")?.closest("[data-failure]");
  if (!toast || (toast.dataset.failure === "ended" && !(await renewed()))) return;
  letGo();
  if (!lost.from.isConnected) location.reload();
  else if (lost.from.matches("form")) lost.from.requestSubmit(lost.by?.isConnected ? lost.by : null);
  else if (lost.from.matches("a, button")) lost.from.click();
  else lost.type ? lost.from.dispatchEvent(new Event(lost.type, { bubbles: true })) : location.reload();
});
// Forms carry their session's token: whoever signed in anew meanwhile, in another tab, has another.
const renewed = async () => {
  const answer = await fetch(location.href).catch(() => undefined);
  const token = !answer || answer.redirected ? "" : /name="csrf" value="([^"]+)"/.exec(await answer.text())?.[1];
  if (token) for (const field of document.querySelectorAll("input[name=csrf]")) field.value = token;
  return Boolean(token);
};
