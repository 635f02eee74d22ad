"Checkpoints: killed, damaged, foreign, of another recipe; resumed to the same bits."
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from _kill_training import steps as noisy_steps
from fer_nb.backbones import LeNetsPP
from fer_nb.centers import CenterLoss
from fer_nb.training import Batches, NonFiniteLoss, Objective, cosine, fit
from training_parts import X, Y, Constant, net, same, state

here = Path(__file__).parents[1]


def finish(steps):
    "Run to the end; the numbers of the steps, and what was trained."
    seen = []
    for step in steps: seen.append(step.n)
    return seen, state(step.model, step.objective)


@pytest.mark.parametrize("stop", [1, 4, 5, 9, 13, 35])
def test_resume_equals_uninterrupted(tmp_path, stop):
    "Batch norm, dropout, a moving buffer, and a data set that draws from three generators."
    _, whole = finish(noisy_steps())
    for step in noisy_steps(tmp_path):
        if step.n == stop: break
    torch.rand(3); random.random(); np.random.rand()
    seen, resumed = finish(noisy_steps(tmp_path))
    assert seen == list(range(4 * ((stop - 1) // 4) + 1, 37)) and same(whole, resumed)


@pytest.mark.slow
def test_kill_at_any_moment(tmp_path):
    _, whole = finish(noisy_steps())
    rng = random.Random(time.time_ns())
    for stop in (rng.randrange(1, 16), rng.randrange(3, 14)):
        run = subprocess.Popen([sys.executable, here / "_kill_training.py", tmp_path], stdout=subprocess.PIPE, text=True)
        first = int(run.stdout.readline())
        for _ in range(stop): run.stdout.readline()
        time.sleep(rng.random() * .01)
        os.kill(run.pid, signal.SIGKILL)
        rest = [int(line) for line in run.stdout.read().split()]
        run.wait()
        assert run.returncode == -signal.SIGKILL, (first, stop, rest)
        last = max([first + stop, *rest])
    saved = 4 * ((last - 1) // 4)
    seen, resumed = finish(noisy_steps(tmp_path))
    assert saved + 1 - 4 <= seen[0] <= last + 4 and (seen[0] - 1) % 4 == 0 and seen[-1] == 36 and same(whole, resumed), (seen, last)


def batches_run(folder=None, epochs=2, model=None, objective=None, batches=None, **kwargs):
    return fit(model or net(), objective or Objective(), batches or Batches(X, Y, batch_size=8), epochs, checkpoint=folder,
               **{"lr": .02, "checkpoint_every": 3, **kwargs})


def test_files(tmp_path):
    folder, names = tmp_path / "new" / "run", lambda: [p.name for p in sorted(folder.iterdir())]
    steps = batches_run(folder)
    next(steps)
    assert not folder.exists()
    for _ in range(6): next(steps)
    assert names() == ["step_000000003.pt", "step_000000006.pt"]
    assert next(steps).n == 8 and finish(steps)[0] == [9, 10] and names() == ["step_000000009.pt", "step_000000010.pt"]


def test_finished_training_yields_nothing_more(tmp_path):
    _, trained = finish(batches_run(tmp_path))
    model = net(seed=9)
    assert list(batches_run(tmp_path, model=model)) == [] and same(trained, state(model))


def test_last_step_is_saved_before_it_is_handed_out(tmp_path):
    for step in batches_run(tmp_path):
        if step.n == step.total: break
    assert (tmp_path / "step_000000010.pt").exists()


def test_default_is_once_an_epoch(tmp_path):
    for step in batches_run(tmp_path, epochs=3, checkpoint_every=None):
        if step.n == 11: break
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step_000000005.pt", "step_000000010.pt"]


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(p.read_bytes()[:-300]), lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"x" * 999),
                                    lambda p: flip(p)])
def test_damaged_newest_falls_back(tmp_path, damage):
    _, whole = finish(batches_run())
    for step in batches_run(tmp_path):
        if step.n == 8: break
    damage(tmp_path / "step_000000006.pt")
    (tmp_path / ".0badcafe.99.part").write_bytes(b"half")
    with pytest.warns(UserWarning, match="step_000000006.pt cannot be read"): steps = batches_run(tmp_path)
    seen, resumed = finish(steps)
    assert seen[0] == 4 and same(whole, resumed) and len(list(tmp_path.iterdir())) == 2


def flip(path):
    "One bit in the middle of the largest tensor."
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 16
    path.write_bytes(raw)


def test_all_damaged(tmp_path):
    for step in batches_run(tmp_path):
        if step.n == 8: break
    for path in tmp_path.iterdir(): path.write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="checkpoint: expected a readable file in .*got 2 damaged"): batches_run(tmp_path)


