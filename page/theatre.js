// The theatre: plays recorded or growing trainings as moving embeddings.
// Used by the notebook widget (default export) and by exported HTML files (mountStatic).
import { mountFilm } from "./theatre/film.js";
import { Line } from "./theatre/line.js";
import { Store } from "./theatre/store.js";
import { View } from "./theatre/view.js";

/** An exported HTML file. @param {any} root @param {any} data */
export async function mountStatic(root, data) {
  return mountFilm(root, data);
}

// Frames live with the model, so that every view of it, also a later one, shows the same state.
export default () => {
  let store = null;
  return {
    initialize({ model }) {
      store = new Store(model.get("_config"));
      const line = new Line(model, store);
      return () => line.close();
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
