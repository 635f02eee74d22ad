// What a frame says about a point: by its linear head or by the nearest center. Both are linear in
// the position.
import { mix } from "../numbers.js";

/** @typedef {import("./run.js").Run} Run @typedef {import("./run.js").Frame} Frame */
/** @typedef {"head" | "center" | "off"} Readout */
/** @typedef {[number, number, number]} Line score = line[0] x + line[1] y + line[2] */
/** @typedef {Pick<Frame, "marks" | "centers" | "head" | "bias" | "recall" | "box">} State */

/**
 * Centers, head and range between two frames.
 * @param {Frame} a
 * @param {Frame} b
 * @param {number} t
 * @returns {State}
 */
export function lerpFrame(a, b, t) {
  const between = (u, v) => (u && v && t > 0 ? u.map((x, i) => mix(x, v[i], t)) : u);
  return {
    marks: between(a.marks, b.marks),
    centers: between(a.centers, b.centers),
    head: between(a.head, b.head),
    bias: between(a.bias, b.bias),
    recall: between(a.recall, b.recall),
    box: a.box.map((x, i) => mix(x, b.box[i], t)),
  };
}

/**
 * One line per class; null without (finite) centers or head.
 * @param {State} state
 * @param {Readout} kind
 * @param {number} k
 * @returns {Line[] | null}
 */
export function scores(state, kind, k) {
  const source = kind === "center" ? state.centers : state.head;
  if (!source || !source.every(Number.isFinite)) return null;
  return Array.from({ length: k }, (_, j) => {
    const x = source[2 * j],
      y = source[2 * j + 1];
    if (kind === "center") return [2 * x, 2 * y, -(x * x + y * y)];
    return [x, y, state.bias ? state.bias[j] : 0];
  });
}

/** The class of the highest score. @param {Line[]} lines @param {number} x @param {number} y */
export function predict(lines, x, y) {
  let best = 0,
    top = -Infinity;
  lines.forEach(([ax, ay, b], j) => {
    const v = ax * x + ay * y + b;
    if (v > top) {
      top = v;
      best = j;
    }
  });
  return best;
}

/**
 * Recall of every class, if each point is given to the nearest center.
 * @param {Run} run
 * @param {Frame} frame
 */
export function nearestRecall(run, frame) {
  const lines = scores(frame, "center", run.k),
    s = frame.scale / 32767;
  const right = new Float32Array(run.k),
    count = new Float32Array(run.k);
  for (let i = 0; i < run.n; i++) {
    const y = run.labels[i];
    count[y]++;
    if (predict(lines, frame.xy[2 * i] * s, frame.xy[2 * i + 1] * s) === y) right[y]++;
  }
  return [...right.map((v, k) => v / count[k])];
}
