// [data-pick]: Shift-click takes the range; [data-pick-page] ticks and shows the whole page; Escape lets go of all.
const picks = () => [...document.querySelectorAll("[data-pick]")];
let last = null;
const show = () => {
  const page = document.querySelector("[data-pick-page]");
  if (!page) return;
  const ticked = picks().filter((pick) => pick.checked).length;
  page.hidden = false;
  page.checked = ticked > 0 && ticked === picks().length;
  page.indeterminate = ticked > 0 && !page.checked;
};
document.addEventListener("click", (event) => {
  const all = picks();
  const at = all.indexOf(event.target);
  if (at >= 0) {
    const from = event.shiftKey ? all.indexOf(last) : -1;
    if (from >= 0) for (const pick of all.slice(Math.min(at, from), Math.max(at, from) + 1)) pick.checked = event.target.checked;
    last = event.target;
  } else if (event.target.matches("[data-pick-page]")) {
    for (const pick of all) pick.checked = event.target.checked;
  }
  show();
});
for (const when of ["change", "reset", "htmx:after:swap"]) document.addEventListener(when, () => setTimeout(show));
addEventListener("pageshow", show);
