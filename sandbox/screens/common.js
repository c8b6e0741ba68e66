// Small helpers of the sandbox pages. Everything shown goes through textContent.

export function make(tag, options = {}, ...children) {
  const { attributes = {}, ...properties } = options;
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(`/_control/${path}`, options);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error || `Ошибка ${answer.status}`);
  return told;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("ru-RU");
}

export function moment(told) {
  return told ? new Date(told).toLocaleString("ru-RU", { dateStyle: "short", timeStyle: "short" }) : "";
}

// Calls `look` now and every `pause` ms after it has ended; says so when the sandbox does not answer.
export async function watch(look, pause = 1000) {
  const state = document.getElementById("state");
  for (;;) {
    try {
      await look();
      state.textContent = "";
    } catch (error) {
      state.textContent = `Песочница не отвечает: ${error.message}`;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

export function fill(body, rows, columns) {
  body.replaceChildren(...rows.map((row) => make("tr", {}, ...columns.map((column) => {
    const told = column(row);
    return told instanceof Node ? make("td", {}, told) : make("td", { className: "words", textContent: told ?? "" });
  }))));
  if (!rows.length) {
    body.append(make("tr", {}, make("td", { className: "soft", colSpan: columns.length, textContent: "Пока пусто" })));
  }
}
