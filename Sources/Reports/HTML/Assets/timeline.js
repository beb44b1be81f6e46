"use strict";
// Memory over time: a large chart with areas that add up, lines and the limit, and small charts on the same time axis below it.
//
// memwhy.timeline(element, chart, options) draws `chart` (TimelineChart.swift) and returns an object with update(chart). Drag to zoom,
// double-click or Escape to go back; arrow keys move the moment that is read. options.onZoom(from, to) takes over zooming,
// options.onPick(time) is told of a click; mark(times) shows moments that were chosen.
memwhy.timeline = (element, first, options = {}) => {
  const { format, ticks, time, moment, timeTicks, svg, html } = memwhy.scales;
  const left = 82, right = 14, mainHeight = 250, panelHeight = 44, panelGap = 30, topGap = 12;
  let chart = first;
  let domain = null;
  let geometry = null;
  let reading = null;
  let drag = null;
  let marked = [];

  element.replaceChildren();
  const legend = html("ul", { class: "legend" });
  const root = svg("svg", { tabindex: "0", role: "img", "aria-label": element.getAttribute("aria-label") || "Memory over time" });
  const spoken = html("p", { class: "unseen", "aria-live": "polite" });
  element.append(legend, root, spoken);
  element.removeAttribute("role");

  const wholeDomain = () => {
    const all = chart.times.concat(chart.stack ? chart.stack.times : []);
    const from = Math.min(...ends(all)), to = Math.max(...ends(all));
    return to > from ? [from, to] : [from, from + 1000];
  };
  // Times are in order, so the ends are enough; a spread of a hundred thousand arguments would overflow the stack.
  const ends = (times) => times.length ? [times[0], times[times.length - 1], chart.times[0], chart.times[chart.times.length - 1]] : [0, 1];

  const highest = () => {
    let top = 0;
    const look = (values) => { for (const value of values) if (value > top) top = value; };
    for (const line of chart.lines) look(line.high || line.values);
    if (chart.stack) {
      chart.stack.times.forEach((_, index) => look([chart.stack.layers.reduce((sum, layer) => sum + layer.values[index], 0)]));
    }
    return top;
  };

  // Path of a line; a gap where a value is missing.
  const path = (times, values, x, y) => {
    let text = "", open = false;
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index];
      if (value === null || value === undefined) { open = false; continue; }
      text += `${open ? "L" : "M"}${x(times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
      open = true;
    }
    return text;
  };
  // Path of an area between two rows of values; areas do not reach over gaps.
  const area = (times, low, high, x, y) => {
    let text = "", start = -1;
    const close = (end) => {
      if (start < 0 || end - start < 2) { start = -1; return; }
      for (let index = start; index < end; index += 1) text += `${index === start ? "M" : "L"}${x(times[index]).toFixed(1)} ${y(high[index]).toFixed(1)}`;
      for (let index = end - 1; index >= start; index -= 1) text += `L${x(times[index]).toFixed(1)} ${y(low[index]).toFixed(1)}`;
      text += "Z";
      start = -1;
    };
    for (let index = 0; index < times.length; index += 1) {
      const known = low[index] !== null && low[index] !== undefined && high[index] !== null && high[index] !== undefined;
      if (known && start < 0) start = index;
      if (!known) close(index);
    }
    close(times.length);
    return text;
  };

  const axisX = (group, x, bottom, top, width) => {
    const [from, to] = domain;
    for (const value of timeTicks(from, to, Math.max(2, Math.floor(width / 95)))) {
      const at = x(value).toFixed(1);
      group.append(svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }));
      if (x(value) > left + 12 && x(value) < left + width - 12) {
        group.append(svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, time(value, to - from)));
      }
    }
  };

  const draw = () => {
    const full = Math.max(element.clientWidth || 680, 260);
    const width = full - left - right;
    domain = domain || wholeDomain();
    const [from, to] = domain;
    const x = (value) => left + (value - from) / (to - from) * width;
    const height = topGap + mainHeight + 24 + chart.panels.length * (panelHeight + panelGap) + (chart.panels.length ? 22 : 0);
    root.replaceChildren();
    root.setAttribute("viewBox", `0 0 ${full} ${height}`);
    root.setAttribute("height", height);
    const clip = svg("clipPath", { id: `${element.id}-clip` });
    clip.append(svg("rect", { x: left, y: 0, width, height }));
    root.append(clip);
    main(x, width);
    chart.panels.forEach((panel, index) => {
      small(panel, x, width, topGap + mainHeight + 24 + index * (panelHeight + panelGap) + panelGap);
    });
    const bottom = height - 22;
    if (chart.panels.length) axisX(root, x, bottom, bottom, width);
    events(x, bottom, width);
    geometry = { x, width, bottom, full };
    showMarks();
    showLegend();
    read(reading);
  };

  const main = (x, width) => {
    const bottom = topGap + mainHeight;
    const top = highest() * 1.06 || 1;
    // A limit far above would press everything to the ground: then it is said, not drawn.
    const drawsLimit = chart.limit && chart.limit <= top * 2.2;
    const ceiling = drawsLimit ? Math.max(top, chart.limit * 1.04) : top;
    const y = (value) => bottom - Math.min(value / ceiling, 1.02) * mainHeight;
    axisX(root, x, bottom, topGap, width);
    for (const value of ticks(ceiling, 5, "bytes")) {
      root.append(svg("line", { class: value === 0 ? "axis" : "grid", x1: left, x2: left + width, y1: y(value), y2: y(value) }));
      root.append(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, format(value, "bytes").replace(".0 ", " ")));
    }
    const inside = svg("g", { "clip-path": `url(#${element.id}-clip)` });
    root.append(inside);
    if (chart.stack) {
      let below = chart.stack.times.map(() => 0);
      for (const layer of chart.stack.layers) {
        const above = below.map((value, index) => value + layer.values[index]);
        const shape = svg("path", { class: `layer h-${layer.id}`, d: area(chart.stack.times, below, above, x, y) });
        shape.append(svg("title", {}, layer.title));
        inside.append(shape);
        below = above;
      }
      if (chart.stack.isMeasuredAtTimes && chart.stack.times.length <= 60) {
        for (const value of chart.stack.times) {
          inside.append(svg("line", { class: "snapshot", x1: x(value), x2: x(value), y1: bottom, y2: bottom - 6 }));
        }
      }
    }
    chart.lines.forEach((line, index) => {
      if (line.low && line.high) inside.append(svg("path", { class: "band", d: area(chart.times, line.low, line.high, x, y) }));
      const shape = path(chart.times, line.values, x, y);
      if (chart.stack) inside.append(svg("path", { class: "halo", d: shape }));
      inside.append(svg("path", { class: `line${index ? " second" : ""}`, d: shape }));
    });
    if (chart.limit) {
      const at = drawsLimit ? y(chart.limit) : topGap;
      if (drawsLimit) root.append(svg("line", { class: "limit", x1: left, x2: left + width, y1: at, y2: at }));
      root.append(svg("text", { class: "limit-text", x: left + width - 4, y: at + (drawsLimit ? -5 : 10), "text-anchor": "end" },
        drawsLimit ? `limit ${format(chart.limit, "bytes")}` : `limit ${format(chart.limit, "bytes")}, far above`));
    }
  };

  const small = (panel, x, width, top) => {
    const bottom = top + panelHeight;
    let highestValue = 0, last = null;
    for (const value of panel.high || panel.values) if (value > highestValue) highestValue = value;
    for (const value of panel.values) if (value !== null && value !== undefined) last = value;
    const ceiling = highestValue * 1.1 || 1;
    const y = (value) => bottom - Math.max(value, 0) / ceiling * panelHeight;
    const title = svg("text", { class: "title", x: left, y: top - 8 }, panel.title);
    title.append(svg("title", {}, panel.meaning));
    const now = svg("tspan", { class: "now", dx: 8, "font-weight": "400", "data-panel": panel.id }, format(last, panel.unit));
    title.append(now);
    root.append(title);
    for (const value of [0, highestValue]) {
      root.append(svg("line", { class: value === 0 ? "axis" : "grid", x1: left, x2: left + width, y1: y(value), y2: y(value) }));
      if (highestValue > 0 || value === 0) {
        root.append(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, format(value, panel.unit).replace(" cores", "")));
      }
      if (highestValue === 0) break;
    }
    const inside = svg("g", { "clip-path": `url(#${element.id}-clip)` });
    if (panel.low && panel.high) inside.append(svg("path", { class: "band", d: area(chart.times, panel.low, panel.high, x, y) }));
    inside.append(svg("path", { class: "small", d: path(chart.times, panel.values, x, y) }));
    root.append(inside);
  };

  const events = (x, bottom, width) => {
    for (const event of chart.events) {
      if (event.kind === "snapshot" || event.kind === "started" || event.time < domain[0] || event.time > domain[1]) continue;
      const at = Math.min(Math.max(x(event.time), left), left + width).toFixed(1);
      const group = svg("g", {});
      group.append(svg("title", {}, `${moment(event.time)}: ${event.detail}`));
      group.append(svg("line", { class: "event", x1: at, x2: at, y1: topGap - 4, y2: bottom }));
      group.append(svg("path", { class: "event-mark", d: `M${at} ${topGap}l-4 -7h8z` }));
      root.append(group);
    }
  };

  const showMarks = () => {
    root.querySelectorAll(".moment").forEach((line) => line.remove());
    for (const value of marked) {
      if (value < domain[0] || value > domain[1]) continue;
      const at = geometry.x(value).toFixed(1);
      root.append(svg("line", { class: "moment", x1: at, x2: at, y1: topGap, y2: geometry.bottom }));
    }
  };

  const swatch = (mark) => {
    const box = svg("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" });
    box.append(mark);
    return box;
  };
  const showLegend = () => {
    legend.replaceChildren();
    chart.lines.forEach((line, index) => {
      const item = html("li", { title: line.meaning });
      item.append(swatch(svg("line", { class: `stroke${index ? " second" : ""}`, x1: 0, x2: 10, y1: 5, y2: 5 })), line.title, html("span", { class: "value", "data-line": line.id }));
      legend.append(item);
    });
    for (const layer of chart.stack ? [...chart.stack.layers].reverse() : []) {
      const item = html("li");
      item.append(swatch(svg("rect", { class: `part h-${layer.id}`, width: 10, height: 10 })), layer.title, html("span", { class: "value", "data-layer": layer.id }));
      legend.append(item);
    }
  };

  const nearest = (times, value) => {
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < value) low = middle + 1; else high = middle;
    }
    return low > 0 && value - times[low - 1] < times[low] - value ? low - 1 : low;
  };

  // Shows the values at a moment, the newest ones for null.
  const read = (value) => {
    reading = value;
    root.querySelectorAll(".cross").forEach((line) => line.remove());
    const at = value === null ? chart.times.length - 1 : nearest(chart.times, value);
    if (at < 0) return;
    for (const line of chart.lines) text(legend, "line", line.id, format(line.values[at], line.unit));
    for (const panel of chart.panels) text(root, "panel", panel.id, format(panel.values[at], panel.unit));
    if (chart.stack) {
      const index = nearest(chart.stack.times, chart.times[at]);
      for (const layer of chart.stack.layers) text(legend, "layer", layer.id, format(between(chart.stack.times, layer.values, index, chart.times[at]), "bytes"));
    }
    if (value === null) { spoken.textContent = ""; return; }
    const place = geometry.x(chart.times[at]).toFixed(1);
    root.append(svg("line", { class: "cross", x1: place, x2: place, y1: topGap, y2: geometry.bottom }));
    const flip = geometry.x(chart.times[at]) > left + geometry.width - 140;
    root.append(svg("text", { class: "cross title", x: Number(place) + (flip ? -6 : 6), y: topGap + mainHeight - 8, "text-anchor": flip ? "end" : "start" }, moment(chart.times[at])));
    spoken.textContent = `${moment(chart.times[at])}: ${chart.lines.map((line) => `${line.title} ${format(line.values[at], line.unit)}`).join(", ")}`;
  };
  const between = (times, values, index, value) => {
    const other = value > times[index] ? index + 1 : index - 1;
    if (other < 0 || other >= times.length || times[other] === times[index]) return values[index];
    const part = (value - times[index]) / (times[other] - times[index]);
    return values[index] + (values[other] - values[index]) * part;
  };
  const text = (container, key, id, value) => {
    for (const place of container.querySelectorAll(`[data-${key}]`)) if (place.dataset[key] === id) place.textContent = value;
  };

  const zoom = (range) => {
    if (options.onZoom) { options.onZoom(range && range[0], range && range[1]); return; }
    domain = range || wholeDomain();
    draw();
  };
  const timeAt = (event) => {
    const box = root.getBoundingClientRect();
    const place = (event.clientX - box.left) * geometry.full / box.width;
    const part = Math.min(Math.max((place - left) / geometry.width, 0), 1);
    return domain[0] + part * (domain[1] - domain[0]);
  };

  root.addEventListener("pointermove", (event) => {
    read(timeAt(event));
    if (!drag) return;
    const [a, b] = [geometry.x(drag.from), geometry.x(timeAt(event))];
    drag.box.setAttribute("x", Math.min(a, b));
    drag.box.setAttribute("width", Math.abs(a - b));
  });
  root.addEventListener("pointerleave", () => { if (!drag) read(null); });
  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const box = svg("rect", { class: "chosen", y: topGap, height: geometry.bottom - topGap, x: 0, width: 0 });
    root.append(box);
    drag = { from: timeAt(event), at: event.clientX, box };
    try { root.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone */ }
  });
  root.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { from, at, box } = drag;
    drag = null;
    box.remove();
    const to = timeAt(event);
    if (Math.abs(event.clientX - at) > 5) zoom([Math.min(from, to), Math.max(from, to)]);
    else if (options.onPick) options.onPick(chart.times[nearest(chart.times, to)]);
  });
  root.addEventListener("dblclick", () => zoom(null));
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      const at = reading === null ? chart.times.length - 1 : nearest(chart.times, reading);
      read(chart.times[Math.min(Math.max(at + step, 0), chart.times.length - 1)]);
    } else if (event.key === "Enter" && options.onPick && reading !== null) options.onPick(reading);
    else if (event.key === "Escape") zoom(null);
    else return;
    event.preventDefault();
  });

  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    draw();
  }).observe(element);
  draw();
  return {
    update: (next) => { chart = next; domain = null; reading = null; draw(); },
    mark: (times) => { marked = times; showMarks(); },
  };
};
