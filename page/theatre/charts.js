// The two charts beside the picture: recall per class, and the loss over the steps.
import { clamp, css, logTicks, mix, short, ticks, whole } from "../numbers.js";
import { MARK } from "./theme.js";

/** @typedef {import("./run.js").Run} Run @typedef {import("./theme.js").Theme} Theme */
/** @typedef {CanvasRenderingContext2D} Context */

/**
 * What stands for class k in a small space: its name, or else its number.
 * @param {Run} run
 * @param {number} k
 */
export const shortName = (run, k) => (run.names[k].length <= 2 ? run.names[k] : String(k));

/** @param {Context} ctx @param {number[]} path x, y, x, y, … */
function stroke(ctx, ...path) {
  ctx.beginPath();
  for (let i = 0; i < path.length; i += 2) ctx[i ? "lineTo" : "moveTo"](path[i], path[i + 1]);
  ctx.stroke();
}

/**
 * @param {Context} ctx
 * @param {number} w
 * @param {number} h
 * @param {Run} run
 * @param {number[]} recall
 * @param {import("../numbers.js").Color[]} colors
 * @param {Theme} theme
 * @param {string} font
 */
export function drawBars(ctx, w, h, run, recall, colors, theme, font) {
  const left = 30,
    bottom = h - 17,
    top = 7,
    k = run.k;
  const step = (w - left) / k,
    bar = Math.min(26, step * 0.72);
  ctx.clearRect(0, 0, w, h);
  ctx.font = font;
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  ctx.strokeStyle = theme.faint;
  ctx.lineWidth = 1;
  ctx.fillStyle = theme.muted;
  for (const v of [0, 0.5, 1]) {
    const y = Math.round(mix(bottom, top, v)) + 0.5;
    stroke(ctx, left, y, w, y);
    ctx.fillText(String(100 * v), left - 5, y);
  }
  ctx.textAlign = "center";
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = 1.3;
  for (let j = 0; j < k; j++) {
    const x = left + (j + 0.5) * step,
      v = recall[j],
      y = mix(bottom, top, v);
    const rare = run.minority.has(j);
    if (Number.isFinite(v)) {
      ctx.fillStyle = css(colors[j]);
      ctx.fillRect(x - bar / 2, y, bar, bottom - y);
      if (rare) ctx.strokeRect(x - bar / 2 + 0.6, y, bar - 1.2, bottom - y);
    }
    if (k > 12 && j % Math.ceil(k / 12)) continue; // no room for every name
    ctx.fillStyle = rare ? theme.ink : theme.muted;
    ctx.fillText(shortName(run, j) + (rare ? MARK : ""), x, bottom + 10);
  }
}

const DASHES = [[], [5, 3], [2, 2.5], [7, 2.5, 2, 2.5], [1, 3]];
const CURVES = 5; // as many as there are dashes

const finite = (v) => v != null && Number.isFinite(v);

/** The terms to draw, the total first; one term alone is the total. @param {Run} run */
export function curveNames(run) {
  const totalFirst = (a, b) => Number(b === "total") - Number(a === "total");
  const names = [...run.lossNames].sort(totalFirst).slice(0, CURVES);
  if (names.length !== 2 || !names.includes("total")) return { names, title: names[0] };
  return { names: ["total"], title: names.find((name) => name !== "total") };
}

/** All finite losses lie between these; none: null. @param {Run} run @param {string[]} names */
function lossEnds(run, names) {
  let lo = Infinity,
    hi = -Infinity,
    least = Infinity; // above 0
  for (const f of run.frames)
    for (const name of names) {
      const v = f.losses[name];
      if (!finite(v)) continue;
      lo = Math.min(lo, v);
      hi = Math.max(hi, v);
      if (v > 0) least = Math.min(least, v);
    }
  return hi > -Infinity ? { lo, hi, least } : null;
}

/** Whether a log scale shows more of these losses. @param {Run} run */
export function wantsLog(run) {
  const ends = lossEnds(run, curveNames(run).names);
  return Boolean(ends && ends.lo > 0 && ends.hi / ends.lo > 20);
}

/**
 * The range of the axis; null where there is no finite loss.
 * @param {Run} run
 * @param {string[]} names
 * @param {boolean} log
 */
export function lossRange(run, names, log) {
  const ends = lossEnds(run, names);
  if (!ends) return null;
  let { lo, hi } = ends;
  if (log && hi > 0) return { lo: Math.max(ends.least, hi / 1e6) / 1.2, hi: hi * 1.2, log };
  const room = (hi - lo || Math.abs(hi) || 1) * 0.06;
  hi += room;
  return { lo: lo >= 0 && lo < hi * 0.3 ? 0 : lo - room, hi, log: false };
}

