"NonFiniteLoss: the step, the term, the cause, and the way back."
import math

import pytest
import torch
from torch import nn

from _kill_training import Follow
from fer_nb.training import Batches, NonFiniteLoss, Objective, curves_figure, fit
from training_parts import X, Y, Constant, net, same, state


def broken(objective, x=X, model=None, **kwargs):
    "Train until it breaks; the error, and how many steps came out."
    taken, model = 0, model or net()
    with pytest.raises(NonFiniteLoss) as caught:
        for step in fit(model, objective, Batches(x, Y, batch_size=8, shuffle=False), **{"epochs": 3, "lr": .01, **kwargs}): taken = step.n
    return caught.value, taken


def after(steps, objective=None, model=None, **kwargs):
    "What is trained after so many good steps."
    model, objective = model or net(), objective or Objective()
    for step in fit(model, objective, Batches(X, Y, batch_size=8, shuffle=False), **{"epochs": 3, "lr": .01, **kwargs}):
        if step.n == steps: break
    return state(model, objective)


def test_bad_batch():
    x, model, objective = X.clone(), net(), Objective()
    x[25, 0, 2, 2] = math.nan # fourth batch
    error, taken = broken(objective, x, model)
    assert (error.step, error.term, error.good, taken) == (4, "softmax", 3, 3) and "batch itself" in error.cause
    assert str(error) == ("step 4: softmax not finite. Likely cause: the batch itself holds NaN or infinity, look at the data. "
                          "Model and objective are back in the state after step 3.")
    assert same(state(model, objective), after(3)) and isinstance(error, FloatingPointError)


def test_bad_term():
    objective = Objective(odd=Constant(0, 0, 0, math.inf))
    error, taken = broken(objective)
    assert (error.step, error.terms, taken) == (4, ["odd"], 3) and "the term itself" in error.cause and "softmax" in error.cause


def test_bad_slope():
    class Root(nn.Module):
        def forward(self, x, y): return (x - x.detach()).abs().sqrt().sum()
    model = net()
    before = state(model)
    error, taken = broken(Objective(root=Root()), model=model)
    assert (error.step, error.term, error.good, taken) == (1, "gradient", 0, 0) and "slope" in error.cause
    assert same(before, state(model)) and "before the first step" in str(error)


def test_divergence():
    class Push(nn.Module):
        def forward(self, x, y): return x.square().sum()
    model = net()
    error, taken = broken(Objective(push=Push()), model=model, lr=.5, clip=None)
    assert 1 < error.step < 15 and "diverging" in error.cause and "clip=5" in error.cause and "0.5 now" in error.cause
    assert all(t.isfinite().all() for t in state(model)) and model(X).logits.isfinite().all()
    error, _ = broken(Objective(push=Push()), lr=50., clip=1e6)
    assert "1e+06 now" in error.cause


@pytest.mark.parametrize("bad_step, good", [(4, 0), (6, 4), (8, 4), (9, 4), (10, 8)])
def test_checks_now_and_then(bad_step, good):
    "Looking every 4 steps: the error names the step that broke; the state is the last that is known to be good."
    model, objective = net(), Objective(follow=Follow10(), odd=Constant(*[0.] * (bad_step - 1), math.nan))
    error, taken = broken(objective, model=model, check_every=4)
    assert (error.step, error.term, error.good) == (bad_step, "odd", good) and taken == 4 * math.ceil(bad_step / 4) - 1
    reference, clean = net(), Objective(follow=Follow10(), odd=Constant())
    if good: after(good, clean, reference)
    assert same(state(model, objective), state(reference, clean))


class Follow10(Follow):
    def __init__(self):
        super().__init__()
        self.centers = torch.zeros(10, 2)


def test_the_end_is_checked_too():
    error, taken = broken(Objective(odd=Constant(*[0.] * 14, math.nan)), check_every=100)
    assert error.step == 15 and taken == 14


def test_one_can_go_on_after_it():
    model = net()
    broken(Objective(odd=Constant(0, 0, math.nan)), model=model)
    assert [step.n for step in fit(model, Objective(), Batches(X, Y), epochs=2)] == [1, 2]


def test_the_picture():
    fig = curves_figure({"whole": ([1, 2, 3], [1, 1, 1]), "cut": ([1, 5], [1, 9])})
    assert [len(ax.lines) for ax in fig.axes] == [3, 3] and fig.axes[0].lines[2].get_ydata() == [5]
