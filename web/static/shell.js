// What is around every view: the bar, the theme, the banner that says when the figures are old, and the token.

import { el, icon, setText } from "./dom.js";
import { ago, words } from "./format.js";
import { keepToken } from "./live/api.js";

const THEME_KEY = "ratecast-theme";
const BANNER_AFTER_MS = 1_500; // a reconnection that succeeds at once is no news
const ANNOUNCE_EVERY_MS = 10_000;
const CONNECTION = {
  connecting: ["quiet", "Connecting"],
  live: ["good", "Live"],
  stale: ["warn", "Silent"],
  waiting: ["bad", "Offline"],
  token: ["warn", "Locked"],
  paused: ["quiet", "Paused"],
};
const find = (id) => document.getElementById(id);

export class Shell {
  #store;
  #status = { kind: "connecting" };
  #since = Date.now();
  #heardAt = null;
  #announced = { key: null, at: 0 };
  #view = null;

  constructor(store) {
    this.#store = store;
    this.#wireTheme();
    store.listen(() => this.#changed());
    setInterval(() => this.#banner(), 500);
    document.addEventListener("keydown", (event) => this.#shortcut(event));
  }

  /** Puts a view in the place of the last one, and the reader's focus on its heading. */
  show(view, first) {
    this.#view = view;
    find("main").replaceChildren(view.node);
    for (const link of document.querySelectorAll("nav a")) {
      if (link.dataset.view === view.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${view.title} · ratecast`;
    if (first) return;
    window.scrollTo(0, 0);
    const heading = view.node.querySelector("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }

  broken(words) {
    find("main").replaceChildren(el("p", { class: "empty", text: words }));
  }

  /** Says something to a screen reader that the eye sees anyway. */
  say(words) {
    find("announcer").replaceChildren(el("p", { text: words }));
  }

  status(status, stream) {
    if (status.kind !== this.#status.kind) {
      // From live on, the banner counts from the moment of the loss, whatever follows.
      if (["live", "paused"].includes(this.#status.kind) || status.kind === "live") this.#since = Date.now();
      if (this.#status.kind === "live") this.#heardAt = Date.now();
    }
    this.#status = status;
    const [tone, words] = CONNECTION[status.kind];
    find("connection").dataset.tone = tone;
    setText(find("connection-words"), words);
    if (status.kind === "token") this.#askForToken(stream);
    this.#banner();
  }

  #changed() {
    const newest = this.#store.strip?.newest_at;
    setText(find("newest"), newest ? `Newest prediction ${ago(newest, this.#store.now())}.` : "");
    const [alert] = this.#store.alerts;
    if (!alert) return;
    const key = `${alert.pair} ${alert.code} ${alert.scored_at}`;
    const known = this.#announced;
    if (key === known.key) return;
    const first = known.key === null; // those that stood there when the page opened are no news
    if (!first && Date.now() - known.at > ANNOUNCE_EVERY_MS) {
      this.say(`New alert for ${alert.pair}: ${alert.words || words(alert.code)}`);
      known.at = Date.now();
    }
    known.key = key;
  }

  #banner() {
    const words = this.#bannerWords();
    const banner = find("banner");
    banner.dataset.tone = this.#status.kind === "waiting" ? "bad" : "warn";
    banner.hidden = words === "";
    setText(banner, words);
    document.body.classList.toggle("is-old", words !== "" && this.#status.kind !== "live");
  }

  #bannerWords() {
    const { kind, words } = this.#status;
    if (kind === "token") return "This server wants a token. Reload the page to enter it.";
    if (kind === "stale") return "The server has been silent for some seconds. The figures below may be old.";
    if (kind === "waiting" || (kind === "connecting" && this.#heardAt !== null)) {
      if (Date.now() - this.#since < BANNER_AFTER_MS) return "";
      // No seconds: a screen reader would read every one of them.
      const old = this.#heardAt === null ? "" : " The figures below are from before.";
      return `Disconnected. ${words ?? ""}${old} The page reconnects by itself.`;
    }
    if (kind === "live" && this.#store.strip?.broker === "unreachable") {
      return "Kafka is unreachable. The figures below are from before, and nothing new arrives until it is back.";
    }
    return "";
  }

  #wireTheme() {
    const button = find("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const draw = () => {
      button.replaceChildren(icon(dark() ? "sun" : "moon"));
      button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
    };
    button.addEventListener("click", () => {
      const chosen = dark() ? "light" : "dark";
      document.documentElement.dataset.theme = chosen;
      try {
        localStorage.setItem(THEME_KEY, chosen);
      } catch {
        // It holds until the page is closed.
      }
      draw();
    });
    system.addEventListener("change", draw);
    draw();
  }

  #shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [role=slider]")) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
    }
    if (event.key === "Escape" && this.#view?.name === "pair") location.hash = "#/";
  }

  #askForToken(stream) {
    if (document.querySelector("dialog[open]")) return;
    const field = el("input", { type: "password", id: "token", autocomplete: "off", required: true });
    const dialog = el(
      "dialog",
      { class: "dialog", "aria-labelledby": "token-title" },
      el(
        "form",
        { method: "dialog" },
        el("h2", { id: "token-title", text: "Token" }),
        el("p", { class: "quiet", text: "This server wants the token that RATECAST_WEB_TOKEN names there. It is kept until you close this tab." }),
        el("label", { for: "token", text: "Token" }),
        field,
        el("button", { class: "button primary", type: "submit", text: "Open" }),
      ),
    );
    dialog.addEventListener("close", () => {
      const given = field.value.trim();
      dialog.remove();
      if (!given) return; // the banner says that the page is locked
      keepToken(given);
      stream.hurry();
    });
    document.body.append(dialog);
    dialog.showModal();
  }
}
