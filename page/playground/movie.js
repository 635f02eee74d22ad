// A film of the race: the recorded race's page (embeddings.to_page) with these runs in it.
import { addFrame, frameOf, runsOf } from "../theatre/run.js";

const DATA = /(<script type="application\/json" id="fer-nb-data">)[^<]*/;

const base64 = (/** @type {Uint8Array} */ bytes) => {
  let text = "";
  bytes.forEach((b) => (text += String.fromCharCode(b)));
  return btoa(text);
};

/** As a zlib stream. @param {any} bytes */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return base64(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** Differences to the frame before: all low bytes, then all high ones. @param {Int16Array[]} xy */
function differences(xy) {
  const size = xy[0]?.length || 0,
    bytes = new Uint8Array(2 * size * xy.length);
  xy.forEach((points, f) =>
    points.forEach((v, i) => {
      const step = v - (f ? xy[f - 1][i] : 0),
        at = f * size + i;
      bytes[at] = step & 255;
      bytes[size * xy.length + at] = (step >> 8) & 255;
    }),
  );
  return bytes;
}

const orNull = (v) => (Number.isFinite(v) ? v : null);
const listed = (values) => values && Array.from(values, orNull);

/** What theatre/run.js's decodeRun reads. @param {import("../theatre/run.js").Run} run */
export async function encodeRun(run) {
  const { frames, images } = run,
    of = (name, by = (v) => v) => frames.map((f) => by(f[name]));
  const losses = run.lossNames.map((name) => [name, frames.map((f) => orNull(f.losses[name]))]);
  return {
    name: run.name,
    class_names: run.names,
    minority: [...run.minority],
    counts: run.counts,
    k: run.k,
    total: run.total,
    angular: run.angular,
    domains: run.domains && [...run.domains],
    domain_names: run.domainNames,
    labels: base64(run.labels),
    images: images && { h: images.h, w: images.w, data: await deflated(images.data) },
    frames: await deflated(differences(of("xy"))),
    steps: of("step"),
    epochs: of("epoch"),
    scales: of("scale"),
    grad_norm: of("grad", orNull),
    recall: of("recall", listed),
    centers: of("centers", listed),
    heads: of("head", listed),
    biases: of("bias", listed),
    losses: Object.fromEntries(losses),
  };
}

/**
 * @param {string} page of the recorded race
 * @param {{runs: any[], blocks: Uint8Array[]}} told as the theatre is told
 * @param {{info: any, block: Uint8Array}[][]} frames of every run
 */
export async function movie(page, { runs, blocks }, frames) {
  const made = runsOf(runs, blocks);
  made.forEach((run, p) =>
    frames[p].forEach(({ info, block }) => addFrame(run, frameOf(run, info, block))),
  );
  const data = JSON.stringify({ runs: await Promise.all(made.map(encodeRun)) });
  const safe = data.replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
  return page.replace(DATA, (_, start) => start + safe);
}
