"The pictures of the rooms in a real JupyterLab: a headless Chromium moves their sliders the way a reader would."
import re, symtable
from pathlib import Path

import nbformat, pytest

from lab_server import THEATRE, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NBS = Path(__file__).parents[1]/"nbs"


def scopes(table):
    yield table
    for child in table.get_children(): yield from scopes(child)

def names(source):
    "The names that a cell gives to things, and those it takes from cells before."
    top = symtable.symtable(source, "cell", "exec")
    given = {n.get_name() for n in top.get_symbols() if n.is_assigned() or n.is_imported() or n.is_namespace()}
    taken = {n.get_name() for table in scopes(top) for n in table.get_symbols() if n.is_global() or table is top and n.is_referenced()}
    return given, taken

def cells_for(notebook, marker):
    "The notebook's cell that contains `marker`, after the cells it cannot do without."
    cells = [c.source for c in nbformat.read(NBS/notebook, 4).cells if c.cell_type == "code" and not re.search("^[%!]", c.source, re.M)]
    last = next(i for i, source in enumerate(cells) if marker in source)
    chosen, need = [last], names(cells[last])[1]
    for i in range(last - 1, -1, -1):
        given, taken = names(cells[i])
        if need & given:
            chosen.insert(0, i)
            need = need - given | taken
    return [cells[i] for i in chosen]


@pytest.fixture(scope="module")
def room(jupyter, browser):
    "A folder of the lab and a page; `room.open(name, *cells)` runs a notebook of these cells in it."
    with jupyter.room("rooms") as server:
        pages = []
        def show(name, *cells):
            write_notebook(server.folder/f"{name}.ipynb", "%matplotlib inline\nimport torch\ntorch.set_num_threads(1);", *cells)
            if pages: server.next_notebook(pages[0], f"{name}.ipynb")             # the kernel of the test before ends
            else: pages.append(server.open_notebook(browser, f"{name}.ipynb"))
            server.run_all(pages[0])
            return pages[0]
        server.open = show
        yield server
        for page in pages: page.close()


PICTURE = ".widget-interact img"

def move(page, label, *keys):
    "Press keys on the slider of that label."
    box = page.locator(".widget-interact .widget-inline-hbox", has=page.locator(".widget-label", has_text=label)).first
    readout = box.locator(".widget-readout")
    said = readout.inner_text()
    box.locator(".noUi-handle").focus()
    for key in keys: page.keyboard.press(key)
    return lambda: readout.inner_text() != said

def other_picture(page, before):
    "Wait until there is another picture."
    page.wait_for_function("([selector, before]) => { const img = document.querySelector(selector); return img && img.src !== before && img.naturalWidth > 100; }", arg=[PICTURE, before])
    return page.locator(PICTURE).get_attribute("src")

def slide(page, label, *keys):
    "Press keys on the slider of that label; waits until there is another picture."
    before = page.locator(PICTURE).get_attribute("src")
    moved, picture = move(page, label, *keys), other_picture(page, before)
    assert moved()
    return picture

def first_picture(page):
    page.locator(PICTURE).wait_for()
    return page.locator(PICTURE).get_attribute("src")


@pytest.mark.slow
def test_separate_loss_turning_centers(room):
    page = room.open("separate", *cells_for("12_separate_loss.ipynb", "interactive("))
    first = first_picture(page)                                                   # the notebook's own check has set 3 classes
    title = "print(control.children[0].value, control.result.axes[0].get_title())"
    assert room.run_cell(page, title) == "3 nearest pair 120° apart"
    assert slide(page, "classes", "ArrowLeft") != first
    assert room.run_cell(page, title) == "2 nearest pair 180° apart"
    other = slide(page, "start", "ArrowRight")
    assert slide(page, "steps", "Home") != other
    assert room.run_cell(page, "print(control.children[3].value)") == "10"
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0


SPHERE = """
import numpy as np
from fer_nb.embeddings import Run
from fer_nb.separate_loss import sphere_figure
rng, y = np.random.default_rng(0), np.arange(60) % 3
run = Run(y, ["a", "b", "c"], name="ball")
for step in range(5): run.add(step, rng.normal(size=(60, D)) + step * np.eye(3, D)[y], y, centers=np.eye(3, D) + .1)
sphere_figure(run)"""

