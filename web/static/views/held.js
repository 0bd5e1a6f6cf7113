// "held 95 of 100": how often the next rate was inside the range, and whether that is as often as promised.

import { el, setAttribute, setText, svg } from "../dom.js";

/** Returns whether so few rates were inside that chance alone rarely explains it (two standard errors). */
export function tooFew(level, { held, of }) {
  const share = level / 100;
  return of >= 20 && held / of < share - 2 * Math.sqrt((share * (1 - share)) / of);
}

/** A sentence with a small bar; a tick on the bar stands where the promise is. */
export class Held {
  #words = el("span", { class: "held-words" });
  #bar = svg("rect", { class: "held-bar", height: "4", y: "2", rx: "2" });
  #level;

  constructor(level) {
    this.#level = level;
    const scale = svg(
      "svg",
      { class: "held-scale", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "held-rail", width: "100", height: "4", y: "2", rx: "2" }),
      this.#bar,
      svg("rect", { class: "held-promise", x: String(level - 0.75), width: "1.5", height: "8" }),
    );
    this.node = el("span", { class: "held" }, this.#words, scale);
  }

  draw(held) {
    const known = held && held.of > 0;
    setText(this.#words, known ? `held ${held.held} of ${held.of}` : "nothing to compare yet");
    setAttribute(this.#bar, "width", known ? ((100 * held.held) / held.of).toFixed(1) : "0");
    const few = Boolean(known && tooFew(this.#level, held));
    this.node.classList.toggle("is-few", few);
    setAttribute(this.node, "title", few ? `fewer than the ${this.#level} of 100 that the range is meant to hold` : null);
  }
}
