// The player's clock and words, the charts' layout.
import assert from "node:assert/strict";
import test from "node:test";
import { curveNames, drawBars, drawCurves, lossRange, wantsLog } from "../../page/theatre/charts.js";
import { Clock } from "../../page/theatre/clock.js";
import { declutter } from "../../page/theatre/declutter.js";
import { sizes } from "../../page/theatre/fit.js";
import { press } from "../../page/theatre/keys.js";
import { placed } from "../../page/theatre/lesson.js";
import { around } from "../../page/theatre/paint.js";
import { differs, Settings } from "../../page/theatre/settings.js";
import { emptyText, Store, statusText } from "../../page/theatre/store.js";
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

test("an empty picture says what to do, or what it waits for", () => {
  assert.equal(emptyText(live({})), "press Play to begin");
  for (const status of [{ running: true }, { stopped: true }, { done: true }])
    assert.equal(emptyText(live(status)), "waiting for the first frame …");
});

test("a kernel that does not answer is waited for, and missed", () => {
  const store = live({ running: true });
  assert.equal(statusText(store, 1000, 500, true), "training");
  assert.equal(statusText(store, 1200, 500, true), "waiting for the kernel …");
  store.unanswered = 1000;
  assert.equal(statusText(store, 10_900, null, true), "training");
  assert.equal(statusText(store, 11_100, null, true), "no news from the kernel");
  assert.deepEqual([store.silent(10_900), store.silent(11_100)], [false, true]);
  store.status.running = false;
  const silence = "the kernel does not answer: it is busy, or gone";
  assert.equal(statusText(store, 11_100, null, true), silence);
  assert.equal(live({}).silent(99_999), false);
});

