// What one widget model (or one HTML file) knows, its views listen; and the words for it.
import { clamp, mix } from "../numbers.js";

export const ANSWER = 600; // ms the kernel has for an answer, until we say that we wait
const SILENT = 10_000; // ms without an answer of the kernel, until we say so
const GONE = "The kernel is gone: run the cell again";

/**
 * @typedef {Object} Status what the kernel says (Theatre._state in widgets/theatre)
 * @property {boolean} running
 * @property {boolean} done
 * @property {boolean} stopped
 * @property {string} error
 * @property {string} [note]
 * @property {Record<string, any>} values
 * @property {Record<string, any>[]} panels
 * @property {string[]} [errors]
 * @property {string} [code] the lines that make these runs
 */

export class Store {
  /** @param {any} config */
  constructor(config) {
    /** @type {{live: boolean, restartable: boolean, controls: any[], palette?: string[]}} */
    this.config = { live: false, restartable: false, controls: [], ...config };
    /** @type {Status} */
    this.status = { running: false, done: true, stopped: false, error: "", values: {}, panels: [] };
    /** @type {import("./run.js").Run[]} */
    this.runs = [];
    /** @type {Set<any>} */
    this.views = new Set();
    this.generation = -1;
    this.gone = false; // the kernel ended, or another one is there
    this.unanswered = 0; // when the kernel was first asked since it was last heard
    this.rate = 8; // frames per second as they come, smoothed
    this.arrived = 0; // when the last ones came
    /** @type {(message: any) => void} */
    this.send = () => {};
    /** @type {(() => void) | undefined} */
    this.painted = undefined; // called when what came is on the screen
  }
  get training() {
    return Boolean(this.config.live && this.status.running && !this.gone);
  }
  get trainable() {
    const { done, stopped } = this.status;
    return Boolean(this.config.live && !done && !stopped && !this.gone);
  }
  /** @param {"runs" | "frames" | "status"} what */
  changed(what) {
    for (const view of this.views) view.changed(what);
  }
  /** @param {number} generation @param {import("./run.js").Run[]} runs */
  reset(generation, runs) {
    this.generation = generation;
    this.runs = runs;
    this.arrived = 0;
    this.changed("runs");
  }
  /** @param {number} now */
  arrive(now) {
    const rate = clamp(1000 / Math.max(1, now - this.arrived), 0.3, 60);
    if (this.arrived) this.rate = mix(this.rate, rate, 0.2);
    this.arrived = now;
  }
  /** @param {number} now */
  silent(now) {
    return this.unanswered > 0 && now - this.unanswered > SILENT;
  }
}

/** What an empty picture says. @param {Store} store */
export const emptyText = (store) =>
  store.trainable && !store.training ? "press Play to begin" : "waiting for the first frame …";

/**
 * What the training does, in words.
 * @param {Store} store
 * @param {number} now ms
 * @param {number | null} asked when the kernel was asked for something it has not answered yet
 * @param {boolean} follow whether the newest frame is shown
 */
export function statusText(store, now, asked, follow) {
  const { running, error, stopped, done, note } = store.status;
  if (store.gone) return GONE;
  if (asked != null && now - asked > ANSWER) return "waiting for the kernel …";
  if (!store.config.live) return "";
  if (running && store.silent(now)) return "no news from the kernel";
  if (store.silent(now)) return "the kernel does not answer: it is busy, or gone";
  if (running) return follow ? "training" : "training, showing an earlier frame";
  if (error) return "stopped by an error";
  if (stopped) return "stopped";
  return done ? "finished" : note || "paused";
}
