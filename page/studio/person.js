// Who is shown, and in which domain.
import { h, setText } from "../dom.js";
import { button } from "./button.js";
import { randomSeed } from "../desk.js";

const ENDS = { age: ["young", "old"], weight: ["thin", "heavy"], skin: ["light", "dark"] };

export class Person {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    const option = (d) => h("option", { value: d.name, text: d.name, title: d.text });
    const choose = (e) => desk.set({ domain: e.target.value });
    this.domain = h(
      "select",
      { "aria-label": "Domain", onchange: choose },
      ...desk.hello.domains.map(option),
    );
    this.about = h("div", { class: "fst-about" });
    this.looks = Object.entries(ENDS).map(([name, ends]) => this.look(name, ends));
    const somebody = "Somebody else with the same expression";
    const photo = "Another photograph of the same person in this domain";
    const newPerson = () => desk.set({ person: randomSeed(), look: {} });
    const newPhoto = () => desk.set({ photo: randomSeed() });
    this.el = h(
      "div",
      { class: "fst-person" },
      h(
        "div",
        { class: "fst-line" },
        button("dice", "New person", somebody, newPerson),
        button("camera", "New photo", photo, newPhoto),
      ),
      h("label", { class: "fst-line fst-domain" }, h("span", { text: "domain" }), this.domain),
      this.about,
      h(
        "div",
        { class: "fst-looks", role: "group", "aria-label": "The person" },
        ...this.looks.map((l) => l.row),
      ),
    );
  }
  /** @param {string} name @param {string[]} ends */
  look(name, [least, most]) {
    const { desk } = this,
      range = { type: "range", min: 0, max: 1, step: 0.01 };
    const oninput = () => desk.set({ look: { ...desk.state.look, [name]: Number(input.value) } });
    const about = { "data-look": name, "aria-label": `${name}, ${least} to ${most}` };
    const input = h("input", { ...range, ...about, oninput });
    const row = h(
      "label",
      { class: "fst-look", title: `${least} … ${most}` },
      h("span", { text: name }),
      input,
    );
    return { name, input, row };
  }
  show() {
    const { look, shown, domain } = this.desk.state;
    const known = this.desk.hello.domains.find((d) => d.name === domain);
    this.domain.value = domain;
    setText(this.about, known?.text || "");
    for (const { name, input } of this.looks)
      if (document.activeElement !== input) input.value = look[name] ?? shown?.[name] ?? 0.5;
  }
  showLooks() {
    // those the reader has not set, as the picture has them
    const { look, shown } = this.desk.state;
    for (const { name, input } of this.looks)
      if (look[name] == null && document.activeElement !== input) input.value = shown[name];
  }
}
