import { ask, fill, make, moment, watch } from "./common.js";

const choice = document.getElementById("portal");
const shown = 200;
const owners = { L: "лид", D: "сделка", C: "контакт" };
const kinds = { lead: "лид", deal: "сделка", contact: "контакт" };
const numbered = { 1: "лид", 2: "сделка", 3: "контакт" };
const known = new URLSearchParams(location.search).get("portal");
let portal = {};

function choices(names) {
  const wanted = choice.value || known || names[0] || "main";
  if (names.join() !== [...choice.options].map((option) => option.value).join()) {
    choice.replaceChildren(...names.map((name) => make("option", { value: name, textContent: name })));
  }
  choice.value = names.includes(wanted) ? wanted : names[0] || "";
  return choice.value || wanted;
}

const person = (id) => {
  const user = (portal.users || []).find((one) => one.ID === String(id));
  return user ? `${user.NAME} ${user.LAST_NAME}` : String(id ?? "");
};
const named = (directory, code) => (portal.directory?.[directory] || {})[code] || code || "";
const stage = (deal) => named(deal.categoryId ? `DEAL_STAGE_${deal.categoryId}` : "DEAL_STAGE", deal.stageId);
const reach = (item) => (item.fm || []).map((value) => value.value).join(", ");
const latest = (rows) => [...rows].reverse().slice(0, shown);

// The fields that a mapping fills: UTM, the outer key, the portal's own fields, comments.
function extras(item) {
  const lines = Object.entries(item)
    .filter(([name, value]) => /^(utm|uf|origin)/.test(name) && value !== null && value !== "" && value.length !== 0)
    .map(([name, value]) => `${name}: ${value}`);
  if (item.comments) lines.push(item.comments);
  return lines.join("\n");
}

function bound(task) {
  return (task.ufCrmTask || []).map((code) => {
    const [kind, number] = String(code).split("_");
    return `${owners[kind] || kind} ${number}`;
  }).join(", ");
}

watch(async () => {
  const held = await ask(`bitrix24/entities?portal=${encodeURIComponent(choice.value || known || "main")}`);
  const name = choices(held.portals);
  if (name !== held.portal) return;
  if (!held.portals.length) return;
  portal = await ask(`bitrix24/portal?portal=${encodeURIComponent(name)}`);
  const table = (id) => document.getElementById(id);
  fill(table("lead"), latest(held.lead), [
    (lead) => lead.id,
    (lead) => lead.title,
    (lead) => [lead.fullName, reach(lead)].filter(Boolean).join("\n"),
    (lead) => named("STATUS", lead.stageId),
    (lead) => [named("SOURCE", lead.sourceId), lead.sourceDescription].filter(Boolean).join("\n"),
    (lead) => person(lead.assignedById),
    extras,
    (lead) => moment(lead.updatedTime),
  ]);
  fill(table("deal"), latest(held.deal), [
    (deal) => deal.id,
    (deal) => deal.title,
    (deal) => (deal.contactIds || []).join(", "),
    stage,
    (deal) => Number(deal.opportunity || 0).toLocaleString("ru-RU"),
    (deal) => person(deal.assignedById),
    extras,
    (deal) => moment(deal.updatedTime),
  ]);
  fill(table("contact"), latest(held.contact), [
    (contact) => contact.id,
    (contact) => contact.fullName,
    reach,
    (contact) => person(contact.assignedById),
    extras,
    (contact) => moment(contact.updatedTime),
  ]);
  const tasks = latest(held.task).map((task) => ({
    id: task.id, title: task.title, text: task.description, at: task.deadline, who: task.responsibleId, what: bound(task),
  }));
  const todos = latest(held.activity).map((todo) => ({
    id: todo.id, title: todo.title, text: todo.description, at: todo.deadline, who: todo.responsibleId,
    what: `${numbered[todo.ownerTypeId]} ${todo.ownerId}`,
  }));
  fill(table("task"), [...tasks, ...todos], [
    (row) => row.id, (row) => row.title, (row) => row.text, (row) => moment(row.at), (row) => person(row.who), (row) => row.what,
  ]);
  fill(table("comment"), latest(held.comment), [
    (row) => row.ID, (row) => `${kinds[row.ENTITY_TYPE]} ${row.ENTITY_ID}`, (row) => row.COMMENT, (row) => moment(row.CREATED),
  ]);
  fill(table("notice"), latest(held.notice), [
    (row) => row.ID, (row) => person(row.USER_ID), (row) => row.MESSAGE, (row) => moment(row.CREATED),
  ]);
});
