// One recorded training as the page keeps it, and how it is read from a file or from messages.
import { mix } from "../numbers.js";
import { besideFrame, besideInFile, besideRun } from "./mirror_data.js";

/**
 * @typedef {Object} Frame
 * @property {number} step
 * @property {number} epoch
 * @property {Int16Array} xy the points, in units of scale / 32767
 * @property {number} scale
 * @property {Float32Array | null} centers
 * @property {Float32Array | null} head
 * @property {Float32Array | null} bias
 * @property {Float32Array} recall per class, by the head
 * @property {Record<string, number | null>} losses
 * @property {number | null} grad
 * @property {Float32Array} [marks] centers, or class means where the loss has none
 * @property {number[]} [box] what the camera shows: x0, x1, y0, y1
 * @property {Record<string, number | null>} curves beside the losses
 * @property {import("./mirror_data.js").Finding[]} findings that appeared with it
 * @property {Record<string, number[]>} [read] recall by other readouts, once they were asked for
 */
/**
 * @typedef {Object} Run
 * @property {string} name
 * @property {string[]} names of the classes
 * @property {Set<number>} minority classes with few training samples
 * @property {number} k classes
 * @property {number[] | null} counts training samples per class, if they are known
 * @property {number} n points
 * @property {number} total steps of the training
 * @property {Uint8Array} labels
 * @property {{h: number, w: number, data: Uint8Array} | null} images
 * @property {Int32Array} order in which the points are painted
 * @property {Frame[]} frames
 * @property {string[]} lossNames
 * @property {Uint8Array | null} domains of the points
 * @property {string[]} domainNames
 * @property {boolean} angular the head decides by angles: its rows are directions, s long
 * @property {string} [error]
 */

/** @param {any} meta @param {Uint8Array} labels @param {Run["images"]} images @returns {Run} */
export function makeRun(meta, labels, images) {
  const minority = new Set(/** @type {number[]} */ (meta.minority || []));
  return {
    name: meta.name || "",
    names: meta.class_names,
    minority,
    k: meta.k,
    counts: meta.counts?.length === meta.k ? meta.counts : null,
    n: labels.length,
    total: meta.total || 0,
    labels,
    images,
    order: paintOrder(labels, minority),
    frames: [],
    lossNames: [],
    ...besideRun(meta),
  };
}

/**
 * Shuffled once, so that no class hides the rest; rare classes on top.
 * @param {Uint8Array} labels
 * @param {Set<number>} minority
 */
function paintOrder(labels, minority) {
  const n = labels.length,
    order = new Int32Array(n);
  let seed = 12345;
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = seed % (i + 1),
      o = order[i];
    order[i] = order[j];
    order[j] = o;
  }
  const rare = (i) => Number(minority.has(labels[i]));
  order.set([...order].sort((a, b) => rare(a) - rare(b)));
  return order;
}

/** Completes the frame with what drawing needs. @param {Run} run @param {Frame} frame */
export function addFrame(run, frame) {
  frame.marks = frame.centers || classMeans(run, frame);
  frame.box = smoothBox(run.frames.at(-1)?.box, pointBox(run, frame));
  for (const name of Object.keys(frame.losses))
    if (!run.lossNames.includes(name)) run.lossNames.push(name);
  run.frames.push(frame);
}

/** @param {Run} run @param {Frame} frame */
export function classMeans(run, frame) {
  const sum = new Float32Array(run.k * 2),
    count = new Float32Array(run.k),
    s = frame.scale / 32767;
  for (let i = 0; i < run.n; i++) {
    const y = run.labels[i];
    sum[2 * y] += frame.xy[2 * i];
    sum[2 * y + 1] += frame.xy[2 * i + 1];
    count[y]++;
  }
  return sum.map((v, i) => (v * s) / count[i >> 1]);
}

/**
 * Where all but the outermost points are, the origin included: x0, x1, y0, y1.
 * @param {Run} run
 * @param {Frame} frame
 */
