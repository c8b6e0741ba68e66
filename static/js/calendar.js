// The day follows the server: a changed visit redraws it, but not while somebody is in one of its windows.

import { keptFresh } from "./fresh.js";

const calendar = () => document.getElementById("calendar");
let timer = 0;
let isStale = false;

const isInUse = () => Boolean(document.querySelector("[popover]:popover-open") || calendar().querySelector("form:focus-within"));
const mayRedraw = () => !(isStale = isInUse());
const refresh = keptFresh("calendar", () => location.pathname + location.search, mayRedraw, { select: "#calendar" });

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => mayRedraw() && refresh(), 300);
}

if (calendar()) {
  document.addEventListener("live:appointment", later);
  document.addEventListener("live:missed", later);
  document.addEventListener("toggle", (event) => event.target.matches?.("[popover]") && event.newState === "closed" && isStale && later(), true);
}
