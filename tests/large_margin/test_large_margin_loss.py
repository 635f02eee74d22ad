"Large margin: against plain-Python references, in training loops and in two processes; pseudo-emotions, F1, readers of AU files, score reports."
import copy
import math

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb import faces
from fer_nb.backbones import Output
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.large_margin import (EMOTIONET_AUS, PSEUDO_EMOTIONS, SMALL_AUS, TABLES, LargeMarginLoss, PseudoEmotions, SemiSupervised, au_name, class_centroids,
                                 f1_averages, f1_per_au, f1_text, large_margin_loss, read_aus, score_figure, score_report)
from fer_nb.training import Batches, fit
from reference import Largest, close, dot, tensor, unit

NAN = float("nan")
CASES = ["random", "tied", "empty", "zero", "zero_sample", "zero_centroid", "on_centroid", "opposite", "single", "one_class", "many_classes", "huge", "tiny", "far"]


def make(case="random", m=11, d=3, K=5, seed=0):
    "A batch in float64 of the named kind."
    g = torch.Generator().manual_seed(seed)
    m, K = {"single": (1, K), "one_class": (m, 1), "many_classes": (m, 40)}.get(case, (m, K))
    x, c = torch.randn(m, d, generator=g, dtype=torch.float64), torch.randn(K, d, generator=g, dtype=torch.float64)
    y = torch.randint(K, (m,), generator=g)
    if case == "tied": c[1:3] = c[0]
    if case == "empty": y = y.clamp(max=1)
    if case == "zero": x, c = x * 0, c * 0
    if case == "zero_sample": x[2] = 0
    if case == "zero_centroid": c[1] = 0
    if case == "on_centroid": x = 2 * c[y]
    if case == "opposite": x = -2 * c[y]
    if case == "huge": x, c = x * 1e200, c * 1e200
    if case == "tiny": x, c = x * 1e-200, c * 1e-200
    if case == "far": x, c = x + 1e5, c + 1e5
    return x, y, c


def reference(x, y, c):
    "Eq. 3 by distances, as printed, for classes that have a centroid; gradients of the mean for x and c. Loops over Python floats."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    u, v = [unit(a) for a in x], [unit(a) for a in c]
    there = [any(a) for a in c]
    losses, for_u, for_v = [], [], [[0.] * d for _ in c]
    for (direction, _), k in zip(u, y):
        others = [j for j in range(K) if j != k and there[j]]
        near = lambda j: math.fsum((p - q) ** 2 for p, q in zip(direction, v[j][0]))
        own = near(k) if there[k] and any(direction) else 2.                  # cosine 0
        rest = math.fsum(near(j) if any(direction) else 2. for j in others) / len(others) if others else 2.
        losses.append(own - rest)
        share = {k: -2., **{j: 2 / len(others) for j in others}}
        for_u.append([math.fsum(w * v[j][0][q] for j, w in share.items()) / m for q in range(d)])
        for j, w in share.items():
            for q in range(d): for_v[j][q] += w * direction[q] / m
    def through(g, pair):
        direction, length = pair
        return [(p - dot(g, direction) * q) / length for p, q in zip(g, direction)]
    return tensor(losses), tensor([through(g, p) for g, p in zip(for_u, u)]), tensor([through(g, p) for g, p in zip(for_v, v)])


# ---- the loss

@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_the_reference(case):
    x, y, c = make(case)
    losses, for_x, for_c = reference(x, y, c)
    scale_x, scale_c = (1 / t.abs().max().clamp(min=1e-300).item() if t.any() else 0. for t in (x, c))     # forces are 1 / length
    x.requires_grad_(), c.requires_grad_()
    ours = large_margin_loss(x, y, c, "none")
    assert_close(ours, losses, rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c), losses.mean(), rtol=1e-10, atol=1e-14)
    assert_close(large_margin_loss(x, y, c, "sum"), losses.sum(), rtol=1e-10, atol=1e-13)
    grads = torch.autograd.grad(ours.mean(), (x, c))
    close(grads[0], for_x, floor=1e-3 * scale_x)
    close(grads[1], for_c, floor=1e-3 * scale_c)


def test_by_hand():
    c = torch.tensor([[2., 0.], [0., 1.], [-7., 0.]])
    x, y = torch.tensor([[3., 0.], [0., -5.]]), torch.tensor([0, 1])
    assert large_margin_loss(x, y, c, "none").tolist() == [-3, 2]
    c[2] = 0
    assert large_margin_loss(x, y, c, "none").tolist() == [-2, 2]


