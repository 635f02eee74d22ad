// The theatre: plays recorded or growing trainings as moving embeddings.
// One ES module without dependencies, used by the notebook widget (default export) and by exported HTML files (mountStatic).
// Sections: constants · numbers · data · drawing · panel · view · style · the two entrances.

// ---------------------------------------------------------------- constants
const PALETTE = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
const MARK = "†";               // follows the name of a class with few training samples
const REPLAY = 12;              // recorded frames per second at speed 1
const LIVE_PAINTS = 30;         // at most so many pictures per second while the kernel trains: it needs the processor more
const TRAIL = 40;               // frames a centre's trail reaches back
const THEMES = {
  light: { stage: [252, 252, 253], ink: "#1f2328", muted: "#59636e", faint: "#d5dbe1", grid: [236, 239, 242], zero: [214, 220, 226], ring: [35, 38, 43], tint: 0.17 },
  dark: { stage: [21, 23, 28], ink: "#e6e8eb", muted: "#a3abb5", faint: "#3a414b", grid: [33, 36, 43], zero: [57, 63, 72], ring: [240, 242, 245], tint: 0.2 },
};
const ICONS = {
  play: "M4 2.5v11l9-5.5z", pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z", step: "M3 2.5v11l7-5.5zM11 2.5h2v11h-2z", stop: "M3.5 3.5h9v9h-9z",
  restart: "M8 3a5 5 0 1 0 4.9 6h-1.8A3.3 3.3 0 1 1 8 4.7c.9 0 1.7.4 2.300 1L8.500 7.500H13.500V2.500L11.600 4.400A5 5 0 0 0 8 3z",
};

// ---------------------------------------------------------------- numbers
const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));
const mix = (a, b, t) => a + (b - a) * t;
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const blend = (a, b, t) => a.map((v, i) => Math.round(mix(v, b[i], t)));
const pack = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const css = ([r, g, b], alpha = 1) => `rgba(${r},${g},${b},${alpha})`;
const luminance = (c) => (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / 255;
const whole = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
const percent = (v) => (Number.isFinite(v) ? `${Math.round(100 * v)} %` : "–");
const mean = (values) => { const v = values.filter(Number.isFinite); return v.length ? v.reduce((a, b) => a + b, 0) / v.length : NaN; };

function short(v) { // a tick label: few digits, never cut
  const a = Math.abs(v), text = v === 0 ? "0" : a >= 1e5 || a < 1e-3 ? v.toExponential(0).replace("e+", "e") : String(Number(v.toPrecision(3)));
  return text.replace(/-/g, "−");
}

function ticks(lo, hi, count) { // round numbers between lo and hi
  const span = hi - lo;
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw)), unit = raw / power;
  const step = power * (unit < 1.5 ? 1 : unit < 3.5 ? 2 : unit < 7.5 ? 5 : 10), out = [];
  for (let i = Math.ceil(lo / step); i * step <= hi * (1 + 1e-12) && out.length < 50; i++) out.push(i * step);
  return out;
}

function logTicks(lo, hi, count) { // 1, 2, 5 × powers of ten, or powers alone where that is enough
  const out = [];
  for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++)
    for (const m of [1, 2, 5]) if (m * 10 ** e >= lo && m * 10 ** e <= hi) out.push(m * 10 ** e);
  const tens = out.filter((v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9);
  if (out.length <= count || tens.length < 2) return out.filter((_, i) => i % Math.ceil(out.length / count) === 0);
  return tens.filter((_, i) => i % Math.ceil(tens.length / count) === 0);
}

// ---------------------------------------------------------------- data
// run: {name, names, minority, k, n, total, labels, images, order, frames}
// frame: {step, epoch, xy, scale, centers, head, bias, recall, losses, grad, box, marks}
function makeRun(meta, labels, images) {
  const n = labels.length, k = meta.k, minority = new Set(meta.minority || []);
  const order = new Int32Array(n);   // shuffled once, so that no class hides the rest; rare classes on top
  let seed = 12345;
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = seed % (i + 1), o = order[i];
    order[i] = order[j]; order[j] = o;
  }
  order.set([...order].sort((a, b) => minority.has(labels[a]) - minority.has(labels[b])));
  return { name: meta.name || "", names: meta.class_names, minority, k, n, total: meta.total || 0, labels, images, order, frames: [], lossNames: [] };
}

function addFrame(run, frame) { // completes the frame with what drawing needs
  frame.marks = frame.centers || classMeans(run, frame);
  frame.box = smoothBox(run.frames.length ? run.frames[run.frames.length - 1].box : null, pointBox(run, frame));
  for (const name of Object.keys(frame.losses)) if (!run.lossNames.includes(name)) run.lossNames.push(name);
  run.frames.push(frame);
}

function classMeans(run, frame) {
  const sum = new Float32Array(run.k * 2), count = new Float32Array(run.k), s = frame.scale / 32767;
  for (let i = 0; i < run.n; i++) {
    const y = run.labels[i];
    sum[2 * y] += frame.xy[2 * i]; sum[2 * y + 1] += frame.xy[2 * i + 1]; count[y]++;
  }
  return sum.map((v, i) => (v * s) / count[i >> 1]);
}

function nearestRecall(run, frame) { // of every class, if each point is given to the nearest centre
  const lines = scores(frame, "center", run.k), right = new Float32Array(run.k), count = new Float32Array(run.k), s = frame.scale / 32767;
  for (let i = 0; i < run.n; i++) {
    count[run.labels[i]]++;
    if (predict(lines, frame.xy[2 * i] * s, frame.xy[2 * i + 1] * s) === run.labels[i]) right[run.labels[i]]++;
  }
  return [...right.map((v, k) => v / count[k])];
}

function pointBox(run, frame) { // where all but the outermost points are, the origin included: [x0, x1, y0, y1]
  const stride = Math.ceil(run.n / 2000), s = frame.scale / 32767, out = [];
  for (const axis of [0, 1]) {
    const v = new Float32Array(Math.ceil(run.n / stride));
    for (let i = 0, j = 0; i < run.n; i += stride) v[j++] = frame.xy[2 * i + axis] * s;
    v.sort();
    const skip = Math.floor(v.length * 0.004);
    out.push(Math.min(0, v[skip]), Math.max(0, v[v.length - 1 - skip]));
  }
  const size = Math.max(out[1] - out[0], out[3] - out[2], 1e-12);
  if (frame.centers)
    for (let k = 0; k < run.k; k++)
      for (const axis of [0, 1]) {
        const c = frame.centers[2 * k + axis];
        if (Math.abs(c) < 2 * size) { out[2 * axis] = Math.min(out[2 * axis], c); out[2 * axis + 1] = Math.max(out[2 * axis + 1], c); }
      }
  return out;
}

function smoothBox(before, now) { // grows at once, shrinks slowly: nothing leaves the picture and the picture does not jump
  if (!before) return now;
  return now.map((v, i) => ((i % 2 ? v > before[i] : v < before[i]) ? v : mix(before[i], v, 0.05)));
}

function floats(values) { // nested lists of JSON numbers (null: not a number) → Float32Array
  return values == null ? null : Float32Array.from(values.flat(), (v) => (v == null ? NaN : v));
}

