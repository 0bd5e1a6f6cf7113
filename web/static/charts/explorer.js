// The large drawing as something to explore: a crosshair for the mouse, the finger and the arrow keys.

import { el, svg } from "../dom.js";
import { bound, day, percent, range, rate, words } from "../format.js";
import { drawRanges, entriesOf, sentence } from "./rangechart.js";

const PAGE = 10;

export class Explorer {
  #drawing = svg("svg", { class: "chart", "aria-hidden": "true" });
  #cross = svg("svg", { class: "cross", "aria-hidden": "true" });
  #tip = el("div", { class: "tip", "aria-hidden": "true" });
  #frame;
  #entries = { past: [], ahead: [], all: [], dated: false };
  #places = null;
  #at = null; // the entry under the crosshair, counted from the newest rate, so that a new day does not move it
  #size;
  #pending = 0;

  constructor(label) {
    this.#frame = el(
      "div",
      { class: "explorer", tabindex: "0", role: "slider", "aria-label": label, "aria-orientation": "horizontal", "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" },
      this.#drawing, this.#cross, this.#tip,
    );
    this.node = this.#frame;
    this.#size = new ResizeObserver(() => this.#later());
    this.#size.observe(this.#frame);
    this.#frame.addEventListener("pointermove", (event) => this.#point(event));
    this.#frame.addEventListener("pointerdown", (event) => this.#point(event));
    this.#frame.addEventListener("pointerleave", () => document.activeElement === this.#frame || this.#leave());
    this.#frame.addEventListener("blur", () => this.#leave());
    this.#frame.addEventListener("keydown", (event) => this.#key(event));
    this.#frame.addEventListener("focus", () => this.#at === null && this.#frame.matches(":focus-visible") && this.#move(this.#entries.past.length - 1));
  }

  draw(data) {
    this.#entries = entriesOf(data);
    this.#later();
  }

  close() {
    this.#size.disconnect();
    cancelAnimationFrame(this.#pending);
  }

  #later() {
    this.#pending ||= requestAnimationFrame(() => {
      this.#pending = 0;
      const { clientWidth: width, clientHeight: height } = this.#frame;
      if (!width || !height) return;
      this.#places = drawRanges(this.#drawing, this.#entries, width, height);
      this.#cross.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.#describe();
      if (this.#at !== null) this.#show();
    });
  }

  #index() {
    return this.#at === null ? this.#entries.past.length - 1 : this.#at + this.#entries.past.length - 1;
  }

  #move(index) {
    const last = this.#entries.all.length - 1;
    if (last < 0) return;
    this.#at = Math.min(Math.max(index, 0), last) - (this.#entries.past.length - 1);
    this.#show();
  }

  #leave() {
    this.#at = null;
    this.#cross.replaceChildren();
    this.#tip.hidden = true;
  }

  #point(event) {
    if (!this.#places || !this.#entries.all.length) return;
    const across = event.clientX - this.#frame.getBoundingClientRect().left;
    let nearest = 0;
    this.#entries.all.forEach((entry, index) => {
      const distance = (place) => Math.abs(this.#places.x(this.#entries.all[place].x) - across);
      if (distance(index) < distance(nearest)) nearest = index;
    });
    this.#move(nearest);
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -PAGE, PageUp: PAGE };
    const last = this.#entries.all.length - 1;
    if (event.key in steps) this.#move(this.#index() + steps[event.key]);
    else if (event.key === "Home") this.#move(0);
    else if (event.key === "End") this.#move(last);
    else if (event.key === "Escape") this.#leave();
    else return;
    event.preventDefault();
  }

  #describe() {
    const index = this.#index();
    const entry = this.#entries.all[index];
    this.#frame.setAttribute("aria-valuemax", String(Math.max(this.#entries.all.length - 1, 0)));
    this.#frame.setAttribute("aria-valuenow", String(Math.max(index, 0)));
    this.#frame.setAttribute("aria-valuetext", entry ? sentence(entry) : "no rates yet");
  }

  #show() {
    const entry = this.#entries.all[this.#index()];
    if (!entry || !this.#places) return;
    const { x, y, top, floor } = this.#places;
    const across = x(entry.x);
    const down = y(entry.rate ?? entry.prediction);
    this.#cross.replaceChildren(
      svg("line", { class: "cross-line", x1: across, x2: across, y1: top, y2: floor }),
      svg("circle", { class: "cross-dot", cx: across, cy: down, r: 4.5 }),
    );
    this.#tip.replaceChildren(...tipOf(entry));
    this.#tip.hidden = false;
    const room = this.#frame.clientWidth - this.#tip.offsetWidth - 4;
    const left = across + 14 > room ? across - this.#tip.offsetWidth - 14 : across + 14;
    const below = down < (top + floor) / 2 ? floor - this.#tip.offsetHeight - 4 : top + 4; // where the line is not
    this.#tip.style.transform = `translate(${Math.round(Math.min(Math.max(left, 4), Math.max(room, 4)))}px, ${Math.round(below)}px)`;
    this.#describe();
  }
}

function tipOf(entry) {
  const row = (name, value, more = "") => el("p", { class: "tip-row" }, el("span", { text: name }), el("b", { text: value }), more && el("i", { text: more }));
  const centre = entry.rate ?? entry.prediction;
  const half = (band) => (band && centre ? `±\u202f${percent((50 * (band[1] - band[0])) / centre)}` : "");
  const rows = [el("p", { class: "tip-day", text: entry.ahead ? `${day(entry.as_of)} · ${entry.ahead} ahead` : day(entry.as_of) })];
  rows.push(entry.ahead ? row("Forecast", bound(entry.prediction)) : row("Rate", rate(entry.rate)));
  if (entry.band95) rows.push(row("95 %", range(entry.band95), half(entry.band95)));
  if (entry.band80) rows.push(row("80 %", range(entry.band80), half(entry.band80)));
  if (entry.missed95) rows.push(el("p", { class: "tip-miss", text: "outside the 95 % range" }));
  else if (entry.missed80) rows.push(el("p", { class: "tip-miss", text: "outside the 80 % range" }));
  for (const code of entry.alerts ?? []) rows.push(el("p", { class: "tip-alert", text: words(code) }));
  return rows;
}
