"From frame to intensities, and where zero is: by hand."
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.adaptation import Coral, DomainObjective
from fer_nb.backbones import LabCNN, Output
from fer_nb.faces import AU_NAMES
from fer_nb.own_face import (Intensities, Lessons, Zero, calibrate, cut_face, difference_head, face_crops, lessons, load_reader, look, prepared, read, read_from_zero,
                             take_clip, train_reader)
from fer_nb.own_face import reader as room
from fer_nb.pictures import read_image
from fer_nb.preprocessing import detect


class Sums(nn.Module):
    "Embedding: mean and twice the mean of the picture; logits: their sum, eighteen times."
    def forward(self, x):
        e = x.mean((1, 2, 3))[:, None] * torch.tensor([1., 2.])
        return Output(e, e.sum(1, keepdim=True).expand(-1, 18))


def flat(*values): return torch.tensor(values)[:, None, None, None].expand(len(values), 1, 48, 48).clone()

@pytest.fixture(scope="module")
def clip(): return take_clip(1, rate=1, rounds=1, size=96)

def test_crops_only_where_a_face_is(clip):
    frames = torch.cat([clip.images[:2], torch.zeros(1, 3, 96, 96, dtype=torch.uint8), clip.images[2:3]])
    crops, found = face_crops(frames)
    assert found.tolist() == [True, True, False, True] and crops.shape == (3, 3, 48, 48) and crops.dtype == torch.uint8
    alone = cut_face(frames[3], detect(frames[3], 24)[0])
    assert (crops[2].int() - alone.int()).abs().max() <= 1             # among others a network's numbers are rounded otherwise
    none, found = face_crops(frames[2:3])
    assert none.shape == (0, 3, 48, 48) and found.tolist() == [False]

def test_prepared_does_not_know_the_cameras_gain():
    crop = torch.randint(40, 90, (2, 3, 48, 48), dtype=torch.uint8)
    torch.testing.assert_close(prepared(crop), prepared(2 * crop), atol=.05, rtol=0) # gray values are whole numbers
    assert prepared(crop).mean().abs() < 1e-4

def test_squared_error_counts_what_is_known():
    nan = math.nan
    y, said = torch.tensor([[1., nan], [nan, .5]]), torch.tensor([[.5, 7.], [9., 0.]], requires_grad=True)
    loss = Intensities()((None, y), Output(said, said))["mse"]
    loss.backward()
    assert loss.item() == pytest.approx((.25 + .25) / 2)
    assert said.grad.tolist() == [[-.5, 0.], [0., -.5]]                # −2 · 0.5 / 2 where known, nothing elsewhere
    assert Intensities()((None, torch.full((2, 2), nan)), Output(said, said))["mse"] == 0

def test_another_objective_adds_its_term_and_gets_no_label():
    x = torch.randn(8, 2)
    d = torch.arange(2).repeat_interleave(4)
    batch, output = (None, torch.zeros(8, 3), d), Output(x, torch.ones(8, 3))
    both = Intensities(DomainObjective(coral=(Coral(), 3.)))(batch, output)
    assert set(both) == {"mse", "coral"} and both["mse"] == 1
    torch.testing.assert_close(both["coral"], 3 * Coral()(output, d > 0))

def test_a_head_of_differences_is_ridge_regression():
    "Means 0, 1, 3 with neutral 1: D = (−1, −2), (0, 0), (2, 4)."
    known = Lessons(flat(0., 1., 3.), torch.tensor([[0.], [1.], [4.]]), torch.tensor([1, 1, 1]))
    W = difference_head(Sums(), known, 1.)
    # DᵀD = 5 (1 2; 2 4), DᵀY = 7 (1, 2): along (1, 2), W = w (1, 2) with (25 + 1) w = 7
    torch.testing.assert_close(W, torch.tensor([[7.], [14.]]) / 26)
    with pytest.raises(ValueError, match="ridge: expected"): difference_head(Sums(), known, 0.)

