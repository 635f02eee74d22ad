"Networks, losses, batches, weights from a file, and what is measured."
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from fer_nb.backbones import Output
from fer_nb.reproduce import LOSSES, TRAININGS, Training, at_scale, build, load_vggface, measure, objective, train
from fer_nb.reproduce.fitting import falling, outputs

TINY = at_scale(Training(("kdef",)), "smoke")


class Told(nn.Module):
    "Its input is its answer."
    def __init__(self):
        super().__init__()
        self.p, self.norm, self.frozen = nn.Parameter(torch.zeros(1)), nn.BatchNorm1d(7), nn.BatchNorm1d(7).eval()
    def forward(self, x): return Output(x, x)

THREE = torch.utils.data.TensorDataset(torch.tensor([[3., 0, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0]]), torch.tensor([0, 1, 1]))


def test_measure_by_hand():
    m, e, y = measure(Told(), THREE, 7)
    assert m["accuracy"] == pytest.approx(200 / 3) and m["average"] == pytest.approx(75.) and m["confusion"][1][:2] == [1, 1]
    log = math.log(math.exp(3) + 6)
    assert m["loss"] == pytest.approx((log - 3 + log - 3 + log) / 3) and m["intra neutral"] == pytest.approx(1.)

def test_measure_leaves_every_module_in_its_mode():
    model = Told()
    measure(model, THREE, 7)
    assert model.training and model.norm.training and not model.frozen.training

def test_measure_action_units_by_hand():
    y = torch.zeros(3, 12)
    y[0, 0] = y[1, 0] = 1
    m, _, _ = measure(Told(), torch.utils.data.TensorDataset(torch.where(torch.tensor([[1.], [-1.], [1.]]) * torch.ones(3, 12) > 0, 1., -1.), y), 12)
    assert m["AU1"] == pytest.approx(50.) and set(m) >= {"avg small", "avg full", "AU43"} # one right, one missed, one too many

def test_measure_needs_pictures():
    with pytest.raises(ValueError, match="data: expected at least one picture, got none"): measure(Told(), torch.utils.data.TensorDataset(torch.zeros(0, 7), torch.zeros(0)), 7)

def test_outputs(): assert [outputs(t) for t in (TINY, Training(("rafdb_compound",)), Training(("emotionet",), "au island"))] == [7, 11, 12]

@pytest.mark.slow
def test_vggface_from_a_file(tmp_path):
    t = Training(("rafdb",), network="vgg16fc", weights="vggface", size=64)
    torch.manual_seed(0)
    net, other = build(t, 7, "none"), build(replace(t, weights="none"), 1000, "none")
    torch.save(other.state_dict(), tmp_path/"face.pt")
    again = build(t, 7, tmp_path/"face.pt")
    convs = lambda m: [c.weight for c in m.modules() if isinstance(c, nn.Conv2d)]
    assert all(a.equal(b) for a, b in zip(convs(again), convs(other))) and not convs(net)[0].equal(convs(other)[0])
    assert again.fc[0].weight.equal(other.fc[0].weight) and again.fc[0].bias.equal(other.fc[0].bias)
    with pytest.raises(ValueError, match="cannot be fetched for you"): build(t, 7)
    torch.save({"a.weight": torch.zeros(3, 3)}, tmp_path/"no.pt")
    with pytest.raises(ValueError, match="thirteen convolutions"): load_vggface(net, tmp_path/"no.pt")
    (tmp_path/"text.pt").write_text("no")
    with pytest.raises(ValueError, match="expected a file with the state dict"): load_vggface(net, tmp_path/"text.pt")

def test_networks_see_a_crop():
    net = build(Training(("rafdb",), network="labcnn", size=64, crop=48, weights="none"), 7)
    seen = []
    net.net.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    x = torch.rand(2, 1, 64, 64)
    assert net(x).logits.shape == net.eval()(x).logits.shape == (2, 7)
    assert [tuple(v.shape[-2:]) for v in seen] == [(48, 48)] * 2 and seen[1].equal(x[:, :, 8:56, 8:56]) # the middle

@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_reaches_the_network(loss):
    torch.manual_seed(0)
    t = Training(("kdef",), loss, ("jaffe",), lam=.1, gamma=1., clamp=5.)
    x = torch.randn(8, 16, requires_grad=True)
    width = 12 if loss.startswith("au") else 7
    head = nn.Linear(16, width)
    y = torch.rand(8, 12) if loss.startswith("au") else torch.arange(8) % 7
    term = objective(t, width, 16, 10)
    for _ in range(3): losses = term((x, y, torch.arange(8) % 2), Output(x, head(x)))
    sum(losses.values()).backward()
    assert x.grad.abs().sum() > 0 and all(v.isfinite() for v in losses.values())

def test_adversaries_are_the_papers():
    plain, angular, margin = (objective(TRAININGS["001"][f"{loss} FER2013 to RAF-DB"], 7, 16, 10).classifier.head for loss in ("udat", "udat-as", "udat-as margin"))
    assert isinstance(plain, nn.Linear) and (angular.m, margin.m) == (0., .5)
    dann = objective(TRAININGS["000"]["clamp 3000"], 7, 16, 10)
    assert (dann.clamp, dann.scales, dann.classifier.head.out_features) == (3000., "loss", 4)

def test_learning_rate_falls_in_steps():
    t = Training(("rafdb",), epochs=60, decay=10., every=20)
    assert [falling(t, n, 600) for n in (0, 199, 200, 400)] == pytest.approx([1, 1, .1, .01])

def test_a_seed_is_a_training():
    a, b, c = (train(TINY, seed).state_dict() for seed in (0, 0, 1))
    assert all(a[k].equal(b[k]) for k in a) and not all(a[k].equal(c[k]) for k in a)

def test_going_on_takes_the_kept_model(tmp_path):
    t = replace(TINY, sets=("jaffe",), start=TINY)
    made = train(t).state_dict()
    (tmp_path/"models").mkdir()
    torch.save(train(TINY).state_dict(), tmp_path/f"models/{TINY.key()}-0.pt")
    assert all(made[k].equal(v) for k, v in train(t, out=tmp_path).state_dict().items())
    torch.save(train(TINY, 7).state_dict(), tmp_path/f"models/{TINY.key()}-0.pt")
    assert not all(made[k].equal(v) for k, v in train(t, out=tmp_path).state_dict().items())

def test_what_was_trained_to_go_on_with_is_kept(tmp_path):
    "Ten trainings of Table II of paper 001 begin with one"
    t = replace(TINY, sets=("jaffe",), start=TINY)
    made = train(t, 2, out=tmp_path).state_dict()
    kept = torch.load(tmp_path/f"models/{TINY.key()}-2.pt", weights_only=True)
    assert all(kept[k].equal(v) for k, v in train(TINY, 2).state_dict().items())
    assert all(made[k].equal(v) for k, v in train(t, 2, out=tmp_path).state_dict().items())
