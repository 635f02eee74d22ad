// The booth: consent and sources, the frame with what was found, the twin, bars, curve, scores.
import { h, setText, watchTheme } from "../dom.js";
import { clamp } from "../numbers.js";
import { toCanvas } from "../studio/pictures.js";
import STYLE from "./booth.css";
import { Curve } from "./curve.js";
import { left, LENGTH } from "./desk.js";

const MOST = 1.3; // largest intensity of an action
const CONSENT = [
  "Your camera starts only when you press the button below.",
  "Its pictures go from this page to the kernel of this notebook and to no other place. On your " +
    "own computer they stay on it; on a hub the kernel runs on the hub's computer.",
  "Nothing is written to a disk. The kernel keeps small crops of your face in its memory, for " +
    "calibration and adaptation, until you press Forget me or it ends.",
];
const SOURCES = {
  camera: "your camera",
  video: "a video",
  photographs: "photographs",
  clip: "the clip",
};

const share = (v) => `${clamp((100 * v) / MOST, 0, 100).toFixed(1)}%`;

/** A bar for now, ticks for before and true. @param {string} name */
function buildRow(name, tag, props) {
  const bar = h("i", { class: "fob-bar" }),
    tick = h("i", { class: "fob-tick" }),
    dot = h("i", { class: "fob-dot", hidden: true }),
    value = h("span", { class: "fob-value", text: "–" });
  const track = h("span", { class: "fob-track" }, bar, tick, dot);
  const label = h("span", { class: "fob-name", text: name });
  const el = h(tag, { class: "fob-row", "data-name": name, ...props }, label, track, value);
  const show = (now, before, truth, most = MOST) => {
    bar.style.width = share((now * MOST) / most);
    tick.style.left = share((before * MOST) / most);
    dot.hidden = truth == null;
    if (truth != null) dot.style.left = share(truth);
    setText(value, now.toFixed(2).replace("-0.00", "0.00"));
  };
  return { el, show };
}

