// Size against accuracy against latency, with the Pareto front.
"use strict";
{
  const median = (variant) => variant.percentiles_s[50];
  const figures = {
    size: { name: "bytes", of: (stage) => stage.size_bytes, format: bytes },
    gzip: { name: "bytes after gzip", of: (stage) => stage.gzip_bytes, format: bytes },
    latency: { name: "median latency", of: (stage, variant) => stage && median(variant), format: seconds },
  };

  function pareto(points, higherIsBetter) {
    const sign = higherIsBetter ? -1 : 1;
    const sorted = [...points].sort((a, b) => a.x - b.x || sign * (a.y - b.y));
    let best = Infinity;
    return sorted.filter((point) => {
      const isBetter = sign * point.y < best;
      if (isBetter) best = sign * point.y;
      return isBetter;
    });
  }

  function plotPoints(model, figure) {
    const points = [];
    const begun = new Set();
    for (const variant of model) {
      const end = last(variant.stages);
      const x = figure.of(end, variant);
      if (x !== undefined) points.push({ variant, x, y: end.score, latency: median(variant) });
      const start = variant.stages[0];
      const key = `${start.size_bytes} ${start.score}`;
      if (figure !== figures.latency && start !== end && !begun.has(key)) {
        begun.add(key);
        points.push({ variant, x: figure.of(start), y: start.score, isStart: true });
      }
    }
    return points;
  }

  function plot(model, figure) {
    const points = plotPoints(model, figure);
    const { metric, higher_is_better: higherIsBetter } = model[0];
    const longest = Math.max(...points.map((point) => point.latency ?? 0));
    const mark = (point) => ({
      value: [point.x, point.y],
      point,
      symbol: point.isStart ? "diamond" : point.variant.holds ? "circle" : "rect",
      symbolSize: point.latency ? 10 + 22 * Math.sqrt(point.latency / longest) : 12,
      itemStyle: { color: point.isStart ? color("faint") : point.variant.holds ? color("good") : color("bad"), opacity: 0.8 },
    });
    const front = pareto(points, higherIsBetter).map((point) => [point.x, point.y]);
    if (front.length) front.push([Math.max(...points.map((point) => point.x)), last(front)[1]]);
    points.sort((a, b) => (b.latency ?? 0) - (a.latency ?? 0)); // small marks lie on large ones
    const options = base(`${figure.name} against ${metric} of ${points.length} models`);
    return {
      ...options,
      grid: grid({ left: 72 }),
      tooltip: {
        ...options.tooltip,
        formatter: ({ data: { point } }) => [
          `<b>${escape(point.isStart ? "without a recipe" : point.variant.title)}</b>`,
          `${figure.name} ${figure.format(point.x)}`,
          `${escape(metric)} ${score(point.y)}`,
          ...(point.latency ? [`median latency ${seconds(point.latency)}`] : []),
        ].join("<br>"),
      },
      xAxis: axis({ ...scale(points.map((point) => point.x)), boundaryGap: ["5%", "10%"], name: `${figure.name} (less is better)`, nameGap: 30, axisLabel: { color: color("faint"), formatter: figure.format, hideOverlap: true } }),
      yAxis: axis({ type: "value", scale: true, boundaryGap: ["10%", "10%"], name: `${metric} (${higherIsBetter ? "more" : "less"} is better)`, nameGap: 52 }),
      series: [
        { type: "line", step: "end", data: front, symbol: "none", lineStyle: { color: color("faint"), type: "dashed" }, silent: true, tooltip: { show: false } },
        {
          type: "scatter",
          data: points.map(mark),
          label: { show: points.length <= 30, position: "top", minMargin: 6, color: color("text"), formatter: ({ data: { point } }) => (point.isStart ? "" : point.variant.title) },
          labelLayout: { hideOverlap: true },
        },
      ],
    };
  }

  function choosePlot() {
    const section = document.getElementById("plot").closest("section");
    const models = Map.groupBy(variants.filter((each) => each.stages.length && last(each.stages).score !== null), (each) => each.budget);
    section.hidden = models.size === 0;
    if (section.hidden) return;
    const [modelChoice, xChoice] = ["plot-model", "plot-x"].map((id) => document.getElementById(id));
    const failed = (own) => own.filter((each) => !each.holds).length;
    for (const [name] of [...models].sort(([, a], [, b]) => failed(b) - failed(a) || b.length - a.length)) modelChoice.add(new Option(name, name, false, false));
    const update = () => {
      const model = models.get(modelChoice.value);
      const shown = xChoice.value || "size";
      xChoice.replaceChildren();
      for (const [key, figure] of Object.entries(figures)) {
        if (model.some((each) => figure.of(last(each.stages), each) !== undefined)) xChoice.add(new Option(figure.name, key, false, key === shown));
      }
      draw(document.getElementById("plot"), () => plot(models.get(modelChoice.value), figures[xChoice.value]));
    };
    modelChoice.addEventListener("change", update);
    xChoice.addEventListener("change", update);
    update();
    echarts.getInstanceByDom(document.getElementById("plot")).on("click", ({ data }) => {
      if (data?.point) location.hash = data.point.variant.anchor;
    });
  }

  choosePlot();
}
