// A digit drawn by hand, made to look like one of MNIST's.
import { h, setText } from "../dom.js";
import { toInput } from "./files.js";

const PIXELS = 28, // px of a picture
  BOX = 20, // px that its ink fills
  PAPER = 168; // px of the drawing

/**
 * Ink that fills a box of 20 pixels, its middle of mass in the middle of 28 (LeCun's MNIST).
 * @param {Float32Array | Uint8ClampedArray} ink @param {number} side
 * @returns {Uint8Array | null} null: nothing was drawn
 */
export function centered(ink, side) {
  let [x0, y0, x1, y1, mass, mx, my] = [side, side, -1, -1, 0, 0, 0];
  for (let i = 0; i < side * side; i++) {
    if (!ink[i]) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
    [mass, mx, my] = [mass + ink[i], mx + x * ink[i], my + y * ink[i]];
  }
  if (!mass) return null;
  const zoom = (Math.max(x1 - x0, y1 - y0) + 1) / BOX;
  const out = new Uint8Array(PIXELS * PIXELS);
  for (let i = 0; i < out.length; i++) {
    const at = (v, middle) => (v - PIXELS / 2) * zoom + middle / mass + 0.5;
    out[i] = Math.round(
      meanOf(ink, side, at(i % PIXELS, mx), at(Math.floor(i / PIXELS), my), zoom),
    );
  }
  return out;
}

/** The mean ink of a square. */
function meanOf(ink, side, x, y, zoom) {
  const steps = Math.max(1, Math.ceil(zoom));
  let sum = 0;
  for (let j = 0; j < steps; j++)
    for (let i = 0; i < steps; i++) {
      const px = Math.floor(x + ((i + 0.5) * zoom) / steps),
        py = Math.floor(y + ((j + 0.5) * zoom) / steps);
      if (px >= 0 && py >= 0 && px < side && py < side) sum += ink[py * side + px];
    }
  return sum / steps ** 2;
}

/** What the network sees of it: means of 2 × 2 pixels. @param {Uint8Array} picture */
export function small(picture) {
  const half = PIXELS / 2;
  return Float32Array.from({ length: half * half }, (_, i) => {
    const at = 2 * Math.floor(i / half) * PIXELS + 2 * (i % half);
    const four = picture[at] + picture[at + 1] + picture[at + PIXELS] + picture[at + PIXELS + 1];
    return toInput(four / 4);
  });
}

/** A sheet to draw on. @param {(digit: any) => Promise<string>} follow a digit; what is wrong */
export function sketch(follow) {
  const about = "Draw a digit here with the mouse or a finger";
  const paper = h("canvas", {
    width: PAPER,
    height: PAPER,
    class: "pg-paper",
    "aria-label": about,
  });
  const ink = paper.getContext("2d", { willReadFrequently: true }),
    said = h("span", { role: "status" });
  const option = (d) => h("option", { value: d, text: String(d) });
  const ten = [...Array(10).keys()],
    which = h("select", { "aria-label": "Which digit it is" }, ...ten.map(option));
  Object.assign(ink, { lineWidth: 14, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  let last = null;
  const place = (e) => {
    const box = paper.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top].map((v) => (v * PAPER) / box.width);
  };
  const line = (e) => {
    const now = place(e);
    ink.beginPath();
    ink.moveTo(...last);
    ink.lineTo(now[0] + 0.01, now[1]);
    ink.stroke();
    last = now;
  };
  paper.onpointerdown = (e) => {
    paper.setPointerCapture(e.pointerId);
    last = place(e);
    line(e);
  };
  paper.onpointermove = (e) => last && line(e);
  paper.onpointerup = paper.onpointercancel = () => (last = null);
  const clear = () => ink.clearRect(0, 0, PAPER, PAPER);
  const add = async () => {
    const { data } = ink.getImageData(0, 0, PAPER, PAPER),
      picture = centered(
        Float32Array.from({ length: PAPER ** 2 }, (_, i) => data[4 * i + 3]),
        PAPER,
      );
    if (!picture) return setText(said, "draw something first");
    const wrong = await follow({ picture, small: small(picture), label: Number(which.value) });
    if (!wrong) clear();
    setText(said, wrong || "it is in the picture, in another shape");
  };
  const press = (text, onclick) => h("button", { type: "button", text, onclick });
  const row = h(
    "p",
    {},
    "it is a ",
    which,
    " ",
    press("Follow it", add),
    " ",
    press("Clear", clear),
  );
  return h(
    "section",
    { class: "pg-sketch" },
    h("h2", { text: "Your own digit" }),
    paper,
    row,
    said,
  );
}
