// The player's clock and words, the charts' layout.
import assert from "node:assert/strict";
import test from "node:test";
import { curveNames, drawBars, drawCurves, lossRange } from "../../page/theatre/charts.js";
import { Clock } from "../../page/theatre/clock.js";
import { press } from "../../page/theatre/keys.js";
import { differs } from "../../page/theatre/settings.js";
import { Store, statusText } from "../../page/theatre/store.js";
import { THEMES } from "../../page/theatre/theme.js";

test("a replay goes on at twelve frames a second and ends at the newest, which it follows", () => {
  const clock = new Clock();
  clock.go(0, 24);
  clock.playing = true;
  assert.equal(clock.advance(0.5, 24, 8, false), true);
  assert.equal(clock.pos, 6);
  clock.speed = 2;
  assert.equal(clock.advance(0.5, 24, 8, false), true);
  assert.equal(clock.pos, 18);
  assert.equal(clock.advance(1, 24, 8, false), false);
  assert.deepEqual([clock.pos, clock.playing, clock.follow], [24, false, true]);
});

test("following moves towards the newest, never past it; far behind it leaps", () => {
  const clock = new Clock();
  for (let i = 0, before = 0; clock.advance(1 / 60, 5, 8, false); i++, before = clock.pos)
    assert.ok(clock.pos > before && clock.pos < 5 && i < 200);
  assert.equal(clock.pos, 5);
  clock.advance(1 / 60, 50, 8, false);
  assert.equal(clock.pos, 48);
  clock.advance(1 / 60, 90, 8, true);
  assert.equal(clock.pos, 90);
});

test("a clock that neither plays nor follows rests", () => {
  const clock = new Clock();
  clock.go(3, 10);
  assert.deepEqual([clock.follow, clock.advance(1, 10, 8, false), clock.pos], [false, false, 3]);
  clock.go(Infinity, 10);
  assert.deepEqual([clock.follow, clock.advance(1, 10, 8, false), clock.pos], [true, false, 10]);
  clock.go(-4, 10);
  assert.deepEqual([clock.pos, clock.follow], [0, false]);
});

function live(status) {
  const store = new Store({ live: true });
  store.status = { ...store.status, done: false, ...status };
  return store;
}

test("what the training does, in words", () => {
  const say = (status, follow = true) => statusText(live(status), 0, null, follow);
  assert.equal(say({ running: true }), "training");
  assert.equal(say({ running: true }, false), "training, showing an earlier frame");
  assert.equal(say({ error: "x", stopped: true }), "stopped by an error");
  assert.equal(say({ stopped: true }), "stopped");
  assert.equal(say({ done: true }), "finished");
  assert.equal(say({ note: "paused: nobody is watching" }), "paused: nobody is watching");
  assert.equal(say({}), "paused");
  assert.equal(statusText(new Store({}), 0, null, true), "");
});

test("a kernel that does not answer is waited for, and missed", () => {
  const store = live({ running: true });
  assert.equal(statusText(store, 1000, 500, true), "training");
  assert.equal(statusText(store, 1200, 500, true), "waiting for the kernel …");
  store.heard = 1000;
  assert.equal(statusText(store, 10_900, null, true), "training");
  assert.equal(statusText(store, 11_100, null, true), "no news from the kernel");
  assert.deepEqual([store.silent(10_900), store.silent(11_100)], [false, true]);
  assert.equal(live({}).silent(99_999), false);
});

test("the rate of arrival is smoothed and bounded", () => {
  const store = new Store({});
  store.arrive(1000);
  assert.equal(store.rate, 8);
  store.arrive(1000);
  assert.equal(store.rate, 8 + 0.2 * (60 - 8));
  store.arrive(1e9);
  assert.ok(store.rate > 0.3 && store.rate < 18.4);
});

test("a control differs from what runs by more than rounding", () => {
  assert.ok(!differs("slider", 0.1 + 0.2, 0.3) && differs("slider", 0.3, 0.35));
  assert.ok(!differs("choice", "dda", "dda") && differs("choice", "dda", "center"));
  assert.ok(!differs("slider", 1, undefined));
});

