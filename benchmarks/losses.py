"""DDA loss, forward and backward, against a plain B×K×d implementation and the one equivalent on PyPI.

Every contestant runs in a process of its own, in turns, two rounds; time is the best CPU time of one thread (on a GPU: wall time), memory the growth
of the peak. The error is that of the gradient in float32 with all points 1,000 away from the origin, against float64. Writes the section "Losses" of
RESULTS.md. For the peer: `pip install pytorch-metric-learning`; without it the section says so (its ProxyNCALoss without normalization is twice the DDA loss with learned centers;
for center loss and island loss we know of no maintained package). About two minutes; the plain implementation needs 10 GB.
"""
import statistics, subprocess, sys

from results import contest, machine, measure, ratio

B, D, K = 1024, 512, 1000


def plain(x, y, c):
    "What one would write down first."
    import torch
    return -(-(x[:, None] - c).square().sum(2)).log_softmax(1)[torch.arange(len(x)), y].mean() / 2


def plain_module(x, y, c):
    "The same with center loss and the centers' step, as DDALoss does."
    import torch
    scores = -(x[:, None] - c).square().sum(2)
    with torch.no_grad():
        n = torch.nn.functional.one_hot(y, len(c)).to(x.dtype)
        delta = (n[:, :, None] * (c - x[:, None])).sum(0) / (1 + n.sum(0)[:, None])
        delta += ((n - scores.softmax(1))[:, :, None] * (c - x[:, None])).mean(0)
        moved = c - .5 * delta
    return .01 * (x - c[y]).square().sum(1).mean() / 2 - 5 * scores.log_softmax(1)[torch.arange(len(x)), y].mean() / 2


def tied(x, y, c):
    "A linear classifier tied to the centers: as fast as it gets, but the digits cancel."
    from torch.nn import functional as F
    return F.cross_entropy(F.linear(x, 2 * c, -c.square().sum(1)), y) / 2


def peer(x, y, c):
    "pytorch-metric-learning's ProxyNCALoss."
    import torch
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import ProxyNCALoss
    criterion = ProxyNCALoss(len(c), c.shape[1], softmax_scale=1, distance=LpDistance(normalize_embeddings=False, p=2, power=2))
    criterion.proxies = torch.nn.Parameter(c.detach().clone())
    return lambda: criterion(x, y) / 2


def contestant(name, x, y, c):
    "A callable for one forward pass; `learned`: whether the centers get a gradient too."
    from fer_nb.dda import DDALoss, dda_loss
    learned = c.detach().clone().requires_grad_()
    if name == "peer: ProxyNCALoss": return peer(x, y, c)
    if name == "ours: DDALoss":
        criterion = DDALoss(len(c), c.shape[1]).to(x)
        return lambda: criterion(x, y)
    if name == "plain B×K×d, with the centers' step": return lambda: plain_module(x, y, c)
    function = {"ours: dda_loss": dda_loss, "plain B×K×d": plain, "tied linear layer": tied}[name]
    return lambda: function(x, y, learned)


NAMES = ["plain B×K×d", "peer: ProxyNCALoss", "tied linear layer", "ours: dda_loss", "plain B×K×d, with the centers' step", "ours: DDALoss"]


def batch(device, norm=0.):
    import torch
    g = torch.Generator().manual_seed(0)
    c = torch.randn(K, D, generator=g) / D ** .5 + norm / D ** .5
    y = torch.randint(K, (B,), generator=g)
    x = c[y] + torch.randn(B, D, generator=g) / D ** .5
    return x.to(device).requires_grad_(), y.to(device), c.to(device)


def one(name, device):
    "Milliseconds, peak megabytes and gradient error of one contestant."
    x, y, c = batch(device)
    forward, warm_up = contestant(name, x, y, c), contestant("tied linear layer", x.detach()[:8].requires_grad_(), y[:8], c)
    result = measure(lambda: forward().backward(), lambda: warm_up().backward(), device, repeats=1 if "plain" in name else 10)  # two rounds: the plain ones are slow
    if "step" in name or "DDALoss" in name or "plain" in name: return result
    x, y, c = batch(device, norm=1000.)
    contestant(name, x, y, c)().backward()
    exact = x.detach().double().requires_grad_()
    from fer_nb.dda import dda_loss
    dda_loss(exact, y, c.double()).backward()
    return result | {"error": ((x.grad - exact.grad).norm() / exact.grad.norm()).item()}


def import_ms():
    "CPU time that `import fer_nb.dda` adds to `import torch`: median of seven new processes."
    code = "import torch, time; t = time.process_time(); import fer_nb.dda; print(1000 * (time.process_time() - t))"
    return statistics.median(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(7))


def report(best, device):
    "The section's lines."
    lines = [f"DDA loss, forward + backward, B={B}, d={D}, K={K}, float32. {machine(device)}; one thread.", "",
             "| | ms | times faster than plain | peak MB | times less memory | gradient error at norm 1,000 |", "|---|---|---|---|---|---|"]
    for name, r in best.items():
        base = best.get("plain B×K×d, with the centers' step" if name.endswith(("step", "DDALoss")) else "plain B×K×d")
        error = f"{r['error']:.0e}" if "error" in r else ""
        lines.append(f"| {name} | {r['ms']:.0f} | {ratio(base, r, 'ms')} | {r['mb']:.0f} | {ratio(base, r, 'mb')} | {error} |")
    return lines + ["", f"`import fer_nb.dda` after `import torch`: {import_ms():.0f} ms of CPU time."]


if __name__ == "__main__": contest("Losses", __doc__.splitlines()[0], NAMES, one, report)
