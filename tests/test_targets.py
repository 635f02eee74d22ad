"What labels say: the words of torch.nn.CrossEntropyLoss, held against it."
import itertools
import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from fer_nb.targets import REDUCTIONS, read_targets

WEIGHTS = None, torch.tensor([.5, 2., 0., 1.], dtype=torch.float64)


def batch(seed=0, m=9, K=4):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(m, K, generator=g, dtype=torch.float64), torch.randint(K, (m,), generator=g)


@pytest.mark.parametrize("weight, reduction, ignored", itertools.product(WEIGHTS, REDUCTIONS, (-100, -1, 3)))
def test_class_numbers_as_cross_entropy_reads_them(weight, reduction, ignored):
    (logits, y), ours = batch(), batch()[0].requires_grad_()
    y[[1, 4]] = ignored
    theirs = logits.requires_grad_()
    targets = read_targets(y, ours, 4, weight, ignored)
    mine = targets.reduce(targets.pick(-ours.log_softmax(1)), reduction)
    value = F.cross_entropy(theirs, y, weight, ignore_index=ignored, reduction=reduction)
    assert_close(mine, value)
    assert_close(torch.autograd.grad(mine.sum(), ours)[0], torch.autograd.grad(value.sum(), theirs)[0])


@pytest.mark.parametrize("weight, reduction", itertools.product(WEIGHTS, REDUCTIONS))
def test_probabilities_as_cross_entropy_reads_them(weight, reduction):
    logits, _ = batch()
    soft = batch(1)[0].softmax(1)
    targets = read_targets(soft, logits, 4, weight)
    mine = targets.reduce(targets.pick(-logits.log_softmax(1)), reduction)
    assert_close(mine, F.cross_entropy(logits, soft, weight, reduction=reduction))


def test_what_each_sample_counts_by_hand():
    y, x, weight = torch.tensor([2, -100, 0, 2]), torch.zeros(4, 1), torch.tensor([5., 1., .5])
    targets = read_targets(y, x, 3, weight)
    assert targets.y.tolist() == [2, 0, 0, 2] and targets.w.tolist() == [.5, 0, 5, .5] and targets.count == 6 and targets.parts == 1
    assert targets.table(3).tolist() == [[0, 0, .5], [0, 0, 0], [5, 0, 0], [0, 0, .5]]
    assert targets.counts(3).tolist() == [[5], [0], [1]]
    values = torch.tensor([[1., 10], [2, 20], [3, 30], [4, 40]])
    assert targets.sums(values, 3).tolist() == [[15, 150], [0, 0], [2.5, 25]]
    assert targets.rows(torch.tensor([[7.], [8], [9]])).tolist() == [[9], [7], [7], [9]]
    assert targets.reduce(values[:, 0], "none", 100.).tolist() == [50.5, 0, 515, 52]
    assert targets.reduce(values[:, 0], "sum", 100.) == 617.5 and targets.reduce(values[:, 0], between=100.) == 17.5 / 6 + 100


def test_samples_that_count_less_than_one_together():
    targets = read_targets(torch.tensor([0, 0]), torch.zeros(2, 1), 2, torch.tensor([.25, 1.]))
    assert targets.reduce(torch.tensor([8., 4.])) == 6


def test_soft_labels_by_hand():
    y, weight = torch.tensor([[.25, .75], [1., 0.]]), torch.tensor([1., 2.])
    targets = read_targets(y, torch.zeros(2, 1), 2, weight)
    assert targets.y.tolist() == [1, 0] and targets.table(2).tolist() == [[.25, 1.5], [1, 0]] and targets.count == 2
    assert targets.counts(2).tolist() == [[1.25], [1.5]] and targets.sums(torch.tensor([[1.], [10.]]), 2).tolist() == [[10.25], [1.5]]
    assert targets.pick(torch.tensor([[4., 8], [6, 7]])).tolist() == [13, 6] and targets.rows(torch.tensor([[2.], [3.]])).tolist() == [[5], [2]]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_of_any_whole_type(dtype):
    targets = read_targets(torch.tensor([0, 2, 1]).to(dtype), torch.zeros(3, 1), 3)
    assert targets.y.tolist() == [0, 2, 1] and targets.w.tolist() == [1, 1, 1]


