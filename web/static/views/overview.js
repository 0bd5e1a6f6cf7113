// All pairs at once. Only tiles that changed and are visible are drawn; the others are when they come into view.

import { el, setText } from "../dom.js";
import { Alerts } from "./alerts.js";
import { Strip } from "./strip.js";
import { Tile } from "./tile.js";

const ORDERS = {
  name: ["by name", (a, b) => a.pair.localeCompare(b.pair)],
  alerts: ["alerts first", (a, b) => trouble(b) - trouble(a) || a.pair.localeCompare(b.pair)],
  width: ["widest range first", (a, b) => (b.band_percent?.["95"] ?? -1) - (a.band_percent?.["95"] ?? -1)],
  held: ["least held first", (a, b) => heldShare(a) - heldShare(b)],
};
const FRAME_SHARE_MS = 4; // of the 16 that a frame has; the layout needs the rest
const FILTER_FROM = 7; // fewer pairs need no search

const trouble = (tile) => (tile.alerts?.length ? 2 : 0) + (tile.drift ? 1 : 0);
const heldShare = ({ held }) => (held?.["95"]?.of ? held["95"].held / held["95"].of : 2);

export class Overview {
  name = "overview";
  title = "Overview";
  #store;
  #strip = new Strip();
  #alerts;
  #tiles = new Map();
  #list = el("ul", { class: "tiles", "aria-label": "Pairs" });
  #count = el("p", { class: "quiet count", role: "status" });
  #empty = el("p", { class: "empty" });
  #search = el("input", { type: "search", placeholder: "Filter pairs  /", "aria-label": "Filter pairs", spellcheck: "false" });
  #order = el("select", { "aria-label": "Order" }, Object.entries(ORDERS).map(([value, [text]]) => el("option", { value, text })));
  #tools;
  #stale = new Set(); // tiles to draw once they are visible
  #visible = new Set();
  #rest = 0; // the frame that draws the rest
  #observer;
  #unlisten;
  #clock;

  constructor(store) {
    this.#store = store;
    this.#alerts = new Alerts(store);
    this.#tools = el("div", { class: "tools" }, this.#count, this.#search, this.#order);
    this.node = el(
      "div",
      { class: "overview" },
      el("h1", { class: "unseen", text: "Overview" }),
      this.#strip.node,
      el("div", { class: "columns" }, el("section", { class: "pairs", "aria-label": "Pairs" }, this.#tools, this.#empty, this.#list), this.#alerts.node),
    );
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "200px" });
    this.#search.addEventListener("input", () => this.#arrange());
    this.#order.addEventListener("change", () => this.#arrange());
    this.#unlisten = store.listen((change) => this.#changed(change));
    this.#clock = setInterval(() => this.#alerts.draw(store.alerts), 15_000);
    this.#changed({ pairs: store.pairs.keys(), whole: true });
  }

  close() {
    this.#unlisten();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#rest);
    clearInterval(this.#clock);
  }

  #changed({ pairs, whole }) {
    let added = whole;
    for (const pair of pairs) {
      if (!this.#tiles.has(pair)) {
        const tile = new Tile(pair);
        this.#tiles.set(pair, tile);
        this.#observer.observe(tile.node);
        added = true;
      }
      this.#stale.add(pair);
    }
    if (added) this.#arrange();
    this.#drawVisible();
    this.#strip.draw(this.#store.strip);
    this.#alerts.draw(this.#store.alerts);
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target.dataset.key);
      else this.#visible.delete(target.dataset.key);
    }
    this.#drawVisible();
  }

  #drawVisible() {
    const until = performance.now() + FRAME_SHARE_MS;
    for (const pair of this.#stale) {
      // A new tile is drawn at once: the observer reports only after it stands on the page.
      if (!this.#visible.has(pair) && this.#tiles.get(pair)?.drawn) continue;
      this.#stale.delete(pair);
      const tile = this.#store.pairs.get(pair);
      const drawn = this.#tiles.get(pair);
      if (!tile || !drawn) continue;
      drawn.draw(tile);
      if (drawn.drawn && performance.now() > until) {
        this.#rest ||= requestAnimationFrame(() => {
          this.#rest = 0;
          this.#drawVisible();
        });
        return; // the others follow in the next frames, so that scrolling stays smooth
      }
      drawn.drawn = true;
    }
  }

  /** Puts the tiles in order. Only a choice of the reader or a new pair moves them, never a new rate. */
  #arrange() {
    const wanted = this.#search.value.trim().toUpperCase().replace(/[^A-Z]/g, "");
    const tiles = [...this.#store.pairs.values()];
    const shown = tiles.filter(({ pair }) => pair.toUpperCase().replace("/", "").includes(wanted));
    shown.sort(ORDERS[this.#order.value][1]);
    for (const [pair, tile] of this.#tiles) {
      if (this.#store.pairs.has(pair)) continue;
      this.#observer.unobserve(tile.node);
      this.#tiles.delete(pair);
    }
    this.#list.replaceChildren(...shown.map(({ pair }) => this.#tiles.get(pair)?.node).filter(Boolean));
    this.#tools.hidden = tiles.length === 0;
    this.#search.hidden = tiles.length < FILTER_FROM;
    setText(this.#count, shown.length === tiles.length ? `${tiles.length} pairs` : `${shown.length} of ${tiles.length} pairs`);
    this.#empty.hidden = shown.length > 0;
    setText(this.#empty, this.#emptyWords(tiles.length));
  }

  #emptyWords(known) {
    if (known) return "No pair has this name.";
    if (!this.#store.strip) return "Reading the predictions…";
    return "No predictions yet. Start a worker and publish histories, for example with ratecast replay.";
  }
}
