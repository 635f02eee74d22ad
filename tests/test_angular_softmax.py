"Angular softmax: against a plain-Python reference and pytorch-metric-learning, as a head, and its picture; tests/losses holds it to the contract of all losses."
import copy
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.angular_softmax import AngularSoftmax, angle_figure, angular_logits, contested, udat_as
from fer_nb.backbones import VGG16FC
from fer_nb.grl import DomainAdversarial
from loss_table import logits_angular
from reference import Largest, close, tensor

close = partial(close, least=1e-300)
CASES = ["random", "single", "one_class", "many_classes", "far_side", "huge", "tiny", "near_parallel", "near_opposite"]
SETTINGS = [(1., 0.), (1., .5), (64., .5), (8., 1.5)]


def make(case="random", B=11, d=3, K=5, seed=0):
    "Features, labels and class vectors in float64 of the named kind."
    g = torch.Generator().manual_seed(seed)
    B, K = {"single": (1, K), "one_class": (B, 1), "many_classes": (B, 40)}.get(case, (B, K))
    x, w = torch.randn(B, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (B,), generator=g)
    if case == "far_side": x = -w[y] + .1 * x
    if case == "huge": x, w = x * 1e200, w * 1e200
    if case == "tiny": x, w = x * 1e-200, w * 1e-200
    if case == "near_parallel": x = 2 * w[y] + 1e-3 * x
    if case == "near_opposite": x = -2 * w[y] + 1e-3 * x
    return x, y, w


def loss(x, y, w, s=64., m=.5, monotone=False): return F.cross_entropy(angular_logits(x, w, y, s, m, monotone), y)


@pytest.mark.parametrize("monotone", [False, True])
@pytest.mark.parametrize("s, m", SETTINGS)
@pytest.mark.parametrize("case", CASES)
def test_logits_loss_and_gradients_equal_the_reference(case, s, m, monotone):
    x, y, w = make(case)
    logits, value, for_x, for_w = logits_angular(x, y, w, s, m, monotone)
    x.requires_grad_(), w.requires_grad_()
    assert_close(angular_logits(x, w, y, s, m, monotone), logits, rtol=1e-10, atol=1e-12)
    mine = loss(x, y, w, s, m, monotone)
    assert_close(mine.item(), value, rtol=1e-10, atol=1e-12)
    rtol = 1e-9 if "near" in case else 1e-10           # the reference itself divides by the sine of 0.001
    for ours, theirs, t in zip(torch.autograd.grad(mine, (x, w)), (for_x, for_w), (x, w)):
        close(ours, theirs, rtol, floor=1e-5 / t.abs().max().item())     # forces go with 1 / length; 1 − p has only 16 digits


@pytest.mark.parametrize("angle", [1e-1, 1e-2, 1e-3, 1e-4, math.pi - 1e-3])
def test_float32_keeps_its_digits_near_the_class_vector(angle):
    w = tensor([[1., 0., 0.], [0., 1., 0.]])
    x, y = tensor([[math.cos(angle), .6 * math.sin(angle), .8 * math.sin(angle)]]), torch.tensor([0])
    grads = []
    for dtype in (torch.float32, torch.float64):
        leaf = x.to(dtype).requires_grad_()
        grads.append(torch.autograd.grad(angular_logits(leaf, w.to(dtype), y)[0, 0], leaf)[0].double())
    close(grads[0], grads[1], rtol=1e-4)               # √(1 − cos²) is 2 % off at 0.001 and useless at 0.0001


def test_by_hand():
    w, half = torch.tensor([[1., 0.], [0., 2.]]), .5 ** .5
    x, y = torch.tensor([[3., 3.], [5., 0.], [-5., 0.]]), torch.tensor([0, 0, 0])
    assert_close(angular_logits(x, w, s=2.), 2 * torch.tensor([[half, half], [1., 0.], [-1., 0.]]))
    assert_close(angular_logits(x, w, y, s=2., m=math.pi / 4), 2 * torch.tensor([[0., half], [half, 0.], [-half, 0.]]))
    assert_close(angular_logits(x, w, y, 2., math.pi / 4, True)[2, 0], torch.tensor(2 * (-1 - math.pi / 4 * half)))


# ---- limits

