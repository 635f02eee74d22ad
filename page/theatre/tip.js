// The box beside the mouse: the picture of a point, its label, and what is read out.
import { h, setText } from "../dom.js";
import { clamp, pack } from "../numbers.js";
import { predict, readBy, scores } from "./readouts.js";
import { MARK } from "./theme.js";

/** @typedef {import("./run.js").Run} Run */

export class Tip {
  constructor() {
    this.digit = h("canvas", { width: 1, height: 1 });
    this.label = h("div");
    this.guess = h("div");
    const words = h("div", {}, this.label, this.guess);
    this.el = h("div", { class: "fnb-tip", "aria-hidden": "true" }, this.digit, words);
    this.hide();
  }
  hide() {
    this.el.style.display = "none";
  }

  /**
   * @param {Run} run
   * @param {number} point
   * @param {import("./readouts.js").State} state
   * @param {import("./readouts.js").Readout} readout
   * @param {{x: number, y: number}} at in the embedding
   */
  say(run, point, state, readout, at) {
    const by = readBy(state, readout === "off" ? "head" : readout, run);
    const lines = scores(state, by.kind, run),
      label = run.labels[point];
    const guess = lines ? predict(lines, at.x, at.y) : -1;
    const nameOf = (k) => run.names[k] + (run.minority.has(k) ? MARK : "");
    this.el.style.display = "";
    const where = run.domains ? ` in ${run.domainNames[run.domains[point]]}` : "";
    setText(this.label, `label ${nameOf(label)}${where}`);
    const sign = guess === label ? "✓" : "✗";
    setText(this.guess, lines ? `${by.name}: ${nameOf(guess)} ${sign}` : "");
    this.el.classList.toggle("wrong", guess >= 0 && guess !== label);
    this.draw(run, point);
  }

  /**
   * Beside a pixel of a stage of W × H.
   * @param {number} x
   * @param {number} y
   * @param {number} W
   * @param {number} H
   */
  move(x, y, W, H) {
    const w = this.el.offsetWidth,
      tall = this.el.offsetHeight;
    const left = clamp(x + 14 + w > W ? x - w - 14 : x + 14, 2, W - w - 2);
    const top = clamp(y - tall / 2, 2, H - tall - 2);
    this.el.style.transform = `translate(${Math.round(left)}px,${Math.round(top)}px)`;
  }

  /** @param {Run} run @param {number} point */
  draw(run, point) {
    this.digit.style.display = run.images ? "" : "none";
    if (!run.images || (this.shown === point && this.shownRun === run)) return;
    const { h: rows, w, data } = run.images,
      out = new ImageData(w, rows);
    const pixels = new Uint32Array(out.data.buffer),
      from = point * rows * w;
    for (let i = 0; i < rows * w; i++) {
      const v = data[from + i];
      pixels[i] = pack([v, v, v]);
    }
    this.digit.width = w;
    this.digit.height = rows;
    this.digit.getContext("2d").putImageData(out, 0, 0);
    this.shown = point;
    this.shownRun = run;
  }
}
