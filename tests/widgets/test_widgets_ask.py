"What pulls on a point, and schedules that the page draws."
import threading

import pytest
import torch

from fer_nb.grl import DomainClassifier
from fer_nb.grl.plans import MirrorLook, Steered
from fer_nb.backbones import Output
from fer_nb.embeddings import record
from fer_nb.papers import recording
from fer_nb.training import Batches, fit
from fer_nb.widgets import race, theatre
from fer_nb.widgets.ask import answer, draw, forces, plans_said
from toy_runs import finished, growing, until, watch


def trained(steps=12, **settings):
    run = recording(every=100, epochs=4, **settings)
    for step in run:
        if step.n == steps: return run

class Planar(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.classifier = torch.nn.Linear(2, 2), torch.nn.Linear(2, 3)
    def forward(self, x): return Output(z := self.features(x), self.classifier(z))

def two_domains(epochs=2):
    g = torch.Generator().manual_seed(0)
    x, y, d = torch.randn(60, 2, generator=g), torch.arange(60) % 3, torch.arange(60) // 30
    torch.manual_seed(0)
    objective = Steered(DomainClassifier(2), steps=3 * epochs, lambd=.5)
    steps = fit(Planar(), objective, Batches(x, torch.where(d == 0, y, -1), d, batch_size=20), epochs)
    run = record(steps, (x, y), 1, domains={"lab": 30, "studio": 30}, look=MirrorLook((x, y, d)))
    run.plan = objective.plan
    return run, (x, torch.where(d == 0, y, -1), d)

def pulled(model, objective, batch):
    "−N times the gradient of the whole training loss at the embeddings, as leaves"
    model.eval(), objective.eval()
    e = model(batch[0]).embedding.detach().requires_grad_()
    sum(objective(batch, Output(e, model.classifier(e))).values()).backward()
    return -len(e) * e.grad


@pytest.mark.parametrize("settings", [dict(loss="dda"), dict(loss="softmax"), dict(loss="center", lam=.3), dict(loss="island", lam=.1), dict(loss="separate"),
                                      dict(loss="margin"), dict(loss="angular"), dict(loss="dda", centers="autograd")])
def test_the_sum_is_the_gradient_of_the_training_loss(settings):
    run = trained(**settings)
    step, x = run._last
    seen = [forces(run, i) for i in range(0, 500, 83)]
    truth = pulled(step.model, step.objective, (x, torch.as_tensor(run.labels)))[::83]
    torch.testing.assert_close(torch.tensor([s["sum"] for s in seen]), truth, rtol=1e-5, atol=1e-5)
    assert truth.abs().max() > .1 and list(seen[0]["forces"]) == ["softmax"] + [settings["loss"]] * (settings["loss"] not in ("softmax", "angular"))
    for s in seen: assert s["sum"] == pytest.approx([sum(v) for v in zip(*s["forces"].values())])

def test_the_mirror_has_turned_the_domains_force_around():
    run, batch = two_domains()
    run.finish()
    step, x = run._last
    truth = pulled(step.model, step.objective, batch)
    for i in (0, 45):
        seen = forces(run, i)
        torch.testing.assert_close(torch.tensor(seen["sum"]), truth[i], rtol=1e-5, atol=1e-5)
        assert (seen["forces"]["softmax"] == [0, 0]) == (i == 45) # the studio has no labels
    e = step.model(x).embedding.detach().requires_grad_()
    step.objective.domain_nll(e, batch[2]).mean().backward()
    lambd = step.objective.schedule()[0].item()
    torch.testing.assert_close(torch.tensor(forces(run, 45)["forces"]["domain"]), lambd * 60 * e.grad[45], rtol=1e-4, atol=1e-6)

def test_asking_changes_nothing():
    ends = []
    for ask in (False, True):
        run = recording(loss="dda", every=100, epochs=4)
        for step in run:
            if ask: forces(run, step.n)
            if step.n == 8: break
        ends.append([*step.model.state_dict().values(), *step.objective.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*ends)) and step.model.training and step.objective.training

@pytest.mark.parametrize("point", [-1, 500, 1.5, True])
def test_no_such_point(point):
    with pytest.raises(ValueError, match="^point: expected"): forces(trained(1, loss="softmax"), point)

def test_what_fails_is_said_in_words():
    told = answer(finished(), dict(panel=0, point=3, generation=2))
    assert told["type"] == "forces" and told["generation"] == 2 and told["error"].startswith("ValueError: run: expected one that is trained here")


# ---------------------------------------------------------------- questions of the page
def ask(made, **more): made._hear(None, dict(type="ask", panel=0, point=3, generation=made._trainer.generation) | more, [])

def test_a_training_at_rest_answers_at_once():
    made = race([trained(3, loss="center")], play=False)
    box = watch(made)
    ask(made)
    told, = [m for m, _ in box if m["type"] == "forces"]
    assert told["step"] == 3 and told["point"] == 3 and "error" not in told
    ask(made, generation=9)
    assert len(box) == 1 and made.error is None

def test_a_training_that_runs_answers_between_two_steps_and_goes_on():
    made = race([recording(loss="dda", every=50, epochs=200)])
    box, where = watch(made), []
    until(lambda: made.runs[0]._last is not None and made.runs[0]._last[0].n > 3)
    made._trainer.between(lambda: where.append(threading.current_thread().name))
    ask(made)
    until(lambda: any(m["type"] == "forces" for m, _ in box))
    told = next(m for m, _ in box if m["type"] == "forces")
    until(lambda: made.runs[0]._last[0].n > told["step"] + 2)
    assert where == ["fer_nb training"] and "error" not in told and made.running and made.error is None

def test_a_question_while_the_thread_ends_is_answered_all_the_same():
    made = theatre(growing, steps=3)
    made._trainer.join()
    done = []
    made._trainer.between(lambda: done.append(1))
    assert done == [1]

def test_a_drawn_schedule_reaches_the_next_step():
    run, _ = two_domains(epochs=4)
    made = race([run], play=False)
    watch(made)
    made._hear(None, dict(type="ready"), [])
    assert made._status["plans"][0]["curves"]["λ"]["most"] == 1. and made._status["plans"][0]["drawn"] == 0
    for _ in range(3): next(run)
    made._hear(None, dict(type="draw", panel=0, generation=0, name="λ", corners=[[0, .125], [12, .125]]), [])
    assert made._status["plans"][0]["drawn"] == 1 and run.recipe["drawn"][0]["name"] == "λ"
    for _ in range(2): next(run)
    assert run.curves["λ"][-1] == .125 and run.curves["λ"][2] != .125
    made._hear(None, dict(type="draw", panel=0, generation=5, name="λ", corners=[[0, 0], [12, 0]]), []) # of another training
    assert made._status["plans"][0]["drawn"] == 1

def test_runs_without_a_plan_say_nothing():
    assert plans_said([finished()]) == {} and plans_said([finished(), two_domains()[0]])["plans"][0] is None
    with pytest.raises(ValueError, match="^draw: expected a run with a plan"): draw(finished(), dict(name="λ", corners=[]))
