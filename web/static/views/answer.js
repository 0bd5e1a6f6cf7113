// The answer to a question: the forecast with its ranges, what is unusual, and how long it took.

import { entriesOf, drawRanges } from "../charts/rangechart.js";
import { el, icon, svg } from "../dom.js";
import { day, milliseconds, range, rate, signedPercent, toldBy, words } from "../format.js";

const DRAWN = 61;

export function answerPanel(prediction, history, total, kafka) {
  const { intervals = {}, baseline, drift, alerts = [], alert_messages: messages } = prediction;
  const distance = (value) => signedPercent(100 * (value / baseline - 1));
  const spread = (band) => (Array.isArray(band) && baseline ? ` (${distance(band[0])} to ${distance(band[1])})` : "");
  const row = (name, ...value) => [el("dt", { text: name }), el("dd", {}, value)];
  const panel = el(
    "section",
    { class: "panel answer-panel", "aria-label": "Answer" },
    el(
      "p",
      { class: "took" },
      icon("bolt"),
      el("b", { text: milliseconds(kafka ?? total) }),
      kafka === null ? " in all" : ` through Kafka, ${milliseconds(total)} in all`,
    ),
    el("p", { class: "answer-rate" }, el("span", { class: "quiet", text: `${prediction.pair}, forecast${prediction.target ? ` for ${day(prediction.target)}` : " of the next rate"}` }), el("b", { text: rate(prediction.prediction) })),
    history.length > 1 ? drawing(prediction, history) : null,
    el(
      "dl",
      { class: "pairs-of-words" },
      row("95 % range", el("b", { text: range(intervals["95"]) }), spread(intervals["95"])),
      row("80 % range", el("b", { text: range(intervals["80"]) }), spread(intervals["80"])),
      row("Last rate", rate(baseline)),
      row("Ranges", rangeWords(prediction.interval_quality)),
      row("Drift", drift?.is_drift ? (drift.features ?? []).map((name) => `${words(name)} ${scoreOf(drift.scores?.[name])}`).join(", ") : "none: all features are within what training saw"),
      row("Model", el("code", { text: prediction.model_version ?? "–" })),
      row("Message", el("code", { text: prediction.message_id ?? "–" })),
    ),
    alerts.length
      ? el("ul", { class: "tile-alerts wide" }, alerts.map((code) => el("li", {}, icon("alert"), el("span", {}, el("b", { text: words(code) }), ` ${toldBy({ code, words: messages?.[code] })}`))))
      : el("p", { class: "fine" }, icon("check"), "No alerts: the rates look plausible."),
    el("details", {}, el("summary", { text: "The message as it is on the topic" }), el("pre", { tabindex: "0", role: "region", "aria-label": "Prediction" }, el("code", { text: JSON.stringify(prediction, null, 2) }))),
  );
  return panel;
}

const scoreOf = (score) => (Number.isFinite(score) ? `${score > 0 ? "+" : "−"}${Math.abs(score).toFixed(1)} std` : "");

const QUALITIES = {
  adaptive: "adapt to the volatility of these rates",
  static: "static: too few usable rates, so the volatility from training is used",
  floored: "floored: the steps are far smaller than training's, so they are too wide",
};
const rangeWords = (quality) => QUALITIES[quality] ?? quality ?? "–";

function drawing(prediction, history) {
  const points = history.slice(-DRAWN).filter(Number.isFinite).map((value) => ({ rate: value, as_of: null }));
  const target = svg("svg", { class: "answer-chart", role: "img", "aria-label": `The last ${points.length} rates, and the 95 % range of the next: ${range(prediction.intervals?.["95"])}` });
  const horizons = (prediction.horizons ?? []).map(({ steps, intervals }) => ({ steps, target: null, bands: intervals }));
  drawRanges(target, entriesOf({ points, next: { prediction: prediction.prediction, bands: prediction.intervals }, horizons }), Math.min(560, innerWidth - 52), 220, `the last ${points.length} rates, and the next`);
  return target;
}

/** Whatever went wrong, in the words of the server. */
export function failurePanel(error, total) {
  const letter = error.status === 422 && error.kafkaMs !== null;
  const verdict = letter ? "Dead letter" : error.status === 422 ? "Not published" : "No answer";
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return el(
    "section",
    { class: "panel answer-panel", "data-tone": "bad", "aria-label": "Answer" },
    el("p", { class: "took" }, icon(letter ? "letter" : "alert"), el("b", { text: verdict }), ` after ${milliseconds(error.kafkaMs ?? total)}`),
    error.code ? el("p", {}, el("span", { class: "chip", "data-tone": "bad", text: words(error.code) })) : null,
    el("p", { class: "answer-words", text: `${error.message}${wait}` }),
    letter ? el("p", { class: "quiet" }, "The message and this reason are on the dead-letter topic. ", el("a", { href: "#/feed", text: "See it in the feed" })) : null,
    error.status === 422 && !letter ? el("p", { class: "quiet", text: "No worker could score it, so the server did not publish it." }) : null,
  );
}

export const waitingPanel = (location) =>
  el(
    "section",
    { class: "panel answer-panel", "aria-label": "Answer" },
    el("p", { class: "took" }, icon("bolt"), el("b", { text: "Accepted" }), " and not scored yet"),
    el("p", { text: "The message is on the input topic, and no worker has answered in time. This page keeps looking." }),
    location ? el("p", {}, el("code", { text: location })) : null,
  );
