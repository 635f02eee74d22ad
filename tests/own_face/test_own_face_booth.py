"The booth without a page: what it answers, what it keeps, what it forgets, and that a clip's test part teaches nobody."
import io

import pytest
import torch
from PIL import Image

from fer_nb.backbones import LabCNN
from fer_nb.faces import AU_NAMES
from fer_nb.own_face import WAYS, Booth, Lessons, booth_figure, own_face
from fer_nb.own_face import booth as room


@pytest.fixture(scope="module")
def made():
    "A booth whose reader has learned nothing, with random lessons: what is tested is not how well it reads."
    torch.manual_seed(0)
    model = LabCNN(18, in_size=48).eval()
    known = Lessons(torch.randn(40, 1, 48, 48), torch.rand(40, 18), torch.zeros(40, dtype=torch.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "load_reader", lambda: model)
        patch.setattr(room, "lessons", lambda: known)
        film = room.take_clip
        patch.setattr(room, "take_clip", lambda seed, rate: film(seed, rate, 1, 96))
        yield Booth()

@pytest.fixture
def booth(made):
    made.answer(dict(type="forget"))
    return made

def jpeg(image):
    with io.BytesIO() as file:
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "jpeg")
        return file.getvalue()

def play(booth, numbers, **more): return [booth.answer(dict(type="clip", n=n, **more)) for n in numbers]

def test_it_says_what_there_is(booth):
    hello, none = booth.answer(dict(type="ready"))
    assert hello["aus"] == list(AU_NAMES) and hello["ways"] == list(WAYS) and none == []
    assert (hello["rest"], hello["test"], hello["frames"], hello["rate"]) == (30, 30 + 72, 30 + 144, 6)
    assert not hello["calibrated"] and hello["way"] == "" and hello["kept"] == 0

def test_a_frame_is_found_read_and_followed(booth):
    image = booth.clip.film.images[40]
    said, (twin,) = booth.answer(dict(type="frame"), [jpeg(image)])
    left, top, right, bottom = said["face"]["box"]
    assert 0 < left < .5 < right < 1 and top < .5 < bottom and len(said["face"]["points"]) == 5 and said["face"]["score"] > .9
    assert len(twin) == 3 * said["size"]**2 and said["truth"] is None and said["kept"] == 1 and said["before"] == said["now"]
    assert len(said["emotions"]["emotions"]) == 6 and said["correlation"] is None

def test_nobody_in_the_picture(booth):
    said, pictures = booth.answer(dict(type="frame"), [jpeg(torch.zeros(3, 64, 64, dtype=torch.uint8))])
    assert said["face"] is None and pictures == [] and said["kept"] == 0

def test_a_clip_has_a_truth_and_its_test_part_is_never_kept(booth):
    (said, (frame, twin)), = play(booth, [35])
    assert said["truth"] == pytest.approx(booth.clip.film.au[35].tolist(), abs=1e-3) and said["kept"] == 1
    assert Image.open(io.BytesIO(frame)).size == (96, 96)
    play(booth, [5, 110, 120])                                        # rest without being asked for, and test
    assert len(booth.practice) == 1 and booth.resting == [] and len(booth.measured) == 2
    play(booth, [110], resting=True)
    assert len(booth.resting) == 1 and len(booth.practice) == 1

def test_a_calibration_is_ones_own_zero(booth):
    play(booth, range(0, 30, 6), resting=True)
    changed, _ = booth.answer(dict(type="calibrate"))
    assert changed["type"] == "changed" and changed["calibrated"] and changed["way"] == ""
    now = torch.tensor([said["now"] for said, _ in play(booth, range(0, 30, 6))])
    assert now.mean(0).abs().max() < 2e-3                             # what rests is zero
    assert booth.answer(dict(type="rest"))[0]["calibrated"] and booth.resting == []

@pytest.mark.slow
def test_adapting_keeps_the_reader_it_began_with(booth):
    play(booth, range(0, 30, 6), resting=True)
    booth.answer(dict(type="calibrate"))
    play(booth, range(30, 30 + 21))
    before = {k: v.clone() for k, v in booth.before.state_dict().items()}
    changed, _ = booth.answer(dict(type="adapt", way="AdaBN, half"))
    assert changed["way"] == "AdaBN, half" and changed["calibrated"] and changed["kept"] == 21
    assert all(v.equal(before[k]) for k, v in booth.before.state_dict().items()) and booth.now is not booth.before
    (said, _), = play(booth, [110])
    assert said["before"] != said["now"]
    for n in range(103, 125, 2): said, _ = booth.answer(dict(type="clip", n=n))
    assert len(said["correlation"]) == 2 and all(-1 <= r <= 1 for r in said["correlation"])

@pytest.mark.slow
def test_forgotten_is_forgotten(booth):
    play(booth, range(0, 30, 6), resting=True)
    booth.answer(dict(type="calibrate"))
    play(booth, range(30, 52))
    booth.answer(dict(type="adapt", way="AdaBN"))
    state, _ = booth.answer(dict(type="forget"))
    assert (state["way"], state["calibrated"], state["kept"]) == ("", False, 0) and booth.now is booth.before
    assert not booth.resting and not booth.practice and not booth.measured and booth.zero is None

def test_what_is_kept_has_an_end(booth, monkeypatch):
    for n in range(room.KEPT + 5): booth._keep(torch.full((1,), n), False, None)
    assert len(booth.practice) == room.KEPT and booth.practice[0] == 5

@pytest.mark.parametrize("message, buffers, said", [
    ("hello", [], "message: expected a dict"), (dict(type="dance"), [], "type: expected one of ready"), (dict(type="frame"), [], "buffers: expected one picture"),
    (dict(type="frame"), [b"no picture"], "frame: expected a JPEG"), (dict(type="frame"), [b"\xff\xd8\xff" + bytes(50)], "frame: expected a JPEG"),
    (dict(type="frame"), [bytes(3_000_000)], "frame: expected at most"), (dict(type="clip", resting="yes"), [], "resting: expected True or False"),
    (dict(type="clip", n=10**6), [], "n: expected a whole number"), (dict(type="calibrate"), [], "calibrate: expected a face on at least three frames"),
    (dict(type="adapt", way="AdaBN"), [], "adapt: expected at least 20 frames"), (dict(type="adapt", way="wish"), [], "way: expected one of AdaBN")])
def test_nonsense_from_a_page(booth, message, buffers, said):
    with pytest.raises(ValueError, match=said): booth.answer(message, buffers)

def test_too_large_a_picture(booth):
    with pytest.raises(ValueError, match="frame: expected sides from 16 to 640"): booth.answer(dict(type="frame"), [jpeg(torch.zeros(3, 20, 900, dtype=torch.uint8))])

def test_the_widget_answers_its_page_and_says_what_went_wrong(made):
    pytest.importorskip("anywidget")
    sent, widget = [], own_face()
    widget.send = lambda message, buffers=None: sent.append((message, buffers))
    widget._hear(widget, dict(type="ready", page=7), [])
    widget._hear(widget, dict(type="frame", page=7, seq=3), [b"?"])
    assert sent[0][0]["type"] == "hello" and sent[0][0]["page"] == 7
    assert sent[1][0]["type"] == "error" and sent[1][0]["seq"] == 3 and "expected a JPEG" in sent[1][0]["text"]

def test_the_figure(booth):
    frame, twin, bars = booth_figure(*booth.answer(dict(type="clip", n=40))).axes
    assert len(bars.patches) == 18 and frame.images and twin.images and [line.get_label() for line in bars.lines] == ["before", "true"]
