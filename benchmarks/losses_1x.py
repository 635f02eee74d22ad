"""Separate loss and angular softmax, forward and backward, against plain implementations and pytorch-metric-learning's ArcFace.

Every contestant runs in a process of its own, in turns, two rounds; time is the best CPU time of one thread (on a GPU: wall time), memory the growth of
the peak. Errors are those of the features' gradient in float32 against ours in float64: at random, and (s = 1) with every feature 0.001 rad from its class vector.
Writes the section "Losses on angles" of RESULTS.md. For the peer: `pip install pytorch-metric-learning`. About a minute.
"""
import argparse, json, math, os, platform, resource, subprocess, sys, time
from pathlib import Path

from results import write_section

SIZES = {"separate": (1024, 512, 1000), "angular": (1024, 512, 10000)}   # B, d, K


def plain_separate(x, y, c):
    "Eqs. 2 and 3 as one would write them down, with a K×K table."
    import torch
    from torch.nn import functional as F
    intra = 1 - ((F.cosine_similarity(x, c[y]) + 1) / 2).mean()
    table = (F.normalize(c) @ F.normalize(c).t() + 1) / 2
    return intra + (table.sum() - table.diagonal().sum()) / (len(c) * (len(c) - 1))


def plain_separate_module(x, y, c):
    "The same, and the centres' step: Eqs. 6 and 7 with B×K and K×K tables."
    import torch
    from torch.nn import functional as F
    with torch.no_grad():
        u, v, length, K = F.normalize(x), F.normalize(c), c.norm(dim=1, keepdim=True), len(c)
        member = F.one_hot(y, K).to(x.dtype)
        pull = -(member.t() @ u - (member * (u @ v.t())).sum(0)[:, None] * v) / length
        cosines = (v @ v.t()).fill_diagonal_(0)
        push = (v.sum(0) - v - cosines.sum(1, keepdim=True) * v) / (K * (K - 1) * length)
        moved = c - .5 * (pull / (1 + member.sum(0)[:, None]) / (2 * len(x)) + push)
    return plain_separate(x, y, c)


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
    "A callable for one forward pass; centres and class vectors get a gradient unless a rule moves them."
    from torch.nn import functional as F
    from fer_nb.angular_softmax import angular_logits
    from fer_nb.separate_loss import SeparateLoss, separate_loss
    learned = c.detach().clone().requires_grad_()
    if name == "peer: ArcFaceLoss": return peer_angular(x, y, c, s)
    if name == "ours: SeparateLoss":
        criterion = SeparateLoss(len(c), c.shape[1]).to(x)
        return lambda: criterion(x, y)
    return {"plain separate": lambda: plain_separate(x, y, learned), "ours: separate_loss": lambda: sum(separate_loss(x, y, learned)),
            "plain separate, with the centres' step": lambda: plain_separate_module(x, y, c), "plain arccos": lambda: plain_angular(x, y, learned, s),
            "ours: angular_logits": lambda: F.cross_entropy(angular_logits(x, learned, y, s, .5, monotone=True), y)}[name]


ROWS = {"separate": ["plain separate", "ours: separate_loss", "plain separate, with the centres' step", "ours: SeparateLoss"],
        "angular": ["plain arccos", "peer: ArcFaceLoss", "ours: angular_logits"]}


def batch(B, d, K, device, dtype=None, near=False):
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
    exact, grads = "ours: angular_logits" if name in ROWS["angular"] else "ours: separate_loss", []
    for who, dtype in ((name, torch.float32), (exact, torch.float64)):
        x, y, c = batch(64, 32, 10, device, dtype, near)
        contestant(who, x, y, c, 1. if near else 64.)().backward()
        grads.append(x.grad.double())
    error = ((grads[0] - grads[1]).norm() / grads[1].norm()).item()
    return error if math.isfinite(error) else None


def measure(name, device):
    "Milliseconds, peak megabytes and gradient errors of one contestant."
    import torch
    torch.set_num_threads(1)
    gpu = device == "cuda"
    kind = next(k for k, names in ROWS.items() if name in names)
    x, y, c = batch(*SIZES[kind], device, torch.float32)
    forward = contestant(name, x, y, c)
    contestant(name, *batch(8, 4, 5, device, torch.float32))().backward()      # load the libraries before the memory is read
    peak = (lambda: torch.cuda.max_memory_allocated() / 2 ** 20) if gpu else (lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    clock, wait = (time.perf_counter, torch.cuda.synchronize) if gpu else (time.process_time, lambda: None)
    before, times = peak(), []
    for _ in range(10):
        wait(); start = clock()
        forward().backward()
        wait(); times.append(clock() - start)
    result = {"ms": 1000 * min(times), "mb": peak() - before}
    if "step" not in name and name != "ours: SeparateLoss":
        result["error"] = gradient_error(name, device, False)
        if kind == "angular": result["near"] = gradient_error(name, device, True)
    return result


def machine(device):
    import torch
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((l.split(": ")[1] for l in lines if l.startswith("model name")), platform.processor())
    gpu = f", {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return f"{cpu}, {os.cpu_count()} cores{gpu}, Python {platform.python_version()}, torch {torch.__version__}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", help="measure one contestant (used by the program itself)")
    args = parser.parse_args()
    if args.one: return print(json.dumps(measure(args.one, args.device)))
    best = {}
    for _ in range(2):
        for name in sum(ROWS.values(), []):
            run = subprocess.run([sys.executable, __file__, "--one", name, "--device", args.device], capture_output=True, text=True)
            if run.returncode: print(name, (run.stderr.splitlines() or ["?"])[-1]); continue
            new = json.loads(run.stdout.splitlines()[-1])
            old = best.get(name, new)
            best[name] = new | {k: min(new[k], old[k]) for k in ("ms", "mb")}
    lines = [f"Forward + backward, float32. {machine(args.device)}; {'wall time' if args.device == 'cuda' else 'CPU time of one thread'}.", ""]
    for kind, names in ROWS.items():
        B, d, K = SIZES[kind]
        lines += [f"| {kind}, B={B}, d={d}, K={K} | ms | times as fast as plain | peak MB | gradient error, random | 0.001 rad from the class vector |", "|---|---|---|---|---|---|"]
        for name in names:
            if name not in best: continue
            r, base = best[name], best[names[2] if name == "ours: SeparateLoss" or "step" in name else names[0]]
            show = lambda key: "" if key not in r else "not finite" if r[key] is None else f"{r[key]:.0e}"
            lines.append(f"| {name} | {r['ms']:.1f} | {base['ms'] / r['ms']:.1f} | {r['mb']:.0f} | {show('error')} | {show('near')} |")
        lines.append("")
    write_section("Losses on angles", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__": main()
