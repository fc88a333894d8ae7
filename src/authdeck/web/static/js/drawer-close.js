// The drawer's own forms stay in it. Closing it goes back to the list's address, which is asked for anew after a change.
const drawer = document.getElementById("drawer");
let stale = false;
document.addEventListener("htmx:after:swap", () => {
  for (const form of drawer.querySelectorAll("form[data-in-drawer]:not([hx-post])")) {
    for (const [name, value] of [["hx-post", form.getAttribute("action")], ["hx-target", "#drawer"], ["hx-swap", "innerHTML"]]) form.setAttribute(name, value);
    htmx.process(form);
  }
});
const leave = () => ("former" in drawer.dataset ? history.back() : drawer.close());
drawer.addEventListener("close", () => [delete drawer.dataset.wanted, delete drawer.dataset.former]);
drawer.addEventListener("submit", () => (stale = true));
drawer.addEventListener("click", (event) => (event.target === drawer || event.target.closest("[data-close]")) && leave());
drawer.addEventListener("cancel", (event) => [event.preventDefault(), leave()]);
(window.navigation ?? window).addEventListener(window.navigation ? "navigate" : "popstate", (event) => {
  if (!drawer.open || (event.navigationType ?? "traverse") !== "traverse") return;
  event.stopImmediatePropagation();
  const close = () => {
    document.title = drawer.dataset.former ?? document.title;
    drawer.close();
    if (stale) htmx.ajax("GET", location.href, { target: "#main", swap: "innerMorph", headers: { "HX-Target": "main#main" } });
    stale = false;
  };
  event.intercept ? event.intercept({ handler: close }) : close();
}, { capture: true });
addEventListener("popstate", () => history.state?.drawer && !drawer.open && location.reload());
