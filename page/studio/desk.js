// What one widget model knows, its views listen: `state` is what the reader wants, `picture` what
// came last.
// The kernel renders; the desk asks for one picture at a time and then only for the newest state.
import { Calling, randomSeed } from "../desk.js";
import { clamp, mix } from "../numbers.js";
import { toCanvas } from "./pictures.js";

export const MOST = 1.3; // largest intensity of an action
export const SIZES = [80, 112, 160, 224]; // px: sides of a rough picture, while something moves
const FULL = 224; // px: side of a finished picture
const REST = 150; // ms without a change until the finished picture is asked for
const QUICK = 45; // ms: a rough picture that came sooner may be larger
const SLOW = 85; // ms: one that came later is to be smaller
const GLIDE = 350; // ms in which the face goes over to a new expression
const LATE = 800; // ms until the page says that it waits

/**
 * @typedef {"hello" | "state" | "pictures" | "expression" | "explain" | "picture" | "status"} News
 */
/**
 * @typedef {Object} State what the face shows (Sitting in faces)
 * @property {[number[], number[]]} au of the person's left and right side
 * @property {boolean} split
 * @property {number} person
 * @property {Record<string, number>} look
 * @property {string} domain
 * @property {number} photo
 * @property {number[]} turn
 * @property {number[]} lamp
 * @property {Record<string, number>} [shown] the look of the person shown
 */

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The mean over both sides of the face. @param {number[][]} au */
export const meanOf = ([left, right]) => left.map((v, k) => (v + right[k]) / 2);

/**
 * The size that suits one that took so long.
 * @param {number} rough its number in SIZES
 * @param {number} took ms
 */
export function nextRough(rough, took) {
  if (took > SLOW) return Math.max(0, rough - 1);
  return took < QUICK ? Math.min(SIZES.length - 1, rough + 1) : rough;
}

/** @extends {Calling<News>} */
export class Desk extends Calling {
  /** @param {(message: any) => void} send */
  constructor(send) {
    super(send);
    /** @type {State} */
    this.state = null;
    this.expression = ""; // the one that was drawn last
    this.glide = null; // the way to an expression that goes on
    this.drawing = false; // an expression was asked for and has not come
    // pictures
    this.picture = null;
    this.size = 0; // px, of it
    this.frames = 0; // so far
    this.thumbs = null; // of every action
    // asking
    this.seq = 0;
    this.waiting = 0; // for the answer to that request; 0: for none
    this.wanted = false; // a newer picture than the one asked for
    this.fresh = true; // the finished picture is there or asked for
    this.rough = 1; // number in SIZES
    this.took = 0; // ms, for the last rough one
    this.error = "";
    // explaining
    this.extras = null; // pictures of what an action does
    this.explain = null; // which
    this.explaining = false;
    this.call();
  }
  close() {
    super.close();
    for (const timer of [this.rest, this.late]) clearTimeout(timer);
  }
  get busy() {
    const { waiting, fresh, rest, drawing, glide } = this;
    return Boolean(waiting || !fresh || rest || drawing || glide);
  }

  // --- what the reader does
  /** A new state; the picture follows. @param {Partial<State>} change */
  set(change, glide = false) {
    if (!glide) this.glide = null;
    Object.assign(this.state, change);
    this.touch();
    this.changed("state");
  }
  /** @param {number} k @param {0 | 1 | null} side left, right, both @param {number} value */
  setAction(k, side, value) {
    const [left, right] = this.state.au.map((row) => row.slice());
    if (side !== 1) left[k] = clamp(value, 0, MOST);
    if (side !== 0) right[k] = clamp(value, 0, MOST);
    this.express("");
    this.set({ au: [left, right] });
    this.look(k);
  }
  /** Joined, both sides get the mean. @param {boolean} apart */
  split(apart) {
    const mean = meanOf(this.state.au);
    this.set({ split: apart, au: apart ? this.state.au : [mean, mean.slice()] });
  }
  /** Explain this action from now on. @param {number} k */
  look(k) {
    const name = this.hello.actions[k].au;
    if (this.explain === name) return;
    this.explain = name;
    this.changed("explain");
    if (this.explaining) this.finish();
  }
  /** @param {boolean} on */
  explainNow(on) {
    this.explaining = on;
    if (on && !this.explain) {
      const { actions } = this.hello,
        au = meanOf(this.state.au),
        most = au.indexOf(Math.max(...au));
      const smile = actions.findIndex((a) => a.au === "AU12");
      this.explain = actions[au[most] ? most : smile].au;
    }
    if (on) this.finish();
    this.changed("explain");
  }
  /** @param {string} emotion @param {boolean} average instead of a new variation */
  draw(emotion, average) {
    this.drawing = true;
    this.send({ type: "draw", emotion, average, seed: randomSeed(), page: this.page });
  }
  /** @param {string} emotion */
  express(emotion) {
    if (emotion === this.expression) return;
    this.expression = emotion;
    this.changed("expression");
  }
  relax() {
    const rest = () => this.hello.actions.map(() => 0);
    this.express("");
    this.glideTo([rest(), rest()]);
  }
  /** @param {[number[], number[]]} au */
  glideTo(au) {
    if (!this.state.split) au = [meanOf(au), meanOf(au)];
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set({ au });
    const from = this.state.au,
      begin = performance.now(),
      mine = (this.glide = {});
    const tick = () => {
      if (this.glide !== mine) return;
      const t = clamp((performance.now() - begin) / GLIDE, 0, 1),
        eased = t * t * (3 - 2 * t);
      const between = (s) => from[s].map((v, k) => mix(v, au[s][k], eased));
      this.set({ au: t < 1 ? [between(0), between(1)] : au }, true);
      if (t < 1) requestAnimationFrame(tick);
      else this.glide = null;
    };
    tick();
  }

