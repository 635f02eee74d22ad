"The score studio in a real JupyterLab, driven by a headless Chromium the way a reader would."

import pytest

from accessibility import found_in_both_themes
from lab_server import at_rest, calm, sticking_out, studio_room
from fer_nb.faces import AU_NAMES
from fer_nb.large_margin import PSEUDO_EMOTIONS, TABLES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NETWORK = """
import torch
from fer_nb.backbones import Output
from fer_nb.faces import AU_NAMES
from fer_nb.large_margin import score_studio
class Eye(torch.nn.Module):
    "Sees a smile on every face, and how bright the mouth is as AU43."
    def __init__(self):
        super().__init__()
        self.weight, self.in_size = torch.nn.Parameter(torch.zeros(1)), 64
    def forward(self, pictures):
        assert tuple(pictures.shape) == (1, 3, 64, 64)
        seen = torch.zeros(1, 18)
        seen[0, [AU_NAMES.index(n) for n in ("AU6", "AU12")]] = .8
        seen[0, -1] = pictures[..., 40:58, 20:44].mean()
        return Output(seen[:, :2], seen)
"""


@pytest.fixture(scope="module")
def room(jupyter, browser):
    "A page with a studio that has shown its first finished picture and its scores."
    with studio_room(jupyter, browser, "scores", NETWORK, "stage = score_studio(Eye())\nstage") as server:
        server.page.locator(".fsc-table").first.wait_for()
        yield server


@pytest.fixture(autouse=True)
def same_face(room):
    "Every test begins with the same face at rest."
    at_rest(room.page)
    page_says(room.page, "r.tables[0].verdict === 'nothing acts'")


def report(page): return page.evaluate("() => document.querySelector('.fsc').scores.state()")
def page_says(page, condition): page.wait_for_function(f"() => {{ const r = document.querySelector('.fsc')?.scores.state(); return r && r.tables && ({condition}); }}")
def slider(page, au): return page.locator(f"input[data-au={au}][data-side=both]")
def row(page, table, emotion): return page.locator(f".fsc-table[data-table={table}] .fsc-row[data-name={emotion}]")
def width(page, table, emotion): return row(page, table, emotion).locator(".fsc-bar").evaluate("e => e.getBoundingClientRect().width / e.parentElement.getBoundingClientRect().width")


def test_three_tables_side_by_side_under_the_face(room):
    page = room.page
    assert page.locator(".fst").count() == page.locator(".fsc").count() == 1
    assert [e.get_attribute("data-table") for e in page.locator(".fsc-table").all()] == ["ekman", "facs1978", "du2014"]
    assert page.locator(".fsc-table").first.locator(".fsc-name").all_inner_texts() == list(PSEUDO_EMOTIONS)
    boxes = [e.bounding_box() for e in page.locator(".fsc-table").all()]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"] and len({round(b["y"]) for b in boxes}) == 1
    assert page.locator(".fst").bounding_box()["y"] < boxes[0]["y"]
    assert page.locator(".fsc-units .fsc-name").all_inner_texts() == list(AU_NAMES)
    assert page.locator(".jp-OutputArea-child:has(.fsc) + .jp-OutputArea-child").is_hidden()          # the picture for pages without widgets
    assert page.locator(".jp-OutputArea-output", has_text="the notebook goes on").count() == 1


def test_sliders_move_the_scores(room):
    page = room.page
    for au, value in (("AU6", "0.6"), ("AU12", "1")): slider(page, au).fill(value)
    page_says(page, "r.tables[0].scores[3] === .8")
    calm(page)
    assert [page.locator(".fsc-verdict").nth(i).inner_text() for i in range(3)] == ["happiness"] * 3
    for table in ("ekman", "facs1978", "du2014"):
        numbers = TABLES[table]["happiness"]
        expected = sum({6: .6, 12: 1.}.get(n, 0) for n in numbers) / len(numbers)
        assert width(page, table, "happiness") == pytest.approx(expected, abs=.02) and "best" in row(page, table, "happiness").get_attribute("class")
    assert width(page, "ekman", "anger") == 0
    assert room.run_cell(page, "print([t['verdict'] for t in stage.report['tables']])") == "['happiness', 'happiness', 'happiness']"


