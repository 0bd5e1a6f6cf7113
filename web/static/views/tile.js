// A pair on the overview: the last rate, the range of the next one, how it held, and what is wrong, in words.

import { Sparkline } from "../charts/sparkline.js";
import { el, icon, setAttribute, setText } from "../dom.js";
import { day, percent, range, rate, signedPercent, slug, toldBy, words } from "../format.js";
import { Held } from "./held.js";

const FLASH_AFTER_MS = 3_000; // a tile that changes all the time must not flicker
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Tile {
  #link;
  #rate = el("span", { class: "tile-rate" });
  #change = el("span", { class: "tile-change" });
  #day = el("span", { class: "tile-day" });
  #drift = el("span", { class: "chip", "data-tone": "warn" });
  #spark = new Sparkline();
  #next = el("span", { class: "tile-next-day" });
  #range = el("span", { class: "tile-range" });
  #width = el("span", { class: "tile-width" });
  #held = new Held(95);
  #alerts = el("ul", { class: "tile-alerts" });
  #alertKey = "";
  #drawnAt = 0;

  constructor(pair) {
    this.pair = pair;
    this.#link = el("a", { class: "tile-link", href: `#/pair/${slug(pair)}`, text: pair });
    this.node = el(
      "li",
      { class: "tile" },
      el(
        "div",
        { class: "tile-top" },
        el("h2", { class: "tile-pair" }, this.#link),
        this.#drift,
      ),
      el(
        "div",
        { class: "tile-now" },
        this.#rate,
        this.#change,
        this.#day,
      ),
      this.#spark.node,
      el("div", { class: "tile-next" }, this.#next, this.#width, this.#range, this.#held.node),
      this.#alerts,
    );
    this.node.dataset.key = pair;
  }

  draw(tile) {
    const before = this.#rate.textContent;
    setText(this.#rate, rate(tile.rate));
    const previous = tile.spark?.at(-2)?.[1];
    const known = Number.isFinite(previous) && Number.isFinite(tile.rate);
    setText(this.#change, known ? signedPercent(100 * (tile.rate / previous - 1)) : "");
    setText(this.#day, day(tile.as_of));
    setText(this.#next, tile.target ? `Next, ${day(tile.target, { year: false })}` : "Next rate");
    setText(this.#range, range(tile.bands?.["95"]));
    const half = tile.band_percent?.["95"];
    setText(this.#width, Number.isFinite(half) ? `±\u202f${percent(half)}` : "");
    this.#held.draw(tile.held?.["95"]);
    this.#spark.draw(tile);
    this.#drawDrift(tile);
    this.#drawAlerts(Array.isArray(tile.alerts) ? tile.alerts : []);
    this.#flash(before !== "" && before !== this.#rate.textContent);
  }

  #drawDrift({ drift, drift_features: features }) {
    const key = drift ? `drift: ${(features ?? []).map(words).join(", ")}` : "";
    if (this.#drift.title === key && this.#drift.hidden === !drift) return;
    this.#drift.hidden = !drift;
    setAttribute(this.#drift, "title", key);
    this.#drift.replaceChildren(icon("drift"), "drift");
  }

  #drawAlerts(alerts) {
    const key = alerts.map(({ code, words: told }) => `${code} ${told}`).join("\n");
    if (key === this.#alertKey) return;
    this.#alertKey = key;
    this.node.classList.toggle("has-alert", alerts.length > 0);
    this.#alerts.replaceChildren(
      ...alerts.map((alert) =>
        el("li", {}, icon("alert"), el("span", {}, el("b", { text: words(alert.code) }), ` ${toldBy(alert)}`)),
      ),
    );
  }

  #flash(changed) {
    const now = performance.now();
    const quiet = now - this.#drawnAt > FLASH_AFTER_MS;
    this.#drawnAt = now;
    if (changed && quiet && !still.matches) {
      this.#rate.animate([{ color: "var(--accent)" }, { color: "var(--ink)" }], { duration: 900, easing: "ease-out" });
    }
  }
}
