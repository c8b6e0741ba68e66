// [data-clock data-due="ISO" data-budget="seconds"]: time left and a bar that empties. Late is told by a class and in words.

const root = document.documentElement;
const ahead = root.dataset.now ? Date.parse(root.dataset.now) - Date.now() : 0;
const hour = new Intl.DateTimeFormat("ru", { timeZone: root.dataset.zone || undefined, hour: "2-digit", minute: "2-digit" });

function worded(seconds, due) {
  const whole = Math.abs(Math.trunc(seconds));
  const sign = seconds < 0 ? "\u2212" : "";
  if (whole < 3600) return `${sign}${Math.trunc(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  if (seconds > 0) return `до ${hour.format(due)}`;
  const hours = Math.trunc(whole / 3600);
  return hours < 24 ? `${sign}${hours}\u00a0ч` : `${sign}${Math.trunc(hours / 24)}\u00a0д`;
}

function tick() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("[data-clock]")) {
    const due = Date.parse(element.dataset.due);
    const budget = Number(element.dataset.budget);
    const left = (due - now) / 1000;
    const text = element.querySelector("[data-clock-left]");
    const bar = element.querySelector("progress");
    const words = worded(left, due);
    if (text.textContent !== words) text.textContent = words;
    bar.value = Math.max(0, Math.min(budget, left));
    element.classList.toggle("sla-clock--late", left < 0);
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("htmx:afterSettle", tick);
document.addEventListener("page:changed", tick);
