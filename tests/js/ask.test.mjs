// What the page says about one point.
import assert from "node:assert/strict";
import test from "node:test";
import * as a from "../../page/theatre/ask_data.js";

const frame = (xy, more = {}) => ({
  xy: Int16Array.from(xy),
  scale: 32767,
  centers: null,
  marks: Float32Array.of(0, 0, 10, 0),
  head: Float32Array.of(0, 0, 1, 0), // class 1 where x + bias > 0
  bias: Float32Array.of(0, -8),
  ...more,
});
const frames = [frame([0, 0, 1, 0, 9, 0, 4, 0]), frame([0, 0, 2, 0, 9, 0, 7, 0])];
const run = { k: 2, n: 4, labels: Uint8Array.of(0, 0, 1, 1), counts: [40, 4], frames };

test("a point is where its frame says", () => {
  assert.deepEqual(a.positionOf(frame([3, -2], { scale: 65534 }), 0), [6, -4]);
});

test("every readout that there is reads it", () => {
  const read = (r, f, i) => a.readings(r, f, i).map(({ guess, right }) => [guess, right]);
  assert.deepEqual(read(run, frames[1], 3), [
    [0, false], // 7 − 8 < 0
    [1, true], // − log 4 against − log 40: 7 − 8 + 2.3 > 0
    [1, true], // nearer to 10 than to 0
  ]);
  assert.equal(a.readings({ ...run, counts: null }, frames[1], 3).length, 2);
  assert.equal(a.readings(run, frame([0, 0], { head: null }), 0).length, 1);
});

test("the nearest others first", () => {
  assert.deepEqual(a.neighbors(run, frames[1], 0), [1, 3, 2]);
  assert.deepEqual(a.neighbors(run, frames[1], 3, 1), [2]);
});

test("its way ends in the frame that is shown", () => {
  assert.deepEqual(a.wayOf(run, 3, 1), [
    [4, 0],
    [7, 0],
  ]);
  assert.equal(a.wayOf(run, 3, 0).length, 1);
});

test("the next misread point, hidden classes left out", () => {
  assert.equal(a.nextMisread(run, frames[1], -1, [0, 0]), 3);
  assert.equal(a.nextMisread(run, frames[1], 3, [0, 0]), 3);
  assert.equal(a.nextMisread(run, frames[1], -1, [0, 1]), -1);
});

test("arrows have one scale, y upwards, and the longest has the wanted length", () => {
  const all = a.arrowsOf({ forces: { softmax: [3, 4], center: [0, -1] }, sum: [3, 3] }, 50);
  assert.deepEqual(
    all.map(({ name, length }) => [name, Number(length.toFixed(3))]),
    [
      ["softmax", 5],
      ["center", 1],
      ["sum", 4.243],
    ],
  );
  assert.deepEqual([all[0].dx, all[0].dy, all[1].dy], [30, -40, 10]);
});
