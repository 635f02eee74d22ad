"The course as a student meets it: copied out of the package, opened in a real JupyterLab, one key. Run All is in test_labs_browser.py."
import pytest

from lab_server import THEATRE, theatre_state as state, wait_theatre as wait
from fer_nb.course import copy_course

pytestmark = pytest.mark.browser
IN_SIGHT = """selector => { const e = document.querySelector(selector)?.getBoundingClientRect(), w = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();
    return e && e.top >= w.top - 1 && e.bottom <= w.bottom + 1; }"""


@pytest.fixture(scope="module")
def course(jupyter, browser):
    with jupyter.room("course") as server:
        copy_course(server.folder)
        server.browser = browser
        yield server


@pytest.mark.slow
def test_one_key_starts_a_race_in_sight(course):
    page = course.open_notebook(course.browser, "labs/wild_mnist.ipynb", 1280, 800)
    page.keyboard.press("Shift+Enter")
    wait(page, "s.painted > 20 && Math.min(...s.frames) > 2 && s.frames.length === 3 && new Set(s.steps).size === 1")
    for part in (".fnb-panels", ".fnb-bar"): page.wait_for_function(IN_SIGHT, arg=part)
    assert not state(page)["docked"]
    race = page.locator(".fnb").first
    race.get_by_role("button", name="Stop", exact=True).click()
    wait(page, "!s.status.running")
    page.evaluate(f"{THEATRE}.goto(1)")                                            # scrub
    wait(page, "s.frame === 1")
    race.locator(".fnb-chip").nth(6).click()                                       # toggle a class
    assert state(page)["hidden"][6]
    race.get_by_role("button", name="Settings", exact=True).click()
    slider = race.get_by_label("push between centers γ", exact=True)                # change γ and run again
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait(page, "s.generation === 1 && s.status.running && s.frames[0] > 1")
    assert state(page)["status"]["values"]["gamma"] == 3.1
    assert race.locator(".fnb-title").all_inner_texts()[2].startswith("DDA λ=1 γ=3.1")
    assert course.errors == []
    page.close()
    course.end_kernels()