def test_limits():
    one = torch.tensor([[1., 0.]])
    assert large_margin_loss(one, torch.tensor([0]), torch.tensor([[1., 0.], [-1., 0.], [-2., 0.]])) == -4 == LargeMarginLoss.floor     # as small as it gets
    assert large_margin_loss(-one, torch.tensor([0]), torch.tensor([[1., 0.], [-1., 0.]])) == 4
    x, y, c = make("one_class")
    assert_close(large_margin_loss(x, y, c, "none"), -2 * F.cosine_similarity(x, c))
    simplex = torch.eye(6, dtype=torch.float64) - 1 / 6
    assert_close(large_margin_loss(simplex, torch.arange(6), simplex).item(), -2 * 6 / 5)
    assert large_margin_loss(torch.randn(7, 2), torch.randint(3, (7,)), torch.zeros(3, 2)) == 0                                          # nobody has a centroid


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 20), K=st.integers(1, 8), d=st.integers(1, 6))
def test_only_directions_count_and_the_loss_is_bounded(seed, m, K, d):
    x, y, c = make(m=m, K=K, d=d, seed=seed)
    g = torch.Generator().manual_seed(seed)
    losses = large_margin_loss(x, y, c, "none")
    assert (losses.abs() < 4 + 1e-12).all()
    stretch = [torch.rand(n, 1, generator=g, dtype=torch.float64) + .1 for n in (m, K)]
    assert_close(large_margin_loss(x * stretch[0], y, c * stretch[1], "none"), losses)
    spin, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    assert_close(large_margin_loss(x @ spin, y, c @ spin, "none"), losses)
    order = torch.randperm(K, generator=g)
    assert_close(large_margin_loss(x, order.argsort()[y], c[order], "none"), losses)
    padded = torch.cat([c, torch.zeros(3, d, dtype=torch.float64)])                                           # absent classes change nothing
    assert_close(large_margin_loss(x, y, padded, "none"), losses)


def test_gradcheck_and_second_derivatives():
    x, y, c = make(m=5)
    x.requires_grad_(), c.requires_grad_()
    for reduction in ("mean", "none"): assert torch.autograd.gradcheck(lambda x, c: large_margin_loss(x, y, c, reduction), (x, c))
    assert torch.autograd.gradgradcheck(lambda x, c: large_margin_loss(x, y, c), (x, c))
    assert torch.autograd.gradcheck(lambda x: class_centroids(x, y, 5)[0], x)
    criterion = LargeMarginLoss(5, 3).double()
    criterion(x, y), criterion.eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x)


@pytest.mark.parametrize("case", [c for c in CASES if c != "one_class"])
def test_centroids_are_mean_directions(case):
    x, y, _ = make(case)
    K = 40 if case == "many_classes" else 5
    centroids, present = class_centroids(x, y, K)
    for k in range(K):
        mine = [unit(a)[0] for a, label in zip(x.tolist(), y.tolist()) if label == k]
        assert present[k].item() == bool(mine)
        mean = [math.fsum(column) / len(mine) for column in zip(*mine)] if mine else [0.] * 3
        assert_close(centroids[k], tensor(mean), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("norm", [1e-25, 1e-3, 1e3, 1e30])
def test_float32_at_any_length(norm):
    x, y, c = make(m=40, d=64)
    leaves = [[(norm * t).float().requires_grad_() for t in (x, c)], [t.clone().requires_grad_() for t in (x, c)]]
    low, high = ([large_margin_loss(x, y, c), *torch.autograd.grad(large_margin_loss(x, y, c), (x, c))] for x, c in leaves)
    assert_close(low[0].double(), high[0], rtol=1e-6, atol=1e-6)
    for a, b in zip(low[1:], high[1:]): close(a.double() * norm, b, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("centers", ["running", "batch"])
def test_low_precision_inputs_count_in_float32(dtype, centers):
    x, y, _ = make(m=2000)
    x = x.to(dtype)
    criterion = LargeMarginLoss(5, 3, centers=centers)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: loss = criterion(x, y)
        assert loss.dtype == torch.float32
        assert_close(loss, twin(x.float(), y), rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)
    assert large_margin_loss(x.double(), y, criterion.centers).dtype == torch.float64
    assert class_centroids(x, y, 5)[0].dtype == torch.float32


# ---- the module

def test_running_centroids_move_after_the_loss():
    x, y, c = make("empty")
    criterion = LargeMarginLoss(5, 3, alpha=.3).double()
    assert not criterion.centers.any() and criterion(x, y) == 0
    mean, present = class_centroids(x, y, 5)
    assert_close(criterion.centers, .3 * mean)
    criterion.centers.copy_(c)
    assert_close(criterion(x, y), reference(x, y, c)[0].mean(), rtol=1e-10, atol=1e-14)
    expected = [[p - .3 * (p - q) if there else p for p, q in zip(a, b)] for a, b, there in zip(c.tolist(), mean.tolist(), present.tolist())]
    assert_close(criterion.centers, tensor(expected), rtol=1e-10, atol=1e-14)
    assert torch.equal(criterion.centers[2:], c[2:])                          # classes that are not in the batch


def test_batch_centroids_in_training_remembered_ones_in_evaluation():
    x, y, c = make("empty")
    x.requires_grad_()
    criterion = LargeMarginLoss(5, 3, centers="batch").double()
    criterion.centers.copy_(c)
    loss, mean = criterion(x, y), class_centroids(x.detach(), y, 5)[0]
    assert_close(loss, large_margin_loss(x, y, mean))
    assert_close(torch.autograd.grad(loss, x)[0], reference(x.detach(), y, mean)[1], rtol=1e-10, atol=1e-14)     # the centroids are given
    assert_close(criterion.centers[:2], (c - .5 * (c - mean))[:2])
    now = criterion.centers.clone()
    assert_close(criterion.eval()(x, y), large_margin_loss(x, y, now))
    assert torch.equal(criterion.centers, now)


@pytest.mark.parametrize("centers", ["running", "batch"])
@pytest.mark.parametrize("case", CASES)
def test_everything_stays_finite(case, centers):
    x, y, c = make(case)
    for dtype in (torch.float32, torch.float64):
        scaled = x if dtype == torch.float64 else (x / x.abs().max().clamp(min=1e-300)) * (1e30 if case == "huge" else 1.)
        leaf = scaled.to(dtype).requires_grad_()
        criterion = LargeMarginLoss(len(c), 3, centers=centers).to(dtype)
        for _ in range(3):
            loss = criterion(leaf, y)
            grad, = torch.autograd.grad(loss, leaf)
            assert loss.isfinite() and grad.isfinite().all() and criterion.centers.isfinite().all()


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
@pytest.mark.parametrize("centers", ["running", "batch"])
def test_a_bad_batch_moves_nothing(bad, centers):
    x, y, c = make()
    x[3, 1] = bad
    criterion = LargeMarginLoss(5, 3, centers=centers).double()
    criterion.centers.copy_(c)
    criterion(x, y)
    assert torch.equal(criterion.centers, c)


def test_state_dict_and_loss_scale():
    x, y, _ = make()
    x.requires_grad_()
    one, other = LargeMarginLoss(5, 3).double(), LargeMarginLoss(5, 3).double()
    scaled = copy.deepcopy(one)
    for _ in range(2): one(x, y).backward(); (scaled(x, y) * 65536).backward()
    assert torch.equal(one.centers, scaled.centers) and list(one.state_dict()) == ["centers"] and not list(one.parameters())
    other.load_state_dict(one.state_dict())
    assert_close(one.eval()(x, y), other.eval()(x, y), rtol=0, atol=0)


def test_gradient_accumulation_across_moves():
    x, y, c = make()
    x.requires_grad_()
    criterion = LargeMarginLoss(5, 3).double()
    criterion.centers.copy_(c)
    starts, total = [], 0.
    for shift in (0., 1., 2.):
        starts.append(criterion.centers.clone())
        total = total + criterion(x + shift, y)
    total.backward()
    leaf = x.detach().clone().requires_grad_()
    sum(large_margin_loss(leaf + s, y, c) for s, c in zip((0., 1., 2.), starts)).backward()
    assert_close(x.grad, leaf.grad)


@pytest.mark.parametrize("centers", ["running", "batch"])
def test_compiled_equals_eager(centers):
    x, y, c = make()
    x = x.requires_grad_()
    eager = LargeMarginLoss(5, 3, centers=centers).double()
    eager.centers.copy_(c)
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True)     # inductor: the back end people use
    for step in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(torch.autograd.grad(l, x)[0] for l in (a, b)))
        assert_close(eager.centers, compiled.centers)


