"The papers' networks: shapes, parameter counts, gradients, pretrained weights, refusals."
import copy
from urllib.error import URLError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision import models

from fer_nb.backbones import AlexNet, LabCNN, Output, ResNet18, VGG16FC, VGG19Taps, from_torchvision, receptive_field


# ---- the network of the labs

@given(st.integers(16, 100), st.integers(1, 40), st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_lab_cnn_of_any_size(in_size, feat_dim, num_classes):
    out = LabCNN(num_classes, feat_dim, in_size)(torch.randn(2, 1, in_size, in_size))
    assert out.embedding.shape == (2, feat_dim) and out.logits.shape == (2, num_classes) and (out.embedding >= 0).all()


def test_lab_cnn_by_hand():
    model = LabCNN().eval()
    assert sum(p.numel() for p in model.parameters()) == 49*16 + 2*16 + 9*16*32 + 2*32 + 9*32*64 + 2*64 + 64*16*64 + 2*64 + 64*7 + 7
    x = torch.randn(3, 1, 64, 64)
    model(x).logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    for shape in ((3, 3, 64, 64), (3, 1, 32, 32)):
        with pytest.raises(ValueError, match=r"images: expected shape \(B, 1, 64, 64\), got"): model(torch.zeros(shape))
    for bad, message in ((dict(num_classes=1), "num_classes: "), (dict(feat_dim=0), "feat_dim: "), (dict(in_size=15), "in_size: .* at least 16, got 15")):
        with pytest.raises(ValueError, match=message): LabCNN(**bad)


# ---- the papers' networks

NETWORKS = (VGG19Taps, VGG16FC, AlexNet, ResNet18)
small = lambda network, **kwargs: network(**{"width": .05, "in_size": 48, **kwargs})
count = lambda model: sum(p.numel() for p in model.parameters())

def on_paper(network, **kwargs):
    with torch.device("meta"): return network(**kwargs)


@pytest.mark.parametrize("network, size, feat_dim", [(VGG19Taps, 224, 600), (VGG16FC, 224, 4096), (AlexNet, 227, 4096), (AlexNet, 224, 4096), (ResNet18, 224, 512)])
@pytest.mark.parametrize("num_classes", [7, 11])
def test_full_size(network, size, feat_dim, num_classes):
    out = on_paper(network, num_classes=num_classes, in_size=size)(torch.empty(2, 3, size, size, device="meta"))
    assert isinstance(out, Output) and out.embedding.shape == (2, feat_dim) and out.logits.shape == (2, num_classes)


def test_default_sizes_are_the_papers():
    assert [on_paper(network).in_size for network in NETWORKS] == [224, 224, 227, 224]


@pytest.mark.parametrize("network, unit", [(VGG19Taps, None), (VGG16FC, 4096), (AlexNet, 4096), (ResNet18, 512)])
@pytest.mark.parametrize("in_size, width", [(64, .25), (64, .5), (48, .25), (48, .07), (32, .1), (90, .1), (100, .125), (300, .03)])
def test_small_sizes(network, unit, in_size, width):
    model = on_paper(network, width=width, in_size=in_size)
    out = model(torch.empty(3, 3, in_size, in_size, device="meta"))
    assert out.embedding.shape == (3, model.feat_dim) and model.feat_dim == (round(width * unit) if unit else 600) and out.logits.shape == (3, 7)


@pytest.mark.parametrize("network, feat_dim", [(VGG19Taps, 60), (VGG16FC, 10), (AlexNet, 10), (ResNet18, 64), (ResNet18, 1024)])
def test_length_of_the_embedding(network, feat_dim):
    model = small(network, feat_dim=feat_dim)
    assert model.feat_dim == feat_dim and model(torch.randn(2, 3, 48, 48)).embedding.shape == (2, feat_dim)


def test_parameter_counts_by_hand():
    conv = lambda *channels: sum(9 * i * o + o for i, o in zip((3, *channels), channels))
    vgg16 = conv(64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    vgg19 = conv(64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512)
    linear = lambda i, o: i * o + o
    taps = sum(linear(n, 100) for n in (64 * 112**2, 128 * 56**2, 256 * 28**2, 512 * 14**2, 512 * 7**2, 4096))
    assert count(on_paper(VGG19Taps)) == vgg19 + linear(25088, 4096) + taps + linear(600, 7) == 276_240_135
    assert count(on_paper(VGG16FC)) == vgg16 + linear(25088, 4096) + linear(4096, 4096) + linear(4096, 1000) + linear(1000, 7) == 138_364_551
    alexnet = linear(363, 64) + linear(25 * 64, 192) + linear(9 * 192, 384) + linear(9 * 384, 256) + linear(9 * 256, 256)
    assert count(on_paper(AlexNet)) == alexnet + linear(9216, 4096) + linear(4096, 4096) + linear(4096, 7) == 57_032_519
    block = lambda i, o: 9 * i * o + 2 * o + 9 * o * o + 2 * o + (i != o) * (i * o + 2 * o)
    resnet = 147 * 64 + 128 + sum(block(i, o) + block(o, o) for i, o in ((64, 64), (64, 128), (128, 256), (256, 512)))
    assert count(on_paper(ResNet18)) == resnet + linear(512, 7) == 11_180_103
    assert count(on_paper(ResNet18, feat_dim=64)) == resnet + linear(512, 64) + linear(64, 7)


@pytest.mark.parametrize("name, kind", [("vgg19", models.VGG19_Weights), ("vgg16", models.VGG16_Weights), ("alexnet", models.AlexNet_Weights), ("resnet18", models.ResNet18_Weights)])
def test_torchvisions_own_counts(name, kind):
    with torch.device("meta"): ours, theirs = from_torchvision(name), models.get_model(name)
    assert count(ours) == kind.IMAGENET1K_V1.meta["num_params"]
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


@pytest.mark.parametrize("network", (VGG16FC, ResNet18))
def test_half_the_width_is_a_quarter_of_the_weights(network):
    square = lambda width: sum(m.weight.numel() for m in on_paper(network, width=width).features.modules() if isinstance(m, nn.Conv2d) and m.in_channels != 3)
    assert square(1.) == 4 * square(.5) == 16 * square(.25)


def theirs(name):
    "torchvision's convolutions with random weights, and how ours are to be filled with them."
    torch.manual_seed(1)
    if name == "vgg16": return models.vgg.make_layers(models.vgg.cfgs["D"])
    if name == "vgg19": return models.vgg.make_layers(models.vgg.cfgs["E"])
    if name == "alexnet": return models.alexnet().features
    return nn.Sequential(*list(models.resnet18().children())[:-1])


@pytest.mark.parametrize("network, name, size", [(VGG16FC, "vgg16", 64), (VGG19Taps, "vgg19", 64), (AlexNet, "alexnet", 227), (AlexNet, "alexnet", 224)])
def test_same_features_as_torchvision(network, name, size):
    reference, x = theirs(name).eval(), torch.randn(2, 3, size, size)
    with torch.device("meta"): plan = network(in_size=size)
    ours = plan.features.to_empty(device="cpu").eval()
    ours.load_state_dict(reference.state_dict())
    with torch.no_grad(): assert torch.equal(ours(x), reference(x))


def test_same_pooled_features_as_torchvision():
    reference, model, x = theirs("resnet18").eval(), ResNet18(in_size=90).eval(), torch.randn(2, 3, 90, 90)
    model.features.load_state_dict({k: v for k, v in reference.state_dict().items()})
    with torch.no_grad(): assert torch.equal(model(x).embedding, reference(x).flatten(1))


def test_same_function_as_torchvision_up_to_the_second_linear_layer():
    torch.manual_seed(0)
    model = small(VGG16FC, in_size=64).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        y = model.features(x).flatten(1)
        for k in (0, 3): y = (y @ model.fc[k].weight.T + model.fc[k].bias).relu()
        torch.testing.assert_close(model(x).embedding, y)
        y = (y @ model.classifier[1].weight.T + model.classifier[1].bias).relu()
        torch.testing.assert_close(model(x).logits, y @ model.classifier[3].weight.T + model.classifier[3].bias)


def test_alexnet_by_hand_after_its_convolutions():
    torch.manual_seed(0)
    model, x = small(AlexNet).double().eval(), torch.randn(2, 3, 48, 48, dtype=torch.float64)
    y = model.features(x).flatten(1)
    for k in (1, 4): y = (y @ model.fc[k].weight.T + model.fc[k].bias).relu()
    torch.testing.assert_close(model(x).embedding, y)
    torch.testing.assert_close(model(x).logits, y @ model.classifier.weight.T + model.classifier.bias)


def test_taps_by_hand():
    torch.manual_seed(0)
    model = small(VGG19Taps, feat_dim=12).double().eval()
    x, parts = torch.randn(2, 3, 48, 48, dtype=torch.float64), []
    y = x
    for layer in model.features:
        y = layer(y)
        if isinstance(layer, nn.MaxPool2d): parts.append(y.flatten(1))
    assert [p.shape[1] for p in parts] == [3 * 24**2, 6 * 12**2, 13 * 6**2, 26 * 3**2, 26]
    parts.append((parts[-1] @ model.fc[0].weight.T + model.fc[0].bias).relu())
    tapped = [p @ tap[1].weight.T + tap[1].bias for p, tap in zip(parts, model.taps)]
    expected = torch.cat([torch.where(t > 0, t, .01 * t) for t in tapped], 1)
    out = model(x)
    torch.testing.assert_close(out.embedding, expected)
    torch.testing.assert_close(out.logits, expected @ model.classifier.weight.T + model.classifier.bias)
    torch.testing.assert_close(torch.cat([m.flatten(1) for m in model.maps(x)], 1), torch.cat(parts, 1))


def test_structure_of_the_papers_networks():
    model = on_paper(VGG16FC)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert sum(isinstance(m, nn.Conv2d) for m in model.modules()) == 13 and [m.out_features for m in linear] == [4096, 4096, 1000, 7]
    taps = on_paper(VGG19Taps)
    assert sum(isinstance(m, nn.Conv2d) for m in taps.modules()) == 16 and [tap[1].out_features for tap in taps.taps] == [100] * 6
    assert all(isinstance(tap[2], nn.LeakyReLU) for tap in taps.taps) and taps.classifier.in_features == 600
    assert on_paper(AlexNet).features[0].stride == (4, 4) and on_paper(AlexNet, in_size=64).features[0].stride == (1, 1)
    assert isinstance(on_paper(ResNet18).fc, nn.Identity) and on_paper(ResNet18, feat_dim=64).fc.out_features == 64


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_reaches_every_parameter(network):
    torch.manual_seed(0)
    model = small(network, width=.1, **({"feat_dim": 16} if network is ResNet18 else {}))
    out = model(torch.randn(16, 3, 48, 48))
    nn.functional.cross_entropy(out.logits, torch.arange(16) % 7).backward()
    for name, p in model.named_parameters(): assert p.grad is not None and p.grad.isfinite().all() and p.grad.any(), name


@pytest.mark.parametrize("network", NETWORKS)
def test_losses_on_the_embedding_leave_the_labels_layers_alone(network):
    torch.manual_seed(0)
    model = small(network)
    model(torch.randn(8, 3, 48, 48)).embedding.square().sum().backward()
    for name, p in model.named_parameters(): assert (p.grad is None) == name.startswith("classifier"), name


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_by_finite_differences(network):
    torch.manual_seed(0)
    model = small(network, width=.03, in_size=32, init="he").double().eval()
    x, step = torch.randn(2, 3, 32, 32, dtype=torch.float64, requires_grad=True), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    (slope,) = torch.autograd.grad(model(x).logits.square().sum(), x)
    with torch.no_grad(): up, down = (model(x + e * step).logits.square().sum() for e in (1e-6, -1e-6))
    torch.testing.assert_close((slope * step).sum(), (up - down) / 2e-6, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_state_dict_and_seed(network, tmp_path):
    torch.manual_seed(3); a = small(network).eval()
    torch.manual_seed(3); b = small(network).eval()
    c, x = small(network).eval(), torch.randn(2, 3, 48, 48)
    assert torch.equal(a(x).logits, b(x).logits) and not torch.equal(a(x).logits, c(x).logits)
    torch.save(a.state_dict(), tmp_path / "state.pt")
    c.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(a(x).embedding, c(x).embedding) and torch.equal(copy.deepcopy(a)(x).logits, a(x).logits)


@pytest.mark.parametrize("network", NETWORKS)
def test_eval_is_deterministic_and_independent_of_the_batch(network):
    torch.manual_seed(0)
    model, x = small(network).double(), torch.randn(4, 3, 48, 48, dtype=torch.float64)
    if network in (VGG16FC, AlexNet): assert not torch.equal(model(x).logits, model(x).logits)     # dropout
    model.eval()
    assert torch.equal(model(x).logits, model(x).logits)
    torch.testing.assert_close(torch.cat([model(one[None]).embedding for one in x]), model(x).embedding)
    assert model(x[:0]).logits.shape == (0, 7)


@pytest.mark.parametrize("network", NETWORKS)
def test_precision(network):
    torch.manual_seed(0)
    model, x = small(network, width=.1).eval(), torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        single = model(x)
        with torch.autocast("cpu", torch.bfloat16): mixed = model(x)
        double, half = copy.deepcopy(model).double()(x.double()), copy.deepcopy(model).bfloat16()(x.bfloat16())
    assert double.logits.dtype == torch.float64 and half.embedding.dtype == torch.bfloat16
    torch.testing.assert_close(single.logits.double(), double.logits, rtol=1e-4, atol=1e-4)
    scale = double.embedding.abs().max().item()
    for other in (half, mixed): torch.testing.assert_close(other.embedding.double(), double.embedding, rtol=0, atol=.05 * scale)


@pytest.mark.parametrize("network", NETWORKS)
def test_channels_last_and_compile(network):
    torch.manual_seed(0)
    model, x = small(network).double().eval(), torch.randn(2, 3, 48, 48, dtype=torch.float64)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), model(x))
    torch.testing.assert_close(copy.deepcopy(model).to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last)), model(x))


