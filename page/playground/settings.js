// The race as settings: in the page's address, as lines of Python, as the name of a panel.

/**
 * @typedef {{values: Record<string, any>, panels: Record<string, any>[]}} Settings
 */

/** A control's value from a text, or what is wrong with it. */
export function read(control, text) {
  const value = control.kind === "slider" ? Number(text) : text;
  const { name, min, max, options } = control;
  if (control.kind === "choice")
    return options.includes(value) ? { value } : { wrong: `${name}: no "${text}" here` };
  const fits = text !== "" && Number.isFinite(value) && value >= min && value <= max;
  return fits ? { value } : { wrong: `${name}: a number from ${min} to ${max}, not "${text}"` };
}

/**
 * Settings from an address, and what in it could not be read.
 * @param {string} hash @param {any[]} controls @param {Settings} first
 * @returns {{settings: Settings, wrong: string[]}}
 */
export function fromLink(hash, controls, first) {
  const given = new URLSearchParams(hash.replace(/^#/, "")),
    wrong = [],
    values = { ...first.values };
  let { panels } = first;
  for (const [name, text] of given) {
    const control = controls.find((c) => c.name === name),
      found = control ? text.split(",").map((t) => read(control, t)) : [];
    const bad = found.map((f) => f.wrong).filter(Boolean);
    if (!control) wrong.push(`${name}: nothing here has that name`);
    else if (bad.length) wrong.push(...bad);
    else if (control.scope === "shared") values[name] = found[0].value;
    else if (found.length > 3) wrong.push(`${name}: at most three, not ${found.length}`);
    else panels = found.map(({ value }) => ({ [name]: value }));
  }
  return { settings: { values, panels }, wrong };
}

/** The address's end for these settings. @param {any[]} controls @param {Settings} settings */
export function toLink(controls, { values, panels }) {
  const given = new URLSearchParams();
  for (const { name, scope } of controls)
    given.set(name, scope === "shared" ? values[name] : panels.map((p) => p[name]).join(","));
  return `#${given.toString().replaceAll("%2C", ",")}`;
}

/** A value as Python writes it; numbers of sliders are floats unless `whole`. */
const python = (v, whole) =>
  typeof v === "string" ? `'${v}'` : Number.isInteger(v) && !whole ? `${v}.0` : String(v);

/**
 * The Python that trains the same recipes (papers.wild_race's own lines).
 * @param {Settings} settings @param {Record<string, any>} defaults of a recipe
 */
export function toCode({ values, panels }, defaults) {
  const recipe = (panel) =>
    Object.entries({ ...values, ...panel })
      .filter(([name, v]) => name === "loss" || v !== defaults[name])
      .sort(([a], [b]) => Number(b === "loss") - Number(a === "loss"))
      .map(([name, v]) => `${name}=${python(v, name === "seed")}`);
  const runs = panels.map((p) => `    recording(Recipe(${recipe(p).join(", ")})).finish(),\n`);
  return `from fer_nb.papers import Recipe, recording\n\nruns = [\n${runs.join("")}]\n`;
}

/**
 * Which of the files a recipe trains with (page.playground.library_racers).
 * @param {Record<string, any>} recipe
 */
export function variantOf({ loss, scaling, centers }) {
  const ruled = ["center", "island", "separate", "dda"].includes(loss);
  const code = loss === "dda" && scaling === "code" ? "-code" : "";
  return `${loss}${code}${ruled && centers === "autograd" ? "-autograd" : ""}`;
}

/** The name over a panel (papers.label). @param {Record<string, any>} r a recipe */
export function label(r) {
  const names = { dda: "DDA", margin: "large margin", angular: "angular softmax" },
    parts = [names[r.loss] || r.loss];
  if (r.loss === "angular") parts.push(`s=${r.s}`);
  else if (r.loss !== "softmax") parts.push(`λ=${r.lam}`);
  if (r.loss === "dda") parts.push(`γ=${r.gamma}`);
  if (r.loss === "dda" && r.scaling === "code") parts.push("(code)");
  if (variantOf(r).endsWith("-autograd")) parts.push("(autograd)");
  return parts.join(" ");
}