test("keys do what the room says, and leave others alone", () => {
  const done = [],
    setting = { tagName: "INPUT", type: "range" },
    doing = (name) => (v) => done.push([name, v]);
  const view = {
    settings: { owns: (e) => e === setting },
    clock: { pos: 4.5 },
    legend: { toggle: doing("class") },
    ...Object.fromEntries(["toggle", "forward", "go", "stop", "restart"].map((n) => [n, doing(n)])),
  };
  const div = { tagName: "DIV" },
    scrub = { tagName: "INPUT", type: "range" };
  const act = (key, target = div) => {
    done.length = 0;
    return [press(view, { key, target }), ...done];
  };
  assert.deepEqual(act(" "), [true, ["toggle", undefined]]);
  assert.deepEqual(act(" ", { tagName: "BUTTON" }), [false]);
  assert.deepEqual(act(" ", scrub), [true, ["toggle", undefined]]);
  assert.deepEqual(act("ArrowLeft", scrub), [true, ["go", 4]]);
  assert.deepEqual(act("ArrowRight", setting), [false]);
  assert.deepEqual(act("Home", setting), [false]);
  assert.deepEqual(act("Enter", setting), [true, ["restart", undefined]]);
  assert.deepEqual(act("Enter"), [false]);
  assert.deepEqual(act("End"), [true, ["go", Infinity]]);
  assert.deepEqual(act("7"), [true, ["class", 7]]);
  assert.deepEqual(act("s", { tagName: "SELECT" }), [false]);
  assert.deepEqual(act("x"), [false]);
});

// ---- charts
const frames = (...losses) => losses.map((l, i) => ({ step: 10 * i, losses: l }));
const chart = (lossNames, ...losses) => ({ lossNames, total: 0, frames: frames(...losses) });

test("one term of a loss is the total, under its own name; at most five are drawn", () => {
  assert.deepEqual(curveNames(chart(["center", "total"])), { names: ["total"], title: "center" });
  assert.deepEqual(curveNames(chart(["a", "b", "total"])).names, ["total", "a", "b"]);
  assert.deepEqual(curveNames(chart(["a"])), { names: ["a"], title: "a" });
  assert.equal(curveNames(chart([..."abcdefg"])).names.length, 5);
});

test("the range of the losses has some room, and a log scale where they differ by far", () => {
  const range = (...v) => lossRange(chart(["t"], ...v.map((t) => ({ t }))), ["t"]);
  assert.equal(range(NaN, null, undefined), null);
  assert.deepEqual(range(1, 100), { lo: 1 / 1.2, hi: 120, log: true });
  assert.deepEqual(range(1, 10), { lo: 0, hi: 10.54, log: false });
  assert.equal(range(0, 100).log, false);
  const flat = range(5, 5);
  assert.ok(flat.lo < 5 && flat.hi > 5);
  const below = range(-2, 1);
  assert.ok(below.lo < -2 && below.hi > 1);
});

/** A context that writes down what is drawn. */
function paper() {
  const texts = [],
    rects = [],
    lines = [];
  const ctx = {
    clearRect() {},
    setLineDash() {},
    beginPath() {},
    stroke() {},
    arc() {},
    fill() {},
    strokeRect() {},
    moveTo: (x, y) => lines.push([x, y]),
    lineTo: (x, y) => lines.push([x, y]),
    fillText: (text, x, y) => texts.push({ text, x, y }),
    fillRect: (x, y, w, h) => rects.push({ x, y, w, h }),
  };
  return { ctx, texts, rects, lines };
}

test("bars are as high as the recall and named below; what is not finite has none", () => {
  const { ctx, rects, texts } = paper(),
    run = { k: 3, names: ["0", "1", "angry"], minority: new Set([1]) };
  drawBars(
    ctx,
    300,
    100,
    run,
    [1, NaN, 0.5],
    [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ],
    THEMES.light,
    "11px x",
  );
  assert.deepEqual(
    rects.map((r) => [r.y, r.h]),
    [
      [7, 76],
      [45, 38],
    ],
  );
  assert.deepEqual(
    texts.map((t) => t.text),
    ["0", "50", "100", "0", "1†", "2"],
  );
});

test("curves stay inside, their names do not cover one another", () => {
  const { ctx, texts, lines } = paper(),
    names = ["total", "center", "quite_a_long_name"];
  const run = chart(
    names,
    ...[1, 2, 3].map((v) => ({ total: v, center: v, quite_a_long_name: v })),
  );
  const map = drawCurves(ctx, 300, 120, run, 1.5, THEMES.light, "11px x");
  assert.deepEqual(map, { left: 40, right: 62, last: 20, log: false });
  for (const [x, y] of lines) assert.ok(x >= 40 && x <= 238 && y >= 4 && y <= 93, `${x} ${y}`);
  const ends = texts.filter((t) => t.x === 300 - 62 + 6);
  assert.deepEqual(ends.map((t) => t.text).sort(), ["center", "quite_a_…", "total"]);
  ends.slice(1).forEach((t, i) => assert.ok(t.y - ends[i].y >= 11));
  assert.ok(ends.at(-1).y <= 93);
  assert.ok(texts.some((t) => t.text === "step"));
});

test("a run without a finite loss still has its axis", () => {
  const { ctx, texts } = paper(),
    run = { ...chart(["total"], { total: NaN }, { total: null }), total: 90 };
  assert.deepEqual(drawCurves(ctx, 300, 120, run, 0, THEMES.dark, "x"), {
    left: 40,
    right: 62,
    last: 90,
    log: false,
  });
  assert.ok(texts.length > 2);
});
