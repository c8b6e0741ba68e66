// The tenant's event stream as DOM events: `live:lead`, `live:message`, `live:notice`, ... with the payload as detail.
// Events carry ids only. While the stream is down the page asks `data-poll-url` instead; `live:state` tells how it stands.

const QUIET_LIMIT = 45_000; // the server pings every 15 s: three missed pings are a dead stream
const POLL_EVERY = 10_000;
const body = document.body;
const banner = document.querySelector("[data-connection]");

let source = null;
let attempts = 0;
let lastHeard = Date.now();
let retryTimer = 0;
let pollTimer = 0;
let pollCursor = document.documentElement.dataset.now;
let state = "connecting";

function setState(next) {
  if (next === state) return;
  const wasDown = state === "polling" || state === "offline";
  state = next;
  if (banner) banner.hidden = next !== "offline";
  document.dispatchEvent(new CustomEvent("live:state", { detail: { state: next } }));
  // Events were missed while the stream was down.
  if (next === "live" && wasDown) document.dispatchEvent(new CustomEvent("live:missed"));
}

function tell(payload) {
  if (!payload || !payload.kind) return;
  document.dispatchEvent(new CustomEvent(`live:${payload.kind}`, { detail: payload }));
  document.dispatchEvent(new CustomEvent("live", { detail: payload }));
}

function heard(event) {
  lastHeard = Date.now();
  if (!event.data) return;
  try {
    tell(JSON.parse(event.data));
  } catch {
    // A line that is not JSON is a ping or a stranger: neither concerns the page.
  }
}

function open() {
  clearTimeout(retryTimer);
  source?.close();
  source = new EventSource(body.dataset.eventsUrl, { withCredentials: true });
  source.onopen = () => {
    attempts = 0;
    lastHeard = Date.now();
    clearTimeout(pollTimer);
    setState("live");
  };
  source.onmessage = heard;
  source.addEventListener("ping", heard);
  source.onerror = retry;
}

function retry() {
  source?.close();
  source = null;
  attempts += 1;
  const wait = Math.min(30_000, 500 * 2 ** Math.min(attempts, 6)) * (0.7 + Math.random() * 0.6);
  clearTimeout(retryTimer);
  retryTimer = setTimeout(open, wait);
  if (attempts >= 2) poll();
}

async function poll() {
  clearTimeout(pollTimer);
  if (source?.readyState === EventSource.OPEN) return;
  const url = body.dataset.pollUrl;
  if (!url) return setState(navigator.onLine ? "polling" : "offline");
  try {
    const answer = await fetch(`${url}?after=${encodeURIComponent(pollCursor)}`, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 401 || answer.status === 403) return location.reload(); // signed out
    if (!answer.ok) throw new Error(String(answer.status));
    const { cursor, events } = await answer.json();
    pollCursor = cursor;
    events.forEach(tell);
    setState("polling");
  } catch {
    setState("offline");
  }
  pollTimer = setTimeout(poll, POLL_EVERY);
}

if (body.dataset.eventsUrl) {
  open();
  setInterval(() => {
    if (source && Date.now() - lastHeard > QUIET_LIMIT) retry();
  }, 5_000);
  addEventListener("online", open);
  addEventListener("offline", () => setState("offline"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !source) open();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}
