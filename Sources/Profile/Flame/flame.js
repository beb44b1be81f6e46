// A flame graph, root at the top. `flameGraph(place, tree, options)` draws a tree of {name, value, base, children} into an element;
// the last lines of this file read that tree from the page. No libraries, no network.
"use strict";

const ROW = 20;
/** Frames that are narrower than this many pixels are not drawn. */
const THINNEST = 0.6;

/** Bytes as 1.5 MiB, nanoseconds as 1.5 ms, anything else as a number with separators. */
function formatValue(value, unit) {
  const families = {
    bytes: [["B", "KiB", "MiB", "GiB", "TiB"], 1024],
    nanoseconds: [["ns", "µs", "ms", "s"], 1000],
  };
  const family = families[unit];
  if (!family) return value.toLocaleString("en") + (unit && unit !== "count" ? " " + unit : "");
  let scaled = Math.abs(value);
  let step = 0;
  while (scaled >= family[1] && step < family[0].length - 1) {
    scaled /= family[1];
    step += 1;
  }
  return (value < 0 ? "−" : "") + (step ? scaled.toFixed(1) : scaled) + " " + family[0][step];
}

/** A share with one decimal; never 0.0 % of something. */
function formatShare(part, whole) {
  if (!whole) return "0 %";
  const share = (part / whole) * 100;
  if (share !== 0 && Math.abs(share) < 0.1) return "<0.1 %";
  return share.toFixed(1) + " %";
}

/** The same name has the same colour on every page. */
function hueOf(name) {
  let hash = 2166136261;
  for (let index = 0; index < name.length; index += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 16777619);
  }
  return 18 + ((hash >>> 0) % 40);
}

function element(kind, className, text) {
  const result = document.createElement(kind);
  if (className) result.className = className;
  if (text !== undefined) result.textContent = text;
  return result;
}

