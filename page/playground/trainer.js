// One training: runs the step that was compiled from the library, and looks at the network.
import { batch, rate, subset } from "./order.js";

export const STEPS = 32767; // of a coordinate on either side of 0 (embeddings.quantise)
const IGNORED = -100n; // a label that does not count fills a smaller batch up

/**
 * @typedef {Object} Told what a training is
 * @property {any} step a session of its step
 * @property {any} look a session that looks at its network
 * @property {[string, number[]][]} inputs names and shapes of what a step changes
 * @property {string[]} outputs
 * @property {number[]} where each of them begins in `weights`; -1: zeros
 * @property {Float32Array} weights of the start
 * @property {{x: Float32Array, y: Uint8Array, watched: Float32Array, labels: Uint8Array}} digits
 * @property {number[]} counts pictures of every class
 * @property {Record<string, number>} knobs
 * @property {{lr: number, alpha: number, seed: number, epochs: number, batch: number, warmup:
 *   number, watched: number}} recipe
 */

export class Trainer {
  /** @param {any} ort the engine @param {Told} told */
  constructor(ort, told) {
    this.ort = ort;
    /** @type {Told} */
    this.told = told;
    this.n = 0; // steps taken
    this.chosen = subset(told.digits.y, told.counts, told.recipe.seed);
    this.perEpoch = Math.ceil(this.chosen.length / told.recipe.batch);
    this.total = this.perEpoch * told.recipe.epochs;
    this.size = told.digits.x.length / told.digits.y.length; // numbers of a picture
    this.state = new Map(
      told.inputs.map(([name, shape], i) => [name, this.tensor(this.begin(shape, i), shape)]),
    );
    this.own = []; // the visitor's digits: {small, label}
    this.sums = new Map();
    this.seen = 0; // steps since the last frame
  }
  begin(shape, i) {
    const size = shape.reduce((a, b) => a * b, 1),
      at = this.told.where[i];
    return at < 0 ? new Float32Array(size) : this.told.weights.slice(at, at + size);
  }
  tensor(data, shape) {
    return new this.ort.Tensor("float32", data, shape);
  }
  number(v) {
    return this.tensor(Float32Array.of(v), []);
  }
  /** What a session asks for. @param {any} session @param {Record<string, any>} given */
  feeds(session, given) {
    const knobs = Object.entries(this.told.knobs).map(([k, v]) => [`knob/${k}`, this.number(v)]),
      all = { ...Object.fromEntries([...this.state, ...knobs]), ...given };
    return Object.fromEntries(session.inputNames.map((name) => [name, all[name]]));
  }
  /** Pictures in a row. @param {number} count @param {(i: number) => Float32Array | null} at */
  pictures(count, at) {
    const side = Math.sqrt(this.size),
      data = new Float32Array(count * this.size);
    for (let i = 0; i < count; i++) data.set(at(i) || [], i * this.size);
    return this.tensor(data, [count, 1, side, side]);
  }
  /** The batch of the next step. */
  batch() {
    const { recipe, digits } = this.told,
      rows = batch(this.chosen, recipe.batch, this.n, recipe.seed),
      y = new BigInt64Array(recipe.batch).fill(IGNORED),
      part = (i) => digits.x.subarray(i * this.size, (i + 1) * this.size);
    rows.forEach((i, row) => (y[row] = BigInt(digits.y[i])));
    const x = this.pictures(recipe.batch, (row) => (row < rows.length ? part(rows[row]) : null));
    return { x, y: new this.ort.Tensor("int64", y, [recipe.batch]) };
  }
  /** One step. @param {{x: any, y: any}} [given] another batch than the next one */
  async step(given = this.batch()) {
    const { recipe, step } = this.told,
      factor = rate(this.n, this.total, recipe.warmup);
    const { lr, alpha } = recipe,
      rates = { lr: this.number(lr * factor), center_lr: this.number(alpha * factor) };
    const out = await step.run(this.feeds(step, { ...given, ...rates }));
    this.n++;
    for (const name of this.state.keys()) this.state.set(name, out[`new/${name}`]);
    this.add(out);
    return out;
  }
  /** Losses are shown as their mean since the last frame. */
  add(out) {
    const add = (name, v) => this.sums.set(name, (this.sums.get(name) || 0) + v);
    this.seen++;
    for (const [name, t] of Object.entries(out))
      if (name.startsWith("loss/")) add(name.slice(5), t.data[0]);
    add("gradient", out.gradient.data[0]);
    const total = out["loss/total"].data[0];
    if (!Number.isFinite(total)) throw new Error(`the loss is ${total} at step ${this.n}`);
  }
  /** Where the pictures are in the embedding now, and what pulls on them. */
  async looked() {
    const { look, digits, recipe } = this.told,
      held = digits.labels.length,
      size = this.size;
    const at = (i) =>
      i < held ? digits.watched.subarray(i * size, (i + 1) * size) : this.own[i - held]?.small;
    const y = new BigInt64Array(recipe.watched).fill(IGNORED),
      labels = [...digits.labels, ...this.own.map((o) => o.label)];
    labels.forEach((label, i) => (y[i] = BigInt(label)));
    const x = this.pictures(recipe.watched, at);
    return look.run(this.feeds(look, { x, y: new this.ort.Tensor("int64", y, [recipe.watched]) }));
  }
  /** The force of each loss on a point, as widgets.ask.forces has it. @param {number} point */
  async forces(point) {
    const out = await this.looked(),
      count = this.told.digits.labels.length + this.own.length,
      of = (name) => Array.from(out[name].data.subarray(2 * point, 2 * point + 2));
    const names = Object.keys(out).filter((name) => name.startsWith("pull/")),
      forces = names.map((name) => [name.slice(5), of(name).map((v) => -count * v)]);
    const sum = [0, 1].map((i) => forces.reduce((all, [, force]) => all + force[i], 0));
    return { step: this.n, at: of("embedding"), forces: Object.fromEntries(forces), sum };
  }
  /** A frame as widgets.frame_block has it. */
  async frame() {
    const { embedding, logits } = await this.looked(),
      { labels } = this.told.digits,
      points = labels.length + this.own.length,
      centers = this.part(".centers"),
      head = this.part("weights/model.classifier."),
      xy = quantised(embedding.data.subarray(0, 2 * points), centers);
    const block = joined(
      centers,
      this.rows(head),
      recallOf(logits.data, labels, logits.dims[1]),
      xy.points,
    );
    const mean = Object.fromEntries([...this.sums].map(([name, v]) => [name, v / this.seen]));
    const { gradient, ...losses } = mean;
    [this.sums, this.seen] = [new Map(), 0];
    const parts = [centers?.length || 0, head?.length || 0, 0];
    const info = { step: this.n, epoch: Math.floor((this.n - 1) / this.perEpoch) + 1 };
    return { info: { ...info, scale: xy.scale, grad: gradient ?? null, losses, parts }, block };
  }
  /** What has that in its name and a place in the plane for every class. @param {string} name */
  part(name) {
    for (const [path, t] of this.state)
      if (!path.startsWith("momenta/") && path.includes(name) && t.dims[1] === 2) return t.data;
    return null;
  }
  /** A head on angles is shown by its directions, as long as its scale. */
  rows(head) {
    const s = this.told.knobs.s;
    if (!s || !head) return head;
    return head.map((v, i) => (s * v) / Math.hypot(head[i & ~1], head[i | 1]));
  }
}