def test_functional_transforms():
    x, y, c = make()
    leaf = x.clone().requires_grad_()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: large_margin_loss(x[None], y[None], c)))(x, y)
    assert_close(per_sample / len(x), torch.autograd.grad(large_margin_loss(leaf, y, c), leaf)[0])


def test_nothing_of_size_batch_times_classes_times_dim():
    "The largest tensor that the forward and backward pass ever make."
    for centers in ("running", "batch"):
        for B, K, d in ((64, 50, 40), (10, 200, 40)):
            x, y, criterion = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), LargeMarginLoss(K, d, centers=centers)
            with Largest() as seen: criterion(x, y).backward()
            assert 0 < seen.size <= 2 * max(K * d, B * d)


# ---- two processes

def shares(centers, share, wrap):
    "Three steps of SGD on this process's share; the centroids and the network's weights."
    torch.manual_seed(0)
    network, criterion = wrap(nn.Linear(4, 3).double()), LargeMarginLoss(5, 3, centers=centers).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=.1)
    for step in range(3):
        g = torch.Generator().manual_seed(step)
        x, y = torch.randn(8, 4, generator=g, dtype=torch.float64), torch.randint(5, (8,), generator=g)
        loss = criterion(network(x[share]), y[share])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    return criterion.centers.clone(), next(network.parameters()).detach().clone()


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


