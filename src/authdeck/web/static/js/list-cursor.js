// [data-rows]: j and k move a mark along its [data-row]s, Enter opens the marked one's [data-open]. A row that is
// replaced keeps its mark.
let marked = "";
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
  marked = next.id;
  next.classList.add("is-cursor");
  next.scrollIntoView({ block: "nearest" });
});
document.addEventListener("htmx:after:swap", () => {
  if (!document.querySelector("[data-row].is-cursor")) document.getElementById(marked)?.classList.add("is-cursor");
});
