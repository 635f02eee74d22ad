// One run: its picture with points and regions, and its two charts.
import { h, setText } from "../dom.js";
import { blend, clamp, mean, mix, pack, percent, short, ticks, whole } from "../numbers.js";
import { drawBars, drawCurves } from "./charts.js";
import { drawAxes, drawMarks, drawNote, drawRing, drawTrails } from "./overlay.js";
import { Ask } from "./ask.js";
import { Mirror } from "./mirror.js";
import { around, camera, fillRegions, fitCanvas, gridLine, makeStamps, splat } from "./paint.js";
import { lerpFrame, readBy, recallBy, scores } from "./readouts.js";
import { emptyText } from "./store.js";
import { MARK } from "./theme.js";
import { Tip } from "./tip.js";

const MARGIN = 26; // px between the points and the border
const REACH = 14; // px around the mouse in which a point is found

/** @typedef {import("./run.js").Frame} Frame @typedef {import("./readouts.js").State} State */
/**
 * @typedef {{a: Frame, b: Frame, t: number, i: number, state: State, cam:
 *   import("./paint.js").Camera}} Moment
 */

export class Panel {
  /** @param {import("./view.js").View} view @param {number} index */
  constructor(view, index) {
    this.view = view;
    this.index = index;
    this.mouse = null; // px
    this.point = -1; // the one under the mouse
    this.tip = new Tip();
    this.labels = []; // of the centers, where they were drawn last
    this.buildStage();
    this.buildCharts();
    const head = h("header", { class: "fnb-head" }, this.title, this.step, this.choices);
    this.mirror = new Mirror(this);
    this.ask = new Ask(this);
    this.side.prepend(this.mirror.tabs);
    this.side.append(this.mirror.el, this.ask.el);
    const body = h("div", { class: "fnb-body" }, this.stage, this.side);
    this.el = h("section", { class: "fnb-panel" }, head, body);
    view.sizes.observe(this.stage);
    view.sizes.observe(this.side);
  }
  buildStage() {
    this.title = h("h3", { class: "fnb-title" });
    this.step = h("span", { class: "fnb-step" });
    this.choices = h("div", { class: "fnb-choices" });
    const square = { width: 300, height: 300 }; // until it is laid out
    this.points = h("canvas", { class: "fnb-points", role: "img", ...square });
    this.overlay = h("canvas", { class: "fnb-overlay", "aria-hidden": "true", ...square });
    this.message = h("div", { class: "fnb-message" });
    const mouse = {
      onpointermove: (e) => this.hover(e),
      onpointerleave: () => this.unhover(),
      onclick: () => this.ask.click(),
    };
    this.stage = h(
      "div",
      { class: "fnb-stage", ...mouse },
      this.points,
      this.overlay,
      this.tip.el,
      this.message,
    );
  }
  buildCharts() {
    const chart = (caption, size, canvas) =>
      h(
        "div",
        { class: "fnb-chart" },
        h("div", { class: "fnb-caption" }, ...caption),
        h("div", { class: `fnb-plot${size}` }, canvas),
      );
    const mouse = {
      onpointerdown: (e) => this.seek(e),
      onpointermove: (e) => e.buttons && this.seek(e),
    };
    const means = `mean of all classes, and of those with few training samples (${MARK})`;
    this.figures = h("span", { class: "fnb-figures", title: means });
    this.recallTitle = h("span", { text: "Recall per class" });
    this.lossTitle = h("span", { text: "Loss" });
    const onclick = () => this.view.chooseLoss();
    this.kind = h("button", { type: "button", class: "fnb-link", text: "log scale", onclick });
    this.bars = h("canvas", { class: "fnb-bars", role: "img" });
    this.curves = h("canvas", { class: "fnb-curves", role: "img", ...mouse });
    this.side = h(
      "div",
      { class: "fnb-side" },
      chart([this.recallTitle, this.figures], "", this.bars),
      chart([this.lossTitle, this.kind], " fnb-tall", this.curves),
    );
  }
  remove() {
    this.view.sizes.unobserve(this.stage);
    this.view.sizes.unobserve(this.side);
    this.el.remove();
  }
  /** How much of the theatre's height is this panel's picture and charts. */
  get drawn() {
    const tall = (e) => e.offsetHeight;
    if (this.view.el.dataset.beside === "true") return tall(this.stage.parentElement);
    const charts = tall(this.bars.parentElement) + tall(this.curves.parentElement);
    return tall(this.stage) + (this.mirror.drawn || charts);
  }
  get run() {
    return this.view.store.runs[this.index];
  }

