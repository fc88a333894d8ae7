// .tabs: where they don't all fit, the current one is in sight.
const reveal = () => {
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) {
    const strip = tab.parentElement, past = tab.getBoundingClientRect().right - strip.getBoundingClientRect().right;
    if (past > 0) strip.scrollLeft += past + 24;
  }
};
addEventListener("DOMContentLoaded", reveal);
document.addEventListener("htmx:after:swap", reveal);
