// The newest state, merged from events, and handed on at most once a frame: a burst of events is drawn once.

export class Store {
  strip = null;
  alerts = [];
  pairs = new Map();
  demo = false;
  #clockAhead = 0; // of the server's clock over this one
  #listeners = new Set();
  #changed = new Set();
  #everything = false;
  #frame = 0;

  /** Takes a snapshot: all pairs if `whole`, else only those that changed. */
  take(state, whole) {
    if (!state || typeof state !== "object") return;
    if (Array.isArray(state.pairs)) {
      if (whole) {
        this.pairs.clear();
        this.#everything = true;
      }
      for (const tile of state.pairs) {
        this.pairs.set(tile.pair, tile);
        this.#changed.add(tile.pair);
      }
    }
    if (state.strip) this.strip = state.strip;
    if (Array.isArray(state.alerts)) this.alerts = state.alerts;
    if (typeof state.demo === "boolean") this.demo = state.demo;
    const now = Date.parse(state.now);
    if (!Number.isNaN(now)) this.#clockAhead = now - Date.now();
    this.#frame ||= requestAnimationFrame(() => this.#hand());
  }

  /** The server's time in milliseconds. */
  now() {
    return Date.now() + this.#clockAhead;
  }

  /** Calls `listener({pairs, whole})` after a change, in an animation frame. Returns how to stop that. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #hand() {
    const change = { pairs: this.#changed, whole: this.#everything };
    this.#changed = new Set();
    this.#everything = false;
    this.#frame = 0;
    for (const listener of this.#listeners) listener(change);
  }
}

/** Returns a function that runs `work` now and then at most every `ms`; the last call is never lost. */
export function throttled(work, ms) {
  let last = -Infinity;
  let timer = 0;
  return () => {
    const wait = last + ms - performance.now();
    if (wait <= 0 && !timer) {
      last = performance.now();
      work();
    } else {
      timer ||= setTimeout(() => {
        timer = 0;
        last = performance.now();
        work();
      }, Math.max(wait, 0));
    }
  };
}
