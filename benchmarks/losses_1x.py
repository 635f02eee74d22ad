"""Every other loss, forward and backward, against a plain implementation, and the angular softmax against pytorch-metric-learning's ArcFace.

Every contestant runs in a process of its own, in turns, two rounds; time is the best CPU time of one thread (on a GPU: wall time), memory the growth of
the peak. Errors are those of the features' gradient in float32 against ours in float64: at random, and (angular, s = 1) with every feature 0.001 rad from its
class vector. Writes the section "Losses beside plain ones" of RESULTS.md. For the peer: `pip install pytorch-metric-learning`; without it the section says so. About two minutes.
"""
import math

from results import contest, machine, measure, ratio

SIZES = {"center": (1024, 512, 1000), "island": (1024, 512, 1000), "separate": (1024, 512, 1000), "large margin": (1024, 512, 100),
         "angular": (1024, 512, 10000), "reversal": (1024, 512, 4)}   # B, d, K (reversal: domains)
STEP = ", with the centers' step"


def plain_center(x, y, c): return (x - c[y]).square().sum(1).mean() / 2


def plain_center_module(x, y, c):
    "Center loss, and the centers' step by a B×K table."
    import torch
    from torch.nn import functional as F
    with torch.no_grad():
        member = F.one_hot(y, len(c)).to(x.dtype)
        moved = c - .5 * (member.sum(0)[:, None] * c - member.t() @ x) / (1 + member.sum(0)[:, None])
    return plain_center(x, y, c)


def plain_island(x, y, c):
    "Center loss and the sum of a K×K table of cosines."
    from torch.nn import functional as F
    table = F.normalize(c) @ F.normalize(c).t() + 1
    return plain_center(x, y, c) + 10 * (table.sum() - table.diagonal().sum())


def turn(c):
    "The derivative of each center's cosines with the others, by a K×K table."
    from torch.nn import functional as F
    v, length = F.normalize(c), c.norm(dim=1, keepdim=True)
    cosines = (v @ v.t()).fill_diagonal_(0)
    return (v.sum(0) - v - cosines.sum(1, keepdim=True) * v) / length


def plain_island_module(x, y, c):
    "The same, and the centers' step."
    import torch
    from torch.nn import functional as F
    with torch.no_grad():
        member = F.one_hot(y, len(c)).to(x.dtype)
        moved = c - .5 * ((member.sum(0)[:, None] * c - member.t() @ x) / (1 + member.sum(0)[:, None]) + 10 / (len(c) - 1) * turn(c))
    return plain_island(x, y, c)


def plain_separate(x, y, c):
    "Eqs. 2 and 3 of Li et al. as one would write them down, with a K×K table."
    from torch.nn import functional as F
    intra = 1 - ((F.cosine_similarity(x, c[y]) + 1) / 2).mean()
    table = (F.normalize(c) @ F.normalize(c).t() + 1) / 2
    return intra + (table.sum() - table.diagonal().sum()) / (len(c) * (len(c) - 1))


def plain_separate_module(x, y, c):
    "The same, and the centers' step: Eqs. 6 and 7 with B×K and K×K tables."
    import torch
    from torch.nn import functional as F
    with torch.no_grad():
        u, v, length, K = F.normalize(x), F.normalize(c), c.norm(dim=1, keepdim=True), len(c)
        member = F.one_hot(y, K).to(x.dtype)
        pull = -(member.t() @ u - (member * (u @ v.t())).sum(0)[:, None] * v) / length
        moved = c - .5 * (pull / (1 + member.sum(0)[:, None]) / (2 * len(x)) + turn(c) / (K * (K - 1)))
    return plain_separate(x, y, c)


def plain_margin(x, y, c):
    "Eq. 3 of Racoviteanu et al. with all B×K×d differences."
    import torch
    from torch.nn import functional as F
    away = (F.normalize(x)[:, None] - F.normalize(c)).square().sum(2)
    own = away[torch.arange(len(x)), y]
    return (own - (away.sum(1) - own) / (len(c) - 1)).mean()


