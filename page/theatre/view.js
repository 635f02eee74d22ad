// The whole theatre: panels, transport, legend, settings. Several views may show one store.
import { h, setText, watchTheme } from "../dom.js";
import { blend, rgb } from "../numbers.js";
import { Bar } from "./bar.js";
import { wantsLog } from "./charts.js";
import { Clock } from "./clock.js";
import { Dock } from "./dock.js";
import { Drawer } from "./drawer.js";
import { seenHeight, sizes } from "./fit.js";
import { press, takesText } from "./keys.js";
import { Legend } from "./legend.js";
import { Lesson } from "./lesson.js";
import { Options } from "./options.js";
import { Panel } from "./panel.js";
import { Question } from "./question.js";
import { newest } from "./run.js";
import { Settings } from "./settings.js";
import { ANSWER } from "./store.js";
import { PALETTE, THEMES } from "./theme.js";
import STYLE from "./theatre.css";

const LIVE_PAINTS = 30; // a second at most while the kernel trains: it needs the processor more
const EDGE = 14; // px below the last line, and around the theatre

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
    this.sameScale = false;
    this.logLoss = null; // chosen at the first picture, then only by the reader
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
    this.sizes = new ResizeObserver(() => {
      this.fit();
      this.schedule();
    });
    this.seen = true;
    this.sight = new IntersectionObserver(
      (entries) => {
        this.looked = true;
        this.seen = entries.at(-1).isIntersecting; // the newest
        for (const view of this.store.views) view.dock.show();
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
    this.error = h("div", { class: "fnb-error", role: "alert" });
    this.question = new Question(() => this.el.focus({ preventScroll: true }));
    this.settings = new Settings(this.store, () => this.chrome());
    this.options = new Options(this);
    this.lesson = new Lesson(this);
    this.drawer = new Drawer(this);
    this.bar = new Bar(this);
    this.dock = new Dock(this);
    const about = { tabindex: 0, role: "group", "aria-label": "Embedding theatre" };
    const keys = { onkeydown: (e) => this.key(e), onkeyup: (e) => this.keyUp(e) };
    this.top = h("div", { class: "fnb-top" }, this.legend.el, this.options.el);
    this.el = h(
      "div",
      { class: "fnb", ...about, "data-lm-suppress-shortcuts": "true", ...keys },
      h("style", { text: STYLE }),
      this.top,
      this.panelBox,
      h("div", { class: "fnb-deck" }, this.bar.el, this.lesson.el, this.drawer.el),
      this.bar.foot,
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
  watch() {
    // theme, size, whether the page is looked at
    const signal = this.abort.signal;
    watchTheme(signal, (dark) => {
      this.dark = dark;
      this.el.classList.toggle("dark", dark);
      this.restyle();
    });
    addEventListener("resize", () => this.restyle(), { signal });
    document.addEventListener("fullscreenchange", () => this.fit(), { signal });
    this.sizes.observe(this.el);
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
    this.fit();
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
      docked: this.dock.shown,
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
    this.options.show(n);
    if (!this.lossChosen) this.logLoss = null;
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
    if (!this.store.config.restartable || this.store.gone) return;
    this.clock.follow = true;
    this.clock.playing = false;
    this.ask("restart", this.settings.wanted());
  }
  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    e.stopPropagation(); // the notebook around us has its own use for these keys
    if (press(this, e)) e.preventDefault();
  }
  /** Keys that a button would take for a click are ours, too. */
  keyUp(e) {
    if (e.key === " " && !takesText(e.target)) e.preventDefault();
  }
  /** A key may end a long training only after a question. @param {"stop" | "restart"} what */
  sure(what) {
    const begun = this.store.trainable && this.last > 0;
    if (begun) this.question.ask("End this training?", () => this[what]());
    else this[what]();
  }
  /** Closes what lies over the theatre; true if there was something. */
  dismiss() {
    const { question, drawer, lesson } = this;
    if (question.open) question.answer(false);
    else if (drawer.open) {
      drawer.toggle(false);
      this.bar.drawerButton.focus();
    } else if (lesson.open) lesson.close();
    else return this.panels.filter((p) => p.ask.close()).length > 0;
    return true;
  }
  async fullScreen() {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await this.el.requestFullscreen();
    } catch {
      // the page around us does not allow it
    }
  }
  /** One kind of axis for the losses of all panels. */
  chooseLoss() {
    this.logLoss = !this.logLoss;
    this.lossChosen = true;
    this.schedule();
  }
  // --- words, buttons and sizes
  chrome() {
    const { store } = this;
    this.bar.show(this.settings.mark());
    this.lesson.show();
    this.drawer.show();
    const shownInPanel = store.runs.some((r) => r.error || !r.frames.length);
    setText(this.error, store.status.error && !shownInPanel ? store.status.error : "");
  }
  /** Gives panels and charts the sizes with which all is seen at once. */
  fit() {
    const { el } = this,
      n = Math.max(1, this.panels.length);
    if (!el.clientWidth) return;
    const { drawn = 0 } = this.panels[0] || {},
      full = this.error.offsetTop + this.error.offsetHeight + EDGE;
    const found = sizes(el.clientWidth - 16, seenHeight(el) - full + drawn, n);
    const key = JSON.stringify(found);
    if (!drawn || key === this.fitted) return;
    this.fitted = key;
    el.dataset.beside = String(found.beside);
    for (const name of ["columns", "wide", "stage", "plot", "tall"])
      el.style.setProperty(`--${name}`, name === "columns" ? found[name] : `${found[name]}px`);
    this.schedule();
  }

  // --- the animation: runs only while something moves
  schedule() {
    if (this.request || this.abort.signal.aborted) return;
    this.request = requestAnimationFrame((now) => this.tick(now));
  }
  tick(now) {
    this.request = null;
    this.dock.show();
    const away = !this.el.isConnected || !this.seen;
    if (document.hidden || (away && !this.dock.shown)) {
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
    const { clock, store } = this,
      { frame } = clock;
    if (frame !== this.lastFrame) {
      this.distinct++;
      this.lastFrame = frame;
      this.chrome();
    }
    const pos = this.still ? frame : clock.pos,
      moments = this.panels.map((p) => p.moment(pos));
    const boxes = this.sameScale ? moments.filter(Boolean).map((m) => m.state.box) : [];
    if (moments.some(Boolean)) this.logLoss ??= !store.training && store.runs.some(wantsLog);
    this.panels.forEach((p, i) => p.draw(pos, moments[i], boxes));
    this.dock.draw(now);
    this.painted++;
    if (this.looked && !this.revealed && moments.some(Boolean)) this.reveal();
    this.paintedAt = now;
    this.store.painted?.();
  }
  /** A training that has just begun comes into sight as a whole, if it is in sight in part. */
  reveal() {
    this.revealed = true;
    const begun = this.store.training && this.last <= 3 && this.seen && this.el.isConnected;
    if (begun) this.el.scrollIntoView({ block: "nearest" });
  }
  close() {
    this.abort.abort();
    this.sizes.disconnect();
    this.sight.disconnect();
    this.store.views.delete(this);
    this.dock.el.remove();
    cancelAnimationFrame(this.request);
    clearTimeout(this.resting);
    this.el.remove();
  }
}
