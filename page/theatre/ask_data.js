// What the page knows of one point by itself: how it is read, its neighbors, its way; and arrows.
import { predict, readBy, scores } from "./readouts.js";

/** @typedef {import("./run.js").Run} Run @typedef {import("./run.js").Frame} Frame */
/**
 * @typedef {Object} Forces what the kernel answers
 * @property {number} panel
 * @property {number} point
 * @property {number} generation
 * @property {number} step
 * @property {number[]} at
 * @property {Record<string, number[]>} forces of each loss term
 * @property {number[]} sum
 * @property {string} [error]
 */

/**
 * Where a point is in a frame.
 * @param {Frame} frame
 * @param {number} i
 * @returns {[number, number]}
 */
export const positionOf = (frame, i) => {
  const s = frame.scale / 32767;
  return [frame.xy[2 * i] * s, frame.xy[2 * i + 1] * s];
};

/**
 * The class of a point by every readout that the run has.
 * @param {Run} run
 * @param {Frame} frame
 * @param {number} point
 */
export function readings(run, frame, point) {
  const [x, y] = positionOf(frame, point),
    out = [];
  for (const kind of /** @type {const} */ (["head", "prior", "center"])) {
    const lines = scores(frame, kind, run);
    if (!lines) continue;
    const guess = predict(lines, x, y);
    out.push({
      name: readBy(frame, kind, run).name,
      guess,
      right: guess === run.labels[point],
    });
  }
  return out;
}

/** The points nearest to a point, itself left out. @param {Run} run @param {Frame} frame */
export function neighbors(run, frame, point, count = 5) {
  const [x, y] = positionOf(frame, point),
    far = new Float64Array(run.n);
  for (let i = 0; i < run.n; i++) {
    const [a, b] = positionOf(frame, i);
    far[i] = Math.hypot(a - x, b - y);
  }
  const others = Array.from({ length: run.n }, (_, i) => i).filter((i) => i !== point);
  return others.sort((a, b) => far[a] - far[b]).slice(0, count);
}

/**
 * Where the point was in frames 0 … last.
 * @param {Run} run
 * @param {number} point
 * @param {number} last
 */
export const wayOf = (run, point, last) =>
  run.frames.slice(0, last + 1).map((frame) => positionOf(frame, point));

/**
 * The next point after `from` that the first readout gets wrong; -1: there is none.
 * @param {Run} run
 * @param {Frame} frame
 * @param {number} from
 * @param {ArrayLike<number>} hidden classes
 */
export function nextMisread(run, frame, from, hidden) {
  for (let j = 1; j <= run.n; j++) {
    const i = (from + j) % run.n;
    if (!hidden[run.labels[i]] && readings(run, frame, i)[0]?.right === false) return i;
  }
  return -1;
}

/**
 * Arrows of the terms and of their sum; the longest has `longest` px, all the same scale.
 * @param {Forces} answer
 * @param {number} longest
 */
export function arrowsOf({ forces, sum }, longest) {
  const all = [...Object.entries(forces), ["sum", sum]];
  const lengths = all.map(([, [x, y]]) => Math.hypot(x, y)),
    scale = longest / Math.max(...lengths, 1e-30);
  return all.map(([name, [x, y]], i) => ({
    name,
    length: lengths[i],
    dx: x * scale,
    dy: -y * scale,
  }));
}
