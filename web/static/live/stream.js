// Server-sent events by a streaming fetch, because EventSource cannot send a token. It always comes back by itself.

import { call } from "./api.js";

const STALE_MS = 9_000; // the server pings every 5 s
const LOST_MS = 20_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const HIDDEN_MS = 60_000; // a browser opens six connections to a server at most, and hidden tabs must not take them all
const LONGEST_EVENT = 16_000_000;

/** Splits a stream of text into events, and keeps an unfinished one for the next piece. */
export class EventParser {
  #rest = "";

  /** Returns the events that a piece completes, as `{event, data}`; comments are no events. */
  feed(piece) {
    this.#rest += piece;
    if (this.#rest.length > LONGEST_EVENT) throw new Error("an event is too long");
    const blocks = this.#rest.split(/\r\n\r\n|\n\n|\r\r/);
    this.#rest = blocks.pop();
    return blocks.map((block) => this.#event(block)).filter((event) => event.data !== "");
  }

  #event(block) {
    let event = "message";
    const data = [];
    for (const line of block.split(/\r\n|\n|\r/)) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      const value = line.slice(colon + 1).replace(/^ /, "");
      const field = line.slice(0, colon);
      if (field === "event") event = value;
      if (field === "data") data.push(value);
    }
    return { event, data: data.join("\n") };
  }
}

/**
 * Follows a stream for ever.
 *
 * `onEvent(name, value)` gets every event, `onStatus({kind, words, retryAt})` every change: connecting, live, stale
 * (connected, but silent), waiting (disconnected; tries again at `retryAt`), token (the server wants one), paused (the
 * tab has been hidden for a while).
 */
export class Stream {
  #path;
  #onEvent;
  #onStatus;
  #wait = FIRST_WAIT_MS;
  #abort = null;
  #timer = 0;
  #pause = 0;
  #heard = 0;
  #kind = "";

  constructor(path, onEvent, onStatus) {
    this.#path = path;
    this.#onEvent = onEvent;
    this.#onStatus = onStatus;
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.#visibility());
    setInterval(() => this.#watch(), 1000);
  }

  start() {
    this.#connect();
  }

  /** Tries again at once if it is waiting, for example because the machine woke up. */
  hurry() {
    if (!["waiting", "token", "paused"].includes(this.#kind)) return;
    this.#wait = FIRST_WAIT_MS;
    this.#connect();
  }

  #visibility() {
    clearTimeout(this.#pause);
    if (document.hidden) this.#pause = setTimeout(() => this.#rest(), HIDDEN_MS);
    else this.hurry();
  }

  #rest() {
    clearTimeout(this.#timer);
    const open = this.#abort;
    this.#abort = null; // so that its end is no reason to connect again
    open?.abort();
    this.#status("paused");
  }

  #status(kind, more = {}) {
    this.#kind = kind;
    this.#onStatus({ kind, ...more });
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    if (this.#kind !== "waiting") this.#status("connecting");
    try {
      this.#heard = performance.now();
      const response = await call(this.#path, { signal: abort.signal, headers: { Accept: "text/event-stream" } });
      await this.#read(response.body, abort);
      this.#retry("The server closed the connection.", abort);
    } catch (error) {
      if (error.status === 401 && abort === this.#abort) this.#status("token");
      else this.#retry(error.name === "AbortError" ? "The server went silent." : error.message, abort);
    }
  }

  async #read(body, abort) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || abort !== this.#abort) return;
      this.#heard = performance.now();
      if (this.#kind !== "live") this.#status("live");
      for (const { event, data } of parser.feed(value)) {
        this.#wait = FIRST_WAIT_MS;
        let decoded;
        try {
          decoded = JSON.parse(data);
        } catch {
          continue; // one broken event; the next one is whole again
        }
        this.#onEvent(event, decoded);
      }
    }
  }

  #retry(words, abort) {
    if (abort !== this.#abort) return; // another connection has taken over
    // Spread out, so that a hundred pages do not all come back in the same moment.
    const wait = this.#wait * (0.75 + 0.5 * Math.random());
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
    this.#status("waiting", { words, retryAt: Date.now() + wait });
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #watch() {
    const silent = performance.now() - this.#heard;
    if (this.#kind === "live" && silent > STALE_MS) this.#status("stale");
    if ((this.#kind === "stale" || this.#kind === "connecting") && silent > LOST_MS) this.#abort?.abort();
  }
}
