"""How long a teacher waits for the class at a glance: sixty runs of the shipped kinds, from the folder to the page and from the file to the first picture in headless Chromium.

Writes the section "The class at a glance" of RESULTS.md; half a minute.
"""
import shutil, statistics, tempfile, time
from pathlib import Path

from fer_nb.wall import wall
from fer_nb.wmnist import data_file
from recording import READY
from results import machine, write_section

KINDS = "softmax center dda held printed balanced code autograd".split()
PAINTED = "document.querySelector('#fer-nb-root')?.wall?.previews.filter(p => p.seen).every(p => p.drawn) && document.querySelector('#fer-nb-root').wall.previews.some(p => p.drawn)"


def opened(page, times=7):
    "Milliseconds from asking for the file until the page is built, and until every tile in sight has been painted (1920 x 1080)."
    from playwright.sync_api import sync_playwright
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"])
        found = []
        for _ in range(times):
            tab = browser.new_page(viewport=dict(width=1920, height=1080))
            tab.add_init_script(READY)
            tab.goto(page.as_uri())
            while not tab.evaluate(PAINTED): time.sleep(.02)
            found.append(tab.evaluate("[window.readyAt, performance.now()]"))
            tab.close()
        browser.close()
    return zip(*found)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for i in range(60): (home/f"student {i}.npz").write_bytes(data_file(f"wild_{KINDS[i % 8]}.npz").read_bytes())
        wall(home).page() # libraries are loaded
        made = []
        for _ in range(3):
            start = time.perf_counter(), time.process_time()
            wall(home).to_html(home/"wall.html")
            made.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        ready, painted = opened(home/"wall.html")
        size = (home/"wall.html").stat().st_size
    def spread(values, digits=0): return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"
    write_section("The class at a glance", "\n".join([
        f"{machine()}. `python benchmarks/wall.py`: 60 runs of 25 to 49 frames of 500 digits, those that ship; median (least … most).", "",
        "| | |", "|---|---|",
        f"| from the folder to the page, seconds (3 times) | {spread([w for w, _ in made], 1)}; processor time {spread([c for _, c in made], 1)} |",
        f"| the page | {size / 1e6:.1f} MB |",
        f"| from the file until the page is built, ms (7 times) | {spread(ready)} |",
        f"| … until every tile in sight is painted, ms | {spread(painted)} |", "",
        "The goal is 3 seconds for 60 runs."]))
