// Scores of emotions beside the AU studio. Everything they show is the synced trait `report`, a
// plain object made in Python.
import { Panel } from "./scores/panel.js";

export default {
  render({ model, el }) {
    const panel = new Panel(model, el),
      show = () => panel.show();
    model.on("change:report", show);
    return () => {
      model.off("change:report", show);
      panel.close();
    };
  },
};
