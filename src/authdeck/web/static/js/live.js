// [data-live]: while the page is seen, counts what comes in at that address. Rows move only when somebody says Show.
let stream, seen, isPaused = false;
const place = () => document.querySelector("[data-live]");
const listen = () => {
  const live = place();
  stream?.close();
  if (!live) return;
  const button = document.querySelector("[data-live-pause]");
  live.textContent = isPaused ? live.dataset.paused : live.dataset.on;
  live.classList.toggle("is-paused", isPaused);
  button.hidden = false;
  button.setAttribute("aria-pressed", isPaused);
  if (isPaused || document.hidden) return;
  const address = new URL(live.dataset.live, location.href);
  address.searchParams.set("after", seen);
  stream = new EventSource(address);
  stream.addEventListener("new", (event) => {
    seen = event.lastEventId;
    const news = document.querySelector("[data-live-news]");
    const count = Number(news.dataset.count || 0) + Number(event.data);
    news.dataset.count = count;
    news.querySelector("[data-live-count]").textContent = news.dataset.text.replace("{n}", count);
    news.hidden = false;
  });
};
const begin = () => {
  seen = place()?.dataset.after;
  listen();
};
const pause = () => {
  isPaused = !isPaused;
  listen();
};
addEventListener("DOMContentLoaded", begin);
document.addEventListener("visibilitychange", listen);
document.addEventListener("htmx:after:swap", (event) => {
  if (place()?.dataset.after !== seen || !stream) begin();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-live-pause]")) pause();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !place() || event.target !== document.body) return;
  event.preventDefault();
  pause();
});
