"""One's own face in a real JupyterLab: Chromium's fake camera plays rest and practice of a clip rendered in a badly lit room. Frames arrive, calibration runs, adaptation to them improves the correlation on the
test part that the camera never showed; stopping and closing free the camera, a refusal is a sentence, and no request leaves."""
import json

import pytest
import torch
from PIL import Image

from accessibility import found_in_both_themes
from fake_camera import badly_lit, number_on, numbered, write_y4m
from fer_nb.own_face import au_correlation, take_clip
from lab_server import chromium, sticking_out, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(2400)]
RATE, STILL = 6, 40                                                   # frames per second; seconds of rest at the film's beginning: a busy machine is slow to press a button
BOOTH = "document.querySelector('.fob').booth"
SETTING = f"""import json, sys, torch
torch.set_num_threads(1)
sys.path.append({str(__import__('pathlib').Path(__file__).parent)!r})
from fake_camera import number_on
from fer_nb.own_face import booth, cut_face, own_face, take_clip
from fer_nb.preprocessing import detect
booth.take_clip = lambda seed, rate: take_clip(seed, rate, 1, 96)     # a shorter, smaller clip: nothing here depends on it
stage = own_face()
log, seen = [], stage.booth._seen
def noted(image, resting, n=None):
    reply = seen(image, resting, n)
    if n is None: log.append((number_on(image), stage.booth.way, stage.booth.zero is not None, reply[0].get("before"), reply[0].get("now")))
    return reply
stage.booth._seen = noted
def readings(images):
    crops = (cut_face(image, detect(image, booth.SMALLEST)[0]) for image in images)
    return [[values.tolist() for values in stage.booth.read(crop)] for crop in crops]
stage"""
TRACK = """() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.tracks = [];
    navigator.mediaDevices.getUserMedia = async wish => { const stream = await ask(wish); window.tracks.push(...stream.getTracks()); return stream; };
}"""


@pytest.fixture(scope="module")
def clip(): return take_clip(1, RATE)

def numbers(clip, part): return clip.part(part).nonzero()[:, 0].tolist()

