"""Every loss, network, objective, renderer, detector, recorder, doctor and theatre on the simulated device of simdevice.py: the CPU's numbers, no devices mixed,
and, counted, no wait for the device and nothing carried to it inside a step except where somebody looks."""
import copy
import math
from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

import simdevice
from fer_nb import arena as A, embeddings
from fer_nb.angular_softmax import AngularSoftmax, udat_as
from fer_nb.backbones import AlexNet, LabCNN, LeNetsPP, Output, ResNet18, VGG16FC, VGG19Taps
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.faces import AU_NAMES, DOMAINS, FaceRenderer, render, sample_identity
from fer_nb.grl import DomainAdversarial, DomainClassifier, GradientReversal, doctor, moments
from fer_nb.large_margin import EMOTIONET_AUS, LargeMarginLoss, PseudoEmotions, SemiSupervised
from fer_nb.preprocessing import align, detect, normalize, rescale, to_gray
from fer_nb.separate_loss import SeparateLoss, similarity_table
from fer_nb.training import Batches, Objective, evaluate, fit, progress, readout, score
from fer_nb.widgets import theatre
from simdevice import SimDevice, held, sim_accelerator

pytestmark = pytest.mark.skipif(not simdevice.registered(), reason="the simulated device needs torch 2.9 or later")
B, K, D = 32, 7, 16


@pytest.fixture
def sim():
    torch.manual_seed(0)
    with SimDevice() as device: yield device


@pytest.fixture
def accelerator(sim):
    from accelerate.state import AcceleratorState
    yield sim_accelerator()
    AcceleratorState._reset_state(True)


def quiet(sim):
    "Nothing waited for the device, and nothing was carried to it, since the last reset."
    assert not sim.waits and not sim.uploads, (sim.waits, sim.uploads)


# ---- the device itself: what is counted and what is refused

def test_what_is_counted(sim):
    a = torch.ones(3).to("sim")
    assert sim.uploads.total() == 1 and not sim.waits
    sim.reset()
    b = (a.view(3, 1) + 1).double()
    assert sim.kernels == Counter({"aten.add.Tensor": 1, "aten._to_copy.default": 1}) and not sim.waits and not sim.uploads and not sim.wide
    assert (b + b).sum().item() == 12 and sim.wide.total() == 2 and sim.waits.total() == 1
    line, = sim.waits
    assert "test_devices.py" in line and "item()" in line
    for look in (lambda: bool(a.sum() > 1), a.tolist, lambda: a[a > 0], lambda: a.nonzero(), lambda: a[torch.tensor([0, 1])], lambda: a.cpu().numpy()):
        sim.reset()
        look()
        assert sim.waits.total() == 1, sim.waits
    sim.reset()
    a[a > 0] = 2.
    assert torch.equal(held(a), torch.full((3,), 2.)) and not sim.waits

def test_what_is_refused(sim):
    a = torch.ones(3).to("sim")
    for wrong in (lambda: a + torch.ones(3), lambda: torch.cat([a, torch.ones(1)]), lambda: torch.where(torch.ones(3) > 0, a, a), lambda: F.linear(torch.ones(3), a[None]),
                  lambda: torch.randn(3, device="sim", generator=torch.Generator())):
        with pytest.raises(RuntimeError, match="device"): wrong()
    with pytest.raises(TypeError, match="numpy"): a.numpy()


# ---- losses and objectives

