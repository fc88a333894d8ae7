// [data-filter-form]: leaves empty fields out of the address, and takes away the button that only scriptless pages need.
const tidy = () => {
  if (!window.htmx) return;
  for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;
};
addEventListener("DOMContentLoaded", tidy);
document.addEventListener("htmx:after:swap", tidy);
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-filter-form]")) return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
tidy();
