// The booth: which frame is asked for and when, what a refused camera says, and that every source is closed.
import assert from "node:assert/strict";
import test, { afterEach, beforeEach, mock } from "node:test";
import { corners } from "../../page/booth/curve.js";
import { Desk, left, LENGTH, nextOf, pushed } from "../../page/booth/desk.js";
import { Camera, fitted, Photographs, refusal } from "../../page/booth/source.js";

const HELLO = { type: "hello", frames: 20, rest: 4, test: 12, way: "", calibrated: false, kept: 0 };
HELLO.aus = ["AU1", "AU12"];
const FACE = { box: [0.2, 0.2, 0.8, 0.8], points: [], score: 1 };
let desk, sent, tracks, stopped, now;
const last = (type) => sent.filter((m) => m.type === type).at(-1);
const flush = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const seen = async (more = {}) => {
  const { seq, page } = sent.at(-1);
  const read = { before: [0, 0.5], now: [0, 0.7], truth: null, kept: 1 };
  desk.hear({ type: "seen", page, seq, face: FACE, ...read, ...more }, [new ArrayBuffer(4)]);
  await flush();
};
const wait = async (ms) => {
  now += ms;
  mock.timers.tick(ms);
  await flush();
};

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  now = 0;
  mock.method(performance, "now", () => now);
  stopped = 0;
  tracks = [{ stop: () => stopped++ }];
  const video = () => ({
    setAttribute() {},
    addEventListener() {},
    append() {},
    play: async () => {},
    readyState: 4,
    videoWidth: 640,
    videoHeight: 480,
  });
  globalThis.document = { createElement: video };
  globalThis.OffscreenCanvas = class {
    constructor(width, height) {
      Object.assign(this, { width, height });
    }
    getContext() {
      return { drawImage() {} };
    }
    async convertToBlob() {
      return { arrayBuffer: async () => new ArrayBuffer(8) };
    }
  };
  globalThis.createImageBitmap = async () => ({ width: 96, height: 96, close() {} });
  const mediaDevices = { getUserMedia: async () => ({ getTracks: () => tracks }) };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
  sent = [];
  desk = new Desk((message, buffers) => sent.push({ ...message, buffers }));
  desk.hear({ ...HELLO, page: desk.page }, []);
});
afterEach(() => desk.close());

test("a picture's longer side is at most 256", () => {
  assert.deepEqual(fitted(640, 480), [256, 192]);
  assert.deepEqual(fitted(120, 200), [120, 200]);
  assert.deepEqual(fitted(4000, 20), [256, 16]);
});

test("before a source is chosen a resting frame of the clip shows what it looks like", async () => {
  assert.deepEqual([last("clip").n, last("clip").resting], [HELLO.rest - 1, false]); // not kept
  await seen({ n: HELLO.rest - 1 });
  assert.deepEqual([desk.frame.width, desk.seen.n], [96, HELLO.rest - 1]);
  assert.deepEqual([desk.kind, desk.frames, desk.waiting], ["", 0, 0]);
  await wait(10_000);
  assert.equal(sent.filter((m) => m.type === "clip").length, 1); // and no other follows
});

test("a source that is chosen while that frame is under way goes first", async () => {
  const { seq } = last("clip");
  await desk.start("clip");
  desk.hear({ type: "seen", page: desk.page, seq, n: 3, face: FACE, kept: 0 }, [
    new ArrayBuffer(4),
  ]);
  await flush();
  assert.deepEqual([desk.frames, last("clip").n], [0, 0]);
});

test("a refusal is a sentence, and the clip plays", async () => {
  assert.match(refusal({ name: "NotAllowedError" }), /^The camera was not allowed: the clip/);
  assert.match(refusal(new Error("?")), /^The camera did not start: the clip plays instead\.$/);
  navigator.mediaDevices.getUserMedia = async () => {
    throw Object.assign(new Error(), { name: "NotAllowedError" });
  };
  await desk.start("camera");
  assert.equal(desk.kind, "clip");
  assert.match(desk.error, /not allowed/);
  assert.equal(last("clip").n, 0);
});

test("one frame at a time, as a JPEG and nothing else", async () => {
  await desk.start("camera");
  await flush();
  assert.equal(sent.filter((m) => m.type === "frame").length, 1);
  assert.equal(last("frame").buffers.length, 1);
  await wait(1000);
  assert.equal(sent.filter((m) => m.type === "frame").length, 1); // the kernel is slow
  await seen();
  await wait(100);
  assert.equal(sent.filter((m) => m.type === "frame").length, 2);
});

