// Runs before the first paint, so that a reader of dark pages sees no white flash. No module, for the same reason.
(() => {
  "use strict";
  const KEY = "ratecast-theme";
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // A browser that keeps nothing still follows the system's colours.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
