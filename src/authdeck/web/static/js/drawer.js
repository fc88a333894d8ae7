// A list's [data-open] opens its page in the drawer; [data-in-drawer] stays in it. The address is always the page's own.
const drawer = Object.assign(document.createElement("dialog"), { id: "drawer", className: "drawer" });
document.body.append(drawer), drawer.setAttribute("aria-labelledby", "drawer-title");
const at = (target, swap) => ({ target: target.replace(/^[a-z]+/, ""), swap, headers: { "HX-Target": target } });
let title = "", stale = false;
document.addEventListener("click", async (event) => {
  const link = event.target.closest(drawer.open ? "#drawer a[data-in-drawer]" : "[data-rows] a[data-open][href^='/auth-files/']");
  if (!link || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!drawer.open) title = document.title;
  await htmx.ajax("GET", link.getAttribute("href"), at("dialog#drawer", "innerHTML"));
  history[drawer.open ? "replaceState" : "pushState"]({ drawer: true }, "", link.href);
  if (!drawer.open && drawer.querySelector("#drawer-title")) drawer.showModal();
});
document.addEventListener("htmx:after:swap", () => {
  for (const form of drawer.querySelectorAll("form[data-in-drawer]:not([hx-post])")) {
    for (const [name, value] of [["hx-post", form.getAttribute("action")], ["hx-target", "#drawer"], ["hx-swap", "innerHTML"]]) form.setAttribute(name, value);
    htmx.process(form);
  }
});
drawer.addEventListener("submit", () => (stale = true));
drawer.addEventListener("click", (event) => (event.target === drawer || event.target.closest("[data-close]")) && history.back());
drawer.addEventListener("cancel", (event) => [event.preventDefault(), history.back()]);
(window.navigation ?? window).addEventListener(window.navigation ? "navigate" : "popstate", (event) => {
  if (!drawer.open || (event.navigationType ?? "traverse") !== "traverse") return;
  event.stopImmediatePropagation();
  const close = () => [drawer.close(), (document.title = title), stale && htmx.ajax("GET", location.href, at("main#main", "innerMorph")), (stale = false)];
  event.intercept ? event.intercept({ handler: close }) : close();
}, { capture: true });
addEventListener("popstate", () => history.state?.drawer && !drawer.open && location.reload());
