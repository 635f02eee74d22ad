"68 landmarks: fer_nb.preprocessing.landmarks, from the installed package."
import hashlib
import sys
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

import fer_nb.preprocessing.landmarks as room
from fer_nb.preprocessing import detect, landmarks68


@pytest.fixture()
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", None, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    room.fan.cache_clear()
    yield tmp_path/"hub"/"checkpoints"
    room.fan.cache_clear()

def test_offline_the_message_says_what_to_do(torch_home, monkeypatch, hopper):
    pytest.importorskip("face_alignment")
    def offline(*args, **kwargs): raise urllib.error.URLError("no network")
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(RuntimeError, match="^68 landmarks need weights that are not here and could not be fetched .*no network.*Download") as error: landmarks68(hopper, detect(hopper))
    for part in ("no network", room.FAN_URL, str(torch_home/room.FAN_FILE), "96 MB", room.FAN_SHA256): assert part in str(error.value)
    assert room.FAN_SHA256 in room.FAN_FILE

def test_damaged_weights_are_refused(torch_home, hopper):
    pytest.importorskip("face_alignment")
    torch_home.mkdir(parents=True)
    (torch_home/room.FAN_FILE).write_bytes(b"half a file")
    with pytest.raises(RuntimeError, match="11 bytes.*damaged.*Download"): landmarks68(hopper, detect(hopper))

def test_missing_package_is_named(torch_home, monkeypatch, hopper):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(RuntimeError, match=r"fer_nb\[faces\]"): landmarks68(hopper, detect(hopper))

def test_fetched_weights_are_checked_by_their_hash(torch_home, monkeypatch):
    asked = {}
    def download(url, path, hash_prefix=None, progress=True):
        asked.update(url=url, hash=hash_prefix)
        Path(path).write_bytes(b"weights")
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr(room, "FAN_SHA256", hashlib.sha256(b"weights").hexdigest()[:10])
    room._check_fan_weights()
    assert asked == dict(url=room.FAN_URL, hash=room.FAN_SHA256)

def test_plumbing_with_random_weights(torch_home, monkeypatch, hopper):
    "no weights travel with the tests: a network of random ones, with one module for the four, shows that boxes go in and points in pixels come out"
    api, utils = pytest.importorskip("face_alignment.api"), pytest.importorskip("face_alignment.utils")
    asked, quarter = [], api.FAN(1)
    monkeypatch.setattr(api, "FAN", lambda modules: asked.append(modules) or quarter)
    for name, function in vars(utils).copy().items():                                    # numba would compile them for ten seconds
        if hasattr(function, "py_func"): monkeypatch.setattr(utils, name, function.py_func)
    torch_home.mkdir(parents=True)
    torch.save({name: torch.randn(value.shape, generator=torch.Generator().manual_seed(0)).mul(.05) if value.is_floating_point() and "running_var" not in name else value
                for name, value in quarter.state_dict().items()}, torch_home/room.FAN_FILE)
    monkeypatch.setattr(room, "FAN_SHA256", hashlib.sha256((torch_home/room.FAN_FILE).read_bytes()).hexdigest()[:10])
    monkeypatch.setattr(torch, "compile", lambda *a, **k: pytest.fail("compiled"))
    faces = detect(hopper)
    points, = landmarks68(hopper, faces)
    assert asked == [4] and quarter.conv1.weight.std() < .06                                 # a large network asked for, our weights in it
    assert points.shape == (68, 2) and points.dtype == torch.float32 and points.isfinite().all()
    left, top, right, bottom = faces[0].box
    side, middle = 200 / 195 * (right - left + bottom - top), torch.stack([(left + right) / 2, (top + bottom) / 2 - .12 * (bottom - top)])
    assert ((points - middle).abs() <= side / 2 + 3).all()                                  # within the square that the notebook shows
    assert room.fan("cpu").face_detector.reference_scale == 195
    monkeypatch.setattr(room.fan("cpu"), "get_landmarks_from_image", lambda image, detected_faces: [np.full((68, 2), detected_faces[0][0] + image[0, 0, 0])])
    assert landmarks68(hopper[:1], faces)[0][0, 0] == pytest.approx(float(left) + hopper[0, 0, 0].item(), abs=1e-3)   # boxes pass unchanged, pixels 0 … 255
    assert landmarks68(hopper / 255., faces)[0][0, 0] == pytest.approx(float(left) + hopper[0, 0, 0].item(), abs=1e-3)

def test_no_faces_need_no_weights(hopper): assert landmarks68(hopper, []) == []
