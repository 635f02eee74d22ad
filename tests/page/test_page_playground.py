"The page that trains, in a headless Chromium: its steps are the library's, it does what a reader asks, and what is missing it says."
import json
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from fer_nb.page import playground
from fer_nb.wmnist import load_digits, to_input
from lab_server import served
from page.test_page_step import OURS, Huber

pytest.importorskip("onnxscript")
pytest.importorskip("playwright")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
STEPS, LOOKS = 100, 10 # golden steps, and every which one is compared
KNOBS = dict(lam=1.3, gamma=3.1, alpha=.45, s=9.)
TOGETHER = "() => document.querySelector('#playground').playground"
MOVES = f"""() => {{ const p = ({TOGETHER})(); return p && p.store.runs.length && p.store.runs.every(r => r.frames.length > 1); }}"""
STEP = """async ([told, steps]) => {
    const { Trainer } = await import("/src/playground/trainer.js"), { fromFiles } = await import("/src/playground/files.js");
    window.ort ||= await import("/engine.mjs");
    ort.env.wasm.wasmBinary ||= await fromFiles("engine.wasm");
    ort.env.wasm.numThreads = 1;
    const step = await ort.InferenceSession.create(await fromFiles(`steps/${told.name}.onnx`), { executionProviders: ["wasm"] });
    const golden = new Float32Array(await (await fetch(`/golden/${told.name}`)).arrayBuffer());
    let at = 0;
    const take = (shape) => golden.slice(at, (at += shape.reduce((a, b) => a * b, 1)));
    const trainer = new Trainer(ort, { ...told, step, weights: new Float32Array(told.size), digits: { x: new Float32Array(196), y: new Uint8Array(1) }, counts: [1] });
    trainer.total = told.total;
    const away = {};
    for (const n of steps) {
        trainer.n = n;
        for (const [name, shape] of told.inputs) trainer.state.set(name, new ort.Tensor("float32", take(shape), shape));
        const x = new ort.Tensor("float32", take([128, 1, 14, 14]), [128, 1, 14, 14]), y = BigInt64Array.from(take([128]), BigInt);
        const out = await trainer.step({ x, y: new ort.Tensor("int64", y, [128]) });
        for (const name of told.outputs) {
            const there = take(out[name].dims), most = there.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9);
            const far = there.reduce((m, v, i) => Math.max(m, Math.abs(v - out[name].data[i])), 0) / most;
            const kind = name.startsWith("new/") ? name.split("/")[1] : name.split("/")[0];
            (away[kind] ||= {})[n] = Math.max(away[kind][n] || 0, far);
        }
    }
    return away;
}"""


@pytest.fixture(scope="module")
def built(once): return once("playground", fill)

def fill(folder):
    "A page with the papers' losses and one that nobody has seen; its golden steps beside it."
    steps, export = [], playground.export_step
    racers = {name: playground.library_racers()[name] for name in (*OURS, "dda-code")} | {"huber": playground.own_racer("huber", Huber())}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playground, "export_step", lambda step: steps.append(step) or export(step))
        playground.build_page(folder, racers)
    shutil.copytree(ROOT/"page", folder/"src")
    (folder/"golden").mkdir()
    for name, step in zip(racers, steps[::2]): write_golden(folder/"golden"/name, step)

def write_golden(path, step):
    "States, batches and what comes out of them, of every tenth of a hundred steps; the last batch of an epoch is a small one."
    images, labels = load_digits()
    x, state, numbers = to_input(images, 14), dict(step.start), torch.Generator().manual_seed(0)
    knobs = [torch.tensor(KNOBS[name.removeprefix("knob/")]) for name in step.given[4:]]
    with open(path, "wb") as file:
        for n in range(STEPS):
            rows = torch.randint(len(x), (128,), generator=numbers)
            y = labels[rows].clone()
            if n % 20 == 10: y[30:] = -100
            factor = min(1., (n + 1) / 34) * .5 * (1 + np.cos(np.pi * n / STEPS))
            rates = [torch.tensor(rate * factor, dtype=torch.float32) for rate in (.05, KNOBS["alpha"])]
            out = dict(zip(step.outputs, step.graph(*state.values(), x[rows], y, *rates, *knobs)))
            if n % LOOKS == 0:
                for t in (*state.values(), x[rows], y, *out.values()): file.write(t.detach().float().numpy().tobytes())
            state = {name: out[f"new/{name}"].detach() for name in state}

