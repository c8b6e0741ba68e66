// <figure class="plot" data-plot> holds its numbers as a table: first column the x axis, the others one line each.
// A cell's data-value wins over its text; an x cell with an ISO date in data-value makes a time axis. A head cell with
// data-aside keeps its column out of the drawing. On the figure: data-scale="log", data-unit="seconds".

const paints = ["--part-intent", "--part-ltv", "--part-recency", "--part-channel", "--part-modifier"];
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
  const number = (text) => (text === "" || Number.isNaN(Number(text)) ? null : Number(text));
  const lines = [...table.tBodies[0].rows].map((row) => [...row.cells].map(value));
  const labels = [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim());
  const isTime = lines.length > 0 && /^\d{4}-\d\d/.test(lines[0][0]);
  const x = lines.map((line, index) => (isTime ? Date.parse(line[0]) / 1000 : number(line[0]) ?? index));
  const heads = [...table.tHead.rows[0].cells];
  const drawn = heads.map((_, index) => index).filter((index) => index > 0 && !("aside" in heads[index].dataset));
  const columns = drawn.map((index) => lines.map((line) => number(line[index])));
  return { x, columns, labels, names: [heads[0], ...drawn.map((index) => heads[index])].map((cell) => cell.textContent.trim()), isTime };
}

const rounded = (value) => value.toLocaleString("ru", { maximumFractionDigits: value < 10 ? 1 : 0 });
const writers = {
  seconds: (value) => (value < 60 ? `${rounded(value)} с` : value < 3600 ? `${rounded(value / 60)} мин` : `${rounded(value / 3600)} ч`),
  "": (value) => rounded(value),
};
const durations = [0.1, 1, 10, 60, 600, 3600, 36000];

function draw(figure) {
  const table = figure.querySelector("table:not(.u-legend)");
  const canvas = figure.querySelector(".plot__canvas");
  if (!table || !canvas || !window.uPlot) return;
  const { x, columns, labels, names, isTime } = numbersOf(table);
  const known = columns.flat().filter((value) => value !== null);
  canvas.replaceChildren();
  if (x.length < 2 || !known.length) return;
  const isLog = figure.dataset.scale === "log" && known.some((value) => value > 0);
  const write = writers[figure.dataset.unit ?? ""] ?? writers[""];
  const quiet = css("--text-quiet");
  const grid = { stroke: css("--line"), width: 1 };
  const axis = { stroke: quiet, grid, ticks: { show: false }, font: '12px "Golos Text", sans-serif' };
  const nameOf = new Map(x.map((at, index) => [at, labels[index]]));
  const days = (split) => new Date(split * 1000).toLocaleDateString("ru", { day: "numeric", month: "short", timeZone: "UTC" });
  const top = Math.max(...known);
  const bottom = Math.min(...known.filter((value) => value > 0));
  const marks = durations.filter((mark, index) => (durations[index + 1] ?? Infinity) > bottom && (durations[index - 1] ?? 0) < top);
  const y = isLog ? { distr: 3, range: [Math.min(marks[0], bottom) * 0.8, Math.max(marks.at(-1), top) * 1.2] } : { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] };
  const data = isLog ? columns.map((column) => column.map((value) => (value > 0 ? value : null))) : columns;
  new uPlot(
    {
      width: canvas.clientWidth || figure.clientWidth - 32,
      height: 220,
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { time: false }, y },
      axes: [
        { ...axis, grid: { show: false }, size: 32, space: 56, incrs: isTime ? [1, 2, 7, 14, 28, 56].map((count) => count * 86400) : [1, 2, 3, 6], values: (_, splits) => splits.map((split) => (isTime ? days(split) : nameOf.get(split) ?? "")) },
        { ...axis, size: 58, splits: isLog ? () => marks : undefined, filter: isLog ? (_, splits) => splits : undefined, incrs: figure.dataset.unit ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000], values: (_, splits) => splits.map(write) },
      ],
      series: [
        { label: names[0], value: (_, at) => (at == null ? "" : nameOf.get(at) ?? "") },
        ...data.map((_, index) => ({
          label: names[index + 1],
          stroke: css(paints[index % paints.length]),
          width: 2,
          spanGaps: isLog,
          points: { show: x.length < 40, size: 6, fill: css(paints[index % paints.length]) },
          value: (_, value) => (value == null ? "—" : write(value)),
        })),
      ],
    },
    [x, ...data],
    canvas,
  );
}

const drawAll = () => document.querySelectorAll("[data-plot]").forEach(draw);
let timer = 0;
let width = innerWidth;
drawAll();
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's bars come and go: the width stays
  width = innerWidth;
  clearTimeout(timer);
  timer = setTimeout(drawAll, 150);
});
document.addEventListener("theme:changed", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