export class View {
  /** @param {import("./desk.js").Desk} desk @param {HTMLElement} root */
  constructor(desk, root) {
    this.desk = desk;
    this.abort = new AbortController();
    this.chosen = 8; // action unit of the curve: AU12
    this.status = h("div", {
      class: "fob-status",
      role: "status",
      text: "waiting for the kernel …",
    });
    this.error = h("div", { class: "fob-error", role: "alert" });
    const about = { role: "group", "aria-label": "Your own face" };
    const keys = { "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() };
    const style = h("style", { text: STYLE });
    this.el = h("div", { class: "fob", ...about, ...keys }, style, this.status, this.error);
    this.el.booth = { state: () => this.report(), desk };
    root.append(this.el);
    watchTheme(this.abort.signal, (dark) => this.el.classList.toggle("dark", dark));
    desk.views.add(this);
    if (desk.hello) this.build();
  }
  report() {
    const { kind, frames, n, seen, state, busy, error, resting, curve } = this.desk;
    return { kind, frames, n, seen, ...state, busy, error, resting: Boolean(resting), curve };
  }

  // --- building
  button(text, name, onclick, more = {}) {
    return h("button", { type: "button", class: `fob-do-${name}`, text, onclick, ...more });
  }
  picker(text, name, kind, more) {
    const input = h("input", { type: "file", class: "fob-file", "aria-label": text, ...more });
    input.addEventListener("change", () => {
      const files = [...input.files];
      if (files.length) this.desk.start(kind, kind === "video" ? files[0] : files);
      input.value = "";
    });
    return h(
      "span",
      {},
      input,
      this.button(text, name, () => input.click()),
    );
  }
  buildSources() {
    const { desk } = this;
    const start = (kind) => () => desk.start(kind);
    this.camera = this.button("Start my camera", "camera", start("camera"));
    this.stop = this.button("Stop", "stop", () => desk.stop());
    const sources = h(
      "div",
      { class: "fob-buttons" },
      this.camera,
      this.button("Play the clip", "clip", start("clip")),
      this.picker("Video file …", "video", "video", { accept: "video/*" }),
      this.picker("Photographs …", "photographs", "photographs", {
        multiple: true,
        accept: "image/*",
      }),
      this.stop,
    );
    const words = CONSENT.map((text) => h("li", { text }));
    const title = h("summary", { text: "What happens to your pictures" });
    this.consent = h("details", { class: "fob-consent", open: true }, title, h("ul", {}, ...words));
    return h("div", { class: "fob-top" }, this.consent, sources);
  }
  buildSteps() {
    const { desk } = this;
    this.calibrate = this.button("Calibrate: 5 s at rest", "calibrate", () => desk.calibrate());
    const options = desk.hello.ways.map((way) => h("option", { value: way, text: way }));
    this.way = h("select", { "aria-label": "Way of adaptation" }, ...options);
    this.way.value = "AdaBN, half";
    this.adapt = this.button("Adapt", "adapt", () => desk.adapt(this.way.value));
    this.forget = this.button("Forget me", "forget", () => desk.forget());
    this.now = h("div", { class: "fob-now" });
    const buttons = [this.calibrate, this.way, this.adapt, this.forget];
    return h(
      "div",
      { class: "fob-steps" },
      h("div", { class: "fob-buttons" }, ...buttons),
      this.now,
    );
  }
  buildPictures() {
    const one = (what, text) => {
      const canvas = h("canvas", { class: `fob-${what}`, width: 320, height: 320, role: "img" });
      canvas.setAttribute("aria-label", text);
      return [canvas, h("figure", {}, canvas, h("figcaption", { text }))];
    };
    let frame, twin;
    [this.picture, frame] = one("frame", "what is seen");
    [this.twin, twin] = one("twin", "the twin: what was read, drawn");
    this.curve = new Curve();
    return h(
      "div",
      { class: "fob-left" },
      h("div", { class: "fob-pictures" }, frame, twin),
      this.curve.el,
    );
  }
  buildBars() {
    const choose = (k) => () => {
      this.chosen = k;
      this.showCurve();
    };
    this.units = this.desk.hello.aus.map((name, k) =>
      buildRow(name, "button", { type: "button", onclick: choose(k), "aria-pressed": "false" }),
    );
    this.scores = h("div", { class: "fob-scores", role: "group", "aria-label": "Pseudo-emotions" });
    this.verdict = h("div", { class: "fob-verdict" });
    const group = { class: "fob-units", role: "group", "aria-label": "Action units" };
    const bars = h("div", group, ...this.units.map((u) => u.el));
    const units = h("h4", { text: "action units: now (bar), before (tick), true (ring)" });
    const scores = h("h4", { text: "pseudo-emotions, table ekman" });
    return h("div", { class: "fob-right" }, units, bars, scores, this.scores, this.verdict);
  }
  build() {
    const main = h("div", { class: "fob-main" }, this.buildPictures(), this.buildBars());
    const parts = [this.buildSources(), this.buildSteps(), this.error, main];
    this.el.replaceChildren(h("style", { text: STYLE }), ...parts, this.status);
    for (const what of ["source", "changed", "seen"]) this.changed(what);
  }

  // --- news from the desk
  changed(what) {
    if (what === "hello") return this.build();
    if (!this.desk.hello || !this.units) return;
    if (what === "seen") this.showSeen();
    if (what === "source") this.consent.open = !this.desk.kind;
    this.showSteps();
    setText(this.error, this.desk.error);
    setText(this.status, this.words());
  }
  words() {
    const { kind, busy, resting, seen, state, frames } = this.desk;
    if (busy) return busy;
    const shown = frames ? "" : "A frame of the clip. ";
    if (!kind) return `${shown}Choose a source. Without a camera, the clip plays its part.`;
    if (resting) return `Keep a resting face: ${left(resting, performance.now())} s`;
    const zero = state.calibrated ? "your own zero" : "no calibration yet";
    const way = state.way ? `adapted by ${state.way}` : "not adapted";
    const found = seen && !seen.face ? "no face in this frame; " : "";
    return `${found}${SOURCES[kind]}: ${zero}, ${way}, ${state.kept} frames kept in memory`;
  }
  showSteps() {
    const { desk } = this,
      { kind, busy, resting, seen } = desk;
    this.stop.disabled = !kind;
    this.camera.disabled = kind === "camera";
    this.calibrate.disabled = !kind || Boolean(busy || resting);
    this.adapt.disabled = !desk.mayAdapt;
    this.forget.disabled = Boolean(busy);
    const r = seen?.correlation;
    const known = r && `test frames of the clip, mean correlation: before ${r[0].toFixed(2)}`;
    setText(this.now, r ? `${known}, now ${r[1].toFixed(2)}` : "");
  }
  showSeen() {
    const { seen, frame, twin } = this.desk;
    this.paintFrame(frame, seen?.face);
    if (!seen?.face) return this.showCurve();
    this.units.forEach((u, k) => u.show(seen.now[k], seen.before[k], seen.truth?.[k]));
    this.showScores(seen.emotions);
    if (twin) {
      const picture = toCanvas(twin, seen.size, seen.size);
      this.twin.getContext("2d").drawImage(picture, 0, 0, this.twin.width, this.twin.height);
    }
    this.showCurve();
  }
  showScores({ emotions, scores, seen, winner, verdict }) {
    if (!this.rows) {
      this.rows = emotions.map((name) => buildRow(name, "div", {}));
      this.scores.replaceChildren(...this.rows.map((r) => r.el));
    }
    this.rows.forEach((row, k) => {
      row.show(scores[k], seen[k], null, 1);
      row.el.classList.toggle("best", emotions[k] === winner);
    });
    setText(this.verdict, verdict);
  }
  showCurve() {
    const { desk, chosen } = this;
    this.curve.show(desk.curve, chosen, desk.hello.aus[chosen], LENGTH);
    this.units.forEach((u, k) => u.el.setAttribute("aria-pressed", String(k === chosen)));
  }
  /** @param {any} frame @param {any} face box and points in shares of the picture */
  paintFrame(frame, face) {
    const canvas = this.picture,
      ctx = canvas.getContext("2d"),
      side = canvas.width;
    ctx.clearRect(0, 0, side, side);
    if (!frame) return;
    const by = side / Math.max(frame.width, frame.height);
    const [w, height] = [frame.width * by, frame.height * by];
    const [x0, y0] = [(side - w) / 2, (side - height) / 2];
    ctx.drawImage(frame, x0, y0, w, height);
    if (!face) return;
    const [l, t, r, b] = face.box;
    ctx.lineWidth = 3;
    ctx.strokeStyle = "#2bd66f";
    ctx.strokeRect(x0 + l * w, y0 + t * height, (r - l) * w, (b - t) * height);
    ctx.fillStyle = "#ffb000";
    for (const [x, y] of face.points) ctx.fillRect(x0 + x * w - 3, y0 + y * height - 3, 6, 6);
  }
  close() {
    this.abort.abort();
    this.desk.views.delete(this);
    this.desk.left();
    this.el.remove();
  }
}
