"""Leave a race and a mirror open for a while, both training, with a hand at the controls now and then: what does the console say, does the page grow?

    python tools/long_look.py --minutes 10        # exit 1 if anything was said, or if nodes or listeners pile up

Memory is read after a garbage collection. Frames are kept on purpose (a reader may scrub back), so the heap is to grow with the frames and with nothing
else: nodes and listeners stay as many as they are.
"""
import argparse, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import psutil
from lab_server import THEATRE, chromium, lab, write_notebook

SETUP = "import torch\ntorch.set_num_threads(1)\n"
NOTEBOOKS = dict(
    race=SETUP + "from fer_nb.papers import wild_race\nshow = wild_race(['softmax', 'center', 'dda'], epochs=60)\nshow",
    mirror=SETUP + "from fer_nb.mirror import adaptation_race\nshow = adaptation_race(['mixed', 'DANN'], epochs=40)\nshow")


def button(page, name): return page.locator(".fnb").get_by_role("button", name=name, exact=True)
def press(*keys):
    def poke(page):
        page.locator(".fnb").focus()
        for key in keys: page.keyboard.press(key)
    return poke
def choose(value): return lambda page: page.locator("select[aria-label='Decision regions']").select_option(value)
def click(name): return lambda page: button(page, name).click()

def drawer(page):
    button(page, "Settings").click()
    page.keyboard.press("Escape")

def again(page):
    "A training that has ended begins anew; a running one goes on."
    if not page.evaluate(f"{THEATRE}.state().status.running"): button(page, "Restart").click()

def draw(page):
    "Another λ from here on, where there is one to draw."
    for curve in page.locator(".fnb-schedule:visible").all():
        curve.focus()
        for key in ("End", "ArrowRight", "PageUp", "PageDown"): page.keyboard.press(key)

POKES = [choose("center"), press("a"), click("trails"), draw, choose("prior"), press("Escape"), click("same scale"), press("Space"), press("Home"), press("Space"),
         drawer, press("3"), choose("head"), press("ArrowLeft", "ArrowLeft"), press("End"), click("trails"), press("3"), click("same scale"), press("f"), press("f"), again]


def opened(server, browser, name):
    "A page with one of the notebooks, its theatre training."
    write_notebook(server.folder / f"{name}.ipynb", NOTEBOOKS[name])
    page = server.open_notebook(browser, f"{name}.ipynb", 1280, 800)
    server.run_all(page)
    page.wait_for_function(f"() => document.querySelector('.fnb') && {THEATRE}.state().frames.every(n => n > 1)")
    return page


def measured(page):
    "Frames that are kept, heap in megabytes, nodes and listeners of the page, after a garbage collection."
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    values = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    frames, painted = page.evaluate(f"(s => [s.frames.reduce((a, b) => a + b, 0), s.painted])({THEATRE}.state())")
    return dict(frames=frames, painted=painted, heap=values["JSHeapUsedSize"] / 2**20, nodes=int(values["Nodes"]), listeners=int(values["JSEventListeners"]))


def resident():
    "Megabytes of the browser's pages, all together."
    pages = [p for p in psutil.Process().children(recursive=True) if "--type=renderer" in p.cmdline()]
    return sum(p.memory_info().rss for p in pages) / 2**20


def look(server, browser, minutes, pause=4):
    "Go round the controls for some minutes, at least twice; returns what was measured after each round, and what the console said."
    pages = {name: opened(server, browser, name) for name in NOTEBOOKS}
    rows, begin = [], time.monotonic()
    while len(rows) < 2 * len(pages) or time.monotonic() - begin < 60 * minutes:
        for poke in POKES:
            for page in pages.values():
                page.bring_to_front()
                poke(page)
                page.wait_for_timeout(1000 * pause / len(pages))
        for name, page in pages.items():
            rows.append(dict(page=name, seconds=round(time.monotonic() - begin), **measured(page), resident=resident()))
            print("  ".join(f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    errors = list(server.errors) # before the kernels go
    for page in pages.values(): page.close()
    return rows, errors


def grown(rows):
    "Nodes and listeners that came between the first round and the last one, in per cent, by page."
    out = {}
    for name in NOTEBOOKS:
        first, *_, last = [r for r in rows if r["page"] == name]
        out[name] = {k: 100 * (last[k] / first[k] - 1) for k in ("nodes", "listeners")}
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as tmp, chromium() as browser, lab(Path(tmp)) as server: rows, errors = look(server, browser, minutes)
    print(*(f"{name}: " + ", ".join(f"{k} {v:+.1f} %" for k, v in g.items()) for name, g in grown(rows).items()), sep="\n")
    print(f"{len(errors)} errors", *errors, sep="\n")
    sys.exit(bool(errors) or any(v > 20 for g in grown(rows).values() for v in g.values()))
