"The course as a student meets it: copied out of the package, opened in a real JupyterLab, Run All."
import pytest

from lab_server import chromium
from fer_nb.cli import copy_course

pytestmark = pytest.mark.browser
LAST = "[...document.querySelectorAll('.fnb')].at(-1)"   # Run All leaves the reader at the last cell: the race again


def test_wild_mnist_lab(jupyter):
    with jupyter.room("course") as server, chromium() as browser:
        copy_course(server.folder)
        page = server.open_notebook(browser, "labs/wild_mnist.ipynb")
        wait = lambda condition: page.wait_for_function(f"() => {{ const s = {LAST}?.theatre?.state(); return s && ({condition}); }}")
        state = lambda: page.evaluate(f"{LAST}.theatre.state()")
        server.run_all(page)
        wait("s.painted > 0 && Math.min(...s.frames) > 0")
        wait("s.frames[0] > 2 && s.painted > 20")
        wait("s.frames.length === 3 && new Set(s.steps).size === 1")               # three losses, one scrubber
        race = page.locator(".fnb").last
        race.get_by_role("button", name="Stop", exact=True).click()
        wait("!s.status.running")
        page.evaluate(f"{LAST}.theatre.goto(1)")                                   # scrub
        wait("s.frame === 1")
        race.locator(".fnb-chip").nth(6).click()                                   # toggle a class
        assert state()["hidden"][6]
        slider = race.get_by_label("γ", exact=True)                                # change γ and run again
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        wait("s.generation === 1 && s.status.running && s.frames[0] > 1")
        assert state()["status"]["values"]["gamma"] > 3
        assert race.locator(".fnb-title").all_inner_texts()[2].startswith("DDA λ=1 γ=3.1")
        assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'], .jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
        assert server.errors == []
