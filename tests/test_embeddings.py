"The recorder and the run: what is kept, that training is left alone, and what bad input says."
import copy, io, json, math, threading, zipfile
from types import SimpleNamespace
import numpy as np, pytest, torch
from torch import nn
from hypothesis import given, settings, strategies as st
from fer_nb.backbones import Output
from fer_nb import embeddings as E
from fer_nb.embeddings import Run, record

K = 3

class Net(nn.Module):
    "Everything a recorder could disturb: BatchNorm, dropout, a layer that draws numbers even in evaluation, one frozen layer."
    def __init__(self, d=2, bias=False):
        super().__init__()
        self.conv, self.norm, self.frozen = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.feature, self.classifier = nn.Linear(4, d), nn.Linear(d, K, bias=bias)
        self.frozen.eval()
    def forward(self, x):
        h = nn.functional.dropout(self.frozen(self.norm(self.conv(x))).mean((2, 3)), 0.1, training=True)
        e = self.feature(h)
        return Output(e, self.classifier(e))

class Pull(nn.Module):
    "A term with centres that move in training."
    def __init__(self, d=2):
        super().__init__()
        self.register_buffer("centers", torch.arange(K * d).float().view(K, d) / 9)
    def forward(self, e, y):
        loss = (e - self.centers[y]).square().sum(1).mean()
        self.centers += 0.1 * (torch.stack([e.detach()[y == k].mean(0) if (y == k).any() else self.centers[k] for k in range(K)]) - self.centers)
        return loss

def points(n=20, seed=5):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % K
    return torch.randn(n, 1, 6, 6, generator=g) + y[:, None, None, None], y

def training(n=12, d=2, total=None, net=None, seen=None, bias=False):
    "A small honest training loop that yields steps; `seen` collects every loss."
    torch.manual_seed(3)
    model, objective = net or Net(d, bias), Pull(d)
    opt = torch.optim.SGD(model.parameters(), 0.05)
    for i in range(1, n + 1):
        x, y = points(16, seed=i)
        x = x + 0.1 * torch.randn(x.shape)  # the global random state is part of the training
        out = model(x)
        losses = {"softmax": nn.functional.cross_entropy(out.logits, y), "center": 0.1 * objective(out.embedding, y)}
        losses["total"] = sum(losses.values())
        opt.zero_grad(); losses["total"].backward()
        norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
        opt.step()
        if seen is not None: seen.append({**{k: v.item() for k, v in losses.items()}, "grad_norm": norm.item()})
        yield SimpleNamespace(n=i, epoch=(i - 1) // 4, losses={k: v.detach() for k, v in losses.items()}, grad_norm=norm, lr=0.05,
                              batch=(x, y), output=out, model=model, objective=objective, total=n if total is None else total)

def a_run(every=5, n=12, **kw):
    return record(training(n, **{k: kw.pop(k) for k in ("d", "bias", "total") if k in kw}), points(), every, **kw).finish()

def same(a, b):
    "Two runs hold the same, bit for bit."
    assert a.meta() == b.meta() and (a.labels == b.labels).all() and (a.predictions == b.predictions).all() and len(a) == len(b)
    for field in E.PER_FRAME:
        one, two = getattr(a, field), getattr(b, field)
        assert len(one) == len(two)
        for u, v in zip(one, two): np.testing.assert_array_equal(u, v)
    for name in a.losses: np.testing.assert_array_equal(a.losses[name], b.losses[name])
    assert (a.images is None) == (b.images is None) and (a.images is None or (a.images == b.images).all())

# --- recording -------------------------------------------------------------------------------------------------------

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

def test_kept_centres_and_weights_are_copies():
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

def test_bias_of_the_head_and_more_dimensions():
    run = a_run(d=5, bias=True)
    assert run.d == 5 and run.frames[0].shape == (20, 5) and run.biases[0].shape == (K,) and np.shape(run.meta()["heads"]) == (4, K, 5)
    assert a_run().biases == []

def test_frames_cost_at_most_four_bytes_a_point():
    assert all(f.nbytes == 4 * 20 for f in a_run().frames)

def test_a_reader_in_another_thread_never_sees_half_a_frame():
    run, stop, bad = Run(torch.arange(50) % K), threading.Event(), []
    def read():
        while not stop.is_set():
            n = len(run)
            m = run.meta()
            lengths = {len(m[f]) for f in ("steps", "epochs", "scales", "recall", "grad_norm", "centers", "heads")} | {len(v) for v in m["losses"].values()}
            if len(lengths) > 1 or len(m["steps"]) < n or any(len(getattr(run, f)) < n for f in E.PER_FRAME if f != "biases"): bad.append((n, lengths))
            if n: run.embedding(n - 1)
    reader = threading.Thread(target=read)
    reader.start()
    for i in range(300): run.add(i, np.full((50, 2), i + 1.), np.zeros(50), centers=np.zeros((K, 2)), head=np.zeros((K, 2)), losses={"total": 1., f"t{i % 7}": 2.})
    stop.set(); reader.join()
    assert not bad

