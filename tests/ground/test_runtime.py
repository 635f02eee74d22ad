"Looking changes nothing: modes, gradients, random numbers."
import random

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb.runtime import evaluating, first_process, processes, random_state, rank, set_random_state, torch_threads, training_device


def test_every_module_keeps_its_own_mode():
    model, other = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())), nn.Dropout().eval()
    model[1][0].eval()
    before = [m.training for m in model.modules()]
    with evaluating(model, other):
        assert not any(m.training for m in model.modules()) and not torch.is_grad_enabled()
    assert [m.training for m in model.modules()] == before and not other.training and torch.is_grad_enabled()

def test_modes_come_back_after_an_error():
    model = nn.Dropout()
    with pytest.raises(KeyboardInterrupt), evaluating(model): raise KeyboardInterrupt
    assert model.training and torch.is_grad_enabled()

def test_gradients_stay_off_where_they_were_off():
    with torch.no_grad():
        with evaluating(nn.Dropout()): pass
        assert not torch.is_grad_enabled()

def test_a_module_shared_by_two_models_keeps_its_mode():
    shared = nn.BatchNorm1d(2)
    a, b = nn.Sequential(shared), nn.Sequential(shared)
    b.eval(); a.training = True
    shared.train()
    with evaluating(a, b): assert not shared.training
    assert shared.training and a.training and not b.training

def test_random_state_covers_all_generators_and_survives_a_safe_file(tmp_path):
    draw = lambda: (torch.rand(3).tolist(), random.random(), np.random.rand())
    np.random.randn() # half of a pair is kept
    torch.save(random_state(), tmp_path/"state.pt")
    first = draw()
    state = torch.load(tmp_path/"state.pt", weights_only=True)
    set_random_state(state)
    assert draw() == first and draw() != first

def test_alone(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert (rank(), processes(), first_process()) == (0, 1, True)
    monkeypatch.setenv("RANK", "2")
    assert (rank(), first_process()) == (0, False)

def test_in_a_group(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "7") # of an outer launcher; the group knows better
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try: assert (rank(), processes(), first_process()) == (0, 1, True)
    finally: torch.distributed.destroy_process_group()

def test_threads_come_back():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="inside"), torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError("inside")
    assert torch.get_num_threads() == before
    with torch_threads(None):
        torch.set_num_threads(before + 2)
    assert torch.get_num_threads() == before + 2 # as they are: nothing is put back
    torch.set_num_threads(before)

@pytest.fixture
def machine(monkeypatch):
    "A machine with GPUs of some kinds, outside a hub, where nobody has asked for a device"
    for name in ("FER_NB_DEVICE", "JUPYTERHUB_USER", "WORLD_SIZE"): monkeypatch.delenv(name, raising=False)
    def have(*kinds, **env):
        monkeypatch.setattr("torch.cuda.is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: "mps" in kinds)
        monkeypatch.setattr("torch.accelerator.is_available", lambda: len(kinds) > 0)
        monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device(kinds[0]) if kinds else None)
        for name, value in env.items(): monkeypatch.setenv(name, value)
    return have

@pytest.mark.parametrize("kinds, env, device", [
    ((), {}, "cpu"), (("cuda",), {}, "cuda"), (("mps",), {}, "mps"), (("xpu",), {}, "xpu"),
    (("cuda",), dict(JUPYTERHUB_USER="ada"), "cpu"), (("cuda",), dict(JUPYTERHUB_USER="ada", FER_NB_DEVICE="auto"), "cuda"),
    (("cuda",), dict(JUPYTERHUB_USER="ada", FER_NB_DEVICE="cuda"), "cuda"), (("cuda",), dict(FER_NB_DEVICE="cpu"), "cpu"),
    (("cuda",), dict(FER_NB_DEVICE=""), "cuda"), (("cuda",), dict(FER_NB_DEVICE=" CPU "), "cpu"), ((), dict(FER_NB_DEVICE="auto"), "cpu"),
    (("mps",), dict(WORLD_SIZE="2"), "cpu"), (("cuda",), dict(WORLD_SIZE="2"), "cuda"), (("mps",), dict(FER_NB_DEVICE="mps"), "mps")])
def test_where_a_training_runs(machine, kinds, env, device):
    machine(*kinds, **env)
    assert training_device() == device

@pytest.mark.parametrize("wish", ["gpu", "cuda:1", "0", "cuda", "mps", "\x1b[2Jcpu"])
def test_a_device_that_is_not_there_is_named(machine, wish):
    machine(FER_NB_DEVICE=wish)
    with pytest.raises(ValueError, match="^FER_NB_DEVICE: expected .*cpu.*, got ") as said: training_device()
    assert "\x1b" not in str(said.value)
