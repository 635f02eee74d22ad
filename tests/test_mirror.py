"Domain adaptation by name, trained side by side."
import json

import numpy as np
import pytest
import torch

from fer_nb.backbones import Output
from fer_nb.embeddings import Run
from fer_nb.grl.plans import Steered
from fer_nb.mirror import METHODS, Adaptation, _objective, adaptation, adaptation_race

QUICK = dict(epochs=1, every=40)


def frames(run, n):
    "The run, grown to that many frames"
    while len(run) < n: next(run)
    return run

@pytest.mark.parametrize("method", METHODS)
def test_every_recipe_by_name_trains_and_is_seen(method):
    run = frames(adaptation(method=method, epochs=1, every=2), 2)
    assert run.name == method and run.d == 2 and run.domain_names == ["lab_color", "studio_gray"]
    assert (run.domains == np.repeat([0, 1], 70)).all() and run.images.shape == (140, 32, 32)
    mirror = method in ("DANN", "clamped", "UDAT", "UDAT-AS")
    assert ("reversed gradient" in run.curves) == mirror == (run.plan is not None)
    assert ("margin" in run.curves) == (method == "UDAT-AS") and ("coral" in run.losses) == (method == "CORAL")
    assert Adaptation(**run.recipe) == Adaptation(method, epochs=1)

def test_source_only_never_sees_the_target():
    for method, domains in (("source only", {0}), ("mixed", {0, 1})):
        step = next(adaptation(method=method, **QUICK))
        assert set(step.batch[2].tolist()) == domains
        assert (step.batch[1][step.batch[2] == 1] == -1).all()

@pytest.mark.parametrize("method, settings", [("DANN", dict(strength=1., clamp=None, alpha=10., scales="reversal")), ("UDAT", dict(strength=.1, alpha=None)),
                                              ("clamped", dict(clamp=5000., alpha=10., scales="loss")), ("UDAT-AS", dict(strength=.01, alpha=None))])
def test_what_the_names_mean(method, settings):
    objective = _objective(Adaptation(method), 10)
    assert isinstance(objective, Steered) and {name: getattr(objective, name) for name in settings} == settings
    assert getattr(objective.classifier.head, "m", None) == (.5 if method == "UDAT-AS" else None)

def test_coral_by_hand():
    x = torch.tensor([[0., 0.], [2., 0.], [0., 0.], [0., 2.]]) # covariances diag(2, 0) and diag(0, 2)
    losses = _objective(Adaptation("CORAL", lambd=3.), 10)((None, torch.tensor([0, 1, -1, -1]), torch.tensor([0, 0, 1, 1])), Output(x, torch.zeros(4, 2)))
    assert losses["coral"] == 3. * 8 / 16 and losses["softmax"] == pytest.approx(np.log(2))

def test_real_digits_stand_where_faces_stand():
    run = adaptation(method="MMD", source="mnist", target="optdigits", epochs=1, every=60)
    next(run)
    assert run.class_names == [str(k) for k in range(10)] and run.domain_names == ["mnist", "optdigits"] and run.images.shape == (600, 14, 14)
    assert {"softmax", "mmd"} < set(run.losses)
    for source, target in (("mnist", "lab_color"), ("lab_color", "optdigits"), ("mnist", "mnist")):
        with pytest.raises(ValueError, match="target: expected another domain of the source's kind"): adaptation(source=source, target=target)

def test_given_settings_come_before_the_methods_own():
    assert adaptation(method="DANN", lambd=.3, **QUICK).name == "DANN, λ 0.3"
    assert _objective(Adaptation("UDAT-AS", margin=0.), 10).classifier.head.m == 0
    assert _objective(Adaptation("DANN", clamp=.5), 10).clamp == .5

@pytest.mark.parametrize("settings, word", [(dict(method="GAN"), "method"), (dict(target="lab_color"), "target"), (dict(lambd=-1.), "lambd"), (dict(source="moon"), "source")])
def test_what_makes_no_sense_is_refused(settings, word):
    with pytest.raises(ValueError, match=f"^{word}: expected"): adaptation(**settings)

@pytest.mark.parametrize("methods", [[], ["DANN"] * 5, "DANN", ["mixed", "GAN"]])
def test_a_race_of_one_to_four_known_names(methods):
    with pytest.raises(ValueError, match="method"): adaptation_race(methods, play=False)

def test_in_a_race_each_trains_as_alone(tmp_path):
    stage = adaptation_race(["mixed", "UDAT"], play=False, epochs=1)
    one, other = stage.runs
    for _ in range(8): next(one), next(other)
    alone = adaptation(method="UDAT", epochs=1)
    for _ in range(8): next(alone)
    assert len(other) == 2 and all((a == b).all() for a, b in zip(alone.frames, other.frames))
    stage.close()
    other.save(tmp_path/"run.npz")
    again = Run.load(tmp_path/"run.npz")
    assert again.domain_names == other.domain_names and again.curves.keys() == other.curves.keys()
    assert json.dumps(again.recipe) == json.dumps(other.recipe)

def test_settings_with_a_control_stand_where_they_were_given():
    stage = adaptation_race(["DANN"], play=False, source="studio_gray", target="blue_screen", epochs=2, lambd=.5)
    assert stage.runs[0].recipe == dict(method="DANN", source="studio_gray", target="blue_screen", epochs=2, lambd=.5, clamp=None, margin=None, seed=0, lr=.004)
    assert stage._status["values"]["source"] == "studio_gray"
    stage.close()
