"What every loss of loss_table.LOSSES keeps, in anybody's training loop; what is special about one is in its own file."
import copy
import io
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from loss_table import CASES, LOSSES
from reference import Largest, close

NAN = float("nan")


def parametrized(test): return pytest.mark.parametrize("loss", [pytest.param(entry, id=name) for name, entry in LOSSES.items() if test(entry)])

every = parametrized(lambda loss: True)
moving = parametrized(lambda loss: loss.rule)  # whose centers follow a rule
learned = parametrized(lambda loss: "autograd" in loss.modes)
directed = parametrized(lambda loss: loss.turns)


def with_cases(test):
    "Every loss with every case of which its reference knows something."
    pairs = [pytest.param(loss, case, id=f"{name}-{case}") for name, loss in LOSSES.items() if test(loss) for case in CASES if case not in loss.without]
    return pytest.mark.parametrize("loss, case", pairs)


def prepared(loss, c=None, dtype=torch.float64, K=5, d=3, **settings):
    "A module with the given centers; otherwise with random ones that no rule has touched."
    torch.manual_seed(0)
    criterion = loss.module(K if c is None else len(c), d if c is None else c.shape[1], **settings).to(dtype)
    put(criterion, loss.batch(K=K, d=d, seed=7)[2] if c is None else c)
    return criterion

@torch.no_grad()
def put(criterion, c): criterion.centers.copy_(c)

def grad(value, *inputs, **kw): return torch.autograd.grad(value, inputs, **kw)


# ---- what it computes

@with_cases(lambda loss: True)
def test_value_and_gradients_equal_the_reference(loss, case):
    x, y, c = loss.batch(case)
    value, for_x, for_c = loss.reference(x, y, c)
    # forces go with 1 / length where only directions count
    floors = [1e-3 / t.abs().max().item() if loss.turns and t.any() else 0. for t in (x, c)]
    x.requires_grad_(), c.requires_grad_()
    ours = loss.value(x, y, c)
    assert ours.shape == () and ours.dtype == torch.float64
    close(ours, value, least=loss.least)
    for mine, theirs, floor in zip(grad(ours, x, c), (for_x, for_c), floors): close(mine, theirs, floor=floor, least=loss.least)
    at = loss.used(x.detach(), y, c.detach())
    criterion = prepared(loss, c.detach())
    close(criterion(x, y), loss.reference(x.detach(), y, at)[0], least=loss.least)
    put(criterion, c)
    close(criterion.eval()(x, y), value, least=loss.least)

@with_cases(lambda loss: loss.rule)
def test_the_centers_move_by_the_rule(loss, case):
    x, y, c = loss.batch(case)
    expected, floor = loss.rule(x, y, c), 1e-3 / c.abs().max().item() if loss.turns and c.any() else 0.
    if loss.step: close(loss.step(x, y, c), expected, floor=floor, least=loss.least)
    for alpha in (.3, 1.):
        criterion = prepared(loss, c, alpha=alpha)
        criterion(x, y)
        close(criterion.centers, c - alpha * expected, floor=floor, least=loss.least)

@every
def test_gradcheck_and_second_derivatives(loss):
    x, y, c = loss.batch(m=5)
    x.requires_grad_(), c.requires_grad_()
    for K in (5, 3):                                              # both more and fewer samples than classes
        labels = y % K
        for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
            assert check(lambda x, c: loss.value(x, labels[:4], c[:K]), (x[:4], c))
    criterion = prepared(loss).eval()
    assert torch.autograd.gradcheck(lambda x: criterion(x, y), x)

@pytest.mark.parametrize("loss, case", [pytest.param(loss, case, id=f"{name}-{case}") for name, loss in LOSSES.items() for case in CASES
                                        if case != "one_class" or "one_class" not in loss.without])
def test_everything_stays_finite(loss, case):
    x, y, c = loss.batch(case)
    for dtype in (torch.float32, torch.float64):
        if dtype == torch.float32 and loss.turns: x, c = ((t / t.abs().max().clamp(min=1e-300)) * (1e30 if "huge" in case else 1.) for t in (x, c))
        leaf, criterion = x.to(dtype).requires_grad_(), prepared(loss, c.to(dtype), dtype)
        for _ in range(1 if case == "tiny" and not loss.turns else 3):   # island's rule throws tiny centers far away
            value = criterion(leaf, y)
            assert value.isfinite() and grad(value, leaf)[0].isfinite().all() and criterion.centers.isfinite().all()