async function inflate(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function decodeRun(data) { // one run of an exported file
  const labels = Uint8Array.from(atob(data.labels), (c) => c.charCodeAt(0));
  const images = data.images && { h: data.images.h, w: data.images.w, data: await inflate(data.images.data) };
  const run = makeRun(data, labels, images), bytes = await inflate(data.frames);
  const size = labels.length * 2, total = data.steps.length * size;
  let before = null;
  for (let f = 0; f < data.steps.length; f++) {
    const xy = new Int16Array(size);
    for (let i = 0, at = f * size; i < size; i++, at++) xy[i] = (bytes[at] | (bytes[total + at] << 8)) + (before ? before[i] : 0);
    before = xy;
    addFrame(run, {
      step: data.steps[f], epoch: data.epochs[f], xy, scale: data.scales[f], centers: floats(data.centers[f]), head: floats(data.heads[f]), bias: floats(data.biases[f]),
      recall: floats(data.recall[f]), grad: data.grad_norm[f], losses: Object.fromEntries(Object.entries(data.losses).map(([name, v]) => [name, v[f]])),
    });
  }
  return run;
}

function frameOf(run, info, buffer) { // one frame of a widget message: float32 centres, head, bias, recall, then int16 points
  const bytes = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  let at = 0;
  const take = (count) => { const v = count ? new Float32Array(bytes, at, count) : null; at += 4 * count; return v; };
  const [c, h, b] = info.parts;
  const centers = take(c), head = take(h), bias = take(b), recall = take(run.k);
  return { step: info.step, epoch: info.epoch, scale: info.scale, grad: info.grad, losses: info.losses, centers, head, bias, recall, xy: new Int16Array(bytes, at, 2 * run.n) };
}

const newest = (runs) => Math.max(0, ...runs.map((r) => r.frames.length - 1));

// A store holds what one widget model (or one HTML file) knows; its views listen.
class Store {
  constructor(config) {
    this.config = { live: false, restartable: false, controls: [], ...config };
    this.status = { running: false, done: true, stopped: false, error: "", values: {}, panels: [] };
    this.runs = []; this.views = new Set(); this.generation = -1;
    this.heard = 0; this.rate = 8; this.arrived = 0;
    this.send = () => {};
  }
  changed(what) { for (const view of this.views) view.changed(what); }
  reset(generation, runs) { this.generation = generation; this.runs = runs; this.arrived = 0; this.changed("runs"); }
  arrive(now) { // frames per second as they come, smoothed
    if (this.arrived) this.rate = mix(this.rate, clamp(1000 / Math.max(1, now - this.arrived), 0.3, 60), 0.2);
    this.arrived = now;
  }
}

// ---------------------------------------------------------------- drawing
function lerpFrame(a, b, t) { // centres, head and range between two frames
  const between = (u, v) => (u && v && t > 0 ? u.map((x, i) => mix(x, v[i], t)) : u);
  return { marks: between(a.marks, b.marks), centers: between(a.centers, b.centers), head: between(a.head, b.head), bias: between(a.bias, b.bias), recall: between(a.recall, b.recall), box: a.box.map((x, i) => mix(x, b.box[i], t)) };
}

function camera(box, w, h, pad) { // embedding → pixels, equal scales on both axes
  const sx = (w - 2 * pad) / Math.max(box[1] - box[0], 1e-12), sy = (h - 2 * pad) / Math.max(box[3] - box[2], 1e-12), s = Math.min(sx, sy);
  return { s, x: w / 2 - (s * (box[0] + box[1])) / 2, y: h / 2 + (s * (box[2] + box[3])) / 2 };
}

function scores(state, kind, k) { // both readouts are linear in the position: score_k = ax x + ay y + b
  const src = kind === "center" ? state.centers : state.head;
  if (!src || !src.every(Number.isFinite)) return null;
  const out = [];
  for (let j = 0; j < k; j++) {
    const x = src[2 * j], y = src[2 * j + 1];
    out.push(kind === "center" ? [2 * x, 2 * y, -(x * x + y * y)] : [x, y, state.bias ? state.bias[j] : 0]);
  }
  return out;
}

function predict(lines, x, y) {
  let best = 0, top = -Infinity;
  lines.forEach(([ax, ay, b], j) => { const v = ax * x + ay * y + b; if (v > top) { top = v; best = j; } });
  return best;
}

function fillRegions(pixels, w, h, cam, lines, colours) { // row by row along the upper envelope of the score lines: exact borders at little cost
  const k = lines.length, slope = lines.map((l) => l[0] / cam.s), at = new Float64Array(k);
  for (let row = 0; row < h; row++) {
    const y = (cam.y - row - 0.5) / cam.s, x0 = (0.5 - cam.x) / cam.s;
    for (let j = 0; j < k; j++) at[j] = lines[j][0] * x0 + lines[j][1] * y + lines[j][2];
    let best = 0;
    for (let j = 1; j < k; j++) if (at[j] > at[best] || (at[j] === at[best] && slope[j] > slope[best])) best = j;
    let col = 0;
    while (col < w) {
      let next = -1, cross = w;
      for (let j = 0; j < k; j++)
        if (slope[j] > slope[best]) {
          const c = (at[best] - at[j]) / (slope[j] - slope[best]);
          if (c < cross || (c === cross && next >= 0 && slope[j] > slope[next])) { cross = c; next = j; }
        }
      const end = next < 0 ? w : clamp(Math.ceil(cross), col, w);
      pixels.fill(colours[best], row * w + col, row * w + end);
      if (next < 0) break;
      col = end; best = next;
    }
  }
}

// Stamps: one small anti-aliased disc per class and half-pixel phase, ready to be blended in; rare classes get a ring.
function makeStamps(run, colours, ring, radius, alpha, width) {
  const reach = Math.ceil(radius * 1.35 + 1.2), side = 2 * reach + 1, offset = [], keep = [], red = [], green = [], start = [];
  const cover = (d, r) => clamp(r - d + 0.5, 0, 1), rim = clamp((1200 / run.n) ** 0.4, 0.35, 1);   // among many points a full ring would drown the colour
  for (let k = 0; k < run.k; k++)
    for (let phase = 0; phase < 4; phase++) {
      start.push(offset.length);
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
          const d = Math.hypot(x - reach - (phase & 1) / 2, y - reach - (phase >> 1) / 2), rare = run.minority.has(k), r = rare ? radius * 1.3 : radius;
          const a = Math.round(256 * alpha * cover(d, r));
          if (a < 4) continue;
          const c = rare ? blend(colours[k], ring, rim * (1 - cover(d, r - Math.max(1, 0.36 * radius)))) : colours[k];
          offset.push(x - reach + (y - reach) * width); keep.push(256 - a);
          red.push(c[0] * a + c[2] * a * 65536); green.push(c[1] * 256 * a);
        }
    }
  start.push(offset.length);
  return { reach, start: Int32Array.from(start), offset: Int32Array.from(offset), keep: Int32Array.from(keep), red: Int32Array.from(red, (v) => v | 0), green: Int32Array.from(green) };
}

function splat(pixels, w, h, run, a, b, t, cam, stamps, hidden) {
  const { start, offset, keep, red, green, reach } = stamps, { order, labels } = run, ua = a.xy, ub = b.xy;
  const fa = ((1 - t) * a.scale * cam.s) / 32767, fb = (t * b.scale * cam.s) / 32767;
  for (let o = 0; o < order.length; o++) {
    const i = order[o], label = labels[i];
    if (hidden[label]) continue;
    const x2 = Math.round(2 * (cam.x + fa * ua[2 * i] + fb * ub[2 * i] - 0.5)), y2 = Math.round(2 * (cam.y - fa * ua[2 * i + 1] - fb * ub[2 * i + 1] - 0.5));
    const x = x2 >> 1, y = y2 >> 1;
    if (x < reach || y < reach || x >= w - reach || y >= h - reach) continue;
    const at = y * w + x, s = label * 4 + (x2 & 1) + 2 * (y2 & 1);
    for (let m = start[s], end = start[s + 1]; m < end; m++) {
      const p = at + offset[m], d = pixels[p], f = keep[m];
      pixels[p] = 0xff000000 | ((Math.imul(d & 0xff00ff, f) + red[m]) >>> 8 & 0xff00ff) | ((Math.imul(d & 0xff00, f) + green[m]) >>> 8 & 0xff00);
    }
  }
}

function fitCanvas(canvas, dpr) { // true if the size changed
  const w = Math.max(1, Math.round(canvas.clientWidth * dpr)), h = Math.max(1, Math.round(canvas.clientHeight * dpr));
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w; canvas.height = h;
  return true;
}

function drawBars(ctx, w, h, run, recall, colours, theme, font) {
  const left = 30, bottom = h - 17, top = 7, k = run.k, step = (w - left) / k, bar = Math.min(26, step * 0.72);
  ctx.clearRect(0, 0, w, h);
  ctx.font = font; ctx.textBaseline = "middle"; ctx.textAlign = "right";
  for (const v of [0, 0.5, 1]) {
    const y = Math.round(mix(bottom, top, v)) + 0.5;
    ctx.strokeStyle = theme.faint; ctx.lineWidth = 1;
    ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(w, y); ctx.stroke();
    ctx.fillStyle = theme.muted; ctx.fillText(String(100 * v), left - 5, y);
  }
  ctx.textAlign = "center";
  for (let j = 0; j < k; j++) {
    const x = left + (j + 0.5) * step, v = recall[j], rare = run.minority.has(j), y = mix(bottom, top, v);
    if (Number.isFinite(v)) {
      ctx.fillStyle = css(colours[j]); ctx.fillRect(x - bar / 2, y, bar, bottom - y);
      if (rare) { ctx.strokeStyle = theme.ink; ctx.lineWidth = 1.3; ctx.strokeRect(x - bar / 2 + 0.6, y, bar - 1.2, bottom - y); }
    }
    if (k <= 12 || j % Math.ceil(k / 12) === 0) {
      ctx.fillStyle = rare ? theme.ink : theme.muted;
      ctx.fillText((run.names[j].length <= 2 ? run.names[j] : String(j)) + (rare ? MARK : ""), x, bottom + 10);
    }
  }
}

const DASHES = [[], [5, 3], [2, 2.5], [7, 2.5, 2, 2.5], [1, 3]];

