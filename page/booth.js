// One's own face: camera, video, photographs or clip. The page grabs frames, the kernel reads.
import { Desk } from "./booth/desk.js";
import { View } from "./booth/view.js";
import { widgetOf } from "./desk.js";

export default widgetOf(Desk, View);
