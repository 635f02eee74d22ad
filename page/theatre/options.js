// What is shown of the frames: the readout, trails, one scale for all.
import { h } from "../dom.js";
import { READOUTS } from "./readouts.js";

/** A button that stays pressed. @param {string} text @param {string} title @param {any} pressed */
function toggle(text, title, pressed, change) {
  const onclick = () => {
    b.setAttribute("aria-pressed", String(change()));
  };
  const about = { class: "fnb-toggle", text, title, "aria-pressed": String(pressed), onclick };
  const b = h("button", { type: "button", ...about });
  return b;
}

export class Options {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    const option = ([value, text]) => h("option", { value, text });
    const onchange = (e) => {
      view.readout = e.target.value;
      view.schedule();
    };
    const select = h(
      "select",
      { "aria-label": "Decision regions", onchange },
      ...Object.entries(READOUTS).map(option),
    );
    const flip = (name) => () => {
      view[name] = !view[name];
      view.schedule();
      return view[name];
    };
    const trails = "The way the centers came";
    const scale = "The same scale in all panels, so that sizes can be compared";
    this.scale = toggle("same scale", scale, view.sameScale, flip("sameScale"));
    this.el = h(
      "div",
      { class: "fnb-options" },
      h("label", { class: "fnb-option" }, "read out by ", select),
      toggle("trails", trails, view.trails, flip("trails")),
      this.scale,
    );
  }
  /** @param {number} panels */
  show(panels) {
    this.scale.hidden = panels < 2;
  }
}