@every
def test_repeatable_on_the_cpu(loss):
    x, y, c = loss.batch(m=300)
    x.requires_grad_(), c.requires_grad_()
    for function in (lambda: grad(loss.value(x, y, c), x, c), *([lambda: (loss.step(x, y, c),)] if loss.step else [])):
        first = function()
        for _ in range(4): assert all(map(torch.equal, function(), first))

@every
def test_functional_transforms(loss):
    x, y, c = loss.batch()
    per_sample = torch.func.vmap(torch.func.grad(lambda x, y: loss.value(x[None], y[None], c)))(x, y)
    x.requires_grad_()
    assert_close(per_sample, grad(sum(loss.value(x[i:i + 1], y[i:i + 1], c) for i in range(len(x))), x)[0])
    if loss.mean: assert_close(per_sample / len(x), grad(loss.value(x, y, c), x)[0])
    ensemble = torch.func.vmap(loss.value, in_dims=(None, None, 0))(x, y, torch.stack([c, c + 1]))
    assert_close(ensemble, torch.stack([loss.value(x, y, c), loss.value(x, y, c + 1)]))

@every
def test_nothing_of_size_batch_times_classes_times_dim(loss):
    "The largest tensor that the forward and backward pass ever make."
    for B, K, d in ((64, 50, 40), (10, 200, 40)):
        x, y, criterion = torch.randn(B, d, requires_grad=True), torch.randint(K, (B,)), loss.module(K, d)
        with Largest() as seen: criterion(x, y).backward()
        assert 0 < seen.size <= 2 * max(B * K * loss.table, K * d, B * d)


# ---- the words of torch.nn.CrossEntropyLoss

WEIGHT = torch.tensor([1., 3., 0., 2., 1.], dtype=torch.float64)

def words(loss, mode=None, seed=0, **settings):
    "A module with a batch of ten, and its centers; with `mode` those are parameters or follow the rule."
    x, y, c = loss.batch(m=10, seed=seed)
    return prepared(loss, c, **({"centers": mode} if mode else {}), **settings), x.requires_grad_(), y, c

@moving
def test_a_weight_is_how_often_a_sample_stands_in_the_batch(loss):
    criterion, x, y, c = words(loss, weight=WEIGHT)
    again = y.new_tensor([i for i, k in enumerate(y.tolist()) for _ in range(int(WEIGHT[k]))])
    twin = prepared(loss, c)
    value, expected = criterion(x, y), twin(x[again], y[again])
    assert_close(value, expected, rtol=1e-10, atol=1e-12)
    assert_close(grad(value, x)[0], grad(expected, x)[0], rtol=1e-10, atol=1e-12)
    close(criterion.centers, twin.centers, least=loss.least)
    assert not torch.equal(criterion.centers, c) and criterion.state_dict()["weight"].equal(WEIGHT)

@moving
def test_an_ignored_sample_counts_nowhere(loss):
    criterion, x, y, c = words(loss)
    some = torch.arange(10) % 3 > 0
    for ignored in (-100, -1, 2):                                  # also a class
        criterion, twin = prepared(loss, c, ignore_index=ignored), prepared(loss, c)
        kept = some & (y != ignored)
        value, expected = criterion(x, torch.where(some, y, ignored)), twin(x[kept], y[kept])
        assert_close(value, expected, rtol=1e-10, atol=1e-12)
        close(criterion.centers, twin.centers, least=loss.least)
        assert_close(grad(value, x)[0], grad(expected, x)[0], rtol=1e-10, atol=1e-12)

