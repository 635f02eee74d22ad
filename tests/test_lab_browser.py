"The theatre in a real JupyterLab: a real training on wild digits, driven by a headless Chromium the way a reader would."
import json, os, sys, time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lab_server import THEATRE, chromium, find_chromium, lab, write_notebook

pytestmark = pytest.mark.browser
STATE = f"{THEATRE}.state()"

MAKE = """
import torch
torch.set_num_threads(1)
from fer_nb.backbones import LeNetsPP
from fer_nb.centers import CenterLoss
from fer_nb.dda import DDALoss
from fer_nb.embeddings import record
from fer_nb.training import Batches, Objective, fit
from fer_nb.widgets import Choice, Pulse, Slider, race, theatre
from fer_nb.wmnist import load_digits, minority_classes, to_input, wild_counts, wild_subset

x, y = load_digits()
vx, vy = load_digits(train=False)
watch = torch.randperm(len(vy), generator=torch.Generator().manual_seed(0))[:400]

def make(loss="dda", gamma=1., epochs=500, every=4):
    counts = wild_counts("severe")
    i = wild_subset(y, counts)
    torch.manual_seed(0)
    model = LeNetsPP(width=.25, in_size=14)
    terms = dict(softmax={}, dda=dict(dda=DDALoss(10, 2, gamma=gamma, scaling="code")))[loss]
    steps = fit(model, Objective(**terms), Batches(to_input(x[i], 14), y[i]), epochs=epochs)
    return record(steps, (to_input(vx[watch], 14), vy[watch]), every=every, name=f"{loss} <b>γ = {gamma}</b>", minority=minority_classes(counts), images=vx[watch])
"""
SHOW = """stage = theatre(make, [Slider("gamma", "γ", 0., 7., .5, 1.)])
stage"""
LOG = """
import threading, time
def log():
    while True:
        with open("threads.log", "a") as f: f.write(f"{sum(t.name == 'fer_nb training' for t in threading.enumerate())}\\n")
        time.sleep(.1)
threading.Thread(target=log, daemon=True).start()
Pulse.PATIENCE = 3
print("logging")"""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    "One lab, one browser, one page on which the notebook was run."
    pytest.importorskip("jupyterlab")
    find_chromium()
    folder = tmp_path_factory.mktemp("lab")
    write_notebook(folder / "lesson.ipynb", MAKE, SHOW, "print('the notebook goes on')")
    with lab(folder) as server, chromium() as browser:
        server.folder, server.browser = folder, browser
        server.page = server.open_notebook(browser, "lesson.ipynb")
        server.began = time.monotonic()
        server.run_all(server.page)
        yield server


def wait(page, condition, timeout=30): page.wait_for_function(f"() => {{ const s = document.querySelector('.fnb')?.theatre.state(); return s && ({condition}); }}", timeout=timeout * 1000)
def state(page): return page.evaluate(STATE)
def button(page, name): return page.locator(".fnb-bar").get_by_role("button", name=name, exact=True)


def test_frames_move_while_the_notebook_goes_on(room):
    page = room.page
    page.locator(".fnb").wait_for(timeout=60_000)
    wait(page, "s.frames[0] > 0 && s.painted > 0")
    print(f"first painted live frame {time.monotonic() - room.began:.1f} s after Run All")
    wait(page, "s.distinct > 5 && s.painted > 20")
    assert page.locator(".jp-OutputArea-output", has_text="the notebook goes on").count() == 1
    assert page.locator(".fnb-state").inner_text() == "training"
    assert state(page)["status"]["running"]
    assert page.locator(".fnb-title").inner_text() == "dda <b>γ = 1.0</b>"      # names are text, never markup


def test_picture_moves_while_another_cell_keeps_the_kernel_busy(room):
    page, before = room.page, state(room.page)["frames"][0]
    assert room.run_cell(page, "import time; time.sleep(4); print('slept')") == "slept"
    assert state(page)["frames"][0] >= before + 2
    wait(page, f"s.frames[0] > {before + 4}")


def test_scrub_back_while_the_training_goes_on(room):
    page = room.page
    page.locator(".fnb-scrub").focus()
    page.keyboard.press("Home")
    wait(page, "s.pos === 0 && !s.follow")
    n = state(page)["frames"][0]
    wait(page, f"s.frames[0] > {n} && s.pos === 0 && s.status.running")
    page.keyboard.press("ArrowRight")
    wait(page, "s.pos === 1")
    assert "showing an earlier frame" in page.locator(".fnb-state").inner_text()
    page.keyboard.press("End")
    wait(page, "s.follow && s.frame > 1")
    page.locator(".fnb-scrub").click(position=dict(x=10, y=12))                     # the mouse scrubs too
    wait(page, "!s.follow")
    button(page, "Live").click()
    wait(page, "s.follow")


def test_classes_come_and_go(room):
    page = room.page
    chip = page.locator(".fnb-chip").nth(3)
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false" and state(page)["hidden"][3]
    page.keyboard.press("3")
    assert not state(page)["hidden"][3]
    chip.click(modifiers=["Alt"])
    assert state(page)["hidden"].count(False) == 1
    chip.click(modifiers=["Alt"])
    assert not any(state(page)["hidden"])
    assert page.locator(".fnb-chip.rare").all_inner_texts() == ["6†", "7†", "8†", "9†"]


