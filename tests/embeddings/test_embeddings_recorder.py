"The recorder: what is kept, and that training is left alone."
import math

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb import embeddings as E
from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.embeddings import record
from recorded_parts import K, Net, X, Y, a_run, points, training

def test_frames_fall_on_the_first_the_every_th_and_the_last_step():
    assert a_run(every=5).steps == [1, 5, 10, 12]
    assert a_run(every=4).steps == [1, 4, 8, 12]
    assert a_run(every=1).steps == list(range(1, 13))
    assert a_run(every=100, n=1).steps == [1]
    assert a_run(every=5, total=0).steps == [1, 5, 10, 12]      # length not known beforehand
    assert a_run(every=5, total=99).steps == [1, 5, 10, 12]     # ended early
    assert a_run(every=5).epochs == [0, 1, 2, 2]

def test_a_frame_is_the_eval_mode_embedding():
    model = Net()
    run = record(training(4, net=model), points(), 2)
    for step in run:
        if step.n == 2:
            with torch.random.fork_rng([]):
                flags = [m.training for m in model.modules()]
                model.eval()
                with torch.no_grad(): want = model(points()[0])
                for m, f in zip(model.modules(), flags): m.training = f
            got = run.embedding()
            assert got.dtype == np.float32 and got.shape == (20, 2)
            assert np.abs(got - want.embedding.numpy()).max() <= run.scales[-1] / 65534 * 1.01
            assert (run.predictions == want.logits.argmax(1).numpy()).all()
            np.testing.assert_array_equal(run.head[-1], model.classifier.weight.detach().numpy())
            np.testing.assert_array_equal(run.centers[-1], step.objective.centers.numpy())
            for k in range(K): assert run.recall[-1][k] == pytest.approx((run.predictions[run.labels == k] == k).mean())

def test_kept_centers_and_weights_are_copies():
    run = a_run(every=1)
    assert not np.array_equal(run.centers[0], run.centers[-1]) and not np.array_equal(run.head[0], run.head[-1])

def test_losses_are_means_since_the_last_frame():
    seen = []
    run = record(training(12, seen=seen), points(), 5).finish()
    spans = [(0, 1), (1, 5), (5, 10), (10, 12)]
    for name in ("softmax", "center", "total"):
        assert run.losses[name] == pytest.approx([np.mean([s[name] for s in seen[a:b]]) for a, b in spans], rel=1e-5)
    assert run.grad_norm == pytest.approx([np.mean([s["grad_norm"] for s in seen[a:b]]) for a, b in spans], rel=1e-5)

def test_losses_kept_in_one_buffer_by_the_training_are_not_mixed_up():
    def reuse():
        buffer = torch.zeros(())
        for step in training(6):
            buffer.fill_(step.n)
            step.losses = {"total": buffer}
            yield step
    assert record(reuse(), points(), 3).finish().losses["total"] == pytest.approx([1, 2.5, 5])

def test_a_term_that_comes_late_is_nan_before():
    def late():
        for step in training(6):
            if step.n > 3: step.losses["late"] = torch.tensor(2.)
            yield step
    run = record(late(), points(), 3).finish()
    assert np.isnan(run.losses["late"][:2]).all() and run.losses["late"][2] == 2
    assert run.meta()["losses"]["late"] == [None, None, 2.0]

@pytest.mark.parametrize("every", [1, 3])
def test_recording_leaves_the_training_alone_bit_for_bit(every):
    plain, watched, seen, seen2 = Net(), Net(), [], []
    watched.load_state_dict(plain.state_dict())
    for last in training(9, net=plain, seen=seen): pass
    run = record(training(9, net=watched, seen=seen2), points(), every)
    for step in run: pass
    assert seen == seen2
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values()): assert torch.equal(a, b), name
    assert torch.equal(last.objective.centers, step.objective.centers)
    assert [m.training for m in plain.modules()] == [m.training for m in watched.modules()]

def test_modes_come_back_even_when_the_network_fails():
    class Broken(Net):
        def forward(self, x):
            if not self.training: raise RuntimeError("out of memory")
            return super().forward(x)
    model = Broken()
    run = record(training(net=model), points())
    with pytest.raises(RuntimeError, match="out of memory"): next(run)
    assert model.training and not model.frozen.training and run.done

def test_an_error_of_the_training_goes_through_and_ends_the_run():
    def breaks():
        yield from training(3, total=9)
        raise FloatingPointError("loss is nan")
    run = record(breaks(), points(), 2)
    with pytest.raises(FloatingPointError): run.finish()
    assert run.done and run.steps == [1, 2] and list(run) == []

def test_pause_stop_and_done():
    run = record(training(12), points(), 5)
    assert not run.done and len(run) == 0
    for step in run:
        if step.n == 7: break           # a pause: not asking for the next step
    assert not run.done and next(run).n == 8
    run.stop()
    assert run.done and run.steps == [1, 5, 8] and list(run) == []
    assert run.stop().steps == [1, 5, 8]
    unstarted = record(training(12), points()).stop()
    assert unstarted.done and len(unstarted) == 0

