// Colors of the picture, and what follows the name of a rare class.

/** @typedef {import("../numbers.js").Color} Color */
/**
 * @typedef {Object} Theme
 * @property {Color} stage
 * @property {string} ink
 * @property {string} muted
 * @property {string} faint
 * @property {Color} grid
 * @property {Color} zero
 * @property {Color} ring
 * @property {number} tint how strong the decision regions are colored, 0 … 1
 */

export const PALETTE = [
  "#3f90da",
  "#ffa90e",
  "#bd1f01",
  "#94a4a2",
  "#832db6",
  "#a96b59",
  "#e76300",
  "#b9ac70",
  "#717581",
  "#92dadd",
];
export const MARK = "†"; // follows the name of a class with few training samples

/** @type {{light: Theme, dark: Theme}} */
export const THEMES = {
  light: { stage: [252, 252, 253], ink: "#1f2328", muted: "#59636e", faint: "#d5dbe1",
    grid: [236, 239, 242], zero: [214, 220, 226], ring: [35, 38, 43], tint: 0.17 },
  dark: { stage: [21, 23, 28], ink: "#e6e8eb", muted: "#a3abb5", faint: "#3a414b",
    grid: [33, 36, 43], zero: [57, 63, 72], ring: [240, 242, 245], tint: 0.2 },
};
