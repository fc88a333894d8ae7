// [data-progress]: follows a run by that address's events, moves its bar and figure, and loads the page anew at the end.
const followedRun = document.querySelector("[data-progress]");
if (followedRun) {
  const events = new EventSource(followedRun.dataset.progress);
  const bar = followedRun.querySelector("progress");
  const figure = followedRun.querySelector("[data-progress-done]");
  events.addEventListener("inspection", (event) => {
    const [status, done, total] = event.data.split(" ");
    bar.max = Number(total) || 1;
    bar.value = Number(done);
    figure.textContent = Number(done).toLocaleString(document.documentElement.lang);
    if (status === "queued" || status === "running") return;
    events.close();
    location.reload();
  });
}
