// Elements made from values. Text only ever becomes a text node: whatever a topic holds, none of it is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "text") node.textContent = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** Returns an HTML element. `on` holds listeners, `text` its text; attributes that are null or false are left out. */
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** Returns an SVG element, with the same attributes as `el`. */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Sets a text only if it changed, so that a quiet tile costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets or removes an attribute only if it changed. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const SHAPES = {
  alert: "M8 1.800 15 14H1zM8 6.200v3.600M8 11.800v.2",
  drift: "M1.500 11.500C4 11.500 4.500 4.500 8 4.500s4 7 6.500 7",
  check: "M2.500 8.500 6.200 12.200 13.500 4.200",
  cross: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  letter: "M1.500 3.500h13v9h-13zM1.500 4l6.500 5 6.500-5",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  moon: "M13.500 9.700A6 6 0 0 1 6.300 2.500 6 6 0 1 0 13.500 9.700z",
  back: "M10 3 5 8l5 5",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  bolt: "M9 1.500 3 9h4l-1 5.500L12.500 7h-4z",
  link: "M6.500 9.500l3-3M7 4.500l1.500-1.500a2.800 2.800 0 0 1 4 4L11 8.500M9 11.500 7.500 13a2.800 2.800 0 0 1-4-4L5 7.500",
};

/** Returns a small drawing beside words; it says nothing of its own. */
export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SHAPES[name] }));

/** Keeps the children of a list in step with its entries: known ones stay, so that an opened one remains open. */
export function reconcile(list, entries, key, make, update = null) {
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const entry of entries) {
    const name = key(entry);
    let child = known.get(name);
    if (child) {
      known.delete(name);
      if (update) update(child, entry);
    } else {
      child = make(entry);
      child.dataset.key = name;
    }
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}
