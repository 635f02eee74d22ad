// Head and nearest center: lines, winners, recall, and the regions that are painted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { pack } from "../../page/numbers.js";
import { camera, fillRegions, gridLine, makeStamps, splat } from "../../page/theatre/paint.js";
import { lerpFrame, predict, readBy, recallBy, scores } from "../../page/theatre/readouts.js";
import { decodeRun } from "../../page/theatre/run.js";

const packed = JSON.parse(readFileSync(process.env.PACKED, "utf8"));

for (const [name, { file, want }] of Object.entries(packed.runs))
  test(`winners are those of Python's regions: ${name}`, async () => {
    const run = await decodeRun(file);
    for (const { frame, kind, points, winners } of want.regions) {
      const lines = scores(run.frames[frame], kind, run);
      if (winners == null) assert.equal(scores(run.frames[frame], "head", run), null);
      else points.forEach(([x, y], i) => assert.equal(predict(lines, x, y), winners[i]));
    }
    for (const [i, recall] of Object.entries(want.nearest))
      recallBy(run, run.frames[i], "center").forEach((v, k) =>
        assert.ok(Math.abs(v - recall[k]) < 1e-6 || (Number.isNaN(v) && recall[k] == null)),
      );
  });

test("no lines without centers, without a head, or with numbers that are not finite", () => {
  const two = { k: 2, counts: null };
  assert.equal(scores({ centers: null, head: null }, "center", two), null);
  assert.equal(scores({ centers: null, head: null }, "head", two), null);
  assert.equal(scores({ centers: Float32Array.of(0, NaN, 1, 1) }, "center", two), null);
  assert.equal(scores({ head: [1, 2, 3, 4], bias: null }, "off", two), null);
  assert.deepEqual(scores({ head: [1, 2, 3, 4], bias: null }, "head", two), [
    [1, 2, 0],
    [3, 4, 0],
  ]);
  assert.deepEqual(scores({ head: [1, 2], bias: [9] }, "head", { k: 1 }), [[1, 2, 9]]);
});

test("the prior-adjusted head takes the logarithm of the training counts away", () => {
  const state = { head: [1, 2, 3, 4], bias: [5, 6] },
    lines = scores(state, "prior", { k: 2, counts: [300, 20] });
  assert.deepEqual(lines, [
    [1, 2, 5 - Math.log(300)],
    [3, 4, 6 - Math.log(20)],
  ]);
  assert.equal(scores(state, "prior", { k: 2, counts: null }), null);
  // a point on the border of both classes goes to the rare one
  const even = scores({ head: [1, 0, 1, 0] }, "prior", { k: 2, counts: [300, 20] });
  assert.equal(predict(even, 0.3, 0.1), 1);
});

test("a head on angles divides by the distance before the prior is taken away", () => {
  const run = { k: 2, counts: [300, 20], angular: true },
    lines = scores({ head: [8, 0, 0, 8] }, "prior", run);
  assert.deepEqual(lines, [
    [8, 0, 0, -Math.log(300)],
    [0, 8, 0, -Math.log(20)],
  ]);
  // the border lies where 8 cos a - 8 sin a = log 15, however far from 0
  const angle = Math.acos(Math.log(15) / 8 / Math.SQRT2) - Math.PI / 4;
  for (const far of [1e-3, 1, 1e3])
    for (const [turn, winner] of [[-0.01, 0], [0.01, 1]])
      assert.equal(predict(lines, far * Math.cos(angle + turn), far * Math.sin(angle + turn)), winner);
  assert.equal(predict(lines, 0, 0), 1); // no direction: the rare one
  assert.equal(readBy({ head: [8, 0, 0, 8] }, "head", run).name, "angular head");
  assert.equal(readBy({ head: [8, 0, 0, 8] }, "prior", run).name, "prior-adjusted head");
});

test("without centers the nearest class mean reads; a class without points is never the nearest", () => {
  const state = { centers: null, marks: [1, 2, NaN, NaN, 3, 0] },
    lines = scores(state, "center", { k: 3 });
  assert.deepEqual(lines, [
    [2, 4, -5],
    [0, 0, -Infinity],
    [6, 0, -9],
  ]);
  assert.equal(predict(lines, 0.9, 2), 0);
  assert.equal(predict(lines, 2.9, 0), 2);
});

