"""The face detector: rate, false faces and landmark error on rendered faces and bundled photographs, and the time it takes.

    python benchmarks/detection.py                  # writes the section "Face detection" of RESULTS.md
    python benchmarks/detection.py --per-domain 12  # a quick look
    python benchmarks/detection.py --before main    # and the section "Face detection, before and now": this version beside that of a revision, in one run

Rendered faces know their true landmarks. A face is found if the five landmarks of a detection are off by less than 0.3 eye distances on average; any other detection is a false face.
Times are medians of alternating runs on one thread, in units of one ResNet-18 forward pass over one 224-pixel picture of the same run."""
import argparse
import math
import platform
import statistics
import tempfile
import time
from pathlib import Path

import matplotlib.cbook as cbook
import numpy as np
import skimage
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision.models import resnet18

from fer_nb.faces import DOMAINS, FaceRenderer, sample_au, sample_identity
from fer_nb.preprocessing import Detector, align, preprocess, read_image, rescale
from results import machine, package_before, write_section

LAB, SIZES = ("lab_color", "video_gray", "studio_gray", "blue_screen"), (160, 192, 224)


def rendered(domain, seeds, size):
    "Pictures as uint8 and their true landmarks."
    au, people, scene = sample_au([s % 7 for s in seeds], seeds, seeds), sample_identity(seeds, DOMAINS[domain].people), DOMAINS[domain].sample(seeds)
    renderer = FaceRenderer(size)
    with torch.no_grad(): images, truth = renderer(au, people, scene), renderer.landmarks(au, people, scene)
    return (255 * images).round().to(torch.uint8), truth


def grade(detector, images, truth):
    "Faces found, false faces, landmark errors in eye distances."
    found, false, errors = 0, 0, []
    for faces, true in zip(detector(images), truth):
        off = [((face.landmarks - true).norm(dim=1).mean() / (true[1] - true[0]).norm()).item() for face in faces]
        hits = [e for e in off if e < .3]
        found, false = found + bool(hits), false + len(off) - bool(hits)
        errors += hits[:1]
    return found, false, errors


def photographs():
    "Photographs with a face, and pictures without, that travel with packages."
    there = Path(skimage.__file__).parent/"data"
    faces = {"Grace Hopper (matplotlib)": read_image(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)), "Eileen Collins (scikit-image)": read_image(there/"astronaut.png"),
             "cameraman (scikit-image)": read_image(there/"camera.png")}
    others = [read_image(path) for path in sorted(there.iterdir()) if path.suffix in (".png", ".jpg") and path.stem not in ("astronaut", "camera")]
    others += [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images]
    return faces, others


