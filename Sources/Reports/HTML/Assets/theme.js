"use strict";
// The switch between the reader's own setting, light and dark. A page that may not keep settings forgets it.
(() => {
  const names = { auto: "Auto", light: "Light", dark: "Dark" };
  const button = document.getElementById("theme");
  if (!button) return;
  const read = () => { try { return localStorage.getItem("memwhy-theme") || "auto"; } catch { return "auto"; } };
  const write = (theme) => { try { localStorage.setItem("memwhy-theme", theme); } catch { /* not kept */ } };
  const apply = (theme) => {
    if (!(theme in names)) theme = "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = names[theme];
    button.setAttribute("aria-label", `Colours: ${names[theme]}. Press to change.`);
  };
  let theme = read();
  apply(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    const order = Object.keys(names);
    theme = order[(order.indexOf(theme) + 1) % order.length];
    write(theme);
    apply(theme);
  });
})();
