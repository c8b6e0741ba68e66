// «Правила»: order of the cards, where the keyboard goes on, the place of an error in the text, a word before leaving.
const form = document.getElementById("rules-form");
const cards = document.getElementById("rules-cards");
const source = () => document.getElementById("rules-source");

// --- Order -----------------------------------------------------------------------------------------------------------

function say(text) {
  const said = document.getElementById("rules-said");
  said.textContent = text;
  said.classList.remove("rules-said--wrong");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { document.getElementById("rules-said").textContent = ""; }, 4000);
}

function changed() {
  cards.dispatchEvent(new Event("change", { bubbles: true }));
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  const card = button.closest(".rule");
  const isUp = button.dataset.move === "up";
  const other = isUp ? card.previousElementSibling : card.nextElementSibling;
  if (!other?.classList.contains("rule")) return;
  if (isUp) other.before(card);
  else other.after(card);
  button.focus();
  const place = [...cards.querySelectorAll(".rule")].indexOf(card) + 1;
  say(`Теперь ${place}-е в списке`);
  changed();
});

let dragged = null;
cards.addEventListener("mousedown", (event) => {
  if (event.target.closest("[data-grip]")) event.target.closest(".rule").draggable = true;
});
cards.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".rule");
  dragged?.classList.add("is-dragged");
});
cards.addEventListener("dragover", (event) => {
  const over = event.target.closest(".rule");
  if (!dragged || !over) return;
  event.preventDefault();
  if (over === dragged) return;
  const { top, height } = over.getBoundingClientRect();
  if (event.clientY > top + height / 2) over.after(dragged);
  else over.before(dragged);
});
cards.addEventListener("drop", (event) => event.preventDefault());
cards.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.draggable = false;
  dragged.classList.remove("is-dragged");
  dragged = null;
  changed();
});

// --- The place of an error ---------------------------------------------------------------------------------------------

function at(text, line, column) {
  const rows = text.split("\n");
  return rows.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0) + column - 1;
}

function mark() {
  const text = source().value;
  const marks = document.getElementById("rules-marks");
  marks.textContent = "";
  let from = 0;
  for (const { dataset } of document.querySelectorAll("#rules-status .rules-error")) {
    const start = Math.min(at(text, Number(dataset.line), Number(dataset.column)), text.length);
    if (start < from) continue;
    const word = /^(?:"[^"\n]*"?|[^\s]+)/.exec(text.slice(start))?.[0] ?? "";
    const piece = document.createElement("mark");
    piece.textContent = word || " ";
    marks.append(text.slice(from, start), piece);
    from = start + word.length;
  }
  marks.append(text.slice(from), "\n");
  marks.scrollTop = source().scrollTop;
  if (!source().readOnly) cards.inert = document.querySelector("#rules-status[data-text-wrong]") !== null;
}

form.addEventListener("click", (event) => {
  const error = event.target.closest(".rules-error");
  if (!error) return;
  const start = at(source().value, Number(error.dataset.line), Number(error.dataset.column));
  source().focus();
  source().setSelectionRange(start, start);
});
form.addEventListener("input", (event) => {
  if (event.target === source()) mark();
  event.target.removeAttribute("aria-invalid");
});
form.addEventListener("scroll", (event) => {
  if (event.target === source()) document.getElementById("rules-marks").scrollTop = source().scrollTop;
}, true);

// --- What is typed while the server answers stays -------------------------------------------------------------------

const typed = (card) => [...card.querySelectorAll("input:not([type]), textarea")];
let asked = new Map();
let late = [];
form.addEventListener("htmx:beforeSend", () => {
  asked = new Map(typed(cards).map((field) => [field.id, field.value]));
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const what = event.detail.requestConfig?.parameters.what;
  const isSame = event.detail.target.matches(".rule") && (what === "refresh" || what?.startsWith("add_"));
  late = isSame ? typed(event.detail.target).filter((field) => asked.get(field.id) !== field.value) : [];
});
document.addEventListener("htmx:afterSwap", () => {
  for (const { id, value } of late) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  late = [];
});

// --- After the server's answer -----------------------------------------------------------------------------------------

document.addEventListener("htmx:afterSwap", (event) => {
  const shown = event.detail.target === cards ? cards.querySelector(".rule:last-of-type") : event.detail.elt;
  const place = shown?.matches?.(".rule") ? [...shown.querySelectorAll("[data-go-on]")].pop() : null;
  place?.focus({ preventScroll: event.detail.target !== cards });
});
document.addEventListener("htmx:afterSettle", mark);
document.addEventListener("htmx:oobAfterSwap", mark);
for (const failure of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(failure, () => say("Не получилось: нет связи с сервером. Введённое на месте, попробуйте ещё раз."));
}

// --- Leaving -----------------------------------------------------------------------------------------------------------

let isDirty = form.hasAttribute("data-dirty");
for (const kind of ["input", "change", "htmx:afterRequest"]) form.addEventListener(kind, () => { isDirty = true; });
form.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
  else isDirty = false;
});
addEventListener("beforeunload", (event) => {
  if (isDirty) event.preventDefault();
});

mark();