def test_an_ambiguous_table_is_marked(room):
    page = room.page
    slider(page, "AU4").fill("0.9")
    page_says(page, "r.tables[1].tied.length === 2")
    calm(page)
    ambiguous = [("ambiguous" in e.get_attribute("class")) for e in page.locator(".fsc-table").all()]
    assert ambiguous == [False, True, False]
    assert page.locator(".fsc-table[data-table=facs1978] .fsc-verdict").inner_text() == "ambiguous: disgust or sadness"
    assert page.locator(".fsc-row.tied").count() == 2 and "tied" in row(page, "facs1978", "sadness").get_attribute("class")
    assert "gradient" in row(page, "facs1978", "sadness").locator(".fsc-bar").evaluate("e => getComputedStyle(e).backgroundImage")
    assert page.locator(".fsc-table[data-table=ekman] .fsc-verdict").inner_text() == "sadness"


def test_an_emotion_is_chosen_and_the_network_looks(room):
    page = room.page
    before = report(page)["sees"][-1]
    page.locator(".fst-chip[data-emotion='surprise']").click()
    page_says(page, "r.tables.some(t => t.winner === 'surprise')")
    calm(page)
    says = report(page)
    assert [t["seen_verdict"] for t in says["tables"]] == ["happiness"] * 3 and page.locator(".fsc-seen").first.inner_text() == "network: happiness"
    assert says["sees"][AU_NAMES.index("AU12")] == .8 and says["sees"][-1] != before                  # it saw this face
    units = page.evaluate("""() => { const part = (au, what) => document.querySelector(`.fsc-units .fsc-row[data-name=${au}] .fsc-${what}`).style;
        return [document.querySelector(".fsc").scores.state().au[0], part("AU1", "bar").width, part("AU12", "tick").left]; }""") # of one moment
    acts, bar, tick = (float(str(value).rstrip("%")) for value in units)
    assert tick == pytest.approx(100 * .8 / 1.3, abs=.1)
    assert bar == pytest.approx(100 * acts / 1.3, abs=.2) and acts > .3


def test_another_domain_changes_what_is_seen_not_what_is_set(room):
    page = room.page
    before = report(page)
    page.get_by_label("Domain").select_option("wild_gray")
    page_says(page, f"Math.abs(r.sees[17] - {before['sees'][-1]}) > .005")
    after = report(page)
    assert after["au"] == before["au"] and [t["scores"] for t in after["tables"]] == [t["scores"] for t in before["tables"]]


def test_the_page_follows_python(room):
    page = room.page
    assert room.run_cell(page, "stage.studio.au = [.9 if n in ('AU6', 'AU12') else 0. for n in AU_NAMES]\nprint('set')") == "set"
    page_says(page, "r.tables[2].verdict !== 'nothing acts' && r.tables[0].winner === 'happiness'")
    assert room.run_cell(page, "try: stage.studio.au = [9] * 18\nexcept ValueError as e: print(e)").startswith("au: expected")
    assert report(page)["tables"][0]["winner"] == "happiness"


def test_dark_light_narrow_and_names(room):
    page = room.page
    color = "() => getComputedStyle(document.querySelector('.fsc')).color.match(/\\d+/g).map(Number)"
    for dark in (True, False):
        room.theme(page, dark)
        page.wait_for_function(f"() => (({color})()[0] > 128) === {str(dark).lower()}")
    for size in (380, 1100):
        assert sticking_out(page, ".fsc", size) == [], size
    assert page.locator(".fsc[role=group][aria-label]").count() == 1 and page.locator(".fsc-table[aria-label]").count() == 3 and page.locator(".fsc-verdict[role=status]").count() == 3


@pytest.mark.slow
def test_axe_finds_nothing_serious(room):
    page = room.page
    slider(page, "AU4").fill("0.9")
    page_says(page, "r.tables[1].tied.length === 2")
    calm(page)
    for part in (".fst", ".fsc"): assert found_in_both_themes(room, page, part) == []


@pytest.mark.parametrize("width, height", [(1280, 800), (1920, 1080)])
def test_face_sliders_and_scores_fit_one_screen(room, width, height):
    page, before = room.page, room.page.viewport_size
    page.set_viewport_size(dict(width=width, height=height))
    page.wait_for_function(f"() => innerWidth === {width}")
    page.wait_for_timeout(300)
    high, room_for_it = page.evaluate("""() => [document.querySelector('.fsc').getBoundingClientRect().bottom - document.querySelector('.fst').getBoundingClientRect().top,
        document.querySelector('.jp-WindowedPanel-outer').clientHeight]""")
    page.set_viewport_size(before)
    assert high <= room_for_it


def test_the_console_stayed_silent(room):
    assert room.errors == []
