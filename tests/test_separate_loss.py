"Separate loss: what is special about it (tests/losses holds it to the contract of all losses), its tables and pictures."
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.centers import force_field, forces, island_loss
from fer_nb.embeddings import Run, intra_inter
from fer_nb.separate_loss import (SeparateLoss, carousel, carousel_figure, separate_delta, separate_loss, similarity_figure,
                                  similarity_frames, similarity_table, similarity_text, sphere_figure, true_centers)
from loss_table import CASES, LOSSES, make, separate_parts
from reference import close, tensor

@pytest.mark.parametrize("case", CASES)
def test_terms_equal_the_reference(case):
    x, y, c = LOSSES["separate"].batch(case)
    intra, inter, _, _, inter_c, _ = separate_parts(x, y, c)
    floor = 1e-3 / c.abs().max().item() if c.any() else 0.    # forces are 1 / length
    terms = separate_loss(x, y, c.requires_grad_())
    assert_close(torch.stack(terms), tensor([intra, inter]), rtol=1e-10, atol=1e-14)
    close(torch.autograd.grad(terms[1], c, allow_unused=True)[0], inter_c, floor=floor)


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


# ---- Table 1

def test_similarity_table_by_hand():
    x, y = torch.tensor([[1., 0.], [0., 2.], [-3., 0.]]), torch.tensor([0, 0, 2])
    t = similarity_table(x, y, torch.tensor([[5., 0.], [0., 1.], [0., 2.]]))
    assert_close(t.intra, tensor([.5, float("nan"), 0.]), equal_nan=True)         # cosines 1 and 0; none; 0
    assert t.average_intra == .25                                                # over the classes that are there
    assert_close(t.average_inter, (0 + 0 + 1) / 3)
    assert_close(t.agreement, tensor([1 / 5 ** .5, float("nan"), 0.]), equal_nan=True)   # the mean of class 0 is (½, 1)


def test_true_centers_are_means_of_embeddings_not_of_directions():
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
    "A made-up run whose points approach their centers."
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

def test_carousel_reaches_the_floor_and_keeps_neighbors():
    c = torch.randn(7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    c[1] = c[0]
    way = carousel(c, 400)
    assert way.shape == (401, 7, 2) and torch.equal(way[0], c)
    values = [separate_loss(at, torch.arange(7), at)[1].item() for at in way]
    assert all(b <= a + 1e-9 for a, b in zip(values, values[1:])) and abs(values[-1] - .5 * (1 - 1 / 6)) < 1e-3
    assert_close(way[:, 0], way[:, 1])
    rule = c.clone()
    for _ in range(3): rule = rule - .2 * separate_delta(rule[:1], torch.tensor([0]), rule)     # a sample on its center does not pull
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
    assert ((force * x).sum(1).abs() < 1e-12).all() and (((force * c[y]).sum(1)) >= -1e-12).all()     # sideways, and towards the center
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
    (lambda: similarity_table(X, Y + 5, C), "y: expected labels from 0 to 4, got 5 to 5"),
    (lambda: similarity_table(X, Y, C[:, :1]), "x: expected embeddings of the centers' dimension 1, got 3"),
    (lambda: true_centers(X, Y + 2, 2), "y: expected labels from 0 to 1, got 2 to 2"),
    (lambda: similarity_text({"a": similarity_table(X, Y, C)}, ["one"]), "class_names: expected 5 names, one per class, got 1"),
    (lambda: similarity_frames(film(), "both"), "centers: expected one of true, learned, got 'both'"),
    (lambda: similarity_frames(film(centers=False), "learned"), "run: expected one with centers, got one without"),
    (lambda: carousel_figure(torch.zeros(3, 3)), r"c: expected a tensor \(K, 2\), got shape \(3, 3\)"),
    (lambda: carousel_figure(torch.zeros(1, 2)), r"c: expected at least two centers .*got shape \(1, 2\)"),
    (lambda: sphere_figure(film(d=4)), "run: expected one with 2-D or 3-D frames, got Run"),
    (lambda: sphere_figure(film(frames=0)), "run: expected one with 2-D or 3-D frames, got Run"),
    (lambda: sphere_figure(film(), frames=0), "frames: expected a whole number of at least 1, got 0"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
