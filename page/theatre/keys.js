// What the keys do while the theatre has the focus.

const MOVES = ["Home", "End", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const WORDLESS = ["range", "checkbox", "radio", "button", "color"]; // inputs without letters

/** Whether letters are written there. @param {any} target */
export const takesText = ({ tagName, type, isContentEditable }) =>
  tagName === "TEXTAREA" || isContentEditable || (tagName === "INPUT" && !WORDLESS.includes(type));

/**
 * True if the key was for us.
 * @param {import("./view.js").View} view
 * @param {{key: string, target: any}} event
 */
export function press(view, { key, target }) {
  if (takesText(target)) return false;
  const setting = view.settings.owns(target),
    range = target.tagName === "INPUT" && target.type === "range";
  if (key === " ") view.toggle();
  else if (key === "Escape") return view.dismiss();
  else if (key === "Enter" && setting) view.sure("restart");
  else if (target.tagName === "SELECT" || (setting && range && MOVES.includes(key))) return false;
  else if (key === "ArrowRight") view.forward();
  else if (key === "ArrowLeft") view.go(Math.ceil(view.clock.pos - 1e-6) - 1);
  else if (key === "Home") view.go(0);
  else if (key === "End") view.go(Infinity);
  else if (key === "s") view.sure("stop");
  else if (key === "r") view.sure("restart");
  else if (key === "f") view.fullScreen();
  else if (key === "a") (view.panels.find((p) => p.ask.open) || view.panels[0]).ask.next();
  else if (/^[0-9]$/.test(key)) view.legend.toggle(Number(key));
  else return false;
  return true;
}
