"Separate loss: against plain-Python references, as a module in a training loop, and its tables and pictures."
import copy
import math

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.centers import force_field, forces, island_loss
from fer_nb.embeddings import Run, intra_inter
from fer_nb.separate_loss import (SeparateLoss, carousel, carousel_figure, separate_delta, separate_loss, similarity_figure,
                                  similarity_frames, similarity_table, similarity_text, sphere_figure, true_centers)
from reference import Largest, close, dot, tensor, unit

CASES = ["random", "tied", "empty", "zero", "zero_sample", "zero_center", "on_center", "opposite", "single", "one_class", "many_classes",
         "huge", "far", "tiny"]


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
    if case == "zero_center": c[1] = 0
    if case == "on_center": x = 2 * c[y]
    if case == "opposite": x = -2 * c[y]
    if case == "huge": x, c = x * 1e200, c * 1e200
    if case == "far": x, c = x + 1e5, c + 1e5
    if case == "tiny": x, c = x * 1e-200, c * 1e-200
    return x, y, c


def turn(a, b):
    "Derivative of the cosine between a and b with respect to b."
    u, (v, length) = unit(a)[0], unit(b)
    return [(p - dot(u, v) * q) / length for p, q in zip(u, v)]


def reference(x, y, c):
    "Both terms, their gradients (x; c of intra; c of inter) and the rule's two parts: loops over Python floats."
    x, y, c = x.tolist(), y.tolist(), c.tolist()
    m, K, d = len(x), len(c), len(c[0])
    u, v = [unit(a)[0] for a in x], [unit(a)[0] for a in c]
    intra = 1 - math.fsum(dot(u[i], v[y[i]]) + 1 for i in range(m)) / (2 * m)
    pairs = [(j, k) for j in range(K) for k in range(K) if j != k]
    inter = math.fsum(dot(v[j], v[k]) + 1 for j, k in pairs) / (2 * len(pairs)) if pairs else 0.
    for_x = [[-t / (2 * m) for t in turn(c[y[i]], x[i])] for i in range(m)]
    mine = [[turn(x[i], c[j]) for i in range(m) if y[i] == j] for j in range(K)]
    intra_c = [[-math.fsum(t[a] for t in mine[j]) / (2 * m) for a in range(d)] for j in range(K)]
    inter_c = [[math.fsum(turn(c[k], c[j])[a] for k in range(K) if k != j) / max(len(pairs), 1) for a in range(d)] for j in range(K)]
    rule_intra = [[t / (1 + len(mine[j])) for t in row] for j, row in enumerate(intra_c)]
    return intra, inter, *map(tensor, (for_x, intra_c, inter_c, rule_intra))


@pytest.mark.parametrize("case", CASES)
def test_terms_gradients_and_rule_equal_the_reference(case):
    x, y, c = make(case)
    intra, inter, for_x, intra_c, inter_c, rule_intra = reference(x, y, c)
    scale_x, scale_c = (1 / t.abs().max().clamp(min=1e-300).item() if t.any() else 0. for t in (x, c))    # forces are 1 / length
    x.requires_grad_(), c.requires_grad_()
    terms = separate_loss(x, y, c)
    assert_close(torch.stack(terms), tensor([intra, inter]), rtol=1e-10, atol=1e-14)
    ours = torch.autograd.grad(sum(terms), (x, c), retain_graph=True)
    close(ours[0], for_x, floor=1e-3 * scale_x)
    close(ours[1], intra_c + inter_c, floor=1e-3 * scale_c)
    close(torch.autograd.grad(terms[1], c, allow_unused=True)[0], inter_c, floor=1e-3 * scale_c)
    close(separate_delta(x, y, c), rule_intra + inter_c, floor=1e-3 * scale_c)


@pytest.mark.parametrize("norm", [1e-30, 1e-3, 1e3, 1e30])
def test_float32_at_any_length(norm):
    x, y, c = make(m=40, d=64)
    leaves = [[(norm * t).float().requires_grad_() for t in (x, c)], [t.clone().requires_grad_() for t in (x, c)]]
    low, high = ([sum(separate_loss(x, y, c)), *torch.autograd.grad(sum(separate_loss(x, y, c)), (x, c))] for x, c in leaves)
    assert_close(low[0].double(), high[0], rtol=1e-6, atol=1e-6)
    for a, b in zip(low[1:], high[1:]): close(a.double() * norm, b, rtol=1e-5)


