// [data-follow]: listens to that address's events and loads the page anew when what it shows has changed.
const followed = document.querySelector("[data-follow]");
if (followed) {
  const events = new EventSource(followed.dataset.follow);
  let first;
  events.addEventListener("login", (event) => {
    first ??= event.data;
    if (event.data === "pending" && event.data === first) return;
    events.close();
    location.reload();
  });
}
