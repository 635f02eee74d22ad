// Numbers, colors and the words for them.

/** @typedef {[number, number, number]} Color red, green, blue, 0 … 255 */

/** @param {number} v @param {number} lo @param {number} hi */
export const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));
/** `a` at t = 0, `b` at t = 1. @param {number} a @param {number} b @param {number} t */
export const mix = (a, b, t) => a + (b - a) * t;

/** The mean of the finite ones; NaN if there is none. @param {number[]} values */
export function mean(values) {
  const finite = values.filter(Number.isFinite);
  return finite.length ? finite.reduce((a, b) => a + b, 0) / finite.length : NaN;
}

/** "#rrggbb" → color. @param {string} hex @returns {Color} */
export const rgb = (hex) =>
  /** @type {Color} */ ([1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
/** @param {Color} a @param {Color} b @param {number} t @returns {Color} */
export const blend = (a, b, t) =>
  /** @type {Color} */ (a.map((v, i) => Math.round(mix(v, b[i], t))));
/** One pixel of a Uint32Array over ImageData. @param {Color} color */
export const pack = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
/** @param {Color} color */
export const css = ([r, g, b], alpha = 1) => `rgba(${r},${g},${b},${alpha})`;
/** 0 (black) … 1 (white). @param {Color} c */
export const luminance = (c) => (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / 255;

/** 12345.6 → "12,346". @param {number} n */
export const whole = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
/** 0.5 → "50 %". @param {number} v */
export const percent = (v) => (Number.isFinite(v) ? `${Math.round(100 * v)} %` : "–");

/** A tick label: few digits, never cut. @param {number} v */
export function short(v) {
  const a = Math.abs(v);
  let text = String(Number(v.toPrecision(3)));
  if (v === 0) text = "0";
  else if (a >= 1e5 || a < 1e-3) text = v.toExponential(0).replace("e+", "e");
  return text.replace(/-/g, "−");
}

/**
 * About `count` round numbers between lo and hi.
 * @param {number} lo
 * @param {number} hi
 * @param {number} count
 */
export function ticks(lo, hi, count) {
  const span = hi - lo;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const raw = span / count,
    power = 10 ** Math.floor(Math.log10(raw)),
    unit = raw / power;
  const step = power * (unit < 1.5 ? 1 : unit < 3.5 ? 2 : unit < 7.5 ? 5 : 10),
    out = [];
  for (let i = Math.ceil(lo / step); i * step <= hi * (1 + 1e-12) && out.length < 50; i++)
    out.push(i * step);
  return out;
}

/**
 * 1, 2, 5 × powers of ten, or powers alone where that is enough.
 * @param {number} lo
 * @param {number} hi
 * @param {number} count
 */
export function logTicks(lo, hi, count) {
  const out = [];
  for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++)
    for (const m of [1, 2, 5]) if (m * 10 ** e >= lo && m * 10 ** e <= hi) out.push(m * 10 ** e);
  const isPower = (v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;
  const tens = out.filter(isPower),
    chosen = out.length <= count || tens.length < 2 ? out : tens;
  return chosen.filter((_, i) => i % Math.ceil(chosen.length / count) === 0);
}