def test_without_margin_and_scale_it_is_softmax_on_cosines():
    x, y, w = make()
    cos = F.cosine_similarity(x[:, None], w, dim=2)
    assert_close(angular_logits(x, w, y, s=1., m=0.), cos)
    assert_close(angular_logits(x, w, s=3., m=.5), 3 * cos)                                     # no labels, no margin
    assert_close(loss(x, y, w, 1., 0.), F.cross_entropy(cos, y))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("monotone", [False, True])
def test_parallel_opposite_and_zero_vectors_are_finite(monotone, dtype):
    w = torch.tensor([[.3, -.4, 1.2], [1., 2., -3.], [0., 0., 0.]], dtype=dtype, requires_grad=True)
    x = torch.stack([w[0], -w[0], 0 * w[0], w[1], 1e-30 * w[0]]).detach().requires_grad_()
    y = torch.tensor([0, 0, 0, 2, 0])
    out = angular_logits(x, w, y, 1., .5, monotone)
    far = -1 - .5 * math.sin(.5) if monotone else -math.cos(.5)
    assert_close(out[torch.arange(5), y].double(), tensor([math.cos(.5), far, -math.sin(.5), -math.sin(.5), math.cos(.5)]), rtol=1e-5, atol=1e-6)
    for grad in torch.autograd.grad(F.cross_entropy(out, y), (x, w)): assert grad.isfinite().all()
    zero = torch.zeros(2, 3, dtype=dtype, requires_grad=True)
    assert torch.autograd.grad(loss(zero, y[:2], w.detach()), zero)[0].eq(0).all()


@pytest.mark.parametrize("m", [.2, .5, 1.5])
def test_beyond_pi_the_plain_form_rises_and_the_monotone_one_falls(m):
    rho = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    x, y, w = torch.stack([rho.cos(), rho.sin()], 1), torch.zeros(2001, dtype=torch.int64), tensor([[1., 0.]])
    plain, monotone = (angular_logits(x, w, y, 1., m, form)[:, 0] for form in (False, True))
    assert abs(rho[plain.argmin()] - (math.pi - m)) < 2e-3 and plain[-1] > plain.min() + .01
    assert (monotone.diff() < 1e-12).all()
    near = rho < math.pi - m - 1e-9
    assert torch.equal(plain[near], monotone[near])


def test_one_class_costs_nothing():
    x, y, w = make("one_class")
    assert loss(x, y, w) == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), B=st.integers(1, 12), K=st.integers(1, 8), d=st.integers(2, 6), s=st.floats(.5, 64), m=st.floats(0, 3), monotone=st.booleans())
def test_only_angles_count(seed, B, K, d, s, m, monotone):
    x, y, w = make(B=B, K=K, d=d, seed=seed)
    g = torch.Generator().manual_seed(seed)
    logits = angular_logits(x, w, y, s, m, monotone)
    assert logits.max() <= s * (1 + 1e-12) and logits.min() >= -s * (1 + m * math.sin(m)) * (1 + 1e-12)
    stretch = [torch.rand(n, 1, generator=g, dtype=torch.float64) + .1 for n in (B, K)]
    assert_close(angular_logits(x * stretch[0], w * stretch[1], y, s, m, monotone), logits, rtol=1e-7, atol=1e-9)
    spin, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    assert_close(angular_logits(x @ spin, w @ spin, y, s, m, monotone), logits, rtol=1e-7, atol=1e-9)
    order = torch.randperm(K, generator=g)
    assert_close(angular_logits(x, w[order], order.argsort()[y], s, m, monotone), logits[:, order])
    x.requires_grad_()
    grad, = torch.autograd.grad(loss(x, y, w, s, m, monotone), x)
    assert ((grad * x).sum(1).abs() <= 1e-9 * (1 + s)).all()                                    # forces only turn


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.floats(.01, 3))
def test_a_margin_is_an_angle(seed, m):
    x, y, w = make(seed=seed)
    own = angular_logits(x, w, y, 1., m).gather(1, y[:, None])[:, 0]
    rho = F.cosine_similarity(x, w[y]).arccos()
    assert_close(own, (rho + m).cos(), rtol=1e-7, atol=1e-9)
    others = F.one_hot(y, 5) == 0
    assert torch.equal(angular_logits(x, w, y, 1., m)[others], angular_logits(x, w, s=1.)[others])