test("stopping, another source, a closed page and no view free the camera", async () => {
  for (const free of [
    () => desk.stop(),
    () => desk.start("clip"),
    () => desk.gone(),
    () => desk.left(),
    () => desk.close(),
  ]) {
    const before = stopped;
    await desk.start("camera");
    await free();
    assert.equal(stopped, before + 1);
  }
});

test("a camera that comes too late is closed at once", async () => {
  let give;
  navigator.mediaDevices.getUserMedia = () => new Promise((done) => (give = done));
  const opening = desk.start("camera");
  await flush();
  await desk.start("clip");
  give({ getTracks: () => tracks });
  await opening;
  assert.equal(stopped, 1);
  assert.equal(desk.kind, "clip");
});

test("the clip rests, is calibrated by its own time, and goes on", async () => {
  await desk.start("clip");
  await seen({ n: 0 });
  desk.calibrate();
  assert.equal(last("rest").type, "rest");
  for (let n = 0; n < 4; n++) {
    await wait(200);
    assert.equal(last("clip").n, n);
    assert.equal(last("clip").resting, true);
    await seen({ n });
  }
  assert.equal(sent.at(-1).type, "calibrate");
  await wait(500);
  assert.equal(sent.at(-1).type, "calibrate"); // no frame while the kernel is at it
  desk.hear({ type: "changed", page: desk.page, calibrated: true, way: "", kept: 0 }, []);
  assert.equal(last("clip").n, 4);
  assert.equal(last("clip").resting, false);
});

test("a camera's calibration takes five seconds", async () => {
  await desk.start("camera");
  await flush();
  await seen();
  desk.calibrate();
  assert.equal(left(desk.resting, now), 5);
  for (let k = 0; k < 10; k++) {
    await wait(450);
    await seen();
  }
  assert.equal(last("calibrate"), undefined);
  await wait(600);
  await seen();
  assert.equal(sent.at(-1).type, "calibrate");
});

test("adaptation needs frames, and the clip goes on with its test part", async () => {
  await desk.start("clip");
  await seen({ n: 0, kept: 19 });
  assert.equal(desk.mayAdapt, false);
  await wait(200);
  await seen({ n: 1, kept: 20 });
  assert.equal(desk.mayAdapt, true);
  desk.adapt("AdaBN");
  assert.equal(desk.mayAdapt, false);
  const changed = { type: "changed", calibrated: false, way: "AdaBN", kept: 20 };
  desk.hear({ ...changed, page: desk.page }, []);
  assert.equal(last("clip").n, HELLO.test);
  assert.deepEqual(desk.curve, []);
});

test("an error is shown, and the frames go on", async () => {
  await desk.start("clip");
  const { seq, page } = sent.at(-1);
  desk.hear({ type: "error", page, seq, text: "frame: expected a JPEG" }, []);
  assert.equal(desk.error, "frame: expected a JPEG");
  await wait(200);
  assert.equal(sent.filter((m) => m.type === "clip").length, 3); // the first shows what it looks like
});

test("an answer to another page, or to a source that has gone, is not heard", async () => {
  await desk.start("clip");
  const { seq } = sent.at(-1);
  desk.hear({ type: "seen", page: desk.page + 1, seq, face: FACE }, []);
  assert.equal(desk.seen, null);
  desk.stop();
  desk.hear({ type: "seen", page: desk.page, seq, face: FACE }, []);
  assert.equal(desk.seen, null);
});

test("photographs come by name, over and over; other files are no pictures", async () => {
  const file = (name, type) => ({ name, type, webkitRelativePath: "" });
  const files = [file("b.jpg", "image/jpeg"), file("a.txt", "text/plain")];
  const source = await new Photographs().open([...files, file("a.png", "image/png")]);
  const names = [];
  for (let k = 0; k < 3; k++) names.push((await source.grab()).name);
  assert.deepEqual(names, ["a.png", "b.jpg", "a.png"]);
  await assert.rejects(new Photographs().open([files[1]]), /no picture/);
});

test("without cameras at all the page says so", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  await assert.rejects(new Camera().open(), TypeError);
  assert.match(refusal(new TypeError("?")), /https or localhost/);
});

test("the curve keeps the last frames, old on the left", () => {
  let rows = [];
  for (let k = 0; k < LENGTH + 3; k++) rows = pushed(rows, k);
  assert.equal(rows.length, LENGTH);
  assert.equal(rows[0], 3);
  assert.equal(corners([1.3, -0.3, 9], 3), "0.0,0.0 300.0,120.0 600.0,0.0");
  assert.equal(corners([1.3], 3).split(",")[0], "600.0");
  assert.equal(nextOf(HELLO, 19), 0);
});
