"use strict";
// Starts the charts of a saved report from the data in the page.
(() => {
  const started = performance.now();
  const data = JSON.parse(document.getElementById("data").textContent);
  const timeline = document.getElementById("timeline");
  if (timeline && data.timeline) memwhy.timeline(timeline, data.timeline);
  for (const id of Object.keys(data.trees || {})) {
    const element = document.getElementById(id);
    if (element) memwhy.icicle(element, data.trees[id]);
  }
  document.documentElement.dataset.drawnIn = Math.round(performance.now() - started);
})();
