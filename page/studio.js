// The AU studio: one face, a slider per action unit. The kernel renders.
import { Desk } from "./studio/desk.js";
import { View } from "./studio/view.js";

// The desk lives with the model, so that every view of it, also a later one, shows the same state.
export default () => {
  let desk = null;
  return {
    initialize({ model }) {
      desk = new Desk((message) => model.send(message));
      const hear = (message, buffers) => desk.hear(message, buffers);
      model.on("msg:custom", hear);
      return () => {
        model.off("msg:custom", hear);
        desk.close();
      };
    },
    render({ el }) {
      const view = new View(desk, el);
      return () => view.close();
    },
  };
};