/** In two bytes per coordinate. @param {Float32Array} x @param {Float32Array | null} others */
export function quantised(x, others) {
  const large = (most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most),
    scale = [...x, ...(others || [])].reduce(large, 1e-30);
  const unit = (v) => (Number.isNaN(v) ? 0 : Math.max(-1, Math.min(1, v / scale)));
  return { points: Int16Array.from(x, (v) => Math.round(unit(v) * STEPS)), scale };
}

/** Per class, by the largest logit. @param {Float32Array} logits @param {Uint8Array} labels */
export function recallOf(logits, labels, k) {
  const right = new Float32Array(k),
    count = new Float32Array(k);
  labels.forEach((y, i) => {
    const row = logits.subarray(i * k, (i + 1) * k);
    count[y]++;
    if (row.indexOf(Math.max(...row)) === y) right[y]++;
  });
  return right.map((v, y) => v / count[y]);
}

/** Bytes of numbers behind one another. @param {...any} parts */
export function joined(...parts) {
  const some = parts.filter(Boolean),
    out = new Uint8Array(some.reduce((sum, p) => sum + p.byteLength, 0));
  let at = 0;
  for (const p of some) {
    out.set(new Uint8Array(p.buffer, p.byteOffset, p.byteLength), at);
    at += p.byteLength;
  }
  return out;
}
