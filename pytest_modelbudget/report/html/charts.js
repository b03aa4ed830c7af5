// The charts. Each is drawn when it is first seen, and again when the colors change.
"use strict";
{
  const variants = JSON.parse(document.getElementById("data").textContent);
  for (const variant of variants) {
    variant.tensors = variant.tensors.map(([name, layer, dtype, size_bytes, sparsity, unique]) => ({ name, layer, dtype, size_bytes, sparsity, unique }));
  }
  const byAnchor = new Map(variants.map((variant) => [variant.anchor, variant]));
  const charts = new Map(); // element to the function that returns its options

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const palette = () => [color("blue"), color("good"), color("warn"), color("bad"), color("faint")];
  const escape = (text) => echarts.format.encodeHTML(String(text)); // tooltips are HTML
  const scaled = (value, units, step) => {
    const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(Math.abs(value) || 1) / Math.log(step) + 1e-9)));
    return `${Number((value / step ** power).toPrecision(3)).toLocaleString("en")} ${units[power]}`;
  };
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

  // Size, accuracy, latency

  const last = (list) => list[list.length - 1];
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
    for (const variant of variants.filter((each) => model.includes(each))) {
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
          label: { show: points.length <= 30, position: "top", color: color("text"), formatter: ({ data: { point } }) => (point.isStart ? "" : point.variant.title) },
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

  // The charts of one variant

  function stages({ stages: all, metric }) {
    const names = [...all.map((stage) => stage.name || "without the recipe"), "the artifact"];
    const sizes = [...all.map((stage) => stage.size_bytes), last(all).size_bytes];
    const isScored = all.every((stage) => stage.score !== null);
    const steps = sizes.map((size, index) => {
      const isTotal = index === 0 || index === all.length;
      const before = isTotal ? 0 : sizes[index - 1];
      const fill = isTotal ? color("faint") : size <= before ? color("good") : color("bad");
      return { from: Math.min(size, before), change: Math.abs(size - before), fill };
    });
    const options = base(`bytes${isScored ? ` and ${metric}` : ""} after each stage`);
    return {
      ...options,
      grid: [grid({ bottom: isScored ? "55%" : 32 }), ...(isScored ? [grid({ top: "58%", bottom: 32 })] : [])],
      tooltip: {
        ...options.tooltip,
        trigger: "axis",
        formatter: ([{ dataIndex: index }]) => [
          `<b>${escape(names[index])}</b>`,
          `${bytes(sizes[index])}${index && index < all.length ? ` (${sizes[index] >= sizes[index - 1] ? "+" : "−"}${bytes(steps[index].change)})` : ""}`,
          ...(isScored ? [`${escape(metric)} ${score((all[index] ?? last(all)).score)}`] : []),
        ].join("<br>"),
      },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      xAxis: [
        axis({ type: "category", data: names, axisLabel: { show: !isScored, color: color("faint") } }),
        ...(isScored ? [axis({ type: "category", data: names, gridIndex: 1 })] : []),
      ],
      yAxis: [
        axis({ type: "value", axisLabel: { color: color("faint"), formatter: bytes }, splitNumber: 3 }),
        ...(isScored ? [axis({ type: "value", scale: true, gridIndex: 1, splitNumber: 2, axisLabel: { color: color("faint"), formatter: score } })] : []),
      ],
      series: [
        { type: "bar", stack: "size", silent: true, itemStyle: { color: "transparent" }, data: steps.map((step) => step.from) },
        {
          type: "bar", stack: "size", barMaxWidth: 64,
          data: steps.map((step) => ({ value: step.change, itemStyle: { color: step.fill } })),
          label: { show: true, position: "top", color: color("text"), formatter: ({ dataIndex }) => bytes(sizes[dataIndex]) },
        },
        ...(isScored ? [{ type: "line", xAxisIndex: 1, yAxisIndex: 1, data: all.map((stage) => stage.score), symbolSize: 8, lineStyle: { color: color("blue") }, itemStyle: { color: color("blue") } }] : []),
      ],
    };
  }

  function latency({ percentiles_s: percentiles, latencies }) {
    const options = base("latency of the share of invocations that are faster, with limits and intervals");
    return {
      ...options,
      grid: grid({ right: 16 }),
      tooltip: { ...options.tooltip, trigger: "axis", formatter: ([{ value: [share, value] }]) => `${share} % take at most ${seconds(value)}` },
      xAxis: axis({ type: "value", min: 0, max: 100, name: "share of invocations that are faster", nameGap: 28, axisLabel: { color: color("faint"), formatter: "{value} %" } }),
      yAxis: axis({ ...scale([...percentiles, ...latencies.map((each) => each.limit_s)]), axisLabel: { color: color("faint"), formatter: seconds, hideOverlap: true } }),
      series: [{
        type: "line", symbol: "none", data: percentiles.map((value, share) => [share, value]), lineStyle: { color: color("blue") },
        markArea: {
          silent: true, itemStyle: { color: color("blue"), opacity: 0.15 },
          data: latencies.filter((each) => each.low_s !== null && each.high_s !== null).map((each) => [{ yAxis: each.low_s }, { yAxis: each.high_s }]),
        },
      }, ...latencies.map((each) => ({
        type: "line", symbol: "none", data: [[0, each.limit_s], [100, each.limit_s]], lineStyle: { color: color("bad"), type: "dashed" },
        endLabel: { show: true, formatter: () => `${each.name} ${seconds(each.limit_s)}`, color: color("text"), align: "right", verticalAlign: "bottom", distance: 0, padding: [0, 0, 4, 0] },
      }))],
    };
  }

  function tensors({ tensors: all }) {
    const dtypes = [...new Set(all.map((tensor) => tensor.dtype))];
    const cell = (tensor) => ({
      name: tensor.name || tensor.layer || "not weights",
      value: tensor.size_bytes,
      tensor,
      itemStyle: { color: tensor.dtype ? palette()[dtypes.indexOf(tensor.dtype) % 4] : color("faint") },
    });
    const layers = [...Map.groupBy(all, (tensor) => tensor.layer || "not weights")];
    const options = base("bytes of each tensor");
    return {
      ...options,
      tooltip: {
        ...options.tooltip,
        formatter: ({ name, value, data: { tensor } }) => [
          `<b>${escape(name)}</b>`, bytes(value),
          ...(tensor?.dtype ? [escape(tensor.dtype)] : []),
          ...(tensor?.sparsity != null ? [`${percent(tensor.sparsity)} zeros`] : []),
          ...(tensor?.unique != null ? [`${tensor.unique.toLocaleString("en")} different values`] : []),
        ].join("<br>"),
      },
      series: [{
        type: "treemap", roam: false, nodeClick: false, breadcrumb: { show: false }, left: 0, right: 0, top: 0, bottom: 0,
        data: layers.map(([name, own]) => (own.length === 1 ? cell(own[0]) : { name, children: own.map(cell) })),
        label: { formatter: ({ name, value, data: { tensor } }) => `${name}\n${bytes(value)} ${tensor?.dtype ?? ""}`, color: color("page"), lineHeight: 16, overflow: "truncate" },
        itemStyle: { borderColor: color("page"), gapWidth: 1, borderWidth: 1 },
      }],
    };
  }

  function sparsity({ tensors: all }, place) {
    const shown = all.filter((tensor) => tensor.sparsity !== null).reverse(); // the first bar is the lowest
    const options = base("share of zeros in each tensor");
    return {
      ...options,
      grid: grid({ left: 8, containLabel: true, bottom: 32, top: 8 }),
      tooltip: { ...options.tooltip, formatter: ({ dataIndex, value }) => `<b>${escape(shown[dataIndex].name)}</b><br>${percent(value)} zeros<br>${bytes(shown[dataIndex].size_bytes)}` },
      xAxis: axis({ type: "value", min: 0, max: 1, axisLabel: { color: color("faint"), formatter: percent } }),
      yAxis: axis({ type: "category", data: shown.map((tensor) => tensor.name), axisLabel: { color: color("faint"), width: 0.4 * place.clientWidth, overflow: "truncate" } }),
      series: [{ type: "bar", data: shown.map((tensor) => tensor.sparsity), itemStyle: { color: color("blue") } }],
    };
  }

  function history({ commits, history: all }) {
    const options = base("accepted figures at each commit, as a share of the first");
    return {
      ...options,
      grid: grid({ top: 40 }),
      legend: { top: 0, textStyle: { color: color("text") } },
      tooltip: {
        ...options.tooltip,
        trigger: "axis",
        formatter: ([{ dataIndex: index }]) => [`<b>${escape(commits[index])}</b>`, ...all.map(([name, , texts]) => `${escape(name)} ${escape(texts[index])}`)].join("<br>"),
      },
      xAxis: axis({ type: "category", data: commits }),
      yAxis: axis({ type: "value", scale: true, axisLabel: { color: color("faint"), formatter: percent } }),
      series: all.map(([name, shares]) => ({ type: "line", name, data: shares, symbolSize: 8 })),
    };
  }

  const drawings = { stages, latency, tensors, sparsity, history };

  function draw(element, options) {
    charts.set(element, options);
    const chart = echarts.getInstanceByDom(element) ?? echarts.init(element, null, { renderer: "svg" });
    chart.setOption(options(), { notMerge: true });
  }

  for (const element of document.querySelectorAll("details.variant")) {
    const variant = byAnchor.get(element.id);
    const show = () => {
      if (!element.open) return;
      for (const [name, options] of Object.entries(drawings)) {
        const place = element.querySelector(`.chart.${name}`);
        if (!place || charts.has(place)) continue;
        if (name === "sparsity") place.style.height = `${Math.max(8, 2.5 + 1.4 * variant.tensors.length)}rem`;
        draw(place, () => options(variant, place));
      }
    };
    element.addEventListener("toggle", show);
    show(); // the address may name it
  }
  choosePlot();
  document.addEventListener("themechange", () => charts.forEach((options, element) => draw(element, options)));
  addEventListener("resize", () => charts.forEach((_, element) => echarts.getInstanceByDom(element).resize()));
}
