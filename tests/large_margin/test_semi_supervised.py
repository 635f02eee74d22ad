"The semi-supervised objective: its balance, its classes, in training loops and in two processes."
import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb import faces
from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.large_margin import PSEUDO_EMOTIONS, LargeMarginLoss, PseudoEmotions, SemiSupervised, large_margin_loss
from fer_nb.training import Batches, fit
from reference import tensor

NAN = float("nan")


def small(seed=0, B=9, K=6):
    g = torch.Generator().manual_seed(seed)
    x, logits = torch.randn(B, 3, generator=g, dtype=torch.float64), torch.randn(B, K, generator=g, dtype=torch.float64)
    y = torch.randint(K, (B,), generator=g)
    y[::3] = -1
    return x.requires_grad_(), logits.requires_grad_(), y


MARGINS = {"large margin": lambda: LargeMarginLoss(6, 3), "batch": lambda: LargeMarginLoss(6, 3, centers="batch"), "center": lambda: CenterLoss(6, 3), "island": lambda: IslandLoss(6, 3)}


@pytest.mark.parametrize("name", MARGINS)
def test_two_losses_with_a_live_balance(name):
    torch.manual_seed(0)
    objective = SemiSupervised(MARGINS[name](), memory=.9).double()
    twin = copy.deepcopy(objective.margin)
    means = [0., 0.]
    for step in range(4):
        x, logits, y = small(step)
        losses = objective((None, y), Output(x, logits))
        known = y >= 0
        supervised = F.cross_entropy(logits[known], y[known])
        margin = twin(x, torch.where(known, y, logits.argmax(1)))
        means = [.9 * m + .1 * v for m, v in zip(means, (supervised.item(), margin.item() - getattr(twin, "floor", 0.)))]
        lam = means[0] / (.8 * means[1])
        assert_close(losses["softmax"], supervised)
        assert_close(losses["margin"], lam * margin)
        assert_close(torch.autograd.grad(losses["margin"], x)[0], lam * torch.autograd.grad(margin, x)[0])   # λ is a constant in the gradient
        assert_close(objective.means, tensor(means))
    assert objective.n == 4
    now = objective.means.clone()
    objective.eval()((None, y), Output(x, logits))
    assert torch.equal(objective.means, now) and objective.n == 4


def test_unlabelled_pictures_have_no_decision_loss():
    x, logits, y = small()
    objective = SemiSupervised(LargeMarginLoss(6, 3)).double()
    losses = objective((None, y), Output(x, logits))
    grad, = torch.autograd.grad(losses["softmax"], logits)
    assert not grad[y < 0].any() and grad[y >= 0].any(1).all()
    assert losses["margin"] == 0 and objective.margin.centers.any()
    means = objective.means.clone()
    losses = objective((None, torch.full_like(y, -1)), Output(x, logits))
    assert losses["softmax"] == 0 and losses["margin"] != 0 and torch.equal(objective.means, means)


@pytest.mark.parametrize("label", [0, 4])
def test_one_label_counts_whole_and_is_kept(label):
    "Of the first class, too: zero is a label."
    x, logits, _ = small()
    logits.data[0, (label + 1) % 6] = 9.                                      # the network says something else
    y = torch.full((9,), -1)
    y[0] = label
    objective = SemiSupervised(CenterLoss(6, 3), weight=1.).double()
    twin = copy.deepcopy(objective.margin)
    losses = objective((None, y), Output(x, logits))
    assert_close(losses["softmax"], F.cross_entropy(logits[:1], y[:1]))
    assert objective.classes(y, logits)[0] == label
    assert_close(losses["margin"], twin(x, torch.cat([y[:1], logits[1:].argmax(1)])))


def test_one_intensity_counts_whole():
    x, seen, au = au_batch()
    au = torch.full_like(au, NAN)
    au[3, 5] = .75
    objective = SemiSupervised(LargeMarginLoss(6, 3), pseudo=PseudoEmotions(faces.AU_NAMES)).double()
    assert_close(objective((None, au), Output(x, seen))["mse"], (seen[3, 5] - .75).square())


