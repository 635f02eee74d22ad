// Curves of domain adaptation: the schedule with its corners, and the small charts.
import { clamp, mix, short, ticks, whole } from "../numbers.js";
import { MINI_CHARTS, curveSeries } from "./mirror_data.js";

/** @typedef {CanvasRenderingContext2D} Context @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./mirror_data.js").Corner} Corner */
/** @typedef {{left: number, right: number, top: number, bottom: number}} Box px */

export const CORNER_RADIUS = 4.5; // px, radius of a corner

/** @param {Context} ctx @param {Corner[]} points @param {(c: Corner) => [number, number]} at */
function polyline(ctx, points, at) {
  ctx.beginPath();
  points.forEach((p, i) => ctx[i ? "lineTo" : "moveTo"](...at(p)));
  ctx.stroke();
}

/** Where a plan is drawn. @param {number} w @param {number} h @returns {Box} */
export const planBox = (w, h) => ({ left: 34, right: w - 10, top: 9, bottom: h - 17 });

/** Step and value → px. @param {Box} box @param {number} total @param {number} most */
export const planPlace = (box, total, most) => ({
  at: ([n, v]) => [
    mix(box.left, box.right, n / Math.max(total, 1)),
    mix(box.bottom, box.top, clamp(v / most, 0, 1)),
  ],
  from: (x, y) => [
    (total * (x - box.left)) / Math.max(box.right - box.left, 1),
    (most * (box.bottom - y)) / Math.max(box.bottom - box.top, 1),
  ],
});

/**
 * @typedef {Object} Shown
 * @property {string} name
 * @property {number} most
 * @property {number} total
 * @property {number} now step of the newest frame
 * @property {number} here step of the frame that is shown
 * @property {Corner[]} past as recorded
 * @property {Corner[] | null} corners of the plan; null: there is none
 * @property {number} hot the corner in hand, or -1
 */

/**
 * The curve as it was (solid) and as it will be (dashed, with corners).
 * @param {Context} ctx
 * @param {number} w
 * @param {number} h
 * @param {Shown} s
 * @param {{theme: Theme, font: string, accent: string}} look
 */
export function drawPlan(ctx, w, h, s, { theme, font, accent }) {
  const box = planBox(w, h),
    { at } = planPlace(box, s.total, s.most);
  ctx.clearRect(0, 0, w, h);
  ctx.font = font;
  ctx.textBaseline = "middle";
  ctx.lineWidth = 1;
  drawScale(ctx, box, at, s, theme);
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = 1.8;
  polyline(ctx, s.past, at);
  if (s.corners) drawCorners(ctx, s, at, accent, theme);
  const [x] = at([s.here, 0]);
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  polyline(ctx, [[0, 0], [1, 1]], ([, v]) => [x, v ? box.top - 4 : box.bottom]);
}

function drawScale(ctx, box, at, s, theme) {
  ctx.strokeStyle = theme.faint;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "right";
  const levels = box.bottom - box.top > 60 ? [0, 0.5, 1] : [0, 1];
  for (const part of levels) {
    const y = Math.round(mix(box.bottom, box.top, part)) + 0.5,
      text = part === 1 && s.name === "limit" ? "none" : short(part * s.most);
    polyline(ctx, [[box.left, y], [box.right, y]], (p) => p);
    ctx.fillText(text, box.left - 5, y);
  }
  ctx.textAlign = "center";
  for (const n of ticks(0, s.total, Math.max(2, (box.right - box.left) / 80))) {
    const x = at([n, 0])[0];
    if (x < box.right - 12) ctx.fillText(n ? whole(n) : "step 0", n ? x : x + 12, box.bottom + 10);
  }
}