def test_class_names_default_to_the_networks_outputs():
    x, y = points()
    assert record(training(2), (x[y < 2], y[y < 2])).finish().class_names == ["0", "1", "2"]

def test_a_class_without_watched_points_has_no_recall():
    x, y = points()
    run = record(training(2), (x[y < 2], y[y < 2])).finish()
    assert math.isnan(run.recall[-1][2]) and run.meta()["recall"][-1][2] is None
    assert run.accuracy() == pytest.approx((run.predictions == run.labels).mean())

def test_regions_of_a_head_on_angles_are_what_it_says():
    net = Net()
    net.classifier = AngularSoftmax(2, K, m=0.)
    net.classifier.weight.data *= torch.tensor([[1.], [20.], [.05]])     # lengths that a linear head would heed
    run, z = record(training(net=net), points()).finish(), np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    said = net.classifier(torch.from_numpy(z)).argmax(1).numpy()
    assert len(set(said)) == K and (E.regions(run, -1, z) == said).all()
    assert (said != (z @ net.classifier.weight.detach().numpy().T).argmax(1)).any()

def test_a_head_on_angles_is_kept_as_directions_as_long_as_its_scale(tmp_path):
    net = Net()
    net.classifier = AngularSoftmax(2, K, s=6., m=0.)
    run = record(training(net=net), points(), counts=[9, 5, 1], class_names=list("abc")).finish()
    z = torch.tensor(run.embedding())
    np.testing.assert_allclose((z / z.norm(dim=1, keepdim=True) @ torch.tensor(run.head[-1]).T).numpy(), net.classifier(z).detach().numpy(), atol=1e-5)
    run.save(tmp_path / "run.npz")
    assert run.angular and E.Run.load(tmp_path / "run.npz").angular and run.meta()["angular"] is True and "angular head" in run.figure().axes[0].get_title()
    flat = E.project(run)                                                # the plane has other lengths than the prior asks for
    assert not flat.angular and flat.counts == [] and run.counts == [9, 5, 1]
    assert not a_run().angular and "angular" not in a_run().meta()

BAD = [
    ("every: expected .*at least 1, got 0", lambda: record(training(), (X, Y), 0)),
    ("every: .*got 2.5", lambda: record(training(), (X, Y), 2.5)),
    ("every: .*got True", lambda: record(training(), (X, Y), True)),
    ("watch: expected a pair", lambda: record(training(), X)),
    ("watch: expected as many inputs as labels .20., got 5", lambda: record(training(), (X[:5], Y))),
    (r"watch\[0\]: expected a tensor", lambda: record(training(), ([1, 2], Y[:2]))),
    ("labels: expected at least one", lambda: record(training(), (X[:0], Y[:0]))),
    ("steps: expected an iterator", lambda: record(None, (X, Y))),
    ("steps: expected the steps of fit", lambda: next(record([1, 2], (X, Y)))),
    ("class_names: expected 3 names, one per output of the network, got 4", lambda: next(record(training(), (X, Y), class_names=list("abcd")))),
    ("minority: expected a whole number from 0 to 2, got 3", lambda: record(training(), (X, Y), minority=[3])),
    ("images: expected uint8", lambda: record(training(), (X, Y), images=torch.zeros(20, 5, 5))),
    (r"images: expected shape \(20, None, None\)", lambda: record(training(), (X, Y), images=torch.zeros(19, 5, 5, dtype=torch.uint8))),
    ("recipe: expected a dict .* JSON", lambda: record(training(), (X, Y), recipe={"loss": torch.zeros(2)})),
    ("recipe: expected .* JSON", lambda: record(training(), (X, Y), recipe={"lam": math.nan})),
    ("recipe: expected a dict, got list", lambda: record(training(), (X, Y), recipe=[1])),
    ("model: expected one that returns Output", lambda: E.embed(nn.Linear(2, 2), torch.zeros(3, 2))),
    ("every: .*got '5'", lambda: record(training(), (X, Y), "5")),
    ("batch: .*got 0", lambda: E.embed(Net(), X, 0)),
    ("x: expected a tensor, got list", lambda: E.embed(Net(), [1])), (r"x: expected real numbers \(N, …\), got \(\) of torch.float32", lambda: E.embed(Net(), torch.tensor(1.))),
    ("batch: .*got True", lambda: E.embed(Net(), X, True)),
]

@pytest.mark.parametrize("says, call", BAD, ids=[f"{i}-{says[:24]}" for i, (says, _) in enumerate(BAD)])
def test_bad_input_says_what_was_expected(says, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says): call()
    assert list(tmp_path.iterdir()) == []
