// Ctrl-K, / or the field [data-find] opens the dialog that finds accounts; arrows choose, Enter opens the first.
// What is typed there before the page could listen is asked for as soon as it can.
const dialog = () => document.getElementById("find");
const open = () => {
  if (!window.htmx || !dialog() || document.querySelector("dialog[open]")) return false;
  dialog().showModal();
  dialog().querySelector("input").select();
  return true;
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
  const asked = (event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing);
  if (asked && open()) event.preventDefault();
  if (!dialog()?.open || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
  const hits = [...dialog().querySelectorAll("#found a")];
  const at = hits.indexOf(document.activeElement);
  if (event.key === "Enter" && at < 0 && hits.length) hits[0].click();
  if (event.key === "Enter" && (at >= 0 || !hits.length)) return;
  event.preventDefault();
  if (event.key !== "Enter") (hits[at + (event.key === "ArrowDown" ? 1 : -1)] ?? dialog().querySelector("input")).focus();
});
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-find]")) open();
  if (event.target === dialog()) dialog().close();
});
document.addEventListener("htmx:after:process", () => {
  const field = dialog()?.querySelector("input");
  if (field?.value) field.dispatchEvent(new Event("input", { bubbles: true }));
}, { once: true });