function drawCorners(ctx, s, at, accent, theme) {
  const coming = s.corners.filter(([n]) => n >= s.now),
    first = s.past.length ? [s.past[s.past.length - 1]] : [];
  ctx.strokeStyle = accent;
  ctx.setLineDash([5, 3]);
  polyline(ctx, [...first, ...coming], at);
  ctx.setLineDash([]);
  s.corners.forEach((c, i) => {
    if (c[0] < s.now) return;
    ctx.beginPath();
    ctx.arc(...at(c), i === s.hot ? CORNER_RADIUS + 2 : CORNER_RADIUS, 0, 7);
    ctx.fillStyle = i === s.hot ? theme.ink : accent;
    ctx.fill();
  });
}

/**
 * Which small charts there are, and where: two columns.
 * @param {import("./run.js").Run} run
 * @param {number} w
 * @param {number} h
 */
export function chartPlaces(run, w, h) {
  const last = run.frames[run.frames.length - 1];
  const there = MINI_CHARTS.filter((c) => c.names.some((name) => name in (last?.curves || {})));
  const columns = there.length > 1 ? 2 : 1,
    rows = Math.ceil(there.length / columns) || 1,
    gap = 12;
  const wide = (w - gap * (columns - 1)) / columns,
    tall = h / rows;
  return there.map((chart, i) => ({
    chart,
    x: (i % columns) * (wide + gap),
    y: Math.floor(i / columns) * tall,
    w: wide,
    h: tall,
  }));
}

/**
 * @param {Context} ctx
 * @param {number} w
 * @param {number} h
 * @param {import("./run.js").Run} run
 * @param {number} frame that is shown
 * @param {{theme: Theme, font: string}} look
 */
export function drawCharts(ctx, w, h, run, frame, { theme, font }) {
  ctx.clearRect(0, 0, w, h);
  ctx.font = font;
  ctx.textBaseline = "middle";
  for (const place of chartPlaces(run, w, h)) drawChart(ctx, place, run, frame, theme);
}

/** The words above a small chart: its title and the values shown. */
export function chartWords(chart, run, frame) {
  const values = chart.names.map((name, i) => {
    const v = run.frames[frame].curves[name];
    if (v == null || !Number.isFinite(v)) return "";
    const text = chart.most === 1 ? Math.round(100 * v) : short(Number(v.toPrecision(2)));
    return `${chart.ends[i]} ${text}`.trim();
  });
  const words = values.filter(Boolean).join(" · ");
  return words && chart.most === 1 ? `${words} %` : words;
}

function drawChart(ctx, { chart, x, y, w, h }, run, frame, theme) {
  const box = { left: x, right: x + w, top: y + 17, bottom: y + h - 3 };
  const lines = chart.names.map((name) => curveSeries(run, name)),
    end = Math.max(run.total, run.frames[run.frames.length - 1].step, 1);
  const most = chart.most || Math.max(1e-12, ...lines.flat().map(([, v]) => v)) * 1.08;
  const at = ([n, v]) => [mix(box.left, box.right, n / end), mix(box.bottom, box.top, v / most)];
  ctx.strokeStyle = theme.faint;
  ctx.lineWidth = 1;
  for (const v of [0, ...(chart.guide ? [chart.guide] : []), 1 * most]) {
    const level = Math.round(at([0, v])[1]) + 0.5;
    polyline(ctx, [[box.left, level], [box.right, level]], (p) => p);
  }
  ctx.strokeStyle = theme.ink;
  lines.forEach((points, i) => {
    ctx.lineWidth = i ? 1.2 : 1.8;
    ctx.setLineDash(i ? [4, 3] : []);
    polyline(ctx, points, at);
  });
  ctx.setLineDash([]);
  const [here] = at([run.frames[frame].step, 0]);
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  polyline(ctx, [[here, box.top], [here, box.bottom]], (p) => p);
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "left";
  const words = chartWords(chart, run, frame),
    room = w - ctx.measureText(words).width - 6;
  const fits = (name) => ctx.measureText(name).width < room;
  ctx.fillText([chart.title, chart.brief].find(fits) ?? "", x, y + 8);
  ctx.fillStyle = theme.ink;
  ctx.textAlign = "right";
  ctx.fillText(words, x + w, y + 8, w);
}
