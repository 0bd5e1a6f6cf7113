// The drawing's numbers as a table, for screen readers and for whoever wants to copy them. Filled when it is opened.

import { el } from "../dom.js";
import { day, range, rate, words } from "../format.js";

export class RateTable {
  #body = el("tbody");
  #points = [];

  constructor() {
    const heads = ["Day", "Rate", "80 % range", "95 % range", "Inside?", "Alerts"];
    this.node = el(
      "details",
      { class: "as-table" },
      el("summary", { text: "Show as a table" }),
      el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Rates and ranges" }, el("table", {}, el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col", text })))), this.#body)),
    );
    this.node.addEventListener("toggle", () => this.#fill());
  }

  draw(points) {
    this.#points = points;
    this.#fill();
  }

  #fill() {
    if (!this.node.open) return;
    const inside = ({ missed80, missed95 }) => (missed95 ? "outside 95 %" : missed80 ? "outside 80 %" : missed95 === false ? "yes" : "–");
    this.#body.replaceChildren(
      ...this.#points.toReversed().map((point) =>
        el(
          "tr",
          {},
          el("th", { scope: "row", text: day(point.as_of) }),
          [rate(point.rate), range(point.band80), range(point.band95), inside(point), (point.alerts ?? []).map(words).join(", ")].map((text) => el("td", { text })),
        ),
      ),
    );
  }
}