@moving
def test_reductions(loss):
    (mean, x, y, c), y[:2] = words(loss, weight=WEIGHT), -100
    single, total = (prepared(loss, c, weight=WEIGHT, reduction=r) for r in ("none", "sum"))
    each, counted = single(x, y), torch.where(y >= 0, WEIGHT[y.clamp(min=0)], 0.)
    assert each.shape == (10,) and not each[:2].any() and (each != 0).any()
    assert_close(total(x, y), each.sum())
    assert_close(mean(x, y), each.sum() / counted.sum())
    if loss.used(x, y, c) is c and loss.mean:                      # not divided by the batch's size once more
        alone = torch.stack([loss.value(x[i:i + 1], y[i:i + 1], c) for i in range(2, 10)])
        assert_close(each[2:], alone * counted[2:], rtol=1e-9, atol=1e-12)
    close(single.centers, mean.centers), close(total.centers, mean.centers)

@moving
def test_soft_labels(loss):
    criterion, x, y, c = words(loss)
    if loss.used(x.detach(), y, c) is not c: c = loss.used(x.detach(), y, c)
    soft = torch.randn(10, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64).softmax(1)
    module = partial(prepared, loss, c, reduction="none")
    sure, value = module().eval()(x, F.one_hot(y, 5).double()), module().eval()(x, soft)
    assert_close(sure, module().eval()(x, y), rtol=1e-9, atol=1e-12)
    mixed = sum(soft[:, k] * module().eval()(x, torch.full_like(y, k)) for k in range(5))
    assert_close(value, mixed, rtol=1e-9, atol=1e-12)
    assert_close(*(grad(v.sum(), x)[0] for v in (value, mixed)), rtol=1e-9, atol=1e-12)
    hard, same, weighted = prepared(loss, c), prepared(loss, c), prepared(loss, c, weight=WEIGHT)
    hard(x, y), same(x, F.one_hot(y, 5).double())
    close(hard.centers, same.centers, 1e-9, least=1e-12)
    weighted(x, soft), same.load_state_dict({"centers": c}), same(x, soft * WEIGHT)
    close(weighted.centers, same.centers, 1e-9, least=1e-12)

@every
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_labels_of_any_whole_type(loss, dtype):
    (x, y, c), criterion = loss.batch(), prepared(loss)
    twin = copy.deepcopy(criterion)
    assert torch.equal(criterion(x, y.to(dtype)), twin(x, y)) and torch.equal(criterion.centers, twin.centers)

@moving
@pytest.mark.parametrize("kind", ["empty", "ignored"])
def test_a_batch_in_which_nothing_counts(loss, kind):
    criterion, x, y, c = words(loss)
    x, y = (x[:0], y[:0]) if kind == "empty" else (x, torch.full_like(y, -100))
    value = criterion(x, y)
    assert value.isfinite() and not grad(value, x)[0].any()
    apart = loss.step is not None and loss.step(x, y, c).isfinite().all()     # island's centers go on without samples
    assert apart or torch.equal(criterion.centers, c)

@moving
def test_parameters_can_be_drawn_later(loss):
    "The convention of modules made on the meta device."
    with torch.device("meta"): criterion = loss.module(5, 3)
    criterion.to_empty(device="cpu")
    torch.manual_seed(3), criterion.reset_parameters()
    torch.manual_seed(3)
    assert torch.equal(criterion.centers, loss.module(5, 3).centers)


# ---- precision

@pytest.mark.parametrize("loss, mode", [pytest.param(loss, mode, id=f"{name}-{mode}") for name, loss in LOSSES.items() for mode in loss.modes])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_inputs_count_in_float32(loss, dtype, mode):
    x, y, _ = loss.batch(m=500)
    x = x.to(dtype).requires_grad_()
    wide = x.detach().float().requires_grad_()
    criterion = prepared(loss, dtype=torch.float32, centers=mode)
    twin = copy.deepcopy(criterion)
    for context in (torch.autocast("cpu", dtype=torch.bfloat16), torch.autocast("cpu", enabled=False)):
        with context: value = criterion(x, y)
        expected = twin(wide, y)
        assert value.dtype == torch.float32
        assert_close(value, expected, rtol=0, atol=0)
        assert torch.equal(criterion.centers, twin.centers)
        low, high = grad(value, x)[0], grad(expected, wide)[0]
        assert low.dtype == dtype and torch.equal(low, high.to(dtype))

