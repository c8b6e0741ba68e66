// The inbox alive: rows follow the server without stealing the place under the cursor, the open conversation grows
// without touching what is being typed, the card waits until nobody works in it.

import { keptFresh } from "./fresh.js";

const inbox = document.querySelector("[data-inbox]");
const rowList = () => inbox.querySelector("[data-rows]"); // a filter replaces it
const listPane = inbox?.querySelector("[data-list]");

const openLead = () => Number(document.querySelector("#panes [data-lead]")?.dataset.lead) || null;
const leadOf = (payload) => {
  if (payload.lead || payload.kind === "lead") return Number(payload.lead ?? payload.id);
  const shown = payload.conversation && document.querySelector(`[data-conversation="${Number(payload.conversation)}"]`);
  return shown ? Number(shown.dataset.lead) : null; // not on this page: the lead's own event brings it
};
const pageChanged = () => document.dispatchEvent(new CustomEvent("page:changed"));
const urlFor = (pattern, lead) => pattern.replace(/\/0\//, `/${lead}/`);

function later(work, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

// --- The list ---------------------------------------------------------------------------------------------------

const waiting = new Set(); // leads to ask for
let asking = false;
let orderHeld = false;

const isListInUse = () => matchMedia("(hover: hover)").matches ? listPane.matches(":hover") : listPane.scrollTop > 40;

async function askRows() {
  if (asking) return;
  asking = true;
  while (waiting.size) {
    const lead = waiting.values().next().value;
    waiting.delete(lead);
    try {
      const answer = await fetch(urlFor(inbox.dataset.rowUrl, lead) + location.search, { headers: { "HX-Request": "true" } });
      if (answer.status === 204 || answer.status === 404) dropRow(lead);
      else if (answer.ok && !answer.redirected) putRow(lead, await answer.text());
    } catch {
      break; // no connection: `live:missed` asks for the whole list once it is back
    }
  }
  asking = false;
}

function dropRow(lead) {
  const row = document.getElementById(`lead-${lead}`);
  // The lead being worked on stays in sight until another one is opened.
  if (row && lead === openLead()) row.classList.add("row--closed", "row--leaving");
  else row?.remove();
  pageChanged();
}

// Events were missed: the whole list is asked for and laid over what is shown, row by row.
async function refreshList() {
  const answer = await fetch(inbox.dataset.listUrl + location.search).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = [...page.querySelectorAll("[data-rows] > li")];
  const kept = new Set(fresh.map((row) => row.id));
  // Rows of further pages are not in the answer: only those that stand among its own are gone.
  const end = page.querySelector("#more a") ? Number(fresh.at(-1)?.dataset.rank) : Infinity;
  for (const row of [...rowList().children]) if (!kept.has(row.id) && Number(row.dataset.rank) <= end) dropRow(Number(row.dataset.lead));
  for (const row of fresh) putRow(Number(row.dataset.lead), row.outerHTML);
}

function putRow(lead, html) {
  const fresh = new DOMParser().parseFromString(`<ul>${html}</ul>`, "text/html").querySelector("li");
  if (!fresh) return;
  const old = document.getElementById(`lead-${lead}`);
  fresh.classList.toggle("row--open", lead === openLead());
  document.querySelector("[data-list-empty]")?.remove();
  if (old) {
    const hadFocus = old.contains(document.activeElement);
    old.replaceWith(fresh);
    if (hadFocus) fresh.querySelector("[data-row-link]").focus({ preventScroll: true });
  } else {
    fresh.classList.add("row--new");
    rowList().append(fresh);
  }
  htmx.process(fresh);
  order();
  pageChanged();
}

// Rows go where their rank puts them, but not while somebody points at the list: then a button says that they wait.
function order(atOnce = false) {
  const rows = rowList();
  const current = [...rows.children];
  const wanted = [...current].sort((a, b) => Number(a.dataset.rank) - Number(b.dataset.rank));
  const differs = current.some((row, index) => row !== wanted[index]);
  orderHeld = differs && !atOnce && isListInUse();
  document.querySelector("[data-held-order]").hidden = !orderHeld;
  if (!differs || orderHeld) return;
  const focused = document.activeElement;
  rows.append(...wanted);
  if (rows.contains(focused)) focused.focus({ preventScroll: true });
}

const releaseOrder = () => orderHeld && order(true);

function markOpenRow() {
  const lead = openLead();
  for (const row of [...rowList().children]) {
    const isOpen = Number(row.dataset.lead) === lead;
    if (!isOpen && row.matches(".row--leaving")) {
      row.remove();
      continue;
    }
    row.classList.toggle("row--open", isOpen);
    row.querySelector("[data-row-link]").toggleAttribute("aria-current", isOpen);
  }
}

// --- The open lead ----------------------------------------------------------------------------------------------

let marking = 0; // marks of messages that are on their way
let markedAt = 0; // when the last one was answered
let messagesAreStale = false;

const ofOpenLead = (pattern) => openLead() && urlFor(inbox.dataset[pattern], openLead());

let since = 0; // the first message that is shown to who reads back; 0: the newest are enough

function messagesUrl() {
  const url = ofOpenLead("conversationUrl");
  return url && since ? `${url}?since=${since}` : url;
}

const refreshConversation = keptFresh("messages", messagesUrl, (askedAt) => {
  // Asked for before a mark was set: it may show the mark as it was, and take away what the mark's answer goes into.
  messagesAreStale = marking > 0 || askedAt < markedAt;
  if (messagesAreStale && !marking) refreshOpen(openLead());
  return !messagesAreStale;
});

let cardIsStale = false;
let answersCard = false; // what is swapped in now was asked for by the card's own forms

// Something in it is chosen, typed or about to be: an answer that comes now must not wipe it.
function isCardInUse() {
  if (document.activeElement?.matches("#card :is(input, select, textarea)")) return true;
  return [...document.querySelectorAll("#openings input")].some((input) => input.checked !== input.defaultChecked || input.value !== input.defaultValue);
}

function keepCardInUse(event) {
  if (!isCardInUse()) return;
  event.detail.shouldSwap = false;
  cardIsStale = true;
}

const mayRedrawCard = () => !(cardIsStale = isCardInUse());
const askCard = keptFresh("card", () => ofOpenLead("cardUrl"), mayRedrawCard);
const refreshCard = () => mayRedrawCard() && askCard();

// A card drawn anew is folded as the reader left it.
let folds = { lead: null, open: [], focused: null };

function noteFolds() {
  const card = document.getElementById("card");
  if (!card) return;
  const open = [...card.querySelectorAll("details[open]")].map((details) => details.dataset.fold);
  folds = { lead: openLead(), open, focused: document.activeElement?.closest("#card summary")?.parentElement.dataset.fold };
}

function restoreFolds() {
  if (folds.lead !== openLead()) return;
  for (const details of document.querySelectorAll("#card details")) {
    if (folds.open.includes(details.dataset.fold)) details.open = true;
    if (folds.focused && folds.focused === details.dataset.fold && document.activeElement === document.body) details.firstElementChild.focus({ preventScroll: true });
  }
}

const refreshOpen = later((lead) => {
  if (lead !== openLead()) return;
  refreshConversation();
  refreshCard();
}, 150);

const messagePane = () => document.querySelector("[data-messages-scroll]");
let wasAtBottom = true;
let lastSeen = 0;

function noteScroll() {
  const pane = messagePane();
  if (pane) wasAtBottom = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
}

function notePlaces() {
  noteScroll();
  noteFolds();
}

function settleScroll() {
  const pane = messagePane();
  if (!pane) return;
  const last = Number(document.getElementById("messages")?.dataset.last) || 0;
  const fresh = document.querySelector("[data-new-below]");
  if (wasAtBottom) {
    pane.scrollTop = pane.scrollHeight;
    if (fresh) fresh.hidden = true;
  } else if (fresh && last > lastSeen) fresh.hidden = false;
  lastSeen = last;
}

function startPanes() {
  for (const link of document.querySelectorAll("#toasts a")) if (link.pathname === location.pathname) link.closest(".toast").remove();
  wasAtBottom = true;
  since = 0;
  settleScroll();
  const pane = messagePane();
  pane?.addEventListener("scroll", () => {
    noteScroll();
    if (wasAtBottom) document.querySelector("[data-new-below]")?.setAttribute("hidden", "");
  }, { passive: true });
  markOpenRow();
}

function showPane(name) {
  inbox.dataset.pane = name;
  if (name === "conversation") settleScroll();
}

// --- Composer ---------------------------------------------------------------------------------------------------

const TYPING_LASTS = 16_000; // a little longer than the server remembers it
const TELL_TYPING_EVERY = 8_000;
let typingTimer = 0;
let typingToldAt = 0;

// Colleagues who have the lead open see that it is being answered.
function tellTyping(form) {
  if (!form || Date.now() - typingToldAt < TELL_TYPING_EVERY || form.querySelector("input[name=mode]:checked")?.value === "note") return;
  typingToldAt = Date.now();
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  fetch(form.dataset.typingUrl, { method: "POST", headers: { "X-CSRFToken": token } }).catch(() => {});
}

const draftKey = () => `draft-${openLead()}`;

function restoreDraft() {
  const text = document.querySelector("[data-composer-text]");
  const draft = sessionStorage.getItem(draftKey());
  if (text && draft && !text.value) text.value = draft;
}

function putTemplate(button) {
  const text = document.querySelector("[data-composer-text]");
  if (!text) return;
  text.setRangeText(button.dataset.text, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
  button.closest("[popover]")?.hidePopover();
  text.focus();
}

if (inbox) {
  const refreshCounters = later(keptFresh("counters", () => inbox.dataset.countersUrl + location.search, () => true), 400);

  document.addEventListener("live", (event) => {
    const lead = leadOf(event.detail);
    if (!["lead", "message", "delivery", "task", "appointment"].includes(event.detail.kind)) return;
    if (lead) {
      waiting.add(lead);
      askRows();
      if (lead === openLead()) refreshOpen(lead);
    }
    refreshCounters();
  });
  document.addEventListener("live:notice", (event) => {
    const { staff, lead } = event.detail;
    if (!lead || String(staff) !== document.body.dataset.staff) return;
    const name = document.querySelector(`#lead-${Number(lead)} .row__who > span`)?.textContent;
    const text = name ? `${name}: заявка ждёт вас.` : "Вас ждёт заявка.";
    document.dispatchEvent(new CustomEvent("toast", { detail: { text, level: "warning", href: urlFor(inbox.dataset.conversationUrl, lead) } }));
  });
  document.addEventListener("live:typing", (event) => {
    const { lead, user } = event.detail;
    if (Number(lead) !== openLead() || String(user) === document.body.dataset.user) return;
    refreshConversation();
    clearTimeout(typingTimer);
    typingTimer = setTimeout(refreshConversation, TYPING_LASTS);
  });
  document.addEventListener("live:missed", () => {
    refreshList();
    if (openLead()) refreshOpen(openLead());
    refreshCounters();
  });

  listPane?.addEventListener("pointerleave", releaseOrder);
  document.addEventListener("htmx:beforeRequest", (event) => {
    event.detail.xhr.isMark = event.detail.requestConfig?.verb === "post" && Boolean(event.detail.elt.closest?.(".mark"));
    if (event.detail.xhr.isMark) marking += 1;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig } = event.detail;
    answersCard = Boolean(requestConfig?.verb !== "get" && requestConfig?.elt.closest?.("#card"));
    notePlaces();
  });
  document.addEventListener("fresh:put", notePlaces);
  // A late answer to an act elsewhere (a text sent a moment ago) brings the card along.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.detail.target?.id === "card" && !answersCard) keepCardInUse(event);
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.id === "card") restoreFolds();
    if (event.detail.target?.matches?.(".row")) {
      order();
      markOpenRow();
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.target;
    if (target?.id === "panes") {
      startPanes();
      restoreDraft();
      showPane("conversation");
    } else settleScroll();
    if (event.detail.pathInfo?.requestPath?.includes("before=")) since = Number(document.querySelector("#messages .message").id.split("-")[1]);
    restoreFolds();
    if (target?.closest?.("#rows") || target?.id === "rows") markOpenRow();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches?.("[data-composer]")) return;
    if (form.querySelector("input[name=mode]:checked")?.value === "note") event.detail.path = form.dataset.noteUrl;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches?.("[data-composer]") && event.detail.successful) sessionStorage.removeItem(draftKey());
    if (event.detail.successful) event.detail.elt.closest?.("[popover]:popover-open")?.hidePopover();
    if (event.detail.xhr.isMark) {
      marking -= 1;
      markedAt = performance.now();
      if (!marking && messagesAreStale) refreshOpen(openLead());
    }
  });
  document.addEventListener("focusout", (event) => {
    if (!cardIsStale || !event.target.closest?.("#card")) return;
    setTimeout(() => cardIsStale && refreshCard(), 300);
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-composer-text]")) {
      tellTyping(event.target.form);
      if (event.target.value) sessionStorage.setItem(draftKey(), event.target.value);
      else sessionStorage.removeItem(draftKey());
    }
  });
  document.addEventListener("click", (event) => {
    const template = event.target.closest("[data-template]");
    if (template) return putTemplate(template);
    const pane = event.target.closest("[data-show-pane]");
    if (pane) {
      event.preventDefault();
      showPane(pane.dataset.showPane);
    }
    if (event.target.closest("[data-book]")) document.querySelector("#openings input:not([type=hidden]), #openings select")?.focus();
    if (event.target.closest("[data-held-order]")) releaseOrder();
    if (event.target.closest("[data-new-below]")) {
      wasAtBottom = true;
      settleScroll();
    }
  });
  startPanes();
  restoreDraft();
}
