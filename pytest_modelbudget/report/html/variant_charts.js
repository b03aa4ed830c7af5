// The charts of one variant, each drawn when it is first seen.
"use strict";
{
  const byAnchor = new Map(variants.map((variant) => [variant.anchor, variant]));

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
}
