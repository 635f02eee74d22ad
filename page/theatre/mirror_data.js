// What some runs know more: domains, curves, findings, a head on angles; and a plan's corners.
import { clamp } from "../numbers.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {[number, number]} Corner step, value */
/** @typedef {{most: number, corners: Corner[]}} Curve of a plan */
/** @typedef {{name: string, measured: string, advice: string, frame: number}} Finding */

/** For a run, from what the kernel or a file says of it. @param {any} meta */
export const besideRun = (meta) => ({
  angular: Boolean(meta.angular),
  domains: meta.domains ? Uint8Array.from(meta.domains) : null,
  domainNames: /** @type {string[]} */ (meta.domain_names || []),
});

/** For a frame, from a message. @param {any} info */
export const besideFrame = (info) => ({
  curves: /** @type {Record<string, number | null>} */ (info.curves || {}),
  findings: /** @type {Finding[]} */ (info.findings || []),
});

/** For frame f, from an exported file. @param {any} data @param {number} f */
export const besideInFile = (data, f) =>
  besideFrame({
    curves: Object.fromEntries(Object.entries(data.curves || {}).map(([k, v]) => [k, v[f]])),
    findings: (data.findings || []).filter((one) => one.frame === f),
  });

export const SCHEDULES = ["λ", "limit", "margin"]; // curves that a plan may have
export const SCHEDULE_WORDS = {
  λ: "λ(n), strength of the mirror",
  limit: "limit of each picture's domain loss; at the upper end: none",
  margin: "margin of the domain classifier, in radians",
};
/** Small charts: name (and where it is narrow), range (null: as it comes) and a guide line. */
export const MINI_CHARTS = [
  {
    title: "accuracy",
    brief: "", // the values have names
    names: ["accuracy, target", "accuracy, source"],
    ends: ["target", "source"],
    most: 1,
    help: "share of the watched points whose class is right: target (solid) and source (dashed)",
  },
  {
    title: "domain classifier",
    brief: "domain",
    names: ["domain classifier right"],
    ends: ["right"],
    most: 1,
    guide: 0.5,
    help: "share of the watched points whose domain the classifier knows; half is guessing",
  },
  {
    title: "proxy A-distance",
    brief: "proxy A",
    names: ["proxy A-distance"],
    ends: [""],
    most: 2,
    help: "how well a fresh linear classifier tells the domains apart: 0 not at all, 2 always",
  },
  {
    title: "reversed gradient",
    brief: "reversed",
    names: ["reversed gradient"],
    ends: [""],
    most: null,
    help: "length of the domain loss's gradient as it really reaches the embeddings",
  },
];

/** Whether there is anything for the mirror's charts. @param {Run | undefined} run */
export const hasMirror = (run) => Boolean(run?.frames.some((f) => Object.keys(f.curves).length));

/**
 * A curve's finite values as (step, value), up to frame `last`.
 * @param {Run} run
 * @param {string} name
 * @param {number} [last]
 * @returns {Corner[]}
 */
export function curveSeries(run, name, last = Infinity) {
  const out = [];
  run.frames.forEach((f, i) => {
    const v = f.curves[name];
    if (i <= last && v != null && Number.isFinite(v)) out.push([f.step, v]);
  });
  return out;
}

/** All findings up to frame `last`, the newest first. @param {Run} run @param {number} last */
export const findingsUntil = (run, last) =>
  run.frames
    .slice(0, last + 1)
    .flatMap((f) => f.findings.map((one) => ({ ...one, step: f.step })))
    .reverse();

/**
 * What the straight lines between corners say at step n.
 * @param {Corner[]} corners
 * @param {number} n
 */
export function valueAt(corners, n) {
  const i = corners.findIndex(([step]) => step >= n);
  if (i < 0) return corners[corners.length - 1][1];
  if (i === 0) return corners[0][1];
  const [a, va] = corners[i - 1],
    [b, vb] = corners[i];
  return va + ((vb - va) * (n - a)) / (b - a);
}

/**
 * The corner nearest to a place among those still to come, or -1.
 * @param {Corner[]} corners
 * @param {number} now step of the training: what lies before it is past
 * @param {(c: Corner) => number} distance
 */
export function nearestCorner(corners, now, distance) {
  let best = -1;
  corners.forEach((c, i) => {
    if (c[0] < now) return;
    if (best < 0 || distance(c) < distance(corners[best])) best = i;
  });
  return best;
}

/**
 * Other corners, where corner i has moved to a step and a value. It stays between its neighbors
 * and ahead of the training; the last one stays at the end. `rest`: all later ones get its value.
 * @param {Corner[]} corners
 * @param {number} i
 * @param {Corner} to
 * @param {{now: number, total: number, most: number, rest?: boolean}} about
 * @returns {Corner[]}
 */
export function moveCorner(corners, i, [step, value], { now, total, most, rest = false }) {
  const before = i ? corners[i - 1][0] : 0,
    after = i + 1 < corners.length ? corners[i + 1][0] : total;
  const fixed = i === 0 || i === corners.length - 1,
    n = fixed ? corners[i][0] : clamp(step, Math.min(after, Math.max(before, now)), after),
    v = clamp(value, 0, most);
  return corners.map((c, j) => {
    if (j === i) return [n, v];
    return rest && j > i ? [c[0], v] : c;
  });
}
