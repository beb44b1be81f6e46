"use strict";
// A tree in which every part is as wide as it is large, and lies below what it belongs to: holders of memory, stacks of a profile.
//
// memwhy.icicle(element, { unit, root }) draws nodes {n: name, f: field, v: value, c: count, t: note, k: children}. Click or Enter
// zooms in, Escape or the trail above zooms out, arrow keys move to parent, child and neighbours.
memwhy.icicle = (element, tree) => {
  const { format, html } = memwhy.scales;
  const rowHeight = 27, smallest = 3, mostRows = 40;
  // Hues by holder, so that neighbours differ; the same colours as everywhere.
  const hues = ["swiftObjects", "files", "allocatorFree", "stacks", "nativeBlocks", "shared", "moduleData", "allocatorOverhead"];

  const prepare = (node, parent, depth, hue) => {
    node.parent = parent;
    node.depth = depth;
    node.hue = hue;
    (node.k || []).forEach((child, index) => prepare(child, node, depth + 1, depth === 0 ? hues[index % hues.length] : hue));
  };
  prepare(tree.root, null, 0, "other");

  let top = tree.root;
  let places = [];
  let focused = null;

  element.replaceChildren();
  const trail = html("nav", { class: "trail", "aria-label": "Zoom" });
  const field = html("div", { class: "field-of", role: "tree", "aria-label": "Parts by size" });
  const about = html("p", { class: "about", "aria-live": "polite" });
  element.append(trail, field, about);

  const amount = (node) => format(node.v, tree.unit === "bytes" ? "bytes" : "count");
  const share = (node) => tree.root.v > 0 ? `${(node.v / tree.root.v * 100).toFixed(1)} %` : "";
  const label = (node) => `${node.f ? `${node.f} ` : ""}${node.c > 1 ? `${node.c.toLocaleString("en-US")} × ` : ""}${node.n}`;

  const describe = (node) => {
    about.replaceChildren();
    if (!node) { about.textContent = "Point at a bar to read about it."; return; }
    const words = [`${amount(node)}, ${share(node)} of ${amount(tree.root)}`];
    if (node.t) words.push(node.t);
    about.append(html("strong", {}, label(node)), ` · ${words.join(" · ")}`);
  };

  const draw = () => {
    const width = element.clientWidth || 680;
    field.replaceChildren();
    places = [];
    let rows = 0;
    // What is above the zoomed part is shown over the whole width, to go back to.
    const above = [];
    for (let node = top.parent; node; node = node.parent) above.unshift(node);
    const put = (node, x, span, row) => {
      if (row >= mostRows + above.length || span < smallest) return;
      rows = Math.max(rows, row + 1);
      const box = html("div", {
        class: "node", role: "treeitem", tabindex: "-1", "aria-level": node.depth + 1,
        "aria-label": `${label(node)}, ${amount(node)}, ${share(node)}`, title: `${label(node)}\n${amount(node)}, ${share(node)}`,
      });
      box.classList.add(`h-${node.hue}`);
      box.style.setProperty("--tint", `${Math.max(12, 40 - 4 * Math.max(node.depth - 1, 0))}%`);
      box.style.left = `${x}px`;
      box.style.top = `${row * rowHeight}px`;
      box.style.width = `${Math.max(span - 1.5, 1)}px`;
      if (span > 26) {
        box.append(label(node));
        if (span > 120) box.append(html("span", { class: "size" }, amount(node)));
      } else box.style.padding = "0";
      box.addEventListener("click", () => zoom(node));
      box.addEventListener("pointerenter", () => describe(node));
      box.addEventListener("focus", () => { focused = node; describe(node); });
      field.append(box);
      places.push({ node, box });
    };
    above.forEach((node, index) => put(node, 0, width, index));
    const lay = (node, x, span, row) => {
      put(node, x, span, row);
      let at = x;
      let hidden = 0;
      for (const child of node.k || []) {
        const part = node.v > 0 ? span * child.v / node.v : 0;
        if (part < smallest) hidden += part;
        else { lay(child, at, part, row + 1); at += part; }
      }
      if (hidden >= smallest && row + 1 < mostRows + above.length) {
        const box = html("div", { class: "node rest", title: "smaller parts; zoom in to see them" });
        box.style.left = `${at}px`;
        box.style.top = `${(row + 1) * rowHeight}px`;
        box.style.width = `${hidden - 1.5}px`;
        field.append(box);
        rows = Math.max(rows, row + 2);
      }
    };
    lay(top, 0, width, above.length);
    field.style.height = `${rows * rowHeight}px`;
    trail.replaceChildren();
    if (top.parent) {
      const back = html("button", { type: "button" }, "← Show everything");
      back.addEventListener("click", () => zoom(tree.root));
      trail.append(back);
    } else trail.append(html("span", { class: "note" }, `${amount(tree.root)} in all`));
    const current = places.find((place) => place.node === top);
    if (current) current.box.tabIndex = 0;
    describe(top.parent ? top : null);
  };

  const zoom = (node) => {
    top = node;
    draw();
    move(node);
  };
  const move = (node) => {
    const place = places.find((one) => one.node === node);
    if (!place) return;
    for (const one of places) one.box.tabIndex = -1;
    place.box.tabIndex = 0;
    place.box.focus({ preventScroll: true });
  };

  field.addEventListener("keydown", (event) => {
    const node = focused || top;
    const family = node.parent ? node.parent.k : [node];
    const at = family.indexOf(node);
    switch (event.key) {
      case "ArrowDown": if (node.k) move(node.k[0]); break;
      case "ArrowUp": if (node.parent) move(node.parent); break;
      case "ArrowRight": move(family[Math.min(at + 1, family.length - 1)]); break;
      case "ArrowLeft": move(family[Math.max(at - 1, 0)]); break;
      case "Enter": case " ": zoom(node); break;
      case "Escape": if (top.parent) zoom(top.parent); break;
      case "Home": zoom(tree.root); break;
      default: return;
    }
    event.preventDefault();
  });

  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    draw();
  }).observe(element);
  draw();
};
