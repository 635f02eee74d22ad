"The wall of a class in Chromium: sixty runs, hostile names, damaged files, both themes, keyboard and axe."
import numpy as np
import pytest

from accessibility import found
from fer_nb.wall import wall
from fer_nb.wmnist import data_file
from lab_server import PATIENCE, animation_frames
from test_wall import a_run, written
from waiting import wait_for

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=document.title='owned'>"
KINDS = "softmax center dda held printed balanced code autograd".split()


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, browser):
    "A folder with sixty runs, one of them with a hostile name in every place, one with findings, and two damaged files; its page, and a browser."
    home = tmp_path_factory.mktemp("class")
    for i in range(58): (home/f"student {i}.npz").write_bytes(data_file(f"wild_{KINDS[i % 8]}.npz").read_bytes())
    hostile = a_run(HOSTILE)
    hostile.recipe = {HOSTILE: HOSTILE}
    written(home/(HOSTILE.replace("/", "_") + ".npz"), hostile)
    ill = a_run("DANN", frames=8, images=np.zeros((30, 14, 14), np.uint8))
    ill.losses["domain"] = [.7, 3., 40., 80., 90., 95., 99., 99.]
    written(home/"ill.npz", ill)
    (home/"short.npz").write_bytes(data_file("wild_dda.npz").read_bytes()[:999])
    (home/"<b>text.npz").write_text("no run")
    wall(home).to_html(home/"wall.html")
    return home, browser


@pytest.fixture
def page(classroom):
    "The page, newly opened; at the end nothing was said in the console and nothing was asked of anybody."
    home, browser = classroom
    page, said = browser.new_page(viewport=dict(width=1280, height=800)), []
    page.set_default_timeout(PATIENCE * 1000)
    page.on("console", lambda m: m.type == "error" and said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("request", lambda r: r.url.startswith(("data:", "blob:")) or said.append(r.url))
    page.goto((home/"wall.html").as_uri())
    page.locator("#fer-nb-root[data-ready='1']").wait_for(state="attached")
    yield page
    page.close()
    assert said == [(home/"wall.html").as_uri()] # itself, and nothing else


def until(page, condition): wait_for(lambda: page.evaluate(condition)) # the page's policy forbids Playwright to poll inside of it
def names(page): return page.locator(".fnw-name").all_inner_texts()
def drawn(page): return page.evaluate("document.querySelector('#fer-nb-root').wall.previews.map(p => p.drawn)")

def test_sixty_runs_move_where_they_are_seen(page):
    assert len(names(page)) == 60 and names(page)[1:4] == ["ill", "student 0", "student 1"]
    until(page, "document.querySelector('#fer-nb-root').wall.previews.some(p => p.drawn > 3)")
    seen = page.evaluate("document.querySelector('#fer-nb-root').wall.previews.map(p => [p.seen, p.drawn, Boolean(p.places)])")
    assert 0 < sum(visible for visible, *_ in seen) < 40 and all(not n and not unpacked for visible, n, unpacked in seen if not visible)
    page.get_by_role("button", name="Pause").click()
    animation_frames(page, 3)
    before = drawn(page)
    page.wait_for_timeout(300)
    assert drawn(page) == before and page.get_by_role("button", name="Play").is_visible()
    page.locator(".fnw-tile").last.scroll_into_view_if_needed()
    until(page, "document.querySelector('#fer-nb-root').wall.previews.every(p => !p.seen || p.drawn)")
    until(page, "document.querySelector('#fer-nb-root').wall.previews.filter(p => p.drawn).length > 30")

def test_a_picture_has_the_colors_of_its_classes(page):
    until(page, "document.querySelector('#fer-nb-root').wall.previews.some(p => p.drawn > 1)")
    colors = page.evaluate("""() => { const c = document.querySelectorAll('.fnw-tile canvas')[2], d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, seen = new Set();
        for (let i = 0; i < d.length; i += 4) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return [...seen]; }""")
    assert {"63,144,218", "255,169,14", "189,31,1", "146,218,221"} <= set(colors) # blue, yellow, red, light blue of the palette

def test_sorting(page):
    choose = page.get_by_label("sort by")
    choose.select_option("center")
    scores = [int(s.split("%")[0].split()[-1]) for s in page.locator(".fnw-scores span:first-child").all_inner_texts()]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]
    choose.select_option("findings")
    assert names(page)[0] == "ill" and "exploding domain loss" in page.locator(".fnw-found").first.inner_text()
    assert page.locator(".fnw-found.bad").count() == 1 and "60 runs, 1 with findings" in page.locator(".fnw-bar").first.inner_text()

