// The race's trainings, one worker each; to the theatre it is what a notebook's kernel is.
import { joined, STEPS } from "./trainer.js";
import { fileOf, fromFiles } from "./files.js";
import { movie } from "./movie.js";
import { label, toCode, variantOf } from "./settings.js";

const EVERY = 4; // steps between two frames
const CREDIT = 2; // frames that the page has not painted yet

/** @typedef {import("./settings.js").Settings} Settings */

export class Kernel {
  /**
   * @param {any} page what page.json says
   * @param {Settings} settings
   * @param {() => import("./racer.js").Racer} hire
   */
  constructor(page, settings, hire) {
    this.page = page;
    this.settings = settings;
    this.hire = hire;
    this.listeners = new Map();
    this.generation = 0;
    this.racers = [];
    this.frames = []; // per panel
    this.own = []; // the visitor's digits: {picture, small, label}
    this.state = { running: false, done: false, stopped: false, note: "", error: "", errors: [] };
    this.seq = this.acked = 0;
    this.turn = Promise.resolve(); // until the workers have done what they were asked
  }
  // --- what the theatre asks of a model
  get(name) {
    if (name === "_config") return this.page.config;
    return name === "_status" ? this.status() : {};
  }
  on(event, listen) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listen);
  }
  off(event, listen) {
    this.listeners.get(event)?.delete(listen);
  }
  tell(event, ...given) {
    for (const listen of this.listeners.get(event) || []) listen(...given);
  }
  say(message, blocks = []) {
    this.tell("msg:custom", message, blocks);
  }
  status() {
    const { generation, settings, page } = this;
    return { ...this.state, generation, ...settings, code: toCode(settings, page.recipe) };
  }
  become(change) {
    Object.assign(this.state, change);
    this.tell("change:_status");
  }
  send(message) {
    queueMicrotask(() => this.hear(message));
  }
  async hear(message) {
    const { type } = message;
    if (type === "ready") this.open();
    else if (type === "beat") this.say({ type: "alive" });
    else if (type === "ack") this.take(message.seq);
    else if (type === "play") this.play();
    else if (type === "pause") this.become({ running: false });
    else if (type === "step") this.advance();
    else if (type === "stop") this.become({ running: false, stopped: true });
    else if (type === "restart") this.restart(message);
    else if (type === "ask") this.alone(() => this.answer(message));
    else if (type === "film") this.film();
  }
  /** What pulls on a point, or why nobody knows. */
  async answer({ panel, point, generation }) {
    const about = { type: "forces", panel, point, generation },
      asked = this.racers[panel]?.ask("forces", { point, own: this.followed() });
    const found = await asked?.catch((error) => ({ error: error.message }));
    if (found) this.say({ ...about, ...found });
  }
  /** The race so far as a page of its own. */
  async film() {
    try {
      const recorded = await (await fileOf("movie.html")).text();
      const all = this.frames.map((kept) =>
        kept.map((f) => ({ info: f.info, block: this.whole(f, kept.at(-1)) })),
      );
      const page = await movie(recorded, this.runs(), all);
      this.say({ type: "film" }, [new TextEncoder().encode(page)]);
    } catch (error) {
      this.say({ type: "film", error: error.message });
    }
  }
  /** The visitor's digits as a worker gets them. */
  followed() {
    return this.own.map(({ small, label }) => ({ small, label }));
  }
  // --- trainings
  recipes() {
    const { values, panels } = this.settings;
    return panels.map((p) => ({ ...this.page.recipe, ...values, ...p }));
  }
  async restart({ values, panels }) {
    this.settings = { values: { ...this.settings.values, ...values }, panels };
    await this.begin();
    await this.play();
  }
  /** Everything anew, with the settings as they are. */
  async begin() {
    this.generation++;
    this.frames = this.settings.panels.map(() => []);
    [this.totals, this.own] = [[], []];
    const fresh = { running: false, done: false, stopped: false, note: "loading …", error: "" };
    this.become({ ...fresh, errors: [] });
    while (this.racers.length < this.frames.length) this.racers.push(this.hired());
    for (const racer of this.racers.splice(this.frames.length)) racer.close();
    const mine = this.generation;
    try {
      const recipes = this.recipes(),
        told = await Promise.all(recipes.map((r) => this.told(r)));
      const begun = await Promise.all(this.racers.map((r, p) => r.ask("begin", told[p])));
      if (mine !== this.generation) return;
      this.totals = begun.map(({ total }) => total);
      this.open();
      this.become({ note: "" });
    } catch (error) {
      if (mine === this.generation) this.fail(error);
    }
  }
  /** A worker that has its engine and the digits; if it cannot start it says so when it begins. */
  hired() {
    const racer = this.hire(),
      { engine, digits } = this.page;
    racer.ask("hire", { engine, digits }).catch(() => {});
    return racer;
  }
  /** What a worker needs. @param {Record<string, any>} r a recipe */
  async told(r) {
    const { page } = this,
      name = variantOf(r),
      variant = page.variants[name];
    const [step, look, weights] = await Promise.all([
      fromFiles(`steps/${name}.onnx`),
      fromFiles(`looks/${name}.onnx`),
      fromFiles(`starts/${r.seed}`),
    ]);
    const knobs = Object.fromEntries(variant.knobs.map((knob) => [knob, r[knob]]));
    return {
      files: { step, look },
      ...variant,
      weights: new Float32Array(weights.buffer),
      counts: page.counts[r.profile],
      knobs,
      recipe: { ...r, ...page.training },
    };
  }
  fail(error) {
    this.become({ running: false, done: true, error: error.message, note: "" });
  }
  async play() {
    if (this.state.running || this.state.done || this.state.stopped) return;
    if (!this.totals.length) return;
    this.become({ running: true });
    const mine = this.generation;
    while (this.state.running && mine === this.generation) {
      await this.advance();
      await this.painted();
    }
  }
  /** The workers do one thing at a time. @param {() => Promise<void>} work */
  alone(work) {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => {});
    return mine;
  }
  advance() {
    return this.alone(() => this.train());
  }
  /** A frame of every training that goes on: side by side, in step. */
  async train() {
    if (this.state.done) return;
    const mine = this.generation,
      own = this.followed();
    const steps = this.frames[0].length < 2 ? 1 : EVERY; // it moves as soon as it can
    const going = this.racers.map((racer, p) =>
      this.ended(p) ? null : racer.ask("frame", { steps, own }).catch((error) => ({ error })),
    );
    const made = await Promise.all(going);
    if (mine !== this.generation) return;
    made.forEach((frame, p) => frame && this.add(p, frame));
    this.offer();
    if (this.racers.every((_, p) => this.ended(p))) this.become({ running: false, done: true });
  }
  ended(p) {
    return Boolean(this.state.errors[p]) || this.frames[p].at(-1)?.done;
  }
  add(p, frame) {
    if (!frame.error) this.frames[p].push({ ...frame, own: this.own.length });
    else {
      const errors = this.settings.panels.map((_, q) => this.state.errors[q] || "");
      errors[p] = frame.error.message;
      this.become({ errors });
    }
  }
  // --- what the theatre is told
  open() {
    const { blocks, runs } = this.runs();
    this.say({ type: "init", generation: this.generation, runs, frames: [] }, blocks);
    this.sent = this.frames.map(() => 0);
    this.acked = this.seq;
    this.offer();
  }
  runs() {
    const { labels, images, side } = this.page.held,
      blocks = [
        joined(
          labels,
          Uint8Array.from(this.own, (o) => o.label),
        ),
      ];
    blocks.push(joined(images, ...this.own.map((o) => o.picture)));
    const domains = [...Array(labels.length).fill(0), ...this.own.map(() => 1)];
    const beside = this.own.length ? { domains, domain_names: ["held-out digits", "yours"] } : {};
    const runs = this.recipes().map((r, p) => ({
      name: label(r),
      class_names: this.page.names,
      k: this.page.names.length,
      counts: this.page.counts[r.profile],
      minority: this.page.minority[r.profile],
      total: this.totals?.[p] || 0,
      angular: r.loss === "angular",
      labels: 0,
      images: p ? { same: 0 } : { buffer: 1, h: side, w: side },
      error: this.state.errors[p] || "",
      ...beside,
    }));
    return { blocks, runs };
  }
  /** Frames that were not sent yet, panel by panel in step. */
  offer() {
    if (!this.sent) return;
    const frames = [],
      blocks = [];
    for (let i = Math.min(...this.sent); i < Math.max(...this.frames.map((f) => f.length)); i++)
      this.frames.forEach((kept, p) => {
        if (i < this.sent[p] || !kept[i]) return;
        frames.push({ ...kept[i].info, index: i, panel: p, buffer: blocks.length });
        blocks.push(this.whole(kept[i], kept.at(-1)));
        this.sent[p] = i + 1;
      });
    if (!frames.length) return;
    this.seq++;
    this.say({ type: "frames", seq: this.seq, generation: this.generation, frames }, blocks);
  }
  /** A frame with all of the visitor's digits: before they came, they stand where they are now. */
  whole(frame, last) {
    const missing = this.own.length - frame.own;
    if (!missing) return frame.block;
    const known = new Int16Array(last.block.slice(-4 * last.own).buffer),
      grown = last.info.scale / frame.info.scale;
    const there = (i) => (last.own > i >> 1 ? known[i] * grown : 0),
      points = Array.from({ length: 2 * missing }, (_, i) => there(2 * frame.own + i));
    const kept = points.map((v) => Math.max(-STEPS, Math.min(STEPS, v)));
    return joined(frame.block, Int16Array.from(kept));
  }
  take(seq) {
    this.acked = Math.max(this.acked, seq);
    this.waiting?.();
  }
  /** Once the page has room for more. */
  async painted() {
    while (this.seq - this.acked >= CREDIT && this.state.running)
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.waiting = () => resolve();
          setTimeout(resolve, 1000); // nobody answers: one a second
        })
      );
  }
  /**
   * A digit of the visitor's; what is wrong, if there is no room for it.
   * @param {{picture: Uint8Array, small: Float32Array, label: number}} digit
   */
  async follow(digit) {
    const { room } = this.page;
    if (this.own.length >= room) return `${room} digits are followed already: restart first`;
    this.own.push(digit);
    await this.alone(() => this.look());
    this.open();
    return "";
  }
  /** Where it is now: looked at without a step. */
  async look() {
    if (!this.frames[0]?.length) return;
    const own = this.followed(),
      mine = this.generation;
    const seen = await Promise.all(this.racers.map((r) => r.ask("frame", { steps: 0, own })));
    if (mine === this.generation) seen.forEach((frame, p) => this.renew(p, frame, own.length));
  }
  /** The last frame once more, with more points. */
  renew(p, { block, info }, own) {
    const last = this.frames[p].at(-1),
      { scale } = info;
    if (last) Object.assign(last, { block, own, info: { ...last.info, scale } });
  }
}
