// [data-key]: the key that focuses the field or presses the control. Row keys act on the marked row only, and reach into
// its closed menu.
const ofRows = "edilx";
const typing = (target) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "?" && !document.querySelector("dialog[open]:not(#drawer)")) document.getElementById("keys")?.showModal();
  if (document.querySelector("dialog[open]")) return;
  if (!/^[a-z/]$/.test(event.key)) return;
  const selector = `[data-key="${event.key}"]`;
  const rows = document.querySelector("[data-rows]");
  const place = rows && ofRows.includes(event.key) ? rows.querySelector("[data-row].is-cursor") : document;
  const found = [...(place?.querySelectorAll(selector) ?? [])].find((control) => place !== document || control.checkVisibility());
  if (!found) return;
  event.preventDefault();
  const takes = found.matches("input:not([type=checkbox])");
  if (takes) found.select();
  if (takes) found.focus();
  else found.click();
});