/**
 * Returns what the mouse needs to know: where which step is.
 * @param {Context} ctx
 * @param {number} w
 * @param {number} h
 * @param {Run} run
 * @param {number} pos where the player is, in frames
 * @param {Theme} theme
 * @param {string} font
 * @param {boolean} logarithmic
 */
export function drawCurves(ctx, w, h, run, pos, theme, font, logarithmic) {
  const left = 40,
    right = 62,
    top = 8,
    bottom = h - 27,
    frames = run.frames;
  const { names, title } = curveNames(run),
    range = lossRange(run, names, logarithmic);
  const last = Math.max(run.total, frames[frames.length - 1].step, 1);
  const X = (step) => left + ((w - left - right) * step) / last;
  ctx.clearRect(0, 0, w, h);
  ctx.font = font;
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  ctx.fillStyle = theme.muted;
  ctx.strokeStyle = theme.faint;
  ctx.lineWidth = 1;
  for (const v of ticks(0, last, Math.max(2, (w - left - right) / 70)))
    ctx.fillText(whole(v), X(v), bottom + 9);
  ctx.fillText("step", (left + w - right) / 2, bottom + 20.5);
  if (!range) return { left, right, last, log: false };
  const { lo, hi, log } = range,
    part = (v) => (log ? Math.log(v / lo) / Math.log(hi / lo) : (v - lo) / (hi - lo));
  const area = { left, top, bottom, right: w - right, X, Y: (v) => mix(bottom, top, part(v)) };
  drawLevels(ctx, area, range);
  const ends = names.map((name, j) => drawCurve(ctx, area, run, name, j, log, names.length, theme));
  drawNames(ctx, area, names.length === 1 ? [{ ...ends[0], name: title }] : ends, theme);
  drawHere(ctx, area, run, pos, names[0], log, theme);
  return { left, right, last, log };
}

function drawLevels(ctx, { left, right, top, bottom, Y }, { lo, hi, log }) {
  const room = Math.max(3, Math.floor((bottom - top) / 22));
  ctx.textAlign = "right";
  for (const v of log ? logTicks(lo, hi, room) : ticks(lo, hi, room * 0.45)) {
    const y = Math.round(Y(v)) + 0.5;
    stroke(ctx, left, y, right, y);
    ctx.fillText(short(v), left - 5, y);
  }
}

/** One curve, interrupted where it is not finite; returns its end. */
function drawCurve(ctx, { top, bottom, X, Y }, run, name, j, log, count, theme) {
  const strong = name === "total" || count === 1;
  ctx.strokeStyle = strong ? theme.ink : theme.muted;
  ctx.lineWidth = j ? 1.2 : 1.7;
  ctx.setLineDash(DASHES[j]);
  ctx.beginPath();
  let pen = false,
    x = NaN,
    y = NaN;
  for (const f of run.frames) {
    const v = f.losses[name],
      ok = finite(v) && (!log || v > 0);
    if (ok) {
      x = X(f.step);
      y = clamp(Y(v), top - 2, bottom);
      if (pen) ctx.lineTo(x, y);
      else ctx.moveTo(x, y);
    }
    pen = ok;
  }
  ctx.stroke();
  ctx.setLineDash([]);
  return { name, x, y, strong: j === 0 };
}

/** The names at the curves' ends, one under the other. */
function drawNames(ctx, { right, bottom }, all, theme) {
  const ends = all.filter((e) => Number.isFinite(e.y)).sort((a, b) => a.y - b.y);
  for (let j = 1; j < ends.length; j++) ends[j].y = Math.max(ends[j].y, ends[j - 1].y + 11);
  const over = ends.length ? Math.max(0, ends[ends.length - 1].y - bottom) : 0;
  ctx.textAlign = "left";
  for (const e of ends) {
    ctx.fillStyle = e.strong ? theme.ink : theme.muted;
    const text = e.name.length > 9 ? `${e.name.slice(0, 8)}…` : e.name;
    ctx.fillText(text, right + 6, e.y - over);
  }
}

/** A line where the player is, and a dot on the first curve. */
function drawHere(ctx, { top, bottom, X, Y }, { frames }, pos, name, log, theme) {
  const i = Math.min(Math.floor(pos), frames.length - 1),
    j = Math.min(i + 1, frames.length - 1);
  const x = X(mix(frames[i].step, frames[j].step, pos - Math.floor(pos))),
    v = frames[i].losses[name];
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  stroke(ctx, x, top - 4, x, bottom);
  if (!finite(v) || (log && !(v > 0))) return;
  ctx.fillStyle = theme.ink;
  ctx.beginPath();
  ctx.arc(X(frames[i].step), Y(v), 3, 0, 7);
  ctx.fill();
}
