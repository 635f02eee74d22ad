// How large everything is: panels, charts and playback bar are seen together, whatever the window.

const GAP = 14; // px between panels
const LEAST = 190; // px: a panel is at least as wide, else they stand one under the other
const PLOT = 62; // px, the least height of the bars
const TALL = 84; // px, the least height of the curves
const CHARTS = 340; // px: higher, both together say no more

/**
 * @typedef {Object} Sizes
 * @property {number} columns of panels
 * @property {boolean} beside whether the charts stand beside the picture
 * @property {number} wide width of the picture, in px
 * @property {number} stage its height
 * @property {number} plot height of the bars
 * @property {number} tall height of the curves
 */

/**
 * @param {number} width of the theatre
 * @param {number} height that may be filled by pictures and charts
 * @param {number} panels
 * @returns {Sizes}
 */
export function sizes(width, height, panels) {
  const share = (n) => (width - GAP * (n - 1)) / n;
  let columns = Math.max(1, panels);
  while (columns > 1 && share(columns) < LEAST) columns = Math.ceil(columns / 2);
  const wide = Math.floor(share(columns)),
    rows = Math.ceil(panels / columns);
  if (panels === 1 && width >= 560) {
    const stage = Math.floor(Math.max(260, Math.min(height, 0.62 * width)));
    const side = Math.max(PLOT + TALL, Math.min(stage - 44, 2 * CHARTS)); // two captions
    return { columns, beside: true, wide: Math.floor(0.6 * width), stage, ...parts(side) };
  }
  const room = rows > 1 ? wide + PLOT + TALL + 40 : height;
  const stage = Math.floor(Math.max(150, Math.min(wide, room - PLOT - TALL)));
  return { columns, beside: false, wide, stage, ...parts(Math.min(CHARTS, room - stage)) };
}

/** The charts' share of a height. @param {number} height */
function parts(height) {
  const plot = Math.max(PLOT, Math.floor(0.42 * height));
  return { plot, tall: Math.max(TALL, Math.floor(height) - plot) };
}

/**
 * The height in which the theatre can be seen: that of the notebook, the window or the screen.
 * @param {Element} el
 */
export function seenHeight(el) {
  if (document.fullscreenElement === el) return innerHeight;
  const notebook = el.closest(".jp-WindowedPanel-outer, .jp-Notebook");
  if (notebook) return notebook.clientHeight;
  return globalThis.top === globalThis.self ? innerHeight : Math.max(innerHeight, 640);
}
