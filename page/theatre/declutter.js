// Labels of centers that lie together: each goes a little aside, with a line to where it belongs.

const TURNS = 14; // of pushing apart in one picture
const STAY = 0.9; // how much of the way aside is kept from one picture to the next
const MANY = 40; // labels, beyond which none is moved

/**
 * @typedef {{x: number, y: number, dx: number, dy: number}} Label its place, and how far aside
 */

/**
 * Pushes labels apart that cover one another; from picture to picture they move smoothly.
 * @param {({x: number, y: number} | null)[]} places null: no label there
 * @param {number} apart px between two
 * @param {(Label | null)[]} before what this returned for the picture before
 * @returns {(Label | null)[]}
 */
export function declutter(places, apart, before = []) {
  const labels = places.map((p, k) => p && { ...p, ...aside(before[k], k) });
  const shown = labels.filter(Boolean);
  if (shown.length > MANY) return labels.map((l) => l && { ...l, dx: 0, dy: 0 });
  for (let turn = 0; turn < TURNS; turn++) {
    let touched = false;
    for (let i = 1; i < shown.length; i++)
      for (let j = 0; j < i; j++) touched = part(shown[i], shown[j], apart) || touched;
    if (!touched) break;
  }
  return labels;
}

/** Where a label starts: almost where it was; a hair off its place, another way for each. */
function aside(before, k) {
  const angle = 2.4 * k;
  return {
    dx: STAY * (before?.dx || 0) + 1e-3 * Math.cos(angle),
    dy: STAY * (before?.dy || 0) + 1e-3 * Math.sin(angle),
  };
}

/** Moves two labels away from each other; true if they touched. */
function part(a, b, apart) {
  const x = a.x + a.dx - b.x - b.dx,
    y = a.y + a.dy - b.y - b.dy,
    d = Math.hypot(x, y);
  if (d >= apart) return false;
  const push = (apart - d + 0.05) / 2 / Math.max(d, 1e-9);
  a.dx += push * x;
  a.dy += push * y;
  b.dx -= push * x;
  b.dy -= push * y;
  return true;
}
