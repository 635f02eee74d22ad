"""What is worth knowing on the day a GPU is at hand, in under ten minutes; writes the section "On a GPU" of RESULTS.md with the card's name.

    python benchmarks/on_the_day.py            # on a GPU
    python benchmarks/on_the_day.py --dry      # every part small, on the CPU, so that nothing is tried for the first time on the day; writes nothing
    python benchmarks/on_the_day.py --only goal losses

Parts, the most important first; an error in one is written down and does not stop the next:
    right        every loss and network on the device against the CPU, and what waits
    goal         100 epochs of 20,000 digits: a whole step as one CUDA graph (the bound), `fit`, `fit(capture=True)`; float32 and bfloat16
    losses       each loss at B=128, K=10, d=2 and at B=1024, K=1000, d=512: plain and as a CUDA graph; a matrix product in float32 and float64
    record       what a frame costs
    networks     ResNet-18 and VGG19 at 224 pixels: images a second, peak memory
    faces        faces a second at 64 and 224 pixels, peak memory
    determinism  two equal backward passes under torch.use_deterministic_algorithms
"""
import argparse, os, statistics, sys, time, traceback, warnings

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic matrix products ask for; before torch is loaded
import torch
from torch import nn
from torch.nn import functional as F

from kernels import TERMS
from results import machine, write_section
from fer_nb import embeddings
from fer_nb.backbones import LeNetsPP, ResNet18, VGG19Taps
from fer_nb.centers import CenterLoss, IslandLoss
from fer_nb.dda import DDALoss
from fer_nb.faces import AU_NAMES, DOMAINS, render, sample_identity
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.separate_loss import SeparateLoss
from fer_nb.training import Batches, Objective, fit, staircase
from fer_nb.wmnist import load_digits, to_input

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--dry", action="store_true", help="everything small, on the CPU; writes nothing")
parser.add_argument("--only", nargs="*", help="names of the parts to run")
parser.add_argument("--budget", type=float, default=540., help="seconds after which no further part begins")
args = parser.parse_args()
CUDA = not args.dry
DEVICE = torch.device("cuda" if CUDA else "cpu")
SIZED = {"center": CenterLoss, "island": IslandLoss, "dda": DDALoss, "separate": SeparateLoss, "margin": LargeMarginLoss}
BEGAN, LINES = time.monotonic(), []


def sync():
    if CUDA: torch.cuda.synchronize()


def say(part, name, **values):
    "A row of the table, printed at once."
    LINES.append((part, name, ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items())))
    print(*LINES[-1], sep=" | ", flush=True)


def timed(f, warm=3, seconds=1.):
    "Median seconds of a call over five blocks, each followed by a wait for the device."
    for _ in range(warm): f()
    sync(); start = time.perf_counter()
    f()
    sync(); once = max(1e-6, time.perf_counter() - start)
    each, count = [], max(1, min(200, int(seconds / 5 / once)))
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count): f()
        sync(); each.append((time.perf_counter() - start) / count)
    return statistics.median(each)


def peak(f):
    "Megabytes that a call adds at its worst; 0 on a CPU."
    if not CUDA: return 0.
    torch.cuda.empty_cache(); torch.cuda.reset_peak_memory_stats(); before = torch.cuda.memory_allocated()
    f(); sync()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def accelerator(precision="no"):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    return Accelerator(mixed_precision=precision, cpu=not CUDA)


def graph(step):
    "`step` as one CUDA graph; on a CPU the step itself."
    if not CUDA: return step
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5): step()
    torch.cuda.current_stream().wait_stream(side)
    made = torch.cuda.CUDAGraph()
    with torch.cuda.graph(made): step()
    return made.replay


SAMPLES, EPOCHS, WIDTH, SIDE, STEPS = (20_000, 100, 1., 28, 300) if CUDA else (512, 2, .1, 12, 3)


def digits():
    if not CUDA: return torch.randn(SAMPLES, 1, SIDE, SIDE), torch.randint(10, (SAMPLES,))
    images, labels = load_digits()
    rows = torch.randint(len(images), (SAMPLES,), generator=torch.Generator().manual_seed(0))
    return to_input(images[rows], SIDE), labels[rows]


def network():
    torch.manual_seed(0)
    return LeNetsPP(width=WIDTH, in_size=SIDE)