  // --- asking for pictures: one at a time, then only the newest
  touch() {
    this.wanted = true;
    this.fresh = false;
    this.pump();
    this.settle();
  }
  finish() {
    // a finished picture once all rests
    this.fresh = false;
    this.settle();
  }
  settle() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.rest = 0;
      this.pump();
    }, REST);
  }
  pump() {
    if (this.waiting || !this.hello) return;
    if (this.rest && this.wanted)
      this.ask(SIZES[this.rough], 1); // something moves
    else if (!this.rest && !this.fresh) this.ask(FULL, 2);
  }
  ask(size, samples) {
    const finished = samples === 2,
      { page } = this;
    this.wanted = false;
    if (finished) this.fresh = true;
    this.waiting = ++this.seq;
    this.asked = performance.now();
    clearTimeout(this.late);
    this.late = setTimeout(() => this.changed("status"), LATE);
    const { au, split, person, look, domain, photo, turn, lamp } = this.state;
    const state = { au, split, person, look, domain, photo, turn, lamp };
    const explain = finished && this.explaining ? this.explain : null;
    this.send({ type: "set", page, seq: this.waiting, size, samples, state, explain });
  }
  answered() {
    this.waiting = 0;
    clearTimeout(this.late);
    this.changed("status");
  }

  // --- what the kernel says
  hear(message, buffers) {
    const mine = message.page === this.page,
      { type } = message;
    const reply = mine && message.seq === this.waiting && this.waiting > 0;
    if (type === "hello" && !this.hello) this.greet(message);
    else if (type === "pictures") this.hang(message, buffers[0]);
    else if (type === "drawn" && mine) this.takeExpression(message);
    else if (type === "error" && mine) this.fail(message.text, reply);
    else if (type === "frame" && this.hello) this.takeFrame(message, buffers, mine, reply);
  }
  greet(message) {
    this.greeted(message);
    this.state = message.state;
    this.fresh = false;
    this.changed("hello");
    this.pump();
    this.send({ type: "pictures", page: this.page }); // after the first frame
  }
  hang({ width, height }, buffer) {
    const at = (k) => toCanvas(buffer, width, height, 3 * k * width * height);
    this.thumbs = this.hello.actions.map((_, k) => at(k));
    this.changed("pictures");
  }
  takeExpression({ emotion, au }) {
    this.drawing = false;
    this.express(emotion);
    this.glideTo(au);
  }
  takeFrame(message, buffers, mine, reply) {
    if (!mine)
      this.adopt(message.state); // set from Python, or by another page
    else if (!reply) return;
    this.take(message, buffers);
    if (!reply) return;
    this.pace(message.size);
    this.answered();
    this.pump();
  }
  adopt(state) {
    this.glide = null;
    this.wanted = false;
    this.fresh = true;
    if (!same(state.au, this.state.au)) this.express("");
    this.state = state;
    if (this.explaining) this.finish();
    this.changed("state");
  }
  take({ size, small, state, explain, largest }, buffers) {
    this.picture = toCanvas(buffers[0], size, size);
    this.size = size;
    this.frames++;
    this.error = "";
    this.state.shown = state.shown;
    if (explain) {
      const [difference, mesh] = [1, 2].map((i) => toCanvas(buffers[i], small, small));
      this.extras = { name: explain, largest, difference, mesh };
    }
    this.changed("picture");
  }
  fail(text, reply) {
    this.error = text;
    this.drawing = false;
    this.fresh = true;
    if (reply) this.answered();
    this.changed("status");
    if (this.wanted) this.pump();
  }
  pace(size) {
    // rough pictures as large as they come quickly
    this.took = performance.now() - this.asked;
    if (size === SIZES[this.rough]) this.rough = nextRough(this.rough, this.took);
  }
}