def test_label_156_of_a_byte_is_no_ignored_one():
    "-100 in eight bits"
    with pytest.raises(ValueError, match="y: expected labels from 0 to 3, got 156 to 156"): read_targets(torch.tensor([156], dtype=torch.uint8), torch.zeros(1, 1), 4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_counts(reduction):
    x = torch.zeros(3, requires_grad=True)
    value = read_targets(torch.full((3,), -100), x, 2).reduce(x * 2 + 1, reduction)
    assert value == 0 and torch.autograd.grad(value, x)[0].tolist() == [0, 0, 0]
    for y in (torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2)): assert read_targets(y, x[:0], 2).reduce(x[:0], reduction) == 0


def test_compiled_labels_out_of_range_are_no_last_class():
    "Nobody can look at labels inside a compiled graph; they must not count as another class's."
    def value(x, y): return read_targets(y, x, 3).rows(x[:3]).sum()
    compiled = torch.compile(value, fullgraph=True, backend="aot_eager")
    assert compiled(torch.ones(4, 2), torch.tensor([0, 1, 2, 0])) == 8
    with pytest.raises(Exception, match="index"): compiled(torch.ones(4, 2), torch.tensor([0, 1, -1, 0]))


def shares(rank):
    "Three samples here, one there; with and without what counts."
    y = torch.tensor([0, 1, 1, -100])
    targets = read_targets(y[:3] if rank == 0 else y[3:], torch.zeros(3 if rank == 0 else 1), 2, torch.tensor([1., 3.])).together()
    return targets.count, targets.parts, targets.reduce(torch.ones(len(targets.y)))


def test_processes_share_the_count(ddp):
    (count, parts, first), (same, _, second) = ddp(shares)
    assert count == same == 7 / 2 and parts == 2 and first == 2 and second == 0   # their mean is the whole batch's, 1


@pytest.mark.parametrize("call, message", [
    (lambda x, y: read_targets(y.tolist(), x, 4), "y: expected a tensor, got list"),
    (lambda x, y: read_targets(y[:-1], x, 4), r"y: expected one label per embedding, shape \(9,\), got \(8,\)"),
    (lambda x, y: read_targets(y > 1, x, 4), r"y: expected class numbers \(B,\) or probabilities \(B, K\), got torch.bool"),
    (lambda x, y: read_targets(x[:, :3], x, 4), r"y: expected class numbers, or probabilities \(9, 4\), got \(9, 3\) of torch.float64"),
    (lambda x, y: read_targets(x, x, 4), "y: expected probabilities of at least 0, got -"),
    (lambda x, y: read_targets(x * math.nan, x, 4), "y: expected probabilities of at least 0, got nan"),
    (lambda x, y: read_targets(y + 1, x, 4), "y: expected labels from 0 to 3, got 1 to 4"),
    (lambda x, y: read_targets(y - 1, x, 4), "y: expected labels from 0 to 3, got -1 to 2"),
    (lambda x, y: read_targets(y, x, 4, torch.ones(3)), r"weight: expected a tensor \(4,\), got shape \(3,\)"),
    (lambda x, y: read_targets(y, x, 4, torch.ones(4, dtype=torch.int64)), "weight: expected a floating-point dtype, got torch.int64"),
    (lambda x, y: read_targets(y, x, 4, torch.tensor([1., 1, math.inf, 1])), "weight: expected finite numbers of at least 0, got"),
    (lambda x, y: read_targets(y, x, 4, torch.tensor([1., 1, -1, 1])), "weight: expected finite numbers of at least 0, got"),
    (lambda x, y: read_targets(y, x, 4, -torch.ones(4)), "weight: expected finite numbers of at least 0, got"),
    (lambda x, y: read_targets(y, x, 4).reduce(x[:, 0], "Mean"), "reduction: expected one of mean, sum, none, got 'Mean'"),
])
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message): call(*batch())


def test_the_softmax_loss_of_what_is_labeled():
    from fer_nb.targets import softmax_loss
    logits, y = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.tensor([2, -1, 0, -1, 1])
    torch.testing.assert_close(softmax_loss(logits, y), F.cross_entropy(logits[::2], y[::2]))
    gradient, = torch.autograd.grad(softmax_loss(logits, y), logits)
    assert not gradient[1::2].any() and gradient[::2].any(1).all()
    assert softmax_loss(logits, torch.full((5,), -1)) == 0
    with pytest.raises(ValueError, match="y: expected labels from 0 to 2"): softmax_loss(logits, torch.tensor([3, 0, 0, 0, 0]))
