// What one widget model knows, its views listen: which source runs, and what was seen of it.
// One frame is on its way at a time, so a slow kernel gets fewer, and none twice.
import { Calling } from "../desk.js";
import { Camera, Photographs, refusal, Video } from "./source.js";

export const LENGTH = 150; // frames that the curve shows
const LEAST = { camera: 90, video: 90, photographs: 1500, clip: 160 }; // ms between two frames
const REST = 5000; // ms that a calibration takes
const IDLE = 120; // ms until a source without a frame is asked again
const ENOUGH = 20; // frames with a face that an adaptation needs

/**
 * @typedef {"hello" | "source" | "seen" | "changed" | "status"} News
 */

/** The newest `most` of a list with one more. */
export const pushed = (list, item, most = LENGTH) => [...list, item].slice(-most);

/** Seconds that are left of a calibration. @param {{ until: number }} rest @param {number} now */
export const left = (rest, now) => Math.max(0, Math.ceil((rest.until - now) / 1000));

/** The frame of the clip after number n. @param {any} hello @param {number} n */
export const nextOf = (hello, n) => (n + 1) % hello.frames;

/** @extends {Calling<News>} */
export class Desk extends Calling {
  /** @param {(message: any, buffers?: ArrayBuffer[]) => void} send */
  constructor(send) {
    super(send);
    this.state = { way: "", calibrated: false, kept: 0 };
    this.kind = ""; // of the source that runs
    this.source = null;
    this.turn = 0; // sources so far: what an older one still gives comes too late
    this.n = 0; // of the clip
    this.frame = null; // canvas or bitmap that was sent last
    this.seen = null; // what was made of it
    this.twin = null; // its bytes
    this.curve = []; // {before, now, truth} of the last frames
    this.seq = 0;
    this.waiting = 0;
    this.resting = null; // {until, frames} while a calibration goes on
    this.busy = ""; // what the kernel is at besides frames
    this.error = "";
    this.said = ""; // the last thing that happened
    this.frames = 0;
    this.gone = () => this.stop();
    globalThis.addEventListener?.("pagehide", this.gone);
    this.call();
  }
  close() {
    super.close();
    this.stop();
    globalThis.removeEventListener?.("pagehide", this.gone);
  }
  /** The last view has gone. */
  left() {
    if (!this.views.size) this.stop();
  }

  // --- sources
  async start(kind, files) {
    this.stop();
    this.error = "";
    const mine = ++this.turn;
    const source = { camera: Camera, video: Video, photographs: Photographs }[kind];
    let opened = null;
    try {
      opened = source ? await new source().open(files) : null;
    } catch (error) {
      if (mine !== this.turn) return;
      if (kind !== "camera") return this.fail(error.message);
      this.error = refusal(error);
      return this.begin("clip", null);
    }
    if (mine !== this.turn) return opened?.close(); // somebody was faster: the camera is not wanted
    this.begin(kind, opened);
  }
  begin(kind, source) {
    [this.kind, this.source, this.curve, this.seen] = [kind, source, [], null];
    if (kind === "clip") this.n = 0;
    this.changed("source");
    this.tick();
  }
  stop() {
    this.turn++;
    clearTimeout(this.next);
    this.source?.close();
    [this.kind, this.source, this.resting, this.waiting] = ["", null, null, 0];
    this.changed("source");
  }

  // --- frames, one at a time
  async tick() {
    const mine = this.turn;
    if (!this.kind || this.waiting || this.busy || !this.hello) return;
    this.asked = performance.now();
    if (this.kind === "clip") return this.askClip(this.n);
    const seq = (this.waiting = ++this.seq);
    const { page } = this,
      resting = Boolean(this.resting);
    const frame = await Promise.resolve(this.source.grab()).catch(() => null);
    if (mine !== this.turn) return;
    if (!frame) {
      this.waiting = 0;
      this.later(IDLE);
      return;
    }
    this.frame = frame.picture;
    this.send({ type: "frame", page, seq, resting }, [frame.jpeg]);
  }
  askClip(n) {
    const seq = (this.waiting = ++this.seq);
    this.send({ type: "clip", page: this.page, seq, n, resting: Boolean(this.resting) });
  }
  later(wait) {
    clearTimeout(this.next);
    this.next = setTimeout(() => this.tick(), wait);
  }

  // --- what the reader asks for
  calibrate() {
    this.error = "";
    this.send({ type: "rest", page: this.page });
    this.resting = { until: performance.now() + REST, frames: 0 };
    if (this.kind === "clip") this.n = 0; // where its face rests
    this.changed("status");
  }
  calibrated() {
    this.resting = null;
    this.ask({ type: "calibrate" }, "finding your zero …");
  }
  adapt(way) {
    this.ask({ type: "adapt", way }, `adapting by ${way} …`);
  }
  forget() {
    this.ask({ type: "forget" }, "forgetting …");
  }
  ask(message, busy) {
    this.error = "";
    this.busy = busy;
    this.send({ ...message, page: this.page });
    this.changed("status");
  }
  get mayAdapt() {
    return this.state.kept >= ENOUGH && !this.busy && !this.resting;
  }
  /** A calibration is over after five seconds: of the clip by its own time. */
  rested() {
    if (!this.resting) return false;
    if (this.kind === "clip") return this.n >= this.hello.rest;
    return performance.now() >= this.resting.until;
  }

  // --- what the kernel says
  hear(message, buffers) {
    if (message.page !== this.page) return;
    const { type } = message;
    if (type === "hello" && !this.hello) this.greet(message);
    else if (type === "seen" && message.seq === this.waiting) this.see(message, buffers);
    else if (type === "changed") this.change(message);
    else if (type === "error") this.fail(message.text, message.seq);
  }
  greet(message) {
    this.greeted(message);
    this.take(message);
    this.changed("hello");
    if (this.kind) return this.tick();
    this.askClip(this.hello.rest - 1); // nobody has chosen a source: a resting frame is not kept
  }
  take({ way, calibrated, kept }) {
    this.state = { way, calibrated, kept };
  }
  async see(message, buffers) {
    const mine = this.turn,
      pictures = [...buffers];
    if (message.n != null) {
      const frame = await createImageBitmap(new Blob([pictures.shift()], { type: "image/jpeg" }));
      if (mine !== this.turn) return;
      this.frame = frame;
      this.n = nextOf(this.hello, message.n);
    }
    this.waiting = 0;
    this.frames += this.kind ? 1 : 0;
    this.seen = message;
    this.state.kept = message.kept;
    this.twin = message.face ? pictures[0] : null;
    if (message.face) {
      const { before, now, truth } = message;
      this.curve = pushed(this.curve, { before, now, truth });
      if (this.resting) this.resting.frames++;
    }
    this.changed("seen");
    if (!this.kind) return;
    if (this.rested()) this.calibrated();
    else this.later(Math.max(0, LEAST[this.kind] - (performance.now() - this.asked)));
  }
  change(message) {
    const { calibrated, way, kept } = message,
      before = this.state;
    this.take({ calibrated, way, kept });
    if (!this.busy) return; // a calibration began
    if (this.kind === "clip" && way && way !== before.way) this.n = this.hello.test;
    this.busy = "";
    this.curve = [];
    this.changed("changed");
    this.tick();
  }
  fail(text, seq) {
    this.error = text;
    this.busy = "";
    if (seq === this.waiting) this.waiting = 0;
    this.changed("status");
    if (this.kind && !this.waiting) this.later(IDLE);
  }
}