def worker(rank, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    half = slice(rank * 4, rank * 4 + 4)
    out = {kind: shares(kind, half, nn.parallel.DistributedDataParallel) for kind in ("running", "batch")}
    out["together"] = together(half)
    x, y, c = make(m=8)
    for kind in ("running", "batch"):
        uneven = LargeMarginLoss(5, 3, centers=kind).double()
        uneven.centers.copy_(c)
        out["uneven", kind] = uneven(x[:2] if rank == 0 else x[2:], y[:2] if rank == 0 else y[2:]), uneven.centers
    different = LargeMarginLoss(5, 3).double()          # processes that started from different centroids
    different.centers.copy_(c + rank)
    different(x, y)
    out["different"] = different.centers
    bad = LargeMarginLoss(5, 3).double()
    bad.centers.copy_(c)
    bad(x * (NAN if rank else 1.), y)                    # a bad number in one process: nobody moves
    out["bad"] = bad.centers
    if rank == 0: bad.eval()(x, y)                      # evaluation needs no partner
    # one process has no pseudo-class at all: the other does not wait for ever, nobody moves
    table = PseudoEmotions(["AU6", "AU12", "AU9", "AU4", "AU15", "AU26"])
    objective = SemiSupervised(LargeMarginLoss(6, 3), pseudo=table).double()
    objective.margin.centers.copy_(make(K=6)[2])
    au = torch.rand(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * rank
    losses = objective((x, au), Output(x.requires_grad_(), au / 2))
    sum(losses.values()).backward()
    out["alone"] = {k: v.detach() for k, v in losses.items()}, objective.margin.centers.clone(), x.grad
    torch.save(out, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(worker, args=(tmp_path / "store", tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    x, y, c = make(m=8)
    for kind in ("running", "batch"):
        for ours, theirs, alone in zip(first[kind], second[kind], shares(kind, slice(None), lambda m: m)):
            assert torch.equal(ours, theirs), kind
            assert_close(ours, alone, rtol=1e-10, atol=1e-12, msg=lambda m: f"{kind}: {m}")
        one = LargeMarginLoss(5, 3, centers=kind).double()
        one.centers.copy_(c)
        loss = one(x, y)
        assert_close((2 * first["uneven", kind][0] + 6 * second["uneven", kind][0]) / 8, loss, rtol=1e-10, atol=1e-12)
        assert_close(first["uneven", kind][1], one.centers, rtol=1e-10, atol=1e-12)
    for ours, theirs, alone in zip(first["together"], second["together"], together(slice(None))):
        assert torch.equal(ours, theirs)
        assert_close(ours, alone, rtol=1e-10, atol=1e-12)
    assert torch.equal(first["different"], second["different"])
    assert torch.equal(first["bad"], c) and torch.equal(second["bad"], c)
    for out in (first, second):
        losses, centers, grad = out["alone"]
        assert all(v.isfinite() for v in losses.values()) and grad.isfinite().all() and torch.equal(centers, make(K=6)[2])
    assert first["alone"][0]["margin"] == 0 and second["alone"][0]["margin"] != 0


# ---- pseudo-emotions

def test_tables_are_those_of_the_design():
    assert PSEUDO_EMOTIONS == faces.EMOTIONS[1:] and tuple(TABLES["compound"]) == faces.COMPOUND_EMOTIONS
    assert TABLES["ekman"]["fear"] == (1, 2, 4, 5, 7, 20, 26) and TABLES["facs1978"]["disgust"] == (4, 10, 17) and TABLES["du2014"]["happiness"] == (12, 25)
    known = {int(n[2:]) for n in faces.AU_NAMES}
    for table in TABLES.values(): assert all(set(row) <= known for row in table.values())
    assert len(EMOTIONET_AUS) == 12 and set(SMALL_AUS) < set(EMOTIONET_AUS) < set(faces.AU_NAMES)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("aus", [faces.AU_NAMES, tuple(reversed(faces.AU_NAMES)), tuple(n for n in faces.AU_NAMES if n not in ("AU16", "AU24", "AU43"))])
def test_scores_are_means_of_what_is_available(table, aus):
    g = torch.Generator().manual_seed(1)
    au = torch.rand(20, len(aus), generator=g)
    au[torch.rand(au.shape, generator=g) < .2] = NAN
    scores = PseudoEmotions(aus, table)(au)
    for row, out in zip(au.tolist(), scores.tolist()):
        value = {n: v for n, v in zip(aus, row) if not math.isnan(v)}
        for numbers, score in zip(TABLES[table].values(), out):
            part = [value[f"AU{n}"] for n in numbers if f"AU{n}" in value]
            assert math.isnan(score) if not part else score == pytest.approx(math.fsum(part) / len(part), rel=1e-6)


def test_every_emotion_acts_like_itself():
    for table in TABLES:
        pseudo = PseudoEmotions(faces.AU_NAMES, table)
        found = pseudo.classes(pseudo.part.T)                       # exactly the action units of each emotion
        assert found.scores.diagonal().eq(1).all()
        for k, row in enumerate(TABLES[table].values()):            # an emotion whose action units hold another's ties with it
            held = [e for e, other in TABLES[table].items() if set(other) <= set(row)]
            assert (found.classes[k] == k) == (len(held) == 1)
            assert [e for e, t in zip(pseudo.emotions, found.tied[k]) if t] == (held if len(held) > 1 else [])


def test_nothing_acts_and_ties():
    pseudo = PseudoEmotions(faces.AU_NAMES, "facs1978")
    au = torch.zeros(4, 18)
    au[1, faces.AU_NAMES.index("AU4")] = .9                          # a third of disgust and of sadness
    au[2] = NAN
    au[3, [faces.AU_NAMES.index(n) for n in ("AU6", "AU12")]] = .3
    found = pseudo.classes(au)
    assert found.classes.tolist() == [-1, -1, -1, PSEUDO_EMOTIONS.index("happiness")]
    assert found.tied.nonzero().tolist() == [[1, PSEUDO_EMOTIONS.index("disgust")], [1, PSEUDO_EMOTIONS.index("sadness")]]
    assert found.scores[2].isnan().all() and not found.scores[0].any()
    assert PseudoEmotions(faces.AU_NAMES, "facs1978", least=.25).classes(au).classes.tolist() == [-1] * 4
    close_call = torch.zeros(1, 18)
    close_call[0, [faces.AU_NAMES.index(n) for n in ("AU6", "AU9")]] = torch.tensor([.5, .8])       # ekman: happiness .25, disgust .267
    assert PseudoEmotions(faces.AU_NAMES).classes(close_call).classes == PSEUDO_EMOTIONS.index("disgust")
    loose = PseudoEmotions(faces.AU_NAMES, lead=.05).classes(close_call)
    assert loose.classes == -1 and loose.tied[0].sum() == 2


def test_rounding_makes_no_winner():
    au = torch.full((1, 18), .1)                                     # every mean is 0.1, whatever float32 makes of it
    for table in TABLES: assert PseudoEmotions(faces.AU_NAMES, table).classes(au).classes == -1


def test_ambiguities_of_the_available_action_units():
    assert PseudoEmotions(faces.AU_NAMES, "du2014").ambiguities() == []
    assert PseudoEmotions(EMOTIONET_AUS, "du2014").ambiguities() == [("anger", "sadness")]
    assert PseudoEmotions(["AU04", 12, "au25", "9", "AU2"], "du2014").aus == ("AU4", "AU12", "AU25", "AU9", "AU2")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), table=st.sampled_from(sorted(TABLES)))
def test_pseudo_classes_are_consistent(seed, table):
    g = torch.Generator().manual_seed(seed)
    au = torch.rand(12, 18, generator=g) * (torch.rand(12, 18, generator=g) < .4)
    pseudo = PseudoEmotions(faces.AU_NAMES, table)
    found = pseudo.classes(au)
    order = torch.randperm(18, generator=g)
    again = PseudoEmotions([faces.AU_NAMES[i] for i in order], table).classes(au[:, order])
    assert_close(again.scores, found.scores)
    assert torch.equal(again.classes, found.classes)
    best = found.scores.max(1).values
    for i, k in enumerate(found.classes.tolist()):
        if k >= 0: assert found.scores[i, k] == best[i] > 0 and not found.tied[i].any()
        else: assert best[i] == 0 or found.tied[i].sum() > 1
    assert_close(pseudo(2 * au), 2 * pseudo(au))


def test_scores_carry_gradients_and_low_precision():
    pseudo = PseudoEmotions(faces.AU_NAMES)
    au = torch.rand(3, 18, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pseudo.double(), au)
    assert PseudoEmotions(faces.AU_NAMES)(torch.rand(3, 18).bfloat16()).dtype == torch.float32


# ---- the semi-supervised objective

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


# ---- F1

def test_f1_counts():
    g = torch.Generator().manual_seed(0)
    said, there = torch.rand(40, 5, generator=g), (torch.rand(40, 5, generator=g) < .4).float()
    there[::7] = NAN
    f1 = f1_per_au(said, there, .6)
    for k in range(5):
        pairs = [(s >= .6, t == 1) for s, t in zip(said[:, k].tolist(), there[:, k].tolist()) if not math.isnan(t)]
        right, claims, facts = (sum(map(f, pairs)) for f in (all, lambda p: p[0], lambda p: p[1]))
        precision, recall = right / claims, right / facts
        assert f1[k] == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-6)
    assert f1_per_au(torch.zeros(3, 1), torch.zeros(3, 1)).isnan().all() and f1_per_au(torch.ones(3, 1), torch.zeros(3, 1)) == 0
    assert f1_per_au(torch.ones(3, 1, dtype=torch.bool), torch.ones(3, 1)) == 1


def test_averages_of_the_paper():
    island = torch.tensor((30.4, 29.5, 56.7, 30.6, 66.7, 44.1, 77.3, 26.7, 23.8, 83.9, 47.3, 43.9), dtype=torch.float64)
    small, full = f1_averages(island, EMOTIONET_AUS)
    assert round(small, 2) == 56.13 and round(full, 2) == 46.74
    few = f1_averages(island[:3], EMOTIONET_AUS[:3])
    assert math.isnan(few[0]) and math.isnan(few[1])
    some = [EMOTIONET_AUS.index(n) for n in SMALL_AUS]
    small, full = f1_averages(island[some], SMALL_AUS)
    assert round(small, 2) == 56.13 and math.isnan(full)
    text = f1_text({"ours": island[some] / 100}, SMALL_AUS).splitlines()
    assert text[0].startswith("| method | AU1 | AU4 |") and text[2].endswith("| 56.1 | n/a |") and text[1].count("---") == 10


# ---- CSV files

OPENFACE_R, OPENFACE_C = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45), (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
PYFEAT = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)


def openface(path, rows, image=False, blank=" ", bom=False, end="\n"):
    "A file as OpenFace writes it; rows: (frame, face, confidence, success, {AU: intensity})."
    names = ["face", "confidence"] if image else ["frame", "face_id", "timestamp", "confidence", "success"]
    names += ["gaze_0_x", "gaze_angle_x", "pose_Tx", "x_0", "X_0", "p_scale"] + [f"AU{n:02d}_r" for n in OPENFACE_R] + [f"AU{n:02d}_c" for n in OPENFACE_C]
    lines = [f",{blank}".join(names)]
    for frame, face, confidence, success, au in rows:
        head = [str(face), f"{confidence:.3f}"] if image else [str(frame), str(face), f"{frame / 30:.3f}", f"{confidence:.2f}", str(success)]
        lines.append(f",{blank}".join(head + ["0.1"] * 6 + [f"{au.get(n, 0):.2f}" for n in OPENFACE_R] + [f"{float(au.get(n, 0) >= 1):.1f}" for n in OPENFACE_C]))
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + (end.join(lines) + end).encode())
    return path


