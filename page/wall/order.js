// Orders of the tiles, and the words on them.
import { short } from "../numbers.js";

/** @typedef {import("./wall.js").Tile} Tile */

const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
const TOLD = new Set(["loss", "lam", "gamma", "seed"]); // in the name, or without a meaning
const high = (v) => (v == null ? -Infinity : v); // what is not known comes last

/** name of an order → what is compared; equal ones stand by name */
export const ORDERS = {
  name: { said: "name", of: () => 0 },
  center: { said: "balanced accuracy, nearest center", of: (t) => -high(t.center) },
  linear: { said: "balanced accuracy, linear head", of: (t) => -high(t.linear) },
  findings: { said: "findings, most first", of: (t) => -t.findings.length },
  newest: { said: "newest first", of: (t) => -t.when },
};

/**
 * The numbers of the tiles in that order.
 * @param {Tile[]} tiles
 * @param {string} order one of ORDERS
 */
export function sorted(tiles, order) {
  const { of } = ORDERS[order],
    value = tiles.map(of);
  const compare = (i, j) =>
    value[i] < value[j] ? -1 : value[i] > value[j] ? 1 : byName(tiles[i], tiles[j]);
  return tiles.map((_, i) => i).sort(compare);
}

/** A value of a recipe, as text. @param {any} v */
export const said = (v) =>
  v == null ? "none" : typeof v === "object" ? JSON.stringify(v) : String(v);

/**
 * For each tile the settings that differ from the class's commonest: what this student changed.
 * @param {Tile[]} tiles
 * @returns {Record<string, string>[]} setting → value
 */
export function changes(tiles) {
  const names = [...new Set(tiles.flatMap((t) => Object.keys(t.recipe)))],
    common = {};
  for (const name of names) {
    const counts = new Map();
    for (const { recipe } of tiles)
      if (name in recipe) counts.set(said(recipe[name]), (counts.get(said(recipe[name])) || 0) + 1);
    common[name] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  }
  const own = ([name, v]) => said(v) !== common[name];
  return tiles.map(({ recipe }) =>
    Object.fromEntries(
      Object.entries(recipe)
        .filter(own)
        .map(([name, v]) => [name, said(v)]),
    ),
  );
}

/** What a tile says of its run: its name, and what the name does not say. @param {Tile} tile */
export function runText(tile, changed) {
  const rest = Object.entries(changed).filter(([name]) => !TOLD.has(name));
  const more = rest.map(([name, v]) => `${name} ${v}`);
  return [tile.run || "a run without a name", ...more].join(" · ");
}

/** 88.31 → "88 %". @param {number | null} v */
export const perCent = (v) => (v == null ? "–" : `${Math.round(v)} %`);

/** @param {Tile} tile */
export const lossText = (tile) => (tile.loss == null ? "not finite" : short(tile.loss));

/** @param {number} n @param {string} one @param {string} many */
export const counted = (n, one, many) => `${n} ${n === 1 ? one : many}`;

/** @param {Tile} tile */
export const findingsText = (tile) =>
  tile.findings.length ? tile.findings.map((f) => f.name).join(" · ") : "no findings";

/**
 * The outline of a curve in a box of w × h; where a value is missing the line is broken.
 * @param {(number | null)[]} values
 * @param {number} w
 * @param {number} h
 */
export function outline(values, w, h) {
  const seen = values.filter((v) => v != null),
    low = Math.min(...seen),
    size = Math.max(...seen) - low || 1;
  let path = "",
    pen = "M";
  values.forEach((v, i) => {
    if (v == null) {
      pen = "M";
      return;
    }
    const x = (i * w) / Math.max(1, values.length - 1),
      y = h - ((v - low) / size) * h;
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  });
  return path;
}