@pytest.fixture(scope="module")
def address(built):
    with served(built) as url: yield url

@contextmanager
def opened(browser, url, size=(1280, 800), **context):
    "A page, what it asked others for, and its errors."
    page = browser.new_page(viewport=dict(zip(("width", "height"), size)), **context)
    page.set_default_timeout(300_000)
    page.elsewhere, page.errors = [], []
    page.on("request", lambda r: page.elsewhere.append(r.url) if not r.url.startswith((url.split("#")[0].rsplit("/", 1)[0], "blob:", "data:")) else None)
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.errors.append(str(e)))
    page.goto(url)
    yield page
    page.close()

def state(page, what): return page.evaluate(f"() => {{ const {{ kernel, store, view }} = ({TOGETHER})(); return {what}; }}")


@pytest.mark.parametrize("name", [*OURS, "dda-code", "huber"])
def test_every_step_is_the_library_s(browser, built, address, name):
    "From the library's own weights, centers and momenta. In a few of the ten the larger of two nearly equal numbers may be another one: it moves a gradient."
    facts = json.loads((built/"page.json").read_text())
    told = facts["variants"][name] | dict(name=name, knobs={k: KNOBS[k] for k in facts["variants"][name]["knobs"]}, size=200_000, total=STEPS)
    told["recipe"] = facts["training"] | dict(lr=.05, alpha=KNOBS["alpha"], seed=0)
    with opened(browser, address + "page.json") as page: away = page.evaluate(STEP, [told, list(range(0, STEPS, LOOKS))])
    assert set(away) == {"weights", "momenta", "embedding", "logits", "gradient", "loss"} | ({"others"} if name not in ("softmax", "angular") else set())
    worst = {kind: sorted(found.values()) for kind, found in away.items()}
    assert max(worst["loss"] + worst["embedding"] + worst["logits"]) < 1e-4, worst
    assert all(len(found) == 10 and found[6] < 1e-4 and found[-1] < .1 for found in worst.values()), worst


@pytest.mark.parametrize("size", [(390, 844), (1280, 800), (1920, 1080)])
def test_it_trains_and_a_link_says_how(browser, address, size):
    with opened(browser, address + "#loss=softmax,dda&gamma=5&profile=longtail&seed=3", size) as page:
        page.wait_for_function(MOVES)
        assert page.locator(".pg-said").inner_text() == ""
        assert state(page, "kernel.settings.panels") == [dict(loss="softmax"), dict(loss="dda")]
        assert state(page, "store.runs.map(r => r.name)") == ["softmax", "DDA λ=1 γ=5"]
        assert state(page, "store.runs[0].counts") == [300, 232, 179, 139, 107, 83, 64, 50, 38, 30]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.wait_for_function(f"() => ({TOGETHER})().view.painted > 3")
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Copy a link").click()
        link = page.url
        assert page.elsewhere == [] and page.errors == []
    with opened(browser, link) as again:
        again.wait_for_function(MOVES)
        assert again.locator(".pg-said").inner_text() == "" and again.url == link
        assert state(again, "store.runs.map(r => r.name)") == ["softmax", "DDA λ=1 γ=5"]