def test_meta_is_json_and_can_be_read_in_parts():
    run = a_run(name="a", recipe={"lam": 0.01}, seed=4)
    m = json.loads(json.dumps(run.meta(), allow_nan=False))
    assert (m["name"], m["n"], m["k"], m["d"], m["total"], m["seed"], m["recipe"]) == ("a", 20, K, 2, 12, 4, {"lam": 0.01})
    assert set(m["versions"]) == {"fer_nb", "torch", "numpy", "python", "platform"}
    np.testing.assert_allclose(m["centers"], run.centers, rtol=1e-5)
    tail = run.meta(3)
    for field in ("steps", "epochs", "scales", "recall", "grad_norm", "centers", "heads"): assert tail[field] == run.meta()[field][3:] and len(tail[field]) == 1
    assert tail["losses"]["total"] == run.meta()["losses"]["total"][3:] and run.meta(4)["steps"] == []

@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=8))
def test_quantise_any_float(x):
    x = np.array(x, np.float32)
    q, s = E.quantise(x)
    ok = np.isfinite(x)
    assert q.dtype == np.int16 and np.isfinite(s) and s > 0 and np.abs(q.astype(int)).max() <= 32767
    assert (np.abs(q * (s / 32767) - x.astype(np.float64))[ok] <= s / 65534 * (1 + 1e-9)).all()

# --- keeping ---------------------------------------------------------------------------------------------------------

def test_save_and_load_give_back_everything(tmp_path):
    for i, run in enumerate((a_run(name="ünï </script>", minority=[2], images=torch.arange(20 * 36).view(20, 6, 6).to(torch.uint8), class_names=["a", "b", "ﬁ"], recipe={"x": [1, None]}, seed=9),
                             a_run(d=5, bias=True), Run([0, 1, 2]))):
        path = tmp_path / f"{i}.any"
        run.save(path)
        same(run, Run.load(path))
        assert Run.load(path).done and Run.load(path).versions == run.versions
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.any", "1.any", "2.any"]  # nothing left behind

def test_a_growing_run_can_be_saved_at_any_time(tmp_path):
    run = record(training(12), points(), 5)
    for step in run:
        run.save(tmp_path / "r.npz")
        assert Run.load(tmp_path / "r.npz").steps == run.steps

def test_no_pickle_inside(tmp_path):
    a_run().save(tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz", allow_pickle=False) as z: assert all(z[name].dtype != object for name in z.files)

def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    a_run().save(tmp_path / "r.npz")
    before = (tmp_path / "r.npz").read_bytes()
    def full(fd): raise OSError("no space left")
    monkeypatch.setattr(E.os, "fsync", full)
    with pytest.raises(OSError): a_run(every=1).save(tmp_path / "r.npz")
    assert (tmp_path / "r.npz").read_bytes() == before and len(list(tmp_path.iterdir())) == 1

def test_a_damaged_file_is_a_value_error_or_the_same_run(tmp_path):
    run, path = a_run(), tmp_path / "r.npz"
    run.save(path)
    good, rng = path.read_bytes(), np.random.default_rng(0)
    for cut in [0, 1, 30, *rng.integers(0, len(good), 20), len(good) - 1]:
        path.write_bytes(good[:cut])
        with pytest.raises(ValueError, match="r.npz.*expected a run written by Run.save"): Run.load(path)
    for at in rng.integers(0, len(good), 150):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:])
        try: same(run, Run.load(path))
        except ValueError as e: assert "r.npz" in str(e)

def rewritten(path, **changes):
    "The run file at `path` with arrays replaced (None: left out)."
    with np.load(path) as z: arrays = {k: z[k] for k in z.files}
    arrays = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
    np.savez(path, **arrays)

def text_of(path, **changes):
    with np.load(path) as z: text = json.loads(z["fer_nb_run"].tobytes())
    return np.frombuffer(json.dumps({**text, **changes}).encode(), np.uint8)

@pytest.mark.parametrize("what", ["steps", "frames", "recall", "labels", "fer_nb_run", "predictions", "images"])
def test_a_file_without_a_part_is_refused(tmp_path, what):
    path = tmp_path / "r.npz"
    a_run().save(path); rewritten(path, **{what: None})
    with pytest.raises(ValueError, match="expected a run written by Run.save, got"): Run.load(path)

def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "r.npz"
    for change in (dict(steps=np.arange(3)), dict(frames=np.zeros((4, 20, 2), np.float32)), dict(frames=np.zeros((4, 19, 2), np.int16)), dict(centers=np.zeros((4, 9, 2))), dict(labels=np.full(20, 7))):
        a_run().save(path); rewritten(path, **change)
        with pytest.raises(ValueError, match="r.npz.*expected a run written by Run.save, got"): Run.load(path)

def test_a_newer_format_says_update(tmp_path):
    path = tmp_path / "r.npz"
    a_run().save(path); rewritten(path, fer_nb_run=text_of(path, format=2))
    with pytest.raises(ValueError, match="format 2 .*reads up to 1: update fer_nb"): Run.load(path)
