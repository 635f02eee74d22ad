"""Training throughput: `fit` over `Batches` against the usual script, and against a bare loop over the same tensors.

    python benchmarks/throughput.py                 # CPU: images/s, ratios from alternating runs, best and median
    python benchmarks/throughput.py --threads 1     # 1 torch thread (default: torch's own choice)
    python benchmarks/throughput.py --levers        # where a step's time goes at full width on 28 px, and what would make it shorter
    python benchmarks/throughput.py --gpu           # 100 epochs of the paper preset on 20,000 digits, against a captured loop

The usual script: a torchvision-style Dataset (PIL image, then Resize if the images are smaller, ToTensor, Normalize) in a
torch DataLoader, and the plain training loop. Same network, batch size, optimizer, clipping."""
import argparse
import os
import platform
import statistics
import time

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from fer_nb.backbones import LeNetsPP
from fer_nb.training import Batches, Objective, fit, staircase
from fer_nb.wmnist import load_digits, to_input

BATCH = 128


class Digits(Dataset):
    "The way torchvision's MNIST does it: an image at a time, through PIL."
    def __init__(self, images, labels, size):
        self.images, self.labels = images, labels
        resize = [transforms.Resize(size)] if size != 28 else []
        self.transform = transforms.Compose([*resize, transforms.ToTensor(), transforms.Normalize((127.5 / 255,), (128 / 255,))])

    def __len__(self): return len(self.images)

    def __getitem__(self, i): return self.transform(Image.fromarray(self.images[i].numpy())), int(self.labels[i])


def network(width, size, device="cpu"):
    torch.manual_seed(0)
    return LeNetsPP(width=width, in_size=size).to(device)


def plain_step(model, sgd, x, y):
    sgd.zero_grad()
    loss = F.cross_entropy(model(x).logits, y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)
    sgd.step()


def usual(images, labels, width, size, workers=0):
    "The usual script, as an endless iterator of steps."
    model = network(width, size)
    sgd = torch.optim.SGD(model.parameters(), lr=.01, momentum=.9, weight_decay=5e-4)
    while True:
        for x, y in DataLoader(Digits(images, labels, size), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers):
            plain_step(model, sgd, x, y)
            yield


def bare(images, labels, width, size):
    "The same tensors and kernels as `fit`, nothing else: what the loop itself costs shows against this."
    model, data = network(width, size).to(memory_format=torch.channels_last), to_input(images, size)
    sgd = torch.optim.SGD(model.parameters(), lr=.01, momentum=.9, weight_decay=5e-4, fused=True)
    while True:
        for rows in torch.randperm(len(data)).split(BATCH):
            if len(rows) < BATCH: continue
            plain_step(model, sgd, data[rows], labels[rows])
            yield


def ours(images, labels, width, size):
    keep = len(images) // BATCH * BATCH # whole batches only, as the others
    return fit(network(width, size), Objective(), Batches(to_input(images, size)[:keep], labels[:keep], batch_size=BATCH), epochs=10**6, lr=.01)


def seconds(steps, count):
    "Wall and processor seconds per step."
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count): next(steps)
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def compare(width, size, budget, workers):
    """Alternate short blocks of each contender; images/s, and the median of the blocks' ratios to `fit`.

    The ratio of processor time says what the work costs also on a machine that is busy with other things (one thread only)."""
    images, labels = load_digits()
    contenders = {"fit": ours(images, labels, width, size), "bare loop": bare(images, labels, width, size),
                  "usual script": usual(images, labels, width, size)}
    if workers: contenders[f"usual script, {workers} workers"] = usual(images, labels, width, size, workers)
    each = max(seconds(steps, 2)[0] for steps in contenders.values())
    count = max(1, min(10, int(budget / 12 / len(contenders) / each)))
    times = {name: [] for name in contenders}
    stop = time.perf_counter() + budget
    while time.perf_counter() < stop or len(times["fit"]) < 5:
        for name, steps in contenders.items(): times[name].append(seconds(steps, count))
    for name, values in times.items():
        wall, cpu = zip(*values)
        ratios = [statistics.median(v[k] / f[k] for v, f in zip(values, times["fit"])) for k in (0, 1)]
        print(f"| {width} | {size} | {name} | {BATCH / statistics.median(wall):,.0f} | {BATCH / min(wall):,.0f} | {ratios[0]:.2f} | "
              f"{'–' if 'workers' in name else format(ratios[1], '.2f')} |", flush=True)


