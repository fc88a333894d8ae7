// [data-rows]: j and k move a mark along its [data-row]s, Enter opens the marked one's [data-open].
const busy = (event) =>
  event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), textarea, select") || document.querySelector("dialog[open]");
document.addEventListener("keydown", (event) => {
  if (busy(event) || !["j", "k", "Enter"].includes(event.key)) return;
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")];
  const at = rows.findIndex((row) => row.classList.contains("is-cursor"));
  if (event.key === "Enter") {
    if (at >= 0 && !event.target.matches("a, button, summary")) rows[at].querySelector("[data-open]")?.click();
    return;
  }
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
  if (!next) return;
  rows[at]?.classList.remove("is-cursor");
  next.classList.add("is-cursor");
  next.scrollIntoView({ block: "nearest" });
});
