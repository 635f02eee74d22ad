// Where frames come from: the camera, a video file, photographs. None of them leaves this page but
// as a small JPEG to the kernel.
import { h } from "../dom.js";

const LONGEST = 256; // px: longer side of what the kernel gets
const QUALITY = 0.85; // of the JPEG

/**
 * The size of a picture whose longer side is at most `most`.
 * @param {number} width
 * @param {number} height
 */
export function fitted(width, height, most = LONGEST) {
  const by = Math.min(1, most / Math.max(width, height));
  return [Math.max(16, Math.round(width * by)), Math.max(16, Math.round(height * by))];
}

/** Why there is no camera, as a sentence. @param {any} error of getUserMedia */
export function refusal(error) {
  const why = {
    NotAllowedError: "The camera was not allowed",
    NotFoundError: "No camera was found",
    NotReadableError: "The camera is busy in another program",
    TypeError: "This page may not use a camera (it needs https or localhost)",
  }[error?.name];
  return `${why || "The camera did not start"}: the clip plays instead.`;
}

/** @param {CanvasImageSource} picture */
async function jpegOf(picture, width, height) {
  const canvas = new OffscreenCanvas(...fitted(width, height));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  return { picture: canvas, jpeg: await blob.arrayBuffer() };
}

/** Frames of a playing video element. */
class Moving {
  constructor() {
    this.video = h("video", { muted: true, playsinline: true, loop: true });
    this.video.muted = true;
  }
  async play() {
    await this.video.play();
    return this;
  }
  grab() {
    const { video } = this;
    return video.readyState < 2 ? null : jpegOf(video, video.videoWidth, video.videoHeight);
  }
}

export class Camera extends Moving {
  async open() {
    if (!navigator.mediaDevices) throw new TypeError("no camera here");
    const video = { width: { ideal: 320 }, height: { ideal: 240 }, facingMode: "user" };
    this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    this.video.srcObject = this.stream;
    return this.play();
  }
  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}

export class Video extends Moving {
  /** @param {File} file */
  async open(file) {
    this.url = URL.createObjectURL(file);
    this.video.src = this.url;
    return this.play();
  }
  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.url);
  }
}

export class Photographs {
  /** @param {File[]} files those that are pictures are shown, by name */
  async open(files) {
    const name = (f) => f.webkitRelativePath || f.name;
    const wanted = files.filter((f) => f.type.startsWith("image/"));
    this.files = wanted.sort((a, b) => (name(a) < name(b) ? -1 : 1));
    if (!this.files.length) throw new Error("There is no picture among these files.");
    this.n = 0;
    return this;
  }
  async grab() {
    const file = this.files[this.n++ % this.files.length];
    const bitmap = await createImageBitmap(file);
    const frame = await jpegOf(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    return { ...frame, name: file.name };
  }
  close() {
    this.files = [];
  }
}
