// Under a picture of two domains: a schedule to drag, small charts, the doctor's findings.
import { h, setText } from "../dom.js";
import { clamp, short, whole } from "../numbers.js";
import {
  SCHEDULES,
  SCHEDULE_WORDS,
  findingsUntil,
  hasMirror,
  moveCorner,
  nearestCorner,
  curveSeries,
  valueAt,
} from "./mirror_data.js";
import {
  chartPlaces,
  chartWords,
  drawCharts,
  drawPlan,
  planBox,
  planPlace,
} from "./mirror_draw.js";
import { fitCanvas } from "./paint.js";

const DRAG_PAUSE = 250; // ms between two messages while a corner is dragged
const KEY_STEPS = 20; // steps of the arrow keys from one end of a curve to the other
const MIRROR_MORE = 70; // px of its height that are not drawn in; see theatre.css
const HAND_COLORS = { light: "#1768c4", dark: "#6cb6ff" };

/** @typedef {import("./mirror_data.js").Corner} Corner */

export class Mirror {
  /** @param {import("./panel.js").Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.curve = SCHEDULES[0];
    this.hot = -1; // the corner in hand
    this.held = false; // whether the mouse holds it
    /** @type {Corner[] | null} */
    this.mine = null; // corners as dragged, until the kernel has them
    this.sent = 0; // when corners were sent last, in ms
    this.frame = 0;
    this.tabs = h("div", { class: "fnb-tabs", role: "group", "aria-label": "Charts" });
    for (const [key, text] of [["mirror", "mirror"], ["loss", "recall and loss"]])
      this.tabs.append(this.tab(key, text));
    this.el = h("div", { class: "fnb-mirror" }, ...this.build());
    this.shown = "mirror";
  }
  tab(key, text) {
    const onclick = () => this.show(key);
    return h("button", { type: "button", class: "fnb-tab", "data-key": key, text, onclick });
  }
  build() {
    const onchange = (e) => this.choose(e.target.value);
    this.select = h("select", { "aria-label": "Curve to draw", onchange });
    this.hint = h("span", { class: "fnb-hint" });
    const hand = {
      onpointerdown: (e) => this.take(e),
      onpointermove: (e) => this.drag(e),
      onpointerup: () => this.drop(),
      onpointercancel: () => this.drop(),
      onkeydown: (e) => this.key(e),
      onblur: () => this.leave(),
    };
    const about = { tabindex: 0, role: "slider", "aria-label": "Schedule" };
    this.plan = h("canvas", { class: "fnb-schedule", ...about, ...hand });
    const point = { onpointermove: (e) => this.explain(e) };
    this.charts = h("canvas", { class: "fnb-minis", role: "img", ...point });
    this.newest = h("summary");
    this.list = h("ul");
    this.findings = h("details", { class: "fnb-findings" }, this.newest, this.list);
    return [
      h("div", { class: "fnb-caption" }, this.select, this.hint),
      h("div", { class: "fnb-schedule-box" }, this.plan),
      h("div", { class: "fnb-minis-box" }, this.charts),
      this.findings,
    ];
  }
  get run() {
    return this.panel.run;
  }
  get store() {
    return this.panel.view.store;
  }
  /** The plan as the kernel says it, or null. */
  get said() {
    const plan = this.store.status.plans?.[this.panel.index];
    return this.store.config.live && plan ? plan : null;
  }
  /** The chosen curve of the plan. @returns {import("./mirror_data.js").Curve | null} */
  get chosen() {
    return this.said?.curves[this.curve] || null;
  }
  get corners() {
    return this.mine || this.chosen?.corners || null;
  }
  get now() {
    return this.run?.frames.at(-1)?.step ?? 0;
  }
  /** How much of its height is drawn; 0 where it is not shown. */
  get drawn() {
    return Math.max(0, this.el.offsetHeight - MIRROR_MORE);
  }
  /** Corners may be moved while there are steps to come. */
  get open() {
    return Boolean(this.chosen && this.store.trainable);
  }

  // --- what is shown
  show(key) {
    this.shown = key;
    this.refresh();
    this.panel.view.fit();
    this.panel.view.schedule();
  }
  choose(name) {
    this.curve = name;
    this.leave();
    this.panel.view.schedule();
  }
  refresh() {
    const some = hasMirror(this.run),
      side = this.panel.side;
    side.dataset.charts = some ? this.shown : "loss";
    this.tabs.hidden = !some;
    for (const b of this.tabs.children)
      b.setAttribute("aria-pressed", String(b.dataset.key === this.shown));
    if (this.mine && !this.held && performance.now() - this.sent > DRAG_PAUSE) this.mine = null;
    const last = this.run?.frames.at(-1)?.curves || {};
    const names = SCHEDULES.filter((name) => name in last),
      key = names.join();
    this.el.classList.toggle("plain", !names.length);
    if (key === this.names) return;
    this.names = key;
    if (!names.includes(this.curve)) this.curve = names[0] || SCHEDULES[0];
    const option = (name) => h("option", { value: name, text: name === "λ" ? "λ(n)" : name });
    this.select.replaceChildren(...names.map(option));
    this.select.value = this.curve;
  }
  /** @param {number} frame */
  draw(frame) {
    const { run, panel } = this;
    this.frame = frame;
    if (!this.names && hasMirror(run)) this.refresh();
    if (!this.charts.clientWidth) return;
    const { theme, font, dpr } = panel.view.look,
      accent = panel.view.dark ? HAND_COLORS.dark : HAND_COLORS.light;
    const open = (canvas) => {
      fitCanvas(canvas, dpr);
      const ctx = canvas.getContext("2d");
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      return [ctx, canvas.clientWidth, canvas.clientHeight];
    };
    const [charts, w, tall] = open(this.charts);
    drawCharts(charts, w, tall, run, frame, { theme, font });
    if (this.names) {
      const [ctx, wide, high] = open(this.plan);
      drawPlan(ctx, wide, high, this.picture(), { theme, font, accent });
    }
    this.say();
  }
  picture() {
    const { run, open, chosen, hot } = this,
      past = curveSeries(run, this.curve),
      total = Math.max(this.said?.total || run.total, this.now, 1);
    const top = Math.max(1e-12, ...past.map(([, v]) => v)),
      most = chosen?.most || top * 1.1;
    const here = run.frames[this.frame].step,
      corners = open ? this.corners : null;
    return { name: this.curve, most, total, now: this.now, here, past, corners, hot };
  }
  /** Words: what may be done, what the curves say, what the doctor found. */
  say() {
    const { run, frame, open, corners, hot } = this,
      v = run.frames[frame].curves[this.curve];
    const at = v == null ? "" : `${short(Number(v.toPrecision(3)))} now`;
    const help = open ? "drag the corners; Shift: and all later ones" : "";
    setText(this.hint, [at, help.split(";")[0]].filter(Boolean).join(" · "));
    this.hint.title = help;
    this.plan.title = `${SCHEDULE_WORDS[this.curve] || ""}. ${help}`;
    this.plan.setAttribute("aria-disabled", String(!open));
    const value = hot >= 0 && corners ? corners[hot] : [run.frames[frame].step, v ?? 0];
    const text = `${this.curve} ${short(value[1])} at step ${whole(value[0])}`;
    this.plan.setAttribute("aria-valuetext", text);
    this.plan.setAttribute("aria-valuenow", String(value[1]));
    this.plan.setAttribute("aria-valuemax", String(this.picture().most));
    this.plan.setAttribute("aria-valuemin", "0");
    const words = chartPlaces(run, 1, 1).map(
      ({ chart }) => `${chart.title}: ${chartWords(chart, run, frame)}`,
    );
    this.charts.setAttribute("aria-label", words.join("; "));
    this.sayFindings(findingsUntil(run, frame));
  }
  sayFindings(found) {
    const [first] = found,
      count = found.length === 1 ? "1 finding" : `${found.length} findings`;
    setText(this.newest, first ? `Doctor: ${count}, newest: ${first.name}` : "Doctor: no finding");
    const key = String(found.length) + (first?.name || "");
    if (key === this.told) return;
    this.told = key;
    const item = (f) =>
      h(
        "li",
        {},
        h("b", { text: f.name }),
        ` (step ${whole(f.step)}): ${f.measured}. `,
        h("i", { text: `Try: ${f.advice}.` }),
      );
    this.list.replaceChildren(...found.map(item));
  }
  explain(e) {
    const r = this.charts.getBoundingClientRect(),
      inside = (p) => e.clientX - r.left < p.x + p.w && e.clientY - r.top < p.y + p.h;
    const place = this.run && chartPlaces(this.run, r.width, r.height).find(inside);
    this.charts.title = place ? place.chart.help : "";
  }

  // --- the hand
  place() {
    const { total, most } = this.picture(),
      { clientWidth: w, clientHeight: tall } = this.plan;
    return planPlace(planBox(w, tall), total, most);
  }
  mouse(e) {
    const r = this.plan.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  }
  take(e) {
    if (!this.open || !this.run.frames.length) return;
    const [x, y] = this.mouse(e),
      { at } = this.place();
    this.hot = nearestCorner(this.corners, this.now, (c) => {
      const [cx, cy] = at(c);
      return Math.hypot(cx - x, (cy - y) / 3); // the column counts more than the height
    });
    this.held = this.hot >= 0;
    if (this.held) this.plan.setPointerCapture(e.pointerId);
    this.drag(e);
  }
  drag(e) {
    if (!this.held || !this.open) return;
    const to = this.place().from(...this.mouse(e));
    this.move(to, e.shiftKey);
  }
  /** @param {Corner} to @param {boolean} rest */
  move(to, rest) {
    const { total, most } = this.picture();
    this.mine = moveCorner(this.corners, this.hot, to, { now: this.now, total, most, rest });
    if (performance.now() - this.sent > DRAG_PAUSE) this.tell();
    this.panel.view.schedule();
  }
  drop() {
    if (!this.held) return;
    this.held = false;
    this.tell();
  }
  leave() {
    this.hot = -1;
    this.held = false;
    this.mine = null;
  }
  tell() {
    // to the kernel: the next step follows these corners
    this.sent = performance.now();
    const { index } = this.panel;
    const about = { panel: index, generation: this.store.generation, name: this.curve };
    this.store.send({ type: "draw", ...about, corners: this.mine });
  }
  key(e) {
    const { open, corners } = this;
    if (!open || !corners || e.ctrlKey || e.metaKey || e.altKey) return;
    const ahead = corners.flatMap((c, i) => (c[0] >= this.now ? [i] : [])),
      at = ahead.indexOf(this.hot);
    const side = { ArrowRight: 1, ArrowLeft: -1 }[e.key],
      up = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[e.key];
    if (e.key === "Escape" && this.hot >= 0) this.leave();
    else if (side) this.hot = ahead[at < 0 ? 0 : clamp(at + side, 0, ahead.length - 1)];
    else if (up && at >= 0) {
      const { most } = this.picture(),
        [n, v] = corners[this.hot];
      this.sent = 0;
      this.move([n, v + (up * most) / KEY_STEPS], e.shiftKey);
    } else return;
    e.preventDefault();
    e.stopPropagation();
    this.panel.view.schedule();
  }
  /** For tests: the corners, and where they are on the screen. */
  report() {
    const { corners } = this;
    if (!corners || !this.run?.frames.length) return null;
    const { at } = this.place();
    const value = valueAt(corners, this.now);
    return { curve: this.curve, corners, open: this.open, pixels: corners.map(at), value };
  }
}
