// What the action under the pointer does to the picture and to the mesh.
import { h, setText } from "../dom.js";
import { fill } from "./pictures.js";

const PICTURES = {
  // of Desk.extras: caption, and what it shows
  difference: ["difference, doubled", "what the picture changes by"],
  mesh: ["displacement", "how far the mesh moves"],
};

export class Explain {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const title = "What the action under the pointer does to the picture and to the mesh";
    const onclick = () => desk.explainNow(!desk.explaining);
    const about = { "aria-pressed": "false", "aria-expanded": "false", text: "Explain", title };
    const look = { type: "button", class: "fst-button fst-do-explain" };
    this.button = h("button", { ...look, ...about, onclick });
    this.words = h("span", { class: "fst-explained" });
    this.figures = Object.entries(PICTURES).map(([name, [caption, says]]) => ({
      name,
      says,
      canvas: h("canvas", { role: "img", "aria-label": caption }),
      caption: h("figcaption", { text: caption }),
    }));
    this.box = h(
      "div",
      { class: "fst-extras", hidden: true },
      ...this.figures.map((f) => h("figure", {}, f.canvas, f.caption)),
    );
    this.el = h(
      "div",
      { class: "fst-explain" },
      h("div", { class: "fst-line" }, this.button, this.words),
      this.box,
    );
  }
  show() {
    const { explaining, explain, extras, hello } = this.desk,
      [, mesh] = this.figures;
    const ready = extras != null && extras.name === explain;
    const action = hello.actions.find((a) => a.au === explain);
    const name = action ? `${action.au} ${action.name}` : "";
    for (const a of ["aria-pressed", "aria-expanded"])
      this.button.setAttribute(a, String(explaining));
    this.box.hidden = !explaining;
    this.box.classList.toggle("stale", !ready);
    const far = ready ? `moves up to ${extras.largest.toFixed(0)} mm` : PICTURES.mesh[0];
    setText(mesh.caption, far);
    setText(this.words, explaining ? name : "");
    for (const { canvas, says, name: picture } of this.figures) {
      if (explaining && extras) fill(canvas, extras[picture]);
      if (explaining && ready) canvas.setAttribute("aria-label", `${name}: ${says}`);
    }
  }
}