function drawCurves(ctx, w, h, run, pos, theme, font) { // returns the step → pixel map for the mouse
  const left = 40, right = 62, top = 8, bottom = h - 27, frames = run.frames;
  ctx.clearRect(0, 0, w, h);
  ctx.font = font; ctx.textBaseline = "middle";
  const names = [...run.lossNames].sort((a, b) => (b === "total") - (a === "total")).slice(0, 5);
  const single = names.length === 2 && names.includes("total") ? ["total"] : names;   // one term: it is the total
  let lo = Infinity, hi = -Infinity;
  for (const f of frames) for (const name of single) { const v = f.losses[name]; if (v != null && Number.isFinite(v)) { lo = Math.min(lo, v); hi = Math.max(hi, v); } }
  const last = Math.max(run.total, frames[frames.length - 1].step, 1), X = (step) => left + ((w - left - right) * step) / last;
  ctx.fillStyle = theme.muted; ctx.strokeStyle = theme.faint; ctx.lineWidth = 1;
  ctx.textAlign = "center";
  for (const v of ticks(0, last, Math.max(2, (w - left - right) / 70))) ctx.fillText(whole(v), X(v), bottom + 9);
  ctx.fillText("step", (left + w - right) / 2, bottom + 20.5);
  if (!(hi > -Infinity)) return { left, right, last, log: false };
  const log = lo > 0 && hi / lo > 20;
  if (!log) { const room = (hi - lo || Math.abs(hi) || 1) * 0.06; hi += room; lo = lo >= 0 && lo < hi * 0.3 ? 0 : lo - room; } else { lo /= 1.2; hi *= 1.2; }
  const Y = (v) => mix(bottom, top, log ? Math.log(v / lo) / Math.log(hi / lo) : (v - lo) / (hi - lo));
  ctx.textAlign = "right";
  const room = Math.max(3, Math.floor((bottom - top) / 22));
  for (const v of log ? logTicks(lo, hi, room) : ticks(lo, hi, room * 0.45)) {
    const y = Math.round(Y(v)) + 0.5;
    ctx.beginPath(); ctx.moveTo(left, y); ctx.lineTo(w - right, y); ctx.stroke();
    ctx.fillText(short(v), left - 5, y);
  }
  const ends = [];
  single.forEach((name, j) => {
    ctx.strokeStyle = ctx.fillStyle = name === "total" || single.length === 1 ? theme.ink : theme.muted;
    ctx.lineWidth = j ? 1.2 : 1.7; ctx.setLineDash(DASHES[j]);
    ctx.beginPath();
    let pen = false, end = null;
    for (const f of frames) {
      const v = f.losses[name], ok = v != null && Number.isFinite(v) && (!log || v > 0);
      if (ok) { const x = X(f.step), y = clamp(Y(v), top - 2, bottom); if (pen) ctx.lineTo(x, y); else ctx.moveTo(x, y); end = [x, y]; }
      pen = ok;
    }
    ctx.stroke();
    if (end) ends.push({ name: name === "total" && single.length === 1 && names.length === 2 ? names.find((u) => u !== "total") : name, x: end[0], y: end[1], strong: j === 0 });
  });
  ctx.setLineDash([]);
  ends.sort((a, b) => a.y - b.y);
  for (let j = 1; j < ends.length; j++) ends[j].y = Math.max(ends[j].y, ends[j - 1].y + 11);
  const over = ends.length ? Math.max(0, ends[ends.length - 1].y - bottom) : 0;
  ctx.textAlign = "left";
  for (const e of ends) { ctx.fillStyle = e.strong ? theme.ink : theme.muted; ctx.fillText(e.name.length > 9 ? `${e.name.slice(0, 8)}…` : e.name, w - right + 6, e.y - over); }
  const i = Math.min(Math.floor(pos), frames.length - 1), j = Math.min(i + 1, frames.length - 1), x = X(mix(frames[i].step, frames[j].step, pos - Math.floor(pos)));
  ctx.strokeStyle = theme.muted; ctx.lineWidth = 1;
  ctx.beginPath(); ctx.moveTo(x, top - 4); ctx.lineTo(x, bottom); ctx.stroke();
  const v = frames[i].losses[single[0]];
  if (v != null && Number.isFinite(v) && (!log || v > 0)) { ctx.fillStyle = theme.ink; ctx.beginPath(); ctx.arc(X(frames[i].step), Y(v), 3, 0, 7); ctx.fill(); }
  return { left, right, last, log };
}

// ---------------------------------------------------------------- elements
function h(tag, props = {}, ...children) { // text only ever enters as text
  const e = document.createElement(tag);
  for (const [key, v] of Object.entries(props)) {
    if (key === "text") e.textContent = v;
    else if (key.startsWith("on")) e.addEventListener(key.slice(2), v);
    else if (v === true) e.setAttribute(key, "");
    else if (v !== false && v != null) e.setAttribute(key, v);
  }
  e.append(...children);
  return e;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16"); svg.setAttribute("aria-hidden", "true"); path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, label, title, onclick) {
  const text = h("span", { text: label }), b = h("button", { type: "button", class: `fnb-button fnb-do-${name}`, title, "aria-label": label, onclick });
  if (ICONS[name]) b.append(icon(name));
  b.append(text);
  b.relabel = (l, i) => { // only touches the page when something is new
    if (text.textContent !== l) { text.textContent = l; b.setAttribute("aria-label", l); }
    if (i && b.shown !== i) { b.shown = i; b.firstChild.replaceWith(icon(i)); }
  };
  return b;
}

const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };

