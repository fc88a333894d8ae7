// [data-live]: while the page is seen and not paused, counts what comes in at that address. Rows stay until Show.
let stream, seen, begun;
const place = () => document.querySelector("[data-live]");
const count = (event) => {
  seen = event.lastEventId;
  const news = document.querySelector("[data-live-news]");
  news.dataset.count = Number(news.dataset.count || 0) + Number(event.data);
  news.querySelector("[data-live-count]").textContent = news.dataset.text.replace("{n}", news.dataset.count);
  news.hidden = false;
};
const listen = () => {
  const live = place();
  stream?.close();
  if (!live || document.hidden || live.classList.contains("is-paused")) return;
  const address = new URL(live.dataset.live, location.href);
  address.searchParams.set("after", seen);
  stream = new EventSource(address);
  stream.addEventListener("new", count);
  for (const heard of ["error", "open"]) stream.addEventListener(heard, () => document.dispatchEvent(new Event(`live:${heard}`)));
};
const begin = () => {
  const after = place()?.dataset.after;
  if (after !== undefined && after === begun) return;
  seen = begun = after;
  listen();
};
addEventListener("DOMContentLoaded", begin);
document.addEventListener("htmx:after:swap", begin);
document.addEventListener("visibilitychange", listen);
document.addEventListener("live:turned", listen);
