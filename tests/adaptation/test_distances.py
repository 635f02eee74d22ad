"Distances between domains: float64 loops, limit cases, gradients, dtypes, and the objective that trains with them."
import math

import pytest, torch
from torch import nn
from torch.nn import functional as F

from fer_nb.adaptation import MMD, DomainObjective, Coral, Entropy, coral, entropy, mmd_loss
from fer_nb.backbones import Output


def clouds(seed, n=7, m=5, d=3, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=g, dtype=dtype), 2 * torch.randn(m, d, generator=g, dtype=dtype) + 1

def covariance(x):
    n, d, mean = len(x), x.shape[1], [sum(x[:, j]) / len(x) for j in range(x.shape[1])]
    return [[sum((x[i, a] - mean[a]) * (x[i, b] - mean[b]) for i in range(n)) / (n - 1) for b in range(d)] for a in range(d)]

def coral_by_loop(xs, xt):
    (a, b), d = (covariance(x) for x in (xs, xt)), xs.shape[1]
    return float(sum((a[i][j] - b[i][j]) ** 2 for i in range(d) for j in range(d)) / (4 * d * d))

def mmd_by_loop(xs, xt, widths):
    every = [*xs, *xt]
    h = sum(float((a - b).square().sum()) for a in every for b in every) / len(every) ** 2
    k = lambda a, b: sum(math.exp(-float((a - b).square().sum()) / (w * h)) for w in widths) / len(widths)
    mean = lambda A, B: sum(k(a, b) for a in A for b in B) / (len(A) * len(B))
    return mean(xs, xs) + mean(xt, xt) - 2 * mean(xs, xt)


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('d', [1, 3, 9])
def test_both_equal_a_loop(seed, d):
    xs, xt = clouds(seed, d=d)
    assert float(coral(xs, xt)) == pytest.approx(coral_by_loop(xs, xt), rel=1e-10)
    assert float(mmd_loss(xs, xt, (.5, 2.))) == pytest.approx(mmd_by_loop(xs, xt, (.5, 2.)), rel=1e-10)

def test_by_hand():
    "Variances 2 and 8 in one dimension: (2 - 8)² / 4. Points 0, 0 and 1, 1: h is 1/2"
    assert coral(torch.tensor([[0.], [2.]]), torch.tensor([[0.], [4.]])) == 9
    zeros, ones = torch.zeros(2, 1), torch.ones(2, 1)
    assert float(mmd_loss(zeros, ones, (1.,))) == pytest.approx(2 - 2 * math.exp(-2))
    assert float(mmd_loss(zeros, ones, (1., 4.))) == pytest.approx(2 - math.exp(-2) - math.exp(-.5))

def test_they_are_symmetric_and_0_for_the_same():
    xs, xt = clouds(0)
    for distance in (coral, mmd_loss):
        assert float(distance(xs, xt)) == pytest.approx(float(distance(xt, xs))) and float(distance(xs, xs)) == pytest.approx(0, abs=1e-14)

def test_the_scale_of_the_embedding_matters_to_coral_only():
    xs, xt = clouds(1)
    assert float(coral(3 * xs, 3 * xt)) == pytest.approx(81 * float(coral(xs, xt)))
    assert float(mmd_loss(3 * xs, 3 * xt)) == pytest.approx(float(mmd_loss(xs, xt)))

def test_entropy_by_hand():
    found = entropy(torch.tensor([[0., 0, 0, 0], [0., math.log(3), -200, -200]], dtype=torch.float64))
    assert found.tolist() == pytest.approx([math.log(4), -.25 * math.log(.25) - .75 * math.log(.75)])

@pytest.mark.parametrize('distance', [coral, mmd_loss])
def test_gradients(distance):
    "The widths of MMD follow the batch as a constant: its gradient is that of fixed widths"
    xs, xt = (x.requires_grad_() for x in clouds(2, 4, 3, 2))
    if distance is coral:
        assert torch.autograd.gradcheck(coral, (xs, xt)) and torch.autograd.gradgradcheck(coral, (xs, xt))
        return
    x = torch.cat([xs, xt]).detach()
    h = torch.cdist(x, x).square().mean()
    def fixed(xs, xt):
        x = torch.cat([xs, xt])
        k = torch.exp(-(x[:, None] - x).square().sum(2) / h)
        u = torch.cat([xs.new_full((len(xs),), 1 / len(xs)), xs.new_full((len(xt),), -1 / len(xt))])
        return u @ k @ u
    ours, = torch.autograd.grad(mmd_loss(xs, xt, (1.,)), xs)
    torch.testing.assert_close(ours, torch.autograd.grad(fixed(xs, xt), xs)[0])

