// All runs of a class: tiles in an order, what could not be read, one run in full.
import { h, watchTheme } from "../dom.js";
import {
  ORDERS,
  changes,
  counted,
  findingsText,
  lossText,
  outline,
  perCent,
  runText,
  sorted,
} from "./order.js";
import { Preview } from "./preview.js";
import { Show } from "./show.js";
import WALL_STYLE from "./wall.css";

const BETWEEN = 70; // ms between two pictures of a tile

/**
 * @typedef {Object} Tile
 * @property {string} name of the student
 * @property {string} run its name: loss and settings
 * @property {Record<string, any>} recipe
 * @property {number} seed
 * @property {number} when seconds since 1970
 * @property {number} step
 * @property {number} epoch
 * @property {(number | null)[]} losses
 * @property {number | null} loss
 * @property {number | null} linear balanced accuracy in per cent, by the linear head
 * @property {number | null} center by the nearest center
 * @property {{name: string, measured: string, advice: string}[]} findings
 * @property {import("./preview.js").Packed} preview
 */
/**
 * @typedef {Object} Data
 * @property {Tile[]} tiles
 * @property {string[]} films JSON each, read when it is opened
 * @property {Record<string, any>} pictures that films share
 * @property {Record<string, string>} damaged file → why
 */

/** @param {(number | null)[]} values */
function curve(values) {
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const svg = make("svg"),
    path = make("path");
  svg.setAttribute("viewBox", "-1 -1 62 18");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", outline(values, 60, 16));
  svg.append(path);
  return svg;
}

/** @param {Tile} tile @param {Record<string, string>} changed @param {() => void} open */
function tileOf(tile, changed, open) {
  const score = (name, v) => h("span", {}, `${name} `, h("b", { text: perCent(v) }));
  const bad = tile.findings.length > 0,
    recipe = runText(tile, changed);
  return h(
    "button",
    { type: "button", class: "fnw-tile", onclick: open },
    h("canvas", { "aria-hidden": "true" }),
    h("span", { class: "fnw-name", text: tile.name }),
    h("span", { class: "fnw-run", text: recipe, title: recipe }),
    h("span", { class: "fnw-scores" }, score("center", tile.center), score("linear", tile.linear)),
    h("span", { class: "fnw-loss" }, `loss ${lossText(tile)}`, curve(tile.losses)),
    h("span", { class: bad ? "fnw-found bad" : "fnw-found", text: findingsText(tile) }),
  );
}

export class Wall {
  /** @param {Data} data */
  constructor(data) {
    this.data = data;
    this.abort = new AbortController();
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.played = 0; // ms
    this.dark = false;
    const changed = changes(data.tiles);
    this.show = new Show(data, changed);
    this.tiles = data.tiles.map((tile, i) =>
      h("li", {}, tileOf(tile, changed[i], () => this.show.open(i))),
    );
    this.previews = this.tiles.map(
      (li, i) => new Preview(li.querySelector("canvas"), data.tiles[i].preview),
    );
    this.list = h("ul", { class: "fnw-tiles" });
    this.el = h(
      "main",
      { class: "fnw" },
      h("style", { text: WALL_STYLE }),
      this.head(),
      this.damaged(),
      this.list,
      this.show.el,
    );
    this.order("name");
  }
  head() {
    const { tiles } = this.data;
    const options = Object.entries(ORDERS).map(([value, { said }]) =>
      h("option", { value, text: said }),
    );
    const choose = h("select", { onchange: (e) => this.order(e.target.value) }, ...options);
    this.toggle = h("button", { type: "button", onclick: () => this.play(!this.playing) });
    const ill = tiles.filter((t) => t.findings.length).length;
    const count = counted(tiles.length, "run", "runs") + (ill ? `, ${ill} with findings` : "");
    const unit = "per cent: balanced accuracy on the watched points";
    const lines = [
      h("h1", { text: "The class at a glance" }),
      h("span", { text: count }),
      h("span", { class: "fnw-unit", text: unit }),
      h("label", {}, "sort by ", choose),
      this.toggle,
    ];
    return h("div", { class: "fnw-bar" }, ...lines);
  }
  damaged() {
    const files = Object.entries(this.data.damaged);
    if (!files.length) return "";
    const said = counted(files.length, "file cannot be read", "files cannot be read");
    const lines = files.map(([file, why]) =>
      h("li", {}, h("b", { text: file }), h("span", { text: `: ${why}` })),
    );
    return h("details", {}, h("summary", { text: said }), h("ul", {}, ...lines));
  }
  /** @param {string} name of the order */
  order(name) {
    this.list.replaceChildren(...sorted(this.data.tiles, name).map((i) => this.tiles[i]));
  }
  /** @param {boolean} on */
  play(on) {
    this.playing = on;
    this.toggle.textContent = on ? "Pause" : "Play";
    this.tick(performance.now());
  }
  /** Once it is on the page. */
  start() {
    const { signal } = this.abort;
    this.sight = new IntersectionObserver((entries) => {
      for (const e of entries) {
        const preview = this.previews[this.tiles.indexOf(/** @type {any} */ (e.target))];
        preview.seen = e.isIntersecting;
        if (preview.seen) this.paint(preview);
      }
    });
    for (const tile of this.tiles) this.sight.observe(tile);
    watchTheme(signal, (dark) => {
      this.dark = dark;
      this.el.classList.toggle("dark", dark);
      this.repaint();
    });
    addEventListener("resize", () => this.repaint(), { signal });
    if (!this.playing) this.played = Infinity;
    this.play(this.playing);
  }
  /** @param {Preview} preview */
  paint(preview) {
    preview.draw(this.played, this.dark);
  }
  repaint() {
    for (const preview of this.previews) if (preview.seen) this.paint(preview);
  }
  /** Paints what is seen, while it plays and nothing is over it. @param {number} now */
  tick(now) {
    cancelAnimationFrame(this.request);
    if (!this.playing) return;
    this.request = requestAnimationFrame((later) => this.tick(later));
    const passed = now - (this.ticked ?? now);
    if (this.ticked != null && passed < BETWEEN) return;
    this.ticked = now;
    if (this.show.el.open || document.hidden) return;
    this.played = (Number.isFinite(this.played) ? this.played : 0) + Math.min(passed, 2 * BETWEEN);
    this.repaint();
  }
}