test("every panel says what it is read out by", () => {
  const by = (state, wish, counts = null) => readBy(state, wish, { k: 1, counts });
  const centers = { centers: [1, 2], marks: [1, 2], head: [1, 1] },
    plain = { ...centers, centers: null },
    lost = { ...centers, centers: [NaN, 1] };
  assert.deepEqual(by(centers, "center"), { kind: "center", name: "nearest center" });
  assert.deepEqual(by(plain, "center"), { kind: "center", name: "nearest class mean" });
  assert.deepEqual(by(lost, "center"), { kind: "head", name: "linear head (no finite center)" });
  assert.deepEqual(by(plain, "prior", [7]), { kind: "prior", name: "prior-adjusted head" });
  assert.deepEqual(by(plain, "prior"), { kind: "head", name: "linear head (class counts unknown)" });
  assert.deepEqual(by({ head: null }, "prior", [7]).name, "the network (no linear head)");
  assert.deepEqual(by(plain, "off"), { kind: "off", name: "linear head" });
  assert.deepEqual(by({ head: null }, "head"), { kind: "head", name: "the network" });
});

test("recall by a readout is counted once a frame, by hand", () => {
  const run = { k: 2, n: 4, labels: [0, 0, 1, 1], counts: [9, 1] };
  const frame = {
    xy: Int16Array.of(1, 0, 3, 0, 4, 0, 9, 0),
    scale: 32767,
    recall: [0.25, 0.5],
    centers: null,
    marks: [2, 0, 6.5, 0], // the border is at 4.25
    head: [0, 0, 0, 0],
  };
  assert.deepEqual(recallBy(run, frame, "head"), [0.25, 0.5]);
  assert.deepEqual(recallBy(run, frame, "off"), [0.25, 0.5]);
  assert.deepEqual(recallBy(run, frame, "center"), [1, 0.5]);
  assert.deepEqual(recallBy(run, frame, "prior"), [0, 1]); // the rare one wins where nothing is said
  assert.equal(recallBy(run, frame, "center"), frame.read.center);
});

test("between two frames everything is between", () => {
  const a = { marks: [0, 0], centers: null, head: [0], bias: [2], recall: [0], box: [0, 0, 0, 0] };
  const b = { marks: [2, 4], centers: [1], head: [1], bias: [4], recall: [1], box: [-4, 4, -4, 4] };
  const s = lerpFrame(a, b, 0.25);
  assert.deepEqual([s.marks, s.head, s.bias, s.recall], [[0.5, 1], [0.25], [2.5], [0.25]]);
  assert.deepEqual([s.centers, s.box], [null, [-1, 1, -1, 1]]);
  assert.equal(lerpFrame(a, b, 0).marks, a.marks);
});

const SETS = {
  "five lines": Array.from({ length: 5 }, (_, k) => [
    Math.sin(k * 2.1) * 3,
    Math.cos(k * 1.3) * 3,
    Math.sin(k),
  ]),
  one: [[1, 1, 0]],
  parallel: [
    [1, 0, 0],
    [1, 0, 0.5],
    [1, 0, -2],
  ],
  equal: [
    [2, 1, 0],
    [2, 1, 0],
    [-1, 0, 0],
  ],
  "on angles": [
    [6, 0, 0, -5.7],
    [-2, 5, 0, -3],
    [0, -6, 0, -1],
  ],
  "flat and steep": [
    [0, 0, 0],
    [1e4, 0, 0],
    [-1e4, 3, 1],
    [0, 1e-3, 0],
  ],
  "a hundred": Array.from({ length: 100 }, (_, k) => [
    Math.sin(k * 7.7),
    Math.cos(k * 3.1),
    Math.sin(k * 1.9),
  ]),
};

