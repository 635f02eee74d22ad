"Schedules that are drawn while a training runs, and what there is to see meanwhile."
import json
import math

import pytest
import torch
from torch import nn

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.backbones import Output
from fer_nb.embeddings import record
from fer_nb.grl import Diagnosis, DomainAdversarial, DomainClassifier, Finding
from fer_nb.grl.plans import LIMIT, MirrorLook, Plan, Steered
from fer_nb.training import Batches, fit


class Planar(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.classifier = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2)), nn.Linear(2, 3)
    def forward(self, x): return Output(z := self.features(x), self.classifier(z))

def points():
    g = torch.Generator().manual_seed(0)
    y, d = torch.arange(60) % 3, torch.arange(60) // 30
    a = y * 2 * torch.pi / 3 + .7 * d
    return torch.stack([a.cos(), a.sin()], 1) * 2 + .3 * torch.randn(60, 2, generator=g), y, d

def training(objective_of=lambda n: Steered(DomainClassifier(2), steps=n), epochs=6, lr=.05):
    x, y, d = points()
    torch.manual_seed(0)
    model, batches = Planar(), Batches(x, torch.where(d == 0, y, -1), d, batch_size=20)
    objective = objective_of(epochs * len(batches))
    return fit(model, objective, batches, epochs, lr=lr), objective

def recorded(**more):
    steps, objective = training(**more)
    x, y, d = points()
    return record(steps, (x, y), 3, domains={"lab": 30, "studio": 30}, look=MirrorLook((x, y, d), 2)), objective


@pytest.mark.parametrize("settings", [{}, dict(clamp=.5), dict(alpha=None, lambd=.1), dict(scales="loss", clamp=5000.)])
def test_nobody_has_drawn_anything_the_same_training(settings):
    ends = []
    for kind in (DomainAdversarial, Steered):
        for step in training(lambda n: kind(DomainClassifier(2), steps=n, **settings))[0]: pass
        ends.append(torch.cat([p.flatten() for p in step.model.parameters()]))
    assert torch.equal(*ends)

def test_looking_changes_nothing():
    ends = []
    for step in training()[0]: pass
    ends.append(step.model.features[0].weight)
    for step in recorded()[0]: pass
    assert torch.equal(ends[0], step.model.features[0].weight)

def test_a_drawn_curve_holds_from_the_next_step_on():
    run, objective = recorded()
    for step in run:
        if step.n == 9: objective.plan.draw("λ", [(0, 0.), (9, .25), (18, 1.)])
    assert run.steps == [1, 3, 6, 9, 12, 15, 18]
    own = [math.tanh(5 * n / 18) for n in (1, 3, 6, 9)]
    assert run.curves["λ"] == pytest.approx(own + [.5, .75, 1.], abs=1e-6)
    assert objective.plan.drawn == [dict(name="λ", corners=[(0, 0.), (9, .25), (18, 1.)])]

def test_a_limit_at_the_upper_end_is_none_and_a_low_one_silences():
    _, objective = training(lambda n: Steered(DomainClassifier(2), steps=n, clamp=1.))
    objective.plan.draw("limit", [(0, LIMIT), (18, LIMIT)])
    assert objective.schedule()[1] == math.inf
    objective.plan.draw("limit", [(0, 0.), (18, 0.)])
    x, y, d = points()
    assert objective.look((x, y, d), Output(x, x[:, [0, 1, 0]])).clamped == 1

def test_the_margin_is_the_heads_own():
    head = AngularSoftmax(2, 2, 8., .3, True)
    objective = Steered(DomainClassifier(2, head=head), steps=10)
    assert set(objective.plan.most) == {"λ", "limit", "margin"} and "margin" not in Steered(DomainClassifier(2), steps=10).plan.most
    objective.plan.draw("margin", [(0, 0.), (10, 1.)])
    x, y, d = points()
    for _ in range(3): objective((x, y, d), Output(x, x[:, [0, 1, 0]]))
    assert head.m == pytest.approx(.2)

def test_the_first_corners_show_the_formula():
    corners = Steered(DomainClassifier(2), steps=50, lambd=.3).plan.said()["curves"]["λ"]["corners"]
    assert [n for n, _ in corners] == [5 * i for i in range(11)]
    assert [v for _, v in corners] == pytest.approx([.3 * math.tanh(5 * i / 10) for i in range(11)], rel=1e-5)
    json.dumps(Steered(DomainClassifier(2), steps=50).plan.said(), allow_nan=False) # no limit is the upper end

@pytest.mark.parametrize("name, corners", [("μ", [(0, 0.), (9, 0.)]), ("λ", [(0, 0.)]), ("λ", [(3, 0.), (1, 0.)]), ("λ", [(0, -1.), (9, 0.)]),
                                           ("λ", [(0, 0.), (10, 0.)]), ("λ", [(0, math.nan), (9, 0.)]), ("λ", [(0, "a"), (9, 0.)])])
def test_wrong_corners_are_refused_and_change_nothing(name, corners):
    plan = Plan(9, {"λ": (1., [0.] * 11)})
    before = plan.said()
    with pytest.raises(ValueError, match="expected"): plan.draw(name, corners)
    assert plan.said() == before

def test_curves_and_findings_of_a_mirror():
    run, _ = recorded()
    run.finish()
    assert list(run.curves) == ["accuracy, source", "accuracy, target", "proxy A-distance", "λ", "limit", "domain classifier right", "reversed gradient"]
    assert all(len(v) == len(run) for v in run.curves.values())
    assert run.curves["limit"] == [LIMIT] * len(run)

def test_findings_appear_while_it_runs():
    run, _ = recorded(objective_of=lambda n: Steered(DomainClassifier(2), steps=n, clamp=.01))
    run.finish()
    first = {f["name"]: f["frame"] for f in run.findings}
    assert "clamp always active" in first and 0 < first["clamp always active"] < len(run) - 1

def test_what_one_examination_finds_is_told_if_the_next_finds_it_too(monkeypatch):
    answers = iter([["λ applied twice"], ["not reversed"], ["not reversed", "λ near 0"]])
    def doctor(subject, *rest): return Diagnosis([Finding(name, "m", "a") for name in next(answers)] if rest else [])
    monkeypatch.setattr("fer_nb.grl.plans.doctor", doctor)
    run, _ = recorded()
    run.finish()
    assert [(f["name"], f["frame"]) for f in run.findings] == [("not reversed", 5)]

def test_training_without_a_mirror_has_accuracies_and_distance():
    class Softmax(nn.Module):
        def forward(self, batch, output): return {"softmax": nn.functional.cross_entropy(output.logits, batch[1], ignore_index=-1)}
    run, _ = recorded(objective_of=lambda n: Softmax())
    assert list(run.finish().curves) == ["accuracy, source", "accuracy, target", "proxy A-distance"] and run.findings == []
    right = run.predictions == run.labels
    assert run.curves["accuracy, source"][-1] == pytest.approx(right[:30].mean()) and run.curves["accuracy, target"][-1] == pytest.approx(right[30:].mean())

def test_numbers_that_are_not_finite_stop_the_training_with_its_own_words():
    x, y, d = points()
    look = MirrorLook((x, y, d))
    assert look(None, Output(torch.full((60, 2), math.nan), torch.zeros(60, 3))) == {}
