"What a newcomer meets in the theatre of a race, in a real JupyterLab at 1280 x 800 and 1920 x 1080, light and dark."
import json

import pytest

from accessibility import found, found_in_both_themes
from lab_server import live, theatre_state as state, wait_theatre as wait, write_notebook
from test_lab_browser import MAKE
from waiting import wait_for

pytestmark = pytest.mark.browser
RACE = """
from fer_nb.widgets import Surprise
KNOBS = [Choice("loss", "loss", ["softmax", "dda"], "dda"), Slider("gamma", "push between centers γ", 0., 7., .5, 1., "Keeps classes apart; 0: off.", dict(loss=["dda"])),
    Slider("epochs", "epochs", 1, 100_000, 1, 100_000)]
show = race(make, [dict(loss="softmax"), dict(loss="dda")], KNOBS, surprises=[Surprise("Too short.", dict(epochs=1, loss="dda"), "One epoch is not enough.")])
show"""
VALUES = dict(gamma=1, epochs=100_000)
GONE = "The kernel is gone: run the cell again"


@pytest.fixture(scope="module")
def room(jupyter, browser):
    with jupyter.room("race") as server:
        write_notebook(server.folder / "race.ipynb", MAKE, RACE, *["print('line\\n' * 40)"] * 3)
        server.page, server.opened = None, lambda: server.open_notebook(browser, "race.ipynb", 1280, 800)
        yield server


@pytest.fixture
def page(room):
    "The page with the race as it was at first: the tests know no order."
    if not room.page or room.page.locator(".fnb-do-restart.gone").count():          # never opened, or its kernel was killed
        if room.page: room.page.close()
        room.page = room.opened()
        room.run_all(room.page)
    live(room.page, VALUES)
    return room.page


def button(page, name): return page.locator(".fnb").get_by_role("button", name=name, exact=True)


def test_the_race_stays_in_sight_while_it_trains(room, page):
    page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 1e6)")
    page.locator(".fnb-dock").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.fnb-dock canvas').length === 2")
    text = page.locator(".fnb-dock-text").inner_text()
    assert "softmax" in text and "dda" in text and found_in_both_themes(room, page, ".fnb-dock") == []
    page.locator(".fnb-dock-back").click()                                         # and leads back
    page.evaluate("document.querySelector('.fnb').scrollIntoView()")
    wait(page, "!s.docked && s.frames[0] > 2")


@pytest.mark.parametrize("width, height, dark", [(1280, 800, False), (1920, 1080, True)])
def test_everything_is_in_sight_together(room, page, width, height, dark):
    room.theme(page, dark)
    wait(page, f"s.dark === {str(dark).lower()}")
    page.set_viewport_size(dict(width=width, height=height))
    page.wait_for_function("""height => {
        const f = document.querySelector('.fnb'), there = document.querySelector('.jp-WindowedPanel-outer').clientHeight, s = document.querySelector('.fnb-stage');
        return f.offsetHeight <= there && f.offsetHeight > .85 * there && s.clientWidth > .4 * f.clientWidth && s.clientHeight > .38 * height;
    }""", arg=height)
    room.theme(page, False)


def test_full_screen_and_back(page):
    button(page, "Full screen").click()
    page.wait_for_function("() => document.fullscreenElement?.className.includes('fnb')")
    page.wait_for_function("() => { const f = document.querySelector('.fnb'); return f.scrollHeight <= innerHeight && f.querySelector('.fnb-bar').getBoundingClientRect().bottom > .85 * innerHeight; }")
    page.keyboard.press("f")
    page.wait_for_function("() => !document.fullscreenElement")
    page.set_viewport_size(dict(width=1280, height=800))


def test_every_readout_says_its_name_in_every_panel(page):
    choose = page.locator("select[aria-label='Decision regions']")
    captions = "() => [...document.querySelectorAll('.fnb-caption > :first-child')].map(e => e.textContent).filter(t => t.startsWith('Recall'))"
    for value, names in dict(center=["nearest class mean", "nearest center"], prior=["linear head (class counts unknown)"] * 2, head=["linear head"] * 2).items():
        choose.select_option(value)
        page.wait_for_function(f"want => JSON.stringify(({captions})()) === want", arg=json.dumps([f"Recall by {n}" for n in names], separators=(",", ":"), ensure_ascii=False))


def test_the_axis_of_the_losses_is_the_readers(page):
    assert page.locator(".fnb-caption", has_text="Loss").all_inner_texts() == ["Loss\nlog scale"] * 2
    page.locator(".fnb-caption button").first.click()
    page.wait_for_function("() => [...document.querySelectorAll('.fnb-caption button')].every(b => b.textContent === 'linear scale')")
    page.locator(".fnb-caption button").last.click()


def test_one_scale_for_both(page):
    toggle = button(page, "same scale")
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    toggle.click()