  // --- the mouse
  hover(e) {
    const r = this.stage.getBoundingClientRect();
    this.mouse = [e.clientX - r.left, e.clientY - r.top];
    this.view.hovered = this;
    this.view.schedule();
  }
  unhover() {
    this.mouse = null;
    this.point = -1;
    if (this.view.hovered === this) this.view.hovered = null;
    this.view.schedule();
  }
  seek(e) {
    // to the frame of the step under the mouse
    if (!this.map) return;
    const r = this.curves.getBoundingClientRect(),
      { left, right, last } = this.map;
    const part = clamp((e.clientX - r.left - left) / (r.width - left - right), 0, 1);
    const step = part * last,
      frames = this.run.frames,
      off = (f) => Math.abs(f.step - step);
    let best = 0;
    frames.forEach((f, i) => {
      if (off(f) < off(frames[best])) best = i;
    });
    this.view.go(best);
  }
  /** Where point i is: embedding and pixels. @param {number} i @param {Moment} now */
  place(i, { a, b, t, cam }) {
    const at = (o) => mix((a.xy[o] * a.scale) / 32767, (b.xy[o] * b.scale) / 32767, t);
    const x = at(2 * i),
      y = at(2 * i + 1);
    return { x, y, px: cam.x + cam.s * x, py: cam.y - cam.s * y };
  }
  /** The point under the mouse, or -1. @param {Moment} now */
  nearest(now) {
    const { run } = this,
      { hidden } = this.view,
      { dpr } = this.view.look;
    const [mx, my] = this.mouse.map((v) => v * dpr);
    let best = -1,
      reach = (REACH * dpr) ** 2;
    for (let i = 0; i < run.n; i++) {
      if (hidden[run.labels[i]]) continue;
      const { px, py } = this.place(i, now),
        d = (px - mx) ** 2 + (py - my) ** 2;
      if (d < reach) {
        reach = d;
        best = i;
      }
    }
    return best;
  }

