// Pixels: the camera, decision regions, the grid and the points.
import { blend, clamp, pack } from "../numbers.js";
import { SHAPE_REACH, radiusIn } from "./mirror_shapes.js";
import { predict } from "./readouts.js";

/** @typedef {import("./run.js").Run} Run @typedef {import("./run.js").Frame} Frame */
/** @typedef {import("../numbers.js").Color} Color */
/** @typedef {{s: number, x: number, y: number}} Camera pixel = (x + s·px, y − s·py) */

/**
 * Embedding → pixels, equal scales on both axes.
 * @param {number[]} box
 * @param {number} w
 * @param {number} h
 * @param {number} pad
 * @returns {Camera}
 */
export function camera(box, w, h, pad) {
  const sx = (w - 2 * pad) / Math.max(box[1] - box[0], 1e-12);
  const sy = (h - 2 * pad) / Math.max(box[3] - box[2], 1e-12),
    s = Math.min(sx, sy);
  return { s, x: w / 2 - (s * (box[0] + box[1])) / 2, y: h / 2 + (s * (box[2] + box[3])) / 2 };
}

/**
 * What holds all of the boxes.
 * @param {number[][]} boxes
 */
export const around = (boxes) =>
  boxes[0].map((_, i) => (i % 2 ? Math.max : Math.min)(...boxes.map((b) => b[i])));

/**
 * Colors each pixel by its highest score, row by row along the upper envelope of the lines: exact
 * borders at little cost.
 * @param {Uint32Array} pixels
 * @param {number} w
 * @param {number} h
 * @param {Camera} cam
 * @param {import("./readouts.js").Line[]} lines
 * @param {number[]} colors packed, one per class
 */
export function fillRegions(pixels, w, h, cam, lines, colors) {
  if (lines.some((line) => line[3])) return fillCones(pixels, w, h, cam, lines, colors);
  const k = lines.length,
    slope = lines.map((l) => l[0] / cam.s),
    at = new Float64Array(k);
  for (let row = 0; row < h; row++) {
    const y = (cam.y - row - 0.5) / cam.s,
      x0 = (0.5 - cam.x) / cam.s;
    for (let j = 0; j < k; j++) at[j] = lines[j][0] * x0 + lines[j][1] * y + lines[j][2];
    let best = 0;
    for (let j = 1; j < k; j++)
      if (at[j] > at[best] || (at[j] === at[best] && slope[j] > slope[best])) best = j;
    let col = 0;
    while (col < w) {
      let next = -1,
        cross = w;
      for (let j = 0; j < k; j++) {
        if (!(slope[j] > slope[best])) continue;
        const c = (at[best] - at[j]) / (slope[j] - slope[best]);
        if (c < cross || (c === cross && next >= 0 && slope[j] > slope[next])) {
          cross = c;
          next = j;
        }
      }
      const end = next < 0 ? w : clamp(Math.ceil(cross), col, w);
      pixels.fill(colors[best], row * w + col, row * w + end);
      if (next < 0) break;
      col = end;
      best = next;
    }
  }
}

/** The same where scores grow with the distance from 0: pixel by pixel. */
function fillCones(pixels, w, h, cam, lines, colors) {
  for (let row = 0; row < h; row++)
    for (let col = 0; col < w; col++) {
      const x = (col + 0.5 - cam.x) / cam.s,
        y = (cam.y - row - 0.5) / cam.s;
      pixels[row * w + col] = colors[predict(lines, x, y)];
    }
}

/**
 * One line of the grid; over decision regions it is half transparent.
 * @param {Uint32Array} pixels
 * @param {number} w
 * @param {number} h
 * @param {number} p the column, or the row
 * @param {boolean} vertical
 * @param {Color} color
 * @param {boolean} solid
 */
export function gridLine(pixels, w, h, p, vertical, color, solid) {
  if (p < 0 || p >= (vertical ? w : h)) return;
  const c = pack(color),
    start = vertical ? p : p * w,
    stride = vertical ? w : 1;
  for (let q = 0, at = start; q < (vertical ? h : w); q++, at += stride) {
    const d = pixels[at];
    pixels[at] = solid ? c : (d & c) + (((d ^ c) & 0xfefefe) >>> 1); // the mean, byte by byte
  }
}

