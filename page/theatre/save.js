// What a reader takes along: the panels as a picture, a film as a file, code in the clipboard.
import { MARK } from "./theme.js";

const PAD = 16; // px around a panel of the saved picture
const HEAD = 26; // px for its name
const CAPTION = 20; // px for a chart's name

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

/**
 * All panels as they stand, on one canvas.
 * @param {import("./panel.js").Panel[]} panels
 * @param {import("./view.js").Look} look
 */
export function picture(panels, look) {
  const { dpr, theme } = look,
    parts = panels.map(partsOf);
  const widths = parts.map((p) => Math.max(...p.map(({ w }) => w)));
  const total = (part) => part.reduce((sum, { tall }) => sum + tall, 0);
  const canvas = document.createElement("canvas");
  canvas.width = dpr * (widths.reduce((a, b) => a + b, 0) + PAD * (panels.length + 1));
  canvas.height = dpr * (Math.max(...parts.map(total)) + 2 * PAD);
  const ctx = canvas.getContext("2d");
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  ctx.fillStyle = `rgb(${theme.stage.join(",")})`;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = theme.ink;
  ctx.textBaseline = "top";
  let x = PAD;
  parts.forEach((part, p) => {
    let y = PAD;
    for (const { texts, canvases, w, tall } of part) {
      ctx.font = texts ? look.bold : look.font;
      for (const c of canvases || []) ctx.drawImage(c, x, y, w, tall);
      (texts || []).forEach((text, i) => ctx.fillText(text, x, y + 16 * i, widths[p]));
      y += tall;
    }
    x += widths[p] + PAD;
  });
  return canvas;
}

/** One panel from top to bottom: lines of text, or canvases that lie upon one another. */
function partsOf(panel) {
  const wide = panel.points.clientWidth;
  const said = (tall, ...elements) => {
    const texts = elements.map((e) => e.textContent).filter(Boolean);
    return { texts: [texts.join("   ")], w: wide, tall };
  };
  const drawn = (...canvases) => {
    const { clientWidth: w, clientHeight: tall } = canvases[0];
    return { canvases, w, tall };
  };
  return [
    said(HEAD, panel.title, panel.step),
    drawn(panel.points, panel.overlay),
    said(CAPTION, panel.recallTitle, panel.figures),
    drawn(panel.bars),
    said(CAPTION, panel.lossTitle),
    drawn(panel.curves),
  ];
}

/** A name for a file. @param {import("./run.js").Run[]} runs */
export const fileName = (runs) =>
  runs
    .map((r) => r.name)
    .join("-")
    .replaceAll(MARK, "")
    .replace(/[^\p{L}\p{N}.=-]+/gu, "_")
    .slice(0, 80) || "theatre";

/** Puts text into the clipboard; false where the page may not. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
