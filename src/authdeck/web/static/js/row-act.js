// [data-here]: what a row's button sends leaves the page where it is; the answer takes the row's place.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.matches("[data-here]") || !window.htmx) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target, button));
  htmx.ajax("POST", button.getAttribute("formaction"), { source: button, target: button.closest("[data-row]"), swap: "outerHTML", values });
});
