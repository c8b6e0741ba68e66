import { ask, clock, make, watch } from "./common.js";

const find = (id) => document.getElementById(id);
const bots = find("bot");
const talk = find("talk");
const asked = new URLSearchParams(location.search);
let client = asked.get("client") ? Number(asked.get("client")) : null;
let newcomer = "";
let printed = "";

function chooseBots(known) {
  const wanted = bots.value || asked.get("bot") || "";
  const listed = known.map((bot) => `${bot.id} ${bot.name}`).join();
  if (bots.dataset.listed !== listed) {
    bots.dataset.listed = listed;
    bots.replaceChildren(...known.map((bot) => make("option", { value: bot.id, textContent: `${bot.name} (@${bot.username})` })));
    if (known.some((bot) => String(bot.id) === wanted)) bots.value = wanted;
  }
  const bot = known.find((one) => String(one.id) === bots.value);
  find("hook").textContent = !bot ? "Ботов пока нет: они появятся, когда программа подключит канал."
    : bot.webhook_url ? bot.error : "Бот не подключён: обновления ждут.";
}

function buttons(row) {
  const lines = row.message.reply_markup?.inline_keyboard || [];
  return lines.flat().map((button) => make("button", {
    type: "button",
    textContent: button.text,
    onclick: () => button.url ? window.open(button.url, "_blank", "noopener")
      : say({ callback: { message_id: row.message.message_id, data: button.callback_data } }),
  }));
}

function bubble(row) {
  const { message } = row;
  const words = message.text ?? message.caption ?? (message.contact ? `☎ ${message.contact.phone_number}` : "[вложение]");
  const element = make("div", { className: row.out ? "bubble" : "bubble mine" }, words);
  const pressable = buttons(row);
  if (pressable.length) element.append(make("div", { className: "buttons" }, ...pressable));
  element.append(make("time", { textContent: clock(row.at) }));
  return element;
}

// The reply keyboard of the latest message that set or removed one.
function keyboard(rows) {
  const latest = rows.findLast((row) => row.keyboard?.keyboard || row.keyboard?.remove_keyboard);
  const keys = (latest?.keyboard.keyboard || []).flat().map((key) => {
    const { text, request_contact: phone } = typeof key === "string" ? { text: key } : key;
    return make("button", { type: "button", textContent: text, onclick: () => say(phone ? { contact: true } : { text }) });
  });
  find("keyboard").replaceChildren(...keys);
}

async function look() {
  chooseBots((await ask("telegram/bots")).bots);
  if (!bots.value) return;
  const { chats } = await ask(`telegram/chats?bot=${bots.value}&since=1e12`);
  const people = chats.filter((chat) => chat.chat.type === "private" && chat.user.first_name);
  const current = people.find((chat) => chat.chat.id === client);
  find("people").replaceChildren(...people.reverse().slice(0, 100).map((chat) => make("li", {}, make("button", {
    type: "button",
    textContent: `${chat.user.first_name} ${chat.user.last_name || ""} · ${chat.chat.id}`,
    attributes: { "aria-pressed": String(chat.chat.id === client) },
    onclick: () => pick(chat.chat.id),
  }))));
  find("who").textContent = current ? current.user.first_name : newcomer || "Новый клиент";
  find("block").hidden = !current;
  find("block").textContent = current?.blocked ? "Разблокировать бота" : "Заблокировать бота";
  find("block").dataset.blocked = current?.blocked ? "yes" : "";
  await print();
}

async function print() {
  const rows = client === null ? [] : (await ask(`telegram/chats?bot=${bots.value}&chat_id=${client}`)).messages;
  const now = JSON.stringify([client, rows.map((row) => [row.message.message_id, row.message.text])]);
  if (now === printed) return;
  printed = now;
  talk.replaceChildren(...rows.map(bubble));
  talk.scrollTop = talk.scrollHeight;
  keyboard(rows);
}

function pick(id, name = "") {
  client = id;
  newcomer = name;
  look();
}

async function say(what) {
  if (!bots.value) return;
  try {
    const person = client === null ? { first_name: newcomer || "Клиент" } : { id: client };
    const said = await ask("telegram/say", { bot: Number(bots.value), client: person, ...what });
    client = said.chat_id ?? client;
    await look();
  } catch (error) {
    find("state").textContent = error.message;
  }
}

find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = find("text").value.trim();
  find("text").value = "";
  if (text) say({ text });
});
find("newcomer").addEventListener("submit", (event) => {
  event.preventDefault();
  pick(null, find("name").value.trim() || "Клиент");
  find("name").value = "";
  find("text").focus();
});
find("block").addEventListener("click", async () => {
  await ask(find("block").dataset.blocked ? "telegram/unblock" : "telegram/block", { bot: Number(bots.value), client });
  look();
});
bots.addEventListener("change", () => pick(null));
watch(look);
