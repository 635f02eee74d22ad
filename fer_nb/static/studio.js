// The AU studio: one face, a slider per action unit. The kernel renders; this page asks for one picture at a time and then only for the newest state.
// One ES module without dependencies. Sections: constants · helpers · desk (what one widget model knows) · view · style · entrance.

// ---------------------------------------------------------------- constants
const FULL = 224;               // side of a finished picture
const SIZES = [80, 112, 160, 224];   // sides of a rough one, shown while something moves
const REST = 150;               // ms without a change until the finished picture is asked for
const QUICK = 45, SLOW = 85;    // ms a rough picture may take before a smaller or larger one is tried
const GLIDE = 350;              // ms in which the face goes over to a new expression
const MOST = 1.3;               // largest intensity
const REACH = 1.2;              // largest turn of head and light by dragging, radians
const ICONS = {
  dice: "M3 1.500h10A1.500 1.500 0 0 1 14.500 3v10a1.500 1.500 0 0 1-1.500 1.500H3A1.500 1.500 0 0 1 1.500 13V3A1.500 1.500 0 0 1 3 1.500zM4.500 3.500a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm7 7a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm0-7a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm-7 7a1 1 0 1 0 0 2 1 1 0 0 0 0-2zM8 7a1 1 0 1 0 0 2 1 1 0 0 0 0-2z",
  camera: "M5.500 2.500 4.500 4H2.500A1 1 0 0 0 1.500 5v7.500a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V5a1 1 0 0 0-1-1h-2l-1-1.500zM8 5.700a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 1.300a1.700 1.700 0 1 0 0 3.400A1.700 1.700 0 0 0 8 7z",
  head: "M8 1.500a4 4.500 0 0 1 4 4.500c0 2-.8 3.600-2 4.500v1.300l4 1.700v1H2v-1l4-1.700V10.500C4.800 9.600 4 8 4 6a4 4.500 0 0 1 4-4.500z",
  light: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM7.300 1h1.400v2.500H7.300zM7.300 12.500h1.400V15H7.300zM1 7.300h2.500v1.400H1zM12.500 7.300H15v1.400h-2.500zM3.500 2.500l1.800 1.800-1 1L2.500 3.500zM12.500 2.500l1 1-1.800 1.800-1-1zM4.300 10.700l1 1-1.800 1.800-1-1zM11.700 10.700l1.800 1.800-1 1-1.800-1.800z",
  reset: "M8 3a5 5 0 1 0 4.900 6h-1.800A3.300 3.300 0 1 1 8 4.700c.9 0 1.700.4 2.300 1L8.500 7.500H13.500V2.500L11.600 4.400A5 5 0 0 0 8 3z",
};

// ---------------------------------------------------------------- helpers
const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));
const mix = (a, b, t) => a + (b - a) * t;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const seed = () => Math.floor(Math.random() * 2 ** 31);
const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };

