// Domains by shape: disc, triangle, square, diamond; all of the same area as a disc.

const SQRT3 = Math.sqrt(3);
const TRIANGLE = Math.sqrt(Math.PI / (3 * SQRT3)), // inner radius of the triangle of area π
  SQUARE = Math.sqrt(Math.PI) / 2, // half a side of the square
  DIAMOND = Math.sqrt(Math.PI / 2); // from the diamond's middle to its tip

/** @type {((x: number, y: number) => number)[]} */
const DOMAIN_SHAPES = [
  (x, y) => Math.hypot(x, y),
  (x, y) => Math.max(y, (SQRT3 * Math.abs(x) - y) / 2) / TRIANGLE,
  (x, y) => Math.max(Math.abs(x), Math.abs(y)) / SQUARE,
  (x, y) => (Math.abs(x) + Math.abs(y)) / DIAMOND,
];
export const DOMAIN_MARKS = ["●", "▲", "■", "◆"];
export const SHAPE_REACH = 2 * TRIANGLE; // from a shape's middle to its farthest tip, in radii

/**
 * How far out a place is in a shape: the radius of the disc as large as the shape through it.
 * @param {number} domain
 * @param {number} x to the right
 * @param {number} y downwards
 */
export const radiusIn = (domain, x, y) => DOMAIN_SHAPES[domain % DOMAIN_SHAPES.length](x, y);
