"What every loss of arena_table.PLAIN keeps, in anybody's training loop; what is special about one is in its own file."
import copy
import io
import math
import pickle
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from arena_table import CASES, K, PLAIN
from fer_nb.arena import PlainLoss
from reference import close

NAN = float("nan")
WEIGHT = torch.tensor([1., 3., 0., 2., 1.], dtype=torch.float64)


def parametrized(test): return pytest.mark.parametrize("loss", [pytest.param(entry, id=name) for name, entry in PLAIN.items() if test(entry)])

every = parametrized(lambda loss: True)
alone = parametrized(lambda loss: loss.alone)
soft = parametrized(lambda loss: loss.soft)
cases = pytest.mark.parametrize("loss, case", [pytest.param(loss, case, id=f"{name}-{case}") for name, loss in PLAIN.items() for case in CASES])

def grad(value, x): return torch.autograd.grad(value, x)[0]

def mean(values):
    said = [v for v in values if v is not None]
    return math.fsum(said) / len(said) if said else 0.

def slopes(loss, x, y, h=1e-6):
    "Central differences of the reference."
    def at(i, k, step):
        rows = x.tolist()
        rows[i][k] += step
        return mean(loss.reference(rows, y.tolist()))
    return torch.tensor([[(at(i, k, h) - at(i, k, -h)) / (2 * h) for k in range(x.shape[1])] for i in range(len(x))], dtype=torch.float64)


# ---- what it computes

@cases
def test_value_and_gradient_equal_the_reference(loss, case):
    x, y = loss.batch(case)
    expected = mean(loss.reference(x.tolist(), y.tolist()))
    x.requires_grad_()
    ours, criterion = loss.value(x, y), loss.module().double()
    assert ours.shape == () and ours.dtype == torch.float64
    close(ours, expected, 1e-7, least=1e-12)                           # tables of the modules and of the entries are float32
    close(criterion(x, y), expected, 1e-6, least=1e-12)
    close(criterion.eval()(x, y), expected, 1e-6, least=1e-12)
    if case not in (*loss.rough, "huge"): close(grad(ours, x), slopes(loss, x.detach(), y), 1e-6, least=1e-8)

@every
def test_gradcheck_and_second_derivatives(loss):
    x, y = loss.batch(m=6)
    x.requires_grad_()
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck): assert check(lambda x: loss.value(x, y), x)
    criterion = loss.module().double()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x)

@cases
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_stays_finite(loss, case, dtype):
    x, y = loss.batch(case, huge=1e4)
    x = x.to(dtype).requires_grad_()
    criterion = loss.module()
    value = criterion(x, y)
    assert value.isfinite()
    value.backward()
    assert x.grad.isfinite().all() and all(p.grad.isfinite().all() for p in criterion.parameters())

@alone
def test_functional_transforms(loss):
    x, y = loss.batch()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: loss.value(x[None], y[None])))(x, y)
    assert_close(per_sample / len(x), grad(loss.value(x.requires_grad_(), y), x))


# ---- the words of torch.nn.CrossEntropyLoss

@alone
def test_a_weight_is_how_often_a_sample_stands_in_the_batch(loss):
    x, y = loss.batch()
    again = y.new_tensor([i for i, k in enumerate(y.tolist()) for _ in range(int(WEIGHT[k]))])
    x.requires_grad_()
    value, expected = loss.value(x, y, weight=WEIGHT), loss.value(x[again], y[again])
    assert_close(value, expected, rtol=1e-10, atol=1e-12)
    assert_close(grad(value, x), grad(expected, x), rtol=1e-10, atol=1e-12)
    assert_close(loss.module(weight=WEIGHT).double()(x, y), expected, rtol=1e-6, atol=1e-7)

@parametrized(lambda loss: not loss.alone)
def test_among_many_a_weight_is_an_anchors(loss):
    x, y = loss.batch()
    kinder = torch.tensor([1., 3., 2., 2., 1.], dtype=torch.float64)
    each = loss.value(x, y, reduction="none")
    counted = kinder[y] * (each != 0)
    assert_close(loss.value(x, y, weight=kinder), (each * counted).sum() / counted.sum())
    there = y != 2
    assert_close(loss.value(x, y, weight=WEIGHT), (w := loss.value(x[there], y[there], weight=WEIGHT, reduction="none")).sum() / (WEIGHT[y[there]] * (w != 0)).sum())