def test_what_cannot_be_read_is_named(page):
    page.get_by_text("2 files cannot be read").click()
    said = page.locator(".fnw details li").all_inner_texts()
    assert said[0].startswith("<b>text.npz: ") and said[1].startswith("short.npz: ")

def test_a_click_opens_the_whole_theatre(page):
    tile = page.get_by_role("button", name="student 2 DDA")
    tile.click()
    dialog = page.locator("dialog.fnw-show")
    dialog.locator(".fnb canvas").first.wait_for()
    until(page, "document.querySelector('dialog .fnb')?.theatre.state().frames[0] === 49")
    for text in ("student 2", "0 findings", "gamma", "epoch 30"): dialog.get_by_text(text).first.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    until(page, "!document.querySelector('dialog .fnb') && document.activeElement.innerText.startsWith('student 2')")

def test_with_the_keyboard_and_with_findings(page):
    page.get_by_role("button", name="ill DANN").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.fnw-show")
    dialog.get_by_text("exploding domain loss").wait_for()
    assert "Try: " in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")

def test_names_are_text(page):
    tile = page.locator(".fnw-tile").first
    assert tile.inner_text().startswith(HOSTILE) and page.locator("img").count() == 0
    tile.click()
    page.locator("dialog .fnb canvas").first.wait_for()
    assert HOSTILE in page.locator("dialog dl").inner_text() and page.title() == "The class at a glance" and page.locator("dialog img").count() == 0
    page.keyboard.press("Escape")

@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.slow
def test_axe_finds_nothing_serious(page, scheme):
    page.emulate_media(color_scheme=scheme)
    until(page, f"document.querySelector('.fnw').classList.contains('dark') === {str(scheme == 'dark').lower()}")
    page.get_by_text("2 files cannot be read").click()
    assert found(page, ".fnw") == []
    page.get_by_role("button", name="ill DANN").click()
    page.locator("dialog canvas.fnb-points[aria-label]").wait_for() # it is described once it rests
    assert found(page, "dialog") == []

@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_sticks_out(page, width):
    page.set_viewport_size(dict(width=width, height=800))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".fnw-tile").nth(5).click()
    page.locator("dialog .fnb canvas").first.wait_for()
    assert page.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))")

def test_who_wants_less_motion_gets_the_last_frame(classroom):
    home, browser = classroom
    page = browser.new_page(reduced_motion="reduce")
    page.goto((home/"wall.html").as_uri())
    page.get_by_role("button", name="Play").wait_for()
    until(page, "document.querySelector('#fer-nb-root').wall.previews.some(p => p.drawn)")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('#fer-nb-root').wall.played") == np.inf # the last frame
    page.close()

def test_in_a_notebook_it_is_a_frame_of_its_own(classroom, tmp_path):
    "Its script sees nothing of the page around it"
    written(tmp_path/"Ada.npz")
    page = classroom[1].new_page()
    page.set_content(f"<p id=outside>outside</p>{wall(tmp_path)._repr_html_()}")
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="Ada softmax").click()
    inside.locator("dialog .fnb canvas").first.wait_for()
    assert page.frames[1].evaluate("() => { try { return parent.document.title } catch (error) { return error.name } }") == "SecurityError"
    page.close()