@every
def test_dtypes_widen_to_the_larger(loss):
    x, y, c = loss.batch()
    assert loss.value(x, y, c.float()).dtype == loss.value(x.float(), y, c).dtype == torch.float64
    assert loss.value(x.half(), y, c.bfloat16()).dtype == torch.float32

@every
def test_a_module_in_bfloat16_stays_finite(loss):
    x, y, _ = loss.batch()
    criterion = prepared(loss, dtype=torch.bfloat16)
    before = criterion.centers.detach().clone()
    value = criterion(x.bfloat16().requires_grad_(), y)
    value.backward()
    assert value.isfinite() and criterion.centers.dtype == (torch.float32 if loss.rule else torch.bfloat16)
    assert bool(loss.rule) != torch.equal(before, criterion.centers)

@moving
def test_centers_are_never_narrower_than_float32(loss):
    "In bfloat16 a center at 10 could not take a step of 0.01"
    criterion = loss.module(5, 3)
    for change in (nn.Module.half, nn.Module.bfloat16, lambda m: m.to(torch.bfloat16)):
        before = criterion.centers.clone()
        assert change(criterion) is criterion and criterion.centers.dtype == torch.float32 and torch.equal(criterion.centers, before)
    assert criterion.double().centers.dtype == torch.float64
    for mode in loss.modes: assert loss.module(5, 3, centers=mode).to("meta").half().centers.dtype == torch.float32
    torch.set_default_dtype(torch.bfloat16)
    try: assert loss.module(5, 3).centers.dtype == torch.float32
    finally: torch.set_default_dtype(torch.float32)

@directed
@pytest.mark.parametrize("norm", [0., 1e-3, 1e3, 1e30])
def test_float32_at_any_length(loss, norm):
    norm = norm or loss.shortest
    x, y, c = loss.batch(m=40, d=64)
    leaves = [[(norm * t).float().requires_grad_() for t in (x, c)], [t.clone().requires_grad_() for t in (x, c)]]
    low, high = ([value := loss.value(x, y, c), *grad(value, x, c)] for x, c in leaves)
    assert_close(low[0].double(), high[0], rtol=1e-6, atol=1e-6)
    for a, b in zip(low[1:], high[1:]): close(a.double() * norm, b, rtol=1e-5)


# ---- in a training loop

@every
@pytest.mark.slow
def test_compiled_equals_eager(loss):
    x, y, _ = loss.batch()
    x.requires_grad_()
    eager = prepared(loss)
    compiled = torch.compile(copy.deepcopy(eager), fullgraph=True, backend=loss.compiler)
    for _ in range(2):
        a, b = eager(x, y), compiled(x, y)
        assert_close(a, b)
        assert_close(*(grad(value, x)[0] for value in (a, b)))
        assert_close(eager.centers, compiled.centers)

@every
@pytest.mark.parametrize("training", [True, False])
def test_exported_with_any_batch_size(loss, training):
    x, y, _ = loss.batch()
    eager, batch = prepared(loss, dtype=torch.float32).train(training), torch.export.Dim("batch", min=2)
    program = torch.export.export(copy.deepcopy(eager), (x.float(), y), dynamic_shapes=({0: batch}, {0: batch}), strict=False).module()
    for m in (3, 20):                                              # fewer and more samples than classes
        x, y, _ = loss.batch(m=m, seed=m)
        assert_close(program(x.float(), y), eager(x.float(), y))
    moved, = program.buffers() if loss.rule else program.parameters()
    assert_close(moved, eager.centers)

@moving
def test_forward_uses_the_old_centers_then_moves(loss):
    x, y, _ = loss.batch()
    criterion = prepared(loss, alpha=.3)
    for alpha in (.3, 1.):                                        # sliders move it while it runs
        criterion.alpha = alpha
        before = criterion.centers.clone()
        assert_close(criterion(x, y), loss.value(x, y, loss.used(x, y, before)))
        close(criterion.centers, before - alpha * loss.rule(x, y, before), least=loss.least)

