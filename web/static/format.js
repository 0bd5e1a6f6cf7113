// Numbers and days in words. Every function takes null and whatever else a topic may hold.

const DAY_MS = 86_400_000;
const NONE = "–";
const THIN = "\u202f";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function plain(value, digits) {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-6)) return value.toExponential(Math.max(digits - 1, 0));
  const decimals = size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(decimals, 12));
}

/** A rate with five significant digits, as the ECB publishes them, or six if the sixth is not zero. */
export function rate(value) {
  if (!isNumber(value)) return NONE;
  const five = plain(value, 5);
  const six = plain(value, 6);
  return Number(five) === Number(six) ? five : six;
}

/** A bound of a range, always with five significant digits: more would promise too much. */
export const bound = (value) => (isNumber(value) ? plain(value, 5) : NONE);

export const range = (band) => (Array.isArray(band) ? `${bound(band[0])} to ${bound(band[1])}` : NONE);

/** A percentage; a range that a fault blew up needs no decimals. */
export function percent(value, decimals = 2) {
  if (!isNumber(value)) return NONE;
  return `${value >= 100 ? count(value) : value.toFixed(decimals)}${THIN}%`;
}

export function signedPercent(value, decimals = 2) {
  if (!isNumber(value)) return NONE;
  const rounded = Number(value.toFixed(decimals));
  const sign = rounded > 0 ? "+" : rounded < 0 ? "−" : "";
  return `${sign}${Math.abs(rounded).toFixed(decimals)}${THIN}%`;
}

/** A share of 1 as percent. */
export const share = (value) => (isNumber(value) ? percent(100 * value, value > 0 && value < 0.1 ? 1 : 0) : NONE);

export const count = (value) => (isNumber(value) ? Math.round(value).toLocaleString("en-US") : NONE);

export function perSecond(value) {
  if (!isNumber(value)) return NONE;
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

export function milliseconds(value) {
  if (!isNumber(value)) return NONE;
  if (value >= 10_000) return `${(value / 1000).toFixed(0)}${THIN}s`;
  if (value >= 1000) return `${(value / 1000).toFixed(1)}${THIN}s`;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)}${THIN}ms`;
}

export function bytes(value) {
  if (!isNumber(value)) return NONE;
  return value < 10_000 ? `${count(value)} bytes` : `${count(value / 1000)} kB`;
}

/** The time of a day or a date-time in milliseconds; NaN if the text is neither. */
export const timeOf = (text) => (typeof text === "string" ? Date.parse(text) : NaN);

const formats = {};
function dayFormat(parts, options) {
  formats[parts] ??= new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return formats[parts];
}

/** "Fri 30 Oct", with the year if it is another than that of `beside`, and with the time if the text has one. */
export function day(text, { year = true, weekday = true } = {}) {
  const time = timeOf(text);
  if (Number.isNaN(time)) return typeof text === "string" && text ? text : "no date";
  const options = { day: "numeric", month: "short" };
  if (weekday) options.weekday = "short";
  if (year) options.year = "numeric";
  const date = dayFormat(`${weekday}${year}`, options).format(time).replace(",", "").replace("Sept", "Sep");
  return text.length > 10 ? `${date} ${text.slice(11, 16)}` : date;
}

/** "3 minutes ago". */
export function ago(text, now) {
  const time = timeOf(text);
  if (Number.isNaN(time)) return "";
  const seconds = Math.max(0, (now - time) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round((seconds * 1000) / DAY_MS)} days ago`;
}

/** The name of a pair in an address: EUR/USD is EUR-USD there. */
export const slug = (pair) => encodeURIComponent(String(pair).replace("/", "-"));

/** What an alert says, without the name of its code, which stands beside it; empty if it says nothing more. */
export function toldBy({ code, words: told }) {
  const text = String(told ?? "").trim();
  const name = [`${words(code)}:`, `${code}:`].find((start) => text.toLowerCase().startsWith(start.toLowerCase()));
  const rest = name === undefined ? text : text.slice(name.length).trim();
  if (rest === code || rest === words(code)) return "";
  return /^[a-z]+[ ,]/.test(rest) ? rest.charAt(0).toUpperCase() + rest.slice(1) : rest; // history[1] stays as it is
}

/** "decimal_slip" in words: "decimal slip". */
export const words = (code) => String(code ?? "").replaceAll("_", " ");