class Angular(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = AngularSoftmax(D, K)

    def forward(self, x, y): return F.cross_entropy(self.head(x, y), y)


class OnOutput(nn.Module):
    "An objective, called like a loss."
    def __init__(self, objective, labels=lambda x, y: (y,)):
        super().__init__()
        self.objective, self.labels = objective, labels

    def forward(self, x, y): return sum(self.objective((x, *self.labels(x, y)), Output(x, x[:, :K])).values())


def half(x, y): return (torch.where(torch.arange(len(y), device=y.device) % 3 == 0, -1, y),)


def domains(x, y): return (*half(x, y), y % 2)


LOSSES = {
    "center": lambda: CenterLoss(K, D), "island": lambda: IslandLoss(K, D), "separate": lambda: SeparateLoss(K, D), "dda": lambda: DDALoss(K, D),
    "dda, paper": lambda: DDALoss(K, D, scaling="paper"), "dda, code": lambda: DDALoss(K, D, scaling="code"), "dda, autograd": lambda: DDALoss(K, D, centers="autograd"),
    "adjusted": lambda: A.LogitAdjustedLoss(range(1, D + 1)), "focal": lambda: A.FocalLoss(D), "supcon": lambda: A.SupConLoss(K), "ring": lambda: A.RingLoss(K),
    "ldam, deferred": lambda: A.DeferredWeights(A.LDAMLoss(range(1, D + 1)), torch.arange(1., D + 1), 1), "bcl": lambda: A.BalancedContrastiveLoss(K, D),
    "margin": lambda: LargeMarginLoss(K, D), "margin, batch": lambda: LargeMarginLoss(K, D, centers="batch"), "angular": Angular,
    "semi-supervised": lambda: OnOutput(SemiSupervised(LargeMarginLoss(K, D)), half),
    "adversarial": lambda: OnOutput(DomainAdversarial(DomainClassifier(D), steps=50, clamp=.7), domains), "udat-as": lambda: OnOutput(udat_as(D), domains),
}

@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_centers(sim, name):
    there = LOSSES[name]()
    here = copy.deepcopy(there)
    there.to("sim")
    for _ in range(3):
        x, y = torch.randn(B, D), torch.randint(K, (B,))
        a, b, labels = x.clone().requires_grad_(), x.to("sim").requires_grad_(), y.to("sim")
        sim.reset()
        there(b, labels).backward()
        quiet(sim)
        here(a, y).backward()
        assert b.grad.device.type == "sim"
        assert_close(held(b.grad), a.grad)
    for (key, ours), theirs in zip(here.state_dict().items(), there.state_dict().values()):
        assert theirs.device.type == "sim", key
        assert_close(held(theirs), ours)

def test_action_units_wait_for_nothing(sim):
    n = len(EMOTIONET_AUS)
    loss = SemiSupervised(LargeMarginLoss(6, D), pseudo=PseudoEmotions(EMOTIONET_AUS)).to("sim")
    x, y = torch.randn(B, D).to("sim").requires_grad_(), torch.rand(B, n).to("sim")
    sim.reset()
    sum(loss((x, y), Output(x, x[:, :n])).values()).backward()
    quiet(sim)

def test_mirror(sim):
    layer, x = GradientReversal(.3).to("sim"), torch.ones(3).to("sim").requires_grad_()
    sim.reset()
    layer(x).sum().backward()
    quiet(sim)
    assert_close(held(x.grad), torch.full((3,), -.3))


# ---- networks, training, scores

NETWORKS = {"lenets++": (lambda: LeNetsPP(width=.1, in_size=12), (4, 1, 12, 12)), "vgg19": (lambda: VGG19Taps(width=.1, in_size=32), (4, 3, 32, 32)),
            "vgg16": (lambda: VGG16FC(width=.02, in_size=32), (4, 3, 32, 32)), "alexnet": (lambda: AlexNet(width=.02, in_size=64), (4, 3, 64, 64)),
            "resnet18": (lambda: ResNet18(width=.125, in_size=32), (4, 3, 32, 32)), "labcnn": (lambda: LabCNN(in_size=32), (4, 1, 32, 32))}

@pytest.mark.parametrize("name", NETWORKS)
def test_networks(sim, name):
    make, shape = NETWORKS[name]
    here = make().eval()
    there, x = copy.deepcopy(here).to("sim", memory_format=torch.channels_last), torch.randn(shape)
    given = x.to("sim")
    sim.reset()
    out = there(given)
    (out.embedding.sum() + out.logits.sum()).backward()
    quiet(sim)
    assert_close(held(out.logits.detach()), here(x).logits.detach(), rtol=1e-4, atol=1e-5)

OBJECTIVES = {"softmax": Objective, **{name: lambda make=make: Objective(term=(make(10, 2), .1)) for name, make in
              (("center", CenterLoss), ("island", IslandLoss), ("dda", DDALoss), ("separate", SeparateLoss), ("margin", LargeMarginLoss))},
              "semi-supervised": lambda: SemiSupervised(LargeMarginLoss(10, 2)), "adversarial": lambda: DomainAdversarial(DomainClassifier(2), steps=50, clamp=.7),
              "udat-as": lambda: udat_as(2)}

def training(accelerator, name="softmax", epochs=20, **settings):
    torch.manual_seed(0)
    data = torch.randn(96, 1, 12, 12), torch.randint(10, (96,)), torch.arange(96) % 2
    return fit(LeNetsPP(width=.1, in_size=12), OBJECTIVES[name](), Batches(*data, batch_size=32), epochs=epochs, lr=.01, accelerator=accelerator, **settings)

@pytest.mark.parametrize("name", OBJECTIVES)
def test_steps_wait_for_nothing(sim, accelerator, name):
    steps = training(accelerator, name, check_every=50)
    next(steps)
    for _ in range(5):
        sim.reset()
        step = next(steps)
        if step.n % 3 == 1: assert not sim.waits and sim.uploads.total() <= 1  # the first of an epoch carries the order of its samples to the device
        else: quiet(sim)
    assert all(t.device.type == "sim" for t in (*step.losses.values(), step.grad_norm, *step.batch, *step.output))

def test_training_gives_the_cpus_losses(sim, accelerator):
    from accelerate import Accelerator
    there = [held(step.losses["total"]) for step in training(accelerator, "dda", 2)]
    accelerator.state.device = torch.device("cpu")
    assert_close(torch.stack(there), torch.stack([step.losses["total"] for step in training(Accelerator(cpu=True), "dda", 2)]), rtol=1e-4, atol=1e-5)

def test_recorder_and_progress_wait_only_when_they_look(sim, accelerator):
    watch = torch.randn(20, 1, 12, 12), torch.randint(10, (20,))
    run = embeddings.record(progress(training(accelerator, "dda", 3, check_every=50), every=1e9), watch, every=4)
    next(run)
    sim.reset()
    looks, there = {}, {}
    for step in run:
        looks[step.n], there[step.n] = sim.waits.total(), len(run)
        sim.reset()
    assert not any(looks[n] for n in range(2, 9)) and looks[9], looks      # nobody waits for a frame but for the last one
    assert run.steps == [1, 4, 8, 9] and there == {2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2, 9: 4}  # it comes with the step after it
    assert all(math.isfinite(v) for values in run.losses.values() for v in values)

def test_scores(sim, accelerator):
    *_, step = training(accelerator, "center", 1)
    x, y = torch.randn(24, 1, 12, 12), torch.randint(10, (24,))
    for settings in ({}, {"head": "center", "centers": step.objective.terms["term"].centers}, {"head": "prior", "prior": [3] * 10}):
        assert evaluate(step.model, x, y, **settings).confusion.sum() == 24
    out = Output(*(t.to("sim") for t in (torch.randn(6, 2), torch.eye(6))))
    assert readout(out).device.type == "sim" and score(torch.arange(6).to("sim"), out.logits.argmax(1), 6).accuracy == 1

def test_checkpoint_goes_on(sim, accelerator, tmp_path):
    whole = [held(step.losses["total"]) for step in training(accelerator, "dda", 2)]
    for stop in (4, 6):
        steps = training(accelerator, "dda", 2, checkpoint=tmp_path, checkpoint_every=2)
        for step in steps:
            if step.n == stop: break
        steps.close()
    assert step.n == 6 and held(step.losses["total"]) == whole[-1]


# ---- whoever looks

def test_doctor(sim):
    model, objective = LabCNN(7, 8, 16).to("sim"), DomainAdversarial(DomainClassifier(8), steps=100, clamp=.7).to("sim")
    labels = torch.arange(32).to("sim")
    batch = torch.randn(32, 1, 16, 16).to("sim"), labels % 7, labels % 2
    assert isinstance(doctor(model, objective, batch).names(), list)
    assert next(model.parameters()).device.type == "sim"

@pytest.mark.parametrize("where", ["cpu", "sim"])
def test_moments(sim, accelerator, where):
    watch = tuple(t.to(where) for t in (torch.randn(64, 1, 16, 16), torch.arange(64) % 7, torch.arange(64) % 2))
    steps = fit(LabCNN(7, 8, 16), DomainAdversarial(DomainClassifier(8), steps=4, clamp=.7), Batches(*map(held, watch), batch_size=32), epochs=2, accelerator=accelerator)
    seen = list(moments(steps, watch, every=2))
    assert [m.n for m in seen] == [1, 2, 4]
    assert all(m.embedding.is_cpu for m in seen)
    assert isinstance(doctor(seen).names(), list)

def test_theatre(sim, accelerator):
    "Its thread trains on the device; what is shown is on the CPU."
    run = embeddings.record(training(accelerator, "dda", 2), (torch.randn(20, 1, 12, 12), torch.randint(10, (20,))), every=2)
    shown = theatre(run)
    try: assert shown.wait() and shown.error is None and run.steps == [1, 2, 4, 6], shown.error
    finally: shown.close()

def test_measures(sim):
    x, y, c = torch.randn(B, D), torch.arange(B) % K, torch.randn(K, D)
    assert similarity_table(x.to("sim"), y.to("sim"), c.to("sim"))[1:3] == pytest.approx(similarity_table(x, y, c)[1:3])
    for measure in (embeddings.separation, lambda x, y: embeddings.intra_inter(x, y).intra):
        assert measure(x.to("sim"), y.to("sim")) == pytest.approx(measure(x, y))
    for measure in (embeddings.mmd, embeddings.domain_distance):
        assert measure(x[:16].to("sim"), x[16:].to("sim")) == pytest.approx(measure(x[:16], x[16:]))


# ---- faces and pictures

@pytest.mark.parametrize("domain", list(DOMAINS)[:1] + list(DOMAINS)[-1:])
def test_renderer(sim, domain):
    au, who = torch.rand(1, len(AU_NAMES)), sample_identity(range(1))
    there = au.to("sim").requires_grad_()
    picture = render(there, who, domain, 16)
    assert (held(picture.detach()) - render(au, who, domain, 16)).abs().max() < 1e-3
    picture.sum().backward()
    assert there.grad.device.type == "sim" and held(there.grad).isfinite().all()

def test_a_second_picture_carries_nothing_to_the_device(sim):
    "Constants are there already. It waits only where the number of pixels with skin, cloth, hair … must be known, and once for the camera."
    au, who, how = torch.rand(2, len(AU_NAMES)).to("sim"), sample_identity(range(2)).to("sim"), DOMAINS["wild_gray"].sample(range(2)).to("sim")
    renderer = FaceRenderer().to("sim")
    with torch.no_grad(): renderer(au, who, how, 16)
    sim.reset()
    with torch.no_grad(): renderer(au, who, how, 32)
    assert not sim.uploads and not sim.wide, sim.uploads
    asked = Counter()
    for line, n in sim.waits.items(): asked[line.split()[0]] += n
    assert asked == {"aten.nonzero.default": 7, "aten.repeat_interleave.Tensor": 1, "aten._to_copy.default": 1}, sim.waits

def test_preprocessing(sim):
    image, points = (torch.rand(3, 90, 90) * 255).to(torch.uint8), torch.tensor([[30., 40], [60, 40], [45, 55], [34, 70], [56, 70]])
    assert detect(image.to("sim")) == []
    assert (held(align(image.to("sim"), points)).int() - align(image, points).int()).abs().max() <= 1
    for step in (to_gray, rescale, normalize): assert step(image.to("sim")).device.type == "sim"

def test_detector_finds_a_face(sim):
    picture = render(torch.zeros(1, len(AU_NAMES)), sample_identity(range(1)), next(iter(DOMAINS)), 64)[0]
    here, there = detect(picture, min_size=30), detect(picture.to("sim"), min_size=30)
    assert len(here) == len(there) == 1 and there[0].box.is_cpu
    assert_close(there[0].box, here[0].box)