@pytest.mark.parametrize("network", NETWORKS)
def test_gray_is_three_equal_planes(network):
    model, gray = small(network).eval(), torch.randn(2, 1, 48, 48)
    torch.testing.assert_close(model(gray.expand(-1, 3, -1, -1)), model(torch.cat([gray] * 3, 1)))
    with pytest.raises(ValueError, match="three equal planes"): model(gray)


def test_two_parameters_of_the_receptive_field():
    convolution, pool = nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2)
    assert receptive_field([]) == (1, 1) and receptive_field([convolution]) == (3, 1) and receptive_field([convolution, nn.ReLU(), pool, convolution]) == (8, 2)
    assert receptive_field([nn.Conv2d(1, 1, 11, stride=4), nn.MaxPool2d(3, 2)]) == (19, 8)
    assert receptive_field(on_paper(VGG19Taps).features) == (268, 32) and receptive_field(on_paper(VGG16FC).features) == (212, 32)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4))
def test_receptive_field_is_where_the_gradient_reaches(layers):
    net = nn.Sequential(*[nn.Conv2d(1, 1, (1, k), stride=(1, s)) for k, s in layers]).double()
    for conv in net: nn.init.ones_(conv.weight)
    side, step = receptive_field([nn.Conv2d(1, 1, k, stride=s) for k, s in layers])
    x = torch.zeros(1, 1, 1, side + step, dtype=torch.float64, requires_grad=True)
    out = net(x)
    assert out.shape[-1] == 2
    reached = torch.autograd.grad(out[0, 0, 0, 1], x)[0].flatten().nonzero()
    assert reached.min() >= step and reached.max() == side + step - 1


