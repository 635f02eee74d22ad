// The whole studio: expressions, face, person, explanation, actions. Several views may show one
// desk.
import { h, setText, watchTheme } from "../dom.js";
import { Actions } from "./actions.js";
import { SIZES } from "./desk.js";
import { Explain } from "./explain.js";
import { Face } from "./face.js";
import { Person } from "./person.js";
import STYLE from "./studio.css";

const WAIT = 700; // ms without an answer, until we say that we wait
const TELL = 300; // ms of rest, until a screen reader is told

export class View {
  /** @param {import("./desk.js").Desk} desk @param {HTMLElement} root */
  constructor(desk, root) {
    this.desk = desk;
    this.chips = []; // expressions
    this.abort = new AbortController();
    this.sizes = new ResizeObserver(() => this.paint());
    const wait = "waiting for the kernel …";
    this.status = h("span", { class: "fst-status", role: "status", text: wait });
    this.error = h("div", { class: "fst-error", role: "alert" });
    const about = { role: "group", "aria-label": "AU studio" };
    const keys = { "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() };
    this.el = h(
      "div",
      { class: "fst", ...about, ...keys },
      h("style", { text: STYLE }),
      this.error,
      this.status,
    );
    this.el.studio = { state: () => this.report(), desk };
    root.append(this.el);
    watchTheme(this.abort.signal, (dark) => this.el.classList.toggle("dark", dark));
    desk.views.add(this);
    if (desk.hello) this.build();
  }

  report() {
    // for tests and the benchmark
    const { desk } = this,
      { state, frames, size, took, error, expression } = desk;
    const { explain, explaining, extras, rough, busy } = desk;
    return {
      ...state,
      frames,
      size,
      took,
      error,
      expression,
      explain,
      explaining,
      extras: extras && extras.name,
      rough: SIZES[rough],
      dark: this.el.classList.contains("dark"),
      busy,
    };
  }

  // --- building
  build() {
    const { desk } = this;
    this.face = new Face(desk);
    this.person = new Person(desk);
    this.explain = new Explain(desk);
    this.actions = new Actions(desk);
    const left = [this.face.el, this.person.el, this.explain.el];
    this.el.replaceChildren(
      h("style", { text: STYLE }),
      this.buildPresets(),
      h("div", { class: "fst-main" }, h("div", { class: "fst-left" }, ...left), this.actions.el),
      this.error,
      h("div", { class: "fst-foot" }, this.status),
    );
    this.sizes.observe(this.face.canvas);
    for (const what of ["state", "pictures", "expression", "explain", "picture", "status"])
      this.changed(what);
    setText(this.status, "");
  }
  buildPresets() {
    const { emotions, compounds } = this.desk.hello,
      chip = (emotion) => this.chip(emotion);
    const title = "A click draws how another person does it, not the mean over many";
    this.variation = h("input", { type: "checkbox" });
    const [basic, compound] = [emotions.map(chip), compounds.map(chip)];
    this.chips = [...basic, ...compound];
    const group = (label) => ({ role: "group", "aria-label": label });
    return h(
      "div",
      { class: "fst-presets" },
      h(
        "div",
        { class: "fst-chips", ...group("Basic expressions") },
        ...basic,
        h("label", { class: "fst-option", title }, this.variation, " variation"),
      ),
      h("div", { class: "fst-chips fst-compound", ...group("Compound expressions") }, ...compound),
    );
  }
  chip(emotion) {
    const title = `${emotion}: the mean over many people; with shift another variation`,
      look = { type: "button", class: "fst-chip" };
    const onclick = (e) => this.desk.draw(emotion, e.shiftKey === this.variation.checked);
    return h("button", { ...look, "data-emotion": emotion, text: emotion, title, onclick });
  }

  // --- news from the desk
  changed(what) {
    const { desk } = this;
    if (what === "hello") return this.build();
    if (!desk.hello || !this.face) return setText(this.error, desk.error);
    if (what === "state") this.showState();
    else if (what === "pictures") this.actions.showPictures();
    else if (what === "expression") this.showExpression();
    else if (what === "explain") this.showExplain();
    else if (what === "picture") this.showPicture();
    if (what !== "status" && what !== "picture") return;
    const late = desk.waiting && performance.now() - desk.asked > WAIT;
    setText(this.error, desk.error);
    setText(this.status, late ? "waiting for the kernel …" : "");
  }
  showState() {
    this.el.classList.toggle("split", this.desk.state.split);
    this.actions.show();
    this.person.show();
    this.describe();
  }
  showExpression() {
    const { expression } = this.desk;
    for (const c of this.chips)
      c.setAttribute("aria-pressed", String(c.dataset.emotion === expression));
  }
  showExplain() {
    this.explain.show();
    this.actions.showExplained();
  }
  showPicture() {
    this.paint();
    this.showExplain();
    this.person.showLooks();
    this.describe();
  }
  paint() {
    this.face.paint();
    if (this.desk.explaining && this.desk.extras) this.showExplain();
  }
  describe() {
    // when the face rests
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.face.describe(), TELL);
  }

  close() {
    this.abort.abort();
    this.sizes.disconnect();
    this.desk.views.delete(this);
    clearTimeout(this.telling);
    this.el.remove();
  }
}
