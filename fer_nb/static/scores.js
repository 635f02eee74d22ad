// Scores of emotions beside the AU studio: what three tables make of the action units that are set (bars) and of those a network sees (ticks).
// One ES module without dependencies. Everything it shows is the synced trait `report`, a plain object made in Python.

function h(tag, props = {}, ...children) { // text only ever enters as text
  const e = document.createElement(tag);
  for (const [key, v] of Object.entries(props)) {
    if (key === "text") e.textContent = v;
    else if (v != null && v !== false) e.setAttribute(key, v);
  }
  e.append(...children);
  return e;
}
const percent = (v, most) => `${Math.min(100, Math.max(0, (100 * v) / most)).toFixed(1)}%`;
const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };

// A row: name, a bar for what is set, a tick for what is seen, the number.
function buildRow(name) {
  const bar = h("i", { class: "fsc-bar" }), tick = h("i", { class: "fsc-tick" }), value = h("output", { class: "fsc-value" });
  const el = h("div", { class: "fsc-row", "data-name": name }, h("span", { class: "fsc-name", text: name }), h("span", { class: "fsc-track" }, bar, tick), value);
  return { el, show(set, seen, most) {
    bar.style.width = percent(set ?? 0, most);
    tick.hidden = seen == null;
    if (seen != null) tick.style.left = percent(seen, most);
    setText(value, set == null ? "–" : set.toFixed(2));
  } };
}

class Panel {
  constructor(model, root) {
    this.model = model;
    this.tables = h("div", { class: "fsc-tables" });
    this.sees = h("div", { class: "fsc-sees" });
    this.el = h("div", { class: "fsc", role: "group", "aria-label": "Scores of emotions" }, h("style", { text: STYLE }), this.tables, this.sees);
    this.el.scores = { state: () => model.get("report") };
    root.append(this.el);
    this.shape = "";
    this.show();
  }
  build(report) { // anew only when tables, emotions or action units are others
    const shape = JSON.stringify([report.tables.map((t) => [t.name, t.emotions]), report.aus, report.sees != null]);
    if (shape === this.shape) return;
    this.shape = shape;
    this.boxes = report.tables.map((t) => {
      const rows = t.emotions.map(buildRow), verdict = h("div", { class: "fsc-verdict", role: "status" }), seen = h("div", { class: "fsc-seen" });
      return { rows, verdict, seen, el: h("section", { class: "fsc-table", "data-table": t.name, "aria-label": `Table ${t.name}` }, h("h4", { text: t.name }), ...rows.map((r) => r.el), verdict, seen) };
    });
    this.tables.replaceChildren(...this.boxes.map((b) => b.el));
    this.units = report.sees == null ? [] : report.aus.map(buildRow);
    this.sees.replaceChildren(...(this.units.length ? [h("h4", { text: "what is set (bar) and what the network sees (tick)" }), h("div", { class: "fsc-units" }, ...this.units.map((u) => u.el))] : []));
  }
  show() {
    const report = this.model.get("report");
    if (!report || !report.tables) return;
    this.build(report);
    report.tables.forEach((t, i) => {
      const box = this.boxes[i];
      t.emotions.forEach((emotion, k) => {
        box.rows[k].show(t.scores[k], t.seen && t.seen[k], 1);
        box.rows[k].el.classList.toggle("best", emotion === t.winner);
        box.rows[k].el.classList.toggle("tied", t.tied.includes(emotion));
      });
      setText(box.verdict, t.verdict);
      setText(box.seen, t.seen ? `network: ${t.seen_verdict}` : "");
      box.el.classList.toggle("ambiguous", t.tied.length > 0);
    });
    this.units.forEach((u, k) => u.show(report.au[k], report.sees[k], 1.3));
  }
  close() { this.el.remove(); }
}

const STYLE = `
.fsc{--fg:var(--jp-ui-font-color1,currentColor);--muted:var(--jp-ui-font-color2,#6b7580);--line:var(--jp-border-color2,rgba(128,128,128,.35));--accent:var(--jp-brand-color1,#1768c4);--warn:var(--jp-warn-color0,#c45a00);
 container-type:inline-size;box-sizing:border-box;padding:8px;max-width:1120px;color:var(--fg);font:13px/1.35 var(--jp-ui-font-family,system-ui,sans-serif)}
.fsc *{box-sizing:border-box}
.fsc [hidden]{display:none}
.fsc h4{margin:0 0 4px;font-size:12px;font-weight:600}
.fsc-tables{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:8px 18px}
.fsc-table{min-width:0;padding:6px;border:1px solid var(--line);border-radius:6px}
.fsc-table.ambiguous{border-color:var(--warn);border-style:dashed}
.fsc-row{display:grid;grid-template-columns:76px minmax(0,1fr) 30px;gap:6px;align-items:center;height:19px}
.fsc-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:var(--muted);font-size:12px}
.fsc-track{position:relative;height:9px;border-radius:3px;background:var(--line)}
.fsc-bar{position:absolute;inset:0 auto 0 0;border-radius:3px;background:var(--muted)}
.fsc-tick{position:absolute;top:-3px;bottom:-3px;width:3px;margin-left:-1.5px;background:var(--fg);border-radius:1px}
.fsc-row.best .fsc-name,.fsc-row.tied .fsc-name{color:var(--fg);font-weight:600}
.fsc-row.best .fsc-bar{background:var(--accent)}
.fsc-row.tied .fsc-bar{background:repeating-linear-gradient(135deg,var(--warn) 0 4px,transparent 4px 7px)}
.fsc-value{font-size:11px;text-align:right;font-variant-numeric:tabular-nums;color:var(--muted)}
.fsc-verdict{min-height:1.35em;margin-top:4px;overflow-wrap:anywhere}
.fsc-seen{min-height:1.35em;color:var(--muted);font-size:12px;overflow-wrap:anywhere}
.fsc-table.ambiguous .fsc-verdict{color:var(--warn)}
.fsc-sees{margin-top:8px}
.fsc-units{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:0 18px}
@container (max-width:620px){.fsc-tables,.fsc-units{grid-template-columns:minmax(0,1fr)}}
`;

export default {
  render({ model, el }) {
    const panel = new Panel(model, el), show = () => panel.show();
    model.on("change:report", show);
    return () => { model.off("change:report", show); panel.close(); };
  },
};
