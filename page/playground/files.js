// The page's files: compressed, each fetched once.
import { inflated } from "../theatre/run.js";

const fetched = new Map();

/** What a file holds. @param {string} name without its .z @returns {Promise<Uint8Array>} */
export function fromFiles(name) {
  if (!fetched.has(name)) {
    const coming = unpacked(name);
    fetched.set(name, coming);
    coming.catch(() => fetched.delete(name)); // perhaps it is there the next time
  }
  return fetched.get(name);
}

/** A file as it is. @param {string} name @returns {Promise<Response>} */
export async function fileOf(name) {
  const answer = await fetch(name).catch(() => null); // no network, or no server
  if (!answer?.ok) throw new Error(`${name} is missing: was the whole folder copied?`);
  return answer;
}

async function unpacked(name) {
  const answer = await fileOf(`${name}.z`);
  try {
    return await inflated(answer.body);
  } catch {
    throw new Error(`${name}.z is damaged: copy it again`);
  }
}

/**
 * The digits, as page.playground.write_digits lays them: sums of four pixels (two bytes), labels,
 * and for the held-out ones the pictures themselves.
 * @param {Uint8Array} bytes @param {{pool: number, held: number, size: number, side: number}} told
 */
export function digitsOf(bytes, { pool, held, size, side }) {
  let at = 0;
  const take = (length) => bytes.slice(at, (at += length)),
    input = (count) =>
      Float32Array.from(new Uint16Array(take(2 * count * size).buffer), (v) => toInput(v / 4));
  const x = input(pool),
    y = take(pool),
    watched = input(held),
    labels = take(held);
  return { x, y, watched, labels, images: take(held * side * side) };
}

/** What the network gets for a gray value (wmnist.to_input). @param {number} v */
export const toInput = (v) => (v - 127.5) / 128;
