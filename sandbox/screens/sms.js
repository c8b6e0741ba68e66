import { ask, clock, fill, watch } from "./common.js";

const body = document.getElementById("messages");
const balance = document.getElementById("balance");

watch(async () => {
  const { messages } = await ask("sms");
  const { accounts } = await ask("sms/account");
  balance.textContent = accounts.map((account) => `${account.login}: ${account.balance.toLocaleString("ru-RU")} ₽`).join(" · ");
  fill(body, messages.reverse().slice(0, 300), [
    (row) => clock(row.at),
    (row) => `+${row.phone}`,
    (row) => row.text,
    (row) => row.sender,
    (row) => row.parts,
    (row) => row.cost.toLocaleString("ru-RU"),
    (row) => row.status_name,
  ]);
});
