// A button that copies a text, and says whether it could.

import { el, icon, setText } from "../dom.js";

export function copyButton(text, label) {
  const words = el("span", { text: "Copy" });
  const button = el("button", { class: "button small", type: "button", "aria-label": label }, icon("copy"), words);
  button.addEventListener("click", async () => {
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      done = select(button) ? "Selected" : "Not allowed"; // a page without TLS may not write the clipboard
    }
    setText(words, done);
    button.setAttribute("aria-label", `${label}: ${done.toLowerCase()}`);
    setTimeout(() => {
      setText(words, "Copy");
      button.setAttribute("aria-label", label);
    }, 2_000);
  });
  return button;
}

function select(button) {
  const code = button.closest(".command, .raw, figure")?.querySelector("code");
  if (!code) return false;
  getSelection().selectAllChildren(code);
  return true;
}
