// The classes above the pictures: a click hides or shows one, in all panels.
import { h } from "../dom.js";
import { css, rgb } from "../numbers.js";
import { DOMAIN_MARKS } from "./mirror_shapes.js";
import { MARK } from "./theme.js";

export class Legend {
  /** @param {string[]} palette @param {() => void} changed */
  constructor(palette, changed) {
    this.palette = palette;
    this.changed = changed;
    this.hidden = new Uint8Array(256);
    this.chips = [];
    const about = { role: "group", "aria-label": "Classes shown" };
    this.el = h("div", { class: "fnb-legend", ...about });
  }
  /** Anew only for other classes. @param {import("./run.js").Run | undefined} run */
  build(run) {
    const key = run && JSON.stringify([run.names, [...run.minority], run.domainNames]);
    if (!run || key === this.key) return;
    this.key = key;
    this.hidden = new Uint8Array(256);
    this.chips = run.names.map((name, k) => this.chip(name, k, run.minority.has(k)));
    this.el.replaceChildren(...this.chips);
    run.domainNames.forEach((name, d) =>
      this.el.append(h("span", { class: "fnb-domain", text: `${DOMAIN_MARKS[d]} ${name}` })),
    );
    if (run.minority.size)
      this.el.append(h("span", { class: "fnb-note", text: `${MARK} few training samples` }));
  }
  chip(name, k, rare) {
    const color = css(rgb(this.palette[k % this.palette.length]));
    const text = (name === String(k) || k > 9 ? name : `${k} ${name}`) + (rare ? MARK : "");
    const few = rare ? ": few training samples" : "",
      keys = k < 10 ? `; key ${k}` : "";
    const title = `${name}${few}. Click: hide or show; Alt+click: only this one${keys}`;
    const onclick = (e) => this.toggle(k, e.altKey),
      look = `fnb-chip${rare ? " rare" : ""}`;
    const dot = h("i", { style: `background:${color}` }),
      label = h("span", { text });
    return h(
      "button",
      { type: "button", class: look, "aria-pressed": "true", title, onclick },
      dot,
      label,
    );
  }
  /** `solo`: only this one, or all again. @param {number} k */
  toggle(k, solo = false) {
    if (k >= this.chips.length) return;
    if (solo) {
      const alone = !this.hidden[k] && this.chips.every((_, j) => j === k || this.hidden[j]);
      this.chips.forEach((_, j) => {
        this.hidden[j] = !alone && j !== k ? 1 : 0;
      });
    } else this.hidden[k] ^= 1;
    this.chips.forEach((c, j) => c.setAttribute("aria-pressed", String(!this.hidden[j])));
    this.changed();
  }
}
