// One click away: the settings that all panels share, and what can be taken along.
import { h, setText } from "../dom.js";
import { button } from "./buttons.js";
import { copy, download, fileName, picture } from "./save.js";

export class Drawer {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    const { live, restartable, surprises } = view.store.config;
    this.reset = button("reset", "Reset", "All settings as they were at first", () => this.first());
    const broken = "A setting that does not work, and why: trains anew";
    this.surprise = button("surprise", "Surprise me: break it", broken, () => view.lesson.next());
    const lines = "The lines of Python that train exactly this again";
    this.code = button("code", "Copy as code", lines, () => this.copyCode());
    this.png = button("png", "Save picture", "The panels as a PNG", () => this.savePicture());
    const film = "A page that plays this training anywhere";
    this.film = button("film", "Save movie", film, () => this.askFilm());
    const scrolled = { tabindex: 0, role: "group", "aria-label": "Code" };
    this.lines = h("pre", { class: "fnb-code", ...scrolled, hidden: true });
    this.said = h("span", { class: "fnb-said", role: "status" });
    const actions = [
      ...(restartable ? [this.reset] : []),
      ...(restartable && surprises?.length ? [this.surprise] : []),
      ...(restartable ? [this.code] : []),
      this.png,
      ...(live ? [this.film] : []),
    ];
    this.el = h(
      "div",
      { class: "fnb-drawer", role: "group", "aria-label": "Settings and more", hidden: true },
      view.settings.el,
      h("div", { class: "fnb-actions" }, ...actions, this.said),
      this.lines,
    );
  }
  get open() {
    return !this.el.hidden;
  }
  /** @param {boolean} open */
  toggle(open = !this.open) {
    this.el.hidden = !open;
    this.view.bar.drawerButton.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.lines.hidden = true;
    setText(this.said, "");
    this.el.querySelector("input,select,button")?.focus({ preventScroll: true });
  }
  /** What needs the kernel is off without one. */
  show() {
    const { gone } = this.view.store;
    for (const b of [this.reset, this.surprise, this.code, this.film]) b.disabled = gone;
  }
  first() {
    const { store, settings } = this.view;
    if (store.config.first) settings.stand(store.config.first);
  }
  async copyCode() {
    const { code } = this.view.store.status;
    setText(this.lines, code || "");
    this.lines.hidden = !code;
    const copied = code && (await copy(code));
    setText(this.said, copied ? "copied" : "copy it from below");
  }
  savePicture() {
    const { panels, look, store } = this.view;
    const name = `${fileName(store.runs)}.png`;
    picture(panels, look).toBlob((blob) => download(blob, name));
  }
  askFilm() {
    setText(this.said, "making the film …");
    this.view.ask("film");
  }
  /** The kernel made it, or says why not. @param {BlobPart} page @param {string} [error] */
  takeFilm(page, error) {
    if (error) return setText(this.said, error);
    if (this.said.textContent) setText(this.said, "the film is saved");
    download(new Blob([page], { type: "text/html" }), `${fileName(this.view.store.runs)}.html`);
  }
}
