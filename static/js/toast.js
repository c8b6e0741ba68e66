// Messages that come and go. The server's own arrive as `.toast` elements; scripts dispatch `toast` with {text, level, href}.

const LIFE = { error: 12_000, warning: 9_000, success: 5_000, info: 6_000 };
const box = document.getElementById("toasts");
const pattern = document.getElementById("toast-pattern");

function live(toast) {
  if (toast.dataset.alive) return;
  toast.dataset.alive = "1";
  const level = toast.dataset.level || "info";
  let timer = setTimeout(() => toast.remove(), LIFE[level] ?? LIFE.info);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), 3_000)));
  toast.querySelector("[data-close]")?.addEventListener("click", () => toast.remove());
}

function show({ text, level = "info", href = "" }) {
  const toast = pattern.content.firstElementChild.cloneNode(true);
  toast.dataset.level = level;
  toast.classList.add(`toast--${level}`);
  toast.querySelector("p").textContent = text;
  if (href) toast.querySelector("p").append(" ", Object.assign(document.createElement("a"), { href, textContent: "Открыть" }));
  box.append(toast);
}

if (box) {
  box.querySelectorAll(".toast").forEach(live);
  new MutationObserver(() => box.querySelectorAll(".toast").forEach(live)).observe(box, { childList: true });
  document.addEventListener("toast", (event) => show(event.detail));
  document.addEventListener("htmx:sendError", () => show({ text: "Нет связи с сервером. Ничего не потеряно: повторите через минуту.", level: "error" }));
  document.addEventListener("htmx:timeout", () => show({ text: "Сервер не ответил вовремя. Обновите страницу и проверьте, что действие выполнено.", level: "error" }));
  const refused = (status) => {
    if (status === 401) return location.reload();
    const text =
      status === 403 ? "У вашей роли нет этого права, или вход устарел. Обновите страницу."
      : status === 404 ? "Заявки здесь больше нет: её передали или закрыли. Обновите список."
      : status === 429 ? "Слишком много действий подряд. Подождите минуту и повторите."
      : "Не получилось: ошибка на сервере. Повторите, а если не поможет, сообщите администратору.";
    show({ text, level: "error" });
  };
  document.addEventListener("htmx:responseError", (event) => refused(event.detail.xhr.status));
  document.addEventListener("refused", (event) => refused(event.detail.status));
}
