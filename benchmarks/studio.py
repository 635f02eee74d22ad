"""How fast the AU studio follows: pictures per second while a slider is dragged in headless Chromium, and the renderer alone.

    python benchmarks/studio.py [--save]     # --save writes the section "AU studio" of benchmarks/RESULTS.md
"""
import argparse, os, platform, statistics, sys, tempfile, time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from results import write_section
from lab_server import chromium, lab, write_notebook
from fer_nb.faces import DOMAINS, Sitting

STATE = "document.querySelector('.fst').studio.state()"
SECONDS = 8


def rendering(domain, size, samples, repeat=15):
    "Median milliseconds of one answered request: wall clock, and processor time of all threads."
    sitting, wall, cpu = Sitting(domain=domain), [], []
    for i in range(repeat + 3):
        begin = time.perf_counter(), time.process_time()
        sitting.answer(dict(type="set", state=dict(au=[0.02 * i] * 18), size=size, samples=samples))
        wall.append(time.perf_counter() - begin[0])
        cpu.append(time.process_time() - begin[1])
    return 1000 * statistics.median(wall[3:]), 1000 * statistics.median(cpu[3:])


def drag(server, page, label, rows):
    "Drag the slider of AU12 to and fro; pictures per second and their size, the kernel's work for each, and how long the finished one takes afterwards."
    work = lambda: float(server.run_cell(page, "import time; print(time.process_time())", 60))
    before, pictures = work(), page.evaluate(f"() => {STATE}.frames")
    page.locator(".fst").scroll_into_view_if_needed()
    box = page.locator("input[data-au=AU12][data-side=both]").bounding_box()
    y, width = box["y"] + box["height"] / 2, box["width"] - 16
    page.mouse.move(box["x"] + 8, y)
    page.mouse.down()
    for count in range(2):                                                    # the first round settles the size of the rough pictures
        begin, start, sizes, i = time.monotonic(), page.evaluate(f"() => {STATE}.frames"), [], 0
        while time.monotonic() - begin < (3 if count == 0 else SECONDS):
            i += 1
            page.mouse.move(box["x"] + 8 + width * abs((i % 100) / 50 - 1), y)
            if i % 10 == 0: sizes.append(page.evaluate(f"() => {STATE}.size"))
        seconds = time.monotonic() - begin
        rate = (page.evaluate(f"() => {STATE}.frames") - start) / seconds
    page.mouse.up()
    begin = time.monotonic()
    page.wait_for_function(f"() => {{ const s = {STATE}; return !s.busy && s.size === 224; }}", timeout=60_000)
    finished = time.monotonic() - begin
    each = (work() - before) / (page.evaluate(f"() => {STATE}.frames") - pictures)
    rows.append(f"| {label} | {rate:.1f} | {statistics.median(sizes):.0f} | {1000 * each:.0f} | {1000 * finished:.0f} |")
    print(rows[-1], flush=True)


def main(save):
    rows = ["| dragging a slider in domain | pictures/s | side of most, px | kernel's processor ms per picture | ms from letting go to the finished picture, 150 of them waiting |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as tmp, lab(tmp) as server, chromium() as browser:
        version = browser.version
        write_notebook(Path(tmp) / "studio.ipynb", "from fer_nb.faces import studio\nstage = studio()\nstage")
        page = server.open_notebook(browser, "studio.ipynb")
        begin = time.monotonic()
        server.run_all(page)
        page.wait_for_function(f"() => document.querySelector('.fst-row') && {STATE}.frames && !{STATE}.busy", timeout=180_000)
        first = time.monotonic() - begin
        page.wait_for_function("() => document.querySelector('.fst').studio.desk.thumbs", timeout=180_000)
        page.locator(".fst").scroll_into_view_if_needed()
        for domain in ("lab_color", "wild_color", "wild_gray"):
            page.get_by_label("Domain").select_option(domain)
            page.wait_for_timeout(1000)
            drag(server, page, domain, rows)
    alone = ["| renderer alone, lab_color | ms | processor ms |", "|---|---|---|"]
    for size, samples in ((112, 1), (160, 1), (224, 1), (224, 2)):
        wall, cpu = rendering("lab_color", size, samples)
        alone.append(f"| {size} px, {samples}×{samples} samples | {wall:.0f} | {cpu:.0f} |")
    text = (f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, headless Chromium {version}, torch {torch.__version__} with {torch.get_num_threads()} threads. "
            f"Target: 10 pictures/s on 2 cores. First finished picture {first:.1f} s after Run All, imports and compilation included.\n\n" + "\n".join(rows) + "\n\n" + "\n".join(alone) + "\n")
    print(text)
    if save: write_section("AU studio", text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    main(parser.parse_args().save)
