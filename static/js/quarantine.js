// Ticks of the quarantine: all at once, and X for the row under the cursor. J and K move (keys.js).

const form = document.querySelector("[data-quarantine]");

if (form) {
  const all = form.querySelector("[data-all]");
  const boxes = [...form.querySelectorAll("[name=lead]")];
  const buttons = [...form.querySelectorAll(".quarantine__bar [name=act]")];

  const show = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    for (const button of buttons) button.disabled = !count;
  };

  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  document.addEventListener("keydown", (event) => {
    if (event.code !== "KeyX" || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = boxes.includes(document.activeElement) ? document.activeElement : boxes[0];
    event.preventDefault();
    box.checked = !box.checked;
    box.focus();
    show();
  });
  window.addEventListener("pageshow", show);
}