function darkPage() {
  const body = document.body, jp = body.getAttribute("data-jp-theme-light");
  if (jp != null) return jp === "false";
  if (body.classList.contains("vscode-dark") || document.documentElement.getAttribute("theme") === "dark" || body.classList.contains("quarto-dark")) return true;
  if (body.classList.contains("vscode-light") || body.classList.contains("quarto-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// ---------------------------------------------------------------- panel: one run
class Panel {
  constructor(view, index) {
    this.view = view; this.index = index; this.mouse = null; this.point = -1;
    this.title = h("h3", { class: "fnb-title" });
    this.step = h("span", { class: "fnb-step" });
    this.choices = h("div", { class: "fnb-choices" });
    this.points = h("canvas", { class: "fnb-points", role: "img" });
    this.overlay = h("canvas", { class: "fnb-overlay", "aria-hidden": "true" });
    this.message = h("div", { class: "fnb-message", text: "waiting for the first frame …" });
    this.digit = h("canvas", { width: 1, height: 1 });
    this.tip = h("div", { class: "fnb-tip", "aria-hidden": "true" }, this.digit, h("div", {}, (this.tipLabel = h("div")), (this.tipGuess = h("div"))));
    this.tip.style.display = "none";
    this.stage = h("div", { class: "fnb-stage", onpointermove: (e) => this.hover(e), onpointerleave: () => this.unhover() }, this.points, this.overlay, this.tip, this.message);
    this.figures = h("span", { class: "fnb-figures" });
    this.bars = h("canvas", { class: "fnb-bars", role: "img" });
    this.curves = h("canvas", { class: "fnb-curves", role: "img", onpointerdown: (e) => this.seek(e), onpointermove: (e) => e.buttons && this.seek(e) });
    this.side = h("div", { class: "fnb-side" },
      h("div", { class: "fnb-chart" }, h("div", { class: "fnb-caption" }, (this.recallTitle = h("span", { text: "Recall per class, %" })), this.figures), h("div", { class: "fnb-plot" }, this.bars)),
      h("div", { class: "fnb-chart" }, h("div", { class: "fnb-caption" }, (this.lossTitle = h("span", { text: "Loss" }))), h("div", { class: "fnb-plot fnb-tall" }, this.curves)));
    this.el = h("section", { class: "fnb-panel" }, h("header", { class: "fnb-head" }, this.title, this.choices, this.step), h("div", { class: "fnb-body" }, this.stage, this.side));
    view.sizes.observe(this.stage); view.sizes.observe(this.side);
  }

  get run() { return this.view.store.runs[this.index]; }

  hover(e) { const r = this.stage.getBoundingClientRect(); this.mouse = [e.clientX - r.left, e.clientY - r.top]; this.view.hovered = this; this.view.schedule(); }
  unhover() { this.mouse = null; this.point = -1; if (this.view.hovered === this) this.view.hovered = null; this.view.schedule(); }

  seek(e) {
    if (!this.map) return;
    const r = this.curves.getBoundingClientRect(), { left, right, last } = this.map;
    const step = (clamp((e.clientX - r.left - left) / (r.width - left - right), 0, 1)) * last, frames = this.run.frames;
    let best = 0;
    frames.forEach((f, i) => { if (Math.abs(f.step - step) < Math.abs(frames[best].step - step)) best = i; });
    this.view.go(best);
  }

  place(i, cam, a, b, t) { // where point i is: embedding and pixels
    const at = (o) => mix((a.xy[2 * i + o] * a.scale) / 32767, (b.xy[2 * i + o] * b.scale) / 32767, t), x = at(0), y = at(1);
    return [x, y, cam.x + cam.s * x, cam.y - cam.s * y];
  }

  nearest(cam, a, b, t, dpr) {
    const run = this.run, hidden = this.view.hidden, [mx, my] = this.mouse.map((v) => v * dpr);
    let best = -1, reach = (14 * dpr) ** 2;
    for (let i = 0; i < run.n; i++) {
      if (hidden[run.labels[i]]) continue;
      const [, , x, y] = this.place(i, cam, a, b, t), d = (x - mx) ** 2 + (y - my) ** 2;
      if (d < reach) { reach = d; best = i; }
    }
    return best;
  }

  draw(pos) {
    const { view, run } = this, frames = run ? run.frames : [];
    if (!frames.length) return;
    const { theme, colours, dpr } = view, last = frames.length - 1, i = Math.min(Math.floor(pos), last), j = Math.min(i + 1, last), t = i === last ? 0 : pos - i;
    const a = frames[i], b = frames[j], state = lerpFrame(a, b, t);
    const resized = fitCanvas(this.points, dpr), w = this.points.width, h = this.points.height;
    fitCanvas(this.overlay, dpr);
    if (resized || !this.image) {
      this.ctx = this.points.getContext("2d", { alpha: false }); this.image = new ImageData(w, h);
      this.pixels = new Uint32Array(this.image.data.buffer); this.stamps = null;
    }
    if (!this.stamps || this.stampsFor !== view.look + run.n + run.k) {
      const radius = clamp(3.3 * (500 / run.n) ** 0.23, 1, 3.6) * clamp(w / dpr / 420, 0.8, 1.15) * dpr;
      this.stampsFor = view.look + run.n + run.k;
      this.stamps = makeStamps(run, colours, theme.ring, radius, clamp(0.92 * (1000 / run.n) ** 0.1, 0.55, 0.92), w);
    }
    const cam = (this.cam = camera(state.box, w, h, 26 * dpr));
    this.paintField(state, cam, w, h);
    splat(this.pixels, w, h, run, a, b, t, cam, this.stamps, view.hidden);
    this.ctx.putImageData(this.image, 0, 0);
    if (this.mouse) this.point = this.nearest(cam, a, b, t, dpr);
    this.paintOverlay(state, cam, a, b, t, i, w, h);
    this.charts(state, a, pos);
  }

  paintField(state, cam, w, h) { // background: decision regions and grid
    const { view, run, pixels } = this, { theme, colours } = view;
    const lines = view.regions === "off" ? null : scores(state, view.regions, run.k), tints = colours.map((c) => pack(blend(theme.stage, c, theme.tint)));
    if (lines) fillRegions(pixels, w, h, cam, lines, tints);
    else pixels.fill(pack(theme.stage));
    const line = (v, vertical, colour) => {
      const p = Math.round(vertical ? cam.x + cam.s * v : cam.y - cam.s * v);
      if (p < 0 || p >= (vertical ? w : h)) return;
      const start = vertical ? p : p * w, stride = vertical ? w : 1, n = vertical ? h : w, [r, g, bl] = colour;
      if (!lines) { const c = pack(colour); for (let q = 0, at = start; q < n; q++, at += stride) pixels[at] = c; return; }
      for (let q = 0, at = start; q < n; q++, at += stride) { const d = pixels[at]; pixels[at] = pack([((d & 255) + r) >> 1, (((d >> 8) & 255) + g) >> 1, (((d >> 16) & 255) + bl) >> 1]); }
    };
    this.xTicks = ticks(-cam.x / cam.s, (w - cam.x) / cam.s, w / view.dpr / 90); this.yTicks = ticks((cam.y - h) / cam.s, cam.y / cam.s, h / view.dpr / 90);
    for (const v of this.xTicks) line(v, true, v === 0 ? theme.zero : theme.grid);
    for (const v of this.yTicks) line(v, false, v === 0 ? theme.zero : theme.grid);
  }

  paintOverlay(state, cam, a, b, t, i, w, h) {
    const { view, run } = this, { theme, colours, dpr, hidden } = view, ctx = this.overlay.getContext("2d"), W = w / dpr, H = h / dpr;
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, W, H);
    const X = (x) => (cam.x + cam.s * x) / dpr, Y = (y) => (cam.y - cam.s * y) / dpr;
    const halo = css(theme.stage, 0.85);
    const label = (text, x, y) => { ctx.strokeStyle = halo; ctx.lineWidth = 3; ctx.strokeText(text, x, y); ctx.fillText(text, x, y); };
    ctx.font = view.font; ctx.fillStyle = theme.muted; ctx.lineJoin = "round"; ctx.textBaseline = "middle";
    ctx.textAlign = "center";
    for (const v of this.xTicks) if (X(v) > 34 && X(v) < W - 30) label(short(v), X(v), H - 9);
    ctx.textAlign = "left";
    for (const v of this.yTicks) if (Y(v) > 26 && Y(v) < H - 22) label(short(v), 5, Y(v));
    ctx.textAlign = "right"; label("x₁", W - 7, H - 10);
    ctx.textAlign = "left"; label("x₂", 5, 11);
    if (view.trails) this.paintTrails(ctx, X, Y, state, i);
    this.paintMarks(ctx, X, Y, state);
    this.showTip(ctx, state, cam, a, b, t, W, H);
  }

  paintTrails(ctx, X, Y, state, i) {
    const { run, view } = this, from = Math.max(0, i - TRAIL), parts = 4;
    ctx.lineWidth = 1.6; ctx.lineCap = "butt"; ctx.lineJoin = "round";
    for (let k = 0; k < run.k; k++) {
      if (view.hidden[k]) continue;
      for (let p = 0; p < parts; p++) {
        const s = from + Math.floor(((i - from) * p) / parts), e = from + Math.floor(((i - from) * (p + 1)) / parts);
        ctx.strokeStyle = css(view.darker[k], 0.18 + 0.2 * p);
        ctx.beginPath();
        for (let f = s; f <= e; f++) { const m = run.frames[f].marks; if (f === s) ctx.moveTo(X(m[2 * k]), Y(m[2 * k + 1])); else ctx.lineTo(X(m[2 * k]), Y(m[2 * k + 1])); }
        if (p === parts - 1) ctx.lineTo(X(state.marks[2 * k]), Y(state.marks[2 * k + 1]));
        ctx.stroke();
      }
    }
  }

  paintMarks(ctx, X, Y, state) { // centres are filled; where the loss has none, class means are drawn hollow
    const { run, view } = this, solid = Boolean(state.centers), r = 8;
    ctx.textAlign = "center"; ctx.textBaseline = "middle"; ctx.font = view.bold;
    for (let k = 0; k < run.k; k++) {
      const x = X(state.marks[2 * k]), y = Y(state.marks[2 * k + 1]), c = view.colours[k];
      if (view.hidden[k] || !Number.isFinite(x + y)) continue;
      const fill = solid ? c : view.theme.stage, text = solid ? (luminance(c) > 0.55 ? "#111" : "#fff") : view.theme.ink;
      ctx.beginPath(); ctx.arc(x, y, r, 0, 7);
      ctx.fillStyle = css(fill, solid ? 1 : 0.88); ctx.fill();
      ctx.lineWidth = solid ? 1.5 : 2.2; ctx.strokeStyle = solid ? css(view.theme.ring, 0.9) : css(c); ctx.stroke();
      ctx.fillStyle = text; ctx.fillText(run.names[k].length <= 2 ? run.names[k] : String(k), x, y + 0.5);
      if (run.minority.has(k)) { ctx.fillStyle = view.theme.ink; ctx.strokeStyle = css(view.theme.stage, 0.9); ctx.lineWidth = 3; ctx.strokeText(MARK, x + r + 3, y - 5); ctx.fillText(MARK, x + r + 3, y - 5); }
    }
    ctx.font = view.font; ctx.textAlign = "right"; ctx.fillStyle = view.theme.muted; ctx.strokeStyle = css(view.theme.stage, 0.85); ctx.lineWidth = 3;
    const note = view.regions === "center" && !solid ? "no centres, so no regions" : solid ? "● centres" : "○ class means";
    const x = this.points.clientWidth - 7;
    ctx.strokeText(note, x, 12); ctx.fillText(note, x, 12);
  }

  showTip(ctx, state, cam, a, b, t, W, H) {
    const { view, run } = this, from = view.hovered, linked = from && from !== this && from.run && from.run.n === run.n ? from.point : -1;
    const point = from === this ? this.point : linked;
    this.tip.style.display = from === this && point >= 0 ? "" : "none";
    if (point < 0 || view.hidden[run.labels[point]]) return;
    const [x, y, px, py] = this.place(point, cam, a, b, t), ring = (r, colour, lw) => { ctx.beginPath(); ctx.arc(px / view.dpr, py / view.dpr, r, 0, 7); ctx.strokeStyle = colour; ctx.lineWidth = lw; ctx.stroke(); };
    ring(8, css(view.theme.stage), 4); ring(8, view.theme.ink, 2);
    if (from !== this) return;
    const kind = view.regions === "center" && state.centers ? "center" : "head", lines = scores(state, kind, run.k), label = run.labels[point], nameOf = (k) => run.names[k] + (run.minority.has(k) ? MARK : "");
    setText(this.tipLabel, `label ${nameOf(label)}`);
    const guess = lines ? predict(lines, x, y) : -1;
    setText(this.tipGuess, lines ? `${kind === "center" ? "nearest centre" : "linear head"}: ${nameOf(guess)} ${guess === label ? "✓" : "✗"}` : "");
    this.tip.classList.toggle("wrong", guess >= 0 && guess !== label);
    this.drawDigit(point);
    const left = px / view.dpr, up = py / view.dpr, tw = this.tip.offsetWidth, th = this.tip.offsetHeight;
    this.tip.style.transform = `translate(${Math.round(clamp(left + 14 + tw > W ? left - tw - 14 : left + 14, 2, W - tw - 2))}px,${Math.round(clamp(up - th / 2, 2, H - th - 2))}px)`;
  }

  drawDigit(point) {
    const images = this.run.images;
    this.digit.style.display = images ? "" : "none";
    if (!images || (this.digitOf === point && this.digitRun === this.run)) return;
    const { h, w, data } = images, out = new ImageData(w, h), px = new Uint32Array(out.data.buffer);
    for (let i = 0; i < h * w; i++) { const v = data[point * h * w + i]; px[i] = pack([v, v, v]); }
    this.digit.width = w; this.digit.height = h; this.digit.getContext("2d").putImageData(out, 0, 0);
    this.digitOf = point; this.digitRun = this.run;
  }

  charts(state, frame, pos) {
    const { view, run } = this, { theme, dpr } = view, nearest = view.regions === "center" && frame.centers && frame.centers.every(Number.isFinite);
    const now = nearest ? (frame.near ??= nearestRecall(run, frame)) : [...(frame.recall || [])], all = nearest ? now : [...(state.recall || [])];
    const fit = (canvas) => { fitCanvas(canvas, dpr); const c = canvas.getContext("2d"); c.setTransform(dpr, 0, 0, dpr, 0, 0); return c; };
    drawBars(fit(this.bars), this.bars.clientWidth, this.bars.clientHeight, run, all, view.colours, theme, view.font);
    this.map = drawCurves(fit(this.curves), this.curves.clientWidth, this.curves.clientHeight, run, pos, theme, view.font);
    setText(this.lossTitle, this.map.log ? "Loss (log scale)" : "Loss");
    const few = now.filter((_, k) => run.minority.has(k));
    setText(this.recallTitle, nearest ? "Recall by nearest centre, %" : "Recall per class, %");
    setText(this.figures, `mean ${percent(mean(now))}${few.length ? ` · minority${MARK} ${percent(mean(few))}` : ""}`);
    setText(this.step, `step ${whole(frame.step)}${run.total ? ` / ${whole(run.total)}` : ""} · epoch ${frame.epoch}`);
    this.summary = `${run.name || "run"} at step ${whole(frame.step)}: mean recall ${percent(mean(now))}${few.length ? `, minority classes ${percent(mean(few))}` : ""}`;
  }

  describe() { // for screen readers; only when the picture rests
    const loss = this.run && this.run.frames.length ? this.view.frameOf(this.run).losses : {}, total = loss.total;
    this.points.setAttribute("aria-label", `Embedding of ${this.summary || "a run without frames"}`);
    this.bars.setAttribute("aria-label", this.summary || "");
    this.curves.setAttribute("aria-label", total == null ? "Loss curves" : `Loss curves; total ${short(total)}`);
  }

  refresh() { // everything that is not drawn per frame
    const { run, view } = this, frames = run ? run.frames : [], status = view.store.status, error = run && run.error;
    setText(this.title, run ? run.name || `run ${this.index + 1}` : "");
    setText(this.message, error || (frames.length ? "" : status.error || "waiting for the first frame …"));
    this.message.classList.toggle("error", Boolean(error || status.error));
    this.message.classList.toggle("over", frames.length > 0);
    this.message.setAttribute("role", error ? "alert" : "status");
    this.image = null;
  }
}

// ---------------------------------------------------------------- view: panels, transport, legend, controls
class View {
  constructor(store, root) {
    Object.assign(this, { store, root, pos: 0, follow: true, playing: false, speed: 1, regions: "head", trails: true, painted: 0, distinct: 0, hovered: null, inputs: [], panels: [], hidden: [] });
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.abort = new AbortController();
    this.sizes = new ResizeObserver(() => this.schedule());
    this.seen = true;
    this.sight = new IntersectionObserver(([e]) => { this.seen = e.isIntersecting; this.schedule(); }, { rootMargin: "100px" });
    this.build();
    this.watchTheme();
    store.views.add(this);
    this.sight.observe(this.el);
    this.changed("runs");
  }

  build() {
    const live = this.store.config.live;
    this.panelBox = h("div", { class: "fnb-panels" });
    this.legend = h("div", { class: "fnb-legend", role: "group", "aria-label": "Classes shown" });
    this.regionSelect = h("select", { "aria-label": "Decision regions", onchange: (e) => { this.regions = e.target.value; this.schedule(); } },
      h("option", { value: "head", text: "linear head" }), h("option", { value: "center", text: "nearest centre" }), h("option", { value: "off", text: "off" }));
    this.trailBox = h("input", { type: "checkbox", checked: true, onchange: (e) => { this.trails = e.target.checked; this.schedule(); } });
    this.speedSelect = h("select", { "aria-label": "Replay speed", onchange: (e) => { this.speed = Number(e.target.value); } },
      ...[0.25, 0.5, 1, 2, 4].map((v) => h("option", { value: v, text: `${v}×`, selected: v === 1 })));
    this.playButton = button("play", "Play", "Play or pause (space)", () => this.toggle());
    this.stepButton = button("step", "Step", "One frame ahead (→)", () => this.forward());
    this.stopButton = button("stop", "Stop", "End the training (s)", () => this.stop());
    this.restartButton = button("restart", "Restart", "Train anew with these settings (r)", () => this.restart());
    this.liveButton = button("live", "Live", "To the newest frame (End)", () => this.go(Infinity));
    this.scrub = h("input", { type: "range", class: "fnb-scrub", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame", oninput: (e) => this.go(Number(e.target.value)) });
    this.where = h("output", { class: "fnb-where" });
    this.state = h("span", { class: "fnb-state", role: "status" });
    this.controls = h("div", { class: "fnb-controls", role: "group", "aria-label": "Settings, applied at restart" });
    this.pending = h("span", { class: "fnb-pending", role: "status" });
    this.error = h("div", { class: "fnb-error", role: "alert" });
    const bar = h("div", { class: "fnb-bar", role: "toolbar", "aria-label": "Playback" }, this.playButton, this.stepButton);
    if (live) bar.append(this.stopButton);
    if (this.store.config.restartable) bar.append(this.restartButton);
    bar.append(h("span", { class: "fnb-time" }, this.scrub, this.where));
    if (live) bar.append(this.liveButton);
    bar.append(h("label", { class: "fnb-option", title: "Replay speed" }, "speed ", this.speedSelect));
    this.el = h("div", { class: "fnb", tabindex: 0, role: "group", "aria-label": "Embedding theatre", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => this.key(e) },
      h("style", { text: STYLE }),
      h("div", { class: "fnb-top" }, this.legend, h("div", { class: "fnb-options" }, h("label", { class: "fnb-option" }, "read out by ", this.regionSelect), h("label", { class: "fnb-option" }, this.trailBox, " trails"))),
      this.panelBox, bar, h("div", { class: "fnb-foot" }, this.state, this.pending), this.controls, this.error);
    this.el.theatre = { state: () => this.report(), goto: (f) => this.go(f), play: () => this.play(), pause: () => this.pause() };
    Object.defineProperty(this.el.theatre, "painted", { get: () => this.painted });
    this.root.append(this.el);
    this.buildControls();
  }

  // --- what the outside sees (tests, benchmark)
  report() {
    const { store } = this;
    return { pos: this.pos, frame: Math.floor(this.pos + 1e-6), frames: store.runs.map((r) => r.frames.length), steps: store.runs.map((r) => (r.frames.length ? this.frameOf(r).step : null)), latest: Math.max(0, ...store.runs.map((r) => (r.frames.length ? r.frames[r.frames.length - 1].step : 0))), follow: this.follow, playing: this.playing,
      painted: this.painted, distinct: this.distinct, hidden: Array.from(this.hidden.slice(0, this.chips?.length || 0), Boolean), status: store.status, generation: store.generation, dark: this.theme === THEMES.dark, busy: Boolean(this.request) };
  }
  frameOf(run) { return run.frames[Math.min(Math.floor(this.pos + 1e-6), run.frames.length - 1)]; }

  // --- theme and size
  watchTheme() {
    const signal = this.abort.signal, set = () => {
      const dark = darkPage();
      this.theme = dark ? THEMES.dark : THEMES.light;
      this.el.classList.toggle("dark", dark);
      this.restyle();
    };
    const observer = new MutationObserver(set);
    observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
    signal.addEventListener("abort", () => observer.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", set, { signal });
    addEventListener("resize", () => this.restyle(), { signal });
    document.addEventListener("visibilitychange", () => this.schedule(), { signal });
    set();
  }
  restyle() {
    const k = Math.max(1, ...this.store.runs.map((r) => r.k)), palette = this.store.config.palette || PALETTE, dark = this.theme === THEMES.dark;
    const family = getComputedStyle(this.el).fontFamily || "sans-serif";
    this.dpr = Math.min(2, globalThis.devicePixelRatio || 1);
    this.font = `11px ${family}`; this.bold = `600 11px ${family}`;
    this.colours = Array.from({ length: k }, (_, j) => rgb(palette[j % palette.length]));
    this.darker = this.colours.map((c) => blend(c, dark ? [255, 255, 255] : [0, 0, 0], 0.3));
    this.look = `${dark}${this.dpr}${k}`;
    this.schedule();
  }

  // --- news from the store
  changed(what) {
    if (what === "runs") {
      const n = this.store.runs.length;
      while (this.panels.length > n) { const p = this.panels.pop(); this.sizes.unobserve(p.stage); this.sizes.unobserve(p.side); p.el.remove(); }
      while (this.panels.length < n) { const p = new Panel(this, this.panels.length); this.panels.push(p); this.panelBox.append(p.el); }
      this.el.dataset.panels = n;
      this.pos = this.follow || this.playing ? 0 : Math.min(this.pos, newest(this.store.runs));
      this.lastFrame = -1; this.playing = false; this.follow = this.store.config.live || this.follow;
      if (this.store.config.live) this.pos = newest(this.store.runs);
      this.buildLegend(); this.buildChoices(); this.restyle();
    }
    if (what === "frames" && this.still && this.follow) this.pos = newest(this.store.runs);
    if (what !== "frames" || this.panels.some((p) => p.message.textContent && p.run.frames.length)) for (const p of this.panels) p.refresh();
    if (what === "status") this.showValues();
    this.chrome();
    this.schedule();
  }

  buildLegend() {
    const run = this.store.runs[0];
    if (!run) return;
    const key = JSON.stringify([run.names, [...run.minority]]);
    if (key === this.legendKey) return;
    this.legendKey = key;
    this.hidden = new Uint8Array(256);
    const palette = this.store.config.palette || PALETTE;
    this.chips = run.names.map((name, k) => {
      const rare = run.minority.has(k), dot = h("i", { style: `background:${css(rgb(palette[k % palette.length]))}` });
      return h("button", { type: "button", class: `fnb-chip${rare ? " rare" : ""}`, "aria-pressed": "true", title: `${name}${rare ? ": few training samples" : ""}. Click: hide or show; Alt+click: only this one${k < 10 ? `; key ${k}` : ""}`,
        onclick: (e) => this.toggleClass(k, e.altKey) }, dot, h("span", { text: (name === String(k) || k > 9 ? name : `${k} ${name}`) + (rare ? MARK : "") }));
    });
    this.legend.replaceChildren(...this.chips);
    if (run.minority.size) this.legend.append(h("span", { class: "fnb-note", text: `${MARK} few training samples` }));
  }

  toggleClass(k, solo = false) {
    const n = this.chips.length;
    if (k >= n) return;
    if (solo) {
      const alone = !this.hidden[k] && Array.from({ length: n }, (_, j) => j).every((j) => j === k || this.hidden[j]);
      for (let j = 0; j < n; j++) this.hidden[j] = !alone && j !== k ? 1 : 0;
    } else this.hidden[k] ^= 1;
    this.chips.forEach((c, j) => c.setAttribute("aria-pressed", String(!this.hidden[j])));
    this.schedule();
  }

  // --- settings
  buildControls() {
    for (const c of this.store.config.controls) if (c.scope !== "panel") this.controls.append(this.makeControl(c, null));
  }
  buildChoices() {
    const per = this.store.config.controls.filter((c) => c.scope === "panel");
    this.inputs = this.inputs.filter((i) => i.panel == null);
    this.panels.forEach((p, index) => p.choices.replaceChildren(...per.map((c) => this.makeControl(c, index))));
    this.showValues(true);
  }
  makeControl(c, panel) {
    const shown = h("output"), show = () => { setText(shown, c.kind === "slider" ? short(Number(input.value)) : ""); this.chrome(); };
    const input = c.kind === "slider" ? h("input", { type: "range", min: c.min, max: c.max, step: c.step, oninput: show })
      : h("select", { onchange: show }, ...c.options.map((o, j) => h("option", { value: j, text: String(o) })));
    input.setAttribute("aria-label", panel == null ? c.label : `${c.label}, panel ${panel + 1}`);
    const entry = { c, panel, input, show, get: () => (c.kind === "slider" ? Number(input.value) : c.options[Number(input.value)]),
      set: (v) => { input.value = c.kind === "slider" ? v : c.options.findIndex((o) => o === v); show(); } };
    this.inputs.push(entry);
    return h("label", { class: "fnb-control" }, h("span", { text: c.label }), input, c.kind === "slider" ? shown : "");
  }
  applied(entry) { const { values, panels } = this.store.status; return entry.panel == null ? values[entry.c.name] : (panels[entry.panel] || {})[entry.c.name]; }
  isDirty(entry) { const want = this.applied(entry), have = entry.get(); return want !== undefined && (entry.c.kind === "slider" ? Math.abs(have - want) > 1e-9 * Math.max(1, Math.abs(want)) : have !== want); }
  showValues(force = false) { // after a restart the controls show what is running
    const key = JSON.stringify([this.store.status.values, this.store.status.panels]);
    if (!force && key === this.valueKey) return;
    this.valueKey = key;
    for (const entry of this.inputs) { const v = this.applied(entry); if (v !== undefined) entry.set(v); }
  }

  // --- transport
  get last() { return newest(this.store.runs); }
  get training() { return this.store.config.live && this.store.status.running; }
  get trainable() { const s = this.store.status; return this.store.config.live && !s.done && !s.stopped; }
  ask(type, more = {}) { this.asked = performance.now(); this.store.send({ type, ...more }); this.chrome(); setTimeout(() => this.chrome(), 700); }

  toggle() { if (this.playing || this.training) this.pause(); else this.play(); }
  play() { // time goes on from where you look; at the newest frame the training makes more
    if (this.trainable && !this.training) this.ask("play");
    if (this.pos < this.last - 1e-6) this.playing = true;
    else if (this.trainable) this.follow = true;
    else if (this.last > 0) { this.pos = 0; this.playing = true; this.follow = false; }
    this.chrome(); this.schedule();
  }
  pause() {
    this.playing = false;
    if (this.training) this.ask("pause");
    this.chrome(); this.schedule();
  }
  stop() { this.playing = false; if (this.trainable) this.ask("stop"); this.chrome(); this.schedule(); }
  forward() {
    if (this.pos >= this.last - 1e-6 && this.trainable) { this.follow = true; if (!this.training) this.ask("step"); } else this.go(Math.floor(this.pos + 1e-6) + 1);
  }
  go(frame) {
    this.playing = false;
    this.pos = clamp(Number.isFinite(frame) ? Math.round(frame) : this.last, 0, this.last);
    this.follow = this.pos >= this.last;
    this.chrome(); this.schedule();
  }
  restart() {
    if (!this.store.config.restartable) return;
    const values = {}, panels = [];
    for (const e of this.inputs) if (e.panel == null) values[e.c.name] = e.get(); else (panels[e.panel] ||= {})[e.c.name] = e.get();
    this.follow = true; this.playing = false;
    this.ask("restart", { values, panels });
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    e.stopPropagation();   // the notebook around us has its own use for these keys
    const tag = e.target.tagName, entry = this.inputs.find((i) => i.input === e.target), range = tag === "INPUT" && e.target.type === "range";
    const arrow = e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End";
    if (e.key === "Enter" && entry) this.restart();
    else if (tag === "SELECT" || (entry && range && arrow)) return;
    else if (e.key === " " || e.key === "Enter") { if (tag === "BUTTON" || (tag === "INPUT" && !range) || e.key === "Enter") return; this.toggle(); }
    else if (e.key === "ArrowRight") this.forward();
    else if (e.key === "ArrowLeft") this.go(Math.ceil(this.pos - 1e-6) - 1);
    else if (e.key === "Home") this.go(0);
    else if (e.key === "End") this.go(Infinity);
    else if (e.key === "s") this.stop();
    else if (e.key === "r") this.restart();
    else if (/^[0-9]$/.test(e.key)) this.toggleClass(Number(e.key));
    else return;
    e.preventDefault();
  }

  // --- words and buttons
  chrome() {
    const { store, last } = this, s = store.status, live = store.config.live, active = this.playing || this.training, frame = Math.floor(this.pos + 1e-6);
    const waiting = this.asked && performance.now() - this.asked > 600;   // no answer yet
    this.playButton.relabel(active ? "Pause" : "Play", active ? "pause" : "play");
    this.playButton.disabled = !active && !this.trainable && last === 0;
    this.stepButton.disabled = frame >= last && (!this.trainable || this.training);
    this.stopButton.disabled = !this.trainable;
    this.liveButton.setAttribute("aria-pressed", String(this.follow));
    this.liveButton.disabled = last === 0;
    this.liveButton.classList.toggle("lit", this.follow && Boolean(this.training));
    const max = Math.max(1, last);
    if (Number(this.scrub.max) !== max) this.scrub.max = max;
    if (Number(this.scrub.value) !== frame) this.scrub.value = frame;
    this.scrub.style.setProperty("--at", `${(100 * frame) / max}%`);
    this.scrub.disabled = last === 0;
    this.scrub.setAttribute("aria-valuetext", `frame ${frame + 1} of ${last + 1}`);
    setText(this.where, store.runs.length && last >= 0 ? `frame ${whole(frame + 1)} / ${whole(last + 1)}` : "");
    const behind = live && this.training && !this.follow ? `, showing an earlier frame` : "", silent = this.training && store.heard && performance.now() - store.heard > 10000;
    const text = waiting ? "waiting for the kernel …" : !live ? "" : s.running ? (silent ? "no news from the kernel" : `training${behind}`) : s.error ? "stopped by an error" : s.stopped ? "stopped" : s.done ? "finished" : s.note || "paused";
    setText(this.state, text);
    this.state.classList.toggle("on", Boolean(this.training && !silent && !waiting));
    const dirty = this.inputs.some((i) => this.isDirty(i));
    setText(this.pending, dirty ? "changed settings apply at restart" : "");
    this.restartButton.classList.toggle("lit", dirty);
    for (const i of this.inputs) i.input.parentElement.classList.toggle("dirty", this.isDirty(i));
    const shownInPanel = store.runs.some((r) => r.error || !r.frames.length);
    setText(this.error, s.error && !shownInPanel ? s.error : "");
  }

  // --- the clock: runs only while something moves
  schedule() { if (!this.request && !this.abort.signal.aborted) this.request = requestAnimationFrame((now) => this.tick(now)); }
  tick(now) {
    this.request = null;
    if (!this.el.isConnected || !this.seen || document.hidden) { this.clock = 0; this.store.painted?.(); return; }
    if (this.training && now - (this.paintedAt || 0) < 1000 / LIVE_PAINTS - 4) { this.schedule(); return; }
    const dt = this.clock ? Math.min(now - this.clock, 120) / 1000 : 1 / 60;
    this.clock = now;
    const moving = this.advance(dt);
    this.paint(now);
    if (moving) this.schedule();
    else {
      this.clock = 0;
      clearTimeout(this.resting);
      this.resting = setTimeout(() => { for (const p of this.panels) p.describe(); }, 400);
    }
  }
  advance(dt) { // true while there is somewhere to go
    const last = this.last;
    if (this.playing) {
      this.pos = Math.min(last, this.pos + dt * REPLAY * this.speed);
      if (this.pos >= last) { this.playing = false; this.follow = true; this.chrome(); }
    } else if (this.follow && this.pos < last) {
      const lag = last - this.pos;
      if (this.still || lag > 8) this.pos = this.still ? last : last - 2;
      else this.pos = Math.min(last, this.pos + dt * Math.max(1.5, this.store.rate) * (0.55 + 0.45 * lag));
    }
    return this.playing || (this.follow && this.pos < last);
  }
  paint(now) {
    const pos = this.still ? Math.floor(this.pos + 1e-6) : this.pos, frame = Math.floor(pos + 1e-6);
    if (frame !== this.lastFrame) { this.distinct++; this.lastFrame = frame; this.chrome(); }
    for (const p of this.panels) p.draw(pos);
    this.painted++;
    this.paintedAt = now;
    this.store.painted?.();
  }
  close() {
    this.abort.abort(); this.sizes.disconnect(); this.sight.disconnect(); this.store.views.delete(this);
    cancelAnimationFrame(this.request); clearTimeout(this.resting);
    this.el.remove();
  }
}

// ---------------------------------------------------------------- style
const STYLE = `
.fnb{--fg:var(--jp-ui-font-color1,#1f2328);--muted:var(--jp-ui-font-color2,#59636e);--line:var(--jp-border-color2,#d5dbe1);--soft:var(--jp-layout-color2,#eef1f4);--bg:var(--jp-layout-color0,#fff);
 --accent:var(--jp-brand-color1,#1768c4);--bad:var(--jp-error-color0,#b3261e);--stage:#fcfcfd;
 container-type:inline-size;box-sizing:border-box;padding:8px;color:var(--fg);background:var(--bg);font:13px/1.4 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);outline:none;border-radius:6px;color-scheme:light}
.fnb.dark{--fg:var(--jp-ui-font-color1,#e6e8eb);--muted:var(--jp-ui-font-color2,#a3abb5);--line:var(--jp-border-color2,#3a414b);--soft:var(--jp-layout-color2,#262b33);--bg:var(--jp-layout-color0,#101216);
 --accent:var(--jp-brand-color1,#6cb6ff);--bad:var(--jp-error-color1,#ff8a80);--stage:#15171c;color-scheme:dark}
.fnb *{box-sizing:border-box}
.fnb :focus-visible,.fnb:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.fnb-top,.fnb-bar,.fnb-foot,.fnb-controls,.fnb-options,.fnb-legend{display:flex;flex-wrap:wrap;align-items:center;gap:6px 10px}
.fnb-top{justify-content:space-between;margin-bottom:6px}
.fnb-legend{gap:4px}
.fnb button.fnb-chip{display:inline-flex;align-items:center;gap:5px;height:24px;padding:0 8px 0 6px;border:1px solid var(--line);border-radius:12px;background:transparent;color:var(--fg);font:inherit;font-variant-numeric:tabular-nums;cursor:pointer}
.fnb-chip i{width:10px;height:10px;border-radius:50%}
.fnb-chip.rare i{box-shadow:0 0 0 1.5px var(--bg),0 0 0 3px var(--fg)}
.fnb-chip.rare span{margin-left:2px}
.fnb-chip[aria-pressed=false]{color:var(--muted);text-decoration:line-through;border-style:dashed}
.fnb-chip[aria-pressed=false] i{opacity:.25}
.fnb-note,.fnb-option,.fnb-step,.fnb-where,.fnb-foot,.fnb-caption{color:var(--muted);font-size:12px;white-space:nowrap}
.fnb-note{margin-left:4px}
.fnb-option{display:inline-flex;align-items:center;gap:4px}
.fnb select{font:inherit;font-size:12px;color:var(--fg);background:var(--bg);border:1px solid var(--line);border-radius:4px;padding:2px 4px;max-width:100%}
.fnb input[type=checkbox]{accent-color:var(--accent);margin:0 2px 0 0}
.fnb-panels{display:grid;gap:0 14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,265px),1fr))}
.fnb-panel{min-width:0;display:grid;grid-row:span 2;grid-template-rows:subgrid;padding-bottom:6px}
.fnb-head{display:flex;flex-wrap:wrap;align-items:baseline;align-content:end;gap:2px 10px;min-height:26px;padding-bottom:3px}
.fnb .fnb-title{margin:0;padding:0;font-size:14px;font-weight:600;color:var(--fg);overflow-wrap:anywhere;border:0}
.fnb-step{margin-left:auto;font-variant-numeric:tabular-nums}
.fnb-stage{position:relative;aspect-ratio:1;width:100%;min-width:0;border:1px solid var(--line);border-radius:4px;overflow:hidden;background:var(--stage);contain:strict;cursor:crosshair}
.fnb-stage>canvas{position:absolute;inset:0;width:100%;height:100%;display:block}
.fnb-overlay{pointer-events:none}
.fnb-message{position:absolute;inset:0;display:flex;align-items:center;justify-content:center;padding:16px;text-align:center;color:var(--muted);white-space:pre-wrap;overflow-wrap:anywhere;pointer-events:none}
.fnb-message:empty{display:none}
.fnb-message.error{color:var(--bad);overflow:auto;pointer-events:auto;user-select:text}
.fnb-message.over{inset:auto 0 0 0;max-height:55%;align-items:flex-start;padding:8px 10px;background:var(--bg);border-top:1px solid var(--bad);text-align:left}
.fnb-tip{position:absolute;left:0;top:0;display:flex;gap:8px;align-items:center;padding:6px;background:var(--bg);border:1px solid var(--line);border-radius:6px;box-shadow:0 2px 8px rgba(0,0,0,.22);font-size:12px;line-height:1.35;pointer-events:none;white-space:nowrap;max-width:96%}
.fnb-tip canvas{width:64px;height:64px;image-rendering:pixelated;border-radius:3px;flex:none}
.fnb-tip.wrong div div:last-child{color:var(--bad);font-weight:600}
.fnb-side{min-width:0;padding-top:6px}
.fnb-caption{display:flex;justify-content:space-between;flex-wrap:wrap;gap:0 8px;margin-top:4px}
.fnb-figures{color:var(--fg);font-variant-numeric:tabular-nums}
.fnb-chart{display:flex;flex-direction:column;min-height:0}
.fnb-plot{position:relative;height:96px}
.fnb-tall{height:132px}
.fnb-plot canvas{position:absolute;inset:0;width:100%;height:100%;display:block}
.fnb-curves{cursor:pointer;touch-action:pan-y}
.fnb-bar{margin-top:10px;gap:6px}
.fnb button.fnb-button{display:inline-flex;align-items:center;gap:5px;height:28px;padding:0 10px;border:1px solid var(--line);border-radius:5px;background:var(--soft);color:var(--fg);font:inherit;cursor:pointer;white-space:nowrap}
.fnb-button svg{width:13px;height:13px;fill:currentColor;flex:none}
.fnb-button:hover:not(:disabled),.fnb-chip:hover{border-color:var(--muted)}
.fnb-button:disabled{opacity:.45;cursor:default}
.fnb-do-play{min-width:78px}
.fnb-do-restart.lit{background:var(--accent);border-color:var(--accent);color:var(--bg)}
.fnb-do-live.lit{color:var(--accent);border-color:var(--accent)}
.fnb-time{flex:1 1 190px;display:flex;align-items:center;gap:8px;min-width:0}
.fnb-where{font-variant-numeric:tabular-nums;min-width:98px}
.fnb input[type=range]{accent-color:var(--accent);margin:0}
.fnb .fnb-scrub{-webkit-appearance:none;appearance:none;flex:1;min-width:60px;height:24px;background:transparent;cursor:pointer}
.fnb-scrub::-webkit-slider-runnable-track{height:6px;border-radius:3px;background:linear-gradient(90deg,var(--accent) 0 var(--at,0%),var(--line) var(--at,0%))}
.fnb-scrub::-moz-range-track{height:6px;border-radius:3px;background:linear-gradient(90deg,var(--accent) 0 var(--at,0%),var(--line) var(--at,0%))}
.fnb-scrub::-webkit-slider-thumb{-webkit-appearance:none;appearance:none;width:16px;height:16px;margin-top:-5px;border-radius:50%;border:2px solid var(--bg);background:var(--accent)}
.fnb-scrub::-moz-range-thumb{width:12px;height:12px;border-radius:50%;border:2px solid var(--bg);background:var(--accent)}
.fnb-foot{min-height:19px;margin-top:3px;justify-content:space-between}
.fnb-state.on::before{content:"";display:inline-block;width:7px;height:7px;margin-right:6px;border-radius:50%;background:var(--accent)}
.fnb-pending{color:var(--accent)}
.fnb-controls{gap:6px 18px}
.fnb-control{display:inline-flex;align-items:center;gap:6px;font-size:12px;color:var(--fg)}
.fnb-control input{width:120px}
.fnb-control output{min-width:34px;font-variant-numeric:tabular-nums}
.fnb-control.dirty>span{color:var(--accent);font-weight:600}
.fnb-error{color:var(--bad);white-space:pre-wrap;overflow-wrap:anywhere}
.fnb-choices{display:flex;flex-wrap:wrap;gap:2px 8px}
.fnb-choices:not(:empty)~.fnb-step{flex-basis:100%}
@container (min-width:660px){
 .fnb[data-panels="1"] .fnb-body{display:grid;grid-template-columns:minmax(0,1.4fr) minmax(0,1fr);gap:18px}
 .fnb[data-panels="1"] .fnb-stage{max-width:560px}
 .fnb[data-panels="1"] .fnb-side{padding-top:0;display:flex;flex-direction:column}
 .fnb[data-panels="1"] .fnb-plot{height:130px}
 .fnb[data-panels="1"] .fnb-chart:last-child{flex:1}
 .fnb[data-panels="1"] .fnb-tall{flex:1;min-height:150px;max-height:300px}
}
@container (max-width:520px){
 .fnb-button span{display:none}
 .fnb-do-live span{display:inline}
 .fnb-do-play{min-width:0}
 .fnb-time{order:-1;flex-basis:100%}
}
.jp-OutputArea-child:has(.fnb)+.jp-OutputArea-child:has(.jp-RenderedImage){display:none}
`;

// ---------------------------------------------------------------- entrance 1: an exported HTML file
export async function mountStatic(root, data) {
  const store = new Store({ palette: data.palette });
  let view = null;
  try {
    const runs = await Promise.all(data.runs.map(decodeRun));
    store.status = { ...store.status, done: true };
    await new Promise((resolve) => {
      store.painted = () => { if (view && view.painted) resolve(); };
      store.reset(0, runs);
      view = new View(store, root);
      requestAnimationFrame(() => requestAnimationFrame(resolve));   // a page in the background paints nothing yet
    });
    root.theatre = view.el.theatre;
    root.dataset.ready = "1";
  } catch (error) {
    root.append(h("p", { role: "alert", text: `This file cannot be shown here: ${error.message || error}` }));
    throw error;
  }
  return view;
}

// ---------------------------------------------------------------- entrance 2: a notebook widget
// Frames live with the model, so that every view of it, also a later one, shows the same state.
export default () => {
  let store = null;

  function take(model, snapshot, buffers) { // {generation, runs, frames}: a fresh start
    const runs = [];
    for (const meta of snapshot.runs) {
      const bytes = (b) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength).slice();
      const labels = bytes(buffers[meta.labels]);
      const images = meta.images == null ? null : meta.images.same != null ? runs[meta.images.same].images : { h: meta.images.h, w: meta.images.w, data: bytes(buffers[meta.images.buffer]) };
      const run = makeRun(meta, labels, images);
      run.error = meta.error || "";
      runs.push(run);
    }
    for (const info of snapshot.frames) addFrame(runs[info.panel], frameOf(runs[info.panel], info, buffers[info.buffer]));
    store.reset(snapshot.generation, runs);
  }

  return {
    initialize({ model, signal }) {
      store = new Store(model.get("_config"));
      store.status = model.get("_status");
      let owed = 0, timer = 0, synced = false;
      const gone = new AbortController();
      signal?.addEventListener("abort", () => gone.abort());
      store.send = (message) => model.send(message);
      store.painted = () => { // the frames are on the screen: the kernel may send more
        if (!owed) return;
        clearTimeout(timer); timer = 0;
        model.send({ type: "ack", seq: owed }); owed = 0;
      };
      const frames = (message, buffers) => {
        for (const info of message.frames) {
          const run = store.runs[info.panel];
          if (run && info.index === run.frames.length) addFrame(run, frameOf(run, info, buffers[info.buffer]));
        }
        store.arrive(performance.now());
        owed = message.seq;
        if (!timer) timer = setTimeout(() => store.painted(), 400);   // hidden or closed views paint nothing
        store.changed("frames");
      };
      const onMessage = (message, buffers) => {
        store.heard = performance.now();
        if (message.type === "init") { synced = true; take(model, message, buffers); }
        else if (message.type === "frames" && synced && message.generation === store.generation) frames(message, buffers);
        else if (message.type === "goto") for (const view of store.views) view.go(message.frame);
      };
      const onStatus = () => {
        store.heard = performance.now();
        store.status = model.get("_status");
        for (const view of store.views) view.asked = null;
        store.runs.forEach((run, p) => { run.error = (store.status.errors || [])[p] || ""; });
        store.changed("status");
      };
      const onSnapshot = () => { // while the kernel is too busy to hear us, a picture comes this way
        const s = model.get("_snapshot");
        if (!synced && s && s.runs) take(model, s, s.buffers);
      };
      model.on("msg:custom", onMessage);
      model.on("change:_status", onStatus);
      model.on("change:_snapshot", onSnapshot);
      onSnapshot();
      model.send({ type: "ready" });
      const born = performance.now(), beat = setInterval(() => {
        if (store.views.size || performance.now() - born < 30000) model.send({ type: "beat" });
        for (const view of store.views) view.chrome();
      }, 3000);
      return () => {
        clearInterval(beat); clearTimeout(timer); gone.abort();
        model.off("msg:custom", onMessage); model.off("change:_status", onStatus); model.off("change:_snapshot", onSnapshot);
      };
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
