// Where the player is, in frames, and how that moves on.
import { clamp } from "../numbers.js";

const REPLAY = 12; // recorded frames per second at speed 1
const SLACK = 1e-6; // frames: so near to a whole one counts as there
const LEAP = 8; // frames behind the newest, beyond which following jumps

export class Clock {
  constructor() {
    this.pos = 0;
    this.follow = true; // stays at the newest frame
    this.playing = false; // replays recorded frames
    this.speed = 1;
  }
  get frame() {
    return Math.floor(this.pos + SLACK);
  }
  /** @param {number} last */
  before(last) {
    return this.pos < last - SLACK;
  }

  /** Show that frame; Infinity is the newest. @param {number} frame @param {number} last */
  go(frame, last) {
    this.playing = false;
    this.pos = clamp(Number.isFinite(frame) ? Math.round(frame) : last, 0, last);
    this.follow = this.pos >= last;
  }

  /**
   * Time goes on by dt seconds; true while there is somewhere to go.
   * @param {number} dt
   * @param {number} last the newest frame
   * @param {number} rate frames per second that arrive
   * @param {boolean} still the reader wants no motion
   */
  advance(dt, last, rate, still) {
    const lag = last - this.pos;
    if (this.playing) {
      this.pos = Math.min(last, this.pos + dt * REPLAY * this.speed);
      if (this.pos >= last) {
        this.playing = false;
        this.follow = true;
      }
    } else if (this.follow && lag > 0) {
      if (still) this.pos = last;
      else if (lag > LEAP) this.pos = last - 2;
      else this.pos = Math.min(last, this.pos + dt * Math.max(1.5, rate) * (0.55 + 0.45 * lag));
    }
    return this.playing || (this.follow && this.pos < last);
  }
}
