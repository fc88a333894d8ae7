// What htmx could not send, and what no page of ours answered, is said in a toast of the page; all else stays as it was.
const place = () => document.querySelector("dialog[open] .toasts") ?? document.getElementById("toasts");
const letGo = () => document.querySelectorAll("[data-failure]").forEach((toast) => toast.remove());
const say = (why, fill = () => {}) => {
  letGo();
  const toast = document.getElementById("failures")?.content.querySelector(`[data-failure="${why}"]`).cloneNode(true);
  if (toast) fill(toast), place().append(toast);
};
document.addEventListener("htmx:error", () => say("unsent"));
document.addEventListener("htmx:before:response", ({ detail: { ctx } }) => {
  const to = ctx.response.status === 401 && ctx.hx.redirect;
  if (!to) return;
  delete ctx.hx.redirect;
  ctx.hx.reswap = "none";
  say("ended", (toast) => (toast.querySelector("a").href = to));
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status === 401) return;
  if (/^\s*<(?!!doctype|html)/i.test(ctx.text)) return letGo();
  ctx.hx.reswap = "none";
  say("foreign", (toast) => toast.querySelector("[data-status]").append(ctx.response.status));
});
