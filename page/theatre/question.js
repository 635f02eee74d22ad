// Before a key ends a long training: a question where the reader looks, no window.
import { h, setText } from "../dom.js";

export class Question {
  /** @param {() => void} done gives the focus back */
  constructor(done) {
    this.done = done;
    this.text = h("span");
    const choice = (text, onclick) =>
      h("button", { type: "button", class: "fnb-button", text, onclick });
    this.yes = choice("Yes", () => this.answer(true));
    const no = choice("No", () => this.answer(false));
    const about = { class: "fnb-question", role: "alertdialog", "aria-label": "Question" };
    this.el = h("span", { ...about, hidden: true }, this.text, this.yes, no);
  }
  get open() {
    return !this.el.hidden;
  }
  /** @param {string} text @param {() => void} act what Yes does */
  ask(text, act) {
    this.act = act;
    setText(this.text, text);
    this.el.hidden = false;
    this.yes.focus();
  }
  /** @param {boolean} yes */
  answer(yes) {
    if (!this.open) return;
    this.el.hidden = true;
    this.done();
    if (yes) this.act();
  }
}