def test_knobs_a_digit_and_no_network(browser, address):
    with opened(browser, address) as page:
        page.wait_for_function(MOVES)
        assert state(page, "store.runs.map(r => r.name)") == ["huber λ=1", "softmax", "center λ=1"] # the own loss first
        page.context.set_offline(True)
        page.get_by_label("Networks:").select_option("1")
        page.wait_for_function(f"() => ({TOGETHER})().store.runs.length === 1")
        page.wait_for_function(MOVES)
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("imbalance", exact=True).select_option(label="balanced")
        page.get_by_label("pull to the center λ", exact=True).fill("0.5")
        page.get_by_role("button", name="Restart").click()
        page.wait_for_function(f"() => ({TOGETHER})().store.runs[0]?.counts[9] === 300")
        page.wait_for_function(MOVES)
        assert state(page, "store.runs[0].name") == "huber λ=0.5" and state(page, "kernel.settings.values.profile") == "balanced"
        page.get_by_role("button", name="Follow it").click()
        page.get_by_text("draw something first").wait_for()
        paper = page.locator(".pg-paper")
        paper.scroll_into_view_if_needed()
        box = paper.bounding_box()
        page.mouse.move(box["x"] + 85, box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + 80, box["y"] + 140, steps=6)
        page.mouse.up()
        page.get_by_label("Which digit it is").select_option("1")
        page.get_by_role("button", name="Follow it").click()
        page.get_by_text("in another shape").wait_for()
        assert state(page, "store.runs[0].n") == 501 and state(page, "store.runs[0].domainNames") == ["held-out digits", "yours"]
        assert page.locator(".fnb-ask").first.is_visible()
        seen = state(page, "store.runs[0].frames.length")
        page.wait_for_function(f"n => ({TOGETHER})().store.runs[0].frames.length > n", arg=seen)   # and on it goes
        shown = state(page, "store.runs[0].frames.map(f => f.xy.length)")
        assert set(shown) == {2 * 501}
        assert page.elsewhere == [] and page.errors == []