@pytest.mark.parametrize("emotion", PSEUDO_EMOTIONS)
def test_every_pseudo_class_trains_the_margin(emotion):
    "The first one, too: all faces of the batch show this emotion alone."
    x, _, _ = au_batch()
    pseudo, k = PseudoEmotions(faces.AU_NAMES, "du2014"), PSEUDO_EMOTIONS.index(emotion)
    objective = SemiSupervised(CenterLoss(6, 3), pseudo=pseudo, weight=1.).double()
    twin = copy.deepcopy(objective.margin)
    au = pseudo.part[:, k].double().expand(10, -1) * .9
    classes = torch.full((10,), k)
    assert torch.equal(objective.classes(au, au), classes)
    losses = objective((None, au), Output(x, au))
    assert_close(losses["margin"], twin(x, classes))
    assert_close(objective.margin.centers, twin.centers)
    assert torch.autograd.grad(losses["margin"], x)[0].any(1).all()


def test_weight_and_fade():
    x, logits, y = small()
    fixed, fading = SemiSupervised(CenterLoss(6, 3), weight=.25), SemiSupervised(CenterLoss(6, 3), weight=1., fade=4)
    assert fixed.lam() == .25
    seen = []
    for _ in range(6):
        seen.append(round(fading.lam().item(), 3))
        fading((None, y), Output(x.float(), logits.float()))
    assert seen == [1., .75, .5, .25, 0., 0.]
    balanced = SemiSupervised(LargeMarginLoss(6, 3), fade=2)
    balanced((None, y), Output(x.float(), logits.float()))
    assert_close(balanced.lam(), .5 * balanced.means[0] / (.8 * balanced.means[1]))


def test_a_bad_batch_leaves_the_balance():
    x, logits, y = small()
    objective = SemiSupervised(LargeMarginLoss(6, 3)).double()
    objective((None, y), Output(x, logits))
    means = objective.means.clone()
    objective((None, y), Output(x * NAN, logits))
    objective((None, y), Output(x, logits * math.inf))
    assert torch.equal(objective.means, means)


def au_batch(seed=0, B=10):
    g = torch.Generator().manual_seed(seed)
    x, seen = torch.randn(B, 3, generator=g, dtype=torch.float64), torch.rand(B, 18, generator=g, dtype=torch.float64) - .2
    au = torch.rand(B, 18, generator=g, dtype=torch.float64)
    au[::2] = NAN
    au[1, :9] = NAN
    return x.requires_grad_(), seen.requires_grad_(), au


@pytest.mark.parametrize("name", MARGINS)
def test_action_units_by_pseudo_emotions(name):
    torch.manual_seed(0)
    table = PseudoEmotions(faces.AU_NAMES, least=.1)
    objective = SemiSupervised(MARGINS[name](), pseudo=table).double()
    twin = copy.deepcopy(objective.margin)
    x, seen, au = au_batch()
    known = ~au.isnan()
    used = torch.where(known, au, seen.detach().clamp(min=0))
    used[4], seen.data[4] = 0, 0                                             # nothing acts: no class
    classes = table.classes(used).classes
    assert classes[4] == -1 and (classes >= 0).sum() >= 7
    assert torch.equal(objective.classes(au, seen), classes)
    losses = objective((None, au), Output(x, seen))
    assert_close(losses["mse"], (seen[known] - au[known]).square().mean())
    grad, = torch.autograd.grad(losses["mse"], seen, retain_graph=True)
    assert not grad[~known].any()
    margin = twin(x[classes >= 0], classes[classes >= 0])
    assert_close(losses["margin"], objective.lam() * margin)
    assert_close(objective.margin.centers, twin.centers)
    assert not torch.autograd.grad(losses["margin"], x)[0][4].any()


