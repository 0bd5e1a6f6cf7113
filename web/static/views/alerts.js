// The newest alerts of all pairs, in words.

import { el, reconcile } from "../dom.js";
import { ago, day, slug, timeOf, toldBy, words } from "../format.js";

const key = (alert) => `${alert.pair} ${alert.code} ${alert.as_of} ${alert.scored_at}`;

export class Alerts {
  #list = el("ol", { class: "alert-list" });
  #none = el("p", { class: "empty small", text: "No alerts. The rates look plausible." });
  #store;

  constructor(store) {
    this.#store = store;
    this.node = el(
      "section",
      { class: "alerts panel", "aria-labelledby": "alerts-title" },
      el("div", { class: "panel-head" }, el("h2", { id: "alerts-title", text: "Newest alerts" }), el("a", { href: "#/feed", text: "All in the feed" })),
      this.#none,
      this.#list,
    );
  }

  draw(alerts) {
    this.#none.hidden = alerts.length > 0;
    const unique = [...new Map(alerts.map((alert) => [key(alert), alert])).values()];
    unique.sort((a, b) => timeOf(b.scored_at) - timeOf(a.scored_at) || 0); // partitions are read side by side
    reconcile(this.#list, unique, key, (alert) => this.#item(alert), (item, alert) => this.#age(item, alert));
  }

  #item(alert) {
    const item = el(
      "li",
      { class: "alert" },
      el(
        "p",
        { class: "alert-head" },
        el("a", { href: `#/pair/${slug(alert.pair)}`, text: alert.pair }),
        el("span", { class: "chip", "data-tone": "warn", text: words(alert.code) }),
        el("time", { class: "quiet", datetime: alert.scored_at ?? "" }),
      ),
      el("p", { class: "alert-words", text: toldBy(alert) || words(alert.code) }),
      el("p", { class: "alert-day quiet", text: alert.as_of ? `rate of ${day(alert.as_of)}` : "rate without a date" }),
    );
    this.#age(item, alert);
    return item;
  }

  #age(item, alert) {
    const node = item.querySelector("time");
    const text = ago(alert.scored_at, this.#store.now());
    if (node.textContent !== text) node.textContent = text;
  }
}
