// The large drawing of a pair: rates over the bands forecast for them, misses, alerts, and the fan ahead.

import { svg } from "../dom.js";
import { bound, day, timeOf } from "../format.js";
import { area, diamond, line, triangle } from "./paths.js";
import { linear, monthTicks, robustWindow, tickDecimals, ticks } from "./scale.js";

const TOP = 14;
const BOTTOM = 26;
const DAY_MS = 86_400_000;
const NO_DATES = "in the order of arrival: some rates have no date";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TAG = 20; // height of the label of the last rate

/**
 * Returns the entries of a drawing, oldest first: past ones with a rate, then those ahead with bands only.
 * `x` is a time if every one has a day and the days ascend; else its place.
 */
export function entriesOf({ points, next, horizons }) {
  const past = points.filter((point) => Number.isFinite(point.rate)).map((point) => ({ ...point, ahead: 0 }));
  const last = past.at(-1);
  const ahead = [];
  if (next?.bands) ahead.push({ ahead: 1, as_of: next.target, rate: null, prediction: next.prediction, band80: next.bands["80"], band95: next.bands["95"] });
  for (const { steps, target, bands } of horizons ?? []) {
    if (steps > 1) ahead.push({ ahead: steps, as_of: target, rate: null, prediction: next?.prediction ?? last?.rate, band80: bands?.["80"], band95: bands?.["95"] });
  }
  const all = [...past, ...ahead];
  const times = all.map((entry) => timeOf(entry.as_of));
  const dated = times.every((time, place) => !Number.isNaN(time) && (place === 0 || time > times[place - 1]));
  const stride = Math.max(1, (0.14 * past.length) / (ahead.at(-1)?.ahead ?? 1)); // one step ahead must be visible
  all.forEach((entry, place) => {
    entry.x = dated ? times[place] : entry.ahead ? past.length - 1 + stride * entry.ahead : place;
  });
  return { past, ahead, all, dated };
}

/** Draws entries into an SVG element of a size in pixels, and returns where each entry stands. */
export function drawRanges(target, { past, ahead, all, dated }, width, height, note = NO_DATES) {
  const labelRoom = 64;
  const right = width - labelRoom;
  const floor = height - BOTTOM;
  const bands = all.flatMap(({ band95 }) => band95 ?? []);
  const [low, high] = robustWindow(
    [...past.map(({ rate }) => rate), ...bands],
    ahead.flatMap(({ band95 }) => band95 ?? []),
  );
  const y = linear(low, high, floor, TOP);
  const x = linear(all[0]?.x ?? 0, Math.max(all.at(-1)?.x ?? 1, (all[0]?.x ?? 0) + (dated ? DAY_MS : 1)), 6, right - 8);
  const held = (value) => Math.min(Math.max(y(value), TOP - 4), floor);
  const last = past.at(-1);
  const parts = [...grid(y, right, floor, width, last ? held(last.rate) : -TAG)];
  parts.push(...(dated ? calendar(x, floor, right) : [svg("text", { class: "axis-text", x: 6, y: floor + 18, text: note })]));
  const bandPoints = (entries, name) =>
    entries.map((entry) => (entry[name] ? [x(entry.x), held(entry[name][0]), held(entry[name][1])] : null));
  parts.push(svg("path", { class: "band-95", d: area(bandPoints(past, "band95")) }));
  parts.push(svg("path", { class: "band-80", d: area(bandPoints(past, "band80")) }));
  if (last && ahead.length) parts.push(...fan(last, ahead, x, held, right, floor));
  parts.push(svg("path", { class: "rate-line", d: line(past.map((point) => [x(point.x), held(point.rate)])) }));
  parts.push(...marks(past, x, held, y));
  if (last) parts.push(...lastRate(last, x, held, right));
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  target.replaceChildren(...parts);
  return { x, y: held, floor, top: TOP, right };
}

function grid(y, right, floor, width, tag) {
  const values = ticks(y.low, y.high, Math.max(2, floor / 64));
  const decimals = tickDecimals(values);
  return values.flatMap((value) => [
    svg("line", { class: "grid", x1: 0, x2: right, y1: y(value), y2: y(value) }),
    Math.abs(y(value) - tag) < TAG * 0.8
      ? null
      : svg("text", { class: "axis-text", x: width - 6, y: y(value) + 4, "text-anchor": "end", text: value.toFixed(decimals) }),
  ].filter(Boolean));
}

