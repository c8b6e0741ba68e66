// The try-out console: the talk stands at its end, the next message can be typed at once; checks run one after another.

let isOpen = null; // the settings, as the reader left them

function settle() {
  const log = document.querySelector("[data-log]");
  if (log) log.scrollTop = log.scrollHeight;
}

// On a phone the settings give their room to the talk once it began.
function fold() {
  const settings = document.querySelector("[data-settings]");
  if (!settings) return;
  settings.open = isOpen ?? (matchMedia("(min-width: 1100px)").matches || !document.querySelector(".tryout__mine"));
  settings.querySelector("summary").addEventListener("click", () => (isOpen = !settings.open));
}

document.addEventListener("htmx:afterSwap", fold);

// On a phone, who asks for the reading is led to it.
document.addEventListener("click", (event) => {
  const pane = document.getElementById("pane-why");
  if (pane && event.target.closest("button[value^='look:']")) pane.checked = true;
});
document.addEventListener("htmx:afterSettle", (event) => {
  sum();
  if (event.detail.target?.id !== "console") return;
  settle();
  const write = document.querySelector("[data-write]");
  if (write && matchMedia("(pointer: fine)").matches && event.detail.requestConfig?.parameters?.act !== "set") write.focus();
});

// A saved talk's dialog closes by itself.
document.addEventListener("htmx:afterRequest", (event) => {
  const dialog = event.target.dataset?.closes;
  if (dialog && event.detail.successful) document.getElementById(dialog)?.hidePopover();
});

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-run-all]")) return;
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  for (const id of [...document.querySelectorAll(".saved__item")].map((item) => item.id)) {
    const form = document.querySelector(`#${id} [data-run]`);
    if (form) await htmx.ajax("POST", form.action, { source: form, target: `#${id}`, swap: "outerHTML" });
    sum();
  }
  button.disabled = false;
});

function sum() {
  const told = document.querySelector("[data-sum]");
  const items = [...document.querySelectorAll(".saved__item")];
  const bad = items.filter((item) => item.dataset.state === "bad").length;
  const good = items.filter((item) => item.dataset.state === "good").length;
  if (told) told.textContent = `Сходится: ${good} из ${items.length}${bad ? `, изменилось: ${bad}` : ""}`;
}

fold();
settle();
if (document.querySelector("[data-sum]")) sum();
