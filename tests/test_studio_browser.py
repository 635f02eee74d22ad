"The AU studio in a real JupyterLab, driven by a headless Chromium the way a reader would."
import numpy as np, pytest

from accessibility import found_in_both_themes
from lab_server import STUDIO, at_rest, calm, sticking_out, studio_room, wait_studio
from fer_nb.faces import AU_NAMES, COMPOUND_EMOTIONS, DOMAINS, EMOTIONS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
LOG = f"""() => {{
    const desk = {STUDIO}.desk, send = desk.send, hear = desk.hear.bind(desk);
    window.log = [];
    desk.send = m => {{ window.log.push(["ask", m.samples, m.size, m.state && m.state.au[0][8]]); send(m); }};
    desk.hear = (m, b) => {{ if (m.type === "frame") window.log.push(["frame", 0, m.size, m.state.au[0][8]]); hear(m, b); }};
}}"""


@pytest.fixture(scope="module")
def room(jupyter, browser):
    "A page with a studio whose changes of the face are heard."
    with studio_room(jupyter, browser, "studio", "from fer_nb.faces import AU_NAMES, studio\nheard = []",
                     "stage = studio()\nstage.observe(lambda change: heard.append(change.new), 'au')\nstage") as server: yield server


@pytest.fixture(autouse=True)
def same_face(room):
    "Every test begins with the same face at rest."
    at_rest(room.page)


def state(page): return page.evaluate(f"() => {STUDIO}.state()")
def slider(page, au, side="both"): return page.locator(f"input[data-au={au}][data-side={side}]")
def chip(page, emotion): return page.locator(f".fst-chip[data-emotion='{emotion}']")
def values(page, side=0): return dict(zip(AU_NAMES, state(page)["au"][side]))

def pixels(page, canvas=f"{STUDIO}.desk.picture"):
    "A picture of the page, 56 × 56."
    return np.array(page.evaluate(f"""() => {{ const c = document.createElement("canvas"), x = c.getContext("2d"); c.width = c.height = 56; x.imageSmoothingQuality = "high";
        x.drawImage({canvas}, 0, 0, 56, 56); return [...x.getImageData(0, 0, 56, 56).data]; }}"""), float).reshape(56, 56, 4)[..., :3]

def change(a, b): return abs(a - b).mean(2)

def drag(page, target, dx, dy, steps=8, **down):
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, steps + 1): page.mouse.move(x + dx * i / steps, y + dy * i / steps)
    return lambda: page.mouse.up()


def test_the_studio_opens_with_a_face_and_its_eighteen_actions(room):
    page = room.page
    assert page.locator(".fst").count() == 1 and page.locator(".fst-row").count() == 18
    assert [e.split()[0] for e in page.locator(".fst-name b").all_inner_texts()] == list(AU_NAMES)
    assert page.locator(".fst-chip").all_inner_texts() == [*EMOTIONS, *COMPOUND_EMOTIONS]
    assert page.locator(".fst-domain option").all_inner_texts() == list(DOMAINS)
    face = pixels(page)
    assert face.std() > 20
    assert change(pixels(page, "document.querySelector('.fst-face')"), face).mean() < 2               # what came is what is painted
    page.wait_for_function("() => [...document.querySelectorAll('.fst-thumb canvas')].every(c => new Set(c.getContext('2d').getImageData(0, 0, 64, 48).data).size > 20)")
    assert page.locator(".jp-OutputArea-output", has_text="the notebook goes on").count() == 1
    assert page.locator(".jp-OutputArea-child:has(.fst) + .jp-OutputArea-child").is_hidden()          # the picture for pages without widgets


def test_a_slider_moves_the_face_where_it_acts(room):
    page, rest = room.page, pixels(room.page)
    for au, rows in (("AU26", slice(34, 56)), ("AU4", slice(12, 28))):
        slider(page, au).focus()
        page.keyboard.press("End")
        calm(page)
        assert values(page)[au] == 1.3
        moved = change(pixels(page), rest)
        assert moved[rows].sum() > 0.7 * moved.sum() > 100, au
        page.keyboard.press("Home")
        calm(page)
        assert change(pixels(page), rest).max() < 1
    page.keyboard.press("ArrowRight")
    assert values(page)["AU4"] == pytest.approx(0.01)


