// [data-copy]: copies what it gives, else its own text, and says so in place for a moment. Without a clipboard the text
// can still be selected.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || button.dataset.busy) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy || button.textContent);
  } catch {
    return;
  }
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  button.dataset.busy = "yes";
  use?.setAttribute("href", "#i-check");
  const said = document.createElement("span");
  said.className = "sr";
  said.role = "status";
  said.textContent = button.closest("[data-copied]")?.dataset.copied ?? "";
  button.append(said);
  setTimeout(() => {
    use?.setAttribute("href", before);
    said.remove();
    delete button.dataset.busy;
  }, 1500);
});
