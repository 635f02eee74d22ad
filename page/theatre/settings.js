// Sliders and choices; what is changed there waits for the next start.
import { h, setText } from "../dom.js";
import { short } from "../numbers.js";

/**
 * @typedef {Object} Control as widgets/controls describes it
 * @property {string} name
 * @property {string} label in words, and the symbol
 * @property {string} [help] what it does, which way to turn it
 * @property {Record<string, any[]>} [used] shown only where another control has one of these values
 * @property {"slider" | "choice"} kind
 * @property {"panel" | "shared"} scope
 * @property {any[]} [options]
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 */
/**
 * @typedef {{control: Control, panel: number | null, input: any, el: HTMLElement,
 *   get: () => any, set: (v: any) => void}} Entry
 */

/**
 * Whether a control stands elsewhere than what is running.
 * @param {string} kind
 * @param {any} have
 * @param {any} want
 */
export function differs(kind, have, want) {
  if (want === undefined) return false;
  if (kind !== "slider") return have !== want;
  return Math.abs(have - want) > 1e-9 * Math.max(1, Math.abs(want));
}

export class Settings {
  /** @param {import("./store.js").Store} store @param {() => void} changed */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    /** @type {Entry[]} */
    this.entries = [];
    const about = { role: "group", "aria-label": "Settings, applied at restart" };
    this.el = h("div", { class: "fnb-controls", ...about });
    this.el.append(...this.of("shared").map((c) => this.make(c, null)));
  }
  of(scope) {
    return this.store.config.controls.filter((c) => (c.scope === "panel") === (scope === "panel"));
  }
  /**
   * The settings in which panels differ stand in the panels.
   * @param {import("./panel.js").Panel[]} panels
   */
  buildChoices(panels) {
    this.entries = this.entries.filter((e) => e.panel == null);
    const per = this.of("panel");
    panels.forEach((p, i) => p.choices.replaceChildren(...per.map((c) => this.make(c, i))));
    this.show(true);
  }
  /** @param {Control} c @param {number | null} panel */
  make(c, panel) {
    const slider = c.kind === "slider",
      shown = h("output");
    const show = () => {
      setText(shown, slider ? short(Number(input.value)) : "");
      this.changed();
    };
    const option = (o, j) => h("option", { value: j, text: String(o) });
    const { min, max, step } = c;
    const input = slider
      ? h("input", { type: "range", min, max, step, oninput: show })
      : h("select", { onchange: show }, ...c.options.map(option));
    const where = panel == null ? c.label : `${c.label}, panel ${panel + 1}`;
    input.setAttribute("aria-label", where);
    const label = h("span", { class: "fnb-label", text: c.label }),
      help = c.help && panel == null ? h("small", { text: c.help }) : "";
    const row = { class: `fnb-control fnb-${c.kind}`, title: c.help || false };
    const el = h("label", row, label, input, slider ? shown : "", help);
    this.entries.push({
      control: c,
      panel,
      input,
      el,
      get: () => (slider ? Number(input.value) : c.options[Number(input.value)]),
      set: (v) => {
        input.value = slider ? v : c.options.indexOf(v);
        show();
      },
    });
    return el;
  }
  /** What is running. @param {Entry} e */
  applied(e) {
    const { values, panels } = this.store.status,
      { name } = e.control;
    return e.panel == null ? values[name] : (panels[e.panel] || {})[name];
  }
  /** @param {Entry} e */
  isDirty(e) {
    return differs(e.control.kind, e.get(), this.applied(e));
  }
  /** Whether some panel, as the controls stand, has a use for it. @param {Control} control */
  isUsed({ used }) {
    const stands = (name) => this.entries.filter((e) => e.control.name === name);
    return Object.entries(used || {}).every(([name, values]) =>
      stands(name).some((e) => values.includes(e.get())),
    );
  }
  /** Marks the changed ones and leaves out those without a use; true if there is one. */
  mark() {
    let any = false;
    for (const e of this.entries) {
      const dirty = this.isDirty(e);
      e.el.classList.toggle("dirty", dirty);
      e.el.hidden = !this.isUsed(e.control);
      any ||= dirty;
    }
    return any;
  }
  show(force = false) {
    // after a restart the controls show what is running
    const key = JSON.stringify([this.store.status.values, this.store.status.panels]);
    if (!force && key === this.key) return;
    this.key = key;
    for (const e of this.entries) {
      const v = this.applied(e);
      if (v !== undefined) e.set(v);
    }
  }
  /** Puts the controls there. @param {{values: any, panels: any[]}} where */
  stand({ values, panels }) {
    for (const e of this.entries) {
      const v = (e.panel == null ? values : panels[e.panel] || {})[e.control.name];
      if (v !== undefined) e.set(v);
    }
  }
  wanted() {
    // for a restart: shared values, and those of every panel
    const values = {},
      panels = [];
    for (const { control, panel, get } of this.entries)
      (panel == null ? values : (panels[panel] ||= {}))[control.name] = get();
    return { values, panels };
  }
  /** @param {EventTarget} target */
  owns(target) {
    return this.entries.some((e) => e.input === target);
  }
}
