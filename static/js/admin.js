// «Копировать» beside addresses and codes of the admin.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Скопировано";
  } catch {
    getSelection().selectAllChildren(code); // no clipboard without https: it is marked, Ctrl+C takes it
    button.textContent = "Выделено: Ctrl+C";
  }
});
