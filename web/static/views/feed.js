// Faults and dead letters, newest first, each with its words, its place on the topic and its raw bytes.

import { el, icon, reconcile, setText } from "../dom.js";
import { ago, bytes, count, day, slug, timeOf, toldBy, words } from "../format.js";
import { getJson } from "../live/api.js";
import { throttled } from "../live/store.js";
import { segments } from "../segments.js";
import { copyButton } from "./copy.js";

const REFRESH_MS = 2_000;
const MOST = 400; // entries kept on the page; older ones are read again on demand

const key = (entry) => `${entry.kind}/${entry.topic}/${entry.partition}/${entry.offset}/${entry.code}`;
const place = (entry) => `${encodeURIComponent(entry.topic)}/${entry.partition}/${entry.offset}`;

export class FeedView {
  name = "feed";
  title = "Feed";
  #store;
  #wanted;
  #entries = new Map();
  #exhausted = false;
  #kind = "all";
  #list = el("ol", { class: "feed" });
  #message = el("p", { class: "empty", text: "Reading the topics…" });
  #older = el("button", { class: "button", type: "button", text: "Older ones", hidden: true });
  #count = el("p", { class: "quiet count", role: "status" });
  #search = el("input", { type: "search", placeholder: "Filter by pair, code or words  /", "aria-label": "Filter by pair, code or words", spellcheck: "false" });
  #seen = "";
  #unlisten;
  #clock;

  constructor(store, wanted) {
    this.#store = store;
    this.#wanted = wanted;
    const kinds = [["all", "All"], ["dead_letter", "Dead letters"], ["alert", "Alerts"]];
    const chooser = segments("Which entries", kinds, this.#kind, (value) => {
      this.#kind = value;
      this.#draw();
    });
    this.node = el(
      "div",
      { class: "feed-view" },
      el("h1", { text: "Feed" }),
      el("p", { class: "lead", text: "Records that could not be scored, and rates that look wrong. Nothing is lost: a dead letter keeps the bytes that came in, and can be delivered again." }),
      el("div", { class: "tools" }, chooser, this.#search, this.#count),
      this.#message,
      this.#list,
      this.#older,
    );
    this.#search.addEventListener("input", () => this.#draw());
    this.#older.addEventListener("click", () => this.#load(true));
    const refresh = throttled(() => this.#load(false), REFRESH_MS);
    this.#unlisten = store.listen(({ whole }) => {
      const [alert] = store.alerts;
      const seen = `${store.strip?.dead_letters} ${alert?.pair} ${alert?.code} ${alert?.scored_at}`;
      if (!whole && seen === this.#seen) return;
      this.#seen = seen;
      refresh();
    });
    this.#clock = setInterval(() => this.#draw(), 15_000);
    refresh();
  }

