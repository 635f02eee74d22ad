// The last frames of one action unit: before (thin), now (thick), true (dotted).
import { h } from "../dom.js";

const WIDTH = 600,
  HEIGHT = 120,
  LOW = -0.3,
  HIGH = 1.3; // of intensities

/**
 * The corners of a line through values, old on the left.
 * @param {number[]} values
 * @param {number} length how many would fill the picture
 */
export function corners(values, length) {
  const x = (i) => ((WIDTH * (i + length - values.length)) / (length - 1)).toFixed(1);
  const y = (v) =>
    (HEIGHT * (1 - (Math.min(HIGH, Math.max(LOW, v)) - LOW) / (HIGH - LOW))).toFixed(1);
  return values.map((v, i) => `${x(i)},${y(v)}`).join(" ");
}

const svg = (tag, props) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, v] of Object.entries(props)) e.setAttribute(key, v);
  return e;
};

export class Curve {
  constructor() {
    const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
    this.lines = ["truth", "before", "now"].map((name) =>
      svg("polyline", { class: `fob-${name}`, fill: "none" }),
    );
    const zero = { x1: 0, x2: WIDTH, y1: (HEIGHT * HIGH) / (HIGH - LOW) };
    const axis = svg("line", { class: "fob-zero", ...zero, y2: zero.y1 });
    this.svg = svg("svg", { ...view, role: "img", class: "fob-curve" });
    this.svg.append(axis, ...this.lines);
    const key = (name, text) => h("span", { class: `fob-key fob-key-${name}`, text });
    const [before, now, truth] = [
      key("before", "before"),
      key("now", "now"),
      key("truth", "true (clip only)"),
    ];
    this.title = h("b");
    const legend = h("div", { class: "fob-legend" }, this.title, before, now, truth);
    this.el = h("div", { class: "fob-curves" }, legend, this.svg);
  }
  /** @param {any[]} rows {before, now, truth} @param {number} k action unit */
  show(rows, k, name, length) {
    this.title.textContent = name;
    for (const [i, what] of ["truth", "before", "now"].entries()) {
      const values = rows.filter((r) => r[what]).map((r) => r[what][k]);
      this.lines[i].setAttribute("points", corners(values, length));
    }
    const last = rows.at(-1);
    const now = last ? last.now[k].toFixed(2) : "nothing yet";
    this.svg.setAttribute("aria-label", `${name} over the last frames, now ${now}`);
  }
}