@every
def test_an_ignored_sample_counts_nowhere(loss):
    x, y = loss.batch()
    some = torch.arange(len(y)) % 4 > 0
    for ignored in (-100, -1, 2):                                      # also a class
        kept, marked = some & (y != ignored), torch.where(some, y, ignored)
        a, b = x.clone().requires_grad_(), x[kept].clone().requires_grad_()
        value, expected = loss.value(a, marked, ignore_index=ignored), loss.value(b, y[kept])
        assert_close(value, expected, rtol=1e-10, atol=1e-12)
        assert_close(grad(value, a)[kept], grad(expected, b), rtol=1e-10, atol=1e-12)
        assert_close(loss.module(ignore_index=ignored).double()(x, marked), expected, rtol=1e-6, atol=1e-7)

@every
def test_reductions(loss):
    x, y = loss.batch()
    y[:2] = -100
    each, total = (loss.module(reduction=r).double()(x, y) for r in ("none", "sum"))
    assert each.shape == y.shape and not each[:2].any()
    assert_close(total, each.sum())
    assert_close(loss.module().double()(x, y), each.sum() / (each != 0).sum())
    found = loss.reference(x[2:].tolist(), y[2:].tolist())
    assert_close(each[2:], torch.tensor([v or 0. for v in found], dtype=torch.float64), rtol=1e-6, atol=1e-7)

@soft
def test_soft_labels(loss):
    x, y = loss.batch()
    q = torch.randn(len(y), K, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(1)
    assert_close(loss.value(x, F.one_hot(y, K).double()), loss.value(x, y))
    mixed = sum(q[:, k] * loss.value(x, torch.full_like(y, k), reduction="none") for k in range(K))
    assert_close(loss.value(x, q, reduction="none"), mixed)
    assert_close(loss.value(x, q, weight=WEIGHT, reduction="none"), sum(WEIGHT[k] * q[:, k] * loss.value(x, torch.full_like(y, k), reduction="none") for k in range(K)))

@parametrized(lambda loss: not loss.soft)
def test_soft_labels_are_refused_where_they_make_no_sense(loss):
    x, y = loss.batch()
    with pytest.raises(ValueError, match=r"y: expected class numbers \(B,\).*, got probabilities"): loss.value(x, F.one_hot(y, K).double())

@every
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_labels_of_any_whole_type(loss, dtype):
    x, y = loss.batch()
    assert torch.equal(loss.module()(x, y.to(dtype)), loss.module()(x, y))

@every
@pytest.mark.parametrize("kind", ["empty", "ignored"])
def test_a_batch_in_which_nothing_counts(loss, kind):
    x, y = loss.batch()
    x, y = (x[:0], y[:0]) if kind == "empty" else (x, torch.full_like(y, -100))
    x.requires_grad_()
    value = loss.module()(x, y)
    assert value == 0 and not grad(value, x).any()


# ---- precision

@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_inputs_count_in_float32(loss, dtype):
    x, y = loss.batch(m=60)
    x = x.to(dtype).requires_grad_()
    wide, criterion = x.detach().float().requires_grad_(), loss.module()
    expected = criterion(wide, y)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: value = criterion(x, y)
        assert value.dtype == torch.float32
        assert_close(value, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(grad(value, x), grad(expected, wide).to(dtype))

@every
def test_tables_are_never_narrower_than_float32(loss):
    criterion = loss.module(weight=WEIGHT.float())
    before = {name: b.clone() for name, b in criterion.named_buffers()}
    assert criterion.half() is criterion and all(torch.equal(b, before[name]) and b.dtype == torch.float32 for name, b in criterion.named_buffers())
    assert all(b.dtype == torch.float64 for b in criterion.double().buffers())


# ---- in a training loop

@every
def test_compiled_equals_eager(loss):
    x, y = loss.batch()
    x.requires_grad_()
    torch._dynamo.reset()                                              # other losses of the table have been through the same lines
    eager = loss.module(weight=WEIGHT + 1).double()
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True, backend="aot_eager")
    a, b = eager(x, y), compiled(x, y)
    assert_close(a, b)
    assert_close(grad(a, x), grad(b, x))

@every
def test_copies_and_files_carry_everything(loss):
    x, y = loss.batch()
    criterion, file = loss.module(weight=WEIGHT), io.BytesIO()
    expected = criterion(x, y)
    torch.save(criterion, file)
    file.seek(0)
    for other in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion)), torch.load(file, weights_only=False)):
        assert torch.equal(other(x, y), expected) and repr(other) == repr(criterion)
    other = loss.module(weight=torch.ones(K, dtype=torch.float64))
    other.load_state_dict(criterion.state_dict())
    assert torch.equal(other(x, y), expected)

