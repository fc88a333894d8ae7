// A list's [data-open] opens its page in the drawer; [data-in-drawer] stays in it. The address is always the page's own.
// What does not come at once is awaited in the open drawer; what does not come at all leaves everything as it was.
const drawer = Object.assign(document.createElement("dialog"), { id: "drawer", className: "drawer" });
document.body.append(drawer), drawer.setAttribute("aria-labelledby", "drawer-title");
let came;
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => ctx.target === drawer && (came = ctx.response.status < 400));
document.addEventListener("click", (event) => {
  const link = event.target.closest(drawer.open ? "#drawer a[data-in-drawer]" : "[data-rows] a[data-open][href^='/auth-files/']");
  if (!link || !window.htmx || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link, !drawer.open, document.title);
});
const open = async (link, opens, title) => {
  const waits = opens && setTimeout(wait, 200, link.textContent);
  drawer.dataset.wanted = link.href, came = false;
  link.setAttribute("hx-sync", "#drawer:replace");
  await htmx.ajax("GET", link.getAttribute("href"), { target: "#drawer", swap: "innerHTML", headers: { "HX-Target": "dialog#drawer" }, source: link });
  clearTimeout(waits);
  if (drawer.dataset.wanted !== link.href) return;
  if (!came) return opens && drawer.close();
  if (opens) drawer.dataset.former = title;
  history[opens ? "pushState" : "replaceState"]({ drawer: true }, "", link.href);
  drawer.open ? opens && drawer.querySelector("#drawer-title").focus() : drawer.showModal();
};
const wait = (name) => {
  drawer.replaceChildren(document.getElementById("drawer-waits").content.cloneNode(true));
  drawer.querySelector("#drawer-title").textContent = name, drawer.showModal();
};
