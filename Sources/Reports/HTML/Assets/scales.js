"use strict";
// What charts share: numbers as text, round ticks, time axes, elements. Text is only ever set as text, never as markup.
window.memwhy = window.memwhy || {};
memwhy.scales = (() => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

  const bytes = (value) => {
    let size = Math.abs(value), unit = 0;
    while (size >= 1023.95 && unit < units.length - 1) { size /= 1024; unit += 1; }
    const text = unit === 0 ? String(Math.round(size)) : size.toFixed(1);
    return `${value < 0 ? "−" : ""}${text} ${units[unit]}`;
  };
  const count = (value) => Math.round(value).toLocaleString("en-US");
  const decimal = (value) => value === 0 ? "0" : Math.abs(value) < 10 ? value.toFixed(2) : Math.abs(value) < 100 ? value.toFixed(1) : count(value);

  const format = (value, unit) => {
    if (value === null || value === undefined) return "–";
    switch (unit) {
      case "bytes": return bytes(value);
      case "perSecond": return `${decimal(value)}/s`;
      case "cores": return `${decimal(value)} cores`;
      default: return count(value);
    }
  };

  // Round steps from 0 to the top: 1, 2 or 5 times a power of ten, of two for bytes.
  const ticks = (top, wanted, unit) => {
    if (!(top > 0)) return [0];
    let step;
    if (unit === "bytes") {
      const base = Math.pow(1024, Math.max(0, Math.floor(Math.log(top / wanted) / Math.log(1024))));
      const raw = top / wanted / base;
      step = base * [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].find((size) => size >= raw);
    } else {
      const base = Math.pow(10, Math.floor(Math.log10(top / wanted)));
      step = base * [1, 2, 5, 10].find((size) => size * base >= top / wanted);
    }
    const result = [];
    for (let value = 0; value <= top * 1.0001 && result.length < 50; value += step) result.push(value);
    return result;
  };

  const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
  const steps = [second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute,
    30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 60 * day, 90 * day];
  const two = (number) => String(number).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  // Times are UTC, as everywhere in memwhy.
  const time = (milliseconds, span) => {
    const date = new Date(milliseconds);
    const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    if (span < 20 * minute) return `${clock}:${two(date.getUTCSeconds())}`;
    if (span < 36 * hour) return clock;
    const label = `${date.getUTCDate()} ${months[date.getUTCMonth()]}`;
    return span < 6 * day ? `${label} ${clock}` : span < 300 * day ? label : `${label} ${date.getUTCFullYear()}`;
  };
  const moment = (milliseconds) => new Date(milliseconds).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
  const timeTicks = (from, to, wanted) => {
    const step = steps.find((size) => (to - from) / size <= wanted) || steps[steps.length - 1];
    const result = [];
    for (let value = Math.ceil(from / step) * step; value <= to && result.length < 100; value += step) result.push(value);
    return result;
  };

  const svg = (name, attributes = {}, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const html = (name, attributes = {}, text) => {
    const element = document.createElement(name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  return { format, ticks, time, moment, timeTicks, svg, html };
})();
