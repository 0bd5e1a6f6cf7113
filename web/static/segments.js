// A row of buttons of which one is pressed.

import { el } from "./dom.js";

/** Returns a group of buttons. `choices` are pairs of value and text; `choose` is called with the value that is pressed. */
export function segments(label, choices, chosen, choose) {
  const buttons = choices.map(([value, text]) => {
    const button = el("button", { type: "button", text, "aria-pressed": String(value === chosen) });
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      choose(value);
    });
    return button;
  });
  return el("div", { class: "segments", role: "group", "aria-label": label }, buttons);
}
