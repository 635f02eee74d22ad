import assert from "node:assert/strict";
import test from "node:test";
import * as n from "../../page/numbers.js";

const RANGES = [
  [0, 1],
  [-3e5, 7e5],
  [1e-9, 4e-9],
  [-1, -0.2],
  [12, 12.5],
  [0, 50_000],
];

test("ticks are inside, evenly spaced and round", () => {
  for (const [lo, hi] of RANGES)
    for (const count of [2, 4, 6.3, 10]) {
      const t = n.ticks(lo, hi, count),
        step = t[1] - t[0];
      assert.ok(t.length > 1 && t.length <= 2.6 * count + 1, `${lo} ${hi} ${count}: ${t}`);
      for (const v of t) assert.ok(v >= lo - 1e-9 * step && v <= hi + 1e-9 * step);
      t.slice(1).forEach((v, i) => assert.ok(Math.abs(v - t[i] - step) < 1e-6 * step));
      const digit = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
      assert.ok(
        [1, 2, 5, 10].some((d) => Math.abs(digit - d) < 1e-6),
        `step ${step}`,
      );
    }
});

test("there are no ticks without a range", () => {
  for (const [lo, hi] of [
    [1, 1],
    [2, 1],
    [NaN, 1],
    [0, Infinity],
  ])
    assert.deepEqual(n.ticks(lo, hi, 5), []);
});

test("ticks of a log scale are 1, 2, 5 times powers of ten, or those alone", () => {
  const close = (a, b) => {
    assert.equal(a.length, b.length, String(a));
    a.forEach((v, i) => assert.ok(Math.abs(v / b[i] - 1) < 1e-12));
  };
  close(n.logTicks(0.9, 11, 9), [1, 2, 5, 10]);
  close(n.logTicks(0.001, 1000, 7), [0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  close(n.logTicks(0.001, 1000, 4), [0.001, 0.1, 10, 1000]);
  close(n.logTicks(1.1, 9, 3), [2, 5]);
});

test("tick labels are short and never cut", () => {
  const said = { 0: "0", 12: "12", 0.25: "0.25", "-1.5": "−1.5", 1e5: "1e5", 0.0001: "1e−4" };
  for (const [v, text] of Object.entries(said)) assert.equal(n.short(Number(v)), text);
  assert.equal(n.short(0.1 + 0.2), "0.3");
  assert.equal(n.short(-2.5e7), "−3e7");
});

test("whole numbers, percent and mean in words", () => {
  assert.deepEqual([7, 1234.6, 9999999].map(n.whole), ["7", "1,235", "9,999,999"]);
  assert.deepEqual([0, 0.456, 1, NaN].map(n.percent), ["0 %", "46 %", "100 %", "–"]);
  assert.equal(n.mean([1, NaN, 3]), 2);
  assert.ok(Number.isNaN(n.mean([NaN])) && Number.isNaN(n.mean([])));
});

test("colors are read, blended and packed", () => {
  assert.deepEqual(n.rgb("#3f90da"), [63, 144, 218]);
  assert.deepEqual(n.blend([0, 100, 200], [100, 0, 200], 0.25), [25, 75, 200]);
  assert.equal(n.css([1, 2, 3], 0.5), "rgba(1,2,3,0.5)");
  assert.deepEqual(
    [...new Uint8Array(new Uint32Array([n.pack([1, 2, 3])]).buffer)],
    [1, 2, 3, 255],
  );
  assert.ok(n.luminance([255, 255, 255]) === 1 && n.luminance([0, 0, 0]) === 0);
});