def test_the_card_of_a_point_says_what_pulls_on_it(browser, address):
    "Center loss pulls by λ times the way to the center, as is known by hand; the softmax loss does something else."
    with opened(browser, address + "#loss=softmax,center&lam=0.6") as page:
        page.wait_for_function(MOVES)
        page.get_by_role("button", name="Pause").click()
        state(page, "view.panels.forEach(p => p.ask.about(7))")
        page.wait_for_function(f"() => ({TOGETHER})().view.panels.every(p => p.ask.report().answer?.step === p.run.frames.at(-1).step)")
        softmax, center = state(page, "view.panels.map(p => p.ask.report().answer)")
        found, label = state(page, "kernel.frames[1].at(-1).block.slice(0, 80)"), state(page, "kernel.page.held.labels[7]")
        c = np.frombuffer(bytes(found), "<f4").reshape(10, 2)
        text = page.locator(".fnb-ask").nth(1).inner_text()
        assert page.elsewhere == [] and page.errors == []
    assert softmax["forces"].keys() == {"softmax"} and center["forces"].keys() == {"softmax", "center"}
    np.testing.assert_allclose(center["forces"]["center"], .6 * (c[label] - center["at"]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(center["sum"], np.add(*center["forces"].values()), rtol=1e-6)
    assert "forces at step" in text and "center" in text


def test_a_saved_movie_plays_anywhere(browser, address, tmp_path):
    with opened(browser, address + "#loss=softmax,center") as page:
        page.wait_for_function(MOVES)
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Settings").click()
        with page.expect_download() as coming: page.get_by_role("button", name="Save movie").click()
        page.get_by_text("the film is saved").wait_for()
        frames = state(page, "store.runs.map(r => r.frames.map(f => [f.step, ...f.xy.slice(0, 20)]))")
        coming.value.save_as(tmp_path/"film.html")
        page.route("**/movie.html", lambda route: route.fulfill(status=404))
        page.get_by_role("button", name="Save movie").click()
        page.get_by_text("movie.html is missing").wait_for()
    page = browser.new_page()
    page.goto((tmp_path/"film.html").as_uri())
    page.locator("#fer-nb-root[data-ready]").wait_for()
    played = (tmp_path/"film.html").read_text().split('id="fer-nb-data">')[1].split("</script>")[0]
    assert [r["steps"] for r in json.loads(played)["runs"]] == [[step for step, *_ in run] for run in frames]
    assert page.evaluate("document.querySelector('#fer-nb-root').theatre.state().frames") == [len(run) for run in frames]
    page.close()


def test_the_code_is_the_recipe_s(browser, address):
    from fer_nb.papers import Recipe, label
    with opened(browser, address + "#loss=dda,separate&gamma=5&lam=0.9&scaling=code&seed=2&alpha=1") as page:
        page.wait_for_function(MOVES)
        code, names = state(page, "store.status.code"), state(page, "store.runs.map(r => r.name)")
    lines = [eval(line, dict(Recipe=Recipe)) for line in re.findall(r"Recipe\(.*?\)", code)]
    assert lines == [Recipe("dda", gamma=5., lam=.9, scaling="code", seed=2, alpha=1.), Recipe("separate", gamma=5., lam=.9, scaling="code", seed=2, alpha=1.)]
    assert names == [label(r) for r in lines]


@pytest.mark.parametrize("hash, says", [
    ("#loss=dda,magic", 'loss: no "magic" here'), ("#gamma=99", 'gamma: a number from 0 to 10, not "99"'), ("#gamma=", 'gamma: a number from 0 to 10, not ""'),
    ("#colour=red", "colour: nothing here has that name"), ("#loss=dda,dda,dda,dda", "loss: at most three, not 4")])
def test_a_broken_link_is_told(browser, address, hash, says):
    with opened(browser, address + hash) as page:
        page.locator(".pg-said", has_text=says).wait_for()
        page.locator(".fnb").wait_for()


@pytest.mark.parametrize("without, says", [("WebAssembly", "This browser has no WebAssembly"), ("Worker", "This browser has no web workers"),
                                           ("DecompressionStream", "This browser is too old")])
def test_what_a_browser_lacks_is_told_and_the_movie_plays(browser, address, without, says):
    context = browser.new_context()
    context.add_init_script(f"delete globalThis.{without}")
    page = context.new_page()
    page.goto(address)
    page.get_by_text(says).wait_for()
    film = page.frame_locator(".pg-film").locator("#fer-nb-root")
    film.wait_for(state="attached")
    if without != "DecompressionStream": film.locator(".fnb").wait_for() # which it cannot play either
    context.close()


@pytest.mark.parametrize("name, says", [("page.json", "page.json is missing"), ("engine.wasm.z", "engine.wasm.z is missing"), ("digits.z", "digits.z is missing"),
                                        ("steps/softmax.onnx.z", "steps/softmax.onnx.z is missing"), ("starts/0.z", "starts/0.z is missing")])
def test_a_missing_file_is_told(browser, built, address, name, says):
    page = browser.new_page()
    page.route(f"**/{name}", lambda route: route.fulfill(status=404))
    page.goto(address + "#loss=softmax")
    page.get_by_text(says).first.wait_for()
    page.close()


def test_a_damaged_file_is_told(browser, built, address):
    page = browser.new_page()
    page.route("**/steps/softmax.onnx.z", lambda route: route.fulfill(body=b"no zlib"))
    page.goto(address + "#loss=softmax")
    page.get_by_text("steps/softmax.onnx.z is damaged: copy it again").first.wait_for()
    page.close()


def test_another_engine_is_told(browser, built, address):
    "What is no ONNX Runtime is no engine."
    page = browser.new_page()
    page.route("**/engine.mjs", lambda route: route.fulfill(body="export const env = { wasm: {} };", content_type="text/javascript"))
    page.goto(address + "#loss=softmax")
    page.get_by_text("The engine does not work here").first.wait_for()
    page.close()


def test_a_file_says_how_to_serve_it(browser, built):
    page = browser.new_page()
    page.goto((built/"index.html").as_uri())
    assert "python -m http.server" in page.content() or page.get_by_text("python -m http.server").first.is_visible()
    page.close()


def test_the_first_load_is_small(built):
    first = ["index.html", "playground.js", "trainer.js", "page.json", "engine.mjs", "engine.wasm.z", "digits.z", "starts/0.z",
             *(f"{kind}/{name}.onnx.z" for kind in ("steps", "looks") for name in ("softmax", "center", "dda"))]
    assert sum((built/name).stat().st_size for name in first) < 8_000_000