@every
def test_eval_freezes_and_state_dict_carries(loss):
    x, y, _ = loss.batch()
    criterion, other = (loss.module(5, 3) for _ in range(2))
    start = criterion.centers.detach().clone()
    criterion(x.float(), y)
    assert torch.equal(criterion.centers, start) != bool(loss.rule)
    assert len(criterion.state_dict()) == 1 and [n for n, _ in criterion.named_parameters()] == ([] if loss.rule else list(criterion.state_dict()))
    if loss.rule: assert list(criterion.state_dict()) == ["centers"]
    other.load_state_dict(criterion.state_dict())
    criterion.eval(), other.eval()
    before = criterion.centers.detach().clone()
    assert_close(criterion(x.float(), y), other(x.float(), y), rtol=0, atol=0)
    assert torch.equal(criterion.centers, before)
    criterion.train()
    with torch.no_grad(): criterion(x.float(), y)                          # the usual validation loop, which leaves the criterion alone
    with torch.inference_mode(): criterion(x.float(), y)
    assert torch.equal(criterion.centers, before)

@every
def test_copies_and_files_carry_everything(loss):
    x, y, _ = loss.batch()
    criterion, file = prepared(loss, alpha=.3) if loss.rule else prepared(loss), io.BytesIO()
    criterion(x, y)
    torch.save(criterion, file)
    file.seek(0)
    copies = [copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion)), torch.load(file, weights_only=False)]
    expected = criterion(x, y)
    for other in copies:
        assert other.centers.data_ptr() != criterion.centers.data_ptr() and repr(other) == repr(criterion)
        assert_close(other(x, y), expected, rtol=0, atol=0)
        assert torch.equal(other.centers, criterion.centers)

@every
def test_gradient_accumulation_across_moves(loss):
    x, y, _ = loss.batch()
    x.requires_grad_()
    criterion, starts, total = prepared(loss), [], 0.
    for shift in (0., 1., 2.):
        starts.append(criterion.centers.detach().clone())
        total = total + criterion(x + shift, y)
    total.backward()
    leaf = x.detach().clone().requires_grad_()
    sum(loss.value(leaf + s, y, loss.used(leaf.detach() + s, y, c)) for s, c in zip((0., 1., 2.), starts)).backward()
    assert_close(x.grad, leaf.grad)

@every
def test_backward_after_further_moves(loss):
    x, y, _ = loss.batch()
    criterion, used = prepared(loss), []
    leaf, twin = (x.clone().requires_grad_() for _ in range(2))
    def look(inputs):
        used.append((inputs, criterion.centers.detach().clone()))
        return criterion(inputs, y)
    first, second = look(leaf), look(leaf + 1)
    criterion.eval(); third = look(leaf); criterion.train(); criterion(leaf, y)
    (first + second).backward()
    at = [loss.used(inputs.detach(), y, c) for inputs, c in used]
    (loss.value(twin, y, at[0]) + loss.value(twin + 1, y, at[1])).backward()
    assert_close(leaf.grad, twin.grad)
    leaf.grad = twin.grad = None
    third.backward(); loss.value(twin, y, used[2][1]).backward()
    assert_close(leaf.grad, twin.grad)

@moving
def test_loss_scale_does_not_reach_the_rule(loss):
    x, y, _ = loss.batch()
    x.requires_grad_()
    one = prepared(loss)
    scaled = copy.deepcopy(one)
    for _ in range(2): one(x, y).backward(); (scaled(x, y) * 65536).backward()
    assert torch.equal(one.centers, scaled.centers)

@every
def test_mixed_precision_with_a_gradient_scaler(loss):
    x, y, _ = loss.batch(m=60)
    weights = []
    for enabled in (False, True):
        torch.manual_seed(0)
        network, criterion = nn.Linear(3, 3), prepared(loss, dtype=torch.float32)
        scaler, optimizer = torch.amp.GradScaler("cpu", enabled=enabled), torch.optim.SGD([*network.parameters(), *criterion.parameters()], lr=.01)
        for _ in range(3):
            with torch.autocast("cpu", dtype=torch.bfloat16): value = criterion(network(x.float()), y)
            optimizer.zero_grad(); scaler.scale(value).backward(); scaler.step(optimizer); scaler.update()
        weights.append([network.weight.detach(), criterion.centers.detach()])
    assert_close(*weights, rtol=1e-5, atol=1e-7)
    assert weights[0][0].isfinite().all() and not torch.equal(weights[0][1], loss.batch(K=5, d=3, seed=7)[2].float())

