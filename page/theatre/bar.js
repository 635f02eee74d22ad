// The playback bar, and below it what the training does.
import { h, setText } from "../dom.js";
import { whole } from "../numbers.js";
import { button, relabel } from "./buttons.js";
import { ANSWER, statusText } from "./store.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

export class Bar {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.buildButtons();
    const { live, restartable } = view.store.config;
    this.el = h(
      "div",
      { class: "fnb-bar", role: "toolbar", "aria-label": "Playback" },
      this.playButton,
      this.stepButton,
      ...(live ? [this.stopButton] : []),
      ...(restartable ? [this.restartButton] : []),
      this.buildTime(),
      ...(live ? [this.liveButton] : []),
      this.buildSpeed(),
      this.drawerButton,
      this.fullButton,
    );
    this.state = h("span", { class: "fnb-state", role: "status" });
    this.pending = h("span", { class: "fnb-pending", role: "status" });
    this.foot = h("div", { class: "fnb-foot" }, this.state, this.pending, view.question.el);
  }
  buildButtons() {
    const { view } = this;
    this.playButton = button("play", "Play", "Play or pause (space)", () => view.toggle());
    this.stepButton = button("step", "Step", "One frame ahead (→)", () => view.forward());
    this.stopButton = button("stop", "Stop", "End the training (s)", () => view.stop());
    const anew = "Train anew with these settings (r)";
    this.restartButton = button("restart", "Restart", anew, () => view.restart());
    const newestFrame = "To the newest frame (End)";
    this.liveButton = button("live", "Live", newestFrame, () => view.go(Infinity));
    const name = view.store.config.controls.length ? "Settings" : "Save";
    const about = "Settings of the training, pictures and films to save";
    this.drawerButton = button("drawer", name, about, () => view.drawer.toggle());
    this.drawerButton.setAttribute("aria-expanded", "false");
    const full = "The whole screen, and back (f)";
    this.fullButton = button("full", "Full screen", full, () => view.fullScreen());
  }
  buildTime() {
    const range = { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame" };
    const oninput = (e) => this.view.go(Number(e.target.value));
    this.scrub = h("input", { class: "fnb-scrub", ...range, oninput });
    this.where = h("output", { class: "fnb-where" });
    return h("span", { class: "fnb-time" }, this.scrub, this.where);
  }
  buildSpeed() {
    const speed = (v) => h("option", { value: v, text: `${v}×`, selected: v === 1 });
    const onchange = (e) => {
      this.view.clock.speed = Number(e.target.value);
    };
    const about = { "aria-label": "Replay speed", title: "Replay speed", onchange };
    return h("select", about, ...SPEEDS.map(speed));
  }

  /** Words and buttons as things are now. @param {boolean} dirty whether settings were changed */
  show(dirty) {
    const { store, last, clock, asked } = this.view,
      { trainable, training, gone } = store,
      now = performance.now();
    const active = clock.playing || training,
      waiting = asked != null && now - asked > ANSWER;
    relabel(this.playButton, active ? "Pause" : "Play", active ? "pause" : "play");
    this.playButton.disabled = !active && !trainable && last === 0;
    this.stepButton.disabled = clock.frame >= last && (!trainable || training);
    this.stopButton.disabled = !trainable;
    this.liveButton.setAttribute("aria-pressed", String(clock.follow));
    this.liveButton.disabled = last === 0;
    this.liveButton.classList.toggle("lit", clock.follow && training);
    this.showWhere();
    setText(this.state, statusText(store, now, asked, clock.follow));
    this.state.classList.toggle("on", training && !store.silent(now) && !waiting);
    this.state.classList.toggle("gone", gone);
    const pending = dirty && !gone ? "changed settings apply at restart" : "";
    setText(this.pending, pending);
    this.restartButton.classList.toggle("lit", dirty && !gone);
    this.restartButton.classList.toggle("gone", gone);
  }
  showWhere() {
    // the scrubber
    const { last, store } = this.view,
      { frame } = this.view.clock,
      max = Math.max(1, last),
      { scrub } = this;
    if (Number(scrub.max) !== max) scrub.max = max;
    if (Number(scrub.value) !== frame) scrub.value = frame;
    scrub.style.setProperty("--at", `${(100 * frame) / max}%`);
    scrub.disabled = last === 0;
    scrub.setAttribute("aria-valuetext", `frame ${frame + 1} of ${last + 1}`);
    const text = `frame ${whole(frame + 1)} / ${whole(last + 1)}`;
    setText(this.where, store.runs.length ? text : "");
  }
}
