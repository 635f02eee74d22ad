// Domains by shape, curves beside the frames, and the corners of a schedule.
import assert from "node:assert/strict";
import test from "node:test";
import * as m from "../../page/theatre/mirror_data.js";
import { chartPlaces, chartWords, drawCharts, planBox, planPlace } from "../../page/theatre/mirror_draw.js";
import { DOMAIN_MARKS, SHAPE_REACH, radiusIn } from "../../page/theatre/mirror_shapes.js";
import { makeStamps, splat } from "../../page/theatre/paint.js";
import { makeRun } from "../../page/theatre/run.js";

const frame = (step, curves = {}, names = []) => ({
  step,
  curves,
  findings: names.map((name) => ({ name, measured: "m", advice: "a", frame: 0 })),
});
const run = {
  total: 30,
  frames: [
    frame(10, { "λ": 0.1, "accuracy, source": 0.5, "accuracy, target": 0.25 }),
    frame(20, { "λ": null, "accuracy, source": 0.7, "accuracy, target": 0.3 }, ["one"]),
    frame(30, { "λ": 0.3, "accuracy, source": 0.8, "accuracy, target": 0.4 }, ["two", "three"]),
  ],
};

test("all shapes are as large as the disc and reach no further than they say", () => {
  for (let d = 0; d < DOMAIN_MARKS.length; d++) {
    let inside = 0,
      reach = 0;
    for (let x = -2; x < 2; x += 0.01)
      for (let y = -2; y < 2; y += 0.01)
        if (radiusIn(d, x, y) < 1) {
          inside += 0.0001;
          reach = Math.max(reach, Math.hypot(x, y));
        }
    assert.ok(Math.abs(inside - Math.PI) < 0.02, `${DOMAIN_MARKS[d]}: ${inside}`);
    assert.ok(reach <= SHAPE_REACH + 0.01);
  }
  assert.ok(radiusIn(1, 0, -1) < radiusIn(1, 0, 1)); // the triangle's tip is up
});

test("points of the second domain are painted as triangles in their class's color", () => {
  const meta = { k: 2, class_names: ["a", "b"], domains: [0, 1], domain_names: ["lab", "studio"] };
  const one = makeRun(meta, Uint8Array.of(1, 1), null),
    side = 120;
  const red = [200, 0, 0],
    stamps = makeStamps(one, [[0, 0, 9], red], [0, 0, 0], 8, 1, side);
  assert.equal(stamps.start.length, 2 * 2 * 4 + 1);
  const pixels = new Uint32Array(side * side).fill(0xffffffff);
  const f = { xy: Int16Array.of(-16384, 0, 16384, 0), scale: 30 };
  splat(pixels, side, side, one, f, f, 0, { s: 1, x: 60, y: 60 }, stamps, [0, 0]);
  const dark = (x, y) => ((pixels[y * side + x] >>> 8) & 255) < 128;
  const width = (y, from) => Array.from({ length: 60 }, (_, i) => dark(from + i, y)).filter(Boolean);
  assert.equal(pixels[60 * side + 45] >>> 0, 0xff0000c8);
  assert.ok(Math.abs(width(56, 0).length - width(63, 0).length) <= 2); // a disc
  assert.ok(width(63, 60).length - width(54, 60).length >= 6); // wide below, narrow above
});

test("a run without domains is painted as before", () => {
  const plain = makeRun({ k: 2, class_names: ["a", "b"] }, Uint8Array.of(0, 1), null);
  assert.deepEqual([plain.domains, plain.domainNames], [null, []]);
  assert.equal(makeStamps(plain, [[0, 0, 0], [9, 9, 9]], [0, 0, 0], 3, 1, 40).start.length, 9);
  assert.equal(m.hasMirror({ frames: [frame(1)] }), false);
});

test("curves and findings of a file come frame by frame", () => {
  const data = { curves: { a: [1, null] }, findings: [{ name: "x", frame: 1 }] };
  assert.deepEqual(m.besideInFile(data, 0), { curves: { a: 1 }, findings: [] });
  assert.deepEqual(m.besideInFile(data, 1).findings, [{ name: "x", frame: 1 }]);
  assert.deepEqual(m.besideInFile({}, 0), { curves: {}, findings: [] });
});

test("curves leave out what was not measured, findings come newest first", () => {
  assert.deepEqual(m.curveSeries(run, "λ"), [
    [10, 0.1],
    [30, 0.3],
  ]);
  assert.deepEqual(m.curveSeries(run, "λ", 1), [[10, 0.1]]);
  assert.deepEqual(
    m.findingsUntil(run, 2).map((f) => [f.name, f.step]),
    [
      ["three", 30],
      ["two", 30],
      ["one", 20],
    ],
  );
  assert.equal(m.findingsUntil(run, 0).length, 0);
});

const corners = [
  [0, 0],
  [10, 1],
  [20, 0.5],
  [30, 0.5],
];
test("between corners a schedule is a straight line, as in Python's Plan.at", () => {
  assert.deepEqual(
    [0, 5, 10, 15, 30].map((n) => m.valueAt(corners, n)),
    [0, 0.5, 1, 0.75, 0.5],
  );
});

test("only corners still to come are taken", () => {
  const far = (c) => Math.abs(c[0] - 9);
  assert.equal(m.nearestCorner(corners, 0, far), 1);
  assert.equal(m.nearestCorner(corners, 11, far), 2);
  assert.equal(m.nearestCorner(corners, 31, far), -1);
});

test("a moved corner stays between its neighbors, ahead of the training and in range", () => {
  const about = { now: 12, total: 30, most: 2 };
  const moved = (i, to, more) => m.moveCorner(corners, i, to, { ...about, ...more });
  assert.deepEqual(moved(2, [25, 1.5])[2], [25, 1.5]);
  assert.deepEqual(moved(2, [5, 9])[2], [12, 2]);
  assert.deepEqual(moved(2, [99, -1])[2], [30, 0]);
  assert.deepEqual(moved(3, [7, 0.1])[3], [30, 0.1]); // the last one stays at the end
  assert.deepEqual(moved(2, [20, 2], { rest: true }).slice(1), [
    [10, 1],
    [20, 2],
    [30, 2],
  ]);
  assert.deepEqual(corners[2], [20, 0.5]);
});

test("step and value to pixels and back", () => {
  const { at, from } = planPlace(planBox(300, 100), 30, 2);
  const [x, y] = at([12, 0.5]);
  from(x, y).forEach((v, i) => assert.ok(Math.abs(v - [12, 0.5][i]) < 1e-9));
});

test("only charts with a curve are drawn, and their words are those of the frame", () => {
  const places = chartPlaces(run, 400, 100);
  assert.deepEqual(
    places.map((p) => p.chart.title),
    ["accuracy"],
  );
  assert.equal(chartWords(places[0].chart, run, 1), "target 30 · source 70 %");
});

test("a narrow chart says its name in brief, a very narrow one only its values", () => {
  const frame = { step: 0, curves: { "proxy A-distance": 0.073 } };
  const said = (w) => {
    const words = [];
    const more = { measureText: (text) => ({ width: 6 * text.length }), fillText: (text) => words.push(text) };
    const ctx = new Proxy(more, { get: (it, name) => it[name] ?? (() => {}), set: () => true });
    drawCharts(ctx, w, 60, { frames: [frame], total: 9 }, 0, { theme: {}, font: "" });
    return words.filter(Boolean);
  };
  assert.deepEqual(said(200), ["proxy A-distance", "0.073"]);
  assert.deepEqual(said(100), ["proxy A", "0.073"]);
  assert.deepEqual(said(60), ["0.073"]);
});
