// The chat of a business on any site: <script src=".../widget.js" data-key="..." data-endpoint="https://..." async></script>
// Optional: data-title, data-hello, data-privacy (address of the personal-data policy), data-accent (#rrggbb).
(() => {
  const tag = document.currentScript;
  if (!tag?.dataset.key || window.__leadhubChat) return;
  window.__leadhubChat = true;
  const { key, endpoint = "", title = "Напишите нам", hello = "Здравствуйте! Подскажем цену и запишем на удобное время.", privacy, accent = "#0b6f6a" } = tag.dataset;
  const base = `${endpoint.replace(/\/$/, "")}/hooks/webchat/${encodeURIComponent(key)}`;
  const hex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
  const box = (name) => `leadhub-${key}-${name}`;
  const load = (name, otherwise) => { try { return JSON.parse(localStorage.getItem(box(name))) ?? otherwise; } catch { return otherwise; } };
  const save = (name, value) => { try { localStorage.setItem(box(name), JSON.stringify(value)); } catch { /* no storage: lives until the page closes */ } };

  let visitor = load("visitor", "");
  if (!/^[0-9a-f]{32}$/.test(visitor)) save("visitor", (visitor = hex(16)));
  let unsent = load("unsent", []); // accepted by nobody yet: kept over a reload, each with its own key
  let started = load("started", false);
  let utm = load("utm", {});
  for (const [name, value] of new URLSearchParams(location.search)) if (name.startsWith("utm_") && value) utm[name] = value.slice(0, 200);
  save("utm", utm);
  let last = 0, stream = null, failures = 0, sending = false, isOpen = false, timer = 0;

  const css = new CSSStyleSheet();
  css.replaceSync(`:host{all:initial;--a:${accent}}*{box-sizing:border-box}[hidden]{display:none!important}:focus-visible{outline:3px solid var(--a);outline-offset:2px}
button,textarea{font:inherit;color:inherit}button{cursor:pointer;border:0;background:none}
.launch,.panel{position:fixed;z-index:2147483000;right:16px;bottom:calc(16px + env(safe-area-inset-bottom));font:15px/1.45 system-ui,"Segoe UI",Roboto,sans-serif;color:#162022;box-shadow:0 8px 36px #0005}
.launch{display:flex;align-items:center;gap:8px;height:56px;padding:0 22px;border-radius:28px;font-weight:600}.launch,header,form button{background:var(--a);color:#fff}
i{min-width:20px;border-radius:10px;background:#c2410c;font:700 12px/20px system-ui;text-align:center}
.panel{display:flex;flex-direction:column;width:372px;height:min(600px,100dvh - 32px);border-radius:16px;background:#fff;overflow:hidden}
header{display:flex;align-items:center;padding:8px 8px 8px 18px}b{flex:1;font-size:16px}header button{width:44px;height:44px;font-size:26px;line-height:1}header :focus-visible{outline-color:#fff}
.log,.pending{display:flex;flex-direction:column;gap:8px}.log{flex:1;padding:16px;overflow-y:auto;overscroll-behavior:contain}
.m{max-width:84%;padding:8px 13px;border-radius:14px 14px 14px 4px;background:#eef1f2;white-space:pre-wrap;overflow-wrap:anywhere;align-self:start}small{display:block;font-size:12px;opacity:.8}a{color:inherit}
.me{align-self:end;color:#fff;border-radius:14px 14px 4px;background:var(--a)}.wait{opacity:.7}
.chips{display:flex;flex-wrap:wrap;gap:8px}.chips button{min-height:44px;padding:0 14px;border:1.5px solid var(--a);border-radius:22px;font-weight:500}
.note{padding:6px 16px;color:#566468;font-size:12.5px}.warn{background:#fbf0d6;color:#6b4600}
form{display:flex;align-items:end;gap:8px;padding:10px 12px;border-top:1px solid #dfe4e5}
textarea{flex:1;min-height:44px;max-height:120px;padding:10px 14px;border:1px solid #8a9699;border-radius:14px;background:#fff;font-size:16px;resize:none;field-sizing:content}form button{width:44px;height:44px;border-radius:50%;font-size:18px}
@media(max-width:520px){.panel{inset:0;width:100%;height:100dvh;border-radius:0}}`);

  const make = (name, props = {}, ...children) => {
    const element = Object.assign(document.createElement(name), props);
    element.append(...children);
    return element;
  };
  const host = make("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [css];
  const badge = make("i", { hidden: true });
  const launch = make("button", { className: "launch", type: "button" }, title, badge);
  const close = make("button", { type: "button", textContent: "×", ariaLabel: "Закрыть чат" });
  const log = make("div", { className: "log", role: "log", ariaLive: "polite", tabIndex: 0, ariaLabel: "Сообщения" });
  const typing = make("div", { className: "m", hidden: true, textContent: "печатает…" });
  const chips = make("div", { className: "chips", role: "group", ariaLabel: "Варианты ответа" });
  const trouble = make("div", { className: "note warn", role: "status", hidden: true, textContent: "Нет связи. Сообщение уйдёт само, как только она появится." });
  const consent = make("div", { className: "note" }, "Отправляя сообщение, вы соглашаетесь на ");
  consent.append(privacy ? make("a", { href: privacy, target: "_blank", rel: "noopener", textContent: "обработку персональных данных" }) : "обработку персональных данных", ".");
  const text = make("textarea", { rows: 1, maxLength: 4000, placeholder: "Сообщение", ariaLabel: "Сообщение" });
  const form = make("form", {}, text, make("button", { type: "submit", textContent: "➤", ariaLabel: "Отправить" }));
  const panel = make("section", { className: "panel", role: "dialog", ariaLabel: title, hidden: true }, make("header", {}, make("b", { textContent: title }), close), log, trouble, consent, form);
  root.append(launch, panel);

  function bubble({ author, text: words, at }, waiting) {
    const mine = author === "client";
    const element = make("div", { className: `m${mine ? " me" : ""}${waiting ? " wait" : ""}` });
    // Plain text with links: nothing that arrives is ever read as HTML.
    words.split(/(https?:\/\/[^\s<>"]+)/).forEach((part, index) => element.append(index % 2 ? make("a", { href: part, target: "_blank", rel: "noopener", textContent: part }) : part));
    element.append(make("small", { textContent: waiting ? "отправляется…" : new Date(at).toLocaleTimeString("ru", { hour: "2-digit", minute: "2-digit" }) }));
    return element;
  }

  // New messages are added, none is drawn again: a screen reader says each once.
  const pending = make("div", { className: "pending" });
  let sent = [], newest = null, unread = 0;
  function paint(fresh = [], isTyping = false) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    for (const message of fresh) {
      pending.before(bubble(message));
      newest = message;
      last = message.id;
      if (message.author === "client") sent.shift();
      else if (message.id > load("read", 0)) unread += 1;
    }
    const waiting = [...sent, ...unsent];
    pending.replaceChildren(...waiting.map((words) => bubble({ author: "client", text: words.text }, true)));
    typing.hidden = !isTyping;
    const choices = waiting.length ? [] : newest?.choices ?? [];
    chips.replaceChildren(...choices.map((choice) => make("button", { type: "button", textContent: choice, onclick: () => { say(choice); text.focus(); } })));
    if (atEnd || fresh.length) log.scrollTop = log.scrollHeight;
    if (isOpen) { unread = 0; if (newest) save("read", newest.id); }
    badge.hidden = !unread;
    badge.textContent = unread;
  }

  const again = () => {
    failures += 1;
    trouble.hidden = failures < 2 && navigator.onLine;
    clearTimeout(timer);
    timer = setTimeout(() => { flush(); refresh(); }, Math.min(30000, 800 * 2 ** Math.min(failures, 6)) * (0.7 + Math.random() * 0.6));
  };
  const well = () => { failures = 0; trouble.hidden = true; };

  async function refresh() {
    if (!started) return;
    try {
      const answer = await fetch(`${base}/messages?after=${last}`, { headers: { Authorization: `Bearer ${visitor}` } });
      if (!answer.ok) throw 0; // also 404: the first message is stored, but not worked through yet
      const { messages, typing: isTyping, events } = await answer.json();
      well();
      paint(messages.filter((message) => message.id > last), isTyping);
      listen(events);
    } catch { again(); }
  }

  function listen(url) {
    if (!url || (stream && stream.readyState !== 2)) return;
    stream = new EventSource(url);
    stream.onmessage = stream.onopen = refresh; // opened late: what came meanwhile is fetched
    // The ticket in the address may have run out: a refresh brings a fresh one.
    stream.onerror = () => { stream.close(); again(); };
  }

  async function flush() {
    if (sending || !unsent.length) return;
    sending = true;
    try {
      while (unsent.length) {
        const { client_key, text: words } = unsent[0];
        const answer = await fetch(`${base}/`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ visitor, client_key, text: words, page: location.href, utm }) });
        // Refused for good (400, 413): it must not block those after it. Anything else is tried again.
        if (!answer.ok && answer.status !== 400 && answer.status !== 413) throw 0;
        const taken = unsent.shift();
        if (answer.ok) sent.push(taken); // shown as waiting until the history has it
        save("unsent", unsent);
        save("started", (started = true));
        well();
      }
      refresh();
    } catch { again(); }
    sending = false;
  }

  function say(words) {
    words = words.trim().slice(0, 4000);
    if (!words) return;
    const client_key = crypto.randomUUID?.() ?? hex(16).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    unsent.push({ client_key, text: words });
    save("unsent", unsent);
    paint();
    log.scrollTop = log.scrollHeight;
    flush();
  }

  function toggle(open) {
    isOpen = open;
    panel.hidden = !open;
    launch.hidden = open;
    paint();
    if (!open) return launch.focus();
    log.scrollTop = log.scrollHeight;
    text.focus();
  }

  launch.onclick = () => toggle(true);
  close.onclick = () => toggle(false);
  panel.onkeydown = (event) => { if (event.key === "Escape") toggle(false); }; // an arrow would return false: no key typed
  form.onsubmit = (event) => { event.preventDefault(); say(text.value); text.value = ""; };
  text.onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); } };
  addEventListener("online", () => { flush(); refresh(); });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());

  log.append(bubble({ author: "assistant", text: hello, at: Date.now() }), pending, typing, chips);
  const mount = () => { document.body.append(host); paint(); flush(); refresh(); };
  if (document.body) mount(); else addEventListener("DOMContentLoaded", mount);
})();
