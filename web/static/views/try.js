// Ask for a forecast through Kafka, and see how long that took.

import { el, icon, setText } from "../dom.js";
import { count, slug } from "../format.js";
import { getJson, kafkaTime, postJson } from "../live/api.js";
import { answerPanel, failurePanel, waitingPanel } from "./answer.js";

const NEWEST = 61; // what a replay sends; 21 or more give a range that adapts to the volatility
const POLLS = 20;
const POLL_MS = 1_500;
const FAULTS = [
  ["stuck", "A feed that is stuck"], ["swapped", "A swapped quote"], ["spike", "A spike"], ["bad_bytes", "Bytes that are no JSON"],
];

export class TryView {
  name = "try";
  title = "Try it";
  #store;
  #pair = el("select", { id: "try-pair" });
  #history = el("textarea", { id: "try-history", rows: "9", spellcheck: "false", placeholder: "0.8719, 0.8676, 0.8663, …", "aria-describedby": "try-hint try-count" });
  #count = el("p", { class: "quiet small", id: "try-count", role: "status" });
  #send = el("button", { class: "button primary", type: "submit" }, icon("bolt"), "Ask through Kafka");
  #answer = el("div", { class: "answer", "aria-live": "polite" });
  #faults = el("section", { class: "panel faults", "aria-labelledby": "faults-title", hidden: true });
  #known = "";
  #filled = null; // the day of the last rate, if the history was filled in for a pair and not edited since
  #closed = false;
  #unlisten;

  constructor(store, wanted) {
    this.#store = store;
    const fill = el("button", { class: "button", type: "button", text: "Use its newest rates" });
    const form = el(
      "form",
      { class: "panel try-form" },
      el("label", { for: "try-pair", text: "Pair" }),
      el("div", { class: "row" }, this.#pair, fill),
      el("label", { for: "try-history", text: "Rates, oldest first" }),
      this.#history,
      el("p", { class: "quiet small", id: "try-hint", text: "3 to 1,024 numbers, separated by commas, spaces or lines. A whole message in JSON works too. With 21 or more, the range adapts to their volatility." }),
      this.#count,
      this.#send,
    );
    this.#buildFaults();
    this.node = el(
      "div",
      { class: "try-view" },
      el("h1", { text: "Try it" }),
      el("p", { class: "lead", text: "Your rates become a message on the input topic. A worker scores it, and the answer comes back from the predictions." }),
      el("div", { class: "halves" }, el("div", {}, form, this.#faults), this.#answer),
    );
    this.#answer.append(el("p", { class: "empty", text: "The answer appears here, with its time." }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
    fill.addEventListener("click", () => this.#fill());
    this.#history.addEventListener("input", () => {
      this.#filled = null;
      this.#counted();
    });
    this.#unlisten = store.listen(() => this.#drawPairs());
    this.#drawPairs(wanted?.replace("-", "/"));
  }

  close() {
    this.#closed = true;
    this.#unlisten();
  }

  #drawPairs(wanted = null) {
    this.#faults.hidden = !this.#store.demo;
    const pairs = [...this.#store.pairs.keys()].sort();
    if (pairs.join() === this.#known && this.#pair.options.length) return;
    this.#known = pairs.join();
    const chosen = wanted ?? this.#pair.value;
    this.#pair.replaceChildren(el("option", { value: "", text: "The model's default pair" }), ...pairs.map((pair) => el("option", { value: pair, text: pair })));
    this.#pair.value = pairs.includes(chosen) ? chosen : "";
    if (wanted && this.#pair.value) this.#fill();
  }

  async #fill() {
    const pair = this.#pair.value;
    if (!pair) {
      setText(this.#count, "Choose a pair first.");
      return;
    }
    try {
      const { points } = await getJson(`api/pairs/${slug(pair)}`);
      const newest = points.filter(({ rate }) => Number.isFinite(rate)).slice(-NEWEST);
      this.#history.value = newest.map(({ rate }) => rate).join(", ");
      this.#filled = newest.at(-1)?.as_of ?? null;
      this.#counted();
    } catch (error) {
      setText(this.#count, error.message);
    }
  }

  #counted() {
    const { message, fault } = messageOf(this.#history.value);
    setText(this.#count, fault ?? (message ? `${count(message.history?.length ?? 0)} rates` : ""));
  }

  async #ask() {
    const { message, text, fault } = messageOf(this.#history.value);
    if (fault || (!message && !text)) {
      setText(this.#count, fault ?? "Paste some rates first.");
      this.#history.focus();
      return;
    }
    let body = text;
    if (message) {
      if (this.#pair.value) message.pair ??= this.#pair.value;
      if (this.#filled) message.as_of ??= this.#filled;
      body = JSON.stringify(message);
    }
    this.#send.disabled = true;
    const started = performance.now();
    try {
      const response = await postJson("predict", body);
      if (response.status === 202) await this.#wait(response, started);
      else this.#show(await response.json(), message, started, kafkaTime(response));
    } catch (error) {
      this.#put(failurePanel(error, performance.now() - started));
    } finally {
      this.#send.disabled = false;
    }
  }

  async #wait(response, started) {
    const location = response.headers.get("Location");
    this.#put(waitingPanel(location));
    for (let round = 0; round < POLLS && !this.#closed; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      try {
        this.#show(await getJson(location.replace(/^\//, "")), null, started, null);
        return;
      } catch (error) {
        if (error.status !== 404) throw error;
      }
    }
  }

  #show(prediction, message, started, kafka) {
    this.#put(answerPanel(prediction, message?.history ?? [], performance.now() - started, kafka));
  }

  #put(panel) {
    if (!this.#closed) this.#answer.replaceChildren(panel);
  }

  #buildFaults() {
    const said = el("p", { class: "quiet", role: "status" });
    const buttons = FAULTS.map(([fault, text]) => {
      const button = el("button", { class: "button", type: "button", text });
      button.addEventListener("click", async () => {
        try {
          const { words } = await (await postJson("api/demo/fault", { fault })).json();
          setText(said, words);
        } catch (error) {
          setText(said, error.message);
        }
      });
      return button;
    });
    this.#faults.append(
      el("h2", { id: "faults-title", text: "Inject a fault" }),
      el("p", { class: "quiet", text: "In the demo only: publish a faulty history, and see in the feed what the workers make of it." }),
      el("div", { class: "row wrap" }, buttons),
      said,
      el("a", { href: "#/feed", text: "Open the feed" }),
    );
  }
}

/**
 * Returns what the reader pasted: a `message`, or a `text` to send as it is (broken JSON is the worker's to judge), or
 * the `fault` of a list of numbers.
 */
export function messageOf(pasted) {
  const text = pasted.trim();
  if (!text) return { message: null };
  if (text.startsWith("{") || text.startsWith("[")) {
    try {
      const decoded = JSON.parse(text);
      return { message: Array.isArray(decoded) ? { history: decoded } : decoded };
    } catch {
      return { message: null, text };
    }
  }
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const wrong = parts.findIndex((part) => !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part));
  if (wrong >= 0) return { fault: `Number ${wrong + 1} is not a number: ${parts[wrong].slice(0, 40)}` };
  return { message: { history: parts.map(Number) } };
}
