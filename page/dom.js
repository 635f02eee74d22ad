// Elements and the page's theme, for all widgets.

/**
 * An element. Text only ever enters as text.
 * @param {string} tag
 * @param {Record<string, any>} props `text`, `on…` handlers, attributes (false, null: left out)
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
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

/**
 * A picture of 16 × 16 from the outline `d`.
 * @param {string} d
 * @param {"nonzero" | "evenodd"} rule
 */
export function icon(d, rule = "nonzero") {
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const svg = make("svg"),
    path = make("path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", d);
  path.setAttribute("fill-rule", rule);
  svg.append(path);
  return svg;
}

/** Only touches the page when something is new. @param {Element} e @param {string} text */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** Whether the page around us is dark: JupyterLab, VS Code, Quarto, else the system's wish. */
export function darkPage() {
  const body = document.body,
    jupyter = body.getAttribute("data-jp-theme-light");
  if (jupyter != null) return jupyter === "false";
  const has = (name) => body.classList.contains(name);
  if (has("vscode-dark") || has("quarto-dark")) return true;
  if (document.documentElement.getAttribute("theme") === "dark") return true;
  if (has("vscode-light") || has("quarto-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Calls `tell(dark)` now and whenever the page's theme changes.
 * @param {AbortSignal} signal
 * @param {(dark: boolean) => void} tell
 */
export function watchTheme(signal, tell) {
  const set = () => tell(darkPage()),
    observer = new MutationObserver(set);
  const attributeFilter = ["data-jp-theme-light", "data-jp-theme-name", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  signal.addEventListener("abort", () => observer.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", set, { signal });
  set();
}
