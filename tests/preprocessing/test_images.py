"Gray, size, values, crops: fer_nb.preprocessing.images, from the installed package."
import numpy as np
import torch

from fer_nb.preprocessing import augment, normalize, rescale, ten_crops, to_gray


def test_gray():
    x = torch.tensor([[10, 0, 0, 255], [0, 100, 0, 255], [0, 0, 200, 255]], dtype=torch.uint8)[:, None]
    assert (to_gray(x).float() - torch.tensor([[[2.99, 58.7, 22.8, 255.]]])).abs().max() <= 1
    f = torch.rand(2, 3, 5, 5)
    torch.testing.assert_close(to_gray(f), (f * torch.tensor([.2989, .587, .114])[:, None, None]).sum(1, keepdim=True), atol=1e-4, rtol=0)
    assert to_gray(x[:1]) is not None and torch.equal(to_gray(x[:1]), x[:1])

def test_rescale():
    for size in (224, 227, 100, 48): assert rescale(torch.zeros(2, 1, 61, 60, dtype=torch.uint8), size).shape == (2, 1, size, size)
    chess = ((torch.arange(96)[:, None] + torch.arange(96)) % 2).float()[None]
    assert (rescale(chess, 24)[:, 1:-1, 1:-1] - .5).abs().max() < .03         # no aliasing

def test_normalize_by_plane():
    x = torch.randint(0, 256, (2, 3, 7, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    y = normalize(x)
    torch.testing.assert_close(y.mean((-2, -1)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((-2, -1), correction=0), torch.ones(2, 3))
    reference = (x.double().numpy() - x.double().numpy().mean((-2, -1), keepdims=True)) / x.double().numpy().std((-2, -1), keepdims=True)
    np.testing.assert_allclose(y.numpy(), reference, atol=1e-5)
    torch.testing.assert_close(normalize(x / 255. * .3 + .2), y, atol=1e-4, rtol=0)
    assert normalize(torch.full((1, 4, 4), 77, dtype=torch.uint8)).eq(0).all()
    assert normalize(torch.rand(3, 4, 4, dtype=torch.float64)).dtype == torch.float64

def test_normalize_for_imagenet():
    y = normalize(torch.tensor([255, 0, 51], dtype=torch.uint8)[:, None, None].expand(3, 2, 2), "imagenet")
    torch.testing.assert_close(y[:, 0, 0], torch.tensor([(1 - .485) / .229, -.456 / .224, (.2 - .406) / .225]))
    assert normalize(torch.zeros(5, 1, 2, 2), "imagenet").shape == (5, 3, 2, 2)

def test_ten_crops():
    x = torch.arange(36).view(1, 6, 6).to(torch.uint8)
    c = ten_crops(x, 4)
    assert c.shape == (10, 1, 4, 4) and c[:5, 0, 0, 0].tolist() == [0, 2, 12, 14, 7] and torch.equal(c[4], x[:, 1:5, 1:5])
    assert torch.equal(c[5:], ten_crops(x.flip(-1), 4)[:5]) and ten_crops(x.expand(3, 1, 6, 6), 6).shape == (10, 3, 1, 6, 6)

def test_augment():
    x = torch.rand(400, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    a, b, c = (augment(x, 5, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    which = (ten_crops(x, 5) == a).flatten(2).all(-1)
    assert (which.sum(0) >= 1).all()
    assert which.sum(1).min() > 20                                           # every crop is drawn
    torch.manual_seed(3)
    d = augment(x, 5)
    torch.manual_seed(3)
    assert torch.equal(d, augment(x, 5))
