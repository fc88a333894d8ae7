// [data-drop]: its file field takes files and folders dropped anywhere on it, and names what it holds.
const inside = async (entry) => {
  if (entry.isFile) return [await new Promise((take, fail) => entry.file(take, fail))];
  const reader = entry.createReader(), found = [];
  for (let some; (some = await new Promise((take, fail) => reader.readEntries(take, fail))).length; ) found.push(...some);
  const wanted = found.filter((one) => one.isDirectory || /^[^.].*\.(json|zip|age)$/i.test(one.name));
  return (await Promise.all(wanted.map(inside))).flat();
};
const dropped = async (transfer) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return entries.some((entry) => entry.isDirectory) ? (await Promise.all(entries.map(inside))).flat() : [...transfer.files];
};
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const say = () => {
    const files = [...input.files].map((file) => file.name);
    zone.querySelector("[data-names]").textContent = files.length > 6 ? `${files.slice(0, 6).join(", ")} … (${files.length})` : files.join(", ");
  };
  input.addEventListener("change", say);
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) zone.addEventListener(type, async (event) => {
    event.preventDefault();
    zone.classList.toggle("is-over", type === "dragenter" || type === "dragover");
    if (type !== "drop") return;
    const held = new DataTransfer();
    for (const file of await dropped(event.dataTransfer)) held.items.add(file);
    input.files = held.files;
    say();
  });
}
