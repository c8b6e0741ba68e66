// <time datetime="..." data-relative> turns by itself: «2 мин назад», «в 12:03», «вчера в 12:03», «14 марта».
// Zone and now are the server's: <html data-zone data-now>.

const root = document.documentElement;
const zone = root.dataset.zone || undefined;
const ahead = root.dataset.now ? Date.parse(root.dataset.now) - Date.now() : 0;
const clock = new Intl.DateTimeFormat("ru", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("ru", { timeZone: zone, day: "numeric", month: "short" });
const dayYear = new Intl.DateTimeFormat("ru", { timeZone: zone, day: "numeric", month: "short", year: "numeric" });
const dayKey = new Intl.DateTimeFormat("sv", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
const DAY = 86_400_000;

function worded(moment, now) {
  const minutes = Math.round((now - moment) / 60_000);
  if (Math.abs(minutes) < 1) return "только что";
  if (minutes > 0 && minutes < 60) return `${minutes}\u00a0мин назад`;
  if (minutes < 0 && minutes > -60) return `через ${-minutes}\u00a0мин`;
  const key = dayKey.format(moment);
  if (key === dayKey.format(now)) return minutes > 0 ? `в ${clock.format(moment)}` : `сегодня в ${clock.format(moment)}`;
  if (key === dayKey.format(now - DAY)) return `вчера в ${clock.format(moment)}`;
  if (key === dayKey.format(now + DAY)) return `завтра в ${clock.format(moment)}`;
  if (minutes < 0) return `${day.format(moment)} в ${clock.format(moment)}`;
  return key.slice(0, 4) === dayKey.format(now).slice(0, 4) ? day.format(moment) : dayYear.format(moment);
}

function turn() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = worded(Date.parse(element.dateTime), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

turn();
setInterval(turn, 15_000);
document.addEventListener("htmx:afterSettle", turn);
document.addEventListener("page:changed", turn);
