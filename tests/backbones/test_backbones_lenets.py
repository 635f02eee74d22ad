"LeNets++: shapes, parameter counts, gradients, first weights, refusals."
import pytest
import torch
from torch import nn

from fer_nb.backbones import LeNetsPP, Output, initialise, memory_layout


def by_hand(a, b, c, features, feat_dim=2, classes=10):
    "Weights + biases of six 5×5 convolutions, their slopes, the embedding, its slopes, and the bias-free classifier."
    pairs = [(1, a), (a, a), (a, b), (b, b), (b, c), (c, c)]
    convs = sum(i * o * 25 + o for i, o in pairs)
    return convs + 2 * (a + b + c) + features * feat_dim + feat_dim + feat_dim + feat_dim * classes


@pytest.mark.parametrize("kwargs, expected", [
    (dict(), by_hand(32, 64, 128, 1152)),
    (dict(in_size=14), by_hand(32, 64, 128, 128)),
    (dict(width=.25), by_hand(8, 16, 32, 288)),
    (dict(width=.25, in_size=14, feat_dim=16, num_classes=7), by_hand(8, 16, 32, 32, 16, 7)),
    (dict(width=.01), by_hand(1, 1, 1, 9)),
])
def test_parameter_count(kwargs, expected):
    assert sum(p.numel() for p in LeNetsPP(**kwargs).parameters()) == expected


def test_full_width_count_is_a_number_one_can_check():
    assert sum(p.numel() for p in LeNetsPP().parameters()) == 797_624


@pytest.mark.parametrize("in_size, sides", [(28, [28, 14, 7, 3]), (14, [14, 7, 3, 1]), (12, [12, 6, 3, 1]), (32, [32, 16, 8, 3])])
def test_feature_map_sides(in_size, sides):
    model, x, seen = LeNetsPP(width=.1, in_size=in_size), torch.randn(2, 1, in_size, in_size), [in_size]
    for layer in model.features:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d): seen.append(x.shape[-1])
    assert seen == sides


@pytest.mark.parametrize("in_size", [28, 14])
@pytest.mark.parametrize("feat_dim", [1, 2, 64])
def test_output(in_size, feat_dim):
    out = LeNetsPP(num_classes=7, feat_dim=feat_dim, width=.2, in_size=in_size)(torch.randn(3, 1, in_size, in_size))
    assert isinstance(out, Output) and out.embedding.shape == (3, feat_dim) and out.logits.shape == (3, 7)
    assert out.embedding is out[0] and out.logits is out[1]


def test_structure_is_the_papers():
    model = LeNetsPP()
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [32, 32, 64, 64, 128, 128]
    assert all(c.kernel_size == (5, 5) and c.padding == (2, 2) and c.bias is not None for c in convs)
    assert model.classifier.bias is None and model.embed[1].in_features == 1152 and isinstance(model.embed[2], nn.PReLU)
    assert sum(isinstance(m, nn.PReLU) for m in model.modules()) == 7


def test_logits_are_linear_in_the_embedding():
    model = LeNetsPP(width=.2, in_size=14).double()
    out = model(torch.randn(4, 1, 14, 14, dtype=torch.float64))
    torch.testing.assert_close(out.logits, out.embedding @ model.classifier.weight.T)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    model = LeNetsPP(width=.25, in_size=14, feat_dim=8)
    out = model(torch.randn(32, 1, 14, 14))
    (out.logits.logsumexp(1).sum() + out.embedding.square().sum()).backward()
    for name, p in model.named_parameters(): assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_gradcheck():
    torch.manual_seed(0)
    model = LeNetsPP(width=.05, in_size=12).double()
    x = torch.randn(2, 1, 12, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: model(x).logits, x)


def test_channels_last_is_the_same_function():
    torch.manual_seed(0)
    model, x = LeNetsPP(width=.25, in_size=14).double(), torch.randn(4, 1, 14, 14, dtype=torch.float64)
    before = model(x)
    after = model.to(memory_format=torch.channels_last)(x)
    torch.testing.assert_close(before, after)