def pyfeat(path, rows, index=False):
    "A file as py-feat writes it; rows: (input, frame, score or None, identity, {AU: intensity})."
    names = ([""] if index else []) + ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "Pitch"] + [f"AU{n:02d}" for n in PYFEAT] + ["anger", "neutral", "input", "frame", "Identity"]
    lines = [",".join(names)]
    for i, (name, frame, score, identity, au) in enumerate(rows):
        gone = score is None
        cells = ([str(i)] if index else []) + ["" if gone else "10.5"] * 4 + ["" if gone else str(score), "" if gone else "0.1"]
        lines.append(",".join(cells + ["" if gone else str(au.get(n, 0.)) for n in PYFEAT] + ["" if gone else "0.5"] * 2 + [name, frame, identity]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_openface_video(tmp_path, blank, bom, end):
    rows = [(1, 0, .98, 1, {6: 2.5, 12: 5., 45: 1.}), (2, 0, .02, 0, {}), (3, 0, .9, 1, {4: 1.})]
    table = read_aus(openface(tmp_path / "clip.csv", rows, blank=blank, bom=bom, end=end))
    assert table.aus == faces.AU_NAMES and table.pictures == ["clip#1", "clip#2", "clip#3"] and table.faces == ["0"] * 3
    assert table.found.tolist() == [True, False, True] and table.au[1].isnan().all() and table.missing == ("AU16", "AU24", "AU43")
    value = dict(zip(table.aus, table.au[0].tolist()))
    assert value["AU6"] == .5 and value["AU12"] == 1 and value["AU4"] == 0 and math.isnan(value["AU43"])
    assert_close(table.confidence, torch.tensor([.98, .02, .9]))
    present = read_aus(tmp_path / "clip.csv", ["AU12", "AU28", "AU4"], presence=True)
    assert present.au.tolist()[0] == [1, 0, 0] and present.au.tolist()[2] == [0, 0, 1] and present.au[1].isnan().all() and present.missing == ()
    found = PseudoEmotions(table.aus).classes(table.au)
    assert found.classes.tolist()[:2] == [PSEUDO_EMOTIONS.index("happiness"), -1]


def test_openface_picture_with_several_faces(tmp_path):
    table = read_aus(openface(tmp_path / "group.csv", [(0, 0, .5, 1, {4: 1.}), (0, 1, .9, 1, {12: 2.})], image=True), ["AU4", "AU12"])
    assert table.pictures == ["group"] * 2 and table.faces == ["0", "1"] and table.found.all()
    best = table.one_per_picture()
    assert best.faces == ["1"] and best.pictures == ["group"] and best.confidence.tolist() == pytest.approx([.9])
    assert_close(best.au, torch.tensor([[0., .4]]))


def test_openface_of_the_first_version(tmp_path):
    "No face_id; header with blanks, rows without; the confident face is a failed one."
    path = tmp_path / "old.csv"
    path.write_text("frame, timestamp, confidence, success, AU01_r, AU02_r, AU28_c\n1,0,0.883333,1,0.6773,0.4275,0\n2,0.001,0.99,0,0,0,0\n")
    table = read_aus(path, ["AU1", "AU2", "AU4"])
    assert_close(table.au[0, :2], torch.tensor([.6773, .4275]) / 5)
    assert table.missing == ("AU4",) and table.pictures == ["old#1", "old#2"] and table.found.tolist() == [True, False]


@pytest.mark.parametrize("index", [False, True])
def test_pyfeat(tmp_path, index):
    rows = [("shots/a.jpg", "0", .99, "Person_0", {6: .7, 12: .9}), ("shots/a.jpg", "0", .6, "Person_1", {4: 1.}), ("C:\\shots\\b.jpg", "1.0", None, "", {}), ("shots/c.jpg", "2", .8, "", {43: .5})]
    table = read_aus(pyfeat(tmp_path / "out.csv", rows, index))
    assert table.pictures == ["a.jpg#0", "a.jpg#0", "b.jpg#1", "c.jpg#2"] and table.faces == ["Person_0", "Person_1", "0", "0"] and table.missing == ("AU16",)
    assert table.found.tolist() == [True, True, False, True] and table.confidence[2].isnan()
    value = dict(zip(table.aus, table.au[0].tolist()))
    assert value["AU6"] == pytest.approx(.7) and value["AU12"] == pytest.approx(.9) and table.au[3, faces.AU_NAMES.index("AU43")] == .5
    best = table.one_per_picture()
    assert best.pictures == ["a.jpg#0", "b.jpg#1", "c.jpg#2"] and best.faces[0] == "Person_0" and best.found.tolist() == [True, False, True]


def test_a_found_face_is_preferred_to_a_confident_failure(tmp_path):
    table = read_aus(openface(tmp_path / "v.csv", [(1, 0, .99, 0, {}), (1, 1, .4, 1, {12: 1.})])).one_per_picture()
    assert table.faces == ["1"] and table.found.all()


# ---- the score studio's functions

def acting(**intensities): return [intensities.get(n, 0.) for n in faces.AU_NAMES]


def test_score_report():
    report = score_report(acting(AU4=.9), acting(AU6=.8, AU12=.9))
    assert [t["name"] for t in report["tables"]] == ["ekman", "facs1978", "du2014"] and report["aus"] == list(faces.AU_NAMES)
    assert [t["verdict"] for t in report["tables"]] == ["sadness", "ambiguous: disgust or sadness", "sadness"]
    assert [t["seen_verdict"] for t in report["tables"]] == ["happiness"] * 3
    assert report["tables"][1]["tied"] == ["disgust", "sadness"] and report["tables"][1]["winner"] == "" and report["tables"][1]["scores"][1] == .3
    assert score_report(acting())["tables"][0]["verdict"] == "nothing acts" and score_report(acting())["sees"] is None
    assert score_report([acting(AU12=1.), acting()], tables=["ekman"])["au"][faces.AU_NAMES.index("AU12")] == .5
    assert score_report(acting(AU12=1.), [-.5] * 18)["tables"][0]["seen_verdict"] == "nothing acts"
    import json
    assert json.loads(json.dumps(report)) == report


def test_score_figure():
    figure = score_figure(score_report(acting(AU4=.9), acting(AU12=1.)))
    assert len(figure.axes) == 3 and all(len(ax.patches) == 6 and len(ax.lines) == 6 for ax in figure.axes)
    hatched = [[p.get_hatch() is not None for p in ax.patches] for ax in figure.axes]
    assert [sum(h) for h in hatched] == [0, 2, 0] and hatched[1][1] and hatched[1][4]
    widths = [p.get_width() for p in figure.axes[0].patches]
    assert widths == score_report(acting(AU4=.9))["tables"][0]["scores"]
    assert not score_figure(score_report(acting(), tables=["compound"])).axes[0].lines


# ---- bad input

X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
EKMAN = PseudoEmotions(faces.AU_NAMES)
OUT = Output(torch.zeros(4, 3), torch.zeros(4, 6))
BAD = [
    (lambda: large_margin_loss(X[0], Y, C), ValueError, r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: large_margin_loss(X[:0], Y[:0], C), ValueError, r"x: .*got shape \(0, 3\)"),
    (lambda: large_margin_loss(X.long(), Y, C), ValueError, "x: expected a floating-point dtype, got torch.int64"),
    (lambda: large_margin_loss(X.numpy(), Y, C), TypeError, "x: expected a tensor, got ndarray"),
    (lambda: large_margin_loss(X, Y, C[:, :2]), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: large_margin_loss(X, Y.float(), C), ValueError, "y: expected class numbers of dtype torch.int64, got torch.float32"),
    (lambda: large_margin_loss(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: large_margin_loss(X, Y - 1, C), ValueError, "y: expected labels from 0 to 4, got -1 to -1"),
    (lambda: large_margin_loss(X, Y, C, "max"), ValueError, 'reduction: expected "mean", "sum" or "none", got \'max\''),
    (lambda: class_centroids(X, Y, 0), ValueError, "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: class_centroids(X, Y, True), ValueError, "num_classes: expected a whole number of at least 1, got True"),
    (lambda: class_centroids(X, Y + 2, 2), ValueError, "y: expected labels from 0 to 1, got 2 to 2"),
    (lambda: class_centroids(X[0], Y, 2), ValueError, r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: class_centroids([1.], Y, 2), TypeError, "x: expected a tensor, got list"),
    (lambda: LargeMarginLoss(0, 2), ValueError, "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: LargeMarginLoss(5, 2.5), ValueError, "feat_dim: expected a whole number of at least 1, got 2.5"),
    (lambda: LargeMarginLoss(5, 2, alpha=1.5), ValueError, r"alpha: expected a number in \(0, 1\], got 1.5"),
    (lambda: LargeMarginLoss(5, 2, centers="all"), ValueError, "centers: expected 'running' or 'batch', got 'all'"),
    (lambda: LargeMarginLoss(5, 2)(X, Y), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: au_name("brow"), ValueError, "au: expected the name of an action unit, like AU1 or AU01, got 'brow'"),
    (lambda: au_name("AU0"), ValueError, "au: .*got 'AU0'"),
    (lambda: PseudoEmotions("AU1"), ValueError, "aus: expected a list of action units, like .*, got 'AU1'"),
    (lambda: PseudoEmotions([]), ValueError, "aus: expected at least one action unit and none twice, got none"),
    (lambda: PseudoEmotions(["AU1", "AU01"]), ValueError, "aus: expected at least one action unit and none twice, got AU1 twice"),
    (lambda: PseudoEmotions(faces.AU_NAMES, "emfacs"), ValueError, "table: expected one of ekman, facs1978, du2014, compound, got 'emfacs'"),
    (lambda: PseudoEmotions(["AU1", "AU4"]), ValueError, r"aus: expected at least one action unit of disgust, \(9, 15, 16\), for the table 'ekman', got none of them"),
    (lambda: PseudoEmotions(faces.AU_NAMES, least=-1.), ValueError, "least: expected a finite number of at least 0, got -1.0"),
    (lambda: PseudoEmotions(faces.AU_NAMES, lead=NAN), ValueError, "lead: expected a finite number of at least 0, got nan"),
    (lambda: EKMAN(torch.zeros(4, 17)), ValueError, r"au: expected floating-point intensities \(B, 18\), got \(4, 17\) of torch.float32"),
    (lambda: EKMAN(torch.zeros(4, 18, dtype=torch.int64)), ValueError, "au: .*got .* of torch.int64"),
    (lambda: EKMAN.classes([0.] * 18), ValueError, "au: .*got list"),
    (lambda: SemiSupervised(large_margin_loss), ValueError, "margin: expected a module .*, got function"),
    (lambda: SemiSupervised(CenterLoss(6, 3), ratio=0.), ValueError, "ratio: expected a positive number, got 0.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), weight=-1.), ValueError, "weight: expected a finite number of at least 0, got -1.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), fade=0), ValueError, "fade: expected a number of steps of at least 1, got 0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), memory=1.), ValueError, r"memory: expected a number in \[0, 1\), got 1.0"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo="ekman"), ValueError, "pseudo: expected PseudoEmotions, got str"),
    (lambda: SemiSupervised(CenterLoss(7, 3), pseudo=EKMAN), ValueError, "margin: expected 6 classes, one per pseudo-emotion, got 7"),
    (lambda: SemiSupervised(CenterLoss(6, 3))((X, Y.float()), OUT), ValueError, r"y: expected labels \(B,\), int64, −1 for unlabelled, got \(4,\) of torch.float32"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo=EKMAN)((X, Y), OUT), ValueError, r"y: expected intensities \(4, 6\), NaN for unlabelled, got \(4,\) of torch.int64"),
    (lambda: SemiSupervised(CenterLoss(6, 3), pseudo=EKMAN)((X, torch.zeros(4, 6)), OUT), ValueError, r"au: expected floating-point intensities \(B, 18\), got \(4, 6\)"),
    (lambda: f1_per_au(torch.zeros(4), torch.zeros(4)), ValueError, r"predicted: expected \(N, A\), one column per action unit, as many as in au, got \(4,\)"),
    (lambda: f1_per_au(torch.zeros(4, 2), torch.zeros(4, 3)), ValueError, r"predicted: .*got \(4, 2\)"),
    (lambda: f1_averages(torch.zeros(3), ["AU1", "AU2"]), ValueError, r"f1: expected one value for each of the 2 action units, got shape \(3,\)"),
    (lambda: score_report([0.] * 17), ValueError, r"au: expected 18 intensities, or two rows of them, got shape \(17,\)"),
    (lambda: score_report([0.] * 18, [0.] * 3), ValueError, r"sees: expected 18 intensities, or two rows of them, got shape \(3,\)"),
    (lambda: score_report([0.] * 18, tables=["plutchik"]), ValueError, "table: expected one of .*, got 'plutchik'"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, error, message = BAD[number]
    with pytest.raises(error, match=message): call()


HEAD = "frame, face_id, timestamp, confidence, success, AU01_r, AU02_r\n"
FILES = [
    ("", {}, "path: expected a CSV file with a header, got the empty file"),
    ("name,age\nx,3\n", {}, r"path: expected a CSV file of OpenFace \(columns AU01_r …\) or py-feat \(columns AU01 …\), got .* with the columns name, age"),
    (HEAD, {}, "path: expected at least one row below the header, got none"),
    (HEAD + "1, 0, 0, .9, 1, 2.0\n", {}, "line 2 of .*: expected 7 cells as in the header, got 6"),
    (HEAD + "1, 0, 0, .9, 1, 2.0, 1.0\n2, 0, 0, .9, 1, much, 1.0\n", {}, "AU01_r in line 3 of .*: expected a number, got 'much'"),
    (HEAD + "1, 0, 0, .9, 1, 7.5, 1.0\n", {}, "AU01_r in line 2 of .*: expected a number from 0 to 5, got 7.5"),
    (HEAD + "1, 0, 0, .9, yes, 0.5, 1.0\n", {}, "success in line 2 of .*: expected a number, got 'yes'"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(aus=["AU9"]), "aus: expected at least one action unit that .* has, got AU9"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(presence=True), "aus: expected at least one action unit that"),
    (HEAD + "1, 0, 0, .9, 1, 0.5, 1.0\n", dict(aus="AU1"), "aus: expected a list of action units"),
    ("FaceScore,AU01,AU02\n.9,1.5,0\n", {}, "AU01 in line 2 of .*: expected a number from 0 to 1, got 1.5"),
    ("FaceScore,AU01,AU02\n.9,.5,0\n", dict(presence=True), "presence: expected False for a file of py-feat, it has no columns of presence, got True"),
    ("FaceScore,AU01,AU01\n.9,.5,0\n", {}, "path: expected every column once, got AU01 twice"),
    (b"\xff\xfe\x00F", {}, "path: expected a CSV file, got .*"),
    (None, {}, "path: expected a CSV file, got .*No such file"),
]


@pytest.mark.parametrize("number", range(len(FILES)))
def test_bad_files_are_named(number, tmp_path):
    content, arguments, message = FILES[number]
    path = tmp_path / "bad.csv"
    if content is not None: path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message): read_aus(path, **arguments)