# ---- pretrained weights, without a network

@pytest.fixture
def hub(tmp_path, monkeypatch):
    "An empty download cache on a machine without a network."
    def offline(*args, **kwargs): raise URLError("no route to host")
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    yield tmp_path / "checkpoints"
    torch.hub.set_dir(before)


@pytest.mark.parametrize("weights", [models.ResNet18_Weights.IMAGENET1K_V1, "DEFAULT"])
def test_weights_from_the_download_cache(hub, weights):
    torch.manual_seed(5)
    reference, x = models.resnet18().eval(), torch.randn(2, 3, 64, 64)
    torch.save(reference.state_dict(), hub / "resnet18-f37072fd.pth")
    model = ResNet18(in_size=64, feat_dim=32, weights=weights).eval()
    pooled = nn.Sequential(*list(reference.children())[:-1])
    with torch.no_grad(): torch.testing.assert_close(model.avgpool(model.features(x)), pooled(x))
    assert model.fc.bias.eq(0).all() and model.fc.weight.any() and model.feat_dim == 32


@pytest.mark.parametrize("network, weights, url", [(ResNet18, "DEFAULT", "resnet18-f37072fd.pth"), (AlexNet, models.AlexNet_Weights.IMAGENET1K_V1, "alexnet-owt-7be5be79.pth")])
def test_offline_says_what_to_do(hub, network, weights, url):
    with torch.device("meta"), pytest.raises(ConnectionError) as info: network(weights=weights)
    message = str(info.value)
    assert message.startswith("weights: ") and str(hub / url) in message and f"https://download.pytorch.org/models/{url}" in message and "weights=None" in message
    assert "no route to host" in message


