// A row per action unit: picture, name, one slider or two.
import { h, setText } from "../dom.js";
import { button } from "./button.js";
import { MOST } from "./desk.js";

const SIDES = [
  { side: null, letter: "", name: "both", said: "" },
  { side: 0, letter: "L", name: "left", said: ", left" },
  { side: 1, letter: "R", name: "right", said: ", right" },
];

export class Actions {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const apart = (e) => desk.split(e.target.checked);
    const title = "A slider for the person's left and one for the right";
    this.splitBox = h("input", { type: "checkbox", onchange: apart });
    this.rows = desk.hello.actions.map((action, k) => this.row(action, k));
    this.el = h(
      "div",
      { class: "fst-actions", role: "group", "aria-label": "Action units" },
      h(
        "div",
        { class: "fst-head" },
        h("label", { class: "fst-option", title }, this.splitBox, " asymmetry"),
        button("reset", "Relax", "Every action to 0", () => desk.relax()),
      ),
      h("div", { class: "fst-rows" }, ...this.rows.map((r) => r.el)),
    );
  }
  row({ au, name, muscle }, k) {
    const { desk } = this,
      picture = h("canvas", { width: 64, height: 48 });
    const onclick = () => desk.setAction(k, null, this.strength(k) > 0 ? 0 : 1);
    const about = { "aria-label": `${au} ${name}: on or off`, "aria-pressed": "false" };
    const look = { type: "button", class: "fst-thumb", title: `${name}: on or off` };
    const toggle = h("button", { ...look, ...about, onclick }, picture);
    const sliders = SIDES.map((s) => this.slider(s, au, name, k)),
      point = () => desk.look(k);
    const props = { class: "fst-row", "data-au": au, onpointerenter: point, onfocusin: point };
    const words = [h("b", { text: au }), h("span", { text: name }), h("small", { text: muscle })];
    const el = h(
      "div",
      props,
      toggle,
      h("div", { class: "fst-name" }, ...words),
      h("div", { class: "fst-sliders" }, ...sliders.map((s) => s.el)),
    );
    return { k, au, el, toggle, picture, sliders };
  }
  slider({ side, letter, name: which, said }, au, name, k) {
    const range = { type: "range", min: 0, max: MOST, step: 0.01 };
    const about = { "aria-label": `${au} ${name}${said}`, "data-au": au, "data-side": which };
    const oninput = () => this.desk.setAction(k, side, Number(input.value));
    const input = h("input", { ...range, ...about, oninput });
    const value = h("output", { class: "fst-value" }),
      mark = h("i", { text: letter });
    return { side, input, value, el: h("span", { class: "fst-slider" }, mark, input, value) };
  }
  strength(k) {
    // of the stronger side
    const [left, right] = this.desk.state.au;
    return Math.max(left[k], right[k]);
  }

  show() {
    const { au, split } = this.desk.state;
    this.splitBox.checked = split;
    for (const { k, toggle, sliders, el } of this.rows) {
      for (const { side, input, value } of sliders) {
        const v = side == null ? (au[0][k] + au[1][k]) / 2 : au[side][k];
        if (Math.abs(Number(input.value) - v) > 1e-9) input.value = v;
        input.style.setProperty("--at", `${(100 * v) / MOST}%`);
        setText(value, v.toFixed(2));
      }
      const on = this.strength(k) > 0.005;
      toggle.setAttribute("aria-pressed", String(on));
      el.classList.toggle("on", on);
    }
  }
  showPictures() {
    const { thumbs } = this.desk;
    for (const { k, picture: p } of thumbs ? this.rows : [])
      p.getContext("2d").drawImage(thumbs[k], 0, 0, p.width, p.height);
  }
  showExplained() {
    // the row of the action that is explained
    const { explaining, explain } = this.desk;
    for (const { el, au } of this.rows)
      el.classList.toggle("explained", explaining && au === explain);
  }
}