def test_both_terms_are_similarities():
    x, y, c = make()
    cos = F.cosine_similarity
    intra, inter = separate_loss(x, y, c)
    assert_close(intra, 1 - ((cos(x, c[y]) + 1) / 2).mean())
    table = (cos(c[:, None], c[None], dim=2) + 1) / 2
    assert_close(inter, table[~torch.eye(5, dtype=torch.bool)].mean())
    assert_close(island_loss(c[y], y, c, lam1=1.), 2 * 5 * 4 * inter)            # its term is the same, as a sum


def test_by_hand():
    c = torch.tensor([[2., 0.], [0., 1.]])
    assert separate_loss(torch.tensor([[3., 0.], [0., -5.]]), torch.tensor([0, 1]), c) == (.5, .5)
    assert_close(separate_delta(torch.tensor([[0., 3.]]), torch.tensor([0]), c), torch.tensor([[0., .125], [.5, 0.]]))


def test_limits():
    x, y, c = make("on_center")
    assert separate_loss(x, y, c)[0].abs() < 1e-15
    assert_close(separate_loss(-x, y, c)[0], torch.ones((), dtype=torch.float64))
    x, y, c = make("one_class")
    assert separate_loss(x, y, c)[1] == 0
    c = c.requires_grad_()
    assert torch.autograd.grad(separate_loss(x, y, c)[1], c)[0].eq(0).all()
    simplex = torch.eye(6, dtype=torch.float64) - 1 / 6
    assert_close(separate_loss(simplex, torch.arange(6), simplex)[1].item(), .5 * (1 - 1 / 5))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 20), K=st.integers(1, 8), d=st.integers(1, 6))
def test_only_directions_count(seed, m, K, d):
    x, y, c = make(m=m, K=K, d=d, seed=seed)
    g = torch.Generator().manual_seed(seed)
    terms = torch.stack(separate_loss(x, y, c))
    assert (terms > -1e-12).all() and (terms < 1 + 1e-12).all()
    if K > 1: assert terms[1] > .5 * (1 - 1 / (K - 1)) - 1e-12
    stretch = [torch.rand(n, 1, generator=g, dtype=torch.float64) + .1 for n in (m, K)]
    assert_close(torch.stack(separate_loss(x * stretch[0], y, c * stretch[1])), terms)
    spin, _ = torch.linalg.qr(torch.randn(d, d, generator=g, dtype=torch.float64))
    assert_close(torch.stack(separate_loss(x @ spin, y, c @ spin)), terms)
    order = torch.randperm(K, generator=g)
    assert_close(torch.stack(separate_loss(x, order.argsort()[y], c[order])), terms)
    assert_close(separate_delta(x, order.argsort()[y], c[order]), separate_delta(x, y, c)[order])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.floats(.01, 1), K=st.integers(1, 8))
def test_forces_and_steps_only_turn(seed, alpha, K):
    x, y, c = make(seed=seed, K=K)
    x.requires_grad_()
    grad, = torch.autograd.grad(separate_loss(x, y, c)[0], x)
    assert ((grad * x).sum(1).abs() < 1e-12).all()
    new = c - alpha * separate_delta(x, y, c)
    assert (new.norm(dim=1) >= c.norm(dim=1) * (1 - 1e-12)).all()


def test_gradcheck_and_second_derivatives():
    x, y, c = make(m=5)
    x.requires_grad_(), c.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, c: separate_loss(x, y, c), (x, c))
    assert torch.autograd.gradgradcheck(lambda x, c: separate_loss(x, y, c), (x, c))
    criterion = SeparateLoss(5, 3).double().eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_inputs_count_in_float32(dtype):
    x, y, _ = make(m=2000)
    x = x.to(dtype)
    criterion = SeparateLoss(5, 3)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: loss = criterion(x, y)
        assert loss.dtype == torch.float32
        assert_close(loss, twin(x.float(), y), rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)
    assert separate_loss(x.double(), y, criterion.centers)[0].dtype == torch.float64