@pytest.mark.slow
def test_vgg16_takes_every_layer_of_the_original(monkeypatch):
    with torch.device("meta"): shapes = {k: v.shape for k, v in models.vgg16().state_dict().items()}
    monkeypatch.setattr(models.VGG16_Weights, "get_state_dict", lambda weights, **kwargs: {k: torch.tensor(.25).expand(s) for k, s in shapes.items()})
    model = VGG16FC(weights=models.VGG16_Weights.IMAGENET1K_V1, init="torch")
    loaded = {name for name, p in model.named_parameters() if p.flatten()[0] == .25 and p.flatten()[-1] == .25}
    assert loaded == {name for name, p in model.named_parameters()} - {"classifier.3.weight", "classifier.3.bias"}


def test_layers_that_come_as_nan_start_anew(monkeypatch):                                       # as the linear ones of VGG16_Weights.IMAGENET1K_FEATURES
    fake = {k: torch.full_like(v, float("nan")) if k.startswith("layer4") and v.is_floating_point() else v.clone() for k, v in models.resnet18().state_dict().items()}
    monkeypatch.setattr(models.ResNet18_Weights, "get_state_dict", lambda weights, **kwargs: fake)
    model = ResNet18(weights="DEFAULT")
    assert all(p.isfinite().all() for p in model.state_dict().values()) and torch.equal(model.features[6][0].conv1.weight, fake["layer3.0.conv1.weight"])


