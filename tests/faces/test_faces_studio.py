"The sitting and its protocol, and the widget without a browser."
import json, os, subprocess, sys, threading
from dataclasses import replace

import numpy as np, pytest, torch

from fer_nb.faces import ACTION_UNITS, AU_NAMES, COMPOUND_EMOTIONS, DOMAINS, EMOTIONS, FaceRenderer, Sitting, au_distribution, displacement, sample_au, sample_identity, studio
from fer_nb.faces.studio import _widget
from fer_nb.runtime import torch_threads
from some_faces import only

N = len(AU_NAMES)


# ---------------------------------------------------------------- sitting
def test_a_sitting_begins_at_rest():
    s = Sitting()
    assert not s.au.any() and s.au.shape == (1, 2, N) and s.domain == "lab_color" and not s.split
    assert s.state()["au"] == [[0.0] * N] * 2


def test_state_says_everything():
    a, b = Sitting(), Sitting()
    a.update(au=[[0.2] * N, [0.4] * N], person=11, look=dict(age=0.8, skin=0.1), domain="wild_color", photo=7, turn=[0.3, -0.1], lamp=[0.5, 0.2])
    state = a.state()
    shown = state.pop("shown")
    assert shown["age"] == 0.8 and shown["skin"] == 0.1 and shown["weight"] == pytest.approx(float(sample_identity([11]).weight), abs=1e-3)
    b.update(**state)
    assert torch.equal(a.picture(48, 1), b.picture(48, 1))


def test_turn_and_lamp_are_added_to_the_photograph():
    s = Sitting()
    own = s.scene
    s.update(turn=[0.3, -0.2], lamp=[0.4, 0.1])
    torch.testing.assert_close(s.scene.pose - own.pose, torch.tensor([[0.3, -0.2, 0.0]]))
    angles = lambda light: (torch.atan2(light[0, 0], light[0, 2]), torch.asin(light[0, 1]))
    torch.testing.assert_close(torch.stack(angles(s.scene.light)) - torch.stack(angles(own.light)), torch.tensor([0.4, 0.1]), atol=1e-5, rtol=0)
    assert float(s.scene.light.norm()) == pytest.approx(1, abs=1e-5)


def test_light_comes_from_where_it_was_moved():
    s = Sitting()
    column = lambda: s.picture(64, 1)[:, 25:45].mean((0, 1))
    s.update(lamp=[1.0, 0.0])
    right = column()
    s.update(lamp=[-1.0, 0.0])
    left = column()
    assert (right - left)[38:48].mean() > 0.03 and (right - left)[16:26].mean() < -0.03


# ---------------------------------------------------------------- protocol
SET = dict(type="set", size=80, samples=1)


def test_ready_tells_the_page_all_it_shows():
    reply, nothing = Sitting().answer(dict(type="ready"))
    assert [a["au"] for a in reply["actions"]] == list(AU_NAMES) and reply["actions"][8] == dict(au="AU12", name=ACTION_UNITS["AU12"].name, muscle=ACTION_UNITS["AU12"].muscle)
    assert [d["name"] for d in reply["domains"]] == list(DOMAINS) and list(reply["emotions"] + reply["compounds"]) == [*EMOTIONS, *COMPOUND_EMOTIONS]
    json.dumps(reply)
    assert not nothing
    reply, (pictures,) = Sitting().answer(dict(type="pictures"))
    assert len(pictures) == N * 3 * reply["width"] * reply["height"]


def test_a_frame_is_the_picture():
    s = Sitting()
    reply, (rgb,) = s.answer(dict(SET, state=dict(au=only("AU12")[0].tolist())))
    assert reply["type"] == "frame" and reply["size"] == 80
    seen = np.frombuffer(rgb, np.uint8).reshape(80, 80, 3)
    np.testing.assert_array_equal(seen, (255 * s.picture(80, 1)).round().byte().permute(1, 2, 0))
    with torch.no_grad(): plain = FaceRenderer(80, 1)(only("AU12"), s.face, s.scene)[0]
    np.testing.assert_allclose(seen, 255 * plain.permute(1, 2, 0), atol=0.51)          # this domain has no JPEG
    assert torch.equal(s.image, s.picture(80, 1))


