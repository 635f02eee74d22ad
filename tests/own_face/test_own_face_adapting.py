"Agreement by hand; what each way of adaptation changes, and what it must leave alone."
import math

import pytest
import torch

from fer_nb.backbones import LabCNN
from fer_nb.own_face import WAYS, Lessons, adapt, agreement, agreement_figure, au_correlation, prepared
from fer_nb.own_face import adapting as room


@pytest.fixture(scope="module")
def known():
    g = torch.Generator().manual_seed(0)
    return Lessons(torch.randn(64, 1, 48, 48, generator=g), torch.rand(64, 18, generator=g), torch.zeros(64, dtype=torch.int64))

@pytest.fixture(scope="module")
def frames(): return torch.randint(0, 255, (12, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    return LabCNN(18, in_size=48).eval()

def weights(model): return {name: v.clone() for name, v in model.named_parameters()}

def test_correlation_by_hand():
    true, said = torch.tensor([[0., 1., 2.], [1., 1., 0.], [2., 1., 1.]]), torch.tensor([[1., 0., 0.], [1., 1., 2.], [4., 2., 1.]])
    r = au_correlation(said, true)
    # deviations (−1, 0, 1) and (−1, −1, 2): 3 / (√2 · √6); nothing moves; (1, −1, 0) and (−1, 1, 0): −1
    assert r[0].item() == pytest.approx(3 / math.sqrt(12)) and r[1].isnan() and r[2].item() == pytest.approx(-1)
    torch.testing.assert_close(au_correlation(5 * said - 3, true)[0], r[0])

def test_f1_has_a_threshold():
    true, said = torch.tensor([[.3], [.29], [.9], [0.]]), torch.tensor([[.31], [.5], [.1], [0.]])
    assert agreement(said, true)[1].item() == pytest.approx(2 * 1 / (2 + 2))   # said in 1, 2; there in 1, 3

@pytest.mark.parametrize("predicted, au", [(torch.zeros(3, 2), torch.zeros(2, 3)), (torch.zeros(1, 2), torch.zeros(1, 2)), (torch.zeros(3), torch.zeros(3))])
def test_what_cannot_be_compared(predicted, au):
    with pytest.raises(ValueError, match="expected"): au_correlation(predicted, au)

@pytest.mark.parametrize("way", WAYS)
def test_the_reader_itself_stays(way, reader, known, frames, monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    before, state = weights(reader), {name: v.clone() for name, v in reader.state_dict().items()}
    adapted = adapt(reader, way, frames, known)
    assert all(v.equal(state[name]) for name, v in reader.state_dict().items()) and adapted is not reader and not adapted.training
    trained = any(not v.equal(before[name]) for name, v in adapted.named_parameters())
    assert trained == (not way.startswith("AdaBN"))
    assert not adapted.features[1].running_mean.equal(reader.features[1].running_mean)
    again = adapt(reader, way, frames, known)
    assert all(v.equal(w) for v, w in zip(adapted.state_dict().values(), again.state_dict().values()))

def test_adabn_takes_the_frames_statistics_and_half_of_each(reader, known, frames):
    x, conv = prepared(frames), reader.features[0]
    with torch.no_grad(): mine = conv(x)
    whole, half = adapt(reader, "AdaBN", frames, known), adapt(reader, "AdaBN, half", frames, known)
    torch.testing.assert_close(whole.features[1].running_mean, mine.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    with torch.no_grad(): theirs = conv(known.x[room._lessons_drawn(known, 12, 0)])
    torch.testing.assert_close(half.features[1].running_mean, (mine.mean((0, 2, 3)) + theirs.mean((0, 2, 3))) / 2, atol=1e-5, rtol=1e-4)

def test_frames_have_no_label(reader, known, frames):
    "Half of the lessons with theirs, as many frames with NaN; a domain each."
    x, au, d = room._both(prepared(frames), known, 0).tensors
    assert len(x) == 64 and d.bincount().tolist() == [32, 32] and au[d == 1].isnan().all() and not au[d == 0].isnan().any()
    torch.testing.assert_close(x[d == 1][12:24], prepared(frames))     # again from the first on

def test_more_lessons_does_not_learn_from_the_frames_labels_but_coral_feels_them(reader, known, frames, monkeypatch):
    monkeypatch.setattr(room, "EPOCHS", 1)
    monkeypatch.setattr(room, "WEIGHT", 50.)
    more, coral = (adapt(reader, way, frames, known) for way in ("more lessons", "CORAL"))
    assert any(not v.equal(w) for v, w in zip(more.parameters(), coral.parameters()))

def test_nonsense_is_refused(reader, known, frames):
    with pytest.raises(ValueError, match="way: expected one of AdaBN"): adapt(reader, "magic", frames, known)
    with pytest.raises(ValueError, match="frames: expected at least two"): adapt(reader, "AdaBN", frames[:1], known)
    with pytest.raises(ValueError, match="reader: expected a reader"): adapt(torch.nn.Linear(1, 1), "AdaBN", frames, known)

def test_the_figure_has_a_bar_for_each():
    au = torch.rand(9, 18)
    ax, = agreement_figure({"one": au, "other": -au}, au).axes
    assert len(ax.patches) == 36 and ax.patches[0].get_height() == pytest.approx(1) and ax.patches[20].get_height() == pytest.approx(-1)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one: mean 1.00", "other: mean -1.00"]
