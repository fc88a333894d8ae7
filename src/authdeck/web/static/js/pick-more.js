// [data-pick-invert] turns the page's ticks round; letting go of a row lets go of "all that match"; Escape clears.
const ticks = () => document.querySelectorAll("[data-pick]");
const letGo = () => {
  const all = document.querySelector("[data-pick-all]");
  if (all) all.checked = false;
};
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-pick]") && !event.target.checked) letGo();
  if (!event.target.closest("[data-pick-invert]")) return;
  letGo();
  for (const tick of ticks()) tick.checked = !tick.checked;
  document.dispatchEvent(new Event("change"));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open], details.menu[open], [data-toast]")) return;
  document.querySelector("[data-pick-clear]")?.click();
});
const ready = () => {
  for (const part of document.querySelectorAll("[data-with-script]")) part.hidden = false;
};
document.addEventListener("htmx:after:swap", ready);
ready();
