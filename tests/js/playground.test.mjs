// The page that trains: its order, settings, frames and digits; and a race with workers that only count.
import assert from "node:assert/strict";
import test from "node:test";
import { digitsOf, toInput } from "../../page/playground/files.js";
import { Kernel } from "../../page/playground/kernel.js";
import { encodeRun, movie } from "../../page/playground/movie.js";
import { batch, random, rate, shuffled, subset } from "../../page/playground/order.js";
import { decodeRun } from "../../page/theatre/run.js";
import { fromLink, label, toCode, toLink, variantOf } from "../../page/playground/settings.js";
import { centered, small } from "../../page/playground/sketch.js";
import { joined, quantised, recallOf, Trainer } from "../../page/playground/trainer.js";

const sum = (values) => [...values].reduce((a, b) => a + b, 0);

test("an order has every number once, and depends on the seed", () => {
  const order = shuffled(50, random(1));
  assert.deepEqual(
    order.slice().sort((a, b) => a - b),
    [...Array(50).keys()],
  );
  assert.deepEqual(order, shuffled(50, random(1)));
  assert.notDeepEqual(order, shuffled(50, random(2)));
});

test("random numbers spread evenly", () => {
  const next = random(0),
    tenths = Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) tenths[Math.floor(10 * next())]++;
  assert.ok(
    tenths.every((n) => n > 850 && n < 1150),
    String(tenths),
  );
});

test("a subset has the counts, and a lower count only takes away", () => {
  const labels = Uint8Array.from({ length: 60 }, (_, i) => i % 3),
    many = subset(labels, [20, 10, 5], 4),
    few = subset(labels, [20, 10, 2], 4);
  const of = (rows, k) => rows.filter((i) => labels[i] === k);
  assert.deepEqual(
    [0, 1, 2].map((k) => of(many, k).length),
    [20, 10, 5],
  );
  assert.deepEqual(of(few, 2), of(many, 2).slice(0, 2));
  assert.deepEqual(of(few, 1), of(many, 1));
});

test("an epoch sees every picture once, its last batch is what is left", () => {
  const chosen = Array.from({ length: 25 }, (_, i) => 100 + i),
    epoch = (from) => [0, 1, 2].map((n) => batch(chosen, 10, from + n, 7));
  assert.deepEqual(
    epoch(0).map((rows) => rows.length),
    [10, 10, 5],
  );
  for (const from of [0, 3]) assert.deepEqual(epoch(from).flat().sort(), chosen);
  assert.notDeepEqual(epoch(0), epoch(3));
});

test("the learning rate is that of training.cosine", () => {
  assert.equal(rate(0, 100, 34), 1 / 34);
  assert.ok(Math.abs(rate(50, 100, 34) - 0.5) < 1e-12);
  assert.ok(Math.abs(rate(99, 100, 0) - 0.5 * (1 + Math.cos(0.99 * Math.PI))) < 1e-12);
});

test("points in two bytes, centers count for the scale", () => {
  const { points, scale } = quantised(Float32Array.of(1, -2, NaN, Infinity), Float32Array.of(4, 0));
  assert.equal(scale, 4);
  assert.deepEqual([...points], [8192, -16383, 0, 32767]);
  assert.equal(quantised(Float32Array.of(1, -2), null).scale, 2);
});

test("recall by the largest logit, the visitor's own digits aside", () => {
  const logits = Float32Array.of(2, 1, 0, 3, 5, 4, 9, 0);
  assert.deepEqual([...recallOf(logits, Uint8Array.of(0, 1, 1), 2)], [1, 0.5]);
});

test("bytes behind one another", () => {
  assert.deepEqual([...joined(Uint8Array.of(1), null, Int16Array.of(258))], [1, 2, 1]);
});

const controls = [
  { name: "loss", kind: "choice", scope: "panel", options: ["softmax", "dda"] },
  { name: "lam", kind: "slider", scope: "shared", min: 0, max: 3 },
  { name: "scaling", kind: "choice", scope: "shared", options: ["paper", "code"] },
];
const first = {
  values: { lam: 1, scaling: "paper" },
  panels: [{ loss: "softmax" }, { loss: "dda" }],
};

test("a link and back", () => {
  const set = { values: { lam: 0.25, scaling: "code" }, panels: [{ loss: "dda" }] };
  assert.equal(toLink(controls, set), "#loss=dda&lam=0.25&scaling=code");
  assert.deepEqual(fromLink(toLink(controls, set), controls, first), { settings: set, wrong: [] });
  assert.deepEqual(fromLink("", controls, first), { settings: first, wrong: [] });
});

