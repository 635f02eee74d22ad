// The wall: runs of a whole class as small theatres on one page (mountStatic, as in theatre.js).
import { Wall } from "./wall/wall.js";

/** @param {HTMLElement} root @param {import("./wall/wall.js").Data} data */
export function mountStatic(root, data) {
  const wall = new Wall(data);
  root.append(wall.el);
  wall.start();
  root.wall = wall;
  root.dataset.ready = "1";
  return wall;
}
