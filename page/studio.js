// The AU studio: one face, a slider per action unit. The kernel renders.
import { widgetOf } from "./desk.js";
import { Desk } from "./studio/desk.js";
import { View } from "./studio/view.js";

export default widgetOf(Desk, View);