test("what is wrong in a link leaves the rest", () => {
  const { settings, wrong } = fromLink("#lam=7&scaling=code&x=1&loss=dda,no", controls, first);
  assert.deepEqual(settings, { values: { lam: 1, scaling: "code" }, panels: first.panels });
  assert.deepEqual(wrong, [
    'lam: a number from 0 to 3, not "7"',
    "x: nothing here has that name",
    'loss: no "no" here',
  ]);
});

test("a recipe's file and name", () => {
  const dda = { loss: "dda", lam: 1, gamma: 3, scaling: "code", centers: "autograd" };
  assert.equal(variantOf(dda), "dda-code-autograd");
  assert.equal(variantOf({ ...dda, loss: "center" }), "center-autograd");
  assert.equal(variantOf({ ...dda, loss: "margin" }), "margin");
  assert.equal(label(dda), "DDA λ=1 γ=3 (code) (autograd)");
  assert.equal(label({ ...dda, loss: "angular", s: 8 }), "angular softmax s=8");
});

test("lines of Python name what was changed", () => {
  const code = toCode(
    { values: { lam: 2, scaling: "paper", seed: 3 }, panels: [{ loss: "dda" }] },
    { lam: 1, scaling: "paper", seed: 0, loss: "dda" },
  );
  assert.equal(
    code,
    "from fer_nb.papers import Recipe, recording\n\nruns = [\n    recording(Recipe(loss='dda', lam=2.0, seed=3)).finish(),\n]\n",
  );
});

test("a drawing fills twenty pixels around the middle of its ink", () => {
  const side = 100,
    ink = new Float32Array(side * side);
  for (let y = 10; y < 50; y++) for (let x = 70; x < 74; x++) ink[y * side + x] = 255;
  const picture = centered(ink, side),
    rows = Array.from({ length: 28 }, (_, y) => sum(picture.slice(28 * y, 28 * y + 28)));
  const inked = rows.flatMap((v, y) => (v > 100 ? [y] : []));
  assert.ok(inked.length >= 19 && inked.length <= 21, String(inked));
  const middle = sum(rows.map((v, y) => v * (y + 0.5))) / sum(rows);
  assert.ok(Math.abs(middle - 14) < 0.6, String(middle));
  assert.equal(centered(new Float32Array(side * side), side), null);
});

test("the network sees means of four", () => {
  const picture = new Uint8Array(784);
  picture[0] = picture[1] = picture[28] = 100;
  assert.equal(small(picture)[0], toInput(75));
  assert.equal(small(picture)[1], toInput(0));
  assert.equal(small(picture).length, 196);
});

test("digits as they lie in their file", () => {
  const sums = Uint16Array.of(0, 1020, 510, 4),
    bytes = joined(
      sums,
      Uint8Array.of(7),
      Uint16Array.of(8, 12, 16, 20),
      Uint8Array.of(9, 1, 2, 3, 4),
    );
  const { x, y, watched, labels, images } = digitsOf(bytes, { pool: 1, held: 1, size: 4, side: 2 });
  assert.deepEqual(
    [...x],
    [0, 255, 127.5, 1].map((v) => Math.fround(toInput(v))),
  );
  assert.deepEqual([[...y], [...labels], [...images]], [[7], [9], [1, 2, 3, 4]]);
  assert.deepEqual(
    [...watched],
    [2, 3, 4, 5].map((v) => Math.fround(toInput(v))),
  );
});

