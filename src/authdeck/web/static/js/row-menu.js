// [data-menu]: a row's link to its account becomes the list's menu (#row-menu) when it is pressed, or when a key asks for
// something in it. Its words say what fits the row.
const made = (link) => {
  const menu = document.getElementById("row-menu").content.firstElementChild.cloneNode(true);
  const fits = link.dataset.menu.split(" "), account = link.pathname.split("/").pop();
  menu.firstElementChild.setAttribute("aria-label", link.getAttribute("aria-label"));
  for (const part of menu.querySelectorAll("[data-if]")) if (!fits.includes(part.dataset.if)) part.remove();
  for (const part of menu.querySelectorAll("[data-to]"))
    part.setAttribute(part.matches("a") ? "href" : "formaction", part.dataset.to.replace("*", account));
  link.replaceWith(menu);
  return menu;
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-menu]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const menu = made(link);
  menu.open = true;
  menu.firstElementChild.focus();
});
document.addEventListener("keydown", (event) => {
  const link = event.key === "l" && document.querySelector(".is-cursor [data-menu]");
  if (link) made(link);
});
