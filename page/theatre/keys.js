// What the keys do while the theatre has the focus.

const MOVES = ["Home", "End", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/**
 * True if the key was for us.
 * @param {import("./view.js").View} view
 * @param {{key: string, target: any}} event
 */
export function press(view, { key, target }) {
  const tag = target.tagName,
    setting = view.settings.owns(target);
  const range = tag === "INPUT" && target.type === "range";
  const presses = tag === "BUTTON" || (tag === "INPUT" && !range); // the space bar does
  if (key === "Enter" && setting) view.restart();
  else if (tag === "SELECT" || (setting && range && MOVES.includes(key))) return false;
  else if (key === " " && !presses) view.toggle();
  else if (key === "ArrowRight") view.forward();
  else if (key === "ArrowLeft") view.go(Math.ceil(view.clock.pos - 1e-6) - 1);
  else if (key === "Home") view.go(0);
  else if (key === "End") view.go(Infinity);
  else if (key === "s") view.stop();
  else if (key === "r") view.restart();
  else if (/^[0-9]$/.test(key)) view.legend.toggle(Number(key));
  else return false;
  return true;
}
