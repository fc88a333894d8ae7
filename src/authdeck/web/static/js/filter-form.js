// [data-filter-form]: leaves empty fields out of the address, and takes away the button that only scriptless pages need.
// What is typed is waited for until it rests; what is chosen, or was typed before the page could listen, is asked for at
// once.
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
document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-filter-form]");
  if (!form || !window.htmx || !event.target.matches("select, [type=radio], [type=checkbox]")) return;
  event.stopPropagation();
  form.requestSubmit();
}, true);
document.addEventListener("htmx:after:process", () => {
  for (const form of document.querySelectorAll("[data-filter-form]"))
    if ([...form.querySelectorAll("[type=search]")].some((field) => field.value !== field.defaultValue)) form.requestSubmit();
}, { once: true });
tidy();
