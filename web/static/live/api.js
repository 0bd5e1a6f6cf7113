// Calls of the backend: one place that adds the token, and turns every failure into one sentence.

const KEY = "ratecast-token";
let memory = null; // where a browser keeps no session

export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory;
  }
}

export function keepToken(value) {
  memory = value;
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // It is asked for again after a reload.
  }
}

/** A failed call. `status` is 0 if the server did not answer at all; `kafkaMs` is null if Kafka was not asked. */
export class CallError extends Error {
  constructor(words, status, { code = null, retryAfter = null, kafkaMs = null } = {}) {
    super(words);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.kafkaMs = kafkaMs;
  }
}

/** How long a message took through Kafka, in milliseconds, as the server measured it. */
export function kafkaTime(response) {
  const found = /(?:^|,)\s*kafka;(?:[^,]*;)?dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return found ? Number(found[1]) : null;
}

const WORDS = {
  401: "The server asks for a token.",
  403: "The server refuses this page: its address is not allowed.",
  404: "There is no such thing on the server.",
  413: "The message is too large.",
  429: "Too many requests wait for an answer.",
  503: "Kafka is unreachable.",
};

/** Returns the answer of a call if it succeeded. Adds the token, if there is one. */
export async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const secret = token();
  if (secret) headers.set("Authorization", `Bearer ${secret}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("The server does not answer.", 0);
  }
  if (response.ok) return response;
  throw await failure(response);
}

async function failure(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // No JSON: the status says enough.
  }
  const told = [body?.message, body?.detail].find((text) => typeof text === "string" && text);
  const words = told ?? WORDS[response.status] ?? `The server answered with status ${response.status}.`;
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  return new CallError(words, response.status, { code: body?.code ?? null, retryAfter, kafkaMs: kafkaTime(response) });
}

export const getJson = async (path, options) => (await call(path, options)).json();

export const postJson = (path, body, options = {}) =>
  call(path, {
    ...options,
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
