// What a frame says about a point: by its linear head, without the prior of the training set, too,
// or by the nearest center. All are linear in the position, but for a head on angles: its logits
// w·x / |x| + b, times |x|, are w·x + b |x|. That decides the same.
import { mix } from "../numbers.js";

/** @typedef {import("./run.js").Run} Run @typedef {import("./run.js").Frame} Frame */
/** @typedef {"head" | "prior" | "center" | "off"} Readout */
/**
 * @typedef {[number, number, number] | [number, number, number, number]} Line
 *   score = line[0] x + line[1] y + line[2] + line[3] |(x, y)|
 */
/** @typedef {Pick<Frame, "marks" | "centers" | "head" | "bias" | "recall" | "box">} State */

/** @type {Record<Readout, string>} */
export const READOUTS = {
  head: "linear head",
  prior: "linear head, prior-adjusted",
  center: "nearest center",
  off: "off",
};

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

const allFinite = (source) => Boolean(source) && source.every(Number.isFinite);
const NOWHERE = /** @type {Line} */ ([0, 0, -Infinity]); // a class without points

/**
 * One line per class; null without a (finite) source. The nearest center of a loss without centers
 * is the nearest class mean; the prior-adjusted head needs the training images per class.
 * @param {State} state
 * @param {Readout} kind
 * @param {Pick<Run, "k" | "counts"> & {angular?: boolean}} run
 * @returns {Line[] | null}
 */
export function scores(state, kind, run) {
  const center = kind === "center",
    means = center && !state.centers,
    source = means ? state.marks : center ? state.centers : state.head;
  const there = means ? source?.some(Number.isFinite) : allFinite(source);
  if (kind === "off" || !there || (kind === "prior" && !run.counts)) return null;
  return Array.from({ length: run.k }, (_, j) => {
    const x = source[2 * j],
      y = source[2 * j + 1];
    if (means && !Number.isFinite(x + y)) return NOWHERE;
    if (center) return [2 * x, 2 * y, -(x * x + y * y)];
    const often = kind === "prior" ? Math.log(run.counts[j]) : 0;
    const bias = (state.bias ? state.bias[j] : 0) - often;
    return run.angular ? [x, y, 0, bias] : [x, y, bias];
  });
}

/**
 * What a panel is read out by, and its name: where the wish cannot be met, by what instead.
 * @param {State} state
 * @param {Readout} wish
 * @param {Run} run
 * @returns {{kind: Readout, name: string}}
 */
export function readBy(state, wish, run) {
  const head = !state.head ? "the network" : run.angular ? "angular head" : "linear head";
  if (wish === "center") {
    const own = allFinite(state.centers);
    if (own || !state.centers)
      return { kind: "center", name: own ? READOUTS.center : "nearest class mean" };
    return { kind: "head", name: `${head} (no finite center)` };
  }
  if (wish !== "prior") return { kind: wish, name: head };
  if (state.head && run.counts) return { kind: "prior", name: "prior-adjusted head" };
  const lacks = state.head ? "class counts unknown" : "no linear head";
  return { kind: "head", name: `${head} (${lacks})` };
}

/** The class of the highest score. @param {Line[]} lines @param {number} x @param {number} y */
export function predict(lines, x, y) {
  const far = Math.sqrt(x * x + y * y) || 1e-300; // at 0 only the constants decide
  let best = 0,
    top = -Infinity;
  for (let j = 0; j < lines.length; j++) {
    const [ax, ay, b, cone = 0] = lines[j],
      v = ax * x + ay * y + b + cone * far;
    if (v > top) {
      top = v;
      best = j;
    }
  }
  return best;
}

/**
 * Recall of every class by a readout; as recorded for the network's own.
 * @param {Run} run
 * @param {Frame} frame
 * @param {Readout} kind
 * @returns {number[]}
 */
export function recallBy(run, frame, kind) {
  if (kind !== "prior" && kind !== "center") return [...(frame.recall || [])];
  frame.read ??= {};
  return (frame.read[kind] ??= countRight(run, frame, scores(frame, kind, run)));
}

/** @param {Run} run @param {Frame} frame @param {Line[]} lines */
function countRight(run, frame, lines) {
  const s = frame.scale / 32767,
    right = new Float32Array(run.k),
    count = new Float32Array(run.k);
  for (let i = 0; i < run.n; i++) {
    const y = run.labels[i];
    count[y]++;
    if (predict(lines, frame.xy[2 * i] * s, frame.xy[2 * i + 1] * s) === y) right[y]++;
  }
  return [...right.map((v, k) => v / count[k])];
}