class OwnPReLU(torch.nn.PReLU):
    "PReLU in two passes over the map instead of PyTorch's kernel."
    def forward(self, x):
        weight = self.weight.view(1, -1, *[1] * (x.dim() - 2))
        return torch.addcmul(x.clamp(min=0), x.clamp(max=0), weight)


def swapped(model, layer):
    "The model with another layer in the place of every PReLU."
    for name, child in model.named_children():
        if isinstance(child, torch.nn.PReLU): setattr(model, name, layer(child.num_parameters))
        else: swapped(child, layer)
    return model


def lever(size=28, width=1., batch=BATCH, layout=torch.channels_last, bf16=False, compiled=False, layer=None):
    "The bare loop's step with one thing changed, as an endless iterator."
    images, labels = load_digits()
    model, x = network(width, size), to_input(images, size)
    if layer: swapped(model, layer)
    model.to(memory_format=layout)
    run = torch.compile(model, dynamic=False) if compiled else model
    sgd = torch.optim.SGD(model.parameters(), lr=.001, momentum=.9, weight_decay=5e-4, fused=True)
    while True:
        for rows in torch.randperm(len(x)).split(batch):
            if len(rows) < batch: continue
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16): logits = run(x[rows]).logits
            sgd.zero_grad()
            F.cross_entropy(logits.float(), labels[rows]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.)
            sgd.step()
            yield


LEVERS = {"as it is": {}, "contiguous instead of channels-last": dict(layout=torch.contiguous_format), "bf16": dict(bf16=True),
          "compiled": dict(compiled=True), "compiled, bf16": dict(compiled=True, bf16=True), "PReLU in two passes": dict(layer=OwnPReLU),
          "leaky ReLU (another network)": dict(layer=lambda _: torch.nn.LeakyReLU(.25)), "batch 32": dict(batch=32), "batch 512": dict(batch=512),
          **{f"width {w:g}, {s} px{', bf16' * b}": dict(width=w, size=s, bf16=b)
             for w, s in ((1., 20), (1., 14), (.5, 28), (.5, 14), (.25, 28), (.25, 14)) for b in (False, True)}}


def matrix_rate(dtype, side=1536):
    "FLOP per second of a large matrix product, best of 9: what this core can do."
    a = torch.randn(side, side).to(dtype)
    def once():
        start = time.process_time()
        a @ a
        return 2 * side**3 / (time.process_time() - start)
    return max(once() for _ in range(9))


def levers(rounds):
    "Every lever beside the step as it is, one step each in turn; processor time of one thread."
    from torch.utils.flop_counter import FlopCounterMode
    torch.set_num_threads(1)
    with FlopCounterMode(display=False) as counter: next(lever())
    work = counter.get_total_flops() / BATCH
    steps = {name: lever(**kwargs) for name, kwargs in LEVERS.items()}
    for step in steps.values(): seconds(step, 2)
    times = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items(): times[name].append(seconds(step, 1)[1] / LEVERS[name].get("batch", BATCH))
    each = {name: statistics.median(values) for name, values in times.items()}
    rates = [matrix_rate(dtype) for dtype in (torch.float32, torch.bfloat16)]
    print(f"One thread, torch {torch.__version__}; large matrix products: {rates[0] / 1e9:.0f} GFLOP/s in float32, {rates[1] / 1e9:.0f} in bfloat16. "
          f"A digit costs {work / 1e9:.2f} GFLOP, there and back: {work / each['as it is'] / rates[0]:.0%} of the float32 rate.")
    print("| a step with | images per core-second | times as fast |\n|---|---|---|")
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(times["as it is"], values))
        print(f"| {name} | {1 / each[name]:,.0f} | {ratio:.2f} |", flush=True)