@moving
@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_bad_batch_moves_nothing(loss, bad):
    x, y, _ = loss.batch()
    x[3, 1] = bad
    criterion = prepared(loss)
    before = criterion.centers.clone()
    criterion(x, y)
    assert torch.equal(criterion.centers, before)

@learned
def test_autograd_centers_learn_by_the_optimizer_only(loss):
    x, y, c = loss.batch()
    criterion = prepared(loss, c, centers="autograd")
    assert len(list(criterion.parameters())) == 1
    criterion(x, y).backward()
    assert torch.equal(criterion.centers, c)
    close(criterion.centers.grad, loss.reference(x, y, c)[2], least=loss.least)
    loss.module(5, 3).load_state_dict(criterion.state_dict())          # the same name in both

@learned
def test_autograd_centers_follow_no_rule_in_a_functional_call(loss):
    "torch.func.functional_call lends the module plain tensors in the place of its Parameters."
    x, y, c = loss.batch()
    criterion = prepared(loss, c, centers="autograd")
    lent = {name: p.detach().clone() for name, p in criterion.named_parameters()}
    assert_close(torch.func.functional_call(criterion, lent, (x, y)), criterion(x, y).detach())
    assert all(torch.equal(lent[name], p) for name, p in criterion.named_parameters())

@every
def test_a_plain_loop_lowers_the_loss(loss):
    torch.manual_seed(0)
    x, y = torch.randn(60, 4), torch.arange(3).repeat(20)
    x[:, 0] += 3 * y
    network, head, criterion = nn.Linear(4, 8), nn.Linear(8, 3), loss.module(3, 8)
    optimizer, losses = torch.optim.SGD([*network.parameters(), *head.parameters(), *criterion.parameters()], lr=.05, momentum=.9), []
    for _ in range(100):
        z = network(x)
        value = F.cross_entropy(head(z), y) + loss.weight * criterion(z, y)
        optimizer.zero_grad(); value.backward(); optimizer.step()
        losses.append(value.item())
    assert losses[-1] < .6 * losses[0]


# ---- bad input

