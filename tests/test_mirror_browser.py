"Domain adaptation in a real JupyterLab: a schedule is drawn while it trains, a point is asked about."
import pytest

from accessibility import found_in_both_themes
from lab_server import THEATRE, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
RACE = """import torch
from fer_nb.mirror import adaptation_race
stage = adaptation_race(["mixed", "DANN"], epochs=40)
stage"""


@pytest.fixture(scope="module")
def room(jupyter, browser):
    with jupyter.room("mirror") as server:
        server.browser = browser
        yield server

@pytest.fixture(scope="module")
def page(room):
    write_notebook(room.folder/"race.ipynb", RACE)
    page = room.open_notebook(room.browser, "race.ipynb", height=800)
    room.run_all(page)
    page.wait_for_function(f"() => document.querySelector('.fnb') && {THEATRE}.state().frames.length === 2 && {THEATRE}.state().frames.every(f => f > 2)")
    return page

def test_class_by_color_domain_by_shape_and_curves(page):
    assert page.locator(".fnb-domain").all_inner_texts() == ["● lab_color", "▲ studio_gray"]
    assert page.locator(".fnb-schedule:visible").count() == 1                     # mixed has no mirror
    words = page.locator(".fnb-minis").nth(1).get_attribute("aria-label")
    for name in ("accuracy: target", "domain classifier: right", "proxy A-distance", "reversed gradient"): assert name in words
    assert page.locator(".fnb-findings summary:visible").count() == 2

@pytest.mark.slow
def test_axe_finds_nothing_serious(room, page):
    assert found_in_both_themes(room, page, ".fnb") == []
    page.locator(".fnb-findings summary").last.click()
    assert found_in_both_themes(room, page, ".fnb") == []
    page.locator(".fnb-findings summary").last.click()

def test_a_curve_is_drawn_with_the_keys_while_it_trains(room, page):
    schedule = page.locator(".fnb-schedule:visible")
    schedule.focus()
    for key in ("End", "ArrowRight", "ArrowRight"): page.keyboard.press(key)
    before = schedule.get_attribute("aria-valuetext")
    for _ in range(4): page.keyboard.press("Shift+PageDown")
    page.wait_for_function(f"() => {THEATRE}.state().status.plans?.[1]?.curves['λ'].corners.at(-1)[1] === 0")
    assert page.evaluate(f"() => {THEATRE}.state().status.running") and before.startswith("λ ")
    corners = page.evaluate(f"() => {THEATRE}.state().status.plans[1].curves['λ'].corners")
    assert corners[0][1] == 0 and max(v for _, v in corners) > .4       # the past is as it was
    steps = page.evaluate(f"() => {THEATRE}.state().latest")
    page.wait_for_function(f"n => {THEATRE}.state().latest > n", arg=steps)       # the training has gone on
    assert int(room.run_cell(page, "print(len(stage.runs[1].plan.drawn))")) > 0    # what was drawn is kept with the run

def test_a_curve_is_dragged_with_the_mouse(page):
    drawn = page.evaluate(f"() => {THEATRE}.state().status.plans[1].drawn")
    box = page.locator(".fnb-schedule:visible").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + box["height"] - 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 12, steps=4)
    page.mouse.up()
    page.wait_for_function(f"() => {THEATRE}.state().status.plans[1].curves['λ'].corners.at(-1)[1] > 1")
    assert page.evaluate(f"() => {THEATRE}.state().status.plans[1].drawn") > drawn

def test_a_point_is_asked_about_by_the_keys_and_closed(page):
    page.locator(".fnb").focus()
    page.keyboard.press("a")
    card = page.locator(".fnb-ask:visible")
    card.wait_for()
    words = "linear head", "nearest class mean", "softmax", "sum"  # the kernel has answered; between two frames of a training the forces are gone for a moment
    page.wait_for_function("words => [...document.querySelectorAll('.fnb-ask')].some(card => words.every(word => card.innerText.includes(word)))", arg=words)
    assert card.locator(".fnb-ask-one").count() == 5
    label = card.locator(".fnb-ask-top b").inner_text()
    card.locator(".fnb-ask-one").first.click()
    page.wait_for_function("label => document.querySelector('.fnb-ask-top b').innerText !== label", arg=label)
    page.keyboard.press("Escape")
    card.wait_for(state="hidden")

def test_a_click_on_the_picture_asks(room, page):
    stage = page.locator(".fnb-stage").nth(1)
    box = stage.bounding_box()
    for part in (.5, .45, .55, .4, .6):
        stage.hover(position=dict(x=box["width"] * part, y=box["height"] / 2))
        page.wait_for_timeout(300)
        stage.click(position=dict(x=box["width"] * part, y=box["height"] / 2))
        if page.locator(".fnb-ask:visible").count(): break
    page.locator(".fnb-ask:visible").wait_for()
    assert room.run_cell(page, "print(stage.error)") == "None" and room.errors == []