def captured(model, x, y, lr):
    "The bare training step as one CUDA graph over fixed buffers: no Python, no launches, no looking."
    static_x, static_y = x[:BATCH].clone(), y[:BATCH].clone()
    sgd = torch.optim.SGD(model.parameters(), lr=lr, momentum=.9, weight_decay=5e-4, fused=True)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side): # warm up off the main stream, as capture wants: allocates gradients and momentum
        for _ in range(5): plain_step(model, sgd, static_x, static_y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    sgd.zero_grad() # to None: the capture allocates the gradients in the graph's own memory
    with torch.cuda.graph(graph): plain_step(model, sgd, static_x, static_y)
    return graph, static_x, static_y


def gpu(samples, epochs):
    "The paper's preset on the GPU: seconds for all epochs, and the share of the captured loop's speed that `fit` reaches."
    images, labels = load_digits()
    rows = torch.randint(len(images), (samples,), generator=torch.Generator().manual_seed(0))
    x, y = to_input(images[rows], 28).cuda(), labels[rows].cuda()
    per_epoch = samples // BATCH
    x, y = x[:per_epoch * BATCH], y[:per_epoch * BATCH]

    def train(precision, **kwargs):
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        AcceleratorState._reset_state(True)
        steps = fit(network(1., 28), Objective(), Batches(x, y, batch_size=BATCH), epochs, lr=.001, schedule=staircase(20 / 100, 1 / 1.25),
                    accelerator=Accelerator(mixed_precision=precision), **kwargs)
        for _ in range(20): next(steps)
        torch.cuda.synchronize(); start = time.perf_counter()
        for step in steps: pass
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / (step.total - 20)

    model = network(1., 28, "cuda").to(memory_format=torch.channels_last)
    graph, static_x, static_y = captured(model, x, y, .001)

    def replay(count):
        torch.cuda.synchronize(); start = time.perf_counter()
        for n in range(count):
            rows = slice(n % per_epoch * BATCH, (n % per_epoch + 1) * BATCH)
            static_x.copy_(x[rows]); static_y.copy_(y[rows])
            graph.replay()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / count

    replay(20)
    bound = min(replay(500) for _ in range(3))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {samples:,} digits, {epochs} epochs of {per_epoch} steps")
    print("| | ms per step | images/s | seconds for all epochs | share of the captured loop |\n|---|---|---|---|---|")
    for name, each in (("captured loop, fp32 (TF32 convolutions)", bound), ("fit, fp32", train("no")), ("fit, bf16", train("bf16"))):
        print(f"| {name} | {each * 1e3:.3f} | {BATCH / each:,.0f} | {each * epochs * per_epoch:.1f} | {bound / each:.0%} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="torch threads (default: torch's own choice)")
    parser.add_argument("--seconds", type=float, default=15., help="per setting")
    parser.add_argument("--workers", type=int, default=0, help="also time the usual script with so many DataLoader workers")
    parser.add_argument("--levers", type=int, nargs="?", const=9, metavar="ROUNDS", help="what would make a step shorter")
    parser.add_argument("--gpu", action="store_true", help="the GPU measurement instead")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=100)
    args = parser.parse_args()
    if args.gpu and not torch.cuda.is_available(): parser.error("--gpu: no GPU here")
    if args.gpu: gpu(args.samples, args.epochs)
    elif args.levers: levers(args.levers)
    else:
        if args.threads: torch.set_num_threads(args.threads)
        print(f"{os.cpu_count()} cores ({platform.machine()}), {torch.get_num_threads()} torch threads, torch {torch.__version__}, "
              f"load {os.getloadavg()[0]:.1f} at the start")
        print("| width | px | | images/s, median | best | time ÷ fit's | processor time ÷ fit's |\n|---|---|---|---|---|---|---|")
        for width, size in ((.25, 14), (.25, 28), (1., 28)): compare(width, size, args.seconds, args.workers)