/** A race of workers that only count; n: frames until they end. */
function race(panels, n) {
  const config = { controls, first },
    held = { labels: Uint8Array.of(0, 1), images: new Uint8Array(2), side: 1 };
  const page = {
    config,
    held,
    room: 2,
    names: ["a", "b"],
    counts: { x: [1, 1] },
    minority: { x: [] },
    recipe: { profile: "x" },
  };
  const hired = [];
  const kernel = new Kernel(page, { values: {}, panels }, () => {
    const racer = { steps: [], asked: [], closed: false, close: () => (racer.closed = true) };
    racer.ask = async (call, given) => {
      racer.asked.push(call);
      if (call === "hire") return;
      if (call === "begin") return { total: 100 };
      if (call === "forces") {
        if (racer.gone) throw new Error("the worker ended");
        return {
          step: 4,
          at: [1, 2],
          forces: { softmax: [given.point, given.own.length] },
          sum: [0, 0],
        };
      }
      racer.steps.push(given.steps);
      if (racer.breaks === racer.steps.length) throw new Error("the loss is NaN at step 5");
      const info = {
        step: racer.steps.length,
        epoch: 1,
        scale: 1,
        grad: 0,
        losses: {},
        parts: [0, 0, 0],
      };
      return {
        info,
        block: new Uint8Array(8 + 8 + 4 * given.own.length),
        done: racer.steps.length >= n,
      };
    };
    hired.push(racer);
    return racer;
  });
  kernel.told = async () => ({});
  const said = [];
  kernel.on("msg:custom", (message, blocks) => {
    said.push({ ...message, blocks });
    if (message.seq) kernel.send({ type: "ack", seq: message.seq });
  });
  return { kernel, hired, said };
}
const framesOf = (said) => said.filter((m) => m.type === "frames").flatMap((m) => m.frames);

test("a race goes to its end, its networks in step", async () => {
  const { kernel, hired, said } = race([{ loss: "softmax" }, { loss: "dda" }], 3);
  await kernel.begin();
  await kernel.play();
  assert.deepEqual(
    hired.map((r) => r.steps),
    [
      [1, 1, 4],
      [1, 1, 4],
    ],
  );
  assert.deepEqual(
    framesOf(said).map((f) => [f.index, f.panel]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ],
  );
  assert.equal(kernel.status().done, true);
  assert.equal(kernel.status().running, false);
  assert.equal(said[0].type, "init");
});

test("what one network cannot go on with the others do", async () => {
  const { kernel, hired, said } = race([{ loss: "softmax" }, { loss: "dda" }], 3);
  await kernel.begin();
  hired[1].breaks = 2;
  await kernel.play();
  assert.deepEqual(kernel.status().errors, ["", "the loss is NaN at step 5"]);
  assert.deepEqual(
    framesOf(said).map((f) => f.panel),
    [0, 1, 0, 0],
  );
  assert.equal(kernel.status().done, true);
});

test("what pulls on a point is asked of its network", async () => {
  const { kernel, hired, said } = race([{ loss: "softmax" }, { loss: "dda" }], 5);
  await kernel.begin();
  await kernel.advance();
  const ask = async (panel) => {
    await kernel.hear({ type: "ask", panel, point: 1, generation: 1 });
    await kernel.turn;
    return said.at(-1);
  };
  const about = { type: "forces", panel: 1, point: 1, generation: 1 };
  const { blocks, ...first } = await ask(1);
  assert.deepEqual(first, {
    ...about,
    step: 4,
    at: [1, 2],
    forces: { softmax: [1, 0] },
    sum: [0, 0],
  });
  hired[1].gone = true;
  assert.equal((await ask(1)).error, "the worker ended");
  const before = said.length;
  await ask(5); // there is none
  assert.equal(said.length, before);
});

test("a film holds the race", async () => {
  const names = ["a", "</script>"],
    labels = Uint8Array.of(0, 1),
    images = Uint8Array.of(0, 255, 7, 9);
  const told = {
    runs: [
      {
        name: "one",
        class_names: names,
        k: 2,
        counts: [5, 1],
        minority: [1],
        total: 9,
        angular: true,
        labels: 0,
        images: { buffer: 1, h: 1, w: 2 },
        domains: [0, 1],
        domain_names: ["x", "y"],
      },
      { name: "two", class_names: names, k: 2, labels: 0, images: { same: 0 } },
    ],
    blocks: [labels, images],
  };
  const frame = (step, parts, floats, points, grad) => ({
    info: { step, epoch: 1, scale: step, grad, losses: { total: step / 2 }, parts },
    block: joined(Float32Array.from(floats), Int16Array.from(points)),
  });
  const ones = [
    frame(1, [4, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0.5, NaN], [-32767, 32767, 5, 0], 1),
  ];
  ones.push(
    frame(4, [4, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 0.5, 1], [32767, -32767, 5, -1], NaN),
  );
  const page =
    '<title>x</title><script type="application/json" id="fer-nb-data">{"old": 1}</script><p>';
  const film = await movie(page, told, [ones, [frame(1, [0, 0, 0], [1, 1], [1, 2, 3, 4], 2)]]);
  const [before, data, after] = film.split(
    /<script type="application\/json" id="fer-nb-data">|<\/script>/,
  );
  assert.deepEqual([before, after], ["<title>x</title>", "<p>"]);
  const [one, two] = await Promise.all(JSON.parse(data).runs.map(decodeRun));
  assert.deepEqual(
    [one.name, one.names, one.total, one.angular, [...one.domains]],
    ["one", names, 9, true, [0, 1]],
  );
  assert.deepEqual([...one.minority, ...one.counts, ...one.images.data], [1, 5, 1, 0, 255, 7, 9]);
  assert.deepEqual(
    one.frames.map((f) => [...f.xy]),
    [
      [-32767, 32767, 5, 0],
      [32767, -32767, 5, -1],
    ],
  );
  assert.deepEqual(
    one.frames.map((f) => [f.step, f.epoch, f.scale, f.losses.total, f.grad]),
    [
      [1, 1, 1, 0.5, 1],
      [4, 1, 4, 2, null],
    ],
  );
  assert.deepEqual(
    [...one.frames[1].centers, ...one.frames[1].head, ...one.frames[1].bias],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 11],
  );
  assert.ok(Number.isNaN(one.frames[0].recall[1]));
  assert.deepEqual([two.frames[0].centers, [...two.images.data]], [null, [...images]]);
  assert.deepEqual((await encodeRun(one)).frames, JSON.parse(data).runs[0].frames);
});

