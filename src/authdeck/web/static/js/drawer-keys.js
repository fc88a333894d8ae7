// Keys of an account: 1-7 its tabs; in the drawer j and k the next and former account of the list, letters their [data-key].
const tab = (digit) => document.querySelector(`#drawer [data-tab="${digit}"]`) ?? document.querySelector(`[data-tab="${digit}"]`);
const step = async (drawer, by) => {
  const links = [...document.querySelectorAll("[data-rows] a[data-open]")];
  const at = links.findIndex((link) => link.pathname === location.pathname);
  const next = at < 0 ? undefined : links[at + by];
  if (!next) return;
  const wanted = Object.assign(document.createElement("a"), { href: next.pathname + location.search, hidden: true });
  wanted.dataset.inDrawer = "";
  drawer.append(wanted);
  wanted.click();
};
document.addEventListener("click", (event) => {
  const by = event.target.closest("#drawer [data-step]")?.dataset.step;
  if (by) step(event.target.closest("#drawer"), Number(by));
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select")) return;
  const drawer = document.querySelector("#drawer[open]");
  if (!drawer && document.querySelector("dialog[open]")) return;
  if (/^[1-7]$/.test(event.key)) tab(event.key)?.click();
  else if (drawer && "jk".includes(event.key)) step(drawer, event.key === "j" ? 1 : -1);
  else if (drawer && /^[a-z]$/.test(event.key)) [...drawer.querySelectorAll(`[data-key="${event.key}"]`)].find((one) => one.checkVisibility())?.click();
});
