// Which pictures a training gets, and in which order: by seed alone.
const PRIME = 0x9e3779b1; // spreads neighboring seeds

/**
 * Numbers from 0 up to 1 (Mulberry32).
 * @param {number} seed
 */
export function random(seed) {
  let state = Math.imul(seed + 1, PRIME) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The numbers from 0 to n − 1, shuffled. @param {number} n @param {() => number} next */
export function shuffled(n, next) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * So many pictures of every class; a lower count only takes some away.
 * @param {Uint8Array} labels @param {number[]} counts @param {number} seed
 */
export function subset(labels, counts, seed) {
  const left = counts.slice();
  return shuffled(labels.length, random(seed)).filter((i) => left[labels[i]]-- > 0);
}

/**
 * The pictures of one step: row `step` of an epoch's order.
 * @param {number[]} chosen @param {number} size of a batch @param {number} n steps taken
 * @param {number} seed
 */
export function batch(chosen, size, n, seed) {
  const steps = Math.ceil(chosen.length / size),
    epoch = Math.floor(n / steps),
    order = shuffled(chosen.length, random(1009 * (epoch + 1) + seed)),
    from = (n % steps) * size;
  return order.slice(from, from + size).map((i) => chosen[i]);
}

/**
 * Learning rate: half a cosine with a warm-up (training.cosine).
 * @param {number} n steps taken @param {number} total @param {number} warmup
 */
export const rate = (n, total, warmup) =>
  Math.min(1, (n + 1) / Math.max(1, warmup)) * 0.5 * (1 + Math.cos((Math.PI * n) / total));
