// From values to pixels: linear scales, round ticks, and the window of values that one faulty rate cannot blow up.

/** Returns a function from [low, high] to [from, to]. */
export function linear(low, high, from, to) {
  const factor = high === low ? 0 : (to - from) / (high - low);
  const scale = (value) => (high === low ? (from + to) / 2 : from + (value - low) * factor);
  scale.low = low;
  scale.high = high;
  return scale;
}

/** Returns round values within [low, high], about `wanted` of them. */
export function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(wanted, 1);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const found = [];
  for (let number = Math.ceil(low / step); number * step <= high + step * 1e-9; number += 1) found.push(number * step);
  return found;
}

/** How many decimals tell these ticks apart. */
export function tickDecimals(values) {
  if (values.length < 2) return 4;
  return Math.max(0, Math.min(12, -Math.floor(Math.log10(values[1] - values[0]) + 1e-9)));
}

const middle = (sorted) => sorted[sorted.length >> 1];

/**
 * Returns the window [low, high] to draw.
 *
 * A rate with a slipped decimal point would flatten all others, so rates far outside the usual distance from the
 * median do not stretch the window; they are drawn at its edge. `always` are values that must be visible.
 */
export function robustWindow(values, always = []) {
  const usable = values.filter(Number.isFinite);
  const kept = always.filter(Number.isFinite);
  if (usable.length === 0 && kept.length === 0) return [0, 1];
  let inside = usable;
  if (usable.length > 4) {
    const centre = middle([...usable].sort((a, b) => a - b));
    const spread = middle(usable.map((value) => Math.abs(value - centre)).sort((a, b) => a - b));
    const reach = Math.max(12 * spread, Math.abs(centre) * 1e-4);
    inside = usable.filter((value) => Math.abs(value - centre) <= reach);
  }
  const low = Math.min(...inside, ...kept);
  const high = Math.max(...inside, ...kept);
  const margin = Math.max((high - low) * 0.05, Math.abs(high) * 1e-6);
  return [low - margin, high + margin];
}

/** Returns the beginnings of months (of years, in a long window) between two times, at most `most` of them. */
export function monthTicks(from, to, most) {
  const start = new Date(from);
  const months = [];
  for (let month = start.getUTCMonth() + 1; ; month += 1) {
    const time = Date.UTC(start.getUTCFullYear(), month, 1);
    if (time > to || months.length > 600) break;
    months.push(time);
  }
  const every = [1, 2, 3, 6, 12, 24, 60, 120].find((step) => months.length / step <= most) ?? 240;
  return months.filter((time) => (new Date(time).getUTCMonth() + 12 * new Date(time).getUTCFullYear()) % every === 0);
}
