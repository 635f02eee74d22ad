"What the tests of recorded runs share: a training, runs of it or made by hand, and how a page is read."
import base64
import json
import re
import zlib
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from fer_nb import embeddings as E
from fer_nb.backbones import Output
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
    "A term with centers that move in training."
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

EVIL = '</script><img src=x onerror=alert(1)>&amp;<!--'

def page_data(text):
    "What a page carries, read as a browser would: the script element ends at the first </script."
    return json.loads(re.search(r'<script type="application/json" id="fer-nb-data">(.*?)</script', text, re.S).group(1))["runs"]

def decode(one):
    "The frames of one run of a page, by the rules the player follows."
    f, n = len(one["steps"]), one["n"]
    raw = zlib.decompress(base64.b64decode(one["frames"]))
    low, high = np.frombuffer(raw[:f * n * 2], np.uint8).astype(np.int64), np.frombuffer(raw[f * n * 2:], np.uint8).astype(np.int64)
    out = ((low + 256 * high).reshape(f, n, 2).cumsum(0) + 32768) % 65536 - 32768
    return out.astype(np.int16)

def walk(n=200, f=12, k=5, seed=0, noise=0.03, **kw):
    "A run like a training: clusters that move outwards, and jitter."
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    labels[:k] = np.arange(k)
    run, spot = Run(labels, **{"class_names": [f"c{i}" for i in range(k)], **kw}), rng.normal(size=(n, 2)) * 0.3
    angle = np.arange(k) * 2 * np.pi / k
    for i in range(f):
        spot = spot + rng.normal(size=(n, 2)) * noise
        c = np.stack([np.cos(angle), np.sin(angle)], 1) * (0.2 + 3 * i / f)
        run.add(10 * i + 1, c[labels] + spot * (1 + i / f), rng.permutation(labels) if i == 0 else labels, centers=c, head=c, losses={"total": 1 / (i + 1)}, grad_norm=1.)
    return run

X, Y = points()
