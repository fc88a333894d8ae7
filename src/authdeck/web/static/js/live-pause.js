// [data-live-pause]: the button that pauses [data-live]; so does Space.
let isPaused = false;
const show = () => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  live.textContent = isPaused ? live.dataset.paused : live.dataset.on;
  live.classList.toggle("is-paused", isPaused);
  const button = document.querySelector("[data-live-pause]");
  button.hidden = false;
  button.setAttribute("aria-pressed", isPaused);
};
const turn = () => {
  isPaused = !isPaused;
  show();
  document.dispatchEvent(new Event("live:turned"));
};
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
