// The grid of the responsibility matrix: said at once what the server would refuse, and walked by keyboard.
// Without this script the server says the same on saving.
const table = document.querySelector("[data-matrix]");
const form = document.getElementById("matrix-form");
const cells = [...table.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("select")]);

const roles = Object.fromEntries(
  [...table.querySelectorAll("thead [data-role]")].map((head) => [
    head.dataset.role,
    { title: head.dataset.title, people: Number(head.dataset.people) },
  ]),
);

function wrongOf(row) {
  const letters = row.map((cell) => cell.value).filter(Boolean);
  if (!letters.length) return ["этап не заполнен: нужны A и хотя бы один R"];
  const wrong = [];
  if (letters.filter((letter) => letter === "A").length !== 1) wrong.push("должен быть ровно один A");
  else if (row.some((cell) => cell.value === "A" && cell.dataset.role === "assistant"))
    wrong.push("A должен быть человеком, а не ассистентом");
  if (!letters.includes("R")) wrong.push("должен быть хотя бы один R");
  return wrong;
}

function doubtsOf(row) {
  const doubts = row
    .filter((cell) => cell.value && roles[cell.dataset.role].people === 0)
    .map((cell) => `${cell.value} — ${roles[cell.dataset.role].title}, но таких сотрудников нет`);
  const doers = row.filter((cell) => cell.value === "R");
  if (doers.length === 1 && doers[0].dataset.role === "assistant")
    doubts.push("R — один ассистент: когда нужен человек, заявка идёт менеджеру или A");
  return doubts;
}

function line(text, kind) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

function tell(row) {
  const wrong = wrongOf(row);
  const place = row[0].closest("tr");
  place.classList.toggle("mx__wrong", wrong.length > 0);
  for (const cell of row) {
    cell.parentElement.dataset.letter = cell.value;
    const clashes = cell.value === "A" && row.filter((other) => other.value === "A").length > 1;
    cell.parentElement.classList.toggle("mx__clash", clashes);
    cell.setAttribute("aria-invalid", String(clashes));
  }
  place
    .querySelector("[data-told]")
    .replaceChildren(
      ...wrong.map((text) => line(text, "lh-error")),
      ...doubtsOf(row).map((text) => line(text, "lh-help")),
    );
  return wrong.length > 0;
}

function check() {
  const wrong = cells.filter((row) => row.length && tell(row)).length;
  const sum = document.querySelector("[data-sum]");
  if (sum) sum.textContent = wrong ? `Не сохранится: отмеченных строк ${wrong}` : "";
  const button = form.querySelector("button[type=submit]");
  if (button) button.classList.toggle("mx-blocked", wrong > 0); // it still can be pressed: it leads to what is wrong
  return wrong === 0;
}

function put(cell, letter) {
  cell.value = letter;
  cell.dispatchEvent(new Event("change", { bubbles: true }));
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const LETTERS = { KeyR: "R", KeyA: "A", KeyC: "C", KeyI: "I", Delete: "", Backspace: "" };

function press(event) {
  if (event.target.tagName !== "SELECT" || event.ctrlKey || event.altKey || event.metaKey) return;
  const y = cells.findIndex((row) => row.includes(event.target));
  const x = cells[y].indexOf(event.target);
  if (event.code in STEPS) {
    const [down, right] = STEPS[event.code];
    const next = cells[y + down]?.[x + right];
    if (next) next.focus();
    event.preventDefault(); // the browser's own arrows would change the letter
  } else if (event.code in LETTERS) {
    put(event.target, LETTERS[event.code]);
    event.preventDefault();
  }
}

if (cells.some((row) => row.length)) {
  table.addEventListener("change", check);
  table.addEventListener("keydown", press);
  form.addEventListener("submit", (event) => {
    if (check()) return;
    event.preventDefault();
    const place = table.querySelector(".mx__wrong");
    place.scrollIntoView({ block: "center" });
    place.querySelector("select").focus({ preventScroll: true });
  });
  check();
}
