// A part of the page that follows the server: one request at a time, once more if something came meanwhile, and the
// answer goes where the part stands by then. (htmx's queue keeps the element that stood there when it was asked: on a
// busy page the newest answer, and a form that is being typed into, would go nowhere.)

const PATIENCE = 15_000; // ms
const RETRY = 5_000;

// The caret stays in a field that the new part has taken over.
function put(part, html, select) {
  const field = document.activeElement;
  const { selectionStart: start, selectionEnd: end } = field ?? {};
  document.dispatchEvent(new CustomEvent("fresh:put"));
  htmx.swap(part, html, { swapStyle: "outerHTML" }, { select, eventInfo: { target: part } });
  if (!field?.isConnected || field === document.activeElement) return;
  field.focus({ preventScroll: true });
  if (start != null) field.setSelectionRange(start, end);
}

// A function that brings `#id` up to date from `address()` (none: there is nothing to show now). `mayPut(askedAt)` is
// asked with each answer; who refuses one asks again in time. `fresh:put` is told before a part is replaced.
export function keptFresh(id, address, mayPut, { select } = {}) {
  let isAsking = false;
  let isStale = false;

  async function ask(url) {
    const askedAt = performance.now();
    const headers = { "HX-Request": "true", "HX-Target": id, "HX-Current-URL": location.href };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE) });
    const html = await answer.text();
    const part = document.getElementById(id);
    if (!part || url !== address()) return; // something else was opened meanwhile
    if (answer.redirected || answer.status === 401) location.reload(); // signed out
    else if (!answer.ok) document.dispatchEvent(new CustomEvent("refused", { detail: { status: answer.status } }));
    else if (mayPut(askedAt)) put(part, html, select);
  }

  return async function refresh() {
    isStale = true;
    if (isAsking) return;
    isAsking = true;
    try {
      while (isStale) {
        isStale = false;
        const url = address();
        if (url && document.getElementById(id)) await ask(url);
      }
    } catch {
      setTimeout(refresh, RETRY); // no connection, or no answer in time
    } finally {
      isAsking = false;
    }
  };
}
