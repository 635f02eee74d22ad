// One's own face: camera, video, photographs or clip. The page grabs frames, the kernel reads.
import { Desk } from "./booth/desk.js";
import { View } from "./booth/view.js";

// The desk lives with the model; when its last view goes, so does the camera.
export default () => {
  let desk = null;
  return {
    initialize({ model }) {
      desk = new Desk((message, buffers) => model.send(message, undefined, buffers));
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
