// Sliders and choices; what is changed there waits for the next start.
import { h, setText } from "../dom.js";
import { short } from "../numbers.js";

/**
 * @typedef {Object} Control as widgets/controls describes it
 * @property {string} name
 * @property {string} label
 * @property {"slider" | "choice"} kind
 * @property {"panel" | "shared"} scope
 * @property {any[]} [options]
 * @property {number} [min]
 * @property {number} [max]
 * @property {number} [step]
 */
/**
 * @typedef {{control: Control, panel: number | null, input: any, get: () => any, set: (v: any) =>
 *   void}} Entry
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
    this.entries.push({
      control: c,
      panel,
      input,
      get: () => (slider ? Number(input.value) : c.options[Number(input.value)]),
      set: (v) => {
        input.value = slider ? v : c.options.indexOf(v);
        show();
      },
    });
    const label = h("span", { text: c.label });
    return h("label", { class: "fnb-control" }, label, input, slider ? shown : "");
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
  /** Marks the changed ones; true if there is one. */
  mark() {
    let any = false;
    for (const e of this.entries) {
      const dirty = this.isDirty(e);
      e.input.parentElement.classList.toggle("dirty", dirty);
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