@pytest.fixture(scope="module")
def film(clip, tmp_path_factory):
    rest, practice = numbers(clip, "neutral"), numbers(clip, "practice")
    frames = [(badly_lit(clip.images[n]), n) for n in rest * (STILL * RATE // len(rest)) + practice]
    return write_y4m(tmp_path_factory.mktemp("film")/"clip.y4m", frames, RATE)

@pytest.fixture(scope="module")
def room(jupyter, film):
    camera = "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}", "--use-fake-ui-for-media-stream"
    with jupyter.room("own_face") as server, chromium(*camera) as browser:
        write_notebook(server.folder/"face.ipynb", SETTING, "print('the notebook goes on')")
        server.page = page = server.open_notebook(browser, "face.ipynb")
        server.asked = []
        page.on("request", lambda request: server.asked.append(request.url))
        page.evaluate(TRACK)
        server.run_all(page)
        page.locator(".fob-do-camera").wait_for(timeout=900_000)
        yield server

def says(page, condition): page.wait_for_function(f"() => {{ const s = document.querySelector('.fob')?.booth.state(); return s && ({condition}); }}")
def state(page): return page.evaluate(f"() => {BOOTH}.state()")
def live(page): return page.evaluate("() => window.tracks.filter(t => t.readyState === 'live').length")
def press(page, name): page.locator(f".fob-do-{name}").click()


def test_a_number_survives_the_film(clip):
    assert all(number_on(numbered(clip.images[0], n)) == n for n in (0, 5, 317, 1023))

def test_consent_comes_first_and_no_camera_runs(room):
    page = room.page
    assert "Nothing is written to a disk" in page.locator(".fob-consent").inner_text() and page.locator(".fob-consent").get_attribute("open") is not None
    assert live(page) == 0 and page.evaluate("() => window.tracks.length") == 0 and state(page)["kind"] == ""
    for name in ("stop", "calibrate", "adapt"): assert page.locator(f".fob-do-{name}").is_disabled()

def test_frames_arrive_and_a_calibration_runs(room):
    page = room.page
    press(page, "camera")
    says(page, "s.kind === 'camera' && s.frames > 0 && s.seen.face")
    assert live(page) == 1
    press(page, "calibrate")
    says(page, "s.resting")
    says(page, "s.calibrated && !s.busy")
    assert page.locator(".fob-status").inner_text().startswith("your camera: your own zero")
    found = json.loads(room.run_cell(page, "print(json.dumps([l[0] for l in log if not l[2] and l[3]]))"))
    assert max(found) < 30                                            # all of them of the resting part, as its name says

def test_adaptation_to_the_cameras_frames_improves_the_correlation(room, clip):
    page = room.page
    press(page, "forget")
    says(page, "!s.busy && !s.calibrated && s.kept < 10")
    def wait_for(way, count):
        seen = f"print(len({{l[0] for l in log if l[0] >= {numbers(clip, 'practice')[0]} and l[1] == {way!r} and l[3]}}))"
        while int(room.run_cell(page, seen)) < count: page.wait_for_timeout(4000)
    wait_for("", 30)
    press(page, "adapt")                                              # half and half, as it stands there
    says(page, "s.way === 'AdaBN, half' && !s.busy")
    wait_for("AdaBN, half", 8)
    arrived = [r for r in json.loads(room.run_cell(page, "print(json.dumps(log))")) if r[1] and r[3]]
    def booth_reads(frames):
        torch.save(badly_lit(clip.images[frames]), room.folder/"frames.pt")
        return torch.tensor(json.loads(room.run_cell(page, "import torch; print(json.dumps(readings(torch.load('frames.pt'))))"))).unbind(1)
    for way, here in zip((3, 4), booth_reads([r[0] for r in arrived])):
        off = torch.tensor([r[way] for r in arrived]) - here          # by way of camera, canvas, JPEG and wire
        assert off.abs().mean() < .1
    before, now = (au_correlation(v, clip.au[clip.part("test")]).nanmean() for v in booth_reads(numbers(clip, "test")))
    assert now > before > .3

def test_stop_and_another_source_free_the_camera(room):
    page = room.page
    press(page, "stop")
    says(page, "s.kind === ''")
    assert live(page) == 0
    press(page, "camera")
    says(page, "s.kind === 'camera' && s.seen?.face")
    assert live(page) == 1
    press(page, "clip")
    says(page, "s.kind === 'clip' && s.n > 2")
    assert live(page) == 0

def test_the_clip_is_calibrated_and_adapted_too(room):
    page = room.page
    press(page, "forget")
    says(page, "!s.busy && !s.calibrated")
    press(page, "calibrate")
    says(page, "s.calibrated && s.seen.truth")
    says(page, "s.kept >= 40")
    page.locator(".fob select").select_option("AdaBN, half")
    press(page, "adapt")
    says(page, "s.way && !s.busy && s.seen.correlation")
    assert page.locator("div.fob-now").inner_text().startswith("test frames of the clip, mean correlation: before 0.")
    assert page.locator(".fob-dot:visible").count() == 18             # the truth
    page.locator(".fob-row[data-name=AU4]").click()
    assert page.locator(".fob-row[data-name=AU4]").get_attribute("aria-pressed") == "true" and "AU4" in page.locator(".fob-curve").get_attribute("aria-label")

def test_photographs_and_a_video_file(room, clip, tmp_path):
    page = room.page
    for n in (40, 60): Image.fromarray(clip.images[n].permute(1, 2, 0).numpy()).save(tmp_path/f"{n}.png")
    page.locator(".fob-file").last.set_input_files([tmp_path/"40.png", tmp_path/"60.png"])
    says(page, "s.kind === 'photographs' && s.seen?.face && !s.seen.truth")
    page.evaluate(f"""async () => {{
        const canvas = document.createElement("canvas"), stream = canvas.captureStream(10), parts = [];
        canvas.width = canvas.height = 160;
        const recorder = new MediaRecorder(stream, {{ mimeType: "video/webm" }});
        recorder.ondataavailable = e => parts.push(e.data);
        recorder.start();
        const ended = new Promise(done => recorder.onstop = done), picture = {BOOTH}.desk.frame;
        for (let k = 0; k < 20; k++) {{ canvas.getContext("2d").drawImage(picture, 0, 0, 160, 160); await new Promise(done => setTimeout(done, 100)); }}
        recorder.stop();
        await ended;
        {BOOTH}.desk.start("video", new File(parts, "me.webm", {{ type: "video/webm" }}));
    }}""")
    says(page, "s.kind === 'video' && s.seen?.face")

def test_axe_finds_nothing_serious(room): assert found_in_both_themes(room, room.page, ".fob") == []

@pytest.mark.parametrize("width", [380, 700, 1100])
def test_nothing_sticks_out(room, width): assert sticking_out(room.page, ".fob", width) == []

def test_a_refused_camera_is_a_sentence_and_the_clip_plays(room):
    page = room.page
    page.evaluate("() => navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }")
    press(page, "camera")
    says(page, "s.kind === 'clip' && s.error && s.seen?.truth")
    assert page.locator(".fob-error").inner_text() == "The camera was not allowed: the clip plays instead."

def test_closing_frees_the_camera_and_no_request_has_left(room):
    page = room.page
    page.evaluate("() => { delete navigator.mediaDevices.getUserMedia; }")
    page.evaluate(TRACK)
    press(page, "camera")
    says(page, "s.kind === 'camera' && s.seen?.face")
    assert live(page) == 1
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_function("() => !document.querySelector('.fob')")
    page.wait_for_function("() => window.tracks.every(t => t.readyState === 'ended')")
    assert room.asked and not [url for url in room.asked if not url.startswith((room.url, room.url.replace("http", "ws"), "blob:", "data:"))]
    assert room.errors == []
