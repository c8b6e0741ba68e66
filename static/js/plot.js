// <figure class="plot" data-plot> holds its numbers as a table: first column the x axis, the others one line each.
// A cell's data-value wins over its text; an x cell with an ISO date in data-value makes a time axis.

const paints = ["--part-intent", "--part-recency", "--part-ltv", "--part-channel", "--part-modifier"];
const css = (name) => {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

function numbersOf(table) {
  const value = (cell) => cell.dataset.value ?? cell.textContent.trim().replace(/[\s\u202f\u00a0]/g, "").replace(",", ".");
  const lines = [...table.tBodies[0].rows].map((row) => [...row.cells].map(value));
  const isTime = lines.length > 0 && /^\d{4}-\d\d/.test(lines[0][0]);
  const x = lines.map((line, index) => (isTime ? Date.parse(line[0]) / 1000 : Number.isFinite(Number(line[0])) ? Number(line[0]) : index));
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const columns = names.slice(1).map((_, index) => lines.map((line) => (line[index + 1] === "" || Number.isNaN(Number(line[index + 1])) ? null : Number(line[index + 1]))));
  return { x, columns, names, isTime };
}

function draw(figure) {
  const table = figure.querySelector("table");
  const canvas = figure.querySelector(".plot__canvas");
  if (!table || !canvas || !window.uPlot) return;
  const { x, columns, names, isTime } = numbersOf(table);
  if (x.length < 2) return;
  const quiet = css("--text-quiet");
  const line = css("--line");
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px Golos Text, sans-serif" };
  canvas.replaceChildren();
  new uPlot(
    {
      width: canvas.clientWidth || figure.clientWidth - 32,
      height: 220,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), document.documentElement.dataset.zone || "UTC"),
      fmtDate: () => (date) => (isTime ? date.toLocaleDateString("ru", { day: "numeric", month: "short" }) : ""),
      scales: { x: { time: isTime } },
      axes: [axis, { ...axis, size: 48 }],
      series: [{ label: names[0] }, ...columns.map((_, index) => ({ label: names[index + 1], stroke: css(paints[index % paints.length]), width: 2, points: { show: x.length < 40, size: 5 } }))],
    },
    [x, ...columns],
    canvas,
  );
}

const drawAll = () => document.querySelectorAll("[data-plot]").forEach(draw);
let timer = 0;
drawAll();
addEventListener("resize", () => {
  clearTimeout(timer);
  timer = setTimeout(drawAll, 150);
});
document.addEventListener("theme:changed", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