def plain_margin_module(x, y, c):
    "The same, and the centroids' step by a B×K table."
    import torch
    from torch.nn import functional as F
    with torch.no_grad():
        member = F.one_hot(y, len(c)).to(x.dtype)
        moved = torch.where(member.any(0)[:, None], (c + member.t() @ F.normalize(x) / member.sum(0).clamp(min=1)[:, None]) / 2, c)
    return plain_margin(x, y, c)


def plain_reversal(x, y, weight):
    "A linear domain classifier behind the reversal everybody writes, with clamped losses."
    import torch
    from torch.nn import functional as F

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient): return -.5 * gradient

    return F.cross_entropy(F.linear(Reverse.apply(x), weight), y, reduction="none").clamp(max=3.).mean()


def plain_angular(x, y, w, s):
    "ArcFace with an arccos on the whole B×K table, as many programs have it (monotone)."
    import torch
    from torch.nn import functional as F
    cos = F.linear(F.normalize(x), F.normalize(w)).clamp(-1 + 1e-7, 1 - 1e-7)
    rho = cos.arccos()
    strict = torch.where(rho <= math.pi - .5, (rho + .5).cos(), cos - .5 * math.sin(.5))
    hot = F.one_hot(y, len(w)).bool()
    return F.cross_entropy(s * torch.where(hot, strict, cos), y)


def peer_angular(x, y, w, s):
    "pytorch-metric-learning's ArcFaceLoss."
    import torch
    from pytorch_metric_learning.losses import ArcFaceLoss
    criterion = ArcFaceLoss(len(w), w.shape[1], margin=math.degrees(.5), scale=s).to(x)
    criterion.W = torch.nn.Parameter(w.detach().t().clone())
    return lambda: criterion(x, y)


def contestant(name, x, y, c, s=64.):
    "A callable for one forward pass; centers and class vectors get a gradient unless a rule moves them."
    from torch.nn import functional as F
    from fer_nb.angular_softmax import angular_logits
    from fer_nb.centers import CenterLoss, IslandLoss, center_loss, island_loss
    from fer_nb.grl import clamped_domain_loss, grad_reverse
    from fer_nb.large_margin import LargeMarginLoss, large_margin_loss
    from fer_nb.separate_loss import SeparateLoss, separate_loss
    learned = c.detach().clone().requires_grad_()
    if name == "peer: ArcFaceLoss": return peer_angular(x, y, c, s)
    modules = {"ours: CenterLoss": CenterLoss, "ours: IslandLoss": IslandLoss, "ours: SeparateLoss": SeparateLoss, "ours: LargeMarginLoss": LargeMarginLoss}
    if name in modules:
        criterion = modules[name](len(c), c.shape[1]).to(x)
        return lambda: criterion(x, y)
    return {"plain center": lambda: plain_center(x, y, learned), "ours: center_loss": lambda: center_loss(x, y, learned),
            "plain center" + STEP: lambda: plain_center_module(x, y, c),
            "plain island": lambda: plain_island(x, y, learned), "ours: island_loss": lambda: island_loss(x, y, learned),
            "plain island" + STEP: lambda: plain_island_module(x, y, c),
            "plain separate": lambda: plain_separate(x, y, learned), "ours: separate_loss": lambda: sum(separate_loss(x, y, learned)),
            "plain separate" + STEP: lambda: plain_separate_module(x, y, c),
            "plain large margin": lambda: plain_margin(x, y, learned), "ours: large_margin_loss": lambda: large_margin_loss(x, y, learned),
            "plain large margin" + STEP: lambda: plain_margin_module(x, y, c),
            "plain reversal": lambda: plain_reversal(x, y, learned),
            "ours: grad_reverse, clamped_domain_loss": lambda: clamped_domain_loss(F.cross_entropy(F.linear(grad_reverse(x, .5), learned), y, reduction="none"), 3.),
            "plain arccos": lambda: plain_angular(x, y, learned, s),
            "ours: angular_logits": lambda: F.cross_entropy(angular_logits(x, learned, y, s, .5, monotone=True), y)}[name]


