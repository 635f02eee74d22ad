// The whole theatre: panels, transport, legend, settings. Several views may show one store.
import { h, setText, watchTheme } from "../dom.js";
import { blend, rgb, whole } from "../numbers.js";
import { button, relabel } from "./buttons.js";
import { Clock } from "./clock.js";
import { press } from "./keys.js";
import { Legend } from "./legend.js";
import { Panel } from "./panel.js";
import { newest } from "./run.js";
import { Settings } from "./settings.js";
import { ANSWER, statusText } from "./store.js";
import { PALETTE, THEMES } from "./theme.js";
import STYLE from "./theatre.css";

const LIVE_PAINTS = 30; // a second at most while the kernel trains: it needs the processor more

/**
 * @typedef {Object} Look
 * @property {import("./theme.js").Theme} theme
 * @property {import("../numbers.js").Color[]} colors
 * @property {import("../numbers.js").Color[]} darker
 * @property {string} font
 * @property {string} bold
 * @property {number} dpr
 * @property {string} key another one: the stamps are made anew
 */

export class View {
  /** @param {import("./store.js").Store} store @param {HTMLElement} root */
  constructor(store, root) {
    this.store = store;
    this.clock = new Clock();
    /** @type {import("./readouts.js").Readout} */
    this.readout = "head";
    this.trails = true;
    this.painted = 0; // pictures so far
    this.distinct = 0; // of them, with another frame than the one before
    this.hovered = null;
    this.asked = null; // when the kernel was asked for something it has not answered
    this.dark = false;
    /** @type {Panel[]} */
    this.panels = [];
    this.palette = store.config.palette || PALETTE;
    this.legend = new Legend(this.palette, () => this.schedule());
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.abort = new AbortController();
    this.sizes = new ResizeObserver(() => this.schedule());
    this.seen = true;
    this.sight = new IntersectionObserver(
      ([e]) => {
        this.seen = e.isIntersecting;
        this.schedule();
      },
      { rootMargin: "100px" },
    );
    this.build();
    root.append(this.el);
    this.watch();
    store.views.add(this);
    this.sight.observe(this.el);
    this.changed("runs");
  }
  get hidden() {
    return this.legend.hidden;
  }
  get last() {
    return newest(this.store.runs);
  }
  /** @param {import("./run.js").Run} run */
  shownFrame(run) {
    return run.frames[Math.min(this.clock.frame, run.frames.length - 1)];
  }