def test_pictures_are_rendered_on_one_thread(monkeypatch):
    seen, picture = [], Sitting.picture
    monkeypatch.setattr(Sitting, "picture", lambda *a: (seen.append(torch.get_num_threads()), picture(*a))[1])
    with torch_threads(2):
        Sitting().answer(SET)
        with pytest.raises(ValueError): Sitting().answer(dict(type="dance"))
        assert seen == [1] and torch.get_num_threads() == 2


def test_frames_follow_the_sliders_where_they_act():
    s = Sitting()
    look = lambda **state: np.frombuffer(s.answer(dict(SET, state=state))[1][0], np.uint8).reshape(80, 80, 3).astype(int)
    rest, brows = look(), look(au=only("AU4")[0].tolist())
    change = abs(brows - rest).sum(2)
    assert change[15:42].sum() > 10 * change[48:].sum() > -1
    assert abs(look(domain="video_gray") - brows).mean() > 3
    gray = look()
    assert (gray[..., 0] == gray[..., 1]).all()


def test_explanation_comes_with_the_frame():
    s = Sitting()
    reply, (_, difference, mesh) = s.answer(dict(SET, state=dict(au=(0.5 * only("AU26"))[0].tolist()), explain="AU26"))
    n = reply["small"]
    assert reply["explain"] == "AU26" and reply["largest"] == pytest.approx(float(displacement(0.5 * only("AU26")).norm(dim=2).max()), rel=1e-4)
    difference = np.frombuffer(difference, np.uint8).reshape(n, n, 3).astype(int)
    assert abs(difference[: n // 3] - 128).max() <= 2 and abs(difference[n // 2 :] - 128).mean() > 1
    assert len(mesh) == 3 * n * n
    resting, _ = s.answer(dict(SET, state=dict(au=[0.0] * N), explain="AU26"))         # at rest: what it would do
    assert resting["largest"] == pytest.approx(float(displacement(only("AU26")).norm(dim=2).max()), rel=1e-4)


def test_drawing_an_expression():
    s = Sitting()
    draw = lambda **k: s.answer(dict(type="draw", **k))[0]["au"]
    s.update(person=4)
    np.testing.assert_allclose(draw(emotion="fear", seed=3), sample_au(["fear"], [4], [3])[0], atol=1e-6)
    assert draw(emotion="fear", seed=3) != draw(emotion="fear", seed=4)
    mean, share = au_distribution("sadly angry")
    np.testing.assert_allclose(draw(emotion="sadly angry", average=True), (mean * share).expand(2, N), atol=6e-4)
    for emotion in (*EMOTIONS, *COMPOUND_EMOTIONS): s.update(au=draw(emotion=emotion, seed=1))


@pytest.mark.parametrize("message, wrong", [
    (dict(type="dance"), "type"), (dict(), "type"), (dict(SET, size=10**6), "size"), (dict(SET, size=None), "size"), (dict(SET, samples=64), "samples"), (dict(SET, state=dict(au=[0.5] * N), explain="AU3"), "name"),
    (dict(SET, state=dict(au=[1.0])), "au"), (dict(SET, state=dict(hat=1)), "state"), (dict(SET, state=[1]), "state"), (dict(type="draw", emotion="boredom", seed=1), "emotion"),
    (dict(type="draw", emotion="fear", seed="x"), "seeds"), (dict(type="draw", emotion=None), "emotion"),
])
def test_bad_messages_are_named(message, wrong):
    s = Sitting()
    before = s.state()
    with pytest.raises(ValueError, match=rf"^{wrong}\S*: expected .* got"): s.answer(message)
    assert s.state() == before


# ---------------------------------------------------------------- widget
class Page:
    "A fake page: hands messages to the widget and keeps what it sends."

    def __init__(self, made):
        self.made, self.box, self.seq = made, [], 0
        made.send = lambda message, buffers=None: self.box.append((message, list(buffers or [])))

    def say(self, **message):
        self.seq += 1
        self.made._hear(None, dict(message, page=77, seq=self.seq), [])
        return self.box[-1]

    def ask(self, explain=None, **state): return self.say(type="set", size=80, samples=1, explain=explain, state=state)


@pytest.fixture()
def page():
    pytest.importorskip("anywidget")
    made = studio()
    page = Page(made)
    page.say(type="ready")
    return page


def test_every_question_gets_one_answer(page):
    message, buffers = page.ask(au=[0.25] * N)
    assert message["type"] == "frame" and (message["page"], message["seq"]) == (77, 2) and len(buffers[0]) == 80 * 80 * 3
    assert len(page.box) == 2
    assert page.made.au == [0.25] * N and not page.made._sitting.split


def test_traits_follow_the_page(page):
    heard = []
    page.made.observe(lambda change: heard.append((change.name, change.new, len(page.box))), ["au", "domain", "identity"])
    page.ask(au=[0.5] * N)
    page.ask(au=[0.5] * N)                                                     # nothing new: nobody is told
    page.ask(domain="video_gray")
    page.ask(person=8)
    assert [(n, v if n != "identity" else int(v.seed)) for n, v, _ in heard] == [("au", [0.5] * N), ("domain", "video_gray"), ("identity", 8)]
    assert [count for *_, count in heard] == [2, 4, 5]                        # the picture went out first
    assert len(page.box) == 5


def test_python_sets_and_the_page_shows(page):
    made = page.made
    made.au = only("AU12", sides=(1.0, 0.5))[0]
    message, buffers = page.box[-1]
    assert message["type"] == "frame" and message["size"] == 224 and "page" not in message and len(buffers[0]) == 224 * 224 * 3
    assert made.au == only("AU12", sides=(1.0, 0.5))[0].tolist() and message["state"]["au"] == made.au and message["state"]["split"]
    made.au = np.zeros(N)
    assert made.au == [0.0] * N
    made.domain = "wild_gray"
    assert page.box[-1][0]["state"]["domain"] == "wild_gray"
    old = sample_identity([5])
    made.identity = replace(old, age=torch.ones(1))
    assert page.box[-1][0]["state"]["person"] is None and page.box[-1][0]["state"]["shown"]["age"] == 1
    assert len(page.box) == 5 and made.image.shape == (3, 224, 224)
    page.ask(person=None, au=[0.1] * N)                                        # a page that knows no seed leaves the person alone
    assert float(made.identity.age) == 1


@pytest.mark.parametrize("name, value", [("au", [3.0] * N), ("au", [0.0] * 5), ("au", "smile"), ("domain", "mars"), ("identity", 3)])
def test_python_setting_nonsense_raises(page, name, value):
    before = (page.made.au, page.made.domain, page.made.identity)
    with pytest.raises(ValueError, match=f"^{name}: expected"): setattr(page.made, name, value)
    assert (page.made.au, page.made.domain) == before[:2] and page.made.identity is before[2] and len(page.box) == 1


def test_without_a_page_nothing_is_rendered_until_asked():
    pytest.importorskip("anywidget")
    made = studio(au=only("AU26")[0], identity=sample_identity([2]), domain="studio_gray")
    box = Page(made).box
    assert made.au == only("AU26")[0, 0].tolist() and made.domain == "studio_gray" and int(made.identity.seed) == 2
    made.au = [0.2] * N
    assert not box and made._sitting.image is None
    assert made.image.shape == (3, 224, 224) and made.image is made.image


@pytest.mark.parametrize("message", [dict(type="dance"), None, [1], "hello", dict(type="set"), dict(type="set", size=80, samples=1, state=dict(au=[[9.0] * N] * 2)),
                                     dict(type="draw"), dict(type="set", size=80, samples=1, state=3)])
def test_bad_messages_are_told_and_survived(page, message):
    page.made._hear(None, message, [])
    told, _ = page.box[-1]
    assert told["type"] == "error" and "Error" in told["text"] and len(page.box) == 2
    assert page.ask(au=[0.3] * N)[0]["type"] == "frame" and page.made.au == [0.3] * N


def test_a_listener_that_fails_is_told_and_survived(page):
    def listener(change): raise RuntimeError("my lesson is broken")
    page.made.observe(listener, "au")
    message, _ = page.ask(au=[0.3] * N)
    assert [m["type"] for m, _ in page.box] == ["hello", "frame", "error"] and message["text"] == "RuntimeError: my lesson is broken"
    page.made.unobserve(listener, "au")
    assert page.ask(au=[0.4] * N)[0]["type"] == "frame" and page.made.au == [0.4] * N


def test_messages_on_several_threads_take_turns(page):
    def talk(v):
        for _ in range(4): page.made._hear(None, dict(SET, page=1, seq=0, state=dict(au=[v] * N)), [])
    threads = [threading.Thread(target=talk, args=(v,)) for v in (0.1, 0.7)]
    for t in threads: t.start()
    for t in threads: t.join()
    frames = [(m["state"]["au"][0][0], b[0]) for m, b in page.box if m["type"] == "frame"]
    assert len(frames) == 8 and len({rgb for v, rgb in frames if v == 0.1}) == len({rgb for v, rgb in frames if v == 0.7}) == 1
    assert page.made.au == [frames[-1][0]] * N


def test_python_sets_while_another_thread_still_tells_what_the_page_said(page):
    inside, go = threading.Event(), threading.Event()
    def slow(change):
        if change.new != [0.1] * N: return
        inside.set()
        go.wait(60)
    page.made.observe(slow, "au")
    heard = threading.Thread(target=page.ask, kwargs=dict(au=[0.1] * N))
    heard.start()
    assert inside.wait(60)
    mine = threading.Thread(target=setattr, args=(page.made, "au", [0.9] * N))
    mine.start()
    mine.join(.3)                                                              # it waits for its turn; once it was lost here
    go.set()
    heard.join(60), mine.join(60)
    assert page.made.au == [0.9] * N and page.made._sitting.au[0, 0].tolist() == pytest.approx([0.9] * N)
    assert page.box[-1][0]["state"]["au"][0] == [0.9] * N


def test_studio_shows_a_picture_where_there_are_no_widgets(page, monkeypatch):
    import IPython.display
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **_: shown.append(data))
    _widget.cache_clear()
    try: studio(au=only("AU12")[0])._ipython_display_()
    finally: _widget.cache_clear()
    assert "application/vnd.jupyter.widget-view+json" in shown[0] and "text/plain" in shown[0]
    assert shown[1]["image/png"].startswith("iVBOR")


# ---------------------------------------------------------------- without the lab's packages
@pytest.mark.slow
def test_everything_but_the_studio_works_without_the_lab_extra(tmp_path):
    code = """
import sys
blocked = ("anywidget", "ipywidgets", "traitlets", "IPython", "jupyterlab")
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked: raise ImportError(name)
sys.meta_path.insert(0, Block())
import fer_nb.faces as f, torch
assert not any(m.split(".")[0] in blocked + ("matplotlib",) for m in sys.modules)
assert f.displacement(torch.ones(1, 18)).shape[2] == 3
assert f.Sitting().picture(48, 1).shape == (3, 48, 48)
try: f.studio()
except ImportError as e: print(e)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == 'studio: expected the packages of the lab extra; install them with pip install "fer_nb[lab]"'
