// Recorded runs, played without a kernel.
import { h } from "../dom.js";
import { decodeRun } from "./run.js";
import { Store } from "./store.js";
import { View } from "./view.js";

/** A theatre of recorded runs in a page of its own. @param {any} root @param {any} data */
export async function mountFilm(root, data) {
  const store = new Store({ palette: data.palette });
  let view = null;
  try {
    const runs = await Promise.all(data.runs.map(decodeRun));
    await /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        store.painted = () => {
          if (view?.painted) resolve();
        };
        store.reset(0, runs);
        view = new View(store, root);
        // a page in the background paints nothing yet
        requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
      })
    );
    root.theatre = view.el.theatre;
    root.dataset.ready = "1";
  } catch (error) {
    const text = `This file cannot be shown here: ${error.message || error}`;
    root.append(h("p", { role: "alert", text }));
    throw error;
  }
  return view;
}