def test_forward_uses_the_old_centres_then_moves():
    x, y, _ = make()
    criterion = SeparateLoss(5, 3, alpha=.3).double()
    before = criterion.centers.clone()
    assert_close(criterion(x, y), sum(separate_loss(x, y, before)), rtol=0, atol=0)
    assert_close(criterion.centers, before - .3 * separate_delta(x, y, before))


def test_loss_scale_does_not_reach_the_rule():
    x, y, _ = make()
    x.requires_grad_()
    one = SeparateLoss(5, 3).double()
    scaled = copy.deepcopy(one)
    one(x, y).backward(); (scaled(x, y) * 65536).backward()
    assert torch.equal(one.centers, scaled.centers)


def test_eval_freezes_and_state_dict_carries():
    x, y, _ = make()
    criterion, other = SeparateLoss(5, 3), SeparateLoss(5, 3)
    criterion(x.float(), y)
    assert list(criterion.state_dict()) == ["centers"] and not list(criterion.parameters())
    other.load_state_dict(criterion.state_dict())
    criterion.eval(), other.eval()
    before = criterion.centers.clone()
    assert_close(criterion(x.float(), y), other(x.float(), y), rtol=0, atol=0)
    assert torch.equal(criterion.centers, before)


def test_gradient_accumulation_across_moves():
    x, y, _ = make()
    x.requires_grad_()
    criterion = SeparateLoss(5, 3).double()
    starts, total = [], 0.
    for shift in (0., 1., 2.):
        starts.append(criterion.centers.clone())
        total = total + criterion(x + shift, y)
    total.backward()
    leaf = x.detach().clone().requires_grad_()
    sum(sum(separate_loss(leaf + s, y, c)) for s, c in zip((0., 1., 2.), starts)).backward()
    assert_close(x.grad, leaf.grad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_bad_batch_moves_nothing(bad):
    x, y, _ = make()
    x[3, 1] = bad
    criterion = SeparateLoss(5, 3).double()
    before = criterion.centers.clone()
    criterion(x, y)
    assert torch.equal(criterion.centers, before)


def test_autograd_centres_learn_by_the_optimizer_only():
    x, y, _ = make()
    criterion = SeparateLoss(5, 3, centers="autograd").double()
    before = criterion.centers.detach().clone()
    criterion(x, y).backward()
    assert torch.equal(criterion.centers, before)
    _, _, _, intra_c, inter_c, _ = reference(x, y, before)
    close(criterion.centers.grad, intra_c + inter_c)


def test_compiled_equals_eager():
    x, y, _ = make()
    x = x.requires_grad_()
    eager = SeparateLoss(5, 3).double()
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True)     # inductor: the back end people use
    for step in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(torch.autograd.grad(l, x)[0] for l in (a, b)))
        assert_close(eager.centers, compiled.centers)


def test_functional_transforms():
    x, y, c = make()
    leaf = x.clone().requires_grad_()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: sum(separate_loss(x[None], y[None], c))))(x, y)
    assert_close(per_sample / len(x), torch.autograd.grad(separate_loss(leaf, y, c)[0], leaf)[0])


def test_nothing_of_size_batch_or_classes_times_classes_times_dim():
    "The largest tensor that the forward and backward pass ever make."
    for B, K, d in ((64, 50, 40), (10, 200, 40)):
        x, y, criterion = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), SeparateLoss(K, d)
        with Largest() as seen: criterion(x, y).backward()
        assert 0 < seen.size <= 2 * max(K * d, B * d)