def test_a_negative_intensity_is_no_intensity():
    "AU9 at 0.3 makes disgust 0.1; predictions below 0 of its other action units do not take from it."
    seen = torch.zeros(1, 18)
    for name, value in dict(AU9=.3, AU15=-.3, AU16=-.3, AU6=.15).items(): seen[0, faces.AU_NAMES.index(name)] = value
    objective = SemiSupervised(LargeMarginLoss(6, 3), pseudo=PseudoEmotions(faces.AU_NAMES))
    assert objective.classes(torch.full((1, 18), NAN), seen) == PSEUDO_EMOTIONS.index("disgust")


def test_faces_without_any_pseudo_emotion():
    x, seen, au = au_batch()
    objective = SemiSupervised(CenterLoss(6, 3), pseudo=PseudoEmotions(faces.AU_NAMES, least=.9)).double()
    before = objective.margin.centers.clone()
    losses = objective((None, 0 * au), Output(x, 0 * seen))
    sum(losses.values()).backward()
    assert losses["margin"] == 0 and x.grad.eq(0).all() and torch.equal(objective.margin.centers, before)


class Net(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.embed, self.classifier = nn.Linear(5, 3), nn.Linear(3, out)
    def forward(self, x):
        x = self.embed(x)
        return Output(x, self.classifier(x))


@pytest.mark.parametrize("name", MARGINS)
@pytest.mark.parametrize("what", ["classes", "action units"])
def test_fit_trains_with_it_and_resumes(name, what, tmp_path):
    def run(checkpoint=None, stop=None):
        torch.manual_seed(0)
        pseudo = None if what == "classes" else PseudoEmotions(faces.AU_NAMES)
        model, objective = Net(6 if pseudo is None else 18), SemiSupervised(MARGINS[name](), pseudo=pseudo, fade=100)
        g = torch.Generator().manual_seed(3)
        inputs = torch.randn(40, 5, generator=g)
        y = torch.where(torch.arange(40) % 2 == 0, inputs.argmax(1), -1) if pseudo is None else torch.rand(40, 18, generator=g)
        if pseudo is not None: y[::2] = NAN
        for step in fit(model, objective, Batches(inputs, y, batch_size=10), epochs=6, lr=.01, checkpoint=checkpoint, checkpoint_every=4):
            if step.n == 1: first = sum(v.item() for k, v in step.losses.items() if k in ("softmax", "mse"))
            if step.n == stop: return
        return objective, model, first if stop is None and checkpoint is None else None, step
    objective, model, first, step = run()
    assert step.n == 24 and objective.n == 24
    assert [*step.losses][:2] == ["softmax" if what == "classes" else "mse", "margin"] and list(step.losses.values())[0] < first
    run(tmp_path, stop=9)
    again = run(tmp_path)
    for a, b in zip(objective.state_dict().values(), again[0].state_dict().values()): assert torch.equal(a, b)
    for a, b in zip(model.parameters(), again[1].parameters()): assert torch.equal(a, b)


# ---- two processes

def together(share, pseudo=None):
    "Three steps of the semi-supervised objective; the running means, λ2 and the centroids."
    torch.manual_seed(0)
    objective = SemiSupervised(LargeMarginLoss(6, 3), pseudo=pseudo).double()
    for step in range(3):
        g = torch.Generator().manual_seed(step)
        x, logits = torch.randn(8, 3, generator=g, dtype=torch.float64), torch.randn(8, 6, generator=g, dtype=torch.float64)
        y = torch.randint(6, (8,), generator=g)
        y[[1, 3, 5, 7]] = -1                                                   # as many labels in each half
        objective((x[share], y[share]), Output(x[share], logits[share]))
    return objective.means.clone(), objective.lam(), objective.margin.centers.clone()


def in_each(rank):
    "What each of the two processes does."
    out = {"together": together(slice(rank * 4, rank * 4 + 4))}
    # one process has no pseudo-class at all: the other does not wait for ever, and its samples move the centers
    table = PseudoEmotions(["AU6", "AU12", "AU9", "AU4", "AU15", "AU26"])
    objective = SemiSupervised(LargeMarginLoss(6, 3), pseudo=table).double()
    x, c = alone_case()
    objective.margin.centers.copy_(c)
    au = torch.rand(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * rank
    losses = objective((x, au), Output(x.requires_grad_(), au / 2))
    sum(losses.values()).backward()
    out["alone"] = {k: v.detach() for k, v in losses.items()}, objective.margin.centers.clone(), x.grad
    return out


def alone_case():
    "Embeddings (8, 3) and centroids (6, 3)."
    g = torch.Generator().manual_seed(0)
    return torch.randn(8, 3, generator=g, dtype=torch.float64), torch.randn(6, 3, generator=g, dtype=torch.float64)


def test_two_processes_balance_like_one(ddp):
    first, second = ddp(in_each)
    for ours, theirs, alone in zip(first["together"], second["together"], together(slice(None))):
        assert torch.equal(ours, theirs)
        assert_close(ours, alone, rtol=1e-10, atol=1e-12)
    x, c = alone_case()
    au = torch.rand(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    margin = LargeMarginLoss(6, 3).double()
    margin.centers.copy_(c)
    whole = margin(x, PseudoEmotions(["AU6", "AU12", "AU9", "AU4", "AU15", "AU26"]).classes(au).classes)
    for out in (first, second):
        losses, centers, grad = out["alone"]
        assert all(v.isfinite() for v in losses.values()) and grad.isfinite().all()
        assert_close(centers, margin.centers, rtol=1e-10, atol=1e-12)
    assert first["alone"][0]["margin"] == 0 and whole != 0


def test_looking_without_gradients_moves_nothing():
    "The usual validation loop leaves the objective in training mode"
    objective = SemiSupervised(LargeMarginLoss(6, 3), fade=9)
    batch, output = (torch.zeros(4, 3), torch.tensor([0, 1, -1, 2])), Output(torch.randn(4, 3), torch.randn(4, 6))
    before = {k: v.clone() for k, v in objective.state_dict().items()}
    with torch.no_grad(): objective(batch, output)
    assert all(torch.equal(v, before[k]) for k, v in objective.state_dict().items())
    objective(batch, output)
    assert objective.n == 1 and not torch.equal(objective.means, before["means"])

def test_a_label_out_of_range_is_named():
    with pytest.raises(ValueError, match="y: expected labels from 0 to 5, got 0 to 6"):
        SemiSupervised(LargeMarginLoss(6, 3))((torch.zeros(2, 3), torch.tensor([6, -1])), Output(torch.zeros(2, 3), torch.zeros(2, 6)))


# ---- bad input

X, Y = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)
EKMAN = PseudoEmotions(faces.AU_NAMES)
OUT = Output(torch.zeros(4, 3), torch.zeros(4, 6))
BAD = [
    (lambda: SemiSupervised(large_margin_loss), "margin: expected a module .*, got function"),
    (lambda: SemiSupervised(CenterLoss(6, 3), ratio=0.), "ratio: expected a finite number above 0, got 0.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), weight=-1.), "weight: expected a finite number of at least 0, got -1.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), fade=0), "fade: expected a whole number of at least 1, got 0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), memory=1.), "memory: expected a finite number of at least 0 and below 1, got 1.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo="ekman"), "pseudo: expected PseudoEmotions, got str"),
    (lambda: SemiSupervised(CenterLoss(7, 3), pseudo=EKMAN), "margin: expected 6 classes, one per pseudo-emotion, got 7"),
    (lambda: SemiSupervised(CenterLoss(6, 3))((X, Y.float()), OUT), r"y: expected labels \(B,\), int64, −1 for unlabeled, got \(4,\) of torch.float32"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo=EKMAN)((X, Y), OUT), r"y: expected intensities \(4, 6\), NaN for unlabeled, got \(4,\) of torch.int64"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo=EKMAN)((X, torch.zeros(4, 6)), OUT), r"au: expected floating-point intensities \(B, 18\), got \(4, 6\)"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
