"Scorers without target labels: by hand, and against scikit-adaptation where it is installed."
import math

import numpy as np, pytest, torch
from torch.nn import functional as F

from fer_nb.adaptation import SCORERS, DigitCNN, Seen, chosen, scores_without_labels, see
from fer_nb.adaptation import information, negative_dev_risk, negative_entropy, soft_neighborhood_density, source_accuracy, weighted_accuracy
from fer_nb.backbones import Output


def a_network(seed=0, n=60, K=4, d=3, shift=1.):
    g = torch.Generator().manual_seed(seed)
    head, make = torch.randn(d, K, generator=g), lambda s: torch.randn(n, d, generator=g) + s
    xs, xv, xt = make(0), make(0), make(shift)
    y = (xv @ head).argmax(1)
    y[::5] = (y[::5] + 1) % K
    return Seen(Output(xs, xs @ head), Output(xv, xv @ head), y, Output(xt, xt @ head))

@pytest.mark.parametrize('seed', range(5))
def test_entropies_by_a_loop(seed):
    p = a_network(seed).target.logits.double().softmax(1).tolist()
    h = lambda q: -sum(v * math.log(v) for v in q if v)
    mean = [sum(col) / len(p) for col in zip(*p)]
    assert negative_entropy(a_network(seed)) == pytest.approx(-sum(map(h, p)) / len(p), abs=1e-5)
    assert information(a_network(seed)) == pytest.approx(h(mean) - sum(map(h, p)) / len(p), abs=1e-5)

@pytest.mark.parametrize('size', [30., 1e3, 1e6])
def test_a_network_that_is_sure_beyond_all_floats(size):
    "all alike: nothing is known; each of three classes by a third: ln 3"
    def seen(classes):
        out = Output(torch.zeros(6, 2), size * F.one_hot(torch.tensor(classes), 3).float())
        return Seen(out, out, torch.zeros(6, dtype=torch.int64), out)
    assert information(seen([1] * 6)) == pytest.approx(0, abs=1e-5)
    assert information(seen([0, 1, 2] * 2)) == pytest.approx(math.log(3), abs=1e-5)
    for score in (negative_entropy, soft_neighborhood_density, source_accuracy): assert math.isfinite(score(seen([0, 1, 2] * 2)))


@pytest.mark.parametrize('seed', range(5))
def test_neighborhoods_by_a_loop(seed):
    seen, found = a_network(seed, 12), []
    p = F.normalize(seen.target.logits.double().softmax(1), dim=1)
    for i in range(12):
        w = [math.exp(float(p[i] @ p[j]) / .05) for j in range(12) if j != i]
        found.append(-sum(v / sum(w) * math.log(v / sum(w)) for v in w))
    assert soft_neighborhood_density(seen) == pytest.approx(np.mean(found), abs=1e-4)

@pytest.mark.parametrize('seed', range(3))
def test_they_are_those_of_scikit_adaptation(seed):
    "Its entropy divides by the number of classes too; its weights by densities are ours"
    pytest.importorskip('skada')
    from skada.metrics import DeepEmbeddedValidation, ImportanceWeightedScorer, PredictionEntropyScorer
    from sklearn.pipeline import Pipeline
    seen = a_network(seed)
    class Fixed:
        def predict_proba(self, X, **_): return seen.target.logits.double().softmax(1).numpy()
    X, domains = np.concatenate([seen.validation.embedding, seen.target.embedding]), np.repeat([1, -2], 60)
    theirs = PredictionEntropyScorer()._score(None, Fixed(), X, np.tile(seen.y.numpy(), 2), domains)
    assert negative_entropy(seen) == pytest.approx(4 * theirs, abs=1e-5)
    scorer = ImportanceWeightedScorer()
    scorer._fit(seen.validation.embedding.numpy(), seen.target.embedding.numpy())
    at = seen.validation.embedding.numpy()
    w = np.exp(scorer.weight_estimator_target_.score_samples(at) - scorer.weight_estimator_source_.score_samples(at))
    hits = (seen.validation.logits.argmax(1) == seen.y).numpy()
    assert weighted_accuracy(seen) == pytest.approx((w * hits).sum() / w.sum(), abs=1e-6)
    assert DeepEmbeddedValidation and Pipeline

def test_deep_embedded_validation_by_its_formula():
    from sklearn.linear_model import LogisticRegression
    seen = a_network(1)
    xs, xv, xt = (part.embedding.double().numpy() for part in (seen.training, seen.validation, seen.target))
    p = LogisticRegression(max_iter=1000).fit(np.concatenate([xs, xt]), [1] * 60 + [0] * 60).predict_proba(xv)
    w, losses = p[:, 0] / p[:, 1], F.cross_entropy(seen.validation.logits.double(), seen.y, reduction='none').numpy()
    eta = -np.cov(w * losses, w)[0, 1] / w.var(ddof=1)
    assert negative_dev_risk(seen) == pytest.approx(-(np.mean(w * losses) + eta * np.mean(w) - eta))

def test_a_network_that_says_one_class_to_all_fools_entropy_only():
    seen = a_network()
    stuck = seen._replace(target=Output(seen.target.embedding, torch.tensor([[30., 0, 0, 0]]).repeat(60, 1)))
    assert negative_entropy(stuck) > negative_entropy(seen) and information(stuck) < information(seen)

def test_more_is_better_for_all_and_labels_of_the_target_are_not_asked():
    assert set(scores_without_labels(a_network())) == set(SCORERS)
    assert source_accuracy(a_network()) == pytest.approx(.8)

def test_seeing_leaves_the_network_as_it_was():
    model = DigitCNN(3, 8).train()
    x = torch.randn(9, 1, 14, 14)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    seen = see(model, x, (x[:4], torch.arange(4) % 3), x[:5], batch_size=2)
    assert [len(part[0]) for part in (seen.training, seen.validation, seen.target)] == [9, 4, 5] and model.training
    assert all(v.equal(before[k]) for k, v in model.state_dict().items()) and not seen.target.logits.requires_grad

def test_a_scorer_takes_its_highest_of_each_group():
    make = lambda method, score, seed="0": dict(source="mnist", target="optdigits", method=method, seed=seed, information=score)
    rows = [make("source", ".5"), make("MMD", ".7"), make("CORAL", "-1", "1"), make("MMD", "-2e0", "1")]
    assert {where[2]: r["method"] for where, r in chosen(rows, "information").items()} == {"0": "MMD", "1": "CORAL"}
    assert {where: float(r["information"]) for where, r in chosen(rows, "information", ("method",)).items()} == {("source",): .5, ("MMD",): .7, ("CORAL",): -1}
    assert chosen([], "information") == {}
    with pytest.raises(ValueError, match="rows: expected rows with entropy, source, target, seed"): chosen(rows, "entropy")
