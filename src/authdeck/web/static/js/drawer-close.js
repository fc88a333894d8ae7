// The drawer's own forms stay in it. Closing it goes back to the list's address, which is asked for anew after a change
// only: htmx, which listens for going back too, sooner or later than this, has nothing to restore then.
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
let closes = false;
document.addEventListener("htmx:before:history:restore", (event) => closes && event.preventDefault());
(window.navigation ?? window).addEventListener(window.navigation ? "navigate" : "popstate", (event) => {
  if ((event.navigationType ?? "traverse") !== "traverse") return;
  closes = drawer.open;
  if (!closes) return;
  const close = () => {
    document.title = drawer.dataset.former ?? document.title;
    drawer.close();
    if (stale) htmx.ajax("GET", location.href, { target: "#main", swap: "innerMorph", headers: { "HX-Target": "main#main" } });
    stale = false;
  };
  event.intercept ? event.intercept({ handler: close }) : close();
});
addEventListener("popstate", () => history.state?.drawer && !drawer.open && location.reload());
