// The playground: the lab's race in a page that trains by itself.
import { h, setText } from "./dom.js";
import { digitsOf, fileOf, fromFiles } from "./playground/files.js";
import { Kernel } from "./playground/kernel.js";
import { Racer } from "./playground/racer.js";
import { fromLink, toLink } from "./playground/settings.js";
import { sketch } from "./playground/sketch.js";
import { Line } from "./theatre/line.js";
import { copy } from "./theatre/save.js";
import { Store } from "./theatre/store.js";
import { View } from "./theatre/view.js";

/** What the browser lacks, in words; "" where nothing. @param {any} there its globals */
function lacking(there) {
  if (there.location?.protocol === "file:")
    return 'A page that trains must come from a server: run "python -m http.server" in its folder';
  if (!there.WebAssembly) return "This browser has no WebAssembly";
  if (!there.Worker) return "This browser has no web workers";
  return there.DecompressionStream ? "" : "This browser is too old to unpack the page's files";
}

/** Threads of an engine: more than one only where the page is isolated, and real cores are left. */
function threads(racers) {
  const cores = (navigator.hardwareConcurrency || 1) / 2; // of two that are told, one is real
  return globalThis.crossOriginIsolated ? Math.max(1, Math.min(4, Math.floor(cores / racers))) : 1;
}

/** Recorded runs in the place of a training. @param {HTMLElement} root @param {string} why */
function recorded(root, why) {
  const text = `${why}. So here is the recorded race instead.`;
  const film = { src: "movie.html", title: "The recorded race", class: "pg-film" };
  root.replaceChildren(h("p", { role: "alert", text }), h("iframe", film));
}

async function load() {
  const page = await (await fileOf("page.json")).json();
  const [binary, bytes] = await Promise.all(["engine.wasm", "digits"].map(fromFiles)),
    { images, ...digits } = digitsOf(bytes, page.told);
  page.digits = digits;
  page.held = { labels: digits.labels, images, side: page.told.side };
  const script = new URL("engine.mjs", location.href).href;
  const { version, config } = page;
  page.engine = { script, binary, version, threads: threads(config.first.panels.length) };
  return page;
}

/** @param {HTMLElement} root */
async function mount(root) {
  const missing = lacking(globalThis);
  if (missing) return recorded(root, missing);
  try {
    await show(root, await load());
  } catch (error) {
    recorded(root, error.message);
  }
}

/** How many train side by side. @param {Kernel} kernel */
function networks(kernel) {
  const count = (n) => h("option", { value: n, text: String(n) }),
    choose = h("select", {}, ...[1, 2, 3].map(count));
  choose.value = String(kernel.settings.panels.length);
  choose.onchange = () => {
    const { values, panels } = kernel.settings,
      more = kernel.page.config.first.panels;
    const wanted = Array.from({ length: Number(choose.value) }, (_, p) => panels[p] || more[p]);
    kernel.restart({ values, panels: wanted });
  };
  return h("label", {}, "Networks: ", choose);
}

/** The newest digit, with its card open. @param {Kernel} kernel @param {View} view */
async function follow(kernel, view, digit) {
  const wrong = await kernel.follow(digit);
  if (!wrong) for (const { ask } of view.panels) ask.about(view.store.runs[0].n - 1);
  return wrong;
}

async function show(root, page) {
  const { controls, first } = page.config,
    { settings, wrong } = fromLink(location.hash, controls, first);
  const hire = () => new Racer(new Worker("trainer.js", { type: "module" })),
    kernel = new Kernel(page, settings, hire);
  const stage = h("div", { class: "pg-stage" }),
    said = h("p", { class: "pg-said", role: "status" });
  if (wrong.length) setText(said, `The link was not read as a whole. ${wrong.join("; ")}.`);
  const store = new Store(page.config);
  new Line(kernel, store);
  const view = new View(store, stage);
  const link = async () => {
    history.replaceState(null, "", toLink(controls, kernel.settings));
    const copied = await copy(location.href);
    setText(said, copied ? "The link is copied." : "The link is in the address above.");
  };
  const share = h("button", { type: "button", text: "Copy a link", onclick: () => link() }),
    row = h("p", {}, networks(kernel), " ", share),
    more = h(
      "div",
      { class: "pg-more" },
      row,
      sketch((digit) => follow(kernel, view, digit)),
    );
  root.replaceChildren(stage, said, more);
  root.playground = { kernel, view, store };
  await kernel.begin();
  if (kernel.state.error) throw new Error(kernel.state.error);
  await kernel.play();
}

mount(document.getElementById("playground"));