function h(tag, props = {}, ...children) { // text only ever enters as text
  const e = document.createElement(tag);
  for (const [key, v] of Object.entries(props)) {
    if (key === "text") e.textContent = v;
    else if (key.startsWith("on")) e.addEventListener(key.slice(2), v);
    else if (v === true) e.setAttribute(key, "");
    else if (v !== false && v != null) e.setAttribute(key, v);
  }
  e.append(...children);
  return e;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16"); svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]); path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}
const button = (name, label, title, onclick, props = {}) => h("button", { type: "button", class: `fst-button fst-do-${name}`, title, onclick, ...props }, icon(name), h("span", { text: label }));

function darkPage() {
  const body = document.body, jp = body.getAttribute("data-jp-theme-light");
  if (jp != null) return jp === "false";
  if (body.classList.contains("vscode-dark") || document.documentElement.getAttribute("theme") === "dark" || body.classList.contains("quarto-dark")) return true;
  if (body.classList.contains("vscode-light") || body.classList.contains("quarto-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function toCanvas(view, width, height, from = 0) { // rows of RGB bytes → a canvas of that size
  const canvas = h("canvas", { width, height }), image = new ImageData(width, height), rgb = new Uint8Array(view.buffer, view.byteOffset + from, 3 * width * height);
  const px = new Uint32Array(image.data.buffer);
  for (let i = 0, j = 0; i < px.length; i++, j += 3) px[i] = 0xff000000 | (rgb[j + 2] << 16) | (rgb[j + 1] << 8) | rgb[j];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function paint(canvas, picture) { // fills the canvas, smoothly
  const dpr = Math.min(2, globalThis.devicePixelRatio || 1), side = Math.max(1, Math.round(canvas.clientWidth * dpr));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const ctx = canvas.getContext("2d", { alpha: false });
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(picture, 0, 0, side, side);
}

// ---------------------------------------------------------------- desk
// What one widget model knows; its views listen. `state` is what the reader wants, `picture` what came last.
class Desk {
  constructor(send) {
    Object.assign(this, { send, page: seed(), seq: 0, waiting: 0, hello: null, state: null, shown: {}, picture: null, size: 0, extras: null, explain: null, explaining: false, views: new Set() });
    Object.assign(this, { rough: 1, fresh: true, wanted: false, moved: 0, frames: 0, took: 0, error: "", glide: null, expression: "" });
    const call = () => { if (!this.hello) { send({ type: "ready", page: this.page }); this.calling = setTimeout(call, 3000); } };   // a kernel at work may miss it
    call();
  }
  changed(what) { for (const view of this.views) view.changed(what); }

  // --- what the reader does
  set(change, glide = false) { // a new state; the picture follows
    if (!glide) this.glide = null;
    Object.assign(this.state, change);
    this.moved = performance.now();
    this.touch();
    this.changed("state");
  }
  setAction(k, side, value) { // side: 0 left, 1 right, null both
    const au = this.state.au.map((row) => row.slice());
    for (const s of side == null ? [0, 1] : [side]) au[s][k] = clamp(value, 0, MOST);
    this.express("");
    this.set({ au });
    this.look(k);
  }
  split(apart) { // join: both sides get the mean
    const [l, r] = this.state.au, mean = l.map((v, k) => (v + r[k]) / 2);
    this.set({ split: apart, au: apart ? [l, r] : [mean, mean.slice()] });
  }
  look(k) { // explain this action from now on
    const name = this.hello.actions[k].au;
    if (this.explain === name) return;
    this.explain = name;
    this.changed("explain");
    if (this.explaining) { this.fresh = false; this.settle(); }
  }
  explainNow(on) {
    this.explaining = on;
    if (on && !this.explain) {
      const au = this.state.au[0].map((v, k) => v + this.state.au[1][k]), most = au.indexOf(Math.max(...au));
      this.explain = this.hello.actions[au[most] ? most : this.hello.actions.findIndex((a) => a.au === "AU12")].au;
    }
    if (on) { this.fresh = false; this.settle(); }
    this.changed("explain");
  }
  draw(emotion, average) { this.send({ type: "draw", emotion, average, seed: seed(), page: this.page }); }
  express(emotion) { if (emotion !== this.expression) { this.expression = emotion; this.changed("expression"); } }
  glideTo(au) {
    if (!this.state.split) { const mean = au[0].map((v, k) => (v + au[1][k]) / 2); au = [mean, mean.slice()]; }
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.set({ au });
    const from = this.state.au, begin = performance.now(), mine = (this.glide = {});
    const tick = () => {
      if (this.glide !== mine) return;
      const t = clamp((performance.now() - begin) / GLIDE, 0, 1), eased = t * t * (3 - 2 * t);
      this.set({ au: t < 1 ? from.map((row, s) => row.map((v, k) => mix(v, au[s][k], eased))) : au }, true);
      if (t < 1) requestAnimationFrame(tick);
    };
    tick();
  }

  // --- asking for pictures: one at a time, then only the newest
  touch() { this.fresh = false; this.wanted = true; this.pump(); this.settle(); }
  settle() { clearTimeout(this.rest); this.rest = setTimeout(() => { this.rest = 0; this.pump(); }, REST); }
  pump() {
    if (this.waiting || !this.hello) return;
    if (this.rest && this.wanted) this.ask(SIZES[this.rough], 1);                    // something moves
    else if (!this.rest && !this.fresh) this.ask(FULL, 2);
  }
  ask(size, samples) {
    const finished = samples === 2;
    this.wanted = false;
    if (finished) this.fresh = true;
    this.waiting = ++this.seq;
    this.asked = performance.now();
    clearTimeout(this.late);
    this.late = setTimeout(() => this.changed("status"), 800);
    const { au, split, person, look, domain, photo, turn, lamp } = this.state;
    this.send({ type: "set", page: this.page, seq: this.seq, size, samples, state: { au, split, person, look, domain, photo, turn, lamp }, explain: finished && this.explaining ? this.explain : null });
  }
  answered() { this.waiting = 0; clearTimeout(this.late); this.changed("status"); }

  // --- what the kernel says
  hear(message, buffers) {
    const mine = message.page === this.page, reply = mine && message.seq === this.waiting && this.waiting > 0;
    if (message.type === "hello" && !this.hello) this.greet(message);
    else if (message.type === "pictures") this.hang(message, buffers[0]);
    else if (message.type === "drawn" && mine) { this.express(message.emotion); this.glideTo(message.au); }
    else if (message.type === "error" && mine) this.fail(message.text, reply);
    else if (message.type === "frame" && this.hello) {
      if (!mine) this.adopt(message.state);                                          // set from Python, or by another page
      else if (!reply) return;
      this.take(message, buffers);
      if (reply) this.pace(message.size);
      if (reply) { this.answered(); this.pump(); }
    }
  }
  greet(message) {
    clearTimeout(this.calling);
    this.hello = message; this.state = message.state;
    this.fresh = false;
    this.changed("hello");
    this.pump();
    this.send({ type: "pictures", page: this.page });                                 // after the first frame
  }
  hang({ width, height }, buffer) {
    this.thumbs = this.hello.actions.map((_, k) => toCanvas(buffer, width, height, 3 * k * width * height));
    this.changed("pictures");
  }
  adopt(state) {
    this.glide = null; this.wanted = false; this.fresh = true;
    if (!same(state.au, this.state.au)) this.express("");
    this.state = state;
    if (this.explaining) { this.fresh = false; this.settle(); }
    this.changed("state");
  }
  take(message, buffers) {
    this.picture = toCanvas(buffers[0], message.size, message.size);
    this.size = message.size; this.frames++; this.error = "";
    this.state.shown = message.state.shown;
    if (message.explain) this.extras = { name: message.explain, largest: message.largest, difference: toCanvas(buffers[1], message.small, message.small), mesh: toCanvas(buffers[2], message.small, message.small) };
    this.changed("picture");
  }
  fail(text, reply) { this.error = text; this.fresh = true; if (reply) this.answered(); this.changed("status"); if (this.wanted) this.pump(); }
  pace(size) { // rough pictures as large as they come quickly
    this.took = performance.now() - this.asked;
    if (size !== SIZES[this.rough]) return;
    if (this.took > SLOW) this.rough = Math.max(0, this.rough - 1);
    else if (this.took < QUICK) this.rough = Math.min(SIZES.length - 1, this.rough + 1);
  }
}

// ---------------------------------------------------------------- view
class View {
  constructor(desk, root) {
    Object.assign(this, { desk, root, mode: "head", rows: [], chips: [], sliders: [] });
    this.abort = new AbortController();
    this.sizes = new ResizeObserver(() => this.paint());
    this.status = h("span", { class: "fst-status", role: "status", text: "waiting for the kernel …" });
    this.error = h("div", { class: "fst-error", role: "alert" });
    this.el = h("div", { class: "fst", role: "group", "aria-label": "AU studio", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() }, h("style", { text: STYLE }), this.error, this.status);
    this.el.studio = { state: () => this.report(), desk };
    root.append(this.el);
    const dark = () => this.el.classList.toggle("dark", darkPage()), signal = this.abort.signal;
    const observer = new MutationObserver(dark);
    observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
    signal.addEventListener("abort", () => observer.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dark, { signal });
    dark();
    desk.views.add(this);
    if (desk.hello) this.build();
  }

  report() { // for tests and the benchmark
    const { state, frames, size, waiting, fresh, rest, took, error, explain, explaining, extras, expression, rough } = this.desk;
    return { ...state, frames, size, took, error, expression, explain, explaining, extras: extras && extras.name, rough: SIZES[rough], dark: this.el.classList.contains("dark"), busy: Boolean(waiting || !fresh || rest) };
  }

  // --- building
  build() {
    const { hello } = this.desk;
    this.el.replaceChildren(h("style", { text: STYLE }), this.buildPresets(), h("div", { class: "fst-main" }, h("div", { class: "fst-left" }, this.buildFace(), this.buildPerson(), this.buildExplain()), this.buildActions()),
      this.error, h("div", { class: "fst-foot" }, this.status));
    this.sizes.observe(this.face);
    for (const what of ["state", "pictures", "expression", "explain", "picture", "status"]) this.changed(what);
    if (hello) setText(this.status, "");
  }

  buildPresets() {
    const { desk } = this, chip = (emotion) => {
      const e = h("button", { type: "button", class: "fst-chip", "data-emotion": emotion, text: emotion, title: `${emotion}: every click draws another variation; shift-click gives the average`, onclick: (ev) => desk.draw(emotion, ev.shiftKey || this.average.checked) });
      this.chips.push(e);
      return e;
    };
    this.average = h("input", { type: "checkbox" });
    this.chips = [];
    return h("div", { class: "fst-presets" },
      h("div", { class: "fst-chips", role: "group", "aria-label": "Basic expressions" }, ...desk.hello.emotions.map(chip),
        h("label", { class: "fst-option", title: "The mean over many people instead of a new variation (or shift-click)" }, this.average, " average")),
      h("div", { class: "fst-chips fst-compound", role: "group", "aria-label": "Compound expressions" }, ...desk.hello.compounds.map(chip)));
  }

  buildFace() {
    const { desk } = this;
    this.face = h("canvas", { class: "fst-face", role: "img", tabindex: 0, "aria-describedby": "", ondblclick: () => desk.set({ turn: [0, 0], lamp: [0, 0] }), onkeydown: (e) => this.key(e) });
    this.sun = h("i", { class: "fst-sun", hidden: true });
    for (const [name, f] of Object.entries({ pointerdown: "grab", pointermove: "drag", pointerup: "drop", pointercancel: "drop" })) this.face.addEventListener(name, (e) => this[f](e));
    this.modes = ["head", "light"].map((mode) => button(mode, mode === "head" ? "Turn head" : "Move light", mode === "head" ? "Dragging on the face turns the head (with shift: moves the light)" : "Dragging on the face moves the light (with shift: turns the head)",
      () => { this.mode = mode; this.showMode(); }, { "aria-pressed": String(mode === this.mode) }));
    const tools = h("div", { class: "fst-tools", role: "group", "aria-label": "What dragging does" }, ...this.modes, button("reset", "", "Head and light as the photograph had them (double-click)", () => desk.set({ turn: [0, 0], lamp: [0, 0] }), { "aria-label": "Reset head and light" }));
    return h("div", { class: "fst-stage" }, h("div", { class: "fst-frame" }, this.face, this.sun), tools);
  }

  buildPerson() {
    const { desk } = this;
    this.domain = h("select", { "aria-label": "Domain", onchange: (e) => desk.set({ domain: e.target.value }) }, ...desk.hello.domains.map((d) => h("option", { value: d.name, text: d.name, title: d.text })));
    this.about = h("div", { class: "fst-about" });
    this.looks = ["age", "weight", "skin"].map((name) => {
      const ends = { age: ["young", "old"], weight: ["thin", "heavy"], skin: ["light", "dark"] }[name];
      const input = h("input", { type: "range", min: 0, max: 1, step: 0.01, "data-look": name, "aria-label": `${name}, ${ends[0]} to ${ends[1]}`, oninput: () => desk.set({ look: { ...desk.state.look, [name]: Number(input.value) } }) });
      return { name, input, row: h("label", { class: "fst-look", title: `${ends[0]} … ${ends[1]}` }, h("span", { text: name }), input) };
    });
    return h("div", { class: "fst-person" },
      h("div", { class: "fst-line" }, button("dice", "New person", "Somebody else with the same expression", () => desk.set({ person: seed(), look: {} })), button("camera", "New photo", "Another photograph of the same person in this domain", () => desk.set({ photo: seed() }))),
      h("label", { class: "fst-line fst-domain" }, h("span", { text: "domain" }), this.domain), this.about,
      h("div", { class: "fst-looks", role: "group", "aria-label": "The person" }, ...this.looks.map((l) => l.row)));
  }

  buildExplain() {
    const { desk } = this;
    this.explainButton = h("button", { type: "button", class: "fst-button fst-do-explain", "aria-pressed": "false", "aria-expanded": "false", text: "Explain", title: "What the action under the pointer does to the picture and to the mesh", onclick: () => desk.explainNow(!desk.explaining) });
    this.explained = h("span", { class: "fst-explained" });
    this.extras = ["difference, doubled", "displacement"].map((name) => ({ canvas: h("canvas", { role: "img", "aria-label": name }), caption: h("figcaption", { text: name }) }));
    this.extraBox = h("div", { class: "fst-extras", hidden: true }, ...this.extras.map((e) => h("figure", {}, e.canvas, e.caption)));
    return h("div", { class: "fst-explain" }, h("div", { class: "fst-line" }, this.explainButton, this.explained), this.extraBox);
  }

  buildActions() {
    const { desk } = this;
    this.splitBox = h("input", { type: "checkbox", onchange: (e) => desk.split(e.target.checked) });
    this.rows = desk.hello.actions.map((action, k) => this.buildRow(action, k));
    return h("div", { class: "fst-actions", role: "group", "aria-label": "Action units" },
      h("div", { class: "fst-head" }, h("label", { class: "fst-option", title: "A slider for the person's left and one for the right" }, this.splitBox, " asymmetry"),
        button("reset", "Relax", "Every action to 0", () => { desk.express(""); desk.glideTo([0, 1].map(() => desk.hello.actions.map(() => 0))); })),
      h("div", { class: "fst-rows" }, ...this.rows.map((r) => r.el)));
  }

  buildRow(action, k) {
    const { desk } = this, { au, name, muscle } = action, picture = h("canvas", { width: 64, height: 48 });
    const toggle = h("button", { type: "button", class: "fst-thumb", title: `${name}: on or off`, "aria-label": `${au} ${name}: on or off`, "aria-pressed": "false",
      onclick: () => { const on = Math.max(desk.state.au[0][k], desk.state.au[1][k]) > 0; desk.setAction(k, null, on ? 0 : 1); } }, picture);
    const slider = (side) => {
      const input = h("input", { type: "range", min: 0, max: MOST, step: 0.01, "aria-label": `${au} ${name}${side == null ? "" : side ? ", right" : ", left"}`, "data-au": au, "data-side": side == null ? "both" : side ? "right" : "left",
        oninput: () => desk.setAction(k, side, Number(input.value)) });
      const value = h("output", { class: "fst-value" });
      return { side, input, value, el: h("span", { class: "fst-slider" }, h("i", { text: side == null ? "" : side ? "R" : "L" }), input, value) };
    };
    const both = slider(null), left = slider(0), right = slider(1);
    const el = h("div", { class: "fst-row", "data-au": au, onpointerenter: () => desk.look(k), onfocusin: () => desk.look(k) }, toggle,
      h("div", { class: "fst-name" }, h("b", { text: au }), h("span", { text: name }), h("small", { text: muscle })),
      h("div", { class: "fst-sliders" }, both.el, left.el, right.el));
    return { k, el, toggle, picture, sliders: [both, left, right] };
  }

  // --- pointer and keys on the face
  grab(e) {
    if (e.button) return;
    this.face.setPointerCapture(e.pointerId);
    const mode = e.shiftKey !== (this.mode === "light") ? "lamp" : "turn";
    this.hold = { mode, x: e.clientX, y: e.clientY, from: this.desk.state[mode] };
    this.showSun();
  }
  drag(e) {
    if (!this.hold) return;
    const { mode, x, y, from } = this.hold, side = this.face.clientWidth, dx = (e.clientX - x) / side, dy = (e.clientY - y) / side;
    if (dx || dy) this.shift(mode, from[0] + 2.4 * dx, from[1] + (mode === "turn" ? 2.4 : -2.4) * dy);
  }
  drop() { this.hold = null; this.showSun(); }
  shift(mode, a, b) {
    const limit = mode === "turn" ? 0.7 : REACH;
    this.desk.set({ [mode]: [clamp(a, -REACH, REACH), clamp(b, -limit, limit)] });
    this.showSun();
  }
  key(e) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (step) {
      const mode = e.shiftKey !== (this.mode === "light") ? "lamp" : "turn", now = this.desk.state[mode];
      this.shift(mode, now[0] + 0.1 * step[0], now[1] + 0.1 * step[1] * (mode === "turn" ? 1 : -1));
    } else if (e.key === "Home") this.desk.set({ turn: [0, 0], lamp: [0, 0] });
    else return;
    e.preventDefault();
  }
  showSun() { // where the light went, while it is dragged
    const lamp = this.desk.state.lamp;
    this.sun.hidden = !(this.hold && this.hold.mode === "lamp");
    this.sun.style.left = `${50 + (45 * lamp[0]) / REACH}%`; this.sun.style.top = `${50 - (45 * lamp[1]) / REACH}%`;
  }
  showMode() { this.modes.forEach((b, i) => b.setAttribute("aria-pressed", String(this.mode === ["head", "light"][i]))); }

  // --- news from the desk
  changed(what) {
    const { desk } = this;
    if (what === "hello") return this.build();
    if (!desk.hello || !this.face) { setText(this.error, desk.error); return; }
    if (what === "state") this.showState();
    else if (what === "pictures") this.showPictures();
    else if (what === "expression") for (const c of this.chips) c.setAttribute("aria-pressed", String(c.dataset.emotion === desk.expression));
    else if (what === "explain") this.showExplain();
    else if (what === "picture") { this.paint(); this.showExplain(); for (const l of this.looks) if (desk.state.look[l.name] == null && document.activeElement !== l.input) l.input.value = desk.state.shown[l.name]; this.describe(); }
    if (what === "status" || what === "picture") {
      setText(this.error, desk.error);
      setText(this.status, desk.waiting && performance.now() - desk.asked > 700 ? "waiting for the kernel …" : "");
    }
  }

  showPictures() {
    if (this.desk.thumbs) for (const { k, picture } of this.rows) picture.getContext("2d").drawImage(this.desk.thumbs[k], 0, 0, picture.width, picture.height);
  }

  showState() {
    const { au, split, domain, look, shown } = this.desk.state;
    this.el.classList.toggle("split", split);
    this.splitBox.checked = split;
    for (const { k, toggle, sliders } of this.rows) {
      for (const s of sliders) {
        const v = s.side == null ? (au[0][k] + au[1][k]) / 2 : au[s.side][k];
        if (Math.abs(Number(s.input.value) - v) > 1e-9) s.input.value = v;
        s.input.style.setProperty("--at", `${(100 * v) / MOST}%`);
        setText(s.value, v.toFixed(2));
      }
      const on = Math.max(au[0][k], au[1][k]) > 0.005;
      toggle.setAttribute("aria-pressed", String(on));
      toggle.parentElement.classList.toggle("on", on);
    }
    this.domain.value = domain;
    setText(this.about, this.desk.hello.domains.find((d) => d.name === domain)?.text || "");
    for (const l of this.looks) if (document.activeElement !== l.input) l.input.value = look[l.name] ?? (shown || {})[l.name] ?? 0.5;
    this.describe();
  }

  showExplain() {
    const { desk } = this, action = desk.hello.actions.find((a) => a.au === desk.explain), ready = desk.extras && desk.extras.name === desk.explain;
    this.explainButton.setAttribute("aria-pressed", String(desk.explaining)); this.explainButton.setAttribute("aria-expanded", String(desk.explaining));
    this.extraBox.hidden = !desk.explaining;
    setText(this.extras[1].caption, ready ? `moves up to ${desk.extras.largest.toFixed(0)} mm` : "displacement");
    setText(this.explained, desk.explaining && action ? `${action.au} ${action.name}` : "");
    this.extraBox.classList.toggle("stale", !ready);
    for (const row of this.rows) row.el.classList.toggle("explained", desk.explaining && action && row.el.dataset.au === action.au);
    if (desk.explaining && desk.extras) { paint(this.extras[0].canvas, desk.extras.difference); paint(this.extras[1].canvas, desk.extras.mesh); }
    if (ready && desk.explaining) ["what the picture changes by", "how far the mesh moves"].forEach((text, i) => this.extras[i].canvas.setAttribute("aria-label", `${action.au} ${action.name}: ${text}`));
  }

  paint() {
    if (this.desk.picture) paint(this.face, this.desk.picture);
    if (this.desk.explaining && this.desk.extras) this.showExplain();
  }

  describe() { // for screen readers, when the face rests
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const { state, hello, expression } = this.desk, active = hello.actions.map((a, k) => [a, (state.au[0][k] + state.au[1][k]) / 2]).filter(([, v]) => v > 0.05);
      this.face.setAttribute("aria-label", `Rendered face${expression ? `, drawn as ${expression}` : ""}: ${active.map(([a, v]) => `${a.name} ${v.toFixed(1)}`).join(", ") || "all actions at rest"}. Arrow keys turn the head, with shift they move the light.`);
    }, 300);
  }

  close() { this.abort.abort(); this.sizes.disconnect(); this.desk.views.delete(this); clearTimeout(this.telling); this.el.remove(); }
}

// ---------------------------------------------------------------- style
const STYLE = `
.fst{--fg:var(--jp-ui-font-color1,#1f2328);--muted:var(--jp-ui-font-color2,#59636e);--line:var(--jp-border-color2,#d5dbe1);--soft:var(--jp-layout-color2,#eef1f4);--bg:var(--jp-layout-color0,#fff);
 --accent:var(--jp-brand-color1,#1768c4);--bad:var(--jp-error-color0,#b3261e);
 container-type:inline-size;box-sizing:border-box;padding:8px;color:var(--fg);background:var(--bg);font:13px/1.35 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);border-radius:6px;color-scheme:light;max-width:1120px}
.fst.dark{--fg:var(--jp-ui-font-color1,#e6e8eb);--muted:var(--jp-ui-font-color2,#a3abb5);--line:var(--jp-border-color2,#3a414b);--soft:var(--jp-layout-color2,#262b33);--bg:var(--jp-layout-color0,#101216);
 --accent:var(--jp-brand-color1,#6cb6ff);--bad:var(--jp-error-color1,#ff8a80);color-scheme:dark}
.fst *{box-sizing:border-box}
.fst [hidden]{display:none}
.fst :focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.fst-presets{display:flex;flex-direction:column;gap:5px;margin-bottom:10px}
.fst-chips,.fst-line,.fst-tools,.fst-head{display:flex;flex-wrap:wrap;align-items:center;gap:5px}
.fst button{font:inherit;color:var(--fg);cursor:pointer}
.fst button.fst-chip{height:25px;padding:0 10px;border:1px solid var(--line);border-radius:13px;background:transparent}
.fst-compound button.fst-chip{height:22px;padding:0 8px;font-size:12px;color:var(--muted)}
.fst button.fst-chip:hover{border-color:var(--muted);color:var(--fg)}
.fst button.fst-chip[aria-pressed=true]{background:var(--accent);border-color:var(--accent);color:var(--bg)}
.fst-option{display:inline-flex;align-items:center;gap:4px;color:var(--muted);font-size:12px;white-space:nowrap}
.fst-chips .fst-option{margin-left:auto}
.fst input[type=checkbox]{accent-color:var(--accent);margin:0}
.fst-main{display:grid;grid-template-columns:clamp(230px,37%,310px) minmax(0,1fr);gap:16px}
.fst-left{display:flex;flex-direction:column;gap:10px;min-width:0}
.fst-frame{position:relative;aspect-ratio:1;width:100%;border-radius:6px;overflow:hidden;background:var(--soft);border:1px solid var(--line)}
.fst-face{display:block;width:100%;height:100%;cursor:grab;touch-action:none;outline-offset:-3px}
.fst-face:active{cursor:grabbing}
.fst-sun{position:absolute;width:18px;height:18px;margin:-9px;border-radius:50%;background:#ffd54a;box-shadow:0 0 0 2px rgba(0,0,0,.45),0 0 14px 6px rgba(255,213,74,.7);pointer-events:none}
.fst-tools{margin-top:6px;flex-wrap:nowrap}
.fst button.fst-button{display:inline-flex;align-items:center;justify-content:center;gap:5px;height:27px;padding:0 9px;border:1px solid var(--line);border-radius:5px;background:var(--soft);white-space:nowrap;font-size:12px}
.fst-button svg{width:14px;height:14px;fill:currentColor;flex:none}
.fst-button span:empty{display:none}
.fst button.fst-button:hover{border-color:var(--muted)}
.fst button.fst-button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.fst-tools .fst-do-head,.fst-tools .fst-do-light,.fst-person>.fst-line .fst-button{flex:1}
.fst-person,.fst-explain{display:flex;flex-direction:column;gap:6px}
.fst-domain span{color:var(--muted);width:48px}
.fst select{flex:1;min-width:0;font:inherit;font-size:12px;color:var(--fg);background:var(--bg);border:1px solid var(--line);border-radius:4px;padding:3px 4px}
.fst-about{color:var(--muted);font-size:11px;line-height:1.3;min-height:1.3em}
.fst-looks{display:flex;flex-direction:column;gap:1px}
.fst-look{display:flex;align-items:center;gap:5px;font-size:12px;color:var(--muted)}
.fst-look span{width:46px}
.fst-look input{flex:1;min-width:0}
.fst-extras{display:grid;grid-template-columns:1fr 1fr;gap:6px}
.fst-extras.stale canvas{opacity:.45}
.fst-extras figure{margin:0;min-width:0}
.fst-extras canvas{display:block;width:100%;aspect-ratio:1;border-radius:4px;background:var(--soft)}
.fst-extras figcaption,.fst-explained,.fst-status{color:var(--muted);font-size:12px}
.fst-actions{min-width:0}
.fst-head{justify-content:space-between;margin-bottom:4px}
.fst-rows{display:grid;grid-template-columns:minmax(0,1fr);gap:2px 18px}
.fst-row{display:grid;grid-template-columns:48px minmax(0,1fr) clamp(112px,34%,200px);gap:8px;align-items:center;min-height:40px;padding:1px 4px 1px 1px;border-radius:5px}
.fst-row.explained{background:var(--soft)}
.fst button.fst-thumb{padding:0;border:0;background:none;border-radius:4px;overflow:hidden;width:48px;height:36px;line-height:0}
.fst-thumb canvas{width:100%;height:100%;opacity:.82;background:var(--soft)}
.fst-thumb:hover canvas,.fst-row.on .fst-thumb canvas{opacity:1}
.fst-row.on .fst-thumb{box-shadow:0 0 0 2px var(--accent)}
.fst-name{min-width:0;line-height:1.2}
.fst-name b{margin-right:5px;font-weight:600}
.fst-name small{display:block;color:var(--muted);font-size:10.5px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.fst-sliders{display:flex;flex-direction:column}
.fst-slider{display:flex;align-items:center;gap:4px}
.fst-slider i{font-style:normal;font-size:10px;color:var(--muted);width:8px}
.fst-slider i:empty{display:none}
.fst:not(.split) .fst-slider:nth-child(n+2),.fst.split .fst-slider:first-child{display:none}
.fst-value{min-width:27px;text-align:right;font-size:11px;font-variant-numeric:tabular-nums;color:var(--muted)}
.fst-row.on .fst-value{color:var(--fg)}
.fst input[type=range]{-webkit-appearance:none;appearance:none;flex:1;min-width:50px;width:100%;height:18px;margin:0;background:transparent;cursor:pointer}
.fst input[type=range]::-webkit-slider-runnable-track{height:4px;border-radius:2px;background:linear-gradient(90deg,var(--accent) 0 var(--at,0%),var(--line) var(--at,0%))}
.fst input[type=range]::-moz-range-track{height:4px;border-radius:2px;background:linear-gradient(90deg,var(--accent) 0 var(--at,0%),var(--line) var(--at,0%))}
.fst input[type=range]::-webkit-slider-thumb{-webkit-appearance:none;appearance:none;width:14px;height:14px;margin-top:-5px;border-radius:50%;border:2px solid var(--bg);background:var(--accent)}
.fst input[type=range]::-moz-range-thumb{width:10px;height:10px;border-radius:50%;border:2px solid var(--bg);background:var(--accent)}
.fst-error{color:var(--bad);white-space:pre-wrap;overflow-wrap:anywhere}
.fst-foot{min-height:18px}
@container (min-width:900px){.fst-rows{grid-template-columns:repeat(2,minmax(0,1fr));grid-auto-flow:column;grid-template-rows:repeat(9,auto)}}
@container (max-width:560px){.fst-main{grid-template-columns:minmax(0,1fr)}.fst-left{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);align-items:start}.fst-explain{grid-column:1/-1}.fst-about{display:none}.fst .fst-left button.fst-button{padding:0 5px;min-width:0}.fst-left .fst-button span+*,.fst-do-head svg,.fst-do-light svg{display:none}}
@container (max-width:400px){.fst-left{grid-template-columns:minmax(0,1fr)}}
.jp-OutputArea-child:has(.fst)+.jp-OutputArea-child:has(.jp-RenderedImage){display:none}
`;

// ---------------------------------------------------------------- entrance: a notebook widget
export default () => {
  let desk = null;
  return {
    initialize({ model }) {
      desk = new Desk((message) => model.send(message));
      const hear = (message, buffers) => desk.hear(message, buffers);
      model.on("msg:custom", hear);
      return () => { model.off("msg:custom", hear); for (const timer of [desk.rest, desk.late, desk.calling]) clearTimeout(timer); };
    },
    render({ el }) {
      const view = new View(desk, el);
      return () => view.close();
    },
  };
};