def whole_step(term=None, precision="no"):
    "A step over buffers that stay: it gathers its own batch, counts on the device, and clips; the term's centers move."
    x, y = (t.to(DEVICE) for t in digits())
    net = network().to(DEVICE, memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=torch.tensor(.001, device=DEVICE) if CUDA else .001, momentum=.9, weight_decay=5e-4, fused=True)
    order, n, span = torch.randperm(SAMPLES, device=DEVICE), torch.zeros((), dtype=torch.int64, device=DEVICE), torch.arange(128, device=DEVICE)
    def step():
        rows = order.index_select(0, (span + n * 128) % (SAMPLES // 128 * 128))
        n.add_(1)
        sgd.zero_grad()
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16, enabled=precision == "bf16"): out = net(x.index_select(0, rows))
        labels = y.index_select(0, rows)
        loss = F.cross_entropy(out.logits.float(), labels)
        if term is not None: loss = loss + .01 * term(out.embedding.float(), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5., foreach=True)
        sgd.step()
    return step


def right():
    for name, make in TERMS.items():
        torch.manual_seed(0); here, x, y = make(), torch.randn(64, 2), torch.randint(10, (64,))
        torch.manual_seed(0); there, waits = make().to(DEVICE), 0
        for _ in range(2):
            a, b, labels = x.clone().requires_grad_(), x.to(DEVICE).detach().clone().requires_grad_(), y.to(DEVICE)
            here(a, y).backward(); sync()
            if CUDA: torch.cuda.set_sync_debug_mode("warn")
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always"); there(b, labels).backward()
            if CUDA: torch.cuda.set_sync_debug_mode("default")
            waits = sum("synchroniz" in str(w.message).lower() for w in seen)
        moved = max((p.cpu().double() - q.double()).abs().max().item() for p, q in zip(there.state_dict().values(), here.state_dict().values()))
        say("right", f"loss {name}", gradient=((b.grad.cpu() - a.grad).norm() / a.grad.norm()).item(), centers=moved, waits=waits)
    for make, channels in ((LeNetsPP, 1), (ResNet18, 3), (VGG19Taps, 3)):
        torch.manual_seed(0); net = make(width=.125, in_size=32).eval(); x = torch.randn(4, channels, 32, 32); want = net(x).logits.detach()
        got = net.to(DEVICE, memory_format=torch.channels_last)(x.to(DEVICE)).logits.detach().cpu()
        say("right", f"network {make.__name__}", apart=((got - want).norm() / want.norm()).item())


def goal():
    if CUDA: torch.backends.cudnn.benchmark = True
    steps = SAMPLES // 128 * EPOCHS
    def line(name, each): say("goal", name, ms=1e3 * each, all_epochs_s=each * steps, of_bound=bound / each)
    bound = timed(graph(whole_step()))
    line("whole softmax step as one graph, the bound", bound)
    line("the same, plain", timed(whole_step()))
    line("whole step as one graph, bf16", timed(graph(whole_step(precision="bf16"))))
    for name in ("center", "dda"):
        term = SIZED[name](10, 2).to(DEVICE); replay, before = graph(whole_step(term)), term.centers.clone()
        line(f"whole step as one graph, {name}", timed(replay))
        assert not torch.equal(before, term.centers), "the centers stand still in a graph"
    x, y = digits()
    for name, make in {"softmax": Objective, **{n: lambda n=n: Objective(term=(SIZED[n](10, 2), .01)) for n in SIZED}}.items():
        for precision, capture in (("no", False), ("bf16", False), *([("no", True), ("bf16", True)] if CUDA else [])):
            training = fit(network(), make(), Batches(x, y, batch_size=128), 10**4, lr=.001, schedule=staircase(), accelerator=accelerator(precision), check_every=50, capture=capture)
            for _ in range(160 if CUDA else 2): next(training)  # the smaller last batch of an epoch is compiled, too
            sync(); start = time.perf_counter()
            for _ in range(STEPS): next(training)
            sync(); line(f"fit, {name}, {precision}, capture={capture}", (time.perf_counter() - start) / STEPS)
            training.close()


def losses():
    for b, k, d in ((128, 10, 2), (1024, 1000, 512)) if CUDA else ((64, 20, 8),):
        x, y, plain = torch.randn(b, d, device=DEVICE), torch.randint(k, (b,), device=DEVICE), nn.Linear(d, k).to(DEVICE)
        class Head(nn.Module):
            def forward(self, x, y): return F.cross_entropy(plain(x), y)
        for name, make in {"linear layer and cross-entropy": lambda k, d: Head(), **SIZED}.items():
            loss, static = make(k, d).to(DEVICE), x.clone().requires_grad_()
            def step():
                static.grad = None
                loss(static, y).backward()
            say("losses", f"{name}, B={b}, K={k}, d={d}", plain_ms=1e3 * timed(step, seconds=.5), graph_ms=1e3 * timed(graph(step), seconds=.5), peak_MB=peak(step))
        a, c = torch.randn(b, d, device=DEVICE), torch.randn(d, k, device=DEVICE)
        say("losses", f"matrix product {b}×{d}×{k}", float32_ms=1e3 * timed(lambda: a @ c, seconds=.3), float64_ms=1e3 * timed(lambda: a.double() @ c.double(), seconds=.3))


def record():
    x, y = digits()
    def each(every):
        run = embeddings.record(fit(network(), Objective(term=DDALoss(10, 2)), Batches(x, y, batch_size=128), 10**4, lr=.001, accelerator=accelerator(), check_every=50), (x[:500], y[:500]), every)
        for _ in range(20 if CUDA else 1): next(run)
        sync(); start = time.perf_counter()
        for _ in range(STEPS): next(run)
        sync(); return (time.perf_counter() - start) / STEPS
    plain = each(10**9)
    for every in (30, 10): say("record", f"a frame every {every} steps", plain_ms=1e3 * plain, extra=each(every) / plain - 1)


def networks():
    side, b, width = (224, 64, 1.) if CUDA else (32, 2, .125)
    for make in (ResNet18, VGG19Taps):
        for bf16, last in ((False, True), (True, True), (True, False)):
            net = make(in_size=side, width=width).to(DEVICE, memory_format=torch.channels_last if last else torch.contiguous_format)
            x, sgd = torch.randn(b, 3, side, side, device=DEVICE), torch.optim.SGD(net.parameters(), lr=1e-3, momentum=.9, fused=True)
            def step():
                sgd.zero_grad()
                with torch.autocast(DEVICE.type, torch.bfloat16, enabled=bf16): out = net(x)
                out.logits.float().logsumexp(1).sum().backward()
                sgd.step()
            say("networks", f"{make.__name__}, bf16={bf16}, channels_last={last}", images_per_s=b / timed(step), peak_MB=peak(step))


def faces():
    for size, b in ((64, 1), (64, 256), (224, 1), (224, 64)) if CUDA else ((16, 1),):
        au, who = torch.rand(b, len(AU_NAMES), device=DEVICE), sample_identity(range(b))
        def draw(): return render(au, who, next(iter(DOMAINS)), size)
        say("faces", f"{b} of {size} pixels", faces_per_s=b / timed(draw, 1), peak_MB=peak(draw))


def determinism():
    torch.use_deterministic_algorithms(True)
    try:
        jobs = {**{f"loss {name}": (make, (64, 2)) for name, make in TERMS.items()}, "LeNetsPP": (lambda: LeNetsPP(width=.25), (8, 1, 28, 28)),
                "ResNet18": (lambda: ResNet18(width=.25, in_size=64), (8, 3, 64, 64)), "VGG19Taps": (lambda: VGG19Taps(width=.125, in_size=64), (8, 3, 64, 64))}
        for name, (make, shape) in jobs.items():
            try:
                twice = []
                for _ in range(2):
                    torch.manual_seed(0); made, x = make().to(DEVICE), torch.randn(shape, device=DEVICE).requires_grad_(); y = torch.arange(len(x), device=DEVICE) % 7
                    (made(x, y) if name.startswith("loss") else made(x).logits.square().mean()).backward(); twice.append(x.grad)
                say("determinism", name, same=torch.equal(*twice))
            except RuntimeError as error: say("determinism", name, error=str(error)[:140])
    finally: torch.use_deterministic_algorithms(False)


def main():
    if CUDA and not torch.cuda.is_available(): sys.exit("no GPU here; --dry tries every part on the CPU")
    torch.set_num_threads(1 if not CUDA else torch.get_num_threads())
    for part in (right, goal, losses, record, networks, faces, determinism):
        if args.only and part.__name__ not in args.only: continue
        if time.monotonic() - BEGAN > args.budget: say(part.__name__, "left out", why="no time left"); continue
        start = time.monotonic()
        try: part()
        except Exception as error: say(part.__name__, "FAILED", error=f"{type(error).__name__}: {str(error)[:200]}"); traceback.print_exc(limit=-3)
        say(part.__name__, "took", s=time.monotonic() - start)
    if CUDA: write_section("On a GPU", "\n".join([f"{machine('cuda')}; `python benchmarks/on_the_day.py`.", "", "| part | what | |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in LINES)]))
    sys.exit(any(name == "FAILED" for _, name, _ in LINES))


if __name__ == "__main__": main()
