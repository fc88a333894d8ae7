// [data-key]: the key that focuses the field or presses the control. Row keys (e, d, x, i) act on the marked row only.
const typing = (target) => target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    document.getElementById("keys")?.showModal();
    return;
  }
  if (!/^[a-z/]$/.test(event.key)) return;
  const selector = `[data-key="${event.key}"]`;
  const rows = document.querySelector("[data-rows]");
  const place = rows && "edxi".includes(event.key) ? rows.querySelector("[data-row].is-cursor") : document;
  const found = [...(place?.querySelectorAll(selector) ?? [])].find((control) => control.checkVisibility());
  if (!found) return;
  event.preventDefault();
  const takes = found.matches("input:not([type=checkbox])");
  if (takes) found.select();
  if (takes) found.focus();
  else found.click();
});