@every
def test_a_plain_loop_lowers_the_loss(loss):
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    x[:, 0] += 3 * y
    network, criterion = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, loss.columns)), loss.module()
    optimizer, losses = torch.optim.SGD([*network.parameters(), *criterion.parameters()], lr=.05, momentum=.9), []
    for _ in range(150):
        value = criterion(network(x), y)
        optimizer.zero_grad(); value.backward(); optimizer.step()
        losses.append(value.item())
    assert losses[-1] < .85 * losses[0] and min(losses) >= 0

def share(rank, name, cut):
    "The loss of a process's share of the batch in training, the gradients DDP would make of it, and the loss in use."
    x, y = PLAIN[name].batch()
    x, part = x.requires_grad_(), slice(0, cut) if rank == 0 else slice(cut, None)
    criterion = PLAIN[name].module().double()
    value = criterion(x[part], y[part])
    value.backward()
    pushes = [p.grad / 2 for p in (x, *criterion.parameters())]
    return value.detach(), pushes, criterion.eval()(x[part], y[part]).detach()

@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.slow
def test_two_unequal_shares_make_the_whole(ddp, name):
    x, y = PLAIN[name].batch()
    criterion, x = PLAIN[name].module().double(), x.requires_grad_()
    whole = criterion(x, y)
    whole.backward()
    for cut in (3, 0):
        first, second = ddp(share, name, cut)
        assert_close((first[0] + second[0]) / 2, whole.detach())
        for a, b, p in zip(first[1], second[1], (x, *criterion.parameters()), strict=True): assert_close(a + b, p.grad)
        assert_close(second[2], PLAIN[name].module().double()(x[cut:], y[cut:]).detach())


# ---- bad input

BATCHES = {
    "a vector": (lambda x, y: (x[0], y), r"(logits|x): expected a tensor \(B, \w\), got shape \(\d,\)"),
    "whole numbers": (lambda x, y: (x.long(), y), "(logits|x): expected a floating-point dtype, got torch.int64"),
    "a list": (lambda x, y: (x.tolist(), y), r"(logits|x): expected a tensor \(B, \w\), got list"),
    "labels in a list": (lambda x, y: (x, y.tolist()), "y: expected a tensor, got list"),
    "too few labels": (lambda x, y: (x, y[:2]), r"y: expected one label per embedding, shape \(11,\), got \(2,\)"),
    "labels too large": (lambda x, y: (x, y + 5), "y: expected labels from 0 to 4, got 5 to 9"),
    "negative labels": (lambda x, y: (x, y - 1), "y: expected labels from 0 to 4, got -1 to 3"),
    "labels true or false": (lambda x, y: (x, y > 1), r"y: expected class numbers \(B,\) or probabilities \(B, K\), got torch.bool")}
SETTINGS = {
    "too few weights": (dict(weight=torch.ones(4)), r"weight: expected a tensor \(5,\), got shape \(4,\)"),
    "a negative weight": (dict(weight=torch.arange(5.) - 1), "weight: expected finite numbers of at least 0, got"),
    "half a label to ignore": (dict(ignore_index=.5), "ignore_index: expected a whole number, got 0.5"),
    "another reduction": (dict(reduction="median"), "reduction: expected one of mean, sum, none, got 'median'")}

@every
@pytest.mark.parametrize("case", BATCHES)
def test_a_bad_batch_is_named(loss, case):
    spoil, message = BATCHES[case]
    for function in (loss.value, loss.module()):
        with pytest.raises(ValueError, match=message): function(*spoil(*loss.batch()))

@every
@pytest.mark.parametrize("case", SETTINGS)
def test_bad_settings_are_named(loss, case):
    settings, message = SETTINGS[case]
    with pytest.raises(ValueError, match=message): loss.module(**settings)

@parametrized(lambda loss: loss.columns == K)
def test_a_module_names_logits_of_other_classes(loss):
    x, y = loss.batch()
    with pytest.raises(ValueError, match="logits: expected 5 columns, got 4"): loss.module()(x[:, :4], y.clamp(max=3))

def test_who_inherits_says_what_the_loss_is():
    with pytest.raises(NotImplementedError): PlainLoss(3)(torch.zeros(2, 3), torch.zeros(2).long())
    with pytest.raises(ValueError, match="num_classes: expected a whole number of at least 1, got 0"): partial(PlainLoss)(0)