X, Y, C = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), torch.zeros(5, 3)
BATCHES = {
    "a vector": ((X[0], Y, C), r"x: expected a tensor \(B, d\), got shape \(3,\)"),
    "no dimension": ((X[:, :0], Y, C[:, :0]), r"c: expected at least one row and one column, got shape \(5, 0\)"),
    "three dimensions": ((X[None], Y, C), r"x: expected a tensor \(B, d\), got shape \(1, 4, 3\)"),
    "whole numbers": ((X.long(), Y, C), "x: expected a floating-point dtype, got torch.int64"),
    "a list": ((X.tolist(), Y, C), r"x: expected a tensor \(B, d\), got list"),
    "an array": ((X.numpy(), Y, C), r"x: expected a tensor \(B, d\), got ndarray"),
    "another dimension": ((X, Y, C[:, :2]), "x: expected embeddings of the centers' dimension 2, got 3"),
    "one center": ((X, Y, C[0]), r"c: expected a tensor \(K, d\), got shape \(3,\)"),
    "no center": ((X, Y, C[:0]), r"c: expected at least one row and one column, got shape \(0, 3\)"),
    "whole centers": ((X, Y, C.int()), "c: expected a floating-point dtype, got torch.int32"),
    "labels in a list": ((X, Y.tolist(), C), "y: expected a tensor, got list"),
    "floating labels": ((X, Y.float(), C), r"y: expected class numbers, or probabilities \(4, 5\), got \(4,\) of torch.float32"),
    "labels true or false": ((X, Y.bool(), C), r"y: expected class numbers \(B,\) or probabilities \(B, K\), got torch.bool"),
    "negative probabilities": ((X, X[:, :1] - C.sum(1) - .5, C), "y: expected probabilities of at least 0, got -0.5"),
    "probabilities that are none": ((X, NAN * torch.ones(4, 5), C), "y: expected probabilities of at least 0, got nan"),
    "too few labels": ((X, Y[:2], C), r"y: expected one label per embedding, shape \(4,\), got \(2,\)"),
    "a column of labels": ((X, Y[:, None], C), r"y: expected one label per embedding, shape \(4,\), got \(4, 1\)"),
    "one-hot labels": ((X, F.one_hot(Y, 5), C), r"y: expected one label per embedding, shape \(4,\), got \(4, 5\)"),
    "labels too large": ((X, Y + 5, C), "y: expected labels from 0 to 4, got 5 to 5"),
    "negative labels": ((X, Y - 1, C), "y: expected labels from 0 to 4, got -1 to -1"),
    "a label beside the ignored one": ((X, Y - 101, C), "y: expected labels from 0 to 4, got -101 to -101"),
}
SETTINGS = {
    "no class": ((0, 2), {}, "num_classes: expected a whole number of at least 1, got 0"),
    "a floating number of classes": ((5.0, 2), {}, "num_classes: expected a whole number of at least 1, got 5.0"),
    "True classes": ((True, 2), {}, "num_classes: expected a whole number of at least 1, got True"),
    "half a dimension": ((5, 2.5), {}, "feat_dim: expected a whole number of at least 1, got 2.5"),
    "a negative dimension": ((5, -1), {}, "feat_dim: expected a whole number of at least 1, got -1"),
    "standing still": ((5, 2), {"alpha": 0}, "alpha: expected a finite number above 0 and at most 1, got 0"),
    "too far": ((5, 2), {"alpha": 1.1}, "alpha: expected a finite number above 0 and at most 1, got 1.1"),
    "nan": ((5, 2), {"alpha": NAN}, "alpha: expected a finite number above 0 and at most 1, got nan"),
    "another kind of centers": ((5, 2), {"centers": "sgd"}, "centers: expected .*, got 'sgd'"),
    "weights in a list": ((5, 2), {"weight": [1.] * 5}, r"weight: expected a tensor \(5,\), got list"),
    "too few weights": ((5, 2), {"weight": torch.ones(4)}, r"weight: expected a tensor \(5,\), got shape \(4,\)"),
    "whole weights": ((5, 2), {"weight": torch.ones(5).long()}, "weight: expected a floating-point dtype, got torch.int64"),
    "a negative weight": ((5, 2), {"weight": torch.arange(5.) - 1}, "weight: expected finite numbers of at least 0, got .-1.0, 0.0"),
    "an infinite weight": ((5, 2), {"weight": torch.ones(5) * math.inf}, "weight: expected finite numbers of at least 0, got"),
    "half a label to ignore": ((5, 2), {"ignore_index": .5}, "ignore_index: expected a whole number, got 0.5"),
    "another reduction": ((5, 2), {"reduction": "median"}, "reduction: expected one of mean, sum, none, got 'median'"),
}

@moving
@pytest.mark.parametrize("case", BATCHES)
def test_a_bad_batch_is_named(loss, case):
    (x, y, c), message = BATCHES[case]
    for function in filter(None, (loss.value, loss.step)):
        with pytest.raises(ValueError, match=message): function(x, y, c)
    if c is C:                                                    # a module brings its own centers
        criterion = prepared(loss, dtype=torch.float32)
        before = criterion.centers.clone()
        with pytest.raises(ValueError, match=message): criterion(x, y)
        assert torch.equal(criterion.centers, before)

@moving
@pytest.mark.parametrize("case", SETTINGS)
def test_bad_settings_are_named(loss, case):
    sizes, settings, message = SETTINGS[case]
    with pytest.raises(ValueError, match=message): loss.module(*sizes, **settings)

@moving
def test_a_module_names_a_batch_of_another_dimension(loss):
    with pytest.raises(ValueError, match="x: expected embeddings of the centers' dimension 2, got 3"): loss.module(5, 2)(X, Y)

@moving
def test_any_whole_number_will_do(loss):
    criterion = loss.module(np.int64(5), torch.tensor(3))
    assert type(criterion.num_classes) is type(criterion.feat_dim) is int and criterion.centers.shape == (5, 3)

@moving
def test_half_of_the_step_is_taken_unless_told_otherwise(loss): assert loss.module(5, 3).alpha == .5
