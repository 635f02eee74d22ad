"""The page that trains: how soon it moves, how often it paints, and its steps beside torch's and those of onnxruntime without a browser.

    python benchmarks/playground.py [--page FOLDER] [--save]     # --save writes the section "The page that trains" of benchmarks/RESULTS.md

One step is 128 digits of DDA's recipe. torch, onnxruntime and WebAssembly take turns in one run, one thread each unless said otherwise; the
median of their steps counts. An isolated page is served with the two headers that let WebAssembly use threads.
"""
import argparse, json, statistics, sys, tempfile, time, zlib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import numpy as np, onnxruntime, torch
from lab_server import chromium, served
from results import write_section
from fer_nb.page.playground import build_page
from fer_nb.papers import Recipe, start
from fer_nb.runtime import torch_threads

STEPS, ROUNDS = 12, 3
PAGE = "document.querySelector('#playground').playground"
TIMED = """async ([told, steps, threads]) => {
    const unpack = async name => new Uint8Array(await new Response((await fetch(`${name}.z`)).body.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
    const ort = await import(new URL("engine.mjs", location.href).href);
    Object.assign(ort.env.wasm, { wasmBinary: await unpack("engine.wasm"), numThreads: threads });
    const step = await ort.InferenceSession.create(await unpack("steps/dda.onnx"), { executionProviders: ["wasm"] });
    const tensor = shape => new ort.Tensor("float32", Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i) / 10), shape);
    const feeds = Object.fromEntries([...told.inputs, ["x", [128, 1, 14, 14]], ["lr", []], ["center_lr", []], ...told.knobs.map(k => [`knob/${k}`, []])].map(([n, s]) => [n, tensor(s)]));
    feeds.y = new ort.Tensor("int64", BigInt64Array.from({ length: 128 }, (_, i) => BigInt(i % 10)), [128]);
    const asked = Object.fromEntries(step.inputNames.map(n => [n, feeds[n]])), took = [];
    for (let i = 0; i < steps + 2; i++) { const t = performance.now(); await step.run(asked); took.push(performance.now() - t); }
    return took.slice(2);
}"""


ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def by_torch():
    steps, took = start(Recipe("dda")), []
    with torch_threads(1):
        for _ in range(STEPS + 2):
            t = time.perf_counter()
            next(steps)
            took.append(1000 * (time.perf_counter() - t))
    return took[2:]


def by_engine(folder, told, profile=False):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.enable_profiling = 1, profile
    options.profile_file_prefix = tempfile.mktemp()
    engine = onnxruntime.InferenceSession(zlib.decompress((folder / "steps/dda.onnx.z").read_bytes()), options)
    def made(i):
        if i.name == "y": return np.arange(128) % 10
        size = int(np.prod(i.shape, dtype=int))
        return (np.sin(np.arange(size)) / 10).astype("f4").reshape(i.shape)
    feeds, took = {i.name: made(i) for i in engine.get_inputs()}, []
    for _ in range(STEPS + 2):
        t = time.perf_counter()
        engine.run(None, feeds)
        took.append(1000 * (time.perf_counter() - t))
    if not profile: return took[2:]
    path = Path(engine.end_profiling())
    events = json.loads(path.read_text())
    path.unlink()
    spent = Counter()
    for e in events:
        if e["name"].endswith("kernel_time"): spent[e["args"]["op_name"]] += e["dur"]
    return {name: t / sum(spent.values()) for name, t in spent.most_common(6)}


def by_page(browser, url, told, threads):
    page = browser.new_page()
    page.goto(url + "LICENSES.txt")
    took = page.evaluate(TIMED, [told, STEPS, threads])
    page.close()
    return took


def watched(browser, url, seconds=12):
    "Seconds to the first frame and to the first that moves; pictures and frames a second while it trains."
    page, begin = browser.new_page(viewport=dict(width=1280, height=800)), time.perf_counter()
    page.goto(url + "index.html")
    out = []
    for frames in (1, 2):
        page.wait_for_function(f"() => {PAGE}?.store.runs.length && {PAGE}.store.runs.every(r => r.frames.length >= {frames})", polling=20, timeout=120_000)
        out.append(time.perf_counter() - begin)
    now = lambda: page.evaluate(f"() => [performance.now() / 1000, {PAGE}.view.painted, {PAGE}.store.runs[0].frames.length]")
    t, painted, frames = now()
    page.wait_for_timeout(1000 * seconds)
    t2, painted2, frames2 = now()
    page.close()
    return [*out, (painted2 - painted) / (t2 - t), (frames2 - frames) / (t2 - t)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--page", help="a folder of `fer_nb page`; default: one is built")
    p.add_argument("--save", action="store_true")
    args = p.parse_args()
    folder = Path(args.page) if args.page else build_page(tempfile.mkdtemp())
    told, took, looks = json.loads((folder / "page.json").read_text())["variants"]["dda"], {}, []
    with served(folder) as plain, served(folder, ISOLATED) as isolated, chromium() as browser:
        for _ in range(ROUNDS):
            for name, run in {"torch": by_torch, "onnxruntime": lambda: by_engine(folder, told),
                              "WebAssembly": lambda: by_page(browser, plain, told, 1), "WebAssembly, 2 threads": lambda: by_page(browser, isolated, told, 2)}.items():
                took.setdefault(name, []).append(statistics.median(run()))
        for name, url in (("plain server", plain), ("isolated", isolated)): looks += [(name, watched(browser, url)) for _ in range(ROUNDS)]
    spent = by_engine(folder, told, profile=True)
    def spread(values, digits=1): return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
    lines = ["| one step, 128 images | ms | images/s |", "|---|---|---|"]
    lines += [f"| {name} | {spread(ms)} | {128_000 / statistics.median(ms):,.0f} |" for name, ms in took.items()]
    lines += ["", "| the default race, three networks | first frame, s | first that moves, s | painted/s | frames/s |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(n for n, _ in looks):
        columns = list(zip(*(look for n, look in looks if n == name)))
        lines.append(f"| {name} | " + " | ".join(spread(c) for c in columns) + " |")
    lines += ["", "Where a step's time goes (onnxruntime, one thread): " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in spent.items()) + "."]
    print("\n".join(lines))
    if args.save: write_section("The page that trains", "\n".join(lines))


if __name__ == "__main__": main()
