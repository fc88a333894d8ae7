// [data-drop]: the file field takes files dropped anywhere on it, and names what it holds.
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const names = zone.querySelector("[data-names]");
  const say = () => {
    const files = [...input.files].map((file) => file.name);
    names.textContent = files.length > 6 ? `${files.slice(0, 6).join(", ")} … (${files.length})` : files.join(", ");
  };
  input.addEventListener("change", say);
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
    zone.addEventListener(type, (event) => {
      event.preventDefault();
      zone.classList.toggle("is-over", type.startsWith("drage") || type === "dragover");
      if (type !== "drop") return;
      input.files = event.dataTransfer.files;
      say();
    });
  }
}
