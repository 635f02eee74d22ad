// The picture; dragging on it and the arrow keys turn the head or move the light.
import { h } from "../dom.js";
import { clamp } from "../numbers.js";
import { button } from "./button.js";
import { meanOf } from "./desk.js";
import { fill } from "./pictures.js";

const REACH = 1.2; // radians: largest turn of head and light
const NOD = 0.7; // radians: largest up and down of the head
const DRAG = 2.4; // radians for a drag over the whole picture
const STEP = 0.1; // radians for an arrow key

/** @typedef {"turn" | "lamp"} Target */

/**
 * Where head or light is after a step to the right and down.
 * @param {Target} target
 * @param {number[]} from
 * @param {number} dx
 * @param {number} dy
 */
export function shifted(target, from, dx, dy) {
  const limit = target === "turn" ? NOD : REACH,
    down = target === "turn" ? dy : -dy;
  return [clamp(from[0] + dx, -REACH, REACH), clamp(from[1] + down, -limit, limit)];
}

export class Face {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.mode = "head"; // what dragging moves without shift
    this.hold = null; // what is being dragged
    const ondblclick = () => this.reset(),
      onkeydown = (e) => this.key(e);
    const about = { role: "img", tabindex: 0, "aria-describedby": "" };
    this.canvas = h("canvas", {
      class: "fst-face",
      ...about,
      ondblclick,
      onkeydown,
      onpointerdown: (e) => this.grab(e),
      onpointermove: (e) => this.drag(e),
      onpointerup: () => this.drop(),
      onpointercancel: () => this.drop(),
    });
    this.sun = h("i", { class: "fst-sun", hidden: true });
    this.el = h(
      "div",
      { class: "fst-stage" },
      h("div", { class: "fst-frame" }, this.canvas, this.sun),
      this.buildTools(),
    );
  }
  buildTools() {
    const head = "Dragging on the face turns the head (with shift: moves the light)";
    const light = "Dragging on the face moves the light (with shift: turns the head)";
    const mode = (name, label, title) => button(name, label, title, () => this.choose(name));
    this.modes = {
      head: mode("head", "Turn head", head),
      light: mode("light", "Move light", light),
    };
    this.choose(this.mode);
    const title = "Head and light as the photograph had them (double-click)";
    const name = { "aria-label": "Reset head and light" };
    const about = { role: "group", "aria-label": "What dragging does" };
    return h(
      "div",
      { class: "fst-tools", ...about },
      ...Object.values(this.modes),
      button("reset", "", title, () => this.reset(), name),
    );
  }
  choose(mode) {
    this.mode = mode;
    for (const [name, b] of Object.entries(this.modes))
      b.setAttribute("aria-pressed", String(name === mode));
  }
  reset() {
    this.desk.set({ turn: [0, 0], lamp: [0, 0] });
  }
  paint() {
    if (this.desk.picture) fill(this.canvas, this.desk.picture);
  }

  /** @returns {Target} */
  target(shift) {
    return shift !== (this.mode === "light") ? "lamp" : "turn";
  }
  grab(e) {
    if (e.button) return;
    this.canvas.setPointerCapture(e.pointerId);
    const target = this.target(e.shiftKey);
    this.hold = { target, x: e.clientX, y: e.clientY, from: this.desk.state[target] };
    this.showSun();
  }
  drag(e) {
    if (!this.hold) return;
    const { target, x, y, from } = this.hold,
      scale = DRAG / this.canvas.clientWidth;
    const dx = (e.clientX - x) * scale,
      dy = (e.clientY - y) * scale;
    if (dx || dy) this.shift(target, from, dx, dy);
  }
  drop() {
    this.hold = null;
    this.showSun();
  }
  shift(target, from, dx, dy) {
    this.desk.set({ [target]: shifted(target, from, dx, dy) });
    this.showSun();
  }
  key(e) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const [dx, dy] = arrows[e.key] || [],
      target = this.target(e.shiftKey);
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (dx != null) this.shift(target, this.desk.state[target], STEP * dx, STEP * dy);
    else if (e.key === "Home") this.reset();
    else return;
    e.preventDefault();
  }
  showSun() {
    // where the light went, while it is dragged
    const [x, y] = this.desk.state.lamp;
    this.sun.hidden = this.hold?.target !== "lamp";
    this.sun.style.left = `${50 + (45 * x) / REACH}%`;
    this.sun.style.top = `${50 - (45 * y) / REACH}%`;
  }

  describe() {
    // for screen readers
    const { state, hello, expression } = this.desk,
      au = meanOf(state.au);
    const all = hello.actions.map((a, k) => ({ name: a.name, v: au[k] }));
    const words = all.filter(({ v }) => v > 0.05).map(({ name, v }) => `${name} ${v.toFixed(1)}`);
    const drawn = expression ? `, drawn as ${expression}` : "";
    const keys = "Arrow keys turn the head, with shift they move the light.";
    const shown = words.join(", ") || "all actions at rest";
    this.canvas.setAttribute("aria-label", `Rendered face${drawn}: ${shown}. ${keys}`);
  }
}