test("a kernel that is gone is said in words, and nothing can be asked of it", () => {
  const store = live({ running: true });
  assert.deepEqual([store.training, store.trainable], [true, true]);
  store.gone = true;
  assert.deepEqual([store.training, store.trainable], [false, false]);
  assert.equal(statusText(store, 0, -9999, true), "The kernel is gone: run the cell again");
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
    dismiss: () => false,
    ...Object.fromEntries(["toggle", "forward", "go", "sure"].map((n) => [n, doing(n)])),
  };
  const div = { tagName: "DIV" },
    scrub = { tagName: "INPUT", type: "range" };
  const act = (key, target = div) => {
    done.length = 0;
    return [press(view, { key, target }), ...done];
  };
  assert.deepEqual(act(" "), [true, ["toggle", undefined]]);
  for (const tagName of ["BUTTON", "SELECT", "A"]) // whatever has the focus
    assert.deepEqual(act(" ", { tagName }), [true, ["toggle", undefined]]);
  assert.deepEqual(act(" ", { tagName: "INPUT", type: "checkbox" }), [true, ["toggle", undefined]]);
  for (const letters of [{ tagName: "TEXTAREA" }, { tagName: "INPUT", type: "text" }])
    assert.deepEqual([act(" ", letters), act("s", letters)], [[false], [false]]);
  assert.deepEqual([act("s"), act("r")], [
    [true, ["sure", "stop"]],
    [true, ["sure", "restart"]],
  ]);
  assert.deepEqual(act("Escape"), [false]);
  assert.deepEqual(act(" ", scrub), [true, ["toggle", undefined]]);
  assert.deepEqual(act("ArrowLeft", scrub), [true, ["go", 4]]);
  assert.deepEqual(act("ArrowRight", setting), [false]);
  assert.deepEqual(act("Home", setting), [false]);
  assert.deepEqual(act("Enter", setting), [true, ["sure", "restart"]]);
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

test("the range of the losses has some room; the kind of axis is the reader's", () => {
  const run = (...v) => chart(["t"], ...v.map((t) => ({ t })));
  const range = (...v) => lossRange(run(...v), ["t"], false),
    log = (...v) => lossRange(run(...v), ["t"], true);
  assert.equal(range(NaN, null, undefined), null);
  assert.deepEqual(log(1, 100), { lo: 1 / 1.2, hi: 120, log: true });
  assert.deepEqual(log(0, 3, 100), { lo: 3 / 1.2, hi: 120, log: true });
  assert.equal(log(-2, -1).log, false);
  assert.deepEqual(range(1, 100), { lo: 0, hi: 105.94, log: false });
  assert.deepEqual(range(1, 10), { lo: 0, hi: 10.54, log: false });
  assert.deepEqual([wantsLog(run(1, 100)), wantsLog(run(1, 10))], [true, false]);
  assert.deepEqual([wantsLog(run(0, 100)), wantsLog(run(NaN))], [false, false]);
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

// ---- the theatre fits
test("pictures, charts and bar fill the height there is, one to four panels", () => {
  for (const [width, height] of [
    [832, 540],
    [1450, 800],
    [1220, 560],
  ])
    for (const panels of [2, 3, 4]) {
      const s = sizes(width, height, panels);
      assert.deepEqual([s.columns, s.beside], [panels, false]);
      assert.ok(s.stage + s.plot + s.tall <= height, `${width} ${height} ${panels}`);
      assert.ok(s.stage >= 190 && s.stage <= s.wide && s.plot >= 62 && s.tall >= 84);
    }
  const wide = sizes(1450, 800, 3),
    narrow = sizes(832, 540, 3);
  assert.ok(wide.stage > 1.6 * narrow.stage);
});

test("one panel has its charts beside it; on a telephone all stands in one column", () => {
  const one = sizes(832, 560, 1);
  assert.equal(one.beside, true);
  assert.ok(one.stage <= 560 && one.plot + one.tall <= one.stage && one.wide < 0.7 * 832);
  const phone = sizes(340, 600, 3);
  assert.deepEqual([phone.columns, phone.beside, phone.stage], [1, false, 340]);
  assert.equal(sizes(500, 600, 4).columns, 2);
  assert.deepEqual(sizes(500, 600, 0).columns, 1);
});

// ---- labels, scales
test("labels that cover one another go aside, the rest stay", () => {
  const at = (x, y) => ({ x, y }),
    labels = declutter([at(0, 0), at(3, 0), at(100, 0), null, at(0, 0)], 17);
  assert.equal(labels[3], null);
  assert.ok(Math.hypot(labels[2].dx, labels[2].dy) < 0.01);
  const shown = labels.filter(Boolean);
  shown.forEach((a, i) =>
    shown.slice(0, i).forEach((b) => {
      const d = Math.hypot(a.x + a.dx - b.x - b.dx, a.y + a.dy - b.y - b.dy);
      assert.ok(d > 15, `${d}`);
    }),
  );
  const again = declutter([at(0, 0), at(3, 0), at(100, 0), null, at(0, 0)], 17, labels);
  assert.ok(Math.hypot(again[0].dx - labels[0].dx, again[0].dy - labels[0].dy) < 4); // no jump
  const gone = declutter([at(0, 0)], 17, labels);
  assert.ok(Math.hypot(gone[0].dx, gone[0].dy) < Math.hypot(labels[0].dx, labels[0].dy));
});

test("more labels than can be read are left where they are", () => {
  const many = Array.from({ length: 60 }, () => ({ x: 5, y: 5 }));
  assert.ok(declutter(many, 17).every((l) => l.dx === 0 && l.dy === 0));
});

test("one scale for all holds every box", () => {
  const boxes = [
    [-1, 2, -5, 1],
    [-3, 1, -2, 4],
  ];
  assert.deepEqual(around(boxes), [-3, 2, -5, 4]);
});

// ---- settings
test("a surprise's settings go to all, those of panels to the one that is nearest to them", () => {
  const now = { values: { lam: 1, lr: 0.05 }, panels: [{ loss: "softmax" }, { loss: "dda" }, { loss: "center" }] };
  const dda = placed(now, { loss: "dda", lam: 0.01 });
  assert.deepEqual(dda.values, { lam: 0.01, lr: 0.05 });
  assert.deepEqual(dda.panels, now.panels);
  const island = placed(now, { loss: "island" });
  assert.deepEqual(island.panels.map((p) => p.loss), ["softmax", "dda", "island"]);
  assert.equal(now.values.lam, 1);
});

test("a control is shown where some panel has a use for it", () => {
  const control = (name) => ({ name });
  const entries = (...losses) => losses.map((v) => ({ control: control("loss"), get: () => v }));
  const used = (entries, used) => Settings.prototype.isUsed.call({ entries }, { used });
  assert.ok(used(entries("softmax", "dda"), { loss: ["dda"] }));
  assert.ok(!used(entries("softmax", "center"), { loss: ["dda"] }));
  assert.ok(used(entries("softmax"), undefined) && used(entries("softmax"), null));
});