@pytest.mark.parametrize('d', [2, 16])
def test_points_that_coincide_have_finite_gradients(d):
    x = torch.ones(3, d, requires_grad=True)
    for distance in (coral, mmd_loss):
        gradient, = torch.autograd.grad(distance(x, torch.ones(3, d)), x)
        assert gradient.isfinite().all()

@pytest.mark.parametrize('dtype, close', [(torch.float32, 1e-4), (torch.bfloat16, .1)])
def test_narrow_dtypes(dtype, close):
    xs, xt = clouds(3, 40, 40, 8)
    for distance in (coral, mmd_loss): assert float(distance(xs.to(dtype), xt.to(dtype))) == pytest.approx(float(distance(xs, xt)), rel=close)

def batch(seed=0, n=12, K=3, d=4):
    g = torch.Generator().manual_seed(seed)
    domains = torch.randint(3, (n,), generator=g)
    domains[:4] = torch.tensor([0, 0, 1, 2])
    y = torch.where(domains == 0, torch.randint(K, (n,), generator=g), -1)
    return (torch.zeros(n), y, domains), Output(torch.randn(n, d, generator=g), torch.randn(n, K, generator=g))

def test_the_objective_is_its_parts_with_weights():
    (x, y, d), output = batch()
    s, t = d == 0, d > 0
    losses = DomainObjective(coral=(Coral(), 3.), mmd=MMD((.5,)), unsure=(Entropy(), -2.))((x, y, d), output)
    torch.testing.assert_close(losses['softmax'], F.cross_entropy(output.logits[s], y[s]))
    torch.testing.assert_close(losses['coral'], 3 * coral(output.embedding[s], output.embedding[t]))
    torch.testing.assert_close(losses['mmd'], mmd_loss(output.embedding[s], output.embedding[t], (.5,)))
    torch.testing.assert_close(losses['unsure'], -2 * entropy(output.logits[t]).mean())

def test_it_compiles_into_one_graph():
    objective = DomainObjective(coral=Coral(), mmd=MMD(), entropy=Entropy())
    b, output = batch()
    whole = torch.compile(objective, backend='aot_eager', fullgraph=True)(b, output)
    for name, value in objective(b, output).items(): torch.testing.assert_close(whole[name], value)

def test_weights_and_state():
    objective = DomainObjective(coral=(Coral(), 3.))
    objective.weights['coral'] = 0.
    b, output = batch()
    assert objective(b, output)['coral'] == 0 and objective.state_dict() == {} and 'coral' in repr(objective)

@pytest.mark.parametrize('make, words', [
    (lambda: coral(torch.zeros(1, 2), torch.zeros(3, 2)), 'xs and xt: expected at least 2 embeddings each, got \\(1, 3\\)'),
    (lambda: coral(torch.zeros(3, 2), torch.zeros(3, 4)), 'xt: expected a tensor .m, 2.'),
    (lambda: mmd_loss(torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 2)), 'xs: expected'),
    (lambda: mmd_loss(*clouds(0), widths=(0.,)), 'widths: expected'),
    (lambda: mmd_loss(*clouds(0), widths=()), 'widths: expected at least 1 values, got 0'),
    (lambda: entropy(torch.zeros(3)), 'logits: expected a tensor .B, K.'),
    (lambda: MMD((1, -1)), 'widths: expected'),
    (lambda: DomainObjective(softmax=Coral()), 'softmax: expected another name'),
    (lambda: DomainObjective(coral=coral), 'coral: expected a module'),
    (lambda: DomainObjective(coral=(Coral(), math.nan)), 'coral: expected a finite weight'),
    (lambda: DomainObjective()((torch.zeros(2), torch.zeros(2)), batch()[1]), 'batch: expected \\(x, y, domains\\)')])
def test_bad_input(make, words):
    with pytest.raises(ValueError, match=words): make()

def test_a_gap_that_is_only_a_shift_is_closed():
    "One number moves the target; MMD brings it back, CORAL sees nothing"
    g = torch.Generator().manual_seed(0)
    xs, xt = torch.randn(200, 2, generator=g), torch.randn(200, 2, generator=g) + 2
    for distance, left in ((mmd_loss, .2), (coral, 1.9)):
        shift = nn.Parameter(torch.zeros(2))
        optimizer = torch.optim.SGD([shift], 1.)
        for _ in range(60):
            optimizer.zero_grad()
            distance(xs, xt + shift).backward()
            optimizer.step()
        away = (2 + shift.detach()).abs().max()
        assert away < left if distance is mmd_loss else away > left
