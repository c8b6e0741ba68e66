// data-confirm="Вопрос?" on a form or a button: asked in the page's own dialog before it goes. Works with htmx and without.

const dialog = document.getElementById("confirm");
let answer = null;

function ask(question, yes) {
  dialog.querySelector("[data-question]").textContent = question;
  dialog.querySelector("[value='yes']").textContent = yes || "Да";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => (answer = resolve));
}

if (dialog) {
  dialog.addEventListener("close", () => answer?.(dialog.returnValue === "yes"));

  document.addEventListener("htmx:confirm", async (event) => {
    const asking = event.detail.elt.closest("[data-confirm]");
    if (!asking) return;
    event.preventDefault();
    if (await ask(asking.dataset.confirm, asking.dataset.confirmYes)) event.detail.issueRequest(true);
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const asking = event.submitter?.closest("[data-confirm]") ?? form.closest("[data-confirm]");
    const isHtmx = form.hasAttribute("hx-post") || event.submitter?.hasAttribute("hx-post");
    if (!asking || isHtmx || form.dataset.confirmed) return;
    event.preventDefault();
    if (await ask(asking.dataset.confirm, asking.dataset.confirmYes)) {
      form.dataset.confirmed = "1";
      form.requestSubmit(event.submitter);
      delete form.dataset.confirmed;
    }
  });
}
