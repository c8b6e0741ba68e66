// The day follows the server: a changed visit redraws it, but not while somebody is in one of its windows.

const calendar = () => document.getElementById("calendar");
let timer = 0;
let isStale = false;

function refresh() {
  if (document.querySelector("[popover]:popover-open") || calendar().querySelector("form:focus-within")) {
    isStale = true;
    return;
  }
  isStale = false;
  htmx.ajax("GET", location.pathname + location.search, { target: "#calendar", select: "#calendar", swap: "outerHTML" });
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 300);
}

if (calendar()) {
  document.addEventListener("live:appointment", later);
  document.addEventListener("live:missed", later);
  document.addEventListener("toggle", (event) => event.target.matches?.("[popover]") && event.newState === "closed" && isStale && later(), true);
}