def test_gradcheck_and_second_derivatives():
    x, y, w = make(B=5)
    x.requires_grad_(), w.requires_grad_()
    for monotone in (False, True):
        assert torch.autograd.gradcheck(lambda x, w: angular_logits(x, w, y, 8., .5, monotone), (x, w))
        assert torch.autograd.gradgradcheck(lambda x, w: angular_logits(x, w, y, 8., .5, monotone), (x, w))


# ---- the peer

@pytest.mark.parametrize("degrees", [0., 5., 28.6, 60.])
@pytest.mark.parametrize("s", [1., 64.])
def test_agrees_with_pytorch_metric_learning(degrees, s):
    peer = pytest.importorskip("pytorch_metric_learning.losses").ArcFaceLoss(5, 3, margin=degrees, scale=s).double()
    m, compared = math.radians(degrees), 0
    for seed in range(5):
        x, y, w = make(B=40, seed=seed)
        x.requires_grad_()
        peer.W.data = w.t().clone()
        theirs = peer(x, y)
        grad = torch.autograd.grad(theirs, (x, peer.W))
        w.requires_grad_()
        ours = loss(x, y, w, s, m, monotone=True)
        assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        for a, b in zip(torch.autograd.grad(ours, (x, w)), (grad[0], grad[1].t())): close(a, b, 1e-8)
        near = F.cosine_similarity(x, w[y]).arccos() <= math.pi - m                             # where the plain form is the same
        compared += int(near.sum())
        assert_close(loss(x[near], y[near], w, s, m), peer(x[near], y[near]), rtol=1e-10, atol=1e-12)
    assert compared > 100


def test_nothing_larger_than_the_logits():
    "The largest tensor that the forward and backward pass ever make."
    for B, K, d in ((64, 50, 40), (10, 200, 40)):
        x, y, head = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), AngularSoftmax(d, K)
        with Largest() as seen: F.cross_entropy(head(x, y), y).backward()
        assert 0 < seen.size <= max(B * K, K * d, B * d)


# ---- the head

def test_the_head_is_the_function():
    _, y, _ = make()
    head = AngularSoftmax(3, 5, 8., .3, monotone=True).double()
    x = make()[0] / 10 - head.weight.detach()[y]                                                 # on the far side, where the forms differ
    assert (head(x, y) - angular_logits(x, head.weight, y, 8., .3)).abs().max() > .1
    assert torch.equal(head(x, y), angular_logits(x, head.weight, y, 8., .3, True)) and torch.equal(head(x), angular_logits(x, head.weight, s=8.))
    head.s, head.m, head.monotone = 16., .1, False                                              # sliders move them while it trains
    assert torch.equal(head(x, y), angular_logits(x, head.weight, y, 16., .1))
    assert torch.equal(head.eval()(x, y), head.train()(x, y))                                   # labels decide, not the mode
    assert repr(head) == "AngularSoftmax(3, 5, s=16.0, m=0.1)"


def test_vectors_start_at_length_one_in_every_direction():
    torch.manual_seed(0)
    w = AngularSoftmax(20, 2000).weight.detach()
    assert_close(w.norm(dim=1), torch.ones(2000))
    assert w.mean(0).norm() < .05
    assert AngularSoftmax(3, 2).s == 64. and AngularSoftmax(3, 2).m == .5 and not AngularSoftmax(3, 2).monotone


def test_an_ignored_sample_has_no_margin():
    x, _, w = make()
    assert_close(angular_logits(x, w, torch.full((len(x),), -100)), angular_logits(x, w))
    assert_close(angular_logits(x, w, torch.full((len(x),), 7), ignore_index=7), angular_logits(x, w))


def test_directions_have_length_one():
    head = AngularSoftmax(2, 2)
    with torch.no_grad(): head.weight.copy_(torch.tensor([[3., 4.], [0., -2.]]))
    assert_close(head.directions, torch.tensor([[.6, .8], [0., -1.]]))