export function pointBox(run, frame) {
  const stride = Math.ceil(run.n / 2000),
    s = frame.scale / 32767,
    out = [];
  for (const axis of [0, 1]) {
    const v = new Float32Array(Math.ceil(run.n / stride));
    for (let i = 0, j = 0; i < run.n; i += stride) v[j++] = frame.xy[2 * i + axis] * s;
    v.sort();
    const skip = Math.floor(v.length * 0.004);
    out.push(Math.min(0, v[skip]), Math.max(0, v[v.length - 1 - skip]));
  }
  const size = Math.max(out[1] - out[0], out[3] - out[2], 1e-12);
  for (let i = 0; frame.centers && i < 2 * run.k; i++) {
    const c = frame.centers[i],
      axis = i & 1;
    if (!(Math.abs(c) < 2 * size)) continue; // a center far away does not shrink the rest
    out[2 * axis] = Math.min(out[2 * axis], c);
    out[2 * axis + 1] = Math.max(out[2 * axis + 1], c);
  }
  return out;
}

/**
 * Grows at once, shrinks slowly: nothing leaves the picture and the picture does not jump.
 * @param {number[] | undefined} before
 * @param {number[]} now
 */
export function smoothBox(before, now) {
  if (!before) return now;
  const grows = (v, i) => (i % 2 ? v > before[i] : v < before[i]);
  return now.map((v, i) => (grows(v, i) ? v : mix(before[i], v, 0.05)));
}

/** The number of the newest frame. @param {Run[]} runs */
export const newest = (runs) => Math.max(0, ...runs.map((r) => r.frames.length - 1));

// ---- from an exported file (embeddings.payload)

/** Nested lists of JSON numbers (null: not a number). @param {any[] | null} values */
const floats = (values) =>
  values == null ? null : Float32Array.from(values.flat(), (v) => (v == null ? NaN : v));

/** @param {string} base64 */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** What a zlib stream holds. @param {ReadableStream} packed */
export async function inflated(packed) {
  const stream = packed.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} base64 */
const inflate = (base64) => inflated(new Blob([bytesOf(base64)]).stream());

/**
 * One run of an exported file; every frame's points are differences to the frame before.
 * @param {any} data
 */
export async function decodeRun(data) {
  const labels = bytesOf(data.labels),
    images = data.images && {
      h: data.images.h,
      w: data.images.w,
      data: await inflate(data.images.data),
    };
  const run = makeRun(data, labels, images),
    bytes = await inflate(data.frames);
  const size = labels.length * 2,
    total = data.steps.length * size;
  let before = new Int16Array(size);
  for (let f = 0; f < data.steps.length; f++) {
    const xy = new Int16Array(size);
    for (let i = 0, at = f * size; i < size; i++, at++)
      xy[i] = (bytes[at] | (bytes[total + at] << 8)) + before[i];
    before = xy;
    const losses = Object.entries(data.losses).map(([name, v]) => [name, v[f]]);
    addFrame(run, {
      step: data.steps[f],
      epoch: data.epochs[f],
      xy,
      scale: data.scales[f],
      centers: floats(data.centers[f]),
      head: floats(data.heads[f]),
      bias: floats(data.biases[f]),
      recall: floats(data.recall[f]),
      grad: data.grad_norm[f],
      losses: Object.fromEntries(losses),
      ...besideInFile(data, f),
    });
  }
  return run;
}

// ---- from messages of the kernel (widgets.run_blocks, widgets.frame_block)

/** @param {ArrayBufferView} view */
const copyOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();

/** Runs without frames. @param {any[]} metas @param {ArrayBufferView[]} buffers */
export function runsOf(metas, buffers) {
  /** @type {Run[]} */
  const runs = [];
  for (const meta of metas) {
    const at = meta.images,
      shared = at?.same != null;
    const images =
      at == null
        ? null
        : shared
          ? runs[at.same].images
          : { h: at.h, w: at.w, data: copyOf(buffers[at.buffer]) };
    const run = makeRun(meta, copyOf(buffers[meta.labels]), images);
    run.error = meta.error || "";
    runs.push(run);
  }
  return runs;
}

/**
 * One frame: float32 centers, head, bias and recall, then int16 points.
 * @param {Run} run
 * @param {any} info
 * @param {ArrayBufferView} buffer
 * @returns {Frame}
 */
export function frameOf(run, info, buffer) {
  const bytes = copyOf(buffer).buffer;
  let at = 0;
  const take = (count) => {
    const part = count ? new Float32Array(bytes, at, count) : null;
    at += 4 * count;
    return part;
  };
  const [centers, head, bias, recall] = [...info.parts, run.k].map(take);
  return {
    step: info.step,
    epoch: info.epoch,
    scale: info.scale,
    grad: info.grad,
    losses: info.losses,
    centers,
    head,
    bias,
    recall,
    xy: new Int16Array(bytes, at, 2 * run.n),
    ...besideFrame(info),
  };
}
