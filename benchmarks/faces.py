"""Rendered faces per second, beside the prototype in one run, and a profile by stage: time, bytes moved, share of the machine's bandwidth.

    python benchmarks/faces.py PROTOTYPE [--threads 1] [--save]      # PROTOTYPE: folder with face3d.py, raster.py and head.npz; leave out to time ours alone
    python benchmarks/faces.py --gpu [--save]                        # the same without the prototype, on a GPU

Blocks of ours and of the prototype alternate. Processor time is compared too: it hardly depends on what else the machine does.
Bytes are those of the tensors every operation reads and writes (views are free); the bandwidth is that of a large `Tensor.copy_` in the same run."""
import argparse
import contextlib
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import fer_nb.faces as faces
from results import write_section

PAIRS = (("lab_color", "kdef"), ("wild_gray", "fer2013"))


class Traffic(TorchDispatchMode):
    "Counts the bytes that operations read and write."
    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        storages = {t.untyped_storage().data_ptr() for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        leaves = [t for t in torch.utils._pytree.tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor)]
        made = [t for t in torch.utils._pytree.tree_leaves(out) if isinstance(t, torch.Tensor)]
        if not made or any(t.untyped_storage().data_ptr() not in storages for t in made) or function.__name__.split(".")[0].endswith("_"):
            self.bytes += sum(min(t.numel() * t.element_size(), t.untyped_storage().nbytes()) for t in leaves)
        return out


def clock(work, device, least=3, seconds=2.):
    "Median wall time and least processor time of a call."
    wall, busy = [], []
    while len(wall) < least or sum(wall) < seconds:
        a, b = time.perf_counter(), time.process_time()
        work()
        if device == "cuda": torch.cuda.synchronize()
        wall.append(time.perf_counter() - a)
        busy.append(time.process_time() - b)
        if len(wall) >= 20: break
    return statistics.median(wall), min(busy)


def ours(domain, count, size, device):
    "A function that renders `count` faces, and the number."
    renderer = faces.FaceRenderer().to(device)
    people, how = faces.sample_identity(range(count)).to(device), faces.DOMAINS[domain].sample(range(count)).to(device)
    au = (torch.rand(count, 18, generator=torch.Generator().manual_seed(0)) * (torch.rand(count, 18, generator=torch.Generator().manual_seed(1)) < .3)).to(device)
    return lambda: renderer(au, people, how, size)


def prototype(folder, domain, count, size):
    "The same by the prototype."
    sys.path.insert(0, str(folder))
    import face3d
    head, g = face3d.Head(folder / "head.npz"), torch.Generator().manual_seed(0)
    people, how = head.identity(count, g), face3d.sample_domain(domain, count, g)
    au = face3d.sample_aus(torch.arange(count) % 7, g)
    return lambda: [head.render(people, au, how, size, 2)]


def stages(domain, count, size, device):
    "Rows (stage, milliseconds per face, megabytes per face, gigabytes per second)."
    renderer = faces.FaceRenderer().to(device)
    head, S = renderer.head, size * renderer.samples
    people, how = faces.sample_identity(range(count)).to(device), faces.DOMAINS[domain].sample(range(count)).to(device)
    au = faces.check_au(torch.rand(count, 18, device=device) * .5)
    mesh = lambda: renderer.project(head.mesh(au, people, how.gaze, faces.hair_shell(head, people)[0]), how, S)
    turned, screen = mesh()
    raster = lambda: faces.rasterize(screen, head.triangles, S)
    seen = raster()
    gather = lambda: faces.gather(head, turned, screen, seen)
    g = gather()
    shade = lambda: faces.shade(g, au, people, how)
    color = shade()
    rows = []
    for name, work in (("geometry", mesh), ("visibility", raster), ("interpolation", gather), ("light", shade), ("camera", lambda: faces.photograph(color, g, how, size))):
        work()
        seconds = clock(work, device)[1 if device == "cpu" else 0]
        with Traffic() as traffic: work()
        moved = traffic.bytes if name != "visibility" or device == "cuda" else screen.numel() * 4 + head.triangles.numel() * 4 * count + 2 * seen.numel() * 4 # compiled: no tensor operations to count
        rows.append((name, seconds / count * 1e3, moved / count / 1e6, moved / seconds / 1e9))
    return rows, len(g.part) / count


def bandwidth(device):
    "Gigabytes a second of a plain copy, read and written."
    a = torch.zeros(1 << (26 if device == "cpu" else 29), device=device)
    b = torch.empty_like(a)
    b.copy_(a)
    return 2 * a.numel() * 4 / clock(lambda: b.copy_(a), device)[0] / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prototype", nargs="?", type=Path, help="folder of the prototype")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--save", action="store_true", help="write the section to RESULTS.md")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = "cuda" if args.gpu else "cpu"
    machine = torch.cuda.get_device_name() if args.gpu else f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} torch threads, load {os.getloadavg()[0]:.1f} at the start"
    lines = [f"`python benchmarks/faces.py{' PROTOTYPE' if args.prototype else ''}{' --gpu' if args.gpu else ''}`: {machine}, torch {torch.__version__}, 2 × 2 samples per pixel, no gradient.", "",
             "| domain | px | | faces/s, median | CPU-ms per face | faces/s ÷ prototype's | processor time: prototype's ÷ ours |", "|---|---|---|---|---|---|---|"]
    with torch.no_grad():
        for domain, other in PAIRS:
            for size, count in ((64, 4096 if args.gpu else 32), (224, 256 if args.gpu else 4)):
                works = {"ours": ours(domain, count, size, device)}
                if args.prototype and not args.gpu: works["prototype"] = prototype(args.prototype, other, count, size)
                for work in works.values(): work()
                blocks = {name: [] for name in works}
                for _ in range(7):
                    for name, work in works.items(): blocks[name].append(clock(work, device, seconds=1.))
                wall, busy = ({name: pick(t[k] for t in rows) for name, rows in blocks.items()} for k, pick in ((0, statistics.median), (1, min)))
                for name in works:
                    ratios = [f"{statistics.median(b[k] / a[k] for a, b in zip(*blocks.values())):.1f}" if name == "ours" and len(works) == 2 else "" for k in (0, 1)] # neighbors in time
                    lines.append(f"| {domain if name == 'ours' else 'its ' + other} | {size} | {name} | {count / wall[name]:,.0f} | {busy[name] / count * 1e3:.1f} | {ratios[0]} | {ratios[1]} |")
                    print(lines[-1])
        copy = bandwidth(device)
        lines += ["", f"Where the time goes. A plain copy moves {copy:.1f} GB/s here.", "", "| px | stage | ms per face | MB per face | GB/s | share of a copy's |", "|---|---|---|---|---|---|"]
        for size, count in ((64, 1024 if args.gpu else 16), (224, 64 if args.gpu else 1)):
            rows, covered = stages("wild_color", count, size, device)
            lines += [f"| {size} | {name} | {ms:.2f} | {mb:.1f} | {gb:.1f} | {gb / copy:.0%} |" for name, ms, mb, gb in rows]
            lines.append(f"| {size} | all | {sum(r[1] for r in rows):.2f} | {sum(r[2] for r in rows):.1f} | | {covered:,.0f} points lit |")
    body = "\n".join(lines)
    print(body)
    if args.save: write_section("Faces" + (" on a GPU" if args.gpu else ""), body)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt): main()