def test_knobs_have_words_and_only_used_ones_are_shown(page):
    assert not page.locator(".fnb-drawer").is_visible()
    button(page, "Settings").click()
    assert page.locator(".fnb-controls").inner_text().startswith("push between centers γ") and "Keeps classes apart; 0: off." in page.locator(".fnb-controls").inner_text()
    page.get_by_label("loss, panel 2", exact=True).select_option(label="softmax")
    page.locator(".fnb-controls .fnb-control").first.wait_for(state="hidden")
    button(page, "Reset").click()
    page.locator(".fnb-controls .fnb-control").first.wait_for(state="visible")
    button(page, "Copy as code").click()
    code = page.locator(".fnb-code").inner_text().split()
    assert code[:2] == ["make(gamma=1.0,", "epochs=100000,"] and code[-1] == "loss='dda').finish()"
    with page.expect_download() as saved: button(page, "Save picture").click()
    assert saved.value.suggested_filename.endswith(".png") and open(saved.value.path(), "rb").read(4) == b"\x89PNG"
    with page.expect_download() as saved: button(page, "Save movie").click()
    assert saved.value.suggested_filename.endswith(".html") and b"mountStatic" in open(saved.value.path(), "rb").read()
    page.keyboard.press("Escape")
    page.locator(".fnb-drawer").wait_for(state="hidden")


@pytest.mark.slow
def test_axe_finds_nothing_serious(room, page):
    assert found_in_both_themes(room, page, ".fnb") == []
    button(page, "Settings").click()
    button(page, "Copy as code").click()
    page.locator(".fnb-code").wait_for()
    assert found_in_both_themes(room, page, ".fnb") == []
    page.keyboard.press("Escape")
    page.locator(".fnb").focus()
    page.keyboard.press("a")
    page.wait_for_function("() => document.querySelector('.fnb-ask-forces tr')")
    page.keyboard.press("r")
    page.locator(".fnb-question").wait_for()
    assert found_in_both_themes(room, page, ".fnb") == []
    for _ in range(2): page.keyboard.press("Escape")
    page.locator(".fnb-ask").first.wait_for(state="hidden")


def test_axe_sees_what_is_wrong(page):
    page.evaluate("""() => { const wrong = document.createElement("div"); wrong.id = "wrong";
        wrong.innerHTML = '<button></button><span style="color: #aaa; background: #fff">too pale to be read</span>'; document.querySelector(".fnb-foot").append(wrong); }""")
    said = found(page, ".fnb")
    page.evaluate("() => document.querySelector('#wrong').remove()")
    assert sorted(line.split(":")[0] for line in said) == ["critical button-name", "serious color-contrast"]


def test_space_plays_and_pauses_whatever_has_the_focus(page):
    for name in ("Restart", "Settings", "same scale", "Stop"):
        before, generation = state(page)["status"]["running"], state(page)["generation"]
        button(page, name).focus()
        page.keyboard.press("Space")
        wait(page, f"s.status.running === {str(not before).lower()}")
        assert state(page)["generation"] == generation and not page.locator(".fnb-drawer").is_visible() and not state(page)["status"]["stopped"]
    wait(page, "s.status.running")


def test_a_key_that_ends_a_training_asks_first(page):
    question, before = page.locator(".fnb-question"), state(page)["generation"]
    for key in "rs":
        page.locator(".fnb").focus()
        page.keyboard.press(key)
        question.wait_for(state="visible")
        page.keyboard.press("Escape")
        question.wait_for(state="hidden")
        assert state(page)["status"]["running"] and state(page)["generation"] == before
    page.keyboard.press("s")
    page.keyboard.press("Enter")                                                    # Yes has the focus
    wait(page, "s.status.stopped")


def test_a_surprise_trains_and_then_says_why(room, page):
    before = state(page)["generation"]
    button(page, "Settings").click()
    button(page, "Surprise me: break it").click()
    page.locator(".fnb-lesson", has_text="What will break?").wait_for()
    wait(page, f"s.generation === {before + 1} && s.status.done")
    page.locator(".fnb-lesson", has_text="One epoch is not enough.").wait_for()
    assert state(page)["status"]["values"]["epochs"] == 1 and found_in_both_themes(room, page, ".fnb") == []
    page.locator(".fnb").focus()
    page.keyboard.press("Escape")
    page.locator(".fnb-lesson").wait_for(state="hidden")


def test_a_killed_kernel_is_said_in_words(room, page):
    assert room.errors == []
    button(page, "Settings").click()
    kill = room.start_cell(page, "import os, signal, threading\nthreading.Timer(.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()\nprint('soon')")
    page.locator(".fnb-state", has_text=GONE).wait_for()
    page.locator(".jp-Dialog button").last.click()                                  # JupyterLab says so, too
    page.locator(".fnb-do-restart.gone").click()                                    # off, and no error
    assert button(page, "Save movie").is_disabled() and button(page, "Stop").is_disabled()
    assert found_in_both_themes(room, page, ".fnb") == []
    assert [e for e in room.errors if "kernel" not in e.lower()] == [] and kill
