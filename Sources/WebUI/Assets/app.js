"use strict";
// The page of `memwhy serve`: asks the server for what is drawn, and keeps what is shown in the address (#target=…&from=…&to=…).
(() => {
  const { format, moment, html } = memwhy.scales;
  const place = (id) => document.getElementById(id);
  const minute = 60000, hour = 60 * minute, day = 24 * hour;
  const spans = [["15 min", 15 * minute], ["1 h", hour], ["6 h", 6 * hour], ["1 day", day], ["1 week", 7 * day], ["30 days", 30 * day], ["1 year", 365 * day], ["all", null]];

  let targets = [];
  let state = { target: "", from: null, to: null };
  let shown = null;
  let chart = null;
  let picked = [];
  let captures = [];
  let jobs = [];
  let asked = 0;

  const problem = (text) => { place("problem").textContent = text || ""; place("problem").hidden = !text; };
  const get = async (path, values = {}, method = "GET") => {
    const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
    // A form's "+" is a plus sign to whoever reads addresses by RFC 3986, as the server does.
    const answer = await fetch(`${path}?${String(query).replaceAll("+", "%20")}`, { method, credentials: "same-origin" });
    if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status}`);
    return answer.json();
  };
  const attempt = async (body) => {
    try { await body(); problem(""); } catch (error) { problem(error instanceof TypeError ? "The server cannot be reached." : error.message); }
  };

  // Tables: cells are texts or elements.
  const table = (caption, titles, rows) => {
    const whole = html("table");
    whole.append(html("caption", { class: "unseen" }, caption));
    const head = html("tr");
    titles.forEach((title) => head.append(html("th", { scope: "col", class: title.startsWith("#") ? "number" : "" }, title.replace("#", ""))));
    const top = html("thead");
    top.append(head);
    const body = html("tbody");
    for (const cells of rows) {
      const row = html("tr");
      cells.forEach((cell, index) => {
        const box = html("td", { class: titles[index].startsWith("#") ? "number" : "" });
        box.append(cell);
        row.append(box);
      });
      body.append(row);
    }
    whole.append(top, body);
    const scroll = html("div", { class: "scroll" });
    scroll.append(whole);
    return scroll;
  };
  const code = (text) => html("code", {}, text);
  const change = (bytes) => `${bytes > 0 ? "+" : ""}${format(bytes, "bytes")}`;
  const button = (text, action) => {
    const element = html("button", { type: "button" }, text);
    element.addEventListener("click", action);
    return element;
  };

  const address = () => {
    const values = new URLSearchParams();
    for (const key of ["target", "from", "to"]) if (state[key]) values.set(key, state[key]);
    const hash = `#${values}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
  };
  const readAddress = () => {
    const values = new URLSearchParams(location.hash.slice(1));
    const number = (name) => Number(values.get(name)) > 0 ? Math.round(Number(values.get(name))) : null;
    state = { target: values.get("target") || "", from: number("from"), to: number("to") };
  };

  // The list of services.
  const showTargets = () => {
    const select = place("targets");
    select.replaceChildren(html("option", { value: "" }, targets.length ? "All services" : "Nothing recorded"));
    for (const target of targets) select.append(html("option", { value: target.name }, target.title));
    select.value = state.target;
    const rows = targets.map((target) => {
      const link = html("a", { href: `#${new URLSearchParams({ target: target.name })}` }, target.title);
      return [link, html("span", { class: "state" }, target.isRunning ? `● runs as ${target.pid}` : "○ ended"), String(target.lives), moment(target.first), moment(target.last), code(target.name)];
    });
    place("target-list").replaceChildren(rows.length
      ? table("Services", ["Service", "State", "#Lives", "First seen", "Last seen", "Recorded as"], rows)
      : html("p", {}, "Nothing is recorded here yet. memwhy watch PID records."));
  };

  // The chart of one service.
  const drawChart = async () => {
    const turn = ++asked;
    const width = Math.min(Math.max(Math.round(place("timeline").clientWidth), 200), 2000);
    const answer = await get("/api/timeline", { target: state.target, from: state.from, to: state.to, width });
    if (turn !== asked) return;
    shown = answer;
    const options = {
      onZoom: (from, to) => { place("live").checked = false; go(from && Math.round(from), to && Math.round(to)); },
      onPick: pick,
    };
    if (chart) chart.update(answer.chart); else chart = memwhy.timeline(place("timeline"), answer.chart, options);
    const target = targets.find((one) => one.name === state.target);
    place("service-title").textContent = target ? target.title : state.target;
    place("service-facts").textContent = `${target && target.isRunning ? `runs as process ${target.pid}` : "ended"} · recorded from ${moment(answer.first)} to ${moment(answer.last)}`;
    if (target && target.isRunning && !place("pid").value) place("pid").value = target.pid;
    place("resolution").textContent = `one point for ${memwhy.spanText(answer.column)}`;
    for (const one of place("spans").children) one.setAttribute("aria-pressed", String(isSpan(Number(one.dataset.span))));
    const rows = answer.chart.events.slice(-12).map((event) => [moment(event.time), event.detail]);
    place("events").replaceChildren(rows.length ? table("Events", ["Time", "What happened"], rows) : "");
  };
  const isSpan = (span) => span ? Boolean(state.from && !state.to && Math.abs(shown.last - state.from - span) < span / 50) : !state.from && !state.to;
  memwhy.spanText = (milliseconds) => milliseconds < 1000 ? `${milliseconds} ms` : milliseconds < minute ? `${Math.round(milliseconds / 1000)} s`
    : milliseconds < hour ? `${(milliseconds / minute).toFixed(1)} min` : `${(milliseconds / hour).toFixed(1)} h`;

  const go = (from, to) => {
    state.from = from || null;
    state.to = to || null;
    address();
    attempt(drawChart);
  };

  // Two moments.
  const valuesAt = (time) => {
    const { times, lines, panels } = shown.chart;
    let index = 0;
    times.forEach((value, at) => { if (Math.abs(value - time) < Math.abs(times[index] - time)) index = at; });
    return lines.concat(panels).map((line) => ({ id: line.id, title: line.title, unit: line.unit, value: line.values[index] }));
  };
  const pick = (time) => {
    if (picked.length === 2) picked = [];
    picked.push({ time, values: valuesAt(time) });
    picked.sort((a, b) => a.time - b.time);
    attempt(showMoments);
  };
  const showMoments = async () => {
    chart.mark(picked.map((one) => one.time));
    const box = place("moments");
    if (picked.length === 1) { box.replaceChildren(html("p", { class: "note" }, `${moment(picked[0].time)} is chosen; click the other moment.`)); return; }
    const [first, last] = picked;
    const rows = last.values.map((value) => {
      const before = first.values.find((one) => one.id === value.id);
      const known = before && before.value !== null && before.value !== undefined && value.value !== null && value.value !== undefined;
      const difference = known ? value.value - before.value : null;
      return [value.title, format(before && before.value, value.unit), format(value.value, value.unit), known ? `${difference > 0 ? "+" : difference < 0 ? "−" : ""}${format(Math.abs(difference), value.unit)}` : "–"];
    });
    box.replaceChildren(table("Two moments", ["What", `#${moment(first.time)}`, `#${moment(last.time)}`, "#Change"], rows));
    // The snapshots nearest to the moments say what grew.
    const nearest = (time) => captures.reduce((best, one) => !best || Math.abs(one.time - time) < Math.abs(best.time - time) ? one : best, null);
    const [before, after] = [nearest(first.time), nearest(last.time)];
    if (before && after && before.id !== after.id) box.append(await comparison(before.id, after.id));
    else box.append(html("p", { class: "note" }, "There are no two snapshots near these moments to say what grew."));
  };
  const comparison = async (before, after) => {
    const answer = await get("/api/compare", { before, after });
    const box = html("div");
    const part = (title, rows) => {
      box.append(html("h3", {}, title));
      box.append(rows.length ? table(title, ["What", "#Change", "#Before", "#After", "#Number"], rows.map((row) => [code(row.name), change(row.change), format(row.before, "bytes"), format(row.after, "bytes"), `${format(row.countBefore)} → ${format(row.countAfter)}`])) : html("p", { class: "note" }, "Nothing changed."));
    };
    box.append(html("p", { class: "note" }, `Snapshots of ${moment(answer.before)} and ${moment(answer.after)}: ${format(answer.liveBefore, "bytes")} → ${format(answer.liveAfter, "bytes")} in live blocks.`));
    part("Holders", answer.holders.slice(0, 30));
    part("Types", answer.types.slice(0, 30));
    return box;
  };

  // Snapshots.
  const showCaptures = async () => {
    captures = await get("/api/captures", { target: state.target });
    const rows = captures.slice(-40).reverse().map((one) => [moment(one.time), button("Show", () => attempt(() => showCapture(one.id)))]);
    place("captures").replaceChildren(rows.length ? table("Snapshots", ["Time", ""], rows) : html("p", { class: "note" }, "No snapshot is kept of this service."));
  };
  const showCapture = async (id) => {
    const one = await get("/api/capture", { id });
    const box = place("capture");
    box.replaceChildren(
      html("h3", {}, `Snapshot of ${moment(one.time)}`),
      html("p", { class: "note" }, `${format(one.liveBytes, "bytes")} in ${format(one.liveBlocks)} live blocks; ${format(one.freeBytes, "bytes")} free in ${one.arenas} arenas; ${one.threads} threads; ${one.allocator}`));
    if (one.books.length) box.append(html("h3", {}, "Where resident memory was"), table("Books", ["What", "#Bytes"], one.books.map((row) => [row.name, format(row.bytes, "bytes")])));
    if (one.holders) {
      const tree = html("div", { class: "icicle", id: "capture-holders" });
      box.append(html("h3", {}, "Who held what"), tree);
      memwhy.icicle(tree, withShortKeys(one.holders));
    }
    if (one.leaks && one.leaks.length) box.append(html("h3", {}, "Leaks"), table("Leaks", ["What", "#Times", "#Bytes"], one.leaks.map((row) => [code(row.name), format(row.count), format(row.bytes, "bytes")])));
    box.append(html("h3", {}, "Types"), table("Types", ["Type", "#Blocks", "#Bytes"], one.types.slice(0, 40).map((row) => [code(row.name), format(row.count), format(row.bytes, "bytes")])));
    box.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };
  const withShortKeys = (tree) => {
    const node = (one) => ({ n: one.name, f: one.field, v: one.value, c: one.count, t: one.note, k: one.children.length ? one.children.map(node) : undefined });
    return { unit: tree.unit, root: node(tree.root) };
  };

  // Diagnoses.
  const showJobs = async () => {
    jobs = await get("/api/jobs");
    const list = place("jobs");
    list.replaceChildren();
    for (const job of [...jobs].reverse()) {
      const item = html("li");
      if (job.state === "done") item.append(html("a", { href: `/report?id=${job.id}`, target: "_blank", rel: "noopener" }, `Report of process ${job.pid}`), ` ${job.sentence}`);
      else item.append(`${job.state === "running" ? "Diagnosing" : "No report of"} process ${job.pid}: ${job.note}`);
      list.append(item);
    }
    place("diagnose").disabled = jobs.some((job) => job.state === "running");
  };
  place("diagnose").addEventListener("click", () => attempt(async () => {
    await get("/api/diagnose", { pid: place("pid").value.trim(), seconds: place("seconds").value }, "POST");
    await showJobs();
  }));

  const open = async () => {
    readAddress();
    targets = await get("/api/targets");
    showTargets();
    place("overview").hidden = Boolean(state.target);
    place("service").hidden = !state.target;
    picked = [];
    if (chart) chart.mark([]);
    place("capture").replaceChildren();
    if (!state.target) return;
    place("pid").value = "";
    await drawChart();
    await showCaptures();
    await showJobs();
    document.documentElement.dataset.opened = state.target;
  };

  for (const [title, span] of spans) {
    const one = button(title, () => {
      if (!span) { go(null, null); return; }
      go(Math.max(shown.last - span, 1), null);
    });
    one.dataset.span = span || 0;
    place("spans").append(one);
  }
  place("targets").addEventListener("change", () => { location.hash = place("targets").value ? `#${new URLSearchParams({ target: place("targets").value })}` : ""; });
  window.addEventListener("hashchange", () => attempt(open));
  setInterval(() => {
    if (document.hidden || !state.target) return;
    if (jobs.some((job) => job.state === "running")) attempt(showJobs);
    if (place("live").checked && shown) {
      const span = isSpan(0) ? null : shown.to - shown.from;
      attempt(async () => {
        targets = await get("/api/targets");
        const target = targets.find((one) => one.name === state.target);
        if (span && target) state.from = target.last - span;
        state.to = null;
        await drawChart();
      });
    }
  }, 2000);
  attempt(open);
})();