@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.slow
def test_separate_loss_on_the_circle_and_the_sphere(room, d):
    page = room.open(f"sphere{d}", f"D = {d}" + SPHERE)
    plot = page.locator(".js-plotly-plot").first
    plot.wait_for()
    points = "() => { const t = document.querySelector('.js-plotly-plot').data[0], a = v => v?.bdata ?? v; return JSON.stringify([a(t.x), a(t.y), a(t.z)]); }"
    before = page.evaluate(points)
    assert page.evaluate("() => document.querySelector('.js-plotly-plot').data.length") == (4 if d == 2 else 5)        # classes, centers, the ball
    page.locator(".js-plotly-plot .slider-rail-touch-rect").first.click(position=dict(x=8, y=5))                       # to the first frame
    page.wait_for_function(f"before => ({points})() !== before", arg=before)
    assert page.locator(".js-plotly-plot .slider-label, .js-plotly-plot text", has_text="step 0").count() >= 1
    early = page.evaluate(points)
    page.locator(".js-plotly-plot .updatemenu-button", has_text="▶").first.click()
    page.wait_for_function(f"early => ({points})() !== early", arg=early)


@pytest.mark.parametrize("notebook, names", [("12_separate_loss", ["softmax, 2-D", "separate, 2-D"]), ("14_grl/01_looks", ["λ = 0", "λ = 0.1", "λ = 1"])])
@pytest.mark.slow
def test_races_of_the_rooms(room, notebook, names):
    cells = cells_for(f"{notebook}.ipynb", "stage = race(")
    page = room.open(f"race_{Path(notebook).name}", *(re.split("^(?:ball|adapted) = ", c, flags=re.M)[0] for c in cells))     # without the pictures before it
    page.locator(".fnb-do-play").click()
    page.wait_for_function(f"n => {{ const s = {THEATRE}.state(); return s.frames.length === n && s.frames.every(f => f > 3) && s.painted > 3; }}", arg=len(names))
    assert page.locator(".fnb-title").all_inner_texts() == names
    page.locator(".fnb-do-stop").click()
    assert room.run_cell(page, "print(stage.error)") == "None"


@pytest.mark.slow
def test_a_data_set_shows_itself(room):
    notebook, = NBS.glob("*datasets/02_lab_sets.ipynb")
    page = room.open("data_set", *cells_for(notebook.relative_to(NBS), "tiny.readable().describe()"))
    shown = page.locator(".jp-RenderedHTMLCommon:has(img[alt='sample pictures'])")
    shown.wait_for()
    assert shown.locator("th").all_inner_texts()[-1] == "total" and shown.locator("td").all_inner_texts()[-1] == "13"        # 14 and a broken one
    assert page.wait_for_function("() => document.querySelector('img[alt=\"sample pictures\"]').naturalWidth > 100")


@pytest.mark.slow
def test_circle_of_angles(room):
    page = room.open("angles", *cells_for("15_angular_softmax.ipynb", "interactive("))
    first = first_picture(page)                                                   # the notebook's own check has set 40° and s = 64
    titles = "print([ax.get_title() for ax in control.result.axes])"
    assert room.run_cell(page, titles) == "['wedges 40.0° wide', 's = 64, m = 40.0°']"
    none = slide(page, "margin", "Home")
    assert none != first and room.run_cell(page, titles) == "['wedges 0.0° wide', 's = 64, m = 0.0°']"
    soft = slide(page, "s", "Home")
    assert soft != none and "s = 1," in room.run_cell(page, titles)
    wide = slide(page, "apart", "End")
    page.locator(".widget-interact input[type=checkbox]").check()
    assert wide != soft and room.run_cell(page, "print(control.children[0].value, control.children[3].value)") == "180 True"


@pytest.mark.parametrize("notebook, label, key", [("00_wmnist", "seed", "ArrowRight"), ("04_backbones/00_lenets", "digit", "ArrowRight"), ("05_training/00_objective", "factor", "ArrowLeft"), ("11_dda", "γ", "ArrowRight")])
@pytest.mark.slow
def test_sliders_of_other_rooms(room, notebook, label, key):
    page = room.open(Path(notebook).name, *cells_for(f"{notebook}.ipynb", "interactive("))
    first = first_picture(page)
    assert slide(page, label, key) != first


def test_the_console_stayed_silent(room): assert room.errors == []
