// [data-opens]: a form whose answer holds a link [data-opened]: it opens in a tab of its own. Where the browser lets no
// tab open, and without scripts, the answer is shown as it is, and the link waits there.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-opens]") || event.defaultPrevented) return;
  event.preventDefault();
  const tab = open("about:blank"); // now, while the click counts; where it leads is known later
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) throw new Error(answer.status);
    const link = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-opened]");
    if (tab && link) {
      tab.opener = null; // the page there is not ours
      tab.location.replace(link.href);
    } else tab?.close();
    location.assign(answer.url);
  } catch {
    tab?.close();
    form.submit(); // the browser shows what was wrong
  }
});