  // --- building
  build() {
    this.panelBox = h("div", { class: "fnb-panels" });
    this.state = h("span", { class: "fnb-state", role: "status" });
    this.pending = h("span", { class: "fnb-pending", role: "status" });
    this.error = h("div", { class: "fnb-error", role: "alert" });
    const bar = this.buildBar();
    this.settings = new Settings(this.store, () => this.chrome());
    const about = { tabindex: 0, role: "group", "aria-label": "Embedding theatre" };
    const keys = { "data-lm-suppress-shortcuts": "true", onkeydown: (e) => this.key(e) };
    this.el = h(
      "div",
      { class: "fnb", ...about, ...keys },
      h("style", { text: STYLE }),
      h("div", { class: "fnb-top" }, this.legend.el, this.buildOptions()),
      this.panelBox,
      bar,
      h("div", { class: "fnb-foot" }, this.state, this.pending),
      this.settings.el,
      this.error,
    );
    this.el.theatre = {
      state: () => this.report(),
      goto: (f) => this.go(f),
      play: () => this.play(),
      pause: () => this.pause(),
    };
    Object.defineProperty(this.el.theatre, "painted", { get: () => this.painted });
  }
  buildOptions() {
    const readouts = { head: "linear head", center: "nearest center", off: "off" };
    const option = ([value, text]) => h("option", { value, text });
    const chooseReadout = (e) => {
      this.readout = e.target.value;
      this.schedule();
    };
    const chooseTrails = (e) => {
      this.trails = e.target.checked;
      this.schedule();
    };
    const select = h(
      "select",
      { "aria-label": "Decision regions", onchange: chooseReadout },
      ...Object.entries(readouts).map(option),
    );
    const box = h("input", { type: "checkbox", checked: true, onchange: chooseTrails });
    return h(
      "div",
      { class: "fnb-options" },
      h("label", { class: "fnb-option" }, "read out by ", select),
      h("label", { class: "fnb-option" }, box, " trails"),
    );
  }
  buildBar() {
    const { live, restartable } = this.store.config;
    const speeds = [0.25, 0.5, 1, 2, 4];
    const speed = (v) => h("option", { value: v, text: `${v}×`, selected: v === 1 });
    const chooseSpeed = (e) => {
      this.clock.speed = Number(e.target.value);
    };
    const select = h(
      "select",
      { "aria-label": "Replay speed", onchange: chooseSpeed },
      ...speeds.map(speed),
    );
    this.playButton = button("play", "Play", "Play or pause (space)", () => this.toggle());
    this.stepButton = button("step", "Step", "One frame ahead (→)", () => this.forward());
    this.stopButton = button("stop", "Stop", "End the training (s)", () => this.stop());
    const anew = "Train anew with these settings (r)";
    this.restartButton = button("restart", "Restart", anew, () => this.restart());
    const newestFrame = "To the newest frame (End)";
    this.liveButton = button("live", "Live", newestFrame, () => this.go(Infinity));
    const range = { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame" };
    const oninput = (e) => this.go(Number(e.target.value));
    this.scrub = h("input", { class: "fnb-scrub", ...range, oninput });
    this.where = h("output", { class: "fnb-where" });
    return h(
      "div",
      { class: "fnb-bar", role: "toolbar", "aria-label": "Playback" },
      this.playButton,
      this.stepButton,
      ...(live ? [this.stopButton] : []),
      ...(restartable ? [this.restartButton] : []),
      h("span", { class: "fnb-time" }, this.scrub, this.where),
      ...(live ? [this.liveButton] : []),
      h("label", { class: "fnb-option", title: "Replay speed" }, "speed ", select),
    );
  }
  watch() {
    // theme, size, whether the page is looked at
    const signal = this.abort.signal;
    watchTheme(signal, (dark) => {
      this.dark = dark;
      this.el.classList.toggle("dark", dark);
      this.restyle();
    });
    addEventListener("resize", () => this.restyle(), { signal });
    document.addEventListener("visibilitychange", () => this.schedule(), { signal });
  }
  restyle() {
    const k = Math.max(1, ...this.store.runs.map((r) => r.k)),
      { dark, palette } = this;
    const family = getComputedStyle(this.el).fontFamily || "sans-serif";
    const dpr = Math.min(2, globalThis.devicePixelRatio || 1);
    const colors = Array.from({ length: k }, (_, j) => rgb(palette[j % palette.length]));
    const darker = colors.map((c) => blend(c, dark ? [255, 255, 255] : [0, 0, 0], 0.3));
    const theme = dark ? THEMES.dark : THEMES.light,
      font = `11px ${family}`;
    /** @type {Look} */
    this.look = { theme, colors, darker, font, bold: `600 ${font}`, dpr, key: `${dark}${dpr}${k}` };
    this.schedule();
  }

  // --- what the outside sees (tests, benchmark)
  report() {
    const { store, clock } = this,
      filled = store.runs.filter((r) => r.frames.length);
    return {
      pos: clock.pos,
      frame: clock.frame,
      follow: clock.follow,
      playing: clock.playing,
      frames: store.runs.map((r) => r.frames.length),
      steps: store.runs.map((r) => (r.frames.length ? this.shownFrame(r).step : null)),
      latest: Math.max(0, ...filled.map((r) => r.frames.at(-1).step)),
      painted: this.painted,
      distinct: this.distinct,
      hidden: this.legend.chips.map((_, k) => Boolean(this.hidden[k])),
      status: store.status,
      generation: store.generation,
      dark: this.dark,
      busy: Boolean(this.request),
    };
  }

  // --- news from the store
  changed(what) {
    const { clock, store } = this;
    if (what === "runs") this.rebuild();
    if (what === "frames" && this.still && clock.follow) clock.pos = this.last;
    if (what === "status") this.asked = null;
    const waited = (p) => p.message.textContent && p.run.frames.length;
    if (what !== "frames" || this.panels.some(waited)) for (const p of this.panels) p.refresh();
    if (what === "status") this.settings.show();
    this.chrome();
    this.schedule();
  }
  rebuild() {
    const { clock, store } = this,
      n = store.runs.length;
    while (this.panels.length > n) this.panels.pop().remove();
    while (this.panels.length < n) {
      const p = new Panel(this, this.panels.length);
      this.panels.push(p);
      this.panelBox.append(p.el);
    }
    this.el.dataset.panels = n;
    clock.pos = clock.follow || clock.playing ? 0 : Math.min(clock.pos, this.last);
    clock.playing = false;
    clock.follow = store.config.live || clock.follow;
    if (store.config.live) clock.pos = this.last;
    this.lastFrame = -1;
    this.legend.build(store.runs[0]);
    this.settings.buildChoices(this.panels);
    this.restyle();
  }

  // --- transport
  ask(type, more = {}) {
    this.asked = performance.now();
    this.store.send({ type, ...more });
    this.chrome();
    setTimeout(() => this.chrome(), ANSWER + 100);
  }
  update() {
    this.chrome();
    this.schedule();
  }
  toggle() {
    if (this.clock.playing || this.store.training) this.pause();
    else this.play();
  }
  play() {
    // time goes on from where you look; at the newest frame the training makes more
    const { store, clock, last } = this;
    if (store.trainable && !store.training) this.ask("play");
    if (clock.before(last)) clock.playing = true;
    else if (store.trainable) clock.follow = true;
    else if (last > 0) {
      clock.pos = 0;
      clock.playing = true;
      clock.follow = false;
    }
    this.update();
  }
  pause() {
    this.clock.playing = false;
    if (this.store.training) this.ask("pause");
    this.update();
  }
  stop() {
    this.clock.playing = false;
    if (this.store.trainable) this.ask("stop");
    this.update();
  }
  forward() {
    const { store, clock } = this;
    if (clock.before(this.last) || !store.trainable) return this.go(clock.frame + 1);
    clock.follow = true;
    if (!store.training) this.ask("step");
  }
  go(frame) {
    this.clock.go(frame, this.last);
    this.update();
  }
  restart() {
    if (!this.store.config.restartable) return;
    this.clock.follow = true;
    this.clock.playing = false;
    this.ask("restart", this.settings.wanted());
  }
  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    e.stopPropagation(); // the notebook around us has its own use for these keys
    if (press(this, e)) e.preventDefault();
  }
  // --- words and buttons
  chrome() {
    const { store, last, clock } = this,
      { trainable, training } = store,
      now = performance.now();
    const active = clock.playing || training,
      waiting = this.asked != null && now - this.asked > ANSWER;
    relabel(this.playButton, active ? "Pause" : "Play", active ? "pause" : "play");
    this.playButton.disabled = !active && !trainable && last === 0;
    this.stepButton.disabled = clock.frame >= last && (!trainable || training);
    this.stopButton.disabled = !trainable;
    this.liveButton.setAttribute("aria-pressed", String(clock.follow));
    this.liveButton.disabled = last === 0;
    this.liveButton.classList.toggle("lit", clock.follow && training);
    this.showWhere();
    setText(this.state, statusText(store, now, this.asked, clock.follow));
    this.state.classList.toggle("on", training && !store.silent(now) && !waiting);
    const dirty = this.settings.mark();
    setText(this.pending, dirty ? "changed settings apply at restart" : "");
    this.restartButton.classList.toggle("lit", dirty);
    const shownInPanel = store.runs.some((r) => r.error || !r.frames.length);
    setText(this.error, store.status.error && !shownInPanel ? store.status.error : "");
  }
  showWhere() {
    // the scrubber
    const { last } = this,
      { frame } = this.clock,
      max = Math.max(1, last),
      { scrub } = this;
    if (Number(scrub.max) !== max) scrub.max = max;
    if (Number(scrub.value) !== frame) scrub.value = frame;
    scrub.style.setProperty("--at", `${(100 * frame) / max}%`);
    scrub.disabled = last === 0;
    scrub.setAttribute("aria-valuetext", `frame ${frame + 1} of ${last + 1}`);
    const text = `frame ${whole(frame + 1)} / ${whole(last + 1)}`;
    setText(this.where, this.store.runs.length ? text : "");
  }

