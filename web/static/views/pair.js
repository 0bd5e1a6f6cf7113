// One pair: what the rate did, what was forecast for it, what comes next, and how far to trust that.

import { Explorer } from "../charts/explorer.js";
import { el, icon, setText } from "../dom.js";
import { day, percent, range, rate, signedPercent, slug, toldBy, words } from "../format.js";
import { getJson } from "../live/api.js";
import { throttled } from "../live/store.js";
import { segments } from "../segments.js";
import { Held } from "./held.js";
import { driftPanel, horizonsPanel, modelPanel, quantilesPanel } from "./paircards.js";
import { RateTable } from "./ratetable.js";

const REFRESH_MS = 2_000;
const SPANS = [[60, "60 rates"], [120, "120"], [250, "All"]];

export class PairView {
  name = "pair";
  #store;
  #pair;
  #span = matchMedia("(max-width: 640px)").matches ? 60 : 120;
  #detail = null;
  #closed = false;
  #explorer;
  #rate = el("span", { class: "pair-rate" });
  #change = el("span", { class: "pair-change quiet" });
  #day = el("span", { class: "quiet" });
  #chips = el("span", { class: "chips" });
  #facts = el("dl", { class: "facts" });
  #held80 = new Held(80);
  #held95 = new Held(95);
  #alerts = el("ul", { class: "tile-alerts wide" });
  #table = new RateTable();
  #cards = el("div", { class: "cards" });
  #caption = el("p", { class: "quiet caption" });
  #message = el("p", { class: "empty", text: "Reading the rates…" });
  #body;
  #unlisten;

  constructor(store, name) {
    this.#store = store;
    this.#pair = name.replace("-", "/");
    this.title = this.#pair;
    this.#explorer = new Explorer(`Rates of ${this.#pair} and their ranges, by day`);
    this.#body = el("div", { class: "pair-body", hidden: true }, this.#chartPanel(), this.#cards);
    this.node = el("article", { class: "pair" }, this.#head(), this.#message, this.#body);
    const refresh = throttled(() => this.#load(), REFRESH_MS);
    this.#unlisten = store.listen(({ pairs }) => pairs.has(this.#pair) && refresh());
    refresh();
  }

  close() {
    this.#closed = true;
    this.#unlisten();
    this.#explorer.close();
  }

  #head() {
    return el(
      "header",
      { class: "pair-head" },
      el("a", { class: "back", href: "#/" }, icon("back"), "All pairs"),
      el("div", { class: "pair-title" }, el("h1", { text: this.#pair }), this.#rate, this.#change, this.#day, this.#chips),
      this.#alerts,
      this.#facts,
    );
  }

  #chartPanel() {
    const spans = segments("How many rates", SPANS, this.#span, (value) => {
      this.#span = value;
      this.#drawChart();
    });
    const legend = [
      ["band-95", "95 % range of the day before"], ["band-80", "80 % range"], ["miss-95", "outside 95 %"],
      ["miss-80", "outside 80 % only"], ["alert-mark", "alert"],
    ].map(([name, text]) => el("li", {}, el("span", { class: `key key-${name}` }), text));
    return el(
      "section",
      { class: "panel chart-panel", "aria-labelledby": "chart-title" },
      el("div", { class: "panel-head" }, el("h2", { id: "chart-title", text: "Rates, ranges and the fan ahead" }), spans),
      this.#explorer.node,
      el("ul", { class: "legend" }, legend),
      this.#caption,
      this.#table.node,
    );
  }

  async #load() {
    let detail;
    try {
      detail = await getJson(`api/pairs/${slug(this.#pair)}`);
    } catch (error) {
      if (this.#closed || this.#detail) return; // the banner says that the server is away
      setText(this.#message, error.status === 404 ? `No prediction of ${this.#pair} is in memory.` : error.message);
      return;
    }
    if (this.#closed) return;
    this.#detail = { ...detail, points: Array.isArray(detail.points) ? detail.points : [] };
    this.#message.hidden = true;
    this.#body.hidden = false;
    this.#drawHead(this.#detail);
    this.#drawChart();
    this.#cards.replaceChildren(
      ...[horizonsPanel(this.#detail), driftPanel(this.#detail), modelPanel(this.#detail.model, this.#detail.tile), quantilesPanel(this.#detail.quantiles)].filter(Boolean),
    );
  }

  #drawHead({ tile, points, next }) {
    const previous = points.at(-2)?.rate;
    setText(this.#rate, rate(tile?.rate));
    setText(this.#change, Number.isFinite(previous) && tile ? signedPercent(100 * (tile.rate / previous - 1)) : "");
    setText(this.#day, day(tile?.as_of));
    this.#chips.replaceChildren(
      ...(tile?.drift ? [el("span", { class: "chip", "data-tone": "warn" }, icon("drift"), `drift: ${(tile.drift_features ?? []).map(words).join(", ")}`)] : []),
      ...(tile && tile.interval_quality !== "adaptive" ? [el("span", { class: "chip", text: `${tile.interval_quality} range` })] : []),
    );
    this.#alerts.replaceChildren(
      ...(tile?.alerts ?? []).map((alert) => el("li", {}, icon("alert"), el("span", {}, el("b", { text: words(alert.code) }), ` ${toldBy(alert)}`))),
    );
    const fact = (name, value, more) => el("div", { class: "figure" }, el("dt", { text: name }), el("dd", {}, value), more ? el("dd", { class: "quiet", text: more }) : null);
    const half = (level) => (Number.isFinite(tile?.band_percent?.[level]) ? `±\u202f${percent(tile.band_percent[level])}` : "");
    this.#held95.draw(tile?.held?.["95"]);
    this.#held80.draw(tile?.held?.["80"]);
    this.#facts.replaceChildren(
      fact("Forecast for", next?.target ? day(next.target) : "the next rate", `${rate(next?.prediction)}${next?.prediction === tile?.rate ? ", the last rate" : ""}`),
      fact("95 % range", range(next?.bands?.["95"]), half("95")),
      fact("80 % range", range(next?.bands?.["80"]), half("80")),
      fact("95 % range so far", this.#held95.node),
      fact("80 % range so far", this.#held80.node),
    );
  }

  #drawChart() {
    if (!this.#detail) return;
    const shown = this.#detail.points.slice(-this.#span);
    this.#explorer.draw({ ...this.#detail, points: shown });
    this.#table.draw(shown);
    const compared = shown.filter((point) => typeof point.missed95 === "boolean");
    const outside = (name) => compared.filter((point) => point[name]).length;
    setText(
      this.#caption,
      compared.length
        ? `Of ${compared.length} rates shown, ${outside("missed95")} are outside the 95 % range (${(0.05 * compared.length).toFixed(0)} expected) and ${outside("missed80")} outside the 80 % range (${(0.2 * compared.length).toFixed(0)} expected). Arrow keys move through the days.`
        : "No forecast has met its rate yet.",
    );
  }
}
