// The tenant's event stream as DOM events: `live:lead`, `live:message`, `live:notice`, ... with the payload as detail.
// Events carry ids only. While the stream is down the page asks `data-poll-url` instead; `live:state` tells how it stands.

const POLL_EVERY = 10_000;
const LOOK_EVERY = 5_000;
const ASLEEP = 120_000; // a timer this late (hidden pages wait up to 60 s): the machine slept, its connections are dead
const body = document.body;
const banner = document.querySelector("[data-connection]");

let source = null;
let attempts = 0;
let retryTimer = 0;
let pollTimer = 0;
let pollCursor = document.documentElement.dataset.now;
let state = "connecting";
let wasOpen = false;
let lookedAt = Date.now();

function setState(next) {
  if (next === state) return;
  state = next;
  if (banner) banner.hidden = next !== "offline";
  document.dispatchEvent(new CustomEvent("live:state", { detail: { state: next } }));
}

function tell(payload) {
  if (!payload?.kind || payload.kind === "hello") return;
  if (payload.kind === "refetch") return document.dispatchEvent(new CustomEvent("live:missed"));
  document.dispatchEvent(new CustomEvent(`live:${payload.kind}`, { detail: payload }));
  document.dispatchEvent(new CustomEvent("live", { detail: payload }));
}

function heard(event) {
  tell(JSON.parse(event.data));
}

function open() {
  clearTimeout(retryTimer);
  source?.close();
  source = new EventSource(body.dataset.eventsUrl, { withCredentials: true });
  source.onopen = () => {
    attempts = 0;
    clearTimeout(pollTimer);
    setState("live");
    // Between two streams events are missed, and a few between the page and its first stream.
    if (wasOpen) document.dispatchEvent(new CustomEvent("live:missed"));
    else catchUp().catch(() => document.dispatchEvent(new CustomEvent("live:missed")));
    wasOpen = true;
  };
  source.onmessage = heard;
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

async function catchUp() {
  if (!body.dataset.pollUrl) return;
  const answer = await fetch(`${body.dataset.pollUrl}?after=${encodeURIComponent(pollCursor)}`, { headers: { Accept: "application/json" } });
  if (answer.redirected || answer.status === 401) return location.reload(); // signed out
  if (!answer.ok) throw new Error(String(answer.status));
  const { cursor, events } = await answer.json();
  pollCursor = cursor;
  events.forEach(tell);
}

async function poll() {
  clearTimeout(pollTimer);
  if (source?.readyState === EventSource.OPEN) return;
  try {
    await catchUp();
    setState(navigator.onLine ? "polling" : "offline");
  } catch {
    setState("offline");
  }
  pollTimer = setTimeout(poll, POLL_EVERY);
}

if (body.dataset.eventsUrl) {
  open();
  setInterval(() => {
    if (Date.now() - lookedAt > ASLEEP + LOOK_EVERY) open();
    lookedAt = Date.now();
  }, LOOK_EVERY);
  addEventListener("online", open);
  addEventListener("offline", () => setState("offline"));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !source) open();
  });
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}