  // --- one picture
  /** Between which frames the player is; null without one. @param {number} pos in frames */
  moment(pos) {
    const frames = this.run?.frames || [],
      last = frames.length - 1;
    if (last < 0) return null;
    const i = Math.min(Math.floor(pos), last),
      t = i === last ? 0 : pos - i,
      a = frames[i],
      b = frames[Math.min(i + 1, last)];
    return { a, b, t, i, state: lerpFrame(a, b, t) };
  }
  /**
   * @param {number} pos in frames
   * @param {ReturnType<Panel["moment"]>} moment
   * @param {number[][]} boxes of all panels, if they share one scale
   */
  draw(pos, moment, boxes) {
    const { view, run } = this;
    if (!moment) return;
    const { a, b, t, i, state } = moment;
    this.prepare();
    const { width: w, height: tall } = this.points;
    const box = boxes.length ? around(boxes) : state.box,
      cam = camera(box, w, tall, MARGIN * view.look.dpr),
      now = { a, b, t, i, state, cam };
    this.by = readBy(state, view.readout, run);
    this.paintField(state, cam, w, tall);
    splat(this.pixels, w, tall, run, a, b, t, cam, this.stamps, view.legend.hidden);
    this.ctx.putImageData(this.image, 0, 0);
    if (this.mouse) this.point = this.nearest(now);
    this.paintOverlay(now, w, tall);
    this.paintCharts(state, a, pos);
  }
  prepare() {
    // pixels and stamps of the right size and colors
    const { view, run } = this,
      { dpr, theme, colors } = view.look;
    const resized = fitCanvas(this.points, dpr),
      w = this.points.width;
    fitCanvas(this.overlay, dpr);
    if (resized || !this.image) {
      this.ctx = this.points.getContext("2d", { alpha: false });
      this.image = new ImageData(w, this.points.height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.stamps = null;
    }
    const key = `${view.look.key} ${run.n} ${run.k} ${run.domainNames.length}`;
    if (this.stamps && this.stampsFor === key) return;
    const crowd = clamp(3.3 * (500 / run.n) ** 0.23, 1, 3.6); // px: smaller among many
    const radius = crowd * clamp(w / dpr / 420, 0.8, 1.15) * dpr;
    const alpha = clamp(0.92 * (1000 / run.n) ** 0.1, 0.55, 0.92);
    this.stampsFor = key;
    this.stamps = makeStamps(run, colors, theme.ring, radius, alpha, w);
  }
  paintField(state, cam, w, tall) {
    // background: decision regions and grid
    const { view, run, pixels } = this,
      { theme, colors, dpr } = view.look;
    const lines = scores(state, this.by.kind, run);
    const tints = colors.map((c) => pack(blend(theme.stage, c, theme.tint)));
    if (lines) fillRegions(pixels, w, tall, cam, lines, tints);
    else pixels.fill(pack(theme.stage));
    this.ticks = {
      x: ticks(-cam.x / cam.s, (w - cam.x) / cam.s, w / dpr / 90),
      y: ticks((cam.y - tall) / cam.s, cam.y / cam.s, tall / dpr / 90),
    };
    for (const axis of ["x", "y"])
      for (const v of this.ticks[axis]) {
        const p = Math.round(axis === "x" ? cam.x + cam.s * v : cam.y - cam.s * v);
        gridLine(pixels, w, tall, p, axis === "x", v === 0 ? theme.zero : theme.grid, !lines);
      }
  }
  /** @param {Moment} now @param {number} w @param {number} tall */
  paintOverlay(now, w, tall) {
    const { view, run } = this,
      { look, hidden } = view,
      { cam, state } = now,
      { dpr } = look;
    const ctx = this.overlay.getContext("2d"),
      stage = {
        W: w / dpr,
        H: tall / dpr,
        X: (x) => (cam.x + cam.s * x) / dpr,
        Y: (y) => (cam.y - cam.s * y) / dpr,
      };
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, stage.W, stage.H);
    drawAxes(ctx, stage, look, this.ticks);
    if (view.trails) drawTrails(ctx, stage, look, run, state, now.i, hidden);
    this.labels = drawMarks(ctx, stage, look, run, state, hidden, this.labels);
    drawNote(ctx, { ...stage, W: this.points.clientWidth }, look, state);
    this.ask.paint(ctx, now, stage);
    this.paintPoint(ctx, now, stage);
  }
  paintPoint(ctx, now, { W, H }) {
    // the one under the mouse, in all panels of as many points
    const { view, run } = this,
      { dpr } = view.look,
      from = view.hovered,
      mine = from === this;
    const linked = from && !mine && from.run?.n === run.n ? from.point : -1;
    const point = mine ? this.point : linked;
    if (!mine || point < 0) this.tip.hide();
    if (point < 0 || view.hidden[run.labels[point]]) return;
    const at = this.place(point, now),
      x = at.px / dpr,
      y = at.py / dpr;
    drawRing(ctx, x, y, view.look);
    if (!mine) return;
    this.tip.say(run, point, now.state, view.readout, at);
    this.tip.move(x, y, W, H);
  }
  paintCharts(state, frame, pos) {
    const { view, run } = this,
      { theme, dpr, colors, font } = view.look;
    const { kind, name } = this.by,
      now = recallBy(run, frame, kind);
    const bars = kind === "head" || kind === "off" ? [...(state.recall || [])] : now;
    const fit = (canvas) => {
      fitCanvas(canvas, dpr);
      const ctx = canvas.getContext("2d");
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      return [ctx, canvas.clientWidth, canvas.clientHeight];
    };
    this.mirror.draw(run.frames.indexOf(frame));
    if (!this.bars.clientWidth) return this.sayFigures(frame, now); // not seen for now
    const [ctx, w, tall] = fit(this.bars);
    drawBars(ctx, w, tall, run, bars, colors, theme, font);
    const [curves, width, height] = fit(this.curves);
    this.map = drawCurves(curves, width, height, run, pos, theme, font, view.logLoss);
    setText(this.lossTitle, this.map.log ? "Loss (log scale)" : "Loss");
    setText(this.kind, view.logLoss ? "linear scale" : "log scale");
    setText(this.recallTitle, `Recall by ${name}`);
    this.sayFigures(frame, now);
  }
  sayFigures(frame, recall) {
    const { run } = this,
      few = recall.filter((_, k) => run.minority.has(k));
    const all = percent(mean(recall)),
      rare = percent(mean(few)),
      step = whole(frame.step);
    const of = run.total ? `/${whole(run.total)}` : "";
    const word = this.bars.clientWidth < 330 ? "" : "minority";
    const also = few.length ? ` · ${word}${MARK} ${rare}` : "";
    setText(this.figures, `mean ${all}${also}`);
    setText(this.step, `step ${step}${of} · epoch ${frame.epoch}`);
    this.summary = `${run.name || "run"} at step ${step}: mean recall ${all}`;
    if (few.length) this.summary += `, minority classes ${rare}`;
  }

  describe() {
    // for screen readers; only when the picture rests
    const { run } = this,
      total = run?.frames.length ? this.view.shownFrame(run).losses.total : null;
    const text = `Embedding of ${this.summary || "a run without frames"}`;
    this.points.setAttribute("aria-label", text);
    this.bars.setAttribute("aria-label", this.summary || "");
    const curves = total == null ? "Loss curves" : `Loss curves; total ${short(total)}`;
    this.curves.setAttribute("aria-label", curves);
  }
  refresh() {
    // everything that is not drawn per frame
    const { run } = this,
      status = this.view.store.status,
      error = run && run.error;
    const some = Boolean(run?.frames.length);
    setText(this.title, run ? run.name || `run ${this.index + 1}` : "");
    const wait = some ? "" : status.error || emptyText(this.view.store);
    setText(this.message, error || wait);
    this.message.classList.toggle("error", Boolean(error || status.error));
    this.message.classList.toggle("over", some);
    this.message.setAttribute("role", error ? "alert" : "status");
    this.image = null;
    this.mirror.refresh();
  }
}