def test_a_foreign_file_is_refused(tmp_path):
    torch.save(net().state_dict(), tmp_path / "step_000000001.pt")
    with pytest.warns(UserWarning, match="step_000000001.pt cannot be read .it is no checkpoint of fit"), \
            pytest.raises(ValueError, match="checkpoint: expected a readable file in .*got 1 damaged or foreign; remove them"): batches_run(tmp_path)


def test_files_of_other_names_are_left_alone(tmp_path):
    mine = [tmp_path / name for name in ("step_000000003_mine.pt", "step_3.pt", "step_notes.pt", "notes.txt")]
    for path in mine: path.write_bytes(b"mine")
    finish(batches_run(tmp_path))
    assert all(path.read_bytes() == b"mine" for path in mine) and len(list(tmp_path.iterdir())) == len(mine) + 2


def test_half_written_file_is_never_taken_for_a_checkpoint(tmp_path, monkeypatch):
    steps = batches_run(tmp_path)
    for _ in range(3): next(steps)
    def fails(state, file): file.write(b"half"); raise OSError("disk full")
    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match="disk full"): next(steps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kwargs, message", [
    (dict(epochs=3), "steps 10 in the checkpoint, 15 now"),
    (dict(lr=.03), "optimizer .*0.02.* in the checkpoint, .*0.03.* now|optimizer lr 0.02 in the checkpoint, 0.03 now"),
    (dict(clip=None), "clip 5.0 in the checkpoint, None now"),
    (dict(seed=1), "batches seed 0 in the checkpoint, 1 now"),
    (dict(schedule=cosine(3)), "schedule"),
    (dict(optimizer=lambda p: torch.optim.Adam(p, lr=.02)), "optimizer SGD in the checkpoint, Adam now|optimizer"),
    (dict(batches=Batches(X[:39], Y[:39], batch_size=8)), r"batches samples \[40, 1, 12, 12\] in the checkpoint, \[39, 1, 12, 12\] now"),
    (dict(batches=Batches(X, Y.flip(0).clamp(max=8), batch_size=8)), "batches labels"),
    (dict(batches=Batches(X, Y, batch_size=4)), "batches per epoch 5 in the checkpoint, 10 now|batches"),
    (dict(model=LeNetsPP(width=.1, in_size=12)), r"shapes model.features.0.weight \[2, 1, 5, 5\] in the checkpoint, \[3, 1, 5, 5\] now"),
    (dict(objective=Objective(center=(CenterLoss(10, 2), .1))), "shapes objective.terms.center.centers None in the checkpoint"),
    (dict(objective=Objective(plain=Constant())), "objective"),
])
def test_another_recipe_is_refused(tmp_path, kwargs, message):
    for step in batches_run(tmp_path):
        if step.n == 5: break
    with pytest.raises(ValueError, match=f"checkpoint: expected one of this training, got another recipe in .*({message})"): batches_run(tmp_path, **kwargs)


def test_same_recipe_is_not_refused(tmp_path):
    kwargs = lambda: dict(schedule=cosine(4), objective=Objective(center=(CenterLoss(10, 2), .1)), optimizer=lambda p: torch.optim.AdamW(p, lr=1e-3))
    _, whole = finish((torch.manual_seed(4), batches_run(**kwargs()))[1])
    torch.manual_seed(4)
    for step in batches_run(tmp_path, **kwargs()):
        if step.n == 5: break
    assert same(whole, finish(batches_run(tmp_path, **kwargs()))[1])


def test_a_broken_state_is_never_saved(tmp_path):
    with pytest.raises(NonFiniteLoss):
        for step in batches_run(tmp_path, objective=Objective(odd=Constant(0, 0, 0, 0, math.nan)), check_every=100): pass
    assert [p.name for p in tmp_path.iterdir()] == ["step_000000003.pt"]
