// [data-follow]: listens to that address's events and loads the page anew when its [data-stage] is the past.
const followed = document.querySelector("[data-follow]");
if (followed) {
  const events = new EventSource(followed.dataset.follow);
  events.addEventListener("login", (event) => {
    if (event.data === followed.dataset.stage) return;
    events.close();
    location.reload();
  });
}
