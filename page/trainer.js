// A worker of the playground: one engine, one training.
import { Trainer } from "./playground/trainer.js";

let engine, digits, training;
// more optimization only opens later: the steps run alike
const sessions = { executionProviders: ["wasm"], graphOptimizationLevel: "basic" };

/** The engine, if it is the one that the steps were tried with. */
async function started({ script, binary, threads, version }) {
  const found = await import(script).catch((error) => ({ error })),
    there = found.env?.versions?.web;
  if (there !== version)
    throw new Error(
      `The engine does not work here: ${there || found.error || "it is another one"}`,
    );
  Object.assign(found.env.wasm, { wasmBinary: binary, numThreads: threads });
  return found;
}

const calls = {
  /** What stays, whatever is trained. */
  async hire(given) {
    digits = given.digits;
    engine = started(given.engine);
    await engine;
  },
  async begin({ files, ...told }) {
    const ort = await engine;
    for (const old of [training?.told.step, training?.told.look]) await old?.release();
    const made = (file) => ort.InferenceSession.create(file, sessions);
    const [step, look] = [await made(files.step), await made(files.look)];
    training = new Trainer(ort, { ...told, digits, step, look });
    return { total: training.total, perEpoch: training.perEpoch };
  },
  /** What pulls on a point. */
  async forces({ point, own }) {
    training.own = own;
    return training.forces(point);
  },
  /** Train so many steps, then look. */
  async frame({ steps, own }) {
    training.own = own;
    for (let i = 0; i < steps && training.n < training.total; i++) await training.step();
    return { ...(await training.frame()), done: training.n >= training.total };
  },
};

self.onmessage = async ({ data: { id, call, given } }) => {
  try {
    self.postMessage({ id, value: await calls[call](given) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message || error) });
  }
};
