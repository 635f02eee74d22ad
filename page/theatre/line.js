// A training elsewhere (a kernel, or a page's own workers) and the store of what is shown.
import { addFrame, frameOf, runsOf } from "./run.js";

const BEAT = 3000; // ms between two signs of life for the kernel
const YOUNG = 30_000; // ms in which a page without a view yet gives them, too
const PATIENCE = 400; // ms until frames count as painted: hidden or closed views paint nothing

/** A notebook widget's model: what it says goes into the store, what is painted is answered. */
export class Line {
  /** @param {any} model @param {import("./store.js").Store} store */
  constructor(model, store) {
    this.model = model;
    this.store = store;
    this.owed = 0; // the newest message that is not answered yet
    this.timer = 0;
    this.synced = false;
    this.born = performance.now();
    store.status = model.get("_status");
    store.send = (message) => this.say(message);
    store.painted = () => this.painted();
    this.listeners = {
      "msg:custom": (message, buffers) => this.hear(message, buffers),
      "change:_status": () => this.takeStatus(),
      "change:_snapshot": () => this.takeSnapshot(),
      comm_live_update: () => this.lose(), // the kernel restarts
    };
    for (const [what, listen] of Object.entries(this.listeners)) model.on(what, listen);
    this.takeSnapshot();
    this.watchKernel();
    this.say({ type: "ready" });
    this.beating = setInterval(() => this.beat(), BEAT);
  }
  close() {
    clearInterval(this.beating);
    clearTimeout(this.timer);
    this.kernel?.statusChanged?.disconnect(this.kernelSaid);
    for (const [what, listen] of Object.entries(this.listeners)) this.model.off(what, listen);
  }
  /** A kernel may end between two signs of life, and be another one soon. */
  watchKernel() {
    const kernel = this.model.widget_manager?.kernel;
    const ended = (status) => /dead|terminating|restarting/.test(status);
    this.kernel = kernel;
    this.kernelSaid = (_, status) => ended(status) && this.lose();
    kernel?.statusChanged?.connect(this.kernelSaid);
  }
  lose() {
    const { store } = this;
    if (store.gone) return;
    store.gone = true;
    clearInterval(this.beating);
    this.kernel?.statusChanged?.disconnect(this.kernelSaid);
    store.changed("status");
  }
  say(message) {
    if (this.store.gone) return;
    try {
      if (this.kernel?.isDisposed) throw new Error("the kernel is gone");
      this.model.send(message);
    } catch {
      this.lose();
    }
  }
  painted() {
    // the frames are on the screen: the kernel may send more
    if (!this.owed) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.say({ type: "ack", seq: this.owed });
    this.owed = 0;
  }
  beat() {
    const { store } = this,
      { views } = store,
      now = performance.now(),
      young = now - this.born < YOUNG;
    if (views.size || young) {
      store.unanswered ||= now;
      this.say({ type: "beat" });
    }
    for (const view of views) view.chrome();
  }
  hear(message, buffers) {
    const { store } = this,
      { type } = message;
    store.unanswered = 0;
    if (type === "init") this.start(message, buffers);
    else if (type === "film")
      for (const view of store.views) view.drawer.takeFilm(buffers[0], message.error);
    else if (type === "forces")
      for (const view of store.views) view.panels[message.panel]?.ask.take(message);
    else if (type === "goto") for (const view of store.views) view.go(message.frame);
    const current = this.synced && message.generation === store.generation;
    if (type === "frames" && current) this.takeFrames(message, buffers);
  }
  start(snapshot, buffers) {
    // {generation, runs, frames}: all anew
    this.synced = true;
    this.take(snapshot, buffers);
  }
  take(snapshot, buffers) {
    const runs = runsOf(snapshot.runs, buffers);
    for (const info of snapshot.frames) {
      const run = runs[info.panel];
      addFrame(run, frameOf(run, info, buffers[info.buffer]));
    }
    this.store.reset(snapshot.generation, runs);
  }
  takeFrames(message, buffers) {
    const { store } = this;
    for (const info of message.frames) {
      const run = store.runs[info.panel],
        next = run?.frames.length === info.index;
      if (next) addFrame(run, frameOf(run, info, buffers[info.buffer]));
    }
    store.arrive(performance.now());
    this.owed = message.seq;
    this.timer ||= setTimeout(() => this.painted(), PATIENCE);
    store.changed("frames");
  }
  takeStatus() {
    const { store } = this;
    store.unanswered = 0;
    store.status = this.model.get("_status");
    const errors = store.status.errors || [];
    store.runs.forEach((run, p) => {
      run.error = errors[p] || "";
    });
    store.changed("status");
  }
  takeSnapshot() {
    // while the kernel is too busy to hear us, a picture comes this way
    const s = this.model.get("_snapshot");
    if (!this.synced && s?.runs) this.take(s, s.buffers);
  }
}
