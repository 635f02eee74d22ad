// The playback bar's buttons.
import { h, icon, setText } from "../dom.js";

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  step: "M3 2.5v11l7-5.5zM11 2.5h2v11h-2z",
  full: "M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM2 9h2v3h3v2H2zM12 9h2v5H9v-2h3z",
  drawer: "M2 4h7v2H2zM10 2h2v6h-2zM13 4h1v2h-1zM2 10h2v2H2zM5 8h2v6H5zM8 10h6v2H8z",
  stop: "M3.5 3.5h9v9h-9z",
  restart:
    "M8 3a5 5 0 1 0 4.9 6h-1.8A3.3 3.3 0 1 1 8 4.7c.9 0 1.7.4 2.300 1" +
    "L8.500 7.500H13.500V2.500L11.600 4.400A5 5 0 0 0 8 3z",
};

/** @param {string} name @param {string} label @param {string} title @param {() => void} onclick */
export function button(name, label, title, onclick) {
  const text = h("span", { text: label }),
    about = { title, "aria-label": label, onclick };
  const b = h("button", { type: "button", class: `fnb-button fnb-do-${name}`, ...about });
  if (ICONS[name]) b.append(icon(ICONS[name]));
  b.append(text);
  return b;
}

/**
 * Another label and icon; only touches the page when something is new.
 * @param {any} b
 * @param {string} label
 * @param {string} name
 */
export function relabel(b, label, name) {
  setText(b.lastChild, label);
  if (b.getAttribute("aria-label") !== label) b.setAttribute("aria-label", label);
  if (b.shown === name) return;
  b.shown = name;
  b.firstChild.replaceWith(icon(ICONS[name]));
}