def test_another_networks_weights_are_refused(monkeypatch):
    monkeypatch.setattr(models.ResNet18_Weights, "get_state_dict", lambda weights, **kwargs: {"features.0.weight": torch.zeros(1)})
    with pytest.raises(RuntimeError, match="Missing key"): ResNet18(weights="DEFAULT")


@pytest.mark.parametrize("network", (VGG16FC, AlexNet))
def test_dropout(network):
    torch.manual_seed(0)
    model, x = small(network, dropout=0., width=.1), torch.randn(2, 3, 48, 48)
    assert torch.equal(model(x).logits, model(x).logits)
    assert [m.p for m in small(network, dropout=.3).modules() if isinstance(m, nn.Dropout)] == [.3, .3]
    assert [m.p for m in small(network).modules() if isinstance(m, nn.Dropout)] == [.5, .5]


BAD_NETWORKS = [
    (VGG19Taps, dict(num_classes=1), "num_classes: expected a whole number of at least 2, got 1"),
    (VGG19Taps, dict(feat_dim=0), "feat_dim: .*at least 6, got 0|feat_dim: .*at least 1, got 0"),
    (VGG16FC, dict(num_classes=7.), r"num_classes: .*7\.0"),
    (VGG19Taps, dict(feat_dim=100), "feat_dim: expected a multiple of 6, got 100"),
    (VGG19Taps, dict(feat_dim=None), "feat_dim: .*None"),
    (VGG16FC, dict(feat_dim=0), "feat_dim: .*at least 1, got 0"),
    (ResNet18, dict(feat_dim=64.), r"feat_dim: .*64\.0"),
    (AlexNet, dict(feat_dim=True), "feat_dim: .*True"),
    (AlexNet, dict(in_size=31), "in_size: .*at least 32, got 31"),
    (ResNet18, dict(in_size=(64, 64)), r"in_size: .*\(64, 64\)"),
    (VGG16FC, dict(width=0), "width: expected a finite number above 0, got 0"),
    (ResNet18, dict(width=float("inf")), "width: .*inf"),
    (ResNet18, dict(width="1"), "width: .*'1'"),
    (VGG16FC, dict(dropout=1.), r"dropout: expected a finite number of at least 0 and below 1, got 1\.0"),
    (AlexNet, dict(dropout="half"), "dropout: .*'half'"),
    (VGG19Taps, dict(init="best"), "init: expected .*'best'"),
    (VGG19Taps, dict(weights="DEFAULT", width=.5), "width: expected 1 with weights"),
    (VGG16FC, dict(weights="DEFAULT", in_size=64), "in_size: expected at least 224 with weights, got 64"),
    (AlexNet, dict(weights=models.VGG16_Weights.DEFAULT), "weights: expected None or one of AlexNet_Weights.IMAGENET1K_V1, got VGG16_Weights"),
    (ResNet18, dict(weights="imagenet"), "weights: .*ResNet18_Weights.IMAGENET1K_V1, got 'imagenet'"),
    (ResNet18, dict(weights=True), "weights: .*got True"),
    (ResNet18, dict(weights="best.pt"), "weights: .*'best.pt'"),
]


@pytest.mark.parametrize("network, kwargs, message", BAD_NETWORKS)
def test_bad_arguments_of_the_papers_networks(network, kwargs, message):
    with torch.device("meta"), pytest.raises(ValueError, match=message): network(**kwargs)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (2, 4, 48, 48), (3, 48, 48), (2, 3, 48, 47), (48,)])
def test_bad_images_of_the_papers_networks(network, shape):
    with torch.device("meta"), pytest.raises(ValueError, match=r"images: expected shape \(B, 3, 48, 48\), got"): small(network)(torch.zeros(shape))
