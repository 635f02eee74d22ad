// Lines and letters over the points: tick labels, trails, centers.
import { css, luminance, short } from "../numbers.js";
import { shortName } from "./charts.js";
import { declutter } from "./declutter.js";
import { MARK } from "./theme.js";

const TRAIL = 40; // frames a center's trail reaches back
const PARTS = 4; // of a trail, each stronger than the one before
const RADIUS = 8; // px, of a center
const ASIDE = 3; // px: a label so far from its center gets a line to it

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {import("./run.js").Run} Run @typedef {import("./readouts.js").State} State */
/** @typedef {import("./view.js").Look} Look */
/**
 * @typedef {Object} Stage where the drawing goes, in CSS pixels
 * @property {number} W
 * @property {number} H
 * @property {(x: number) => number} X
 * @property {(y: number) => number} Y
 */

/**
 * Text with a halo.
 * @param {Context} ctx
 * @param {string} halo
 * @param {string} text
 * @param {number} x
 * @param {number} y
 */
function write(ctx, halo, text, x, y) {
  ctx.strokeStyle = halo;
  ctx.lineWidth = 3;
  ctx.strokeText(text, x, y);
  ctx.fillText(text, x, y);
}

/**
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {Look} look
 * @param {{x: number[], y: number[]}} at the ticks
 */
export function drawAxes(ctx, { W, H, X, Y }, look, at) {
  const halo = css(look.theme.stage, 0.85);
  ctx.font = look.font;
  ctx.fillStyle = look.theme.muted;
  ctx.lineJoin = "round";
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  for (const v of at.x) if (X(v) > 34 && X(v) < W - 30) write(ctx, halo, short(v), X(v), H - 9);
  ctx.textAlign = "left";
  for (const v of at.y) if (Y(v) > 26 && Y(v) < H - 22) write(ctx, halo, short(v), 5, Y(v));
  write(ctx, halo, "x₂", 5, 11);
  ctx.textAlign = "right";
  write(ctx, halo, "x₁", W - 7, H - 10);
}

/**
 * Where the centers came from.
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {Look} look
 * @param {Run} run
 * @param {State} state
 * @param {number} i the frame
 * @param {ArrayLike<number>} hidden
 */
export function drawTrails(ctx, { X, Y }, look, run, state, i, hidden) {
  const from = Math.max(0, i - TRAIL),
    at = (part) => from + Math.floor(((i - from) * part) / PARTS);
  ctx.lineWidth = 1.6;
  ctx.lineCap = "butt";
  ctx.lineJoin = "round";
  for (let k = 0; k < run.k; k++)
    for (let part = 0; part < PARTS && !hidden[k]; part++) {
      ctx.strokeStyle = css(look.darker[k], 0.18 + 0.2 * part);
      ctx.beginPath();
      for (let f = at(part), first = f; f <= at(part + 1); f++) {
        const marks = run.frames[f].marks,
          x = X(marks[2 * k]),
          y = Y(marks[2 * k + 1]);
        if (f === first) ctx.moveTo(x, y);
        else ctx.lineTo(x, y);
      }
      if (part === PARTS - 1) ctx.lineTo(X(state.marks[2 * k]), Y(state.marks[2 * k + 1]));
      ctx.stroke();
    }
}

/**
 * Centers are filled; where the loss has none, class means are drawn hollow. What lies together is
 * drawn a little aside.
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {Look} look
 * @param {Run} run
 * @param {State} state
 * @param {ArrayLike<number>} hidden
 * @param {ReturnType<typeof declutter>} before the labels of the picture before
 */
export function drawMarks(ctx, { X, Y }, look, run, state, hidden, before) {
  const { theme, colors } = look,
    solid = Boolean(state.centers),
    r = RADIUS;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.font = look.bold;
  const places = Array.from({ length: run.k }, (_, k) => {
    const at = { x: X(state.marks[2 * k]), y: Y(state.marks[2 * k + 1]) };
    return hidden[k] || !Number.isFinite(at.x + at.y) ? null : at;
  });
  const labels = declutter(places, 2 * r + 1, before);
  labels.forEach((l, k) => l && drawAside(ctx, l, look.darker[k]));
  for (let k = 0; k < run.k; k++) {
    if (!labels[k]) continue;
    const x = labels[k].x + labels[k].dx,
      y = labels[k].y + labels[k].dy,
      c = colors[k];
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 7);
    ctx.fillStyle = css(solid ? c : theme.stage, solid ? 1 : 0.88);
    ctx.fill();
    ctx.lineWidth = solid ? 1.5 : 2.2;
    ctx.strokeStyle = solid ? css(theme.ring, 0.9) : css(c);
    ctx.stroke();
    ctx.fillStyle = !solid ? theme.ink : luminance(c) > 0.55 ? "#111" : "#fff";
    ctx.fillText(shortName(run, k), x, y + 0.5);
    if (!run.minority.has(k)) continue;
    ctx.fillStyle = theme.ink;
    write(ctx, css(theme.stage, 0.9), MARK, x + r + 3, y - 5);
  }
  return labels;
}

/** From a label that stands aside to its center. */
function drawAside(ctx, { x, y, dx, dy }, color) {
  if (Math.hypot(dx, dy) < ASIDE) return;
  ctx.strokeStyle = ctx.fillStyle = css(color);
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x + dx, y + dy);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(x, y, 2.5, 0, 7);
  ctx.fill();
}

/**
 * What the marks are.
 * @param {Context} ctx
 * @param {Stage} stage
 * @param {Look} look
 * @param {State} state
 */
export function drawNote(ctx, { W }, look, state) {
  const note = state.centers ? "● centers" : "○ class means";
  ctx.font = look.font;
  ctx.textAlign = "right";
  ctx.fillStyle = look.theme.muted;
  write(ctx, css(look.theme.stage, 0.85), note, W - 7, 12);
}

/**
 * A ring around the point under the mouse.
 * @param {Context} ctx
 * @param {number} x
 * @param {number} y
 * @param {Look} look
 */
export function drawRing(ctx, x, y, look) {
  const ring = (color, width) => {
    ctx.beginPath();
    ctx.arc(x, y, RADIUS, 0, 7);
    ctx.strokeStyle = color;
    ctx.lineWidth = width;
    ctx.stroke();
  };
  ring(css(look.theme.stage), 4);
  ring(look.theme.ink, 2);
}