test("a force is minus N times the gradient of a loss", async () => {
  class Tensor {
    constructor(type, data, dims) {
      Object.assign(this, { type, data, dims });
    }
  }
  const fed = [];
  const out = (data) => ({ data: Float32Array.from(data) });
  const look = {
    inputNames: ["x", "y", "knob/lam"],
    run: async (feeds) => {
      fed.push(feeds);
      return {
        embedding: out([1, 2, 3, 4, 5, 6, 0, 0]),
        "pull/softmax": out([0, 0, 0.5, -1, 0, 0, 0, 0]),
        "pull/center": out([0, 0, 0.25, 2, 0, 0, 0, 0]),
      };
    },
  };
  const digits = {
      x: new Float32Array(4),
      y: Uint8Array.of(0),
      watched: new Float32Array(8),
      labels: Uint8Array.of(3, 7),
    },
    recipe = { seed: 0, batch: 1, epochs: 1, watched: 4 };
  const trainer = new Trainer(
    { Tensor },
    { look, digits, recipe, inputs: [], where: [], knobs: { lam: 0.5 }, counts: [1] },
  );
  trainer.own = [{ small: new Float32Array(4), label: 9 }];
  assert.deepEqual(await trainer.forces(1), {
    step: 0,
    at: [3, 4],
    forces: { softmax: [-1.5, 3], center: [-0.75, -6] },
    sum: [-2.25, -3],
  });
  assert.deepEqual([...fed[0].y.data], [3n, 7n, 9n, -100n]);
  assert.equal(fed[0]["knob/lam"].data[0], 0.5);
});

test("pause, a step, a restart with fewer networks", async () => {
  const { kernel, hired, said } = race([{ loss: "softmax" }, { loss: "dda" }], 5);
  await kernel.begin();
  await kernel.advance();
  assert.equal(kernel.status().running, false);
  assert.equal(framesOf(said).length, 2);
  await kernel.restart({ values: { lam: 2 }, panels: [{ loss: "dda" }] });
  assert.equal(hired[1].closed, true);
  assert.equal(kernel.generation, 2);
  assert.deepEqual(kernel.status().values, { lam: 2 });
  assert.equal(kernel.status().done, true);
});

test("a digit comes into all frames, and there is room for so many", async () => {
  const { kernel, said } = race([{ loss: "softmax" }], 9);
  await kernel.begin();
  await kernel.advance();
  await kernel.advance();
  const digit = () => ({ picture: Uint8Array.of(1), small: Float32Array.of(0), label: 1 });
  assert.equal(await kernel.follow(digit()), "");
  const init = said.filter((m) => m.type === "init").at(-1),
    blocks = said.at(-1).blocks;
  assert.deepEqual([...init.blocks[0]], [0, 1, 1]);
  assert.deepEqual(init.runs[0].domains, [0, 0, 1]);
  assert.deepEqual(
    blocks.map((b) => b.length),
    [20, 20],
  );
  assert.equal(await kernel.follow(digit()), "");
  assert.match(await kernel.follow(digit()), /^2 digits are followed already/);
});