for (const [name, lines] of Object.entries(SETS))
  test(`regions are the highest score, pixel by pixel: ${name}`, () => {
    const w = 61,
      h = 47,
      cam = { s: 9, x: 30, y: 22 },
      pixels = new Uint32Array(w * h).fill(999);
    fillRegions(
      pixels,
      w,
      h,
      cam,
      lines,
      lines.map((_, j) => j),
    );
    for (let row = 0; row < h; row++)
      for (let col = 0; col < w; col++) {
        const x = (col + 0.5 - cam.x) / cam.s,
          y = (cam.y - row - 0.5) / cam.s;
        const v = lines.map((l) => l[0] * x + l[1] * y + l[2] + (l[3] || 0) * Math.hypot(x, y)),
          top = Math.max(...v);
        assert.ok(
          v[pixels[row * w + col]] > top - 1e-9 * Math.max(1, Math.abs(top)),
          `${col} ${row}`,
        );
      }
  });

test("the camera shows the whole box, in the middle, with equal scales", () => {
  for (const [box, w, h] of [
    [[-1, 1, -1, 1], 400, 400],
    [[0, 10, -3, 1], 300, 500],
    [[5, 5, 5, 5], 100, 100],
  ]) {
    const pad = 20,
      cam = camera(box, w, h, pad);
    const [x0, x1] = [box[0], box[1]].map((x) => cam.x + cam.s * x);
    const [y1, y0] = [box[2], box[3]].map((y) => cam.y - cam.s * y);
    assert.ok(x0 >= pad - 1e-6 && x1 <= w - pad + 1e-6 && y0 >= pad - 1e-6 && y1 <= h - pad + 1e-6);
    assert.ok(Math.abs(x0 + x1 - w) < 1e-3 && Math.abs(y0 + y1 - h) < 1e-3);
  }
});

test("grid lines cover plain ground and half cover regions", () => {
  const w = 7,
    h = 5,
    ground = pack([200, 101, 7]),
    fill = () => new Uint32Array(w * h).fill(ground);
  const solid = fill(),
    half = fill();
  gridLine(solid, w, h, 3, true, [10, 20, 30], true);
  gridLine(half, w, h, 2, false, [101, 102, 8], false);
  for (let i = 0; i < w * h; i++) {
    assert.equal(solid[i], i % w === 3 ? pack([10, 20, 30]) : ground);
    assert.equal(half[i], Math.floor(i / w) === 2 ? pack([150, 101, 7]) : ground);
  }
  const outside = fill();
  for (const p of [-1, w]) gridLine(outside, w, h, p, true, [0, 0, 0], true);
  assert.deepEqual(outside, fill());
});

const COLORS = [
  [255, 0, 0],
  [0, 0, 255],
];
const run = { n: 2, k: 2, labels: [0, 1], order: [0, 1], minority: new Set([1]) };
const points = { xy: Int16Array.of(-5, 0, 5, 0), scale: 32767 };

function painted(hidden, t = 0, other = points) {
  const w = 40,
    h = 20,
    white = pack([255, 255, 255]),
    pixels = new Uint32Array(w * h).fill(white);
  const stamps = makeStamps(run, COLORS, [0, 0, 0], 3, 0.9, w);
  splat(pixels, w, h, run, points, other, t, { s: 2, x: 20.5, y: 10.5 }, stamps, hidden);
  return (x, y) => [...new Uint8Array(new Uint32Array([pixels[y * w + x]]).buffer)];
}

test("points are painted in their color where the camera has them, rare ones with a ring", () => {
  const at = painted([0, 0]);
  const [r, g, b] = at(10, 10);
  assert.ok(r > 240 && g < 40 && b < 40, String(at(10, 10)));
  assert.ok(at(30, 10)[2] > 230 && at(30, 10)[0] < 40);
  assert.ok(at(33, 10)[2] < 200 && at(33, 10)[0] < 200, "the ring is dark");
  assert.deepEqual(at(20, 10), [255, 255, 255, 255]);
  assert.deepEqual(painted([1, 0])(10, 10), [255, 255, 255, 255]);
});

test("between two frames points are on their way", () => {
  const at = painted([0, 1], 0.5, { xy: Int16Array.of(5, 0, 5, 0), scale: 32767 });
  assert.ok(at(20, 10)[1] < 40 && at(10, 10)[1] === 255 && at(30, 10)[1] === 255);
});

test("points at the border are left out, not wrapped around", () => {
  const at = painted([0, 0], 1, { xy: Int16Array.of(-10, 0, 10, 0), scale: 32767 });
  for (let y = 0; y < 20; y++) for (let x = 0; x < 40; x++) assert.equal(at(x, y)[1], 255);
});
