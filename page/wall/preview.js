// A tile's moving picture: a few points of a few frames, unpacked when it is first seen.
import { css, mix } from "../numbers.js";
import { fitCanvas } from "../theatre/paint.js";
import { bytesOf } from "../theatre/run.js";
import { PALETTE, THEMES } from "../theatre/theme.js";

const ROUND = 4500; // ms from the first to the last frame
const REST = 1800; // ms that the last frame stays

/**
 * @typedef {Object} Packed a preview as it comes
 * @property {number} n points
 * @property {number} frames
 * @property {string} places int8 (frames, n, 2)
 * @property {string} labels uint8 (n,)
 * @property {number[]} rare classes with few training samples
 */

/** Where the playing stands after so many ms: between which frames, and how far. */
export function momentAt(ms, frames) {
  const at = Math.min(1, (ms % (ROUND + REST)) / ROUND) * (frames - 1),
    i = Math.min(Math.floor(at), Math.max(0, frames - 2));
  return { i, t: frames > 1 ? at - i : 0 };
}

export class Preview {
  /** @param {HTMLCanvasElement} canvas @param {Packed} packed */
  constructor(canvas, packed) {
    this.canvas = canvas;
    this.packed = packed;
    this.seen = false;
    this.drawn = 0; // pictures so far
  }
  unpack() {
    const { n, labels, places, rare } = this.packed;
    this.places = new Int8Array(bytesOf(places).buffer);
    const of = bytesOf(labels),
      few = new Set(rare);
    // one color after the other: setting the color is what costs
    this.classes = [...new Set(of)].map((k) => ({
      color: PALETTE[k % PALETTE.length],
      side: few.has(k) ? 3.5 : 2.5,
      points: Array.from({ length: n }, (_, i) => i).filter((i) => of[i] === k),
    }));
  }
  /** @param {number} ms of playing; Infinity: the last frame @param {boolean} dark */
  draw(ms, dark) {
    if (!this.places) this.unpack();
    const { frames, n } = this.packed,
      dpr = Math.min(2, devicePixelRatio || 1);
    fitCanvas(this.canvas, dpr);
    const { width, height } = this.canvas,
      ctx = this.canvas.getContext("2d");
    const still = { i: Math.max(0, frames - 2), t: frames > 1 ? 1 : 0 },
      { i, t } = Number.isFinite(ms) ? momentAt(ms, frames) : still;
    const theme = THEMES[dark ? "dark" : "light"],
      scale = (Math.min(width, height) / 2 - 4 * dpr) / 127;
    ctx.fillStyle = css(theme.stage);
    ctx.fillRect(0, 0, width, height);
    const a = 2 * n * i,
      b = 2 * n * Math.min(i + 1, frames - 1);
    for (const { color, side, points } of this.classes) {
      ctx.fillStyle = color;
      const size = side * dpr,
        left = (width - size) / 2,
        top = (height - size) / 2;
      for (const p of points) {
        const x = mix(this.places[a + 2 * p], this.places[b + 2 * p], t);
        const y = mix(this.places[a + 2 * p + 1], this.places[b + 2 * p + 1], t);
        ctx.fillRect(left + scale * x, top - scale * y, size, size);
      }
    }
    this.drawn++;
  }
}
