// One key for each main action: an element with data-key="t" is clicked by T; where none is, data-key-focus="r" is focused by R.
// Letters are read by their place on the board, so the Russian layout works; typed text is never disturbed.

const moves = { j: 1, k: -1 };

function isTyping(target) {
  return target.isContentEditable || (target.matches?.("input, textarea, select") && !target.matches("[type=radio], [type=checkbox]"));
}

function letterOf(event) {
  if (event.code.startsWith("Key")) return event.code.slice(3).toLowerCase();
  if (event.key === "?" || (event.code === "Slash" && event.shiftKey)) return "?";
  if (event.key === "/" || event.code === "Slash") return "/";
  if (event.key === "Enter") return "enter";
  return "";
}

function isShown(element) {
  return element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
}

function move(step) {
  const links = [...document.querySelectorAll("[data-rows] [data-row-link]")];
  if (!links.length) return;
  const here = links.indexOf(document.activeElement);
  const open = links.findIndex((link) => link.closest(".row--open"));
  const from = here >= 0 ? here : open;
  const next = from < 0 ? 0 : Math.max(0, Math.min(links.length - 1, from + step));
  links[next].focus();
  links[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest?.("form");
    if (form?.matches("[data-ctrl-enter]")) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing = isTyping(event.target);
  const letter = letterOf(event);
  // In an empty answer box "/" opens the prepared answers, as it does outside of it.
  const slashInEmptyBox = event.key === "/" && event.target.matches?.("[data-composer-text]") && !event.target.value;
  if (typing && !slashInEmptyBox) return;
  if (event.target.closest?.("dialog, [popover]") || document.querySelector("dialog[open]")) return;
  if (letter in moves) {
    event.preventDefault();
    return move(moves[letter]);
  }
  if (letter === "enter") {
    if (!event.target.closest?.("a, button, summary, label")) document.querySelector(".row--open [data-row-link]")?.click();
    return;
  }
  if (!letter) return;
  const focus = [...document.querySelectorAll(`[data-key-focus="${letter}"]`)].find(isShown);
  const click = [...document.querySelectorAll(`[data-key="${letter}"]`)].find(isShown);
  if (!focus && !click) return;
  event.preventDefault();
  if (click) click.click();
  else focus.focus();
});
