// From bytes to canvases.
import { h } from "../dom.js";

/**
 * Rows of RGB bytes → a canvas of that size.
 * @param {DataView} view
 * @param {number} width
 * @param {number} height
 * @param {number} from byte
 */
export function toCanvas(view, width, height, from = 0) {
  const canvas = h("canvas", { width, height }),
    image = new ImageData(width, height);
  const rgb = new Uint8Array(view.buffer, view.byteOffset + from, 3 * width * height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0, j = 0; i < pixels.length; i++, j += 3)
    pixels[i] = 0xff000000 | (rgb[j + 2] << 16) | (rgb[j + 1] << 8) | rgb[j];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/**
 * Fills a square canvas of the page, smoothly.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement} picture
 */
export function fill(canvas, picture) {
  const dpr = Math.min(2, globalThis.devicePixelRatio || 1);
  const side = Math.max(1, Math.round(canvas.clientWidth * dpr));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const ctx = canvas.getContext("2d", { alpha: false });
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(picture, 0, 0, side, side);
}
