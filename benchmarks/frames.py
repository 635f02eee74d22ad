"""Painted frames per second of the player: replay of 10,000 points, live training of one and of three runs, in headless Chromium.

    python benchmarks/frames.py [--save]     # --save writes the section "Painted frames" of benchmarks/RESULTS.md

A paint counts when the canvas was drawn (the player counts them itself); "training frames" are the different recorded frames among them.
"""
import argparse, os, platform, sys, tempfile, time
from pathlib import Path

import numpy as np, torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from results import write_section
from lab_server import THEATRE, chromium, lab, write_notebook
from test_lab_browser import MAKE
from fer_nb.embeddings import Run

ALONE = """stage.stop()
import time
run = make(epochs=5000, every={every})
for _ in range(20): next(run)
t = time.process_time()
for _ in range(100): next(run)
print((time.process_time() - t) * 10)"""
LIVE = "stage = race(make, [dict(loss=l) for l in {losses}], epochs=5000, every={every})\nstage"


def film(points, frames=120):
    "A made-up training: ten classes drift apart."
    y, g = np.arange(points) % 10, np.random.default_rng(0)
    run = Run(y, name=f"{points:,} points", minority=[8, 9], total=frames)
    noise, turn = g.normal(size=(points, 2)), np.stack([np.cos(y * 0.628), np.sin(y * 0.628)], 1)
    corner = np.stack([np.cos(np.arange(10) * 0.628), np.sin(np.arange(10) * 0.628)], 1)
    for i in range(frames): run.add(i, turn * 4 * i / frames + noise, y, head=corner, centers=corner * 4 * i / frames, losses={"total": 2.3 / (1 + i)})
    return run


def rates(page, root, seconds):
    "Painted pictures and training frames per second."
    now = lambda: page.evaluate(f"() => {{ const s = {root}.state(); return [performance.now() / 1000, s.painted, s.distinct]; }}")
    t, painted, distinct = now()
    page.wait_for_timeout(seconds * 1000)
    t2, painted2, distinct2 = now()
    return (painted2 - painted) / (t2 - t), (distinct2 - distinct) / (t2 - t)


def replay(browser, folder, points):
    film(points).to_html(folder / "film.html")
    page = browser.new_page(viewport=dict(width=1280, height=900))
    page.goto((folder / "film.html").as_uri())
    page.wait_for_function("() => document.getElementById('fer-nb-root').dataset.ready")
    root = "document.getElementById('fer-nb-root').theatre"
    page.evaluate(f"{root}.goto(0); {root}.play()")
    out = rates(page, root, 6)
    page.close()
    return out


def live(server, browser, losses, every, name):
    write_notebook(server.folder / name, MAKE, LIVE.format(losses=losses, every=every))
    page = server.open_notebook(browser, name)
    server.run_all(page)
    begin = time.monotonic()
    page.locator(".fnb").wait_for(timeout=120_000)
    page.wait_for_function(f"() => {{ const s = {THEATRE}.state(); return s.frames[0] && s.painted; }}", timeout=120_000)
    first = time.monotonic() - begin
    page.locator(".fnb").scroll_into_view_if_needed()
    page.wait_for_timeout(2000)
    spent = "import time; print(time.process_time(), sum(len(r) for r in stage.runs))"
    ask = lambda code: [float(v) for v in server.run_cell(page, code).split()]
    cpu, frames = ask(spent)
    page.locator(".fnb-stage").first.scroll_into_view_if_needed()
    painted, distinct = rates(page, THEATRE, 10)
    cpu2, frames2 = ask(spent)
    shown = (cpu2 - cpu) / (frames2 - frames) / every * 1000
    alone, = ask(ALONE.format(every=every))
    page.close()
    return painted, distinct, first, shown, alone


def first_picture(server, browser):
    "Seconds from one key in the freshly opened lab to a race that moves inside the window."
    from fer_nb.course import copy_course
    copy_course(server.folder)
    page = server.open_notebook(browser, "labs/wild_mnist.ipynb", 1280, 800)
    begin = time.monotonic()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"""() => {{ const e = document.querySelector('.fnb-panels')?.getBoundingClientRect(), s = document.querySelector('.fnb')?.theatre.state();
        return s?.distinct > 1 && e.top >= 0 && e.bottom <= innerHeight; }}""")
    seconds = time.monotonic() - begin
    page.close()
    server.end_kernels()
    return seconds


def main(save):
    note = lambda row: (rows.append(row), print(row, flush=True))
    rows = ["| what | painted/s | different training frames/s | notes |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as tmp, chromium() as browser:
        folder = Path(tmp)
        for points in (2_000, 10_000, 60_000):
            painted, distinct = replay(browser, folder, points)
            note(f"| replay, {points:,} points | {painted:.0f} | {distinct:.0f} | recorded frames are played at 12 a second, the rest is interpolated |")
        with lab(folder) as server:
            server.folder = folder
            for losses, every in ((["dda"], 2), (["softmax", "dda", "dda"], 2)):
                painted, distinct, first, shown, alone = live(server, browser, losses, every, f"live{len(losses)}.ipynb")
                note(f"| live training, {len(losses)} run{'s' * (len(losses) > 1)}, frame every {every} steps | {painted:.0f} | {distinct:.1f} | first frame {first:.1f} s after Run All; "
                            f"kernel's processor time per step {shown:.0f} ms, without a theatre {alone:.0f} ms |")
            cold, *warm = (first_picture(server, browser) for _ in range(3))
            note(f"| the lab's race, one key | | | moves inside the window after {cold:.1f} s, then {' and '.join(f'{s:.1f}' for s in warm)} s (a new kernel each, files in the cache); target 10 and 5 |")
    load = os.getloadavg()[0]
    text = (f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, headless Chromium {browser_version}, software rendering, "
            f"torch {torch.__version__} with one thread. Target: 25 replaying 10,000 points, 15 while training in the same kernel, first live frame within 10 s.\n\n" + "\n".join(rows) + "\n")
    print(text)
    if save:
        write_section("Painted frames", text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    args = parser.parse_args()
    with chromium() as probe: browser_version = probe.version
    main(args.save)
