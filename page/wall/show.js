// One student's run in full: its theatre, recipe and findings, over the wall.
import { h } from "../dom.js";
import { mountFilm } from "../theatre/film.js";
import { counted, said } from "./order.js";

/** @typedef {import("./wall.js").Data} Data */

export class Show {
  /** @param {Data} data @param {Record<string, string>[]} changed settings of each tile */
  constructor(data, changed) {
    this.data = data;
    this.changed = changed;
    this.title = h("h2", { class: "fnw-title", id: "fnw-title" });
    const close = h("button", { type: "button", text: "Close", onclick: () => this.el.close() });
    this.body = h("div", { class: "fnw-body" });
    const about = { class: "fnw-show", "aria-labelledby": "fnw-title" };
    this.el = h(
      "dialog",
      { ...about, onclose: () => this.clear() },
      h("div", { class: "fnw-bar" }, this.title, close),
      this.body,
    );
  }
  /** @param {number} i which tile */
  async open(i) {
    const tile = this.data.tiles[i],
      film = JSON.parse(this.data.films[i]),
      stage = h("div", { class: "fnw-stage" });
    film.images = film.images && this.data.pictures[film.images];
    this.title.textContent = tile.name;
    this.body.replaceChildren(stage, this.facts(tile, this.changed[i]));
    this.el.showModal();
    this.shown = i;
    const view = await mountFilm(stage, { runs: [film] });
    if (this.shown === i) this.view = view;
    else view.close();
  }
  /** @param {import("./wall.js").Tile} tile @param {Record<string, string>} changed */
  facts(tile, changed) {
    const recipe = Object.entries({ ...tile.recipe, seed: tile.seed }).map(([name, v]) => {
      const kind = name in changed ? { class: "changed" } : {};
      return h("div", kind, h("dt", { text: name }), h("dd", { text: said(v) }));
    });
    const findings = tile.findings.map((f) =>
      h(
        "li",
        {},
        h("strong", { text: f.name }),
        h("p", { text: f.measured }),
        h("p", { text: f.advice && `Try: ${f.advice}` }),
      ),
    );
    return h(
      "div",
      { class: "fnw-facts" },
      h("h3", { text: counted(findings.length, "finding", "findings") }),
      h("ul", {}, ...findings),
      h("h3", { text: "Recipe (bold: unlike most)" }),
      h("dl", {}, ...recipe),
    );
  }
  clear() {
    this.view?.close();
    this.view = this.shown = null;
    this.body.replaceChildren();
  }
}
