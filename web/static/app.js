// The table of contents of the page: the state, the stream that feeds it, and the view that the address names.

import { getJson } from "./live/api.js";
import { Store } from "./live/store.js";
import { Stream } from "./live/stream.js";
import { Shell } from "./shell.js";
import { Overview } from "./views/overview.js";

const ROUTES = [
  [/^#?\/?$/, async () => Overview],
  [/^#\/pair\/([^/]+)$/, async () => (await import("./views/pair.js")).PairView],
  [/^#\/feed(?:\/(.+))?$/, async () => (await import("./views/feed.js")).FeedView],
  [/^#\/try(?:\/([^/]+))?$/, async () => (await import("./views/try.js")).TryView],
];

const store = new Store();
const shell = new Shell(store);
let view = null;
let turn = 0;

async function show(first = false) {
  const hash = location.hash;
  if (hash === "#main") return; // the link that skips the bar
  const mine = ++turn;
  const [pattern, load] = ROUTES.find(([candidate]) => candidate.test(hash)) ?? ROUTES[0];
  const name = decoded(pattern.exec(hash)?.[1]);
  let View;
  try {
    View = await load();
  } catch {
    shell.broken("This part of the page could not be loaded. Reload the page when the server answers again.");
    return;
  }
  if (mine !== turn) return; // the reader has gone on
  view?.close();
  view = new View(store, name, shell);
  shell.show(view, first);
}

function decoded(text) {
  try {
    return text === undefined ? null : decodeURIComponent(text);
  } catch {
    return text;
  }
}

const stream = new Stream(
  "api/events",
  (event, state) => store.take(state, event === "hello"),
  (status) => shell.status(status, stream),
);

window.addEventListener("hashchange", () => show());
show(true);
// The stream's first event has the same; whichever comes first is painted.
getJson("api/state").then(
  (state) => store.strip ?? store.take(state, true),
  () => null, // the stream says what is wrong
);
stream.start();