def median_ms(jobs, rounds):
    "Median milliseconds of each job, run in turns."
    times = {name: [] for name in jobs}
    for n in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if torch.cuda.is_available(): torch.cuda.synchronize()
            if n: times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def beside(revision, per_domain, rounds=3):
    """One table: recall, false faces, landmark error and processor time of the detector as it was at a revision, of today's, and of today's search for the main face.

    Rendered faces at 224 px and enlarged to a megapixel, with their true landmarks; times are sums over all pictures of the least of some rounds, each picture by all in turns."""
    package_before(revision)
    from fer_before.preprocessing import Detector as Before
    before, now = Before(), Detector()
    ways = {f"before ({revision})": before, "now": now, "now, `main=True`": lambda images: now(images, main=True)}
    lines = ["| side, px | detector | faces found | false faces | landmark error, % of the eye distance (90th percentile) | ms of one core per picture | times as fast |", "|---|---|---|---|---|---|---|"]
    for side, count in ((224, per_domain), (1000, max(1, per_domain // 4))):
        sets = [rendered(domain, range(9000, 9000 + count), min(side, 500)) for domain in DOMAINS]
        images, truth = torch.cat([rescale(images, side) for images, _ in sets]), torch.cat([true * (side / min(side, 500)) for _, true in sets])
        grades, least = {}, {name: [math.inf] * len(images) for name in ways}
        for name, way in ways.items(): grades[name] = grade(lambda images: [way(image) for image in images], images, truth)
        for _ in range(rounds):
            for n, image in enumerate(images):
                for name, way in ways.items():
                    start = time.process_time()
                    way(image)
                    least[name][n] = min(least[name][n], time.process_time() - start)
        base = sum(least[next(iter(ways))])
        for name, (found, false, errors) in grades.items():
            spent, errors = sum(least[name]), sorted(errors)
            lines.append(f"| {side} | {name} | {found} of {len(images)} | {false} | {100 * statistics.mean(errors):.2f} ({100 * errors[int(.9 * len(errors))]:.2f}) | {1000 * spent / len(images):.1f} | {base / spent:.1f} |")
            print(lines[-1], flush=True)
    faces, others = photographs()
    lfw = torch.from_numpy(np.load(Path(skimage.__file__).parent/"data"/"lfw_subset.npy")).float()[:, None]
    small = list(F.pad(rescale(lfw, 100).clamp(0, 1), (25,) * 4, mode="replicate"))
    lines += ["", "| detector | three photographs with a face: found | lfw_subset: of 100 faces, false in 100 others | false in the other pictures |", "|---|---|---|---|"]
    for name, way in ways.items():
        hits = [bool(way(picture)) for picture in small]
        lines.append(f"| {name} | {sum(len(way(photo)) == 1 for photo in faces.values())} | {sum(hits[:100])}, {sum(hits[100:])} | {sum(len(way(photo)) for photo in others)} in {len(others)} |")
    print("\n".join(lines))
    write_section("Face detection, before and now", f"{machine()}; one thread. `python benchmarks/detection.py --before {revision} --per-domain {per_domain}`\n\n" + "\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-domain", type=int, default=60, help="rendered faces per domain")
    parser.add_argument("--before", metavar="REVISION", help="compare with the version of a revision instead")
    parser.add_argument("--rounds", type=int, default=15, help="timed runs of each job")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.before: return beside(args.before, args.per_domain)
    detector, rows, lab = Detector(), [], [0, 0]
    for domain in DOMAINS:
        found, false, errors, count = 0, 0, [], 0
        for size in SIZES:
            seeds = range(9000 + count, 9000 + count + args.per_domain // len(SIZES))
            f, w, e = grade(detector, *rendered(domain, seeds, size))
            found, false, errors, count = found + f, false + w, errors + e, count + len(seeds)
        if domain in LAB: lab = [lab[0] + found, lab[1] + count]
        rows.append(f"| {domain} | {found} of {count} | {false} | {100 * statistics.mean(errors):.1f} | {100 * sorted(errors)[int(.9 * len(errors))]:.1f} |")
        print(rows[-1], flush=True)
    faces, others = photographs()
    hits = {name: detector(photo) for name, photo in faces.items()}
    false = [face.score for photo in others for face in detector(photo)]
    small = rescale(torch.from_numpy(np.load(Path(skimage.__file__).parent/"data"/"lfw_subset.npy")).float()[:, None], 100).clamp(0, 1)
    small = [bool(found) for found in detector(F.pad(small, (25,) * 4, mode="replicate"))]
    jobs, net, tiny = {}, resnet18().eval(), torch.zeros(1, 3, 224, 224)
    images, _ = rendered("lab_color", range(16), 224)
    astronaut, face = faces["Eileen Collins (scikit-image)"], hits["Eileen Collins (scikit-image)"][0]
    jobs["ResNet-18, one picture"] = torch.inference_mode()(lambda: net(tiny))
    jobs["one face of 224 px"] = lambda: detector(images[0])
    jobs["sixteen faces of 224 px, one by one"] = lambda: [detector(image) for image in images]
    jobs["sixteen faces of 224 px, as a batch"] = lambda: detector(images)
    jobs["photograph of 512 × 512"] = lambda: detector(astronaut)
    jobs["align to 224 px"] = lambda: align(astronaut, face.landmarks)
    if torch.cuda.is_available():
        moved, on_gpu = Detector().cuda(), images.cuda()
        jobs["sixteen faces of 224 px, as a batch, GPU"] = lambda: moved(on_gpu)
    times = median_ms(jobs, args.rounds)
    unit = times["ResNet-18, one picture"]
    with tempfile.TemporaryDirectory() as home:
        (Path(home)/"in").mkdir()
        many, _ = rendered("lab_color", range(60), 224)
        for n, image in enumerate(many): Image.fromarray(image.permute(1, 2, 0).numpy()).save(Path(home)/"in"/f"{n}.jpg")
        rates = {}
        for workers in (1, 2):
            preprocess(Path(home)/"in", Path(home)/f"warm{workers}", workers=workers, progress=False)
            start = time.perf_counter()
            preprocess(Path(home)/"in", Path(home)/f"out{workers}", workers=workers, progress=False)
            rates[workers] = len(many) / (time.perf_counter() - start)
    lines = [f"{platform.machine()}, {torch.__version__.split('+')[0]}, one thread{', ' + torch.cuda.get_device_name() if torch.cuda.is_available() else ''}. `python benchmarks/detection.py`", "",
             f"Laboratory domains together: **{lab[0]} of {lab[1]}** faces found ({lab[0] / lab[1]:.1%}) at {', '.join(map(str, SIZES))} px.", "",
             "| rendered domain | found | false | landmark error, % of the eye distance | 90th percentile |", "|---|---|---|---|---|", *rows, "",
             "Photographs: " + ", ".join(f"{name}: {len(found)} face{'s' * (len(found) != 1)} ({', '.join(f'{face.score:.3f}' for face in found)})" for name, found in hits.items()) + ".",
             f"In {len(others)} other pictures, without a face: {len(false)} false, {sum(s >= Detector.sure for s in false)} of them with a score of at least {Detector.sure}.",
             f"scikit-image's lfw_subset (25 px, enlarged to 100 and padded): {sum(small[:100])} of 100 faces found, {sum(small[100:])} false in 100 pictures of something else.", "",
             "| time | ms | in ResNet-18 passes |", "|---|---|---|", *[f"| {name} | {t:.1f} | {t / unit:.2f} |" for name, t in times.items()], "",
             f"`preprocess` of 224 px JPEGs: {rates[1]:.0f} files/s with one process, {rates[2]:.0f} with two."]
    print("\n".join(lines))
    write_section("Face detection", "\n".join(lines))


if __name__ == "__main__": main()
