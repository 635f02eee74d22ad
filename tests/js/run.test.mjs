// What Python packs is what the page reads: PACKED is a file made by test_page.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import * as r from "../../page/theatre/run.js";

const packed = JSON.parse(readFileSync(process.env.PACKED, "utf8"));
const view = (base64) => { // at an odd address, as in a message
  const odd = new Uint8Array([7, ...Buffer.from(base64, "base64")]);
  return new DataView(odd.buffer, 1);
};
const list = (a) => (a == null ? null : [...a].map((v) => (Number.isFinite(v) ? v : null)));

function agree(run, want, exact) {
  assert.equal(run.frames.length, want.frames.length);
  assert.deepEqual(run.names, want.names);
  assert.deepEqual([...run.labels], want.labels);
  assert.deepEqual([...run.minority], want.minority);
  assert.equal(run.total, want.total);
  assert.deepEqual(run.images && [...run.images.data], want.images);
  const same = (a, b, name) => {
    // a file has six digits of a number
    if (a == null || b == null || exact) assert.deepEqual(a, b, name);
    else a.forEach((v, j) => assert.ok(v === b[j] || Math.abs(v - b[j]) <= 1e-5 * Math.abs(b[j])));
  };
  run.frames.forEach((f, i) => {
    const w = want.frames[i];
    assert.deepEqual([...f.xy], w.xy);
    for (const name of ["step", "epoch", "scale"]) assert.equal(f[name], w[name], name);
    for (const name of ["centers", "head", "bias", "recall"]) same(list(f[name]), w[name], name);
    same([f.grad], [w.grad], "grad");
    for (const [name, v] of Object.entries(w.losses)) same([f.losses[name] ?? null], [v], name);
  });
}

for (const [name, one] of Object.entries(packed.runs)) {
  test(`an exported file: ${name}`, async () =>
    agree(await r.decodeRun(one.file), one.want, false));

  test(`messages: ${name}`, () => {
    const buffers = one.message.blocks.map(view),
      [run] = r.runsOf(one.message.metas, buffers);
    one.message.frames.forEach(([info, block]) =>
      r.addFrame(run, r.frameOf(run, info, view(block))),
    );
    agree(run, one.want, true);
    assert.equal(run.error, "a word about it");
  });
}

test("pictures that two runs share are the same object", () => {
  const { metas, blocks } = packed.shared,
    runs = r.runsOf(metas, blocks.map(view));
  assert.ok(runs[0].images && runs[1].images === runs[0].images);
  assert.notEqual(runs[2].images, runs[0].images);
  assert.equal(runs[3].images, null);
});

const meta = (names, minority = []) => ({ k: names.length, class_names: names, minority });
const labels = Uint8Array.from({ length: 60 }, (_, i) => i % 3);

test("all points are painted once, rare classes last", () => {
  const run = r.makeRun(meta(["a", "b", "c"], [1]), labels, null),
    order = [...run.order];
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    Array.from({ length: 60 }, (_, i) => i),
  );
  assert.deepEqual(
    order.map((i) => labels[i] === 1),
    order.map((_, j) => j >= 40),
  );
  assert.notDeepEqual(
    order.slice(0, 40),
    [...order.slice(0, 40)].sort((a, b) => a - b),
  );
});

const frame = (xy, more = {}) => ({
  xy: Int16Array.from(xy),
  scale: 32767,
  centers: null,
  losses: {},
  step: 0,
  ...more,
});
const square = (side) =>
  labels.reduce((xy, _, i) => [...xy, side * (i % 2 || -1), side * (i % 4 < 2 || -1)], []);

test("class means stand in for centers", () => {
  const run = r.makeRun(meta(["a", "b", "c"]), Uint8Array.of(0, 0, 1), null);
  assert.deepEqual(
    [...r.classMeans(run, frame([1, 2, 3, 4, -5, 6], { scale: 65534 }))].slice(0, 4),
    [4, 6, -10, 12],
  );
  r.addFrame(run, frame([1, 2, 3, 4, -5, 6]));
  assert.deepEqual([...run.frames[0].marks.slice(0, 2)], [2, 3]);
});

test("the box holds all points, the origin, and centers that are not far away", () => {
  const run = r.makeRun(meta(["a", "b", "c"]), labels, null);
  const at = (centers) =>
    r.pointBox(run, frame(square(10), { centers: Float32Array.from(centers) }));
  assert.deepEqual(r.pointBox(run, frame(square(10))), [-10, 10, -10, 10]);
  assert.deepEqual(at([15, 0, 0, -20, 0, 0]), [-10, 15, -20, 10]);
  assert.deepEqual(at([500, 0, 0, 0, NaN, 0]), [-10, 10, -10, 10]);
  assert.deepEqual(r.pointBox(run, frame(square(10).map((v) => v + 100))), [0, 110, 0, 110]);
});

test("the box grows at once and shrinks slowly", () => {
  assert.deepEqual(r.smoothBox(undefined, [-1, 1, -1, 1]), [-1, 1, -1, 1]);
  assert.deepEqual(r.smoothBox([-1, 1, -1, 1], [-3, 2, -1, 1]), [-3, 2, -1, 1]);
  assert.deepEqual(r.smoothBox([-1, 1, -1, 1], [0, 0, 0, 0]), [-0.95, 0.95, -0.95, 0.95]);
});

test("losses are known by name as they come", () => {
  const run = r.makeRun(meta(["a", "b", "c"]), labels, null);
  r.addFrame(run, frame(square(1), { losses: { total: 1 } }));
  r.addFrame(run, frame(square(1), { losses: { total: 1, center: 2 } }));
  assert.deepEqual(run.lossNames, ["total", "center"]);
  assert.equal(r.newest([run, r.makeRun(meta(["a"]), labels, null)]), 1);
  assert.equal(r.newest([]), 0);
});