def test_defaults_are_the_papers():
    one, label = tensor([[1., 0.]]), torch.tensor([0])
    assert angular_logits(one, one).item() == 64 and angular_logits(one, one, label).item() == pytest.approx(64 * math.cos(.5)) and angular_logits(one, -one, label).item() == pytest.approx(64 * math.cos(math.pi + .5))
    seen = contested(fan(120))
    assert len(seen.angle) == 3600 and torch.equal(seen.own, contested(fan(120), 64., .5, False, 3600).own)
    objective = udat_as(12)
    assert [tuple(p.shape) for p in objective.classifier.trunk.parameters()] == [(64, 12), (64,), (64, 64), (64,)] and objective.schedule()[0].item() == pytest.approx(.01)
    head = objective.classifier.head
    assert head.weight.shape == (2, 64) and (head.s, head.m, head.monotone) == (64, .5, True)


def test_state_dict_carries_the_vectors():
    x, y, _ = make()
    head, other = AngularSoftmax(3, 5).double(), AngularSoftmax(3, 5).double()
    assert list(head.state_dict()) == ["weight"] and [n for n, _ in head.named_parameters()] == ["weight"]
    other.load_state_dict(head.state_dict())
    assert torch.equal(head(x, y), other(x, y)) and torch.equal(copy.deepcopy(head)(x, y), head(x, y))


def test_a_plain_loop_lowers_the_loss():
    torch.manual_seed(0)
    y = torch.arange(3).repeat(20)
    x = torch.randn(60, 4) + 2 * F.one_hot(y, 4)
    network, head = nn.Linear(4, 8), AngularSoftmax(8, 3, s=16., m=.3)
    optimizer, losses = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=.05, momentum=.9), []
    for _ in range(100):
        value = F.cross_entropy(head(network(x), y), y)
        optimizer.zero_grad(); value.backward(); optimizer.step()
        losses.append(value.item())
    assert losses[-1] < .5 * losses[0] and (head(network(x)).argmax(1) == y).float().mean() > .8


def test_the_margin_can_give_the_answer_away():
    "All features one way, all class vectors the other: nearly no loss in the plain form, a large one in the monotone form."
    x, y, w = tensor([[-1., 0.]] * 4), torch.arange(4), tensor([[1., 0.]] * 4)
    assert_close(loss(x, y, w).item(), math.log(1 + 3 * math.exp(-64 * (1 - math.cos(.5)))))
    assert loss(x, y, w, monotone=True) > 10 and abs(loss(x, y, w, m=0.).item() - math.log(4)) < 1e-12


# ---- the picture

def fan(degrees): return tensor([[math.sin(math.radians(degrees) / 2), math.cos(math.radians(degrees) / 2)], [-math.sin(math.radians(degrees) / 2), math.cos(math.radians(degrees) / 2)]])


@settings(max_examples=20, deadline=None)
@given(apart=st.floats(60, 180), s=st.floats(1, 64), m=st.floats(0, 1))
def test_the_wedge_is_as_wide_as_the_margin(apart, s, m):
    seen = contested(fan(apart), s, m, monotone=True)
    assert abs(seen.width - math.degrees(m)) < .25
    right = seen.angle[(seen.winner == 0)]
    assert ((right > -90) & (right < 90)).all() and len(right) == 1800                           # the border is the bisector, whatever s and m are


def test_contested_is_what_the_logits_say():
    w = tensor([[1., 0.], [0., 1.], [-1., -1.]])
    seen = contested(w, 8., .4, steps=72)
    for i in (0, 17, 40, 71):
        x = tensor([[math.cos(math.radians(seen.angle[i])), math.sin(math.radians(seen.angle[i]))]])
        assert seen.winner[i] == angular_logits(x, w).argmax()
        for k in range(3): assert_close(seen.own[i, k], angular_logits(x, w, torch.tensor([k]), 8., .4).softmax(1)[0, k])
        assert seen.wedge[i] == (seen.own[i, seen.winner[i]] < .5)
    falling = contested(w, 8., .4, monotone=True, steps=72)
    assert (falling.own <= seen.own).all() and (falling.own < seen.own).any()


def test_two_vectors_in_one_direction_have_one_wedge():
    "Each class is beaten by the other wherever its margin costs something: nearer than π − m/2 to the vectors."
    assert abs(contested(tensor([[1., 0.], [2., 0.]]), 8., .5).width - (360 - math.degrees(.5))) < .25


