// While it trains out of sight, the race goes on as a small picture in the notebook's corner.
import { h, setText } from "../dom.js";
import STYLE from "./theatre.css";

const SIDE = 132; // px of a panel's small picture
const PACE = 90; // ms between two small pictures, at least

export class Dock {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.closed = false; // by the reader, until the theatre was seen again
    this.drawn = 0;
    this.pictures = [];
    this.box = h("span", { class: "fnb-dock-pictures" });
    this.text = h("span", { class: "fnb-dock-text" });
    const about = { type: "button", class: "fnb-dock-back", title: "Back to the theatre" };
    const back = h("button", { ...about, onclick: () => this.back() }, this.box, this.text);
    const onclick = () => this.close();
    const close = h("button", { type: "button", class: "fnb-link", text: "close", onclick });
    const style = h("style", { text: STYLE });
    this.el = h("aside", { class: "fnb-dock", "aria-label": "Training" }, style, back, close);
  }
  get shown() {
    return this.el.isConnected;
  }
  /** Whether no view of a training is in sight; the oldest view takes care of that. */
  get wanted() {
    const { store } = this.view,
      views = [...store.views];
    if (views.some((v) => v.seen) || !store.runs.some((r) => r.frames.length)) return false;
    return views[0] === this.view && !this.closed && (store.training || this.shown);
  }
  /** Where it belongs: in the notebook, which goes when another one is looked at. */
  get host() {
    const near = this.view.el.closest(".jp-NotebookPanel"),
      open = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden)");
    this.home ??= near;
    return this.home || near || open || document.body;
  }
  show() {
    if (this.view.seen) this.closed = false;
    if (!this.wanted) return this.el.remove();
    this.el.classList.toggle("dark", this.view.dark);
    if (!this.shown) this.host.append(this.el);
  }
  close() {
    this.closed = true;
    this.show();
  }
  back() {
    const { el } = this.view,
      { commands, shell } = globalThis.jupyterapp || {};
    el.scrollIntoView({ block: "start" });
    if (!el.isConnected && commands) shell?.currentWidget?.content?.scrollToItem?.(0);
  }
  /** @param {number} now ms */
  draw(now) {
    const { panels } = this.view,
      { dpr } = this.view.look;
    if (!this.shown || now - this.drawn < PACE) return;
    this.drawn = now;
    while (this.pictures.length > panels.length) this.pictures.pop().remove();
    while (this.pictures.length < panels.length) {
      const made = h("canvas", { "aria-hidden": "true" });
      this.pictures.push(made);
      this.box.append(made);
    }
    panels.forEach(({ points, overlay }, i) => {
      const to = this.pictures[i],
        w = Math.round(SIDE * dpr),
        tall = Math.round((w * points.height) / points.width);
      if (to.width !== w || to.height !== tall) Object.assign(to, { width: w, height: tall });
      const ctx = to.getContext("2d");
      for (const from of [points, overlay]) ctx.drawImage(from, 0, 0, w, tall);
      to.style.width = `${SIDE}px`;
    });
    setText(this.text, panels.map((p) => p.title.textContent).join("  ·  "));
  }
}
