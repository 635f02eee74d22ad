// "Surprise me": a training that breaks, and when it has trained, why.
import { h, setText } from "../dom.js";
import { short } from "../numbers.js";

/**
 * @typedef {Object} Surprise as widgets/controls describes it
 * @property {string} name
 * @property {Record<string, any>} settings by name; those of panels go to the panel nearest to them
 * @property {string} why
 */

/**
 * Where controls stand for a surprise: what is no panel's own goes to all; the rest to the panel
 * that has most of it already, or else to the last one.
 * @param {{values: Record<string, any>, panels: Record<string, any>[]}} now
 * @param {Record<string, any>} settings
 */
export function placed(now, settings) {
  const panels = now.panels.map((p) => ({ ...p })),
    values = { ...now.values };
  const own = Object.keys(settings).filter((n) => panels.some((p) => n in p));
  const alike = (p) => own.filter((n) => p[n] === settings[n]).length;
  const best = panels.reduce((b, p, i) => (alike(p) > alike(panels[b]) ? i : b), panels.length - 1);
  for (const [name, v] of Object.entries(settings)) {
    const there = own.includes(name) ? panels[best] : values;
    there[name] = v;
  }
  return { values, panels };
}

export class Lesson {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.at = -1;
    /** @type {Surprise | null} */
    this.now = null;
    this.title = h("strong");
    this.text = h("span");
    const onclick = () => this.close();
    const close = h("button", { type: "button", class: "fnb-link", text: "close", onclick });
    const about = { class: "fnb-lesson", role: "status", hidden: true };
    this.el = h("div", about, this.title, this.text, close);
  }
  get open() {
    return !this.el.hidden;
  }
  next() {
    const { store, settings, drawer } = this.view,
      { surprises, first } = store.config;
    this.at = (this.at + 1) % surprises.length;
    this.now = surprises[this.at];
    settings.stand(placed(first, this.now.settings));
    drawer.toggle(false);
    this.from = store.generation;
    this.view.restart();
    this.show();
  }
  close() {
    this.now = null;
    this.el.hidden = true;
    this.view.el.focus({ preventScroll: true });
  }
  /** The reason comes when it has trained. */
  show() {
    const { store } = this.view,
      { now } = this;
    if (!now) return;
    const other = store.generation !== this.from,
      trained = other && !store.training && (store.status.done || store.status.error);
    if (other && store.generation > this.from + 1) return this.close();
    const said = (v) => (typeof v === "number" ? short(v) : v);
    const what = Object.entries(now.settings).map(([n, v]) => `${n} = ${said(v)}`);
    this.el.hidden = false;
    setText(this.title, `${now.name} `);
    setText(this.text, trained ? now.why : `Now with ${what.join(", ")}. What will break? `);
  }
}