def test_angle_figure_draws_it():
    x, y, _ = make(d=2, K=2)
    left, right = angle_figure(fan(120), 8., .5, x=x, y=y).axes
    assert left.get_title() == "wedges 28.6° wide" and right.get_title() == "s = 8, m = 28.6°"
    seen = contested(fan(120), 8., .5)
    for k in range(2): assert_close(torch.as_tensor(right.lines[2 * k].get_ydata()), seen.own[:, k])
    quiver = next(q for q in left.collections if hasattr(q, "U"))
    leaf = x.clone().requires_grad_()
    grad, = torch.autograd.grad(loss(leaf, y, fan(120), 8., .5), leaf)
    drawn = torch.stack([torch.as_tensor(quiver.U), torch.as_tensor(quiver.V)], 1).double()
    assert_close(F.cosine_similarity(drawn, -grad), torch.ones(len(x), dtype=torch.float64))
    assert angle_figure(fan(180), 1., 0.).axes[0].get_title() == "wedges 0.0° wide"


X, Y, W = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: angular_logits(X[0], W), r"x: expected a tensor \(B, d\), got shape \(3,\)"),
    (lambda: angular_logits(X[None], W, Y), r"x: .*got shape \(1, 4, 3\)"),
    (lambda: angular_logits(X.long(), W), "x: expected a floating-point dtype, got torch.int64"),
    (lambda: angular_logits(X.tolist(), W), "x: expected a tensor .B, d., got list"),
    (lambda: angular_logits(X, W.numpy()), "weight: expected a tensor .K, d., got ndarray"),
    (lambda: angular_logits(X, W[0]), r"weight: expected a tensor \(K, d\), got shape \(3,\)"),
    (lambda: angular_logits(X, W[:0]), r"weight: .*got shape \(0, 3\)"),
    (lambda: angular_logits(X, W.int()), "weight: expected a floating-point dtype, got torch.int32"),
    (lambda: angular_logits(X, W[:, :2]), "x: expected features of the class vectors' dimension 2, got 3"),
    (lambda: angular_logits(X, W, [0] * 4), "y: expected a tensor, got list"),
    (lambda: angular_logits(X, W, Y.float()), r"y: expected class numbers \(B,\): the margin belongs to one class, got \(4,\) of torch.float32"),
    (lambda: angular_logits(X, W, F.one_hot(Y, 5)), r"y: expected one label per embedding, shape \(4,\), got \(4, 5\)"),
    (lambda: angular_logits(X, W, Y[:2]), r"y: .*got \(2,\)"),
    (lambda: angular_logits(X, W, Y + 5), "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: angular_logits(X, W, Y - 1), "y: expected labels from 0 to 4, got -1 to -1"),
    (lambda: angular_logits(X, W, Y, s=0), "s: expected a finite number above 0, got 0"),
    (lambda: angular_logits(X, W, Y, s=float("inf")), "s: .*got inf"),
    (lambda: angular_logits(X, W, Y, m=28.6), "m: expected a margin in radians, at least 0 and less than π, got 28.6"),
    (lambda: angular_logits(X, W, Y, m=-.1), "m: .*got -0.1"),
    (lambda: angular_logits(X, W, Y, m=float("nan")), "m: .*got nan"),
    (lambda: AngularSoftmax(0, 5), "in_features: expected a whole number of at least 1, got 0"),
    (lambda: AngularSoftmax(3, 2.5), "num_classes: expected a whole number of at least 1, got 2.5"),
    (lambda: AngularSoftmax(3, True), "num_classes: .*got True"),
    (lambda: AngularSoftmax(3, 5, s=-1), "s: expected a finite number above 0, got -1"),
    (lambda: AngularSoftmax(3, 5, m=math.pi), "m: expected a margin in radians"),
    (lambda: AngularSoftmax(2, 5)(X), "x: expected features of the class vectors' dimension 2, got 3"),
    (lambda: AngularSoftmax(3, 5)(X, Y + 7), "y: expected labels from 0 to 4, got 7 to 7"),
    (lambda: contested(W), r"weight: expected a tensor \(K, 2\), got shape \(5, 3\)"),
    (lambda: contested(W[:1, :2]), r"weight: expected at least two class vectors, got 1"),
    (lambda: angle_figure(fan(90), x=X[:, :2]), "y: expected both, x and y, or neither, got only one"),
    (lambda: angle_figure(fan(90), m=4.), "m: expected a margin in radians"),
]