def test_stop_acts_at_once(room):
    page = room.page
    (room.folder / "threads.log").unlink(missing_ok=True)
    assert room.run_cell(page, LOG) == "logging"
    page.locator(".fnb").scroll_into_view_if_needed()
    took = page.evaluate(f"""async () => {{
        const begin = performance.now();
        document.querySelector(".fnb-do-stop").click();
        while ({STATE}.status.running && performance.now() - begin < 5000) await new Promise(r => setTimeout(r, 5));
        return performance.now() - begin;
    }}""")
    print(f"stopped after {took:.0f} ms")
    assert took < 500
    time.sleep(0.5)
    assert (room.folder / "threads.log").read_text().split()[-1] == "0"
    assert page.locator(".fnb-state").inner_text() == "stopped"
    frames = state(page)["frames"]
    time.sleep(0.3)
    assert state(page)["frames"] == frames


def test_a_resting_theatre_costs_nothing(room):
    room.page.wait_for_timeout(800)
    painted = state(room.page)["painted"]
    room.page.wait_for_timeout(1000)
    assert state(room.page)["painted"] == painted and not state(room.page)["busy"]


def test_replay_from_the_start(room):
    page = room.page
    painted = state(page)["painted"]
    button(page, "Play").click()
    wait(page, "s.playing && s.pos > 2")
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, "!s.playing")
    assert state(page)["painted"] > painted + 10 and not state(page)["status"]["running"]


def test_hover_shows_the_digit(room):
    page = room.page
    page.keyboard.press("End")
    stage = page.locator(".fnb-points")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    for i in range(400):                                                            # sweep until a point is met
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.8 * (i % 20) / 20), box["y"] + box["height"] * (0.1 + 0.8 * (i // 20) / 20))
        if i % 5 == 4 and page.locator(".fnb-tip").is_visible(): break
    text = page.locator(".fnb-tip").inner_text()
    assert "label" in text and "linear head" in text
    assert page.evaluate("() => { const c = document.querySelector('.fnb-tip canvas'); return [c.width, c.height]; }") == [28, 28]


def test_changed_gamma_waits_for_restart(room):
    page = room.page
    slider = page.get_by_label("γ", exact=True)
    slider.focus()
    for _ in range(4): page.keyboard.press("ArrowRight")
    assert page.locator(".fnb-pending").inner_text() == "changed settings apply at restart"
    assert "lit" in page.locator(".fnb-do-restart").get_attribute("class")
    assert state(page)["generation"] == 0 and state(page)["status"]["values"] == {"gamma": 1}
    page.keyboard.press("Enter")
    wait(page, "s.generation === 1 && s.status.running && s.frames[0] > 2")
    assert state(page)["status"]["values"] == {"gamma": 3} and page.locator(".fnb-pending").inner_text() == ""
    assert page.locator(".fnb-title").inner_text() == "dda <b>γ = 3.0</b>"
    assert room.run_cell(page, "print(stage.runs[0].name, stage.error)") == "dda <b>γ = 3.0</b> None"


def test_pause_and_step(room):
    page = room.page
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, "!s.status.running")
    assert page.locator(".fnb-state").inner_text() == "paused"
    wait(page, "s.pos === s.frames[0] - 1")
    n = state(page)["frames"][0]
    button(page, "Step").click()
    wait(page, f"s.frames[0] === {n + 1} && !s.status.running && s.pos === {n}")
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, f"s.frames[0] > {n + 2} && s.status.running")


def test_dark_and_light(room):
    page = room.page
    corner = "() => [...document.querySelector('.fnb-points').getContext('2d').getImageData(2, 2, 1, 1).data]"
    page.locator("select[aria-label='Decision regions']").select_option("off")
    for dark in (True, False):
        room.theme(page, dark)
        wait(page, f"s.dark === {str(dark).lower()}")
        page.wait_for_timeout(500)
        assert (max(page.evaluate(corner)[:3]) < 80) == dark


def test_page_opened_anew_shows_the_state_of_the_training(room):
    page = room.page
    room.save(page)
    n = state(page)["frames"][0]
    page.reload()
    page.locator(".fnb").wait_for(timeout=60_000)
    wait(page, f"s.frames[0] >= {n} && s.generation === 1")
    assert page.locator(".jp-OutputArea-child:has(.fnb) + .jp-OutputArea-child").is_hidden()   # the picture for pages without widgets


def test_cell_run_again_leaves_one_thread(room):
    page = room.page
    room.wait_idle(page)
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    room.command(page, "notebook:run-cell")
    wait(page, "s.generation === 0 && s.status.running && s.frames[0] > 2", 60)
    assert page.locator(".fnb").count() == 1
    assert room.run_cell(page, "print(sum(t.name == 'fer_nb training' for t in threading.enumerate()))") == "1"


def test_closed_page_leaves_no_thread(room):
    assert room.errors == []
    room.save(room.page)
    room.page.close()
    log, end = room.folder / "threads.log", time.monotonic() + 30
    while log.read_text().split()[-1] != "0":
        assert time.monotonic() < end, "the training goes on though nobody watches"
        time.sleep(0.2)


def test_page_that_comes_back_goes_on(room):
    page = room.page = room.open_notebook(room.browser, "lesson.ipynb")
    page.locator(".fnb").wait_for(timeout=60_000)
    n = state(page)["frames"][0] if state(page)["frames"] else 0
    wait(page, f"s.status.running && s.frames[0] > {n}")
    button(page, "Stop").click()
    wait(page, "!s.status.running")
    assert room.errors == []