  // --- the animation: runs only while something moves
  schedule() {
    if (this.request || this.abort.signal.aborted) return;
    this.request = requestAnimationFrame((now) => this.tick(now));
  }
  tick(now) {
    this.request = null;
    if (!this.el.isConnected || !this.seen || document.hidden) {
      this.ticked = 0;
      this.store.painted?.();
      return;
    }
    const soon = now - (this.paintedAt || 0) < 1000 / LIVE_PAINTS - 4;
    if (this.store.training && soon) return this.schedule();
    const dt = this.ticked ? Math.min(now - this.ticked, 120) / 1000 : 1 / 60;
    const { clock } = this,
      played = clock.playing;
    this.ticked = now;
    const moving = clock.advance(dt, this.last, this.store.rate, this.still);
    if (played !== clock.playing) this.chrome();
    this.paint(now);
    if (moving) return this.schedule();
    this.ticked = 0;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      for (const p of this.panels) p.describe();
    }, 400);
  }
  paint(now) {
    const { clock } = this,
      { frame } = clock;
    if (frame !== this.lastFrame) {
      this.distinct++;
      this.lastFrame = frame;
      this.chrome();
    }
    for (const p of this.panels) p.draw(this.still ? frame : clock.pos);
    this.painted++;
    this.paintedAt = now;
    this.store.painted?.();
  }
  close() {
    this.abort.abort();
    this.sizes.disconnect();
    this.sight.disconnect();
    this.store.views.delete(this);
    cancelAnimationFrame(this.request);
    clearTimeout(this.resting);
    this.el.remove();
  }
}