  close() {
    this.#unlisten();
    clearInterval(this.#clock);
  }

  async #load(older) {
    const last = older ? this.#sorted().at(-1) : null;
    let entries;
    try {
      ({ entries } = await getJson(last ? `api/feed?before=${encodeURIComponent(last.id ?? last.at)}` : "api/feed"));
    } catch (error) {
      if (this.#entries.size === 0) setText(this.#message, error.message);
      return;
    }
    const before = this.#entries.size;
    for (const entry of entries) this.#entries.set(key(entry), entry);
    if (older) this.#exhausted = this.#entries.size === before;
    else for (const entry of this.#sorted().slice(MOST)) this.#entries.delete(key(entry));
    this.#draw();
    if (this.#wanted) this.#open();
  }

  #sorted() {
    return [...this.#entries.values()].sort((a, b) => timeOf(b.at) - timeOf(a.at) || b.offset - a.offset);
  }

  #draw() {
    const text = this.#search.value.trim().toLowerCase();
    const shown = this.#sorted().filter(
      (entry) =>
        (this.#kind === "all" || entry.kind === this.#kind) &&
        (!text || `${entry.pair} ${entry.code} ${words(entry.code)} ${entry.words}`.toLowerCase().includes(text)),
    );
    reconcile(this.#list, shown, key, (entry) => this.#item(entry), (item, entry) => this.#age(item, entry));
    const all = this.#entries.size;
    setText(this.#count, all ? (shown.length === all ? `${count(all)} entries` : `${count(shown.length)} of ${count(all)}`) : "");
    this.#message.hidden = shown.length > 0;
    setText(this.#message, all ? "No entry matches." : "Nothing yet: every record could be scored, and no rate looks wrong.");
    this.#older.hidden = all < 100 || this.#exhausted;
  }

  #item(entry) {
    const letter = entry.kind === "dead_letter";
    const item = el(
      "li",
      { class: "entry" },
      el(
        "details",
        {},
        el(
          "summary",
          { "data-tone": letter ? "bad" : "warn" },
          icon(letter ? "letter" : "alert"),
          el(
            "span",
            { class: "entry-head" },
            el("b", { class: "entry-pair", text: entry.pair || "no pair" }),
            el("span", { class: "chip", "data-tone": letter ? "bad" : "warn", text: words(entry.code) }),
            el("time", { class: "quiet", datetime: entry.at ?? "" }),
          ),
          el("span", { class: "entry-words", text: toldBy(entry) || words(entry.code) }),
        ),
      ),
    );
    const details = item.firstElementChild;
    details.addEventListener("toggle", () => details.open && details.childElementCount === 1 && details.append(body(entry)));
    this.#age(item, entry);
    return item;
  }

  #age(item, entry) {
    setText(item.querySelector("time"), ago(entry.at, this.#store.now()));
  }

  /** Opens the entry that the address names, once it is here. */
  #open() {
    const entry = [...this.#entries.values()].find((candidate) => [place(candidate), decodeURIComponent(place(candidate))].includes(this.#wanted));
    if (!entry) return;
    this.#wanted = null;
    const item = [...this.#list.children].find((child) => child.dataset.key === key(entry));
    item?.querySelector("details")?.setAttribute("open", "");
    item?.scrollIntoView({ block: "center" });
    item?.querySelector("summary")?.focus({ preventScroll: true });
  }
}

function body(entry) {
  const where = `${entry.topic}, partition ${entry.partition}, offset ${entry.offset}`;
  const size = entry.raw_bytes === undefined || entry.raw_bytes === null ? "" : `, ${bytes(entry.raw_bytes)}${entry.truncated ? ", the first 2,000 characters" : ""}`;
  return el(
    "div",
    { class: "entry-body" },
    el(
      "dl",
      { class: "pairs-of-words" },
      el("dt", { text: "Where" }),
      el("dd", {}, el("a", { href: `#/feed/${place(entry)}` }, icon("link"), where)),
      el("dt", { text: "When" }),
      el("dd", { text: `${day(entry.at)} UTC` }),
      entry.message_id ? [el("dt", { text: "Message" }), el("dd", {}, el("code", { text: entry.message_id }))] : null,
      entry.pair ? [el("dt", { text: "Pair" }), el("dd", {}, el("a", { href: `#/pair/${slug(entry.pair)}`, text: entry.pair }))] : null,
      entry.remedy
        ? [el("dt", { text: entry.kind === "dead_letter" ? "Deliver again" : "Remedy" }), el("dd", { class: "command" }, el("code", { text: entry.remedy }), copyButton(entry.remedy, "Copy the command"))]
        : null,
    ),
    entry.raw === undefined || entry.raw === null
      ? null
      : el(
          "figure",
          { class: "raw" },
          el("figcaption", {}, `The record's value${size}`, copyButton(entry.raw, "Copy the value")),
          el("pre", { tabindex: "0", role: "region", "aria-label": "The record's value" }, el("code", { text: entry.raw || "(empty)" })),
        ),
  );
}
