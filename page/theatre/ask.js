// A card about one point: picture, label, how it is read, what pulls on it, neighbors, its way.
import { h, setText } from "../dom.js";
import { pack, short, whole } from "../numbers.js";
import { arrowsOf, neighbors, nextMisread, readings, wayOf } from "./ask_data.js";
import { drawRing } from "./overlay.js";
import { MARK } from "./theme.js";

const LONGEST = 64; // px, of the longest arrow
const AGAIN = 700; // ms between two questions about the same point
const ARROWS = ["#1f77d0", "#d9560b", "#1a8a4a", "#8a4be0", "#8c6d1f"];
const NO_KERNEL = "What the losses do to it is known only while a kernel trains.";

/** A point's picture, on a canvas. @param {any} canvas @param {import("./run.js").Run} run */
function drawPicture(canvas, run, point) {
  canvas.hidden = !run.images;
  if (!run.images) return;
  const { h: rows, w, data } = run.images,
    out = new ImageData(w, rows),
    pixels = new Uint32Array(out.data.buffer);
  const from = point * rows * w;
  pixels.forEach((_, i) => {
    const v = data[from + i];
    pixels[i] = pack([v, v, v]);
  });
  canvas.width = w;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(out, 0, 0);
}

export class Ask {
  /** @param {import("./panel.js").Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.point = -1;
    this.run = null;
    /** @type {import("./ask_data.js").Forces | null} */
    this.answer = null;
    this.asked = -Infinity; // ms
    this.shown = ""; // what the card says: point and frame
    this.build();
  }
  build() {
    this.picture = h("canvas", { class: "fnb-ask-picture", "aria-hidden": "true" });
    this.label = h("b");
    this.reads = h("ul", { class: "fnb-ask-reads" });
    this.forces = h("table", { class: "fnb-ask-forces" });
    this.note = h("p", { class: "fnb-ask-note" });
    this.near = h("div", { class: "fnb-ask-near", role: "group", "aria-label": "Neighbors" });
    const closing = { title: "Close (Esc)", "aria-label": "Close", onclick: () => this.close() };
    const look = { type: "button", class: "fnb-link" };
    const button = (props, text) => h("button", { ...look, ...props, text });
    const wrong = { title: "The next point that is read wrongly (a)", onclick: () => this.next() };
    this.el = h(
      "section",
      { class: "fnb-ask", hidden: true, tabindex: -1, "aria-label": "About a point" },
      h(
        "div",
        { class: "fnb-ask-top" },
        this.label,
        button(wrong, "next misread"),
        button(closing, "×"),
      ),
      h("div", { class: "fnb-ask-who" }, this.picture, this.reads),
      h("div", {}, this.forces, this.note),
      h("div", { class: "fnb-ask-close" }, "nearest ", this.near),
    );
  }
  get open() {
    return this.point >= 0;
  }
  get view() {
    return this.panel.view;
  }

  /** The point at the mouse. */
  click() {
    const { panel } = this;
    if (panel.mouse && panel.point >= 0) this.about(panel.point);
    else this.close();
  }
  next() {
    const { run } = this.panel;
    if (!run?.frames.length) return;
    const found = nextMisread(run, this.view.shownFrame(run), this.point, this.view.hidden);
    if (found >= 0) this.about(found);
    else if (!this.open) this.about(0);
  }
  /** @param {number} point */
  about(point) {
    this.point = point;
    this.answer = null;
    this.asked = -Infinity;
    this.shown = "";
    this.el.hidden = false;
    this.panel.side.classList.add("fnb-asking");
    // the neighbor that was clicked goes: the keys stay with the card
    if (this.el.contains(document.activeElement)) this.el.focus({ preventScroll: true });
    this.view.schedule();
  }
  /** True if it was open. */
  close() {
    const was = this.open;
    this.point = -1;
    this.el.hidden = true;
    this.panel.side.classList.remove("fnb-asking");
    if (was && this.el.contains(document.activeElement)) this.view.el.focus();
    if (was) this.view.schedule();
    return was;
  }
  /** What the kernel answers. @param {import("./ask_data.js").Forces} message */
  take(message) {
    const current = message.generation === this.view.store.generation;
    if (!current || message.point !== this.point) return;
    this.answer = message;
    this.shown = "";
    this.view.schedule();
  }
  /** Ask the kernel, unless what it said is about the newest frame. */
  wonder() {
    const { panel, point, view } = this,
      { store } = view,
      now = performance.now();
    const newest = panel.run.frames.at(-1).step,
      fresh = this.answer && (this.answer.error || this.answer.step >= newest);
    if (!store.config.live || fresh || now - this.asked < AGAIN) return;
    this.asked = now;
    store.send({ type: "ask", panel: panel.index, point, generation: store.generation });
  }

  // --- in the picture
  /**
   * @param {CanvasRenderingContext2D} ctx
   * @param {import("./panel.js").Moment} now
   * @param {import("./overlay.js").Stage} stage
   */
  paint(ctx, now, stage) {
    if (!this.open) return;
    const { panel, view, point } = this,
      { run } = panel;
    if (point >= run.n) return void this.close();
    if (this.run !== run) this.answer = null; // a new training
    this.run = run;
    this.wonder();
    const { dpr } = view.look,
      at = panel.place(point, now),
      x = at.px / dpr,
      y = at.py / dpr;
    this.paintWay(ctx, now, stage, x, y);
    drawRing(ctx, x, y, view.look);
    const last = now.i === run.frames.length - 1;
    if (last && this.answer?.sum?.length) this.paintForces(ctx, x, y);
    this.say(now, last);
  }
  paintWay(ctx, now, { X, Y }, x, y) {
    const { theme } = this.view.look;
    ctx.beginPath();
    wayOf(this.panel.run, this.point, now.i).forEach(([a, b], i) =>
      ctx[i ? "lineTo" : "moveTo"](X(a), Y(b)),
    );
    ctx.lineTo(x, y);
    ctx.lineJoin = "round";
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1.2;
    ctx.stroke();
  }
  paintForces(ctx, x, y) {
    const all = arrowsOf(this.answer, LONGEST),
      { ink } = this.view.look.theme;
    all.forEach(({ dx, dy }, i) => {
      const sum = i === all.length - 1,
        long = Math.hypot(dx, dy);
      if (long < 1) return;
      ctx.strokeStyle = sum ? ink : ARROWS[i % ARROWS.length];
      ctx.lineWidth = sum ? 1.6 : 3;
      const tip = Math.min(8, long / 2),
        ux = dx / long,
        uy = dy / long;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x + dx, y + dy);
      ctx.moveTo(x + dx - tip * (ux - 0.6 * uy), y + dy - tip * (uy + 0.6 * ux));
      ctx.lineTo(x + dx, y + dy);
      ctx.lineTo(x + dx - tip * (ux + 0.6 * uy), y + dy - tip * (uy - 0.6 * ux));
      ctx.stroke();
    });
  }

  // --- in words
  say(now, last) {
    const key = `${this.point} ${now.i} ${last}`;
    if (key === this.shown && this.saidRun === this.run) return;
    this.shown = key;
    this.saidRun = this.run;
    const { run } = this.panel,
      { point } = this,
      frame = run.frames[now.i];
    const nameOf = (k) => run.names[k] + (run.minority.has(k) ? MARK : "");
    const where = run.domains ? `, ${run.domainNames[run.domains[point]]}` : "";
    setText(this.label, `${nameOf(run.labels[point])}${where} (point ${whole(point)})`);
    drawPicture(this.picture, run, point);
    const said = ({ name, guess, right }) => {
      const text = `${name}: ${nameOf(guess)} ${right ? "✓" : "✗"}`;
      return h("li", { class: right ? "" : "wrong", text });
    };
    this.reads.replaceChildren(...readings(run, frame, point).map(said));
    this.near.replaceChildren(...neighbors(run, frame, point).map((i) => this.neighbor(run, i)));
    this.sayForces(last);
  }
  neighbor(run, i) {
    const canvas = h("canvas", { "aria-hidden": "true" }),
      name = run.names[run.labels[i]],
      alike = run.labels[i] === run.labels[this.point];
    drawPicture(canvas, run, i);
    const about = { title: `Ask about point ${whole(i)}, ${name}`, onclick: () => this.about(i) };
    const look = `fnb-ask-one${alike ? "" : " other"}`;
    const words = h("span", { text: name });
    return h("button", { type: "button", class: look, ...about }, canvas, words);
  }
  sayForces(last) {
    const { answer } = this,
      { live } = this.view.store.config;
    const rows = answer?.sum?.length && last ? arrowsOf(answer, LONGEST) : [];
    const row = ({ name, length }, i) => {
      const sum = i === rows.length - 1,
        color = sum ? "currentColor" : ARROWS[i % ARROWS.length];
      return h(
        "tr",
        {},
        h("td", {}, h("i", { style: `background:${color}` }), name),
        h("td", { text: short(Number(length.toPrecision(3))) }),
      );
    };
    this.forces.replaceChildren(...rows.map(row));
    let note = rows.length ? `forces at step ${whole(answer.step)}` : "asking the kernel …";
    if (!live) note = NO_KERNEL;
    else if (answer?.error) note = answer.error;
    else if (!last) note = "forces: at the newest frame";
    setText(this.note, note);
    this.note.title =
      "−N times the gradient of each loss term at this point, all N recorded points as one " +
      "batch: where a step of descent would move it. All arrows have one scale.";
  }
  /** For tests. */
  report() {
    return { point: this.point, answer: this.answer, text: this.el.innerText };
  }
}
