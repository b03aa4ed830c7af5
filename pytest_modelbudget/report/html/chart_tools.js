// What all charts share: the data, colors, numbers as text, and drawing. The other scripts use it.
"use strict";
const variants = JSON.parse(document.getElementById("data").textContent);
for (const variant of variants) {
  variant.tensors = variant.tensors.map(([name, layer, dtype, size_bytes, sparsity, unique]) => ({ name, layer, dtype, size_bytes, sparsity, unique }));
}
const charts = new Map(); // element to the function that returns its options

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const palette = () => [color("blue"), color("good"), color("warn"), color("bad"), color("faint")];
const escape = (text) => echarts.format.encodeHTML(String(text)); // tooltips are HTML
const scaled = (value, units, step) => {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(Math.abs(value) || 1) / Math.log(step) + 1e-9)));
  return `${Number((value / step ** power).toPrecision(3)).toLocaleString("en")} ${units[power]}`;
};
const last = (list) => list[list.length - 1];
const bytes = (value) => scaled(value, ["B", "kB", "MB", "GB"], 1000);
const seconds = (value) => scaled(value * 1e9, ["ns", "us", "ms", "s"], 1000);
const score = (value) => String(Number(value.toPrecision(4)));
const percent = (value) => `${Number((100 * value).toPrecision(3))} %`;

const axis = (more) => ({
  nameLocation: "middle",
  nameTextStyle: { color: color("faint") },
  axisLabel: { color: color("faint"), hideOverlap: true },
  axisLine: { lineStyle: { color: color("line") } },
  splitLine: { lineStyle: { color: color("line") } },
  ...more,
});
const base = (label) => ({
  animation: false,
  backgroundColor: "transparent",
  color: palette(),
  textStyle: { fontFamily: "system-ui, sans-serif", color: color("text") },
  aria: { enabled: true, label: { description: label } },
  tooltip: { backgroundColor: color("panel"), borderColor: color("line"), textStyle: { color: color("text") }, confine: true },
});
// Linear where that shows all values; logarithmic where they differ much.
const scale = (values) => {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return max > 20 * min ? { type: "log" } : { type: "value", scale: true };
};
const grid = (more) => ({ left: 64, right: 24, top: 24, bottom: 48, ...more });

function draw(element, options) {
  charts.set(element, options);
  const chart = echarts.getInstanceByDom(element) ?? echarts.init(element, null, { renderer: "svg" });
  chart.setOption(options(), { notMerge: true });
}

document.addEventListener("themechange", () => charts.forEach((options, element) => draw(element, options)));
addEventListener("resize", () => charts.forEach((_, element) => echarts.getInstanceByDom(element).resize()));
