// The strip over the tiles: one sentence that says whether it all works, and the figures behind it.

import { el, icon, setText } from "../dom.js";
import { count, milliseconds, perSecond } from "../format.js";

const FIGURES = [
  ["rate", "Messages a second"],
  ["latency", "Latency, p50 and p99"],
  ["lag", "Lag in messages"],
  ["workers", "Workers"],
  ["letters", "Dead letters"],
  ["predictions", "Predictions read"],
];

export class Strip {
  #verdict = el("p", { class: "verdict" });
  #mark = el("span", { class: "verdict-mark" });
  #headline = el("span");
  #problems = el("ul", { class: "problems" });
  #cells = {};

  constructor() {
    this.#verdict.append(this.#mark, this.#headline);
    const figures = FIGURES.map(([name, label]) => {
      const value = el("dd", { text: "–" });
      const cell = el("div", { class: "figure" }, el("dt", { text: label }), value);
      this.#cells[name] = { cell, value };
      return cell;
    });
    this.node = el(
      "section",
      { class: "strip", "aria-label": "Does it work?" },
      el("div", { class: "health" }, this.#verdict, this.#problems),
      el("dl", { class: "figures" }, figures),
    );
  }

  draw(strip) {
    if (!strip) return;
    const problems = Array.isArray(strip.problems) ? strip.problems : [];
    const good = problems.length === 0 && strip.broker !== "unreachable";
    const headline = good ? "Everything works" : problems.length > 1 ? `${problems.length} problems` : "A problem";
    if (this.#headline.textContent !== headline) {
      this.node.dataset.tone = good ? "good" : "bad";
      this.#mark.replaceChildren(icon(good ? "check" : "alert"));
      setText(this.#headline, headline);
    }
    const listed = problems.length || good ? problems : ["Kafka is unreachable."];
    if (listed.join("\n") !== [...this.#problems.children].map((item) => item.textContent).join("\n")) {
      this.#problems.replaceChildren(...listed.map((text) => el("li", { text })));
    }
    this.#set("rate", perSecond(strip.messages_per_second));
    this.#set("latency", `${milliseconds(strip.p50_ms)} · ${milliseconds(strip.p99_ms)}`);
    this.#set("lag", count(strip.lag), strip.lag > 1000);
    const fewer = Number.isFinite(strip.workers_expected) && strip.workers < strip.workers_expected;
    const expected = Number.isFinite(strip.workers_expected) ? ` of ${strip.workers_expected}` : "";
    this.#set("workers", `${count(strip.workers)}${expected}`, fewer || strip.workers === 0);
    this.#set("letters", count(strip.dead_letters));
    this.#set("predictions", count(strip.predictions));
  }

  #set(name, text, bad = false) {
    const { cell, value } = this.#cells[name];
    setText(value, text);
    cell.classList.toggle("is-bad", bad);
  }
}
