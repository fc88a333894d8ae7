// [data-live-pause]: the button that pauses [data-live]; so does Space. What is not connected says so.
let isPaused = false, isLost = false;
const show = () => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  live.textContent = isPaused ? live.dataset.paused : isLost ? live.dataset.lost : live.dataset.on;
  live.classList.toggle("is-paused", isPaused);
  live.classList.toggle("is-lost", isLost && !isPaused);
  const button = document.querySelector("[data-live-pause]");
  button.hidden = false;
  button.setAttribute("aria-pressed", isPaused);
};
const turn = () => {
  isPaused = !isPaused;
  show();
  document.dispatchEvent(new Event("live:turned"));
};
for (const heard of ["error", "open"]) document.addEventListener(`live:${heard}`, () => [(isLost = heard === "error"), show()]);
addEventListener("DOMContentLoaded", show);
document.addEventListener("htmx:after:swap", show);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-live-pause]")) turn();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target !== document.body || !document.querySelector("[data-live]")) return;
  event.preventDefault();
  turn();
});
