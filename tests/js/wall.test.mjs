// The wall's orders, words and moments.
import assert from "node:assert/strict";
import test from "node:test";
import * as o from "../../page/wall/order.js";
import { momentAt } from "../../page/wall/preview.js";

const tile = (name, more = {}) => ({
  name, run: "softmax", recipe: {}, center: 50, linear: 50, when: 0, findings: [], loss: 1, ...more,
});
const names = (tiles, order) => o.sorted(tiles, order).map((i) => tiles[i].name);

test("by name, numbers as numbers", () => {
  const tiles = ["b", "a10", "a9", "Z", "é"].map((n) => tile(n));
  assert.deepEqual(names(tiles, "name"), ["a9", "a10", "b", "é", "Z"]);
});

test("by accuracy: the best first, the unknown last, equal ones by name", () => {
  const tiles = [tile("c", { center: null }), tile("b", { center: 0 }), tile("d", { center: 91 }), tile("a", { center: 91 })];
  assert.deepEqual(names(tiles, "center"), ["a", "d", "b", "c"]);
});

test("each order looks at its own number", () => {
  const tiles = [tile("a", { linear: 90, center: 10, when: 1 }), tile("b", { linear: 10, center: 90, when: 2, findings: [{ name: "x" }] })];
  const first = Object.fromEntries(Object.keys(o.ORDERS).map((order) => [order, names(tiles, order)[0]]));
  assert.deepEqual(first, { name: "a", center: "b", linear: "a", findings: "b", newest: "b" });
});

test("what a student changed is what differs from most", () => {
  const recipe = (lr, clip) => ({ recipe: { loss: "dda", lr, clip, data: null } });
  const tiles = [tile("a", recipe(0.05, 5)), tile("b", recipe(0.2, 5)), tile("c", recipe(0.05, null)), tile("d", { recipe: {} })];
  const changed = o.changes(tiles);
  assert.deepEqual(changed, [{}, { lr: "0.2" }, { clip: "none" }, {}]);
  assert.equal(o.runText(tiles[1], { ...changed[1], lam: "1" }), "softmax · lr 0.2"); // λ is in the name
  assert.equal(o.runText(tile("e", { run: "" }), {}), "a run without a name");
});

test("a setting named like something every object has", () => {
  const changed = o.changes([tile("a", { recipe: JSON.parse('{"__proto__": 1, "constructor": 2}') }), tile("b", { recipe: {} })]);
  assert.equal(changed.length, 2);
});

test("words", () => {
  assert.deepEqual([88.31, 0, null].map(o.perCent), ["88 %", "0 %", "–"]);
  assert.deepEqual([1234.5, 0.0395, null].map((loss) => o.lossText({ loss })), ["1230", "0.0395", "not finite"]);
  assert.deepEqual([0, 1, 2].map((n) => o.counted(n, "run", "runs")), ["0 runs", "1 run", "2 runs"]);
  assert.equal(o.findingsText(tile("a")), "no findings");
  assert.equal(o.findingsText(tile("a", { findings: [{ name: "x" }, { name: "y" }] })), "x · y");
});

test("a curve falls from the upper left to the lower right; a missing value breaks it", () => {
  assert.equal(o.outline([3, 2, 1], 60, 16), "M0.0 0.0L30.0 8.0L60.0 16.0");
  assert.equal(o.outline([3, null, 1], 60, 16), "M0.0 0.0M60.0 16.0");
  assert.equal(o.outline([2], 60, 16), "M0.0 16.0");
  assert.equal(o.outline([null], 60, 16), "");
});

test("playing goes from the first frame to the last, rests, and begins again", () => {
  assert.deepEqual(momentAt(0, 10), { i: 0, t: 0 });
  assert.deepEqual(momentAt(2250, 3), { i: 1, t: 0 });
  assert.deepEqual(momentAt(6000, 10), { i: 8, t: 1 }); // the last frame
  assert.deepEqual(momentAt(6300, 10), { i: 0, t: 0 });
  assert.deepEqual(momentAt(3000, 1), { i: 0, t: 0 });
});
