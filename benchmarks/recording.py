"""What recording costs: the same training with and without a recorder, in turns, at the lab's default preset.

Plain and recorded training alternate step by step within one process, so that whatever else the machine does meets both alike; medians over 900 steps.
Writes the section "Recording" of RESULTS.md. About two minutes on one core.
"""
import platform, shutil, statistics, tempfile, time
from pathlib import Path
import torch
from fer_nb import embeddings as E
from fer_nb.backbones import LeNetsPP
from fer_nb.training import Batches, Objective, fit
from fer_nb.wmnist import load_digits, to_input, wild_counts, wild_subset
from results import write_section


def training(device="cpu"):
    "The default preset: LeNets++ of width 0.25 on 14 × 14 pixels, mild profile, batch 128."
    images, labels = load_digits()
    kept = wild_subset(labels, wild_counts("mild"))
    torch.manual_seed(0)
    model = LeNetsPP(width=0.25, in_size=14).to(device)
    return fit(model, Objective(), Batches(to_input(images[kept], 14), labels[kept]), epochs=10_000)


def overhead(watched=500, steps=900, every=10):
    "Median ms of a plain step, of a recorded step without a frame, and of one with a frame; the two trainings take turns, step by step."
    cuda = torch.cuda.is_available()
    clock = time.perf_counter if cuda else time.process_time

    def pull(run):
        start = clock()
        step = next(run)
        if cuda: torch.cuda.synchronize()
        return 1000 * (clock() - start), step.n

    images, labels = load_digits(train=False)
    device = "cuda" if cuda else "cpu"
    plain, recorded = training(device), E.record(training(device), (to_input(images[:watched], 14), labels[:watched]), every)
    alone, between, frames = [], [], []
    for _ in range(steps):
        alone.append(pull(plain)[0])
        took, n = pull(recorded)
        (frames if n % every == 0 else between).append(took)
    return [statistics.median(times[3:]) for times in (alone, between, frames)]


def film():
    "100 frames of 10,000 points of a real training: bytes of the page and of the npz, whether the pictures fitted, and ms until the page has painted."
    (images, labels), (more, others) = load_digits(), load_digits(train=False)
    images, labels = torch.cat([images, more]), torch.cat([labels, others])
    images, labels = torch.cat([images, images.roll(1, 2)]), torch.cat([labels, labels])
    run = E.record(training(), (to_input(images, 14), labels), 5, images=images)
    while len(run) < 100: next(run)
    with tempfile.TemporaryDirectory() as folder:
        page, kept = Path(folder, "film.html"), Path(folder, "run.npz")
        run.to_html(page)
        run.save(kept)
        return page.stat().st_size, kept.stat().st_size, '"images": null' not in page.read_text(encoding="utf-8"), opening(page)


READY = """new MutationObserver((_, observer) => { if (document.querySelector("#fer-nb-root[data-ready='1']")) { window.readyAt ??= performance.now(); observer.disconnect(); } })
    .observe(document, {subtree: true, attributes: true, attributeFilter: ["data-ready"]})"""


def opening(page, times=7):
    "Milliseconds from opening the file to the first painted frame, in headless Chromium: the best of some."
    from playwright.sync_api import sync_playwright
    program = shutil.which("chromium") or shutil.which("google-chrome")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as p:
        browser = p.chromium.launch_persistent_context(profile, executable_path=program, headless=True, args=quiet)
        browser.add_init_script(READY)
        tab, best = browser.new_page(), []
        for _ in range(times):
            tab.goto(page.as_uri())
            tab.wait_for_selector("#fer-nb-root[data-ready='1']")
            best.append(tab.evaluate("window.readyAt"))
        browser.close()
    return min(best)


if __name__ == "__main__":
    torch.set_num_threads(1)
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()}, one thread, shared machine; CPU time"
    plain, between, frame = overhead()
    lines = [f"| {every} | {((every - 1) * between + frame) / (every * plain) - 1:+.1%} |" for every in (10, 20, 30, 60)]
    page, kept, pictures, opened = film()
    write_section("Recording", f"""`python benchmarks/recording.py`: LeNets++ width 0.25 on 14 px, batch 128, 500 watched points ({machine}; torch {torch.__version__}).

A plain step takes {plain:.2f} ms, a recorded one without a frame {between:.2f} ms, one with a frame {frame:.2f} ms (medians).

| a frame every … steps | added training time |
|---|---|
""" + "\n".join(lines) + f"""

The goal is under 5 %: `record` takes a frame every 30 steps by default, the Wild-MNIST lab every 20. A film of 100 frames × 10,000 points of such a training, {"with" if pictures else "without"} pictures of the
points: {page:,} bytes of HTML (goal: under 5,000,000), painted {opened:.0f} ms after opening in headless Chromium (best of 7; goal: under 1 s); the npz: {kept:,} bytes.
""")
    print(f"{plain:.2f} {between:.2f} {frame:.2f} ms", *lines, f"HTML {page:,} bytes (pictures: {pictures}), npz {kept:,} bytes, opens in {opened:.0f} ms", sep="\n")