/**
 * One small anti-aliased disc, or the domain's own shape, per domain, class and half-pixel phase,
 * ready to be blended in; rare classes get a ring.
 * @param {Run} run
 * @param {Color[]} colors
 * @param {Color} ring
 * @param {number} radius
 * @param {number} alpha
 * @param {number} width of the picture
 */
export function makeStamps(run, colors, ring, radius, alpha, width) {
  const shapes = run.domainNames?.length || 1,
    tip = shapes > 1 ? SHAPE_REACH : 1;
  const reach = Math.ceil(radius * tip * 1.35 + 1.2),
    side = 2 * reach + 1;
  const offset = [],
    keep = [],
    red = [],
    green = [],
    start = [];
  const cover = (d, r) => clamp(r - d + 0.5, 0, 1);
  const rim = clamp((1200 / run.n) ** 0.4, 0.35, 1); // among many a full ring would drown the color
  for (let kind = 0; kind < shapes * run.k; kind++)
    for (let phase = 0; phase < 4; phase++) {
      const k = kind % run.k,
        rare = run.minority.has(k),
        r = rare ? radius * 1.3 : radius;
      start.push(offset.length);
      for (let y = -reach; y < side - reach; y++)
        for (let x = -reach; x < side - reach; x++) {
          const d = radiusIn((kind - k) / run.k, x - (phase & 1) / 2, y - (phase >> 1) / 2);
          const a = Math.round(256 * alpha * cover(d, r));
          if (a < 4) continue;
          const inner = cover(d, r - Math.max(1, 0.36 * radius));
          const c = rare ? blend(colors[k], ring, rim * (1 - inner)) : colors[k];
          offset.push(x + y * width);
          keep.push(256 - a);
          red.push(c[0] * a + c[2] * a * 65536);
          green.push(c[1] * 256 * a);
        }
    }
  start.push(offset.length);
  return {
    reach,
    start: Int32Array.from(start),
    offset: Int32Array.from(offset),
    keep: Int32Array.from(keep),
    red: Int32Array.from(red, (v) => v | 0),
    green: Int32Array.from(green),
  };
}

/**
 * All points of the classes that are not hidden, between the frames a and b.
 * @param {Uint32Array} pixels
 * @param {number} w
 * @param {number} h
 * @param {Run} run
 * @param {Frame} a
 * @param {Frame} b
 * @param {number} t
 * @param {Camera} cam
 * @param {ReturnType<typeof makeStamps>} stamps
 * @param {ArrayLike<number>} hidden
 */
export function splat(pixels, w, h, run, a, b, t, cam, stamps, hidden) {
  const { start, offset, keep, red, green, reach } = stamps,
    { order, labels, domains, k } = run;
  const ua = a.xy,
    ub = b.xy;
  const fa = ((1 - t) * a.scale * cam.s) / 32767,
    fb = (t * b.scale * cam.s) / 32767;
  for (let o = 0; o < order.length; o++) {
    const i = order[o],
      label = labels[i];
    if (hidden[label]) continue;
    const x2 = Math.round(2 * (cam.x + fa * ua[2 * i] + fb * ub[2 * i] - 0.5));
    const y2 = Math.round(2 * (cam.y - fa * ua[2 * i + 1] - fb * ub[2 * i + 1] - 0.5));
    const x = x2 >> 1,
      y = y2 >> 1;
    if (x < reach || y < reach || x >= w - reach || y >= h - reach) continue;
    const at = y * w + x,
      s = ((domains ? domains[i] * k : 0) + label) * 4 + (x2 & 1) + 2 * (y2 & 1);
    for (let m = start[s], end = start[s + 1]; m < end; m++) {
      const p = at + offset[m],
        d = pixels[p],
        f = keep[m];
      const rb = ((Math.imul(d & 0xff00ff, f) + red[m]) >>> 8) & 0xff00ff;
      pixels[p] = 0xff000000 | rb | (((Math.imul(d & 0xff00, f) + green[m]) >>> 8) & 0xff00);
    }
  }
}

/**
 * Gives the canvas the pixels it covers; true if the size changed.
 * @param {HTMLCanvasElement} canvas
 * @param {number} dpr
 */
export function fitCanvas(canvas, dpr) {
  if (!canvas.clientWidth) return false; // out of the page for now: as it was
  const w = Math.max(1, Math.round(canvas.clientWidth * dpr));
  const h = Math.max(1, Math.round(canvas.clientHeight * dpr));
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}
