// Scores of emotions: what three tables make of the action units that are set (bars) and of those a
// network sees (ticks).
import { h, setText } from "../dom.js";
import { clamp } from "../numbers.js";
import STYLE from "./scores.css";

const MOST = 1.3; // largest intensity of an action

/**
 * @typedef {Object} Report made in Python (ScoreStudio in large_margin)
 * @property {{name: string, emotions: string[], scores: number[], seen: number[] | null, winner:
 * string | null, tied: string[], verdict: string, seen_verdict: string}[]} tables
 * @property {string[]} aus
 * @property {number[]} au
 * @property {number[] | null} sees
 */

const share = (v, most) => `${clamp((100 * v) / most, 0, 100).toFixed(1)}%`;

/** A row: name, a bar for what is set, a tick for what is seen, the number. @param {string} name */
function buildRow(name) {
  const bar = h("i", { class: "fsc-bar" }),
    tick = h("i", { class: "fsc-tick" });
  const value = h("output", { class: "fsc-value" }),
    label = h("span", { class: "fsc-name", text: name });
  const track = h("span", { class: "fsc-track" }, bar, tick);
  const el = h("div", { class: "fsc-row", "data-name": name }, label, track, value);
  const show = (set, seen, most) => {
    bar.style.width = share(set ?? 0, most);
    tick.hidden = seen == null;
    if (seen != null) tick.style.left = share(seen, most);
    setText(value, set == null ? "–" : set.toFixed(2));
  };
  return { el, show };
}

/** @param {Report["tables"][0]} table */
function buildTable({ name, emotions }) {
  const rows = emotions.map(buildRow),
    seen = h("div", { class: "fsc-seen" });
  const verdict = h("div", { class: "fsc-verdict", role: "status" });
  const about = { class: "fsc-table", "data-table": name, "aria-label": `Table ${name}` };
  const title = h("h4", { text: name });
  const el = h("section", about, title, ...rows.map((r) => r.el), verdict, seen);
  return { rows, verdict, seen, el };
}

export class Panel {
  /** @param {any} model @param {HTMLElement} root */
  constructor(model, root) {
    this.model = model;
    this.tables = h("div", { class: "fsc-tables" });
    this.sees = h("div", { class: "fsc-sees" });
    const about = { role: "group", "aria-label": "Scores of emotions" };
    const style = h("style", { text: STYLE });
    this.el = h("div", { class: "fsc", ...about }, style, this.tables, this.sees);
    this.el.scores = { state: () => model.get("report") };
    root.append(this.el);
    this.shape = "";
    this.show();
  }
  /** Anew only when tables, emotions or action units are others. @param {Report} report */
  build(report) {
    const { tables, aus, sees } = report,
      named = tables.map((t) => [t.name, t.emotions]);
    const shape = JSON.stringify([named, aus, sees != null]);
    if (shape === this.shape) return;
    this.shape = shape;
    this.boxes = tables.map(buildTable);
    this.units = sees == null ? [] : aus.map(buildRow);
    this.tables.replaceChildren(...this.boxes.map((b) => b.el));
    const title = h("h4", { text: "what is set (bar) and what the network sees (tick)" });
    const units = h("div", { class: "fsc-units" }, ...this.units.map((u) => u.el));
    this.sees.replaceChildren(...(this.units.length ? [title, units] : []));
  }
  show() {
    /** @type {Report} */
    const report = this.model.get("report");
    if (!report || !report.tables) return;
    this.build(report);
    report.tables.forEach((t, i) => this.showTable(this.boxes[i], t));
    this.units.forEach((u, k) => u.show(report.au[k], report.sees[k], MOST));
  }
  showTable({ rows, verdict, seen, el }, t) {
    t.emotions.forEach((emotion, k) => {
      rows[k].show(t.scores[k], t.seen && t.seen[k], 1);
      rows[k].el.classList.toggle("best", emotion === t.winner);
      rows[k].el.classList.toggle("tied", t.tied.includes(emotion));
    });
    setText(verdict, t.verdict);
    setText(seen, t.seen ? `network: ${t.seen_verdict}` : "");
    el.classList.toggle("ambiguous", t.tied.length > 0);
  }
  close() {
    this.el.remove();
  }
}