function calendar(x, floor, right) {
  const months = monthTicks(x.low, x.high, Math.max(2, right / 84));
  return months.flatMap((time) => {
    const month = new Date(time).getUTCMonth();
    const text = month === 0 ? String(new Date(time).getUTCFullYear()) : MONTHS[month];
    const place = x(time);
    return [
      svg("line", { class: "grid", x1: place, x2: place, y1: TOP, y2: floor }),
      place > 24 && place < right - 24 ? svg("text", { class: "axis-text", x: place, y: floor + 18, "text-anchor": "middle", text }) : null,
    ].filter(Boolean);
  });
}

function fan(last, ahead, x, y, right, floor) {
  const from = { x: last.x, band80: [last.rate, last.rate], band95: [last.rate, last.rate] };
  const edge = (name) => [from, ...ahead].map((entry) => (entry[name] ? [x(entry.x), y(entry[name][0]), y(entry[name][1])] : null));
  const now = x(last.x);
  const centre = [[now, y(last.rate)], ...ahead.map((entry) => [x(entry.x), y(entry.prediction)])];
  return [
    svg("rect", { class: "ahead-ground", x: now, y: TOP, width: Math.max(right - now, 0), height: floor - TOP }),
    svg("path", { class: "band-95 ahead", d: area(edge("band95")) }),
    svg("path", { class: "band-80 ahead", d: area(edge("band80")) }),
    svg("path", { class: "centre-line", d: line(centre) }),
    ...ahead.filter(({ band95 }) => band95).map((entry) =>
      svg("path", { class: "whisker", d: `M${x(entry.x)} ${y(entry.band95[0])}V${y(entry.band95[1])}` }),
    ),
  ];
}

/** Misses differ by shape: a filled diamond outside 95 %, a ring outside 80 %. Alerts are triangles over the line. */
function marks(past, x, held, y) {
  const parts = [];
  for (const point of past) {
    const [across, down] = [x(point.x), held(point.rate)];
    if (point.missed95) parts.push(svg("path", { class: "miss-95", d: diamond(across, down, 5) }));
    else if (point.missed80) parts.push(svg("circle", { class: "miss-80", cx: across, cy: down, r: 3.2 }));
    if (point.alerts?.length) parts.push(svg("path", { class: "alert-mark", d: triangle(across, Math.max(down - 8, TOP + 6), 5) }));
    const outside = y(point.rate) < TOP - 4 || y(point.rate) > down + 0.5;
    if (outside) parts.push(svg("text", { class: "off-scale", x: across + 9, y: down + (down < 40 ? 10 : -2), text: `${y(point.rate) < down ? "↑" : "↓"} ${bound(point.rate)}` }));
  }
  return parts;
}

function lastRate(last, x, y, right) {
  const height = y(last.rate);
  return [
    svg("line", { class: "last-line", x1: x(last.x), x2: right, y1: height, y2: height }),
    svg("circle", { class: "last-dot", cx: x(last.x), cy: height, r: 3.5 }),
    svg("rect", { class: "last-tag", x: right + 2, y: height - TAG / 2, width: 60, height: TAG, rx: 4 }),
    svg("text", { class: "last-text", x: right + 32, y: height + 4, "text-anchor": "middle", text: bound(last.rate) }),
  ];
}

/** One entry in a sentence, for the reader of the tooltip and of the screen reader alike. */
export function sentence(entry) {
  const band = entry.band95 ? `95 % range ${bound(entry.band95[0])} to ${bound(entry.band95[1])}` : "no range was forecast for it";
  if (entry.ahead) return `${day(entry.as_of)}, ${entry.ahead} ${entry.ahead === 1 ? "rate" : "rates"} ahead: ${band}`;
  const miss = entry.missed95 ? ", outside the 95 % range" : entry.missed80 ? ", outside the 80 % range" : "";
  const alerts = entry.alerts?.length ? `, alerts: ${entry.alerts.join(", ").replaceAll("_", " ")}` : "";
  return `${day(entry.as_of)}: rate ${bound(entry.rate)}, ${band}${miss}${alerts}`;
}
