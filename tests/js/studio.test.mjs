// The desk: what it asks the kernel for, and when.
import assert from "node:assert/strict";
import test, { beforeEach, mock } from "node:test";
import { Desk, meanOf, nextRough, SIZES } from "../../page/studio/desk.js";
import { shifted } from "../../page/studio/face.js";

globalThis.ImageData = class {
  constructor(w, h) {
    this.data = new Uint8ClampedArray(4 * w * h);
  }
};
globalThis.document = {
  createElement: () => ({
    setAttribute() {},
    append() {},
    getContext: () => ({ putImageData() {} }),
  }),
};
globalThis.matchMedia = () => ({ matches: true }); // no motion: an expression is there at once

const ACTIONS = ["AU1", "AU12", "AU26"].map((au) => ({ au, name: au, muscle: "" }));
const state = (more = {}) => ({
  au: [
    [0, 0, 0],
    [0, 0, 0],
  ],
  split: false,
  person: 9,
  look: {},
  domain: "lab_color",
  photo: 0,
  turn: [0, 0],
  lamp: [0, 0],
  shown: {},
  ...more,
});
let desk, sent;
const asks = () => sent.filter((m) => m.type === "set");
const picture = (size) => [new DataView(new ArrayBuffer(3 * size * size))];
const answer = (more = {}) => {
  const { seq, size, page, state: wanted } = asks().at(-1);
  desk.hear(
    { type: "frame", page, seq, size, state: { ...wanted, shown: {} }, ...more },
    picture(size),
  );
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  sent = [];
  desk = new Desk((message) => sent.push(message));
});

function greet() {
  desk.hear(
    { type: "hello", state: state(), actions: ACTIONS, emotions: [], compounds: [], domains: [] },
    [],
  );
  answer();
}

test("the page calls until the kernel greets it, then asks for the finished picture", () => {
  assert.deepEqual(
    sent.map((m) => m.type),
    ["ready"],
  );
  mock.timers.tick(3000);
  assert.deepEqual(
    sent.map((m) => m.type),
    ["ready", "ready"],
  );
  greet();
  mock.timers.tick(9000);
  assert.deepEqual(
    sent.map((m) => m.type),
    ["ready", "ready", "set", "pictures"],
  );
  assert.deepEqual([asks()[0].size, asks()[0].samples, desk.busy, desk.frames], [224, 2, false, 1]);
});

test("one request is under way at a time, then the newest is asked for, then all", () => {
  greet();
  for (let i = 1; i <= 20; i++) desk.setAction(1, null, i / 20);
  assert.equal(asks().length, 2); // the first from rest is a finished one
  assert.deepEqual([asks()[1].samples, asks()[1].state.au[0][1]], [2, 0.05]);
  answer();
  assert.deepEqual([asks().length, asks()[2].samples, asks()[2].state.au[0][1]], [3, 1, 1]);
  answer();
  assert.equal(asks().length, 3);
  mock.timers.tick(150);
  assert.deepEqual([asks().length, asks()[3].samples, asks()[3].size], [4, 2, 224]);
  assert.equal(desk.busy, true);
  answer();
  mock.timers.tick(5000);
  assert.deepEqual([asks().length, desk.busy], [4, false]);
});

test("answers to others and old answers are not taken for ours", () => {
  greet();
  desk.setAction(1, null, 1);
  answer({ seq: 999 });
  assert.ok(desk.waiting && desk.frames === 1);
  desk.hear(
    { type: "frame", page: -1, seq: 1, size: 80, state: state({ domain: "wild_gray" }) },
    picture(80),
  );
  assert.deepEqual([desk.state.domain, desk.frames, desk.waiting > 0], ["wild_gray", 2, true]);
});

test("an error is kept until the next picture, and the desk goes on", () => {
  greet();
  desk.set({ domain: "mars" });
  desk.hear({ type: "error", page: desk.page, seq: desk.waiting, text: "domain: expected …" }, []);
  assert.deepEqual([desk.error, desk.waiting], ["domain: expected …", 0]);
  mock.timers.tick(150);
  desk.set({ domain: "lab_color" });
  answer();
  assert.equal(desk.error, "");
});

test("sides move alone or together, within their limits; joined they meet in the middle", () => {
  greet();
  desk.split(true);
  desk.setAction(1, 0, 9);
  assert.deepEqual(desk.state.au, [
    [0, 1.3, 0],
    [0, 0, 0],
  ]);
  desk.setAction(2, null, -1);
  assert.deepEqual(desk.state.au, [
    [0, 1.3, 0],
    [0, 0, 0],
  ]);
  desk.split(false);
  assert.deepEqual(desk.state.au, [
    [0, 0.65, 0],
    [0, 0.65, 0],
  ]);
  assert.deepEqual(
    meanOf([
      [1, 2],
      [3, 2],
    ]),
    [2, 2],
  );
});

test("an expression that was drawn is named until a slider moves", () => {
  greet();
  const au = [
    [0.2, 0, 0],
    [0.4, 0, 0],
  ];
  desk.hear({ type: "drawn", page: desk.page, emotion: "surprise", au }, []);
  assert.equal(desk.expression, "surprise");
  assert.ok(Math.abs(desk.state.au[0][0] - 0.3) < 1e-12);
  desk.setAction(0, null, 0.1);
  assert.equal(desk.expression, "");
  desk.relax();
  assert.deepEqual(desk.state.au, [
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test("the desk is busy from the click on an expression to its finished picture", () => {
  greet();
  desk.draw("surprise", false);
  assert.deepEqual([sent.at(-1).type, desk.busy], ["draw", true]);
  desk.hear({ type: "drawn", page: desk.page, emotion: "surprise", au: state({}).au }, []);
  answer();
  assert.equal(desk.busy, true);
  mock.timers.tick(150);
  answer();
  assert.equal(desk.busy, false);
  desk.draw("nonsense", false);
  desk.hear({ type: "error", page: desk.page, text: "emotion: expected …" }, []);
  assert.equal(desk.busy, false);
});

test("the action that acts most is explained, with finished pictures only", () => {
  greet();
  desk.explainNow(true);
  assert.equal(desk.explain, "AU12");
  mock.timers.tick(150);
  assert.deepEqual([asks().at(-1).explain, asks().at(-1).samples], ["AU12", 2]);
  answer();
  for (const v of [0.5, 1]) desk.setAction(2, null, v);
  answer();
  assert.deepEqual([desk.explain, asks().at(-1).explain, asks().at(-1).samples], ["AU26", null, 1]);
});

test("rough pictures are as large as they come quickly", () => {
  assert.deepEqual(
    [20, 60, 200].map((ms) => SIZES[nextRough(1, ms)]),
    [160, 112, 80],
  );
  assert.deepEqual([nextRough(0, 500), nextRough(3, 1)], [0, 3]);
});

test("head and light turn with the mouse, up and down in their own sense, within limits", () => {
  assert.deepEqual(shifted("turn", [0, 0], 0.5, 0.25), [0.5, 0.25]);
  assert.deepEqual(shifted("lamp", [0, 0], 0.5, 0.25), [0.5, -0.25]);
  assert.deepEqual(shifted("turn", [0, 0], 9, 9), [1.2, 0.7]);
  assert.deepEqual(shifted("lamp", [0, 0], -9, 9), [-1.2, -1.2]);
});