ROWS = {"center": ["plain center", "ours: center_loss", "plain center" + STEP, "ours: CenterLoss"],
        "island": ["plain island", "ours: island_loss", "plain island" + STEP, "ours: IslandLoss"],
        "separate": ["plain separate", "ours: separate_loss", "plain separate" + STEP, "ours: SeparateLoss"],
        "large margin": ["plain large margin", "ours: large_margin_loss", "plain large margin" + STEP, "ours: LargeMarginLoss"],
        "angular": ["plain arccos", "peer: ArcFaceLoss", "ours: angular_logits"],
        "reversal": ["plain reversal", "ours: grad_reverse, clamped_domain_loss"]}
EXACT = {"center": "ours: center_loss", "island": "ours: island_loss", "separate": "ours: separate_loss", "large margin": "ours: large_margin_loss",
         "angular": "ours: angular_logits", "reversal": "ours: grad_reverse, clamped_domain_loss"}


def kind_of(name): return next(kind for kind, names in ROWS.items() if name in names)
def moves(name): return name.endswith((STEP, "Loss")) and not name.startswith("peer")


def batch(B, d, K, device, dtype, near=False):
    "Random features and class vectors; `near`: every feature 0.001 rad from its own vector."
    import torch
    from torch.nn import functional as F
    g = torch.Generator().manual_seed(0)
    x, c = (torch.randn(n, d, generator=g, dtype=torch.float64) for n in (B, K))
    y = torch.randint(K, (B,), generator=g)
    if near: x = 3 * (F.normalize(c[y]) + 1e-3 * F.normalize(x))
    return x.to(device, dtype).requires_grad_(), y.to(device), c.to(device, dtype)


def gradient_error(name, device, near):
    "Relative error of the features' gradient in float32; None where it is not finite."
    import torch
    grads = []
    for who, dtype in ((name, torch.float32), (EXACT[kind_of(name)], torch.float64)):
        x, y, c = batch(64, 32, 10, device, dtype, near)
        contestant(who, x, y, c, 1. if near else 64.)().backward()
        grads.append(x.grad.double())
    error = ((grads[0] - grads[1]).norm() / grads[1].norm()).item()
    return error if math.isfinite(error) else None


def one(name, device):
    "Milliseconds, peak megabytes and gradient errors of one contestant."
    import torch
    kind = kind_of(name)
    forward, warm_up = (contestant(name, *batch(*size, device, torch.float32)) for size in (SIZES[kind], (8, 4, 5)))
    result = measure(lambda: forward().backward(), lambda: warm_up().backward(), device)
    if not moves(name):
        result["error"] = gradient_error(name, device, False)
        if kind == "angular": result["near"] = gradient_error(name, device, True)
    return result


def report(best, device):
    "The section's lines: a table per loss."
    lines = [f"Forward + backward, float32. {machine(device)}; {'wall time' if device == 'cuda' else 'CPU time of one thread'}.", ""]
    for kind, names in ROWS.items():
        B, d, K = SIZES[kind]
        near = kind == "angular"
        lines += [f"| {kind}, B={B}, d={d}, K={K} | ms | times as fast as plain | peak MB | gradient error, random |" + near * " 0.001 rad from the class vector |", "|---|---|---|---|---|" + near * "---|"]
        for name in filter(best.__contains__, names):
            r, base = best[name], best.get(names[2] if moves(name) else names[0])
            show = lambda key: "" if key not in r else "not finite" if r[key] is None else f"{r[key]:.0e}"
            lines.append(f"| {name} | {r['ms']:.1f} | {ratio(base, r, 'ms')} | {r['mb']:.0f} | {show('error')} |" + near * f" {show('near')} |")
        lines.append("")
    return lines


if __name__ == "__main__": contest("Losses beside plain ones", __doc__.splitlines()[0], sum(ROWS.values(), []), one, report)