# ---- UDAT-AS

def faces(n=8):
    g = torch.Generator().manual_seed(0)
    d = torch.arange(n) % 2
    return torch.randn(n, 3, 32, 32, generator=g), torch.where(d == 0, torch.arange(n) % 7, -1), d


def step(lambd, **form):
    "Gradients of one step by name: network and domain classifier."
    torch.manual_seed(0)
    model = VGG16FC(width=1 / 16, in_size=32, dropout=0.)
    objective, batch = udat_as(model.feat_dim, lambd=lambd, **form), faces()
    losses = objective(batch, model(batch[0]))
    sum(losses.values()).backward()
    return losses, {name: p.grad for part in (model, objective) for name, p in part.named_parameters()}


def test_vgg16s_embedding_is_its_second_linear_layer():
    model, (images, _, _) = VGG16FC(width=1 / 16, in_size=32).eval(), faces()
    linear = [m for part in (model.fc, model.classifier) for m in part.modules() if isinstance(m, nn.Linear)]
    x = model.avgpool(model.features(images)).flatten(1)
    second = F.relu(linear[1](F.relu(linear[0](x))))
    out = model(images)
    assert len(linear) == 4 and model.feat_dim == linear[1].out_features
    assert_close(F.relu(out.embedding), second)
    assert_close(out.logits, linear[3](F.relu(linear[2](second))))


def test_udat_as_is_the_adversarial_objective_with_another_head():
    objective = udat_as(12, 3, lambd=.2, hidden=(5, 4), s=8., m=.1)
    assert isinstance(objective, DomainAdversarial) and [tuple(p.shape) for p in objective.parameters()] == [(5, 12), (5,), (4, 5), (4,), (3, 4)]
    assert objective.schedule()[0] == pytest.approx(.2) and objective.scales == "reversal"
    g = torch.Generator().manual_seed(0)
    x, d = torch.randn(6, 12, generator=g), torch.arange(6) % 3
    assert_close(objective.domain_nll(x, d), F.cross_entropy(angular_logits(objective.classifier.trunk(x), objective.classifier.head.weight, d, 8., .1, True), d, reduction="none"))
    assert udat_as(12, hidden=()).classifier.head.weight.shape == (2, 12)


def test_one_step_with_gradients_through():
    none, (losses, some), (_, more) = step(0.), step(.01), step(.02)
    none = none[1]
    assert losses["softmax"] > 0 and losses["domain"] > 0 and all(g is not None and g.isfinite().all() for g in some.values())
    for name in some:
        if name.startswith("classifier.trunk") or name == "classifier.head.weight": assert some[name].norm() > 0 and torch.equal(some[name], none[name])   # the detective learns at full speed
    first = "features.0.weight"
    assert not torch.allclose(some[first], none[first])
    assert_close(more[first] - none[first], 2 * (some[first] - none[first]), rtol=1e-3, atol=1e-5)


def test_the_gradient_that_arrives_is_reversed():
    torch.manual_seed(0)
    objective = udat_as(6, lambd=.5)
    x, d = torch.randn(10, 6, requires_grad=True), torch.arange(10) % 2
    plain, = torch.autograd.grad(objective.domain_nll(x, d).mean(), x)
    turned, = torch.autograd.grad(objective((x, torch.full((10,), -1), d), type("Output", (), dict(embedding=x, logits=torch.zeros(10, 7)))())["domain"], x)
    assert_close(turned, -.5 * plain)


@pytest.mark.parametrize("call, name", [(lambda: udat_as(0), "in_features|feat_dim"), (lambda: udat_as(8, 1), "num_domains"), (lambda: udat_as(8, lambd=-1.), "lambd"), (lambda: udat_as(8, m=28.6), "m: "), (lambda: udat_as(8, s=0.), "s: ")])
def test_udat_as_refuses(call, name):
    with pytest.raises(ValueError, match=name): call()


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