def test_a_plain_loop_lowers_the_loss():
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    x[:, 0] += 2 * y
    network, head, criterion = nn.Linear(4, 8), nn.Linear(8, 3), SeparateLoss(3, 8)
    optimizer, losses = torch.optim.SGD([*network.parameters(), *head.parameters()], lr=.1, momentum=.9), []
    for _ in range(100):
        z = network(x)
        loss = F.cross_entropy(head(z), y) + .9 * criterion(z, y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < .7 * losses[0]


# ---- two processes

def shares(kind, share, wrap):
    "Three steps of SGD on this process's share; the loss's centres and the network's weights."
    torch.manual_seed(0)
    network, criterion = nn.Linear(4, 3).double(), SeparateLoss(5, 3, centers=kind).double()
    network, objective = wrap(network), wrap(criterion) if kind == "autograd" else criterion
    optimizer = torch.optim.SGD([*network.parameters(), *objective.parameters()], lr=.1)
    for step in range(3):
        g = torch.Generator().manual_seed(step)
        x, y = torch.randn(8, 4, generator=g, dtype=torch.float64), torch.randint(5, (8,), generator=g)
        loss = objective(network(x[share]), y[share])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    return criterion.centers.detach().clone(), next(network.parameters()).detach().clone()


def worker(rank, store, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    out = {kind: shares(kind, slice(rank * 4, rank * 4 + 4), nn.parallel.DistributedDataParallel) for kind in ("rule", "autograd")}
    x, y, _ = make(m=8)
    torch.manual_seed(0)
    uneven = SeparateLoss(5, 3).double()
    uneven(x[:2] if rank == 0 else x[2:], y[:2] if rank == 0 else y[2:])
    torch.manual_seed(rank)
    different = SeparateLoss(5, 3).double()          # processes that started from different centres
    different(x, y)
    bad = SeparateLoss(5, 3).double()
    out["before"] = bad.centers.clone()
    bad(x * (float("nan") if rank else 1.), y)       # a bad number in one process: nobody moves
    if rank == 0: bad.eval()(x, y)                   # evaluation needs no partner
    torch.save(out | {"uneven": uneven.centers, "different": different.centers, "after": bad.centers}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(worker, args=(tmp_path / "store", tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for kind in ("rule", "autograd"):
        for ours, theirs, alone in zip(first[kind], second[kind], shares(kind, slice(None), lambda m: m)):
            assert torch.equal(ours, theirs)
            assert_close(ours, alone, rtol=1e-10, atol=1e-12)
    x, y, _ = make(m=8)
    torch.manual_seed(0)
    alone = SeparateLoss(5, 3).double()
    alone(x, y)
    assert_close(first["uneven"], alone.centers, rtol=1e-10, atol=1e-12)
    assert torch.equal(first["different"], second["different"])
    assert torch.equal(first["before"], first["after"]) and torch.equal(second["before"], second["after"])


# ---- Table 1

def test_similarity_table_by_hand():
    x, y = torch.tensor([[1., 0.], [0., 2.], [-3., 0.]]), torch.tensor([0, 0, 2])
    t = similarity_table(x, y, torch.tensor([[5., 0.], [0., 1.], [0., 2.]]))
    assert_close(t.intra, tensor([.5, float("nan"), 0.]), equal_nan=True)         # cosines 1 and 0; none; 0
    assert t.average_intra == .25                                                # over the classes that are there
    assert_close(t.average_inter, (0 + 0 + 1) / 3)
    assert_close(t.agreement, tensor([1 / 5 ** .5, float("nan"), 0.]), equal_nan=True)   # the mean of class 0 is (½, 1)


def test_true_centres_are_means_of_embeddings_not_of_directions():
    x, y = torch.tensor([[1., 0.], [0., 3.]]), torch.tensor([0, 0])
    assert_close(true_centers(x, y, 2), torch.tensor([[.5, 1.5], [float("nan")] * 2]), equal_nan=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), m=st.integers(2, 30), K=st.integers(2, 6))
def test_similarity_table_agrees_with_the_recorder(seed, m, K):
    x, y, c = make(m=m, K=K, seed=seed)
    t = similarity_table(x, y, true_centers(x, y, K))
    there = torch.bincount(y, minlength=K) > 0
    assert_close(t.agreement[there], torch.ones(int(there.sum()), dtype=torch.float64))
    if there.sum() < 2: return
    other = intra_inter(x, y)
    assert_close(t.intra[there], torch.from_numpy(other.intra))
    assert_close(t.average_inter, other.inter)
    learned = similarity_table(x, y, c)
    assert_close(1 - 2 * separate_loss(x, y, c)[0], learned.intra.nan_to_num() @ torch.bincount(y, minlength=K).double() / m)
    assert_close(2 * separate_loss(x, y, c)[1].item() - 1, learned.average_inter)


def test_one_class_has_no_inter(): assert math.isnan(similarity_table(*make("one_class")).average_inter)


def film(d=2, centers=True, frames=4, K=3):
    "A made-up run whose points approach their centres."
    rng = np.random.default_rng(0)
    run, c = Run(np.arange(12) % K, [f"class {k}" for k in range(K)], name="made up"), rng.normal(size=(K, d))
    for i in range(frames):
        x = c[run.labels] + rng.normal(size=(12, d)) / (1 + 3 * i)
        run.add(10 * i, x, run.labels, centers=c if centers else None)
    return run


def test_similarity_text_is_the_papers_table():
    x, y = torch.tensor([[1., 0.], [0., 2.]]), torch.tensor([0, 0])
    lines = similarity_text({"L_s": similarity_table(x, y, torch.tensor([[1., 0.], [0., 1.]]))}, ["NE", "HA"]).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == ["loss", "NE", "HA", "average intra", "average inter"]
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["L_s", "0.50", "–", "0.50", "0.00"]
    assert len({len(line) for line in lines}) == 1


def test_similarity_of_every_frame():
    run = film()
    learned, true = similarity_frames(run, "learned"), similarity_frames(run)
    assert len(learned) == len(true) == len(run)
    x = torch.from_numpy(run.embedding(1))
    assert_close(learned[1].intra, similarity_table(x, torch.from_numpy(run.labels), torch.from_numpy(run.centers[1])).intra)
    assert learned[-1].average_intra > learned[0].average_intra
    left, right = similarity_figure(run).axes
    assert_close(torch.tensor(left.lines[2].get_ydata()), tensor([t.average_intra for t in learned]))
    assert len(left.lines) == 4 and [line.get_label() for line in right.lines] == run.class_names


# ---- pictures

def test_carousel_reaches_the_floor_and_keeps_neighbours():
    c = torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    c[1] = c[0]
    way = carousel(c, 400)
    assert way.shape == (401, 7, 2) and torch.equal(way[0], c)
    values = [separate_loss(at, torch.arange(7), at)[1].item() for at in way]
    assert all(b <= a + 1e-9 for a, b in zip(values, values[1:])) and abs(values[-1] - .5 * (1 - 1 / 6)) < 1e-3
    assert_close(way[:, 0], way[:, 1])
    rule = c.clone()
    for _ in range(3): rule = rule - .2 * separate_delta(rule[:1], torch.tensor([0]), rule)     # a sample on its centre does not pull
    assert_close(carousel(c, 3, .2)[-1], rule)


def test_carousel_figure_shows_the_way():
    start = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    left, right = carousel_figure(start, 200).axes
    assert left.get_title() == "nearest pair 120° apart" and len(right.lines[0].get_ydata()) == 201
    assert_close(right.lines[1].get_ydata()[0], .25)
    assert carousel_figure(torch.eye(2), 0).axes[0].get_title() == "nearest pair 90° apart"


def test_the_force_field_turns_around_the_origin():
    x, y, c = make(d=2)
    term = lambda x, y, c: separate_loss(x, y, c)[0]
    force = forces(term, x, y, c)
    assert ((force * x).sum(1).abs() < 1e-12).all() and (((force * c[y]).sum(1)) >= -1e-12).all()     # sideways, and towards the centre
    assert len(force_field({"intra": term}, c, 0, x, y, grid=4).axes) == 2


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("centers", [True, False])
def test_sphere_figure_puts_everything_on_the_sphere(d, centers):
    run = film(d, centers, frames=6)
    figure = sphere_figure(run, frames=4)
    assert [f.name for f in figure.frames] == ["0", "20", "30", "50"] and len(figure.layout.sliders[0].steps) == 4
    assert len(figure.data) == 3 + centers + (d == 3) and figure.data[0].name == "class 0"
    for frame, i in zip(figure.frames, (0, 2, 3, 5)):
        for k in range(3):
            drawn = np.stack([frame.data[k][axis] for axis in "xyz"[:d]], 1)
            x = run.embedding(i)[run.labels == k]
            radius = 1 - .04 * k if d == 2 else 1
            np.testing.assert_allclose(drawn, radius * x / np.linalg.norm(x, axis=1, keepdims=True), atol=1e-5)
    if centers: assert list(figure.frames[0].data[3].text) == run.class_names


def test_sphere_figure_shows_no_more_frames_than_there_are():
    assert len(sphere_figure(film(frames=1)).frames) == 1 and len(sphere_figure(film(frames=3), frames=1).frames) == 1


X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BAD = [
    (lambda: separate_loss(X[0], Y, C), ValueError, r"x: expected non-empty embeddings \(B, d\), got shape \(3,\)"),
    (lambda: separate_loss(X[:0], Y[:0], C), ValueError, r"x: .*got shape \(0, 3\)"),
    (lambda: separate_loss(X.long(), Y, C), ValueError, "x: expected a floating-point dtype, got torch.int64"),
    (lambda: separate_loss(X.numpy(), Y, C), TypeError, "x: expected a tensor, got ndarray"),
    (lambda: separate_loss(X, Y, C[:0]), ValueError, r"c: expected non-empty centres \(K, d\), got shape \(0, 3\)"),
    (lambda: separate_loss(X, Y, C[:, :2]), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: separate_loss(X, Y.float(), C), ValueError, "y: expected class numbers of dtype torch.int64, got torch.float32"),
    (lambda: separate_loss(X, Y[:2], C), ValueError, r"y: expected one label per embedding, shape \(4,\), got \(2,\)"),
    (lambda: separate_loss(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: separate_delta(X, Y - 1, C), ValueError, "y: expected labels from 0 to 4, got -1 to -1"),
    (lambda: separate_delta(X, Y, C.int()), ValueError, "c: expected a floating-point dtype, got torch.int32"),
    (lambda: SeparateLoss(5, 3)(X, Y + 9), ValueError, "y: expected labels from 0 to 4, got 9 to 9"),
    (lambda: SeparateLoss(5, 2)(X, Y), ValueError, "x: expected embeddings of the centres' dimension 2, got 3"),
    (lambda: SeparateLoss(0, 2), ValueError, "num_classes: expected a whole number of at least 1, got 0"),
    (lambda: SeparateLoss(5, 2.5), ValueError, "feat_dim: expected a whole number of at least 1, got 2.5"),
    (lambda: SeparateLoss(5, 2, alpha=0), ValueError, r"alpha: expected a number in \(0, 1\], got 0"),
    (lambda: SeparateLoss(5, 2, alpha=float("nan")), ValueError, "alpha: .*got nan"),
    (lambda: SeparateLoss(5, 2, centers="sgd"), ValueError, "centers: expected 'rule' or 'autograd', got 'sgd'"),
    (lambda: similarity_table(X, Y + 5, C), ValueError, "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: similarity_table(X, Y, C[:, :1]), ValueError, "x: expected embeddings of the centres' dimension 1, got 3"),
    (lambda: true_centers(X, Y + 2, 2), ValueError, "y: expected labels from 0 to 1, got 2 to 2"),
    (lambda: similarity_text({"a": similarity_table(X, Y, C)}, ["one"]), ValueError, "class_names: expected 5 names, one per class, got 1"),
    (lambda: similarity_frames(film(), "both"), ValueError, "centers: expected 'true' or 'learned', got 'both'"),
    (lambda: similarity_frames(film(centers=False), "learned"), ValueError, "run: expected one with centres, got one without"),
    (lambda: carousel_figure(torch.zeros(3, 3)), ValueError, r"c: expected at least two centres \(K, 2\) in the plane, got shape \(3, 3\)"),
    (lambda: carousel_figure(torch.zeros(1, 2)), ValueError, r"c: expected at least two centres .*got shape \(1, 2\)"),
    (lambda: sphere_figure(film(d=4)), ValueError, "run: expected one with 2-D or 3-D frames, got Run"),
    (lambda: sphere_figure(film(frames=0)), ValueError, "run: expected one with 2-D or 3-D frames, got Run"),
    (lambda: sphere_figure(film(), frames=0), ValueError, "frames: expected a whole number of at least 1, got 0"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, error, message = BAD[number]
    with pytest.raises(error, match=message): call()