def test_state_dict_round_trip_and_seed():
    torch.manual_seed(3); a = LeNetsPP(width=.25)
    torch.manual_seed(3); b = LeNetsPP(width=.25)
    c = LeNetsPP(width=.25)
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(a(x).logits, b(x).logits) and not torch.equal(a(x).logits, c(x).logits)
    c.load_state_dict(a.state_dict())
    assert torch.equal(a(x).logits, c(x).logits)


@pytest.mark.parametrize("init, deviation", [("he", (2 / 800) ** .5), ("xavier", (1 / 800) ** .5), ("torch", (1 / 3 / 800) ** .5)])
def test_initial_spread(init, deviation):
    torch.manual_seed(0)
    conv = LeNetsPP(init=init).features[5] # 32 → 64 channels, 800 inputs
    assert conv.in_channels == 32
    torch.testing.assert_close(conv.weight.std().item(), deviation, rtol=.02, atol=0)
    assert (init == "torch") == bool(conv.bias.abs().sum() > 0)


def test_he_keeps_the_signal_alive_where_torchs_default_lets_it_die():
    x = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    spread = {}
    for init in ("he", "torch"):
        torch.manual_seed(0)
        with torch.no_grad(): spread[init] = LeNetsPP(init=init, width=.25)(x).embedding.std(0).mean().item()
    assert spread["he"] > 20 * spread["torch"]


def test_initialise_any_module():
    module = nn.Sequential(nn.Linear(400, 300), nn.BatchNorm1d(300))
    assert initialise(module, "he") is module
    torch.testing.assert_close(module[0].weight.std().item(), (2 / 400) ** .5, rtol=.02, atol=0)
    assert module[0].bias.abs().sum() == 0 and module[1].weight.eq(1).all()


def test_compiles_to_one_graph():
    torch.manual_seed(0)
    model, x = LeNetsPP(width=.1, in_size=14), torch.randn(2, 1, 14, 14)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))


BAD = [
    (dict(num_classes=1), "num_classes: expected a whole number of at least 2, got 1"),
    (dict(num_classes="10"), "num_classes: .*'10'"),
    (dict(feat_dim=0), "feat_dim: .* at least 1, got 0"),
    (dict(feat_dim=True), "feat_dim: .*True"),
    (dict(width=0), "width: expected a finite number above 0, got 0"),
    (dict(width=-1.), "width: .*-1.0"),
    (dict(width=float("nan")), "width: .*nan"),
    (dict(width="wide"), "width: .*'wide'"),
    (dict(in_size=11), "in_size: .* at least 12, got 11"),
    (dict(in_size=28.), "in_size: .*28.0"),
    (dict(init="best"), "init: expected .*he.*xavier.*torch.*'best'"),
]


@pytest.mark.parametrize("kwargs, message", BAD)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message): LeNetsPP(**kwargs)


@pytest.mark.parametrize("shape", [(2, 1, 14, 14), (2, 3, 28, 28), (1, 28, 28), (2, 784)])
def test_bad_images(shape):
    with pytest.raises(ValueError, match=r"images: expected shape \(B, 1, 28, 28\), got"):
        LeNetsPP(width=.1)(torch.zeros(shape))


@pytest.mark.parametrize("inputs, size, stride, safe", [(6, 1, 2, False), (13, 1, (1, 2), False), (8, 1, 2, False), (16, 1, 2, True), (6, 1, 1, True), (6, 3, 2, True)])
def test_channels_last_only_where_it_is_safe(inputs, size, stride, safe):
    "docs/onednn-channels-last.md: which convolution corrupts memory"
    model = nn.Sequential(nn.ReLU(), nn.Conv2d(inputs, 5, size, stride))
    assert memory_layout(model) == (torch.channels_last if safe else torch.contiguous_format)
    assert memory_layout(model.to("meta")) == torch.channels_last  # another device has other kernels
