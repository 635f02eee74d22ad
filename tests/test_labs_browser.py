"Every lab of the course in a real JupyterLab with a real kernel, from top to bottom: nothing fails, exercises answer, every widget draws and is in sight."
import shutil
from pathlib import Path

import nbformat
import pytest

from ran import wrong

pytestmark = [pytest.mark.browser, pytest.mark.notebooks, pytest.mark.slow, pytest.mark.timeout(3600)]
LABS = Path(__file__).parents[1]/"nbs/labs"
RACES = dict(wild_mnist=3, margins=4, real_digits=3)  # lab -> networks that race from its first cell on
IN_SIGHT = """selector => { const e = document.querySelector(selector)?.getBoundingClientRect(), w = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();
    return e && e.top >= w.top - 1 && e.bottom <= w.bottom + 1; }"""
WIDGETS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap(({ model }, cell) => model.type !== "code" ? [] : [...Array(model.outputs.length).keys()]
    .filter(i => "application/vnd.jupyter.widget-view+json" in model.outputs.get(i).data).map(i => [cell, i]))"""
DRAWN = """([cell, i]) => {
    const view = window.jupyterapp.shell.currentWidget.content.widgets[cell].outputArea.widgets[i].node, box = view.getBoundingClientRect();
    const colors = picture => {
        const ctx = new OffscreenCanvas(32, 32).getContext("2d");
        try { ctx.drawImage(picture, 0, 0, 32, 32); } catch (error) { return 0; }               // an img that is not there yet
        return new Set(new Uint32Array(ctx.getImageData(0, 0, 32, 32).data.buffer)).size;
    };
    const large = e => e.checkVisibility() && e.clientWidth >= 40 && e.clientHeight >= 40;
    const pictures = [...view.querySelectorAll("canvas, img")].filter(large), bar = view.querySelector(".progress-bar-success");
    return box.right <= innerWidth + 1 && view.scrollWidth <= view.clientWidth + 1 && (pictures.length ? pictures.every(p => colors(p) > 8) : bar?.clientWidth > 40);
}"""


@pytest.fixture(scope="module")
def opened(jupyter, browser):
    "Opens a lab as it is in the course, solutions and all, in a window in which JupyterLab shows its files beside it; the lab before goes."
    pages = []
    with jupyter.room("lab") as room:
        def opening(name):
            shutil.copy(LABS/f"{name}.ipynb", room.folder)
            if pages: room.next_notebook(pages[0], f"{name}.ipynb")
            else: pages.append(room.open_notebook(browser, f"{name}.ipynb", 1280, 800))
            return room, pages[0]
        yield opening
        for page in pages: page.close()


def test_every_race_is_known(): assert set(RACES) < {p.stem for p in LABS.glob("*.ipynb")}

@pytest.mark.parametrize("name", sorted(p.stem for p in LABS.glob("*.ipynb")))
def test_runs_and_draws(opened, name):
    room, page = opened(name)
    room.start_all(page)
    if name in RACES:                                                              # Run All leads to the last cell: the race goes on in the corner
        page.wait_for_function(IN_SIGHT, arg=".fnb-dock canvas")
        assert page.locator(".fnb-dock canvas").count() == RACES[name]
        page.evaluate("document.querySelector('.fnb .fnb-do-stop').click()")       # seen; the cells have the processor for themselves
    nb = room.finished(page)
    assert wrong(nb) == []
    play = page.locator(".fnb .fnb-message:text('press Play')")
    if play.count(): page.locator(".fnb-do-play").first.click()                    # a race that waits for its reader
    widgets = page.evaluate(WIDGETS)
    assert len(widgets) == sum("application/vnd.jupyter.widget-view+json" in out.get("data", {}) for cell in nb.cells for out in cell.get("outputs", ()))
    for cell, i in widgets:
        page.evaluate("n => window.jupyterapp.shell.currentWidget.content.scrollToItem(n)", cell)
        page.wait_for_function(DRAWN, arg=[cell, i])
    said = room.errors.copy()
    room.errors.clear()                                                            # the next lab is not to be blamed
    assert said == []