function flameGraph(place, root, options) {
  const { unit, isDifference } = options;
  let zoomed = root;
  let basis = "value";
  let pattern = null;
  let drawn = [];

  // Every node knows its parent; children are sorted by name, so that two pages are alike.
  (function link(node, parent, depth) {
    node.parent = parent;
    node.depth = depth;
    node.children.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const child of node.children) link(child, node, depth + 1);
  })(root, null, 0);

  const size = (node) => Math.max(0, node[basis]);

  // MARK: Parts of the page

  const bar = element("div", "bar");
  const search = element("input");
  search.type = "search";
  search.placeholder = "Search names (/)";
  search.setAttribute("aria-label", "Search names; a regular expression");
  const result = element("span", "result");
  result.setAttribute("role", "status");
  const reset = element("button", "", "Whole graph (Esc)");
  const theme = element("button", "", "Light / dark");
  bar.append(search, reset);
  if (isDifference) {
    const before = element("button", "", "Widths: before");
    before.setAttribute("aria-pressed", "false");
    before.addEventListener("click", () => {
      basis = basis === "value" ? "base" : "value";
      before.setAttribute("aria-pressed", String(basis === "base"));
      draw();
    });
    bar.append(before);
  }
  bar.append(theme, result);
  bar.append(legend());
  const detail = element("div", "detail");
  const stage = element("div", "stage");
  stage.setAttribute("role", "tree");
  stage.setAttribute("aria-label", "Flame graph, callers above what they call. Arrow keys move, Enter zooms, Escape shows everything.");
  place.append(bar, detail, stage);

  function legend() {
    const list = element("div", "legend");
    const entries = isDifference
      ? [["+ grown", "rgba(var(--grown), 0.75)"], ["− shrunk", "rgba(var(--shrunk), 0.75)"], ["same", "var(--same)"]]
      : [["function", "hsl(30 75% var(--plain-light))"], ["async", "var(--async)"], ["runtime", "var(--runtime)"]];
    for (const [text, colour] of entries) {
      const item = element("span", "", text);
      item.style.setProperty("--swatch", colour);
      list.append(item);
    }
    return list;
  }

  // MARK: Colours

  function colourOf(node) {
    if (isDifference) {
      const delta = node.value - node.base;
      if (delta === 0) return "var(--same)";
      // Strong where much of the frame itself is new or gone; the sign in the text says it without colour.
      const strength = 0.2 + 0.65 * Math.min(1, Math.abs(delta) / Math.max(node.value, node.base, 1));
      return `rgba(var(${delta > 0 ? "--grown" : "--shrunk"}), ${strength.toFixed(3)})`;
    }
    if (node.name.endsWith("[async]")) return "var(--async)";
    if (/^(swift_|_swift_|malloc|calloc|realloc|operator new|__libc|_start|start_thread)/.test(node.name) || node.name.startsWith("(")) {
      return "var(--runtime)";
    }
    return `hsl(${hueOf(node.name)} 75% var(--plain-light))`;
  }

  // MARK: Text

  function sign(node) {
    if (!isDifference || node.value === node.base) return "";
    return node.value > node.base ? "+ " : "− ";
  }

  function describe(node) {
    const value = formatValue(node.value, unit);
    const parts = [value, formatShare(node.value, root.value) + " of all"];
    if (zoomed !== root) parts.push(formatShare(node.value, zoomed.value) + " of the shown");
    if (isDifference) {
      const delta = node.value - node.base;
      parts.push("before " + formatValue(node.base, unit), (delta >= 0 ? "+" : "") + formatValue(delta, unit));
    }
    const own = node.value - node.children.reduce((sum, child) => sum + child.value, 0);
    if (own > 0) parts.push(formatValue(own, unit) + " its own");
    return parts.join(" · ");
  }

  function showDetail(node) {
    detail.replaceChildren(element("b", "", node.name), element("br"), element("span", "", describe(node)));
  }

  // MARK: Drawing

  function draw() {
    const width = stage.clientWidth;
    const frames = [];
    drawn = [];
    let deepest = 0;
    function add(node, left, frameWidth, above) {
      if (frameWidth < THINNEST) return;
      const frame = element("div", "frame", sign(node) + node.name);
      frame.style.left = left + "px";
      frame.style.top = node.depth * ROW + "px";
      frame.style.width = frameWidth + "px";
      frame.style.background = colourOf(node);
      if (isDifference && node.value < node.base) {
        // Stripes tell shrunk from grown where colours look alike.
        frame.style.backgroundImage = "repeating-linear-gradient(135deg, transparent 0 6px, rgba(127, 127, 127, 0.22) 6px 8px)";
      }
      if (frameWidth < 22) frame.classList.add("narrow");
      if (above) frame.classList.add("above");
      if (pattern && pattern.test(node.name)) frame.classList.add("found");
      frame.title = node.name + "\n" + describe(node);
      frame.tabIndex = -1;
      frame.setAttribute("role", "treeitem");
      frame.setAttribute("aria-level", String(node.depth + 1));
      frame.node = node;
      node.frame = frame;
      drawn.push(node);
      frames.push(frame);
      deepest = Math.max(deepest, node.depth);
    }
    function addBelow(node, left, perUnit) {
      add(node, left, size(node) * perUnit, false);
      let start = left;
      for (const child of node.children) {
        const childWidth = size(child) * perUnit;
        if (childWidth >= THINNEST) addBelow(child, start, perUnit);
        start += childWidth;
      }
    }
    for (let node = root; node; node = node.children.find((child) => contains(child, zoomed))) {
      if (node === zoomed) break;
      add(node, 0, width, true);
    }
    addBelow(zoomed, 0, size(zoomed) ? width / size(zoomed) : 0);
    stage.style.height = (deepest + 1) * ROW + "px";
    stage.replaceChildren(...frames);
    if (zoomed.frame) zoomed.frame.tabIndex = 0;
    showDetail(zoomed);
    showResult();
  }

  function contains(node, wanted) {
    for (let other = wanted; other; other = other.parent) if (other === node) return true;
    return false;
  }

  function zoom(node) {
    zoomed = node;
    draw();
    if (node.frame) node.frame.focus({ preventScroll: true });
  }

  // MARK: Search

  /** What matching frames hold together; one inside another counts once. */
  function found(node) {
    if (pattern.test(node.name)) return { sum: size(node), count: 1 };
    const total = { sum: 0, count: 0 };
    for (const child of node.children) {
      const part = found(child);
      total.sum += part.sum;
      total.count += part.count;
    }
    return total;
  }

  function showResult() {
    if (!pattern) {
      result.textContent = "";
      return;
    }
    const { sum, count } = found(zoomed);
    result.textContent = count ? `${count} found, ${formatShare(sum, size(zoomed))} (${formatValue(sum, unit)})` : "nothing found";
  }

  function searchFor(text) {
    pattern = null;
    if (text) {
      try {
        pattern = new RegExp(text, "i");
      } catch {
        pattern = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
      }
    }
    for (const node of drawn) node.frame.classList.toggle("found", Boolean(pattern && pattern.test(node.name)));
    showResult();
  }

  // MARK: Mouse and keys

  const nodeOf = (event) => (event.target instanceof HTMLElement ? event.target.node : undefined);
  stage.addEventListener("click", (event) => nodeOf(event) && zoom(nodeOf(event)));
  stage.addEventListener("mouseover", (event) => nodeOf(event) && showDetail(nodeOf(event)));
  stage.addEventListener("focusin", (event) => nodeOf(event) && showDetail(nodeOf(event)));
  stage.addEventListener("mouseleave", () => showDetail(zoomed));
  search.addEventListener("input", () => searchFor(search.value));
  reset.addEventListener("click", () => zoom(root));
  theme.addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
  });
  addEventListener("resize", draw);

  stage.addEventListener("keydown", (event) => {
    const node = nodeOf(event);
    if (!node) return;
    const isShown = (other) => other && drawn.includes(other);
    const siblings = node.parent ? node.parent.children.filter(isShown) : [node];
    const moves = {
      ArrowUp: node.parent,
      ArrowDown: node.children.filter(isShown).sort((a, b) => size(b) - size(a))[0],
      ArrowLeft: siblings[siblings.indexOf(node) - 1],
      ArrowRight: siblings[siblings.indexOf(node) + 1],
    };
    if (event.key === "Enter" || event.key === " ") {
      zoom(node);
    } else if (event.key in moves) {
      if (isShown(moves[event.key])) moves[event.key].frame.focus();
    } else {
      return;
    }
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      search.focus();
      event.preventDefault();
    } else if (event.key === "Escape") {
      search.value = "";
      searchFor("");
      zoom(root);
    }
  });
  draw();
}

{
  const data = JSON.parse(document.getElementById("data").textContent);
  const nodes = data.nodes.map(([name, value, base]) => ({ name: data.names[name], value, base, children: [] }));
  data.nodes.forEach((row, index) => {
    nodes[index].children = row.slice(3).map((child) => nodes[child]);
  });
  flameGraph(document.getElementById("flame"), nodes[0], data);
}
