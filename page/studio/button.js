// A button with an icon.
import { h, icon } from "../dom.js";

const ICONS = {
  dice:
    "M3 1.500h10A1.500 1.500 0 0 1 14.500 3v10a1.500 1.500 0 0 1-1.500 1.500H3A1.500 1.500 0 " +
    "0 1 1.500 13V3A1.500 1.500 0 0 1 3 1.500zM4.500 3.500a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm7 7a1" +
    " 1 0 1 0 0 2 1 1 0 0 0 0-2zm0-7a1 1 0 1 0 0 2 1 1 0 0 0 0-2zm-7 7a1 1 0 1 0 0 2 1 1 0 0 " +
    "0 0-2zM8 7a1 1 0 1 0 0 2 1 1 0 0 0 0-2z",
  camera:
    "M5.500 2.500 4.500 4H2.500A1 1 0 0 0 1.500 5v7.500a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V5a1 1 " +
    "0 0 0-1-1h-2l-1-1.500zM8 5.700a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 1.300a1.700 1.700 0 1 0 0 " +
    "3.400A1.700 1.700 0 0 0 8 7z",
  head:
    "M8 1.500a4 4.500 0 0 1 4 4.500c0 2-.8 3.600-2 4.500v1.300l4 1.700v1H2v-1l4-1.700V10.500C" +
    "4.800 9.600 4 8 4 6a4 4.500 0 0 1 4-4.500z",
  light:
    "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM7.300 1h1.400v2.500H7.300zM7.300 12.500h1.400V15H7.300" +
    "zM1 7.300h2.500v1.400H1zM12.500 7.300H15v1.400h-2.500zM3.500 2.500l1.800 1.800-1 1L2.500" +
    " 3.500zM12.500 2.500l1 1-1.800 1.800-1-1zM4.300 10.700l1 1-1.800 1.800-1-1zM11.700 10.70" +
    "0l1.800 1.800-1 1-1.800-1.800z",
  reset:
    "M8 3a5 5 0 1 0 4.900 6h-1.800A3.300 3.300 0 1 1 8 4.700c.9 0 1.700.4 2.300 1L8.500 7.500" +
    "H13.500V2.500L11.600 4.400A5 5 0 0 0 8 3z",
};

/**
 * @param {string} name
 * @param {string} label
 * @param {string} title
 * @param {() => void} onclick
 * @param {Record<string, any>} props
 */
export function button(name, label, title, onclick, props = {}) {
  const about = { type: "button", class: `fst-button fst-do-${name}`, title, onclick, ...props };
  return h("button", about, icon(ICONS[name], "evenodd"), h("span", { text: label }));
}
