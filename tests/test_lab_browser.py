"The theatre in a real JupyterLab: a real training on wild digits, driven by a headless Chromium the way a reader would."
import pytest

from lab_server import animation_frames, last_frame, live, stop, theatre_state as state, wait_theatre as wait, write_notebook
from waiting import wait_for

pytestmark = pytest.mark.browser

MAKE = """
import torch
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

def make(loss="dda", gamma=1., epochs=100_000, every=4):
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
BUSY = """
import pathlib, time
pathlib.Path("busy").touch()
while not pathlib.Path("go").exists(): time.sleep(.01)
print("was busy")"""
COUNT = """
import threading
trainer, begun, at_stop = stage._trainer, [], []
def counted(*args, turn=trainer._round):
    begun.append(1)
    return turn(*args)
def noted(end=trainer.stop):
    at_stop.append(len(begun))
    end()
trainer._round, trainer.stop = counted, noted
print("counting")"""
STOPPED = """
trainer.join()
threads = sum(t.name == 'fer_nb training' for t in threading.enumerate())
print(len(at_stop), len(begun) - at_stop[0], threads, len(stage.runs[0]))"""
ONE = """
import threading, time
def threads(): return [t for t in threading.enumerate() if t.name == "fer_nb training"]
while len(threads()) != 1: time.sleep(.01)
print("one thread")"""
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
def room(jupyter, browser):
    "A folder of the lab, one browser, one page on which the notebook was run."
    with jupyter.room("theatre") as server:
        write_notebook(server.folder / "lesson.ipynb", MAKE, SHOW, "print('the notebook goes on')")
        server.browser, server.page = browser, server.open_notebook(browser, "lesson.ipynb")
        server.run_all(server.page)
        yield server


@pytest.fixture
def page(room):
    "The page with the theatre as it was at first: the tests know no order."
    if room.page.is_closed(): room.page = room.open_notebook(room.browser, "lesson.ipynb")
    live(room.page, {"gamma": 1})
    return room.page


def button(page, name): return page.locator(".fnb-bar").get_by_role("button", name=name, exact=True)


def test_frames_move_while_the_notebook_goes_on(page):
    wait(page, "s.distinct > 5 && s.painted > 20")
    page.locator(".jp-OutputArea-output", has_text="the notebook goes on").wait_for()
    page.locator(".fnb-state", has_text="training").wait_for()
    assert state(page)["status"]["running"]
    assert page.locator(".fnb-title").inner_text() == "dda <b>γ = 1.0</b>"      # names are text, never markup


def test_picture_moves_while_another_cell_keeps_the_kernel_busy(room, page):
    end = room.start_cell(page, BUSY)
    wait_for((room.folder / "busy").exists)
    before = state(page)["frames"][0]
    wait(page, f"s.frames[0] > {before + 4} && s.pos > {before}")                    # the kernel hears nobody
    (room.folder / "go").touch()
    assert end() == "was busy"
    wait(page, f"s.frames[0] > {state(page)['frames'][0] + 4}")


def test_scrub_back_while_the_training_goes_on(page):
    page.locator(".fnb-scrub").focus()
    page.keyboard.press("Home")
    wait(page, "s.pos === 0 && !s.follow")
    n = state(page)["frames"][0]
    wait(page, f"s.frames[0] > {n} && s.pos === 0 && s.status.running")
    page.keyboard.press("ArrowRight")
    wait(page, "s.pos === 1")
    page.locator(".fnb-state", has_text="showing an earlier frame").wait_for()
    page.keyboard.press("End")
    wait(page, "s.follow && s.frame > 1")
    page.locator(".fnb-scrub").click(position=dict(x=10, y=12))                     # the mouse scrubs too
    wait(page, "!s.follow")
    button(page, "Live").click()
    wait(page, "s.follow")


def test_classes_come_and_go(page):
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


def test_stop_acts_at_once(room, page):
    assert room.run_cell(page, COUNT) == "counting"
    n = state(page)["frames"][0]
    wait(page, f"s.frames[0] > {n} && s.status.running")
    button(page, "Stop").click()
    wait(page, "!s.status.running && s.status.stopped")
    asked, begun_after, threads, frames = map(int, room.run_cell(page, STOPPED).split())
    assert (asked, threads) == (1, 0) and begun_after <= 1                          # a step may just begin when it is heard
    assert page.locator(".fnb-state").inner_text() == "stopped"
    wait(page, f"s.frames[0] === {frames} && s.pos === {frames - 1}")               # the frame of the last step came, too


def test_a_resting_theatre_costs_nothing(room, page):
    stop(room, page)
    page.locator(".fnb").scroll_into_view_if_needed()
    animation_frames(page)
    wait(page, "!s.busy")
    painted = state(page)["painted"]
    animation_frames(page, 60)
    assert state(page)["painted"] <= painted + 2 and not state(page)["busy"]        # the page around it may move it once or twice


def test_replay_from_the_start(room, page):
    wait(page, "s.frames[0] > 40")                                                  # enough to be seen moving
    stop(room, page)
    painted = state(page)["painted"]
    button(page, "Play").click()
    wait(page, f"s.playing && s.pos > 2 && s.painted > {painted + 10}")
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, "!s.playing")
    assert not state(page)["status"]["running"]


def test_hover_shows_the_digit(room, page):
    stop(room, page)
    stage = page.locator(".fnb-points")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    for i in range(400):                                                            # sweep until a point is met
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.8 * (i % 20) / 20), box["y"] + box["height"] * (0.1 + 0.8 * (i // 20) / 20))
        animation_frames(page)
        if page.locator(".fnb-tip").is_visible(): break
    text = page.locator(".fnb-tip").inner_text()
    assert "label" in text and "linear head" in text
    assert page.evaluate("() => { const c = document.querySelector('.fnb-tip canvas'); return [c.width, c.height]; }") == [28, 28]


def test_changed_gamma_waits_for_restart(room, page):
    stop(room, page)
    before = state(page)["generation"]
    button(page, "Settings").click()
    slider = page.get_by_label("γ", exact=True)
    slider.focus()
    for _ in range(4): page.keyboard.press("ArrowRight")
    assert page.locator(".fnb-pending").inner_text() == "changed settings apply at restart"
    assert "lit" in page.locator(".fnb-do-restart").get_attribute("class")
    color = "e => getComputedStyle(e).backgroundColor"
    assert page.locator(".fnb-do-restart").evaluate(color) != page.locator(".fnb-do-play").evaluate(color)
    assert state(page)["generation"] == before and state(page)["status"]["values"] == {"gamma": 1}
    page.keyboard.press("Enter")
    wait(page, f"s.generation === {before + 1} && s.status.running && s.frames[0] > 2")
    assert state(page)["status"]["values"] == {"gamma": 3} and page.locator(".fnb-pending").inner_text() == ""
    assert page.locator(".fnb-title").inner_text() == "dda <b>γ = 3.0</b>"
    assert room.run_cell(page, "print(stage.runs[0].name, stage.error)") == "dda <b>γ = 3.0</b> None"
    page.locator(".fnb").focus()
    page.keyboard.press("Escape")
    assert not page.locator(".fnb-drawer").is_visible()


def test_pause_and_step(room, page):
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, "!s.status.running")
    page.locator(".fnb-state", has_text="paused").wait_for()
    n = last_frame(room, page)
    button(page, "Step").click()
    wait(page, f"s.frames[0] === {n + 1} && !s.status.running && s.pos === {n}")
    page.locator(".fnb").focus()
    page.keyboard.press("Space")
    wait(page, f"s.frames[0] > {n + 2} && s.status.running")


def test_dark_and_light(room, page):
    brightest = "Math.max(...[...document.querySelector('.fnb-points').getContext('2d').getImageData(2, 2, 1, 1).data].slice(0, 3))"
    page.locator("select[aria-label='Decision regions']").select_option("off")
    for dark in (True, False):
        room.theme(page, dark)
        wait(page, f"s.dark === {str(dark).lower()}")
        page.wait_for_function(f"() => ({brightest} < 80) === {str(dark).lower()}")


def test_page_opened_anew_shows_the_state_of_the_training(room, page):
    room.save(page)
    before = state(page)
    room.open_again(page, "lesson.ipynb")
    page.locator(".fnb").wait_for()
    wait(page, f"s.frames[0] >= {before['frames'][0]} && s.generation === {before['generation']}")
    assert page.locator(".jp-OutputArea-child:has(.fnb) + .jp-OutputArea-child").is_hidden()   # the picture for pages without widgets


def test_cell_run_again_leaves_one_thread(room, page):
    room.wait_idle(page)
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; }")
    room.command(page, "notebook:run-cell")
    wait(page, "s.generation === 0 && s.status.running && s.frames[0] > 2")
    assert page.locator(".fnb").count() == 1
    assert room.run_cell(page, ONE) == "one thread"


def test_closed_page_leaves_no_thread(room, page):
    assert room.errors == []
    room.save(page)
    log = room.folder / "threads.log"
    assert room.run_cell(page, LOG) == "logging"
    wait_for(lambda: log.exists() and log.read_text().split()[-1:] == ["1"])
    page.close()
    wait_for(lambda: log.read_text().split()[-1] == "0")                            # in vain if it goes on though nobody watches


@pytest.mark.slow
def test_page_that_comes_back_goes_on(room, page):
    room.save(page)
    page.close()
    page = room.page = room.open_notebook(room.browser, "lesson.ipynb")
    page.locator(".fnb").wait_for()
    n = state(page)["frames"][0] if state(page)["frames"] else 0
    wait(page, f"s.status.running && s.frames[0] > {n}")
    button(page, "Stop").click()
    wait(page, "!s.status.running")
    assert room.errors == []
