// data-copy="text" on a button: into the clipboard; without its help the field beside is selected. data-print: prints.

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-print]")) return window.print();
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: "Ссылка скопирована.", level: "success" } }));
  } catch {
    const field = button.parentElement.querySelector("input");
    field?.select();
    const done = field && document.execCommand("copy");
    document.dispatchEvent(new CustomEvent("toast", { detail: { text: done ? "Ссылка скопирована." : "Ссылка выделена: скопируйте её." } }));
  }
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches?.(".campaign__copy input")) event.target.select();
});
