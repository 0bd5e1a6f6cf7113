// A tile's drawing: the last rates over the bands forecast for them, and the range of the next one as a wedge.

import { setAttribute, svg } from "../dom.js";
import { area, line } from "./paths.js";
import { linear, robustWindow } from "./scale.js";

const WIDTH = 280;
const HEIGHT = 64;
const WEDGE = 34; // the room of the next range
const LAST = WIDTH - WEDGE;

/** A sparkline that can be drawn again. It has no words: the tile beside it says what matters. */
export class Sparkline {
  #band = svg("path", { class: "band-95" });
  #wedge95 = svg("path", { class: "band-95 ahead" });
  #wedge80 = svg("path", { class: "band-80 ahead" });
  #line = svg("path", { class: "rate-line" });
  #misses = svg("path", { class: "spark-miss" });
  #dot = svg("path", { class: "spark-dot" });

  constructor() {
    this.node = svg(
      "svg",
      { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      this.#band, this.#wedge95, this.#wedge80, this.#line, this.#misses, this.#dot,
    );
  }

  draw({ spark, bands, rate }) {
    const days = (Array.isArray(spark) ? spark : []).filter((entry) => Number.isFinite(entry?.[1]));
    const [low80, high80] = bands?.["80"] ?? [null, null];
    const [low95, high95] = bands?.["95"] ?? [null, null];
    const edges = days.flatMap(([, , low, high]) => [low, high]);
    const [bottom, top] = robustWindow([...days.map(([, value]) => value), ...edges], [low95, high95, rate]);
    const y = linear(bottom, top, HEIGHT - 2, 2);
    const held = (value) => Math.min(Math.max(y(value), 1), HEIGHT - 1);
    const x = linear(0, Math.max(days.length - 1, 1), 1, LAST);
    const bandOf = ([, , low, high], place) =>
      Number.isFinite(low) && Number.isFinite(high) ? [x(place), held(low), held(high)] : null;
    setAttribute(this.#band, "d", area(days.map(bandOf)));
    setAttribute(this.#line, "d", line(days.map(([, value], place) => [x(place), held(value)])));
    const missed = ([, value, low, high]) => Number.isFinite(low) && Number.isFinite(high) && (value < low || value > high);
    // A line of no length with round ends is a dot that a stretched drawing does not flatten.
    const dots = days.map((entry, place) => (missed(entry) ? `M${x(place).toFixed(1)} ${held(entry[1]).toFixed(1)}h.01` : ""));
    setAttribute(this.#misses, "d", dots.join(""));
    const from = Number.isFinite(rate) ? held(rate) : HEIGHT / 2;
    const place = days.length ? LAST : 1;
    setAttribute(this.#dot, "d", Number.isFinite(rate) ? `M${place} ${from.toFixed(1)}h.01` : "");
    setAttribute(this.#wedge95, "d", wedge(place, from, low95, high95, held));
    setAttribute(this.#wedge80, "d", wedge(place, from, low80, high80, held));
  }
}

const wedge = (place, from, low, high, y) =>
  Number.isFinite(low) && Number.isFinite(high) ? area([[place, from, from], [WIDTH - 1, y(low), y(high)]]) : "";