def test_python_hears_the_sliders(room):
    page = room.page
    slider(page, "AU12").fill("0.7")
    calm(page)
    assert room.run_cell(page, "print(heard[-1] == stage.au, len(stage.au), stage.au[AU_NAMES.index('AU12')], tuple(stage.image.shape))") == "True 18 0.7 (3, 224, 224)"


def test_dragging_asks_for_one_picture_at_a_time_and_ends_with_the_newest(room):
    page = room.page
    slider(page, "AU12").scroll_into_view_if_needed()
    page.evaluate(LOG)
    box = slider(page, "AU12").bounding_box()
    page.mouse.move(box["x"] + 7, box["y"] + box["height"] / 2)
    page.mouse.down()
    for i in range(60):
        page.mouse.move(box["x"] + 7 + i, box["y"] + box["height"] / 2)
    page.mouse.up()
    end = float(slider(page, "AU12").input_value())
    calm(page)
    log = [tuple(row) for row in page.evaluate("() => window.log")]
    assert [kind for kind, *_ in log] == ["ask", "frame"] * (len(log) // 2)                 # one in flight, never a backlog
    asks = [row for row in log if row[0] == "ask"]
    assert 2 <= len(asks) <= 62 and asks[-1][1:] == (2, 224, pytest.approx(end)) and end > 0.3
    assert all(row[3] <= end + 1e-9 for row in asks)
    assert values(page)["AU12"] == pytest.approx(end)


def test_pictures_of_actions_switch_them(room):
    page, rest = room.page, pixels(room.page)
    thumb = page.get_by_role("button", name="AU43")
    thumb.click()
    calm(page)
    assert values(page)["AU43"] == 1 and thumb.get_attribute("aria-pressed") == "true" and change(pixels(page), rest).max() > 20
    thumb.click()
    calm(page)
    assert values(page)["AU43"] == 0 and change(pixels(page), rest).max() < 1


def test_expressions_draw_variations_and_the_average(room):
    page, drawn = room.page, []
    page.get_by_label("variation").check()
    for _ in range(2):
        chip(page, "surprise").click()
        wait_studio(page, "s.expression === 'surprise'")
        calm(page)
        drawn.append(state(page)["au"][0])
        assert float(slider(page, "AU1").input_value()) == pytest.approx(drawn[-1][0], abs=0.006) and drawn[-1][0] > 0.1
    assert drawn[0] != drawn[1] and chip(page, "surprise").get_attribute("aria-pressed") == "true"
    chip(page, "sadly angry").click(modifiers=["Shift"])
    calm(page)
    average = state(page)["au"][0]
    page.get_by_label("variation").uncheck()
    chip(page, "neutral").click()
    calm(page)
    assert not any(state(page)["au"][0])
    chip(page, "sadly angry").click()                                                        # the average, unless asked
    calm(page)
    assert state(page)["au"][0] == average and average[AU_NAMES.index("AU4")] > 0.4
    slider(page, "AU1").fill("0.3")                                                          # by hand: no longer that expression
    assert page.locator(".fst-chip[aria-pressed=true]").count() == 0
    page.get_by_role("button", name="Relax").click()
    calm(page)
    assert not any(state(page)["au"][0])


def test_dice_and_looks_change_the_person_and_keep_the_expression(room):
    page = room.page
    slider(page, "AU12").fill("0.8")
    calm(page)
    before = pixels(page)
    page.get_by_role("button", name="New person").click()
    wait_studio(page, "s.person !== 9")
    calm(page)
    assert change(pixels(page), before).mean() > 3 and values(page)["AU12"] == 0.8
    before, shown = pixels(page), state(page)["shown"]
    assert float(page.locator("input[data-look=age]").input_value()) == pytest.approx(shown["age"], abs=0.006)
    page.locator("input[data-look=skin]").fill("0.95" if shown["skin"] < 0.5 else "0.05")
    calm(page)
    assert change(pixels(page), before).mean() > 3
    before = pixels(page)
    page.get_by_role("button", name="New photo").click()
    wait_studio(page, "s.photo !== 0")
    calm(page)
    assert change(pixels(page), before).mean() > 0.5


def test_domains(room):
    page = room.page
    page.get_by_label("Domain").select_option("wild_gray")
    calm(page)
    gray = pixels(page)
    assert abs(gray - gray.mean(2, keepdims=True)).max() < 2
    assert "domain='wild_gray'" in room.run_cell(page, "print(f'domain={stage.domain!r}')")


def test_dragging_turns_the_head_and_moves_the_light(room):
    page, rest = room.page, pixels(room.page)
    face = page.locator(".fst-face")
    let_go = drag(page, face, 60, 20)
    let_go()
    calm(page)
    s = state(page)
    assert s["turn"][0] > 0.2 and s["turn"][1] > 0.05 and s["lamp"] == [0, 0] and change(pixels(page), rest).mean() > 4
    face.dblclick()
    calm(page)
    assert state(page)["turn"] == [0, 0] and change(pixels(page), rest).max() < 1
    page.get_by_role("button", name="Move light").click()
    let_go = drag(page, face, 90, 0)
    assert page.locator(".fst-sun").is_visible()
    let_go()
    assert page.locator(".fst-sun").is_hidden()
    calm(page)
    lit = pixels(page) - rest
    assert state(page)["lamp"][0] > 0.3 and state(page)["turn"] == [0, 0] and lit[24:40, 34:44].mean() > lit[24:40, 12:22].mean() + 5    # the side it moved to
    page.keyboard.down("Shift")
    drag(page, face, 30, 0)()
    page.keyboard.up("Shift")
    assert state(page)["turn"][0] > 0.1
    page.get_by_role("button", name="Reset head and light").click()
    page.get_by_role("button", name="Turn head").click()
    assert state(page)["turn"] == state(page)["lamp"] == [0, 0]


def test_keys_turn_the_head(room):
    page = room.page
    page.locator(".fst-face").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"): page.keyboard.press(key)
    s = state(page)
    assert s["turn"] == pytest.approx([0.2, -0.1]) and s["lamp"] == pytest.approx([-0.1, 0])
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.mode") is not None
    page.keyboard.press("Home")
    assert state(page)["turn"] == [0, 0]


def test_explain_follows_the_pointer(room):
    page = room.page
    assert page.locator(".fst-extras").is_hidden()
    page.get_by_role("button", name="Explain").click()
    wait_studio(page, "s.extras")
    seen = {}
    for au in ("AU26", "AU1"):
        page.locator(f".fst-row[data-au={au}]").hover()
        wait_studio(page, f"s.extras === '{au}' && !s.busy")
        assert page.locator(".fst-explained").inner_text().startswith(au) and page.locator(".fst-row.explained").get_attribute("data-au") == au
        seen[au] = [pixels(page, f"{STUDIO}.desk.extras.{name}") for name in ("difference", "mesh")]
        assert "up to" in page.locator(".fst-extras figcaption").nth(1).inner_text()
    for au, rows, others in (("AU26", slice(30, 56), slice(0, 20)), ("AU1", slice(0, 28), slice(36, 56))):
        difference, mesh = seen[au]
        assert abs(difference[rows] - 128).mean() > max(1, 4 * abs(difference[others] - 128).mean())
        color = np.ptp(mesh, axis=2)
        assert (color[rows] > 40).sum() > 50 and color[others].max() < 8
    painted = pixels(page, "document.querySelectorAll('.fst-extras canvas')[1]")
    assert np.ptp(painted, axis=2).max() > 40
    page.get_by_role("button", name="Explain").click()
    assert page.locator(".fst-extras").is_hidden()


def test_asymmetry_gives_every_action_two_sliders(room):
    page, rest = room.page, pixels(room.page)
    assert slider(page, "AU12", "left").is_hidden() and slider(page, "AU12").is_visible()
    page.get_by_label("asymmetry").check()
    assert slider(page, "AU12", "left").is_visible() and slider(page, "AU12").is_hidden()
    slider(page, "AU12", "left").fill("1")
    calm(page)
    moved = change(pixels(page), rest)
    assert moved[:, 30:].sum() > 5 * moved[:, :24].sum() and values(page, 1)["AU12"] == 0          # the person's left is on our right
    assert room.run_cell(page, "print([row[AU_NAMES.index('AU12')] for row in stage.au])") == "[1, 0]".replace("1", "1.0").replace("0]", "0.0]")
    page.get_by_label("asymmetry").uncheck()
    assert values(page)["AU12"] == values(page, 1)["AU12"] == 0.5


def test_the_page_follows_python(room):
    page = room.page
    assert room.run_cell(page, "stage.au = [.1 if n == 'AU6' else .9 if n == 'AU25' else 0. for n in AU_NAMES]\nstage.domain = 'blue_screen'\nprint('set')") == "set"
    wait_studio(page, "s.domain === 'blue_screen' && s.size === 224")
    assert float(slider(page, "AU25").input_value()) == 0.9 and float(slider(page, "AU6").input_value()) == 0.1
    assert page.get_by_label("Domain").input_value() == "blue_screen"
    assert room.run_cell(page, "try: stage.au = [9] * 18\nexcept ValueError as e: print(e)").startswith("au: expected")


def test_an_error_is_shown_and_survived(room):
    page = room.page
    page.evaluate(f"() => {{ const d = {STUDIO}.desk; d.set({{domain: 'mars'}}); }}")
    page.locator(".fst-error", has_text="ValueError: domain: expected one of").wait_for()
    page.evaluate(f"() => {{ const d = {STUDIO}.desk; d.set({{domain: 'lab_color'}}); }}")
    slider(page, "AU12").fill("0.4")
    calm(page)
    assert page.locator(".fst-error").inner_text() == ""
    assert values(page)["AU12"] == 0.4


def test_everything_has_a_name_for_screen_readers(room):
    page = room.page
    slider(page, "AU12").fill("0.8")
    calm(page)
    page.locator(".fst-face[aria-label^='Rendered face: lip corner puller 0.8']").wait_for()
    nameless = page.evaluate("""() => [...document.querySelectorAll(".fst button, .fst input, .fst select")]
        .filter(e => !(e.getAttribute("aria-label") || e.textContent.trim() || e.closest("label")?.textContent.trim())).map(e => e.outerHTML)""")
    assert nameless == []
    assert page.locator(".fst [role=alert]").count() == page.locator(".fst [role=status]").count() == 1
    order = page.evaluate("""() => [...document.querySelectorAll(".fst button, .fst input, .fst select, .fst [tabindex]")].filter(e => e.offsetParent && e.tabIndex < 0).length""")
    assert order == 0


def test_dark_and_light(room):
    page = room.page
    brightest = "Math.max(...getComputedStyle(document.querySelector('.fst')).backgroundColor.match(/\\d+/g).slice(0, 3))"
    for dark in (True, False):
        room.theme(page, dark)
        wait_studio(page, f"s.dark === {str(dark).lower()}")
        page.wait_for_function(f"() => ({brightest} < 80) === {str(dark).lower()}")


def test_narrow_and_wide(room):
    for width in (380, 700, 1100): assert sticking_out(room.page, ".fst", width) == [], width


@pytest.mark.parametrize("width, height, columns", [(1280, 800, 2), (1920, 1080, 3)])
def test_face_and_sliders_fit_one_screen_and_no_name_is_cut(room, width, height, columns):
    page, before = room.page, room.page.viewport_size
    page.set_viewport_size(dict(width=width, height=height))
    page.wait_for_function(f"""() => new Set([...document.querySelectorAll('.fst-row')].map(e => e.getBoundingClientRect().x)).size === {columns}""")
    studio, room_for_it = (page.evaluate(f"() => document.querySelector('{q}').clientHeight") for q in (".fst", ".jp-WindowedPanel-outer"))
    cut = page.evaluate("() => [...document.querySelectorAll('.fst-name, .fst-name *')].filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.textContent)")
    page.set_viewport_size(before)
    assert studio <= room_for_it and cut == []


@pytest.mark.slow
def test_axe_finds_nothing_serious(room):
    page = room.page
    chip(page, "surprise").click()
    page.get_by_label("asymmetry").check()
    page.get_by_role("button", name="Explain").click()
    page.locator(".fst-row[data-au=AU4]").hover()
    wait_studio(page, "s.extras === 'AU4' && !s.busy")
    assert found_in_both_themes(room, page, ".fst") == []
    page.get_by_role("button", name="Explain").click()


def test_page_opened_anew_shows_the_same_face(room):
    page = room.page
    slider(page, "AU12").fill("0.6")
    page.get_by_label("Domain").select_option("video_gray")
    calm(page)
    before = pixels(page)
    room.save(page)
    room.open_again(page, "lesson.ipynb")
    page.locator(".fst-row").first.wait_for()
    calm(page)
    assert values(page)["AU12"] == 0.6 and page.get_by_label("Domain").input_value() == "video_gray"
    assert change(pixels(page), before).max() < 1


def test_the_console_stayed_silent(room): assert room.errors == []