def test_zero_is_where_the_face_rests(monkeypatch):
    monkeypatch.setattr(room, "prepared", lambda crops: flat(*map(float, crops[:, 0, 0, 0])))
    def crops(*v): return torch.tensor(v, dtype=torch.uint8)[:, None, None, None].expand(len(v), 3, 48, 48)
    known = Lessons(flat(0., 1., 3.), torch.tensor([[0.], [1.], [4.]]), torch.tensor([1, 1, 1]))
    zero = calibrate(Sums(), crops(2, 4, 9), known)
    assert zero.embedding.tolist() == [5., 10.] and zero.scores.tolist() == [12.] * 18        # mean 5; median 4, three times
    assert read_from_zero(Sums(), zero, crops(5)).abs().max() == 0
    assert read_from_zero(Sums(), zero, crops(6)).item() == pytest.approx(5 * 7 / 25.5)      # (1, 2) · 7 / (25 + ½) (1, 2)
    assert read(Sums(), crops(1, 2)).tolist() == [[3.] * 18, [6.] * 18]
    with pytest.raises(ValueError, match="resting: expected at least one face"): calibrate(Sums(), crops(), known)

def test_looking_leaves_modes_alone():
    model = LabCNN(18, in_size=48).train()
    seen = look(model, torch.randn(3, 1, 48, 48))
    assert model.training and not seen.logits.requires_grad and seen.embedding.shape == (3, 64)
    assert look(model, torch.randn(0, 1, 48, 48)).logits.shape == (0, 18)
    with pytest.raises(ValueError, match="x: expected"): look(model, torch.randn(3, 1, 40, 48))

@pytest.mark.slow
def test_lessons_are_aligned_and_know_who_rests():
    known = lessons()
    assert known.x.shape == (2240, 1, 48, 48) and known.au.shape == (2240, 18) and len(known.neutral.unique()) == 320
    assert known.neutral[known.neutral].equal(known.neutral)           # the resting face's resting face is itself
    assert known.au[known.neutral].mean() < .05 < .1 < known.au.mean()
    assert lessons() is known

@pytest.mark.slow
def test_a_reader_learns(monkeypatch):
    "Twelve epochs on an eighth of the lessons: better than the mean."
    known, few = lessons(), slice(None, None, 8)
    part = Lessons(known.x[few], known.au[few], torch.zeros(280, dtype=torch.int64))
    monkeypatch.setattr(room, "lessons", lambda: part)
    model = train_reader.__wrapped__(5, 12)
    said = look(model, part.x).logits
    assert (said - part.au).square().mean() < .85 * (part.au - part.au.mean(0)).square().mean() and not model.training

@pytest.mark.slow
def test_the_reader_that_ships_is_one_of_train_reader(clip):
    "Rounding grows in training, so that of another machine is not the same to the bit."
    crops, _ = face_crops(clip.images)
    shipped, trained = load_reader(), train_reader(0)
    alike = torch.corrcoef(torch.stack([read(shipped, crops).flatten(), read(trained, crops).flatten()]))[0, 1]
    assert alike > .9 and not shipped.training and load_reader() is not shipped

def test_a_booth_trains_a_reader_for_a_seed_only(monkeypatch):
    from fer_nb.own_face import Booth, booth
    asked = []
    monkeypatch.setattr(booth, "train_reader", lambda seed: asked.append(seed) or LabCNN(18, in_size=48).eval())
    monkeypatch.setattr(booth, "_film", lambda seed: None)
    monkeypatch.setattr(booth, "lessons", lambda: None)                # which every booth begins to draw
    assert not Booth().before.training and Booth(3).before and asked == [3]
    with pytest.raises(ValueError, match="seed: expected"): train_reader(-1)

def test_zero_has_three_parts(): assert Zero._fields == ("embedding", "scores", "head")


# ---- photographs that come with packages

def shipped(name):
    skimage = pytest.importorskip("skimage")
    return Path(skimage.__file__).parent/"data"/name

@pytest.mark.slow
def test_a_real_smile_is_read():
    "Cheeks, lip corners, parted lips: FACS's 6, 12 and 25. The reader has seen drawn faces only."
    crops, found = face_crops(read_image(shipped("astronaut.png"))[None])
    read_on = read(load_reader(), crops)[0]
    assert found.all() and {AU_NAMES[k] for k in read_on.topk(3).indices} == {"AU6", "AU12", "AU25"}

@pytest.mark.slow
def test_small_faces_of_others_are_found_and_read():
    "lfw_subset: a hundred faces of 25 pixels, enlarged, then a hundred pictures of something else."
    pictures = torch.from_numpy(np.load(shipped("lfw_subset.npy"))).float()[:, None]
    large = (F.interpolate(pictures, size=100, mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)
    crops, found = face_crops(F.pad(large, [30] * 4, value=128).expand(-1, 3, -1, -1))
    assert found[:100].sum() >= 95 and found[100:].sum() <= 2
    seen = read(LabCNN(18, in_size=48).eval(), crops)
    assert seen.shape == (len(crops), 18) and seen.isfinite().all()
