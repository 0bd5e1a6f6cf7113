// The cards under a pair's drawing: ranges ahead, drift by feature, the model, and quantiles.

import { el, icon, svg } from "../dom.js";
import { bound, day, percent, range, share, signedPercent, words } from "../format.js";

const panel = (title, ...children) => el("section", { class: "panel" }, el("h2", { text: title }), children);

const table = (label, heads, rows) =>
  el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col", text })))),
      el("tbody", {}, rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), cells.map((cell) => el("td", {}, cell))))),
    ),
  );

export function horizonsPanel({ next, horizons, tile }) {
  const half = (band) => (band && tile?.rate ? `±\u202f${percent((50 * (band[1] - band[0])) / tile.rate)}` : "");
  const row = (steps, target, bands) => [
    el("span", {}, target ? day(target, { year: false, weekday: false }) : `${steps} ahead`, el("small", { class: "quiet", text: steps === 1 ? " next" : ` ${steps} rates` })),
    range(bands?.["80"]),
    range(bands?.["95"]),
    half(bands?.["95"]),
  ];
  const ahead = (horizons ?? []).filter(({ steps }) => steps > 1);
  if (!next?.bands && ahead.length === 0) return null;
  const rows = [...(next?.bands ? [row(1, next.target, next.bands)] : []), ...ahead.map(({ steps, target, bands }) => row(steps, target, bands))];
  const note = ahead.length ? null : el("p", { class: "quiet small", text: "Workers forecast the next rate only. RATECAST_HORIZONS=2,5,10,21 adds ranges for several steps ahead." });
  return panel("Ranges ahead", table("Ranges ahead", ["For", "80 % range", "95 % range", "95 %"], rows), note);
}

const valueOf = ({ name, value }) => (String(name).startsWith("return") && Number.isFinite(value) ? signedPercent(100 * value) : bound(value));

export function driftPanel({ features, drift_by_feature: shares, tile }) {
  const byName = new Map();
  for (const feature of features ?? []) byName.set(feature.name, { share: feature.share_outside, ...feature });
  for (const { name, share: part } of shares ?? []) byName.set(name, { ...byName.get(name), name, share: part });
  if (byName.size === 0) return null;
  const bar = (part) =>
    el(
      "span",
      { class: "share" },
      svg(
        "svg",
        { class: "share-scale", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "held-rail", width: 100, height: 8, rx: 2 }),
        svg("rect", { class: part > 0.2 ? "share-bar is-high" : "share-bar", width: Math.min(Math.max(100 * (part ?? 0), 0), 100), height: 8, rx: 2 }),
      ),
      el("span", { class: "share-words", text: share(part) }),
    );
  const rows = [...byName.values()].map((feature) => [
    words(feature.name),
    valueOf(feature),
    feature.drift ? el("span", { class: "chip", "data-tone": "warn" }, icon("drift"), "outside") : el("span", { class: "quiet", text: "inside" }),
    bar(feature.share),
  ]);
  const words_ = tile?.drift
    ? "The newest message has a feature that training never saw. The range is less sure; it may be time to train again."
    : "Every feature of the newest message is within what training saw.";
  return panel("Drift by feature", el("p", { class: "quiet", text: words_ }), table("Drift by feature", ["Feature", "Now", "Training", "Messages outside"], rows));
}

export function modelPanel(model, tile) {
  if (!model) return panel("The model", el("p", { class: "quiet", text: `Version ${tile?.model_version ?? "unknown"}. Its files are not on this machine, so its report is not either.` }));
  const verdicts = (model.verdicts ?? []).map(({ name, words: told, ok }) =>
    el("li", { "data-tone": ok ? "good" : "warn" }, icon(ok ? "check" : "alert"), el("div", {}, el("b", { text: name }), el("p", { text: told ?? "" }))),
  );
  return panel(
    "The model",
    el("p", { class: "headline", text: model.headline ?? "" }),
    verdicts.length ? el("ul", { class: "verdicts" }, verdicts) : null,
    el("dl", { class: "pairs-of-words" }, el("dt", { text: "Version" }), el("dd", {}, el("code", { text: model.version })), el("dt", { text: "Trained until" }), el("dd", { text: day(model.trained_until) })),
  );
}

export function quantilesPanel(quantiles) {
  const entries = Object.entries(quantiles ?? {}).map(([name, value]) => [Number(name), value]).filter(([name, value]) => Number.isFinite(name) && Number.isFinite(value));
  if (entries.length === 0) return null;
  entries.sort(([a], [b]) => a - b);
  const shown = entries.length > 9 ? entries.filter(([name]) => [1, 5, 10, 25, 50, 75, 90, 95, 99].includes(name)) : entries;
  return panel("Quantiles of the next rate", table("Quantiles of the next rate", ["Below it in", "Rate"], shown.map(([name, value]) => [`${name} of 100`, bound(value)])));
}
