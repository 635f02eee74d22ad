"The face detector: fer_nb.preprocessing.detector, from the installed package."
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torchvision.ops import batched_nms, box_iou, roi_align
from torchvision.transforms.v2 import functional as TF

import build_mtcnn
from fer_nb.files import data_file
from fer_nb.preprocessing import Detection, Detector, detect, faces_figure, to_gray
from fer_nb.preprocessing.detector import _thinned, _windows


PEER = {"hopper": ([163.7, 105.8, 347.6, 344.0], [[220.3, 189.9], [308.5, 187.1], [269.2, 238.9], [230.4, 282.6], [306.8, 279.6]]),
        "astronaut": ([180.3, 60.7, 268.4, 172.2], [[205.4, 101.5], [246.9, 103.1], [225.1, 129.2], [201.2, 139.6], [245.1, 141.1]])}

def same(a, b, atol=.02):
    assert len(a) == len(b)
    for x, y in zip(a, b):
        torch.testing.assert_close(x.box, y.box, atol=atol, rtol=0)
        torch.testing.assert_close(x.landmarks, y.landmarks, atol=atol, rtol=0)
        assert abs(x.score - y.score) < 1e-3

def test_weights_travel_with_a_license():
    path = data_file("mtcnn.safetensors")
    assert path.stat().st_size <= 2_000_000
    sizes = {}
    for name, tensor in load_file(path).items(): sizes[name.split(".")[0]] = sizes.get(name.split(".")[0], 0) + tensor.numel()
    assert sizes == {"propose": 6632, "refine": 100178, "finish": 389040}
    text = data_file("mtcnn_LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in text and "Timothy Esler" in text and "2016" in text

def toy_wheel(path):
    "A wheel like facenet-pytorch's, with random weights"
    g = torch.Generator().manual_seed(0)
    r = lambda *shape: torch.randn(*shape, generator=g)
    layer = lambda name, *shape: {f"{name}.weight": r(*shape), f"{name}.bias": r(shape[0])}
    prelu = lambda name, n: {f"{name}.weight": r(n)}
    nets = {"pnet": layer("conv1", 10, 3, 3, 3) | prelu("prelu1", 10) | layer("conv2", 16, 10, 3, 3) | prelu("prelu2", 16) | layer("conv3", 32, 16, 3, 3) | prelu("prelu3", 32)
                    | layer("conv4_1", 2, 32, 1, 1) | layer("conv4_2", 4, 32, 1, 1),
            "rnet": layer("conv1", 28, 3, 3, 3) | prelu("prelu1", 28) | layer("conv2", 48, 28, 3, 3) | prelu("prelu2", 48) | layer("conv3", 64, 48, 2, 2) | prelu("prelu3", 64)
                    | layer("dense4", 128, 576) | prelu("prelu4", 128) | layer("dense5_1", 2, 128) | layer("dense5_2", 4, 128),
            "onet": layer("conv1", 32, 3, 3, 3) | prelu("prelu1", 32) | layer("conv2", 64, 32, 3, 3) | prelu("prelu2", 64) | layer("conv3", 64, 64, 3, 3) | prelu("prelu3", 64)
                    | layer("conv4", 128, 64, 2, 2) | prelu("prelu4", 128) | layer("dense5", 256, 1152) | prelu("prelu5", 256) | layer("dense6_1", 2, 256) | layer("dense6_2", 4, 256) | layer("dense6_3", 10, 256)}
    with zipfile.ZipFile(path, "w") as wheel:
        for name, state in nets.items():
            torch.save(state, path.parent/"state.pt")
            wheel.write(path.parent/"state.pt", f"facenet_pytorch/data/{name}.pt")
        wheel.writestr("facenet_pytorch-2.6.0.dist-info/METADATA", "")
        wheel.writestr("facenet_pytorch-2.6.0.dist-info/LICENSE.md", "some license")
    return nets

def test_builder_repacks_and_gives_the_same_bytes_twice(tmp_path):
    nets, bytes_ = toy_wheel(tmp_path/"toy.whl"), []
    for name in ("a", "b"):
        (tmp_path/name).mkdir()
        bytes_.append(build_mtcnn.build(tmp_path/"toy.whl", tmp_path/name).read_bytes())
    assert bytes_[0] == bytes_[1] and "facenet-pytorch 2.6.0" in (tmp_path/"a"/"mtcnn_LICENSE.txt").read_text() and "some license" in (tmp_path/"a"/"mtcnn_LICENSE.txt").read_text()
    ours, theirs = load_file(tmp_path/"a"/"mtcnn.safetensors"), nets["rnet"]
    map_ = torch.randn(5, 64, 3, 3).double()   # the original reads a map by columns, channels last
    torch.testing.assert_close(F.linear(map_.flatten(1), ours["refine.9.weight"].double()), F.linear(map_.permute(0, 3, 2, 1).flatten(1), theirs["dense4.weight"].double()))
    assert torch.equal(ours["refine.11.weight"], torch.cat([theirs["dense5_1.weight"], theirs["dense5_2.weight"]]))
    detector = Detector()
    detector.load_state_dict(ours)

def test_builder_refuses_other_layers(tmp_path):
    nets = toy_wheel(tmp_path/"toy.whl")
    nets["onet"]["extra.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match="onet: expected no other layers"): build_mtcnn.repack(nets)

def test_first_network_sees_twelve_pixels_and_steps_two():
    net = Detector().propose.double()
    x = torch.randn(1, 3, 30, 30, dtype=torch.float64, requires_grad=True)
    out = net(x)
    assert out.shape == (1, 6, 10, 10)
    out[0, :, 3, 5].sum().backward()
    rows, columns = x.grad[0].abs().sum(0).nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (6, 17, 10, 21)

def test_first_network_by_hand():
    "the same in NumPy loops, float64, at one place"
    w = {name.removeprefix("propose."): t.double().numpy() for name, t in load_file(data_file("mtcnn.safetensors")).items() if name.startswith("propose")}
    x = np.random.default_rng(0).normal(size=(3, 12, 12))
    def conv(x, k):
        kernel, side = w[f"{k}.weight"], x.shape[1] - w[f"{k}.weight"].shape[2] + 1
        return np.array([[[(kernel[o] * x[:, i:i + kernel.shape[2], j:j + kernel.shape[3]]).sum() + w[f"{k}.bias"][o] for j in range(side)] for i in range(side)] for o in range(len(kernel))])
    def prelu(x, k): return np.where(x > 0, x, w[f"{k}.weight"][:, None, None] * x)
    x_ = prelu(conv(x, 0), 1)
    x_ = x_.reshape(10, 5, 2, 5, 2).max((2, 4))
    x_ = conv(prelu(conv(prelu(conv(x_, 3), 4), 5), 6), 7)
    np.testing.assert_allclose(Detector().propose.double()(torch.from_numpy(x)[None])[0].numpy(), x_, atol=1e-10)

class Says(torch.nn.Module):
    "A network that says what it is told"
    def __init__(self, answer): super().__init__(); self.answer, self.seen = answer, []
    def forward(self, x): self.seen.append(x); return self.answer(x)

def test_a_proposal_lies_where_the_network_saw_it():
    detector = Detector(min_size=24)
    def answer(x):
        out = torch.zeros(len(x), 6, (x.shape[2] - 10) // 2, (x.shape[3] - 10) // 2)
        out[:, 0] = 20.
        if x.shape[2] == 50: out[1, :, 4, 7] = torch.tensor([0., 9., .5, 0., 0., -.25])   # in the first level (half size), row 4, column 7
        return out
    detector.propose = Says(answer)
    picture, box = detector.proposals(torch.zeros(2, 3, 100, 120))
    assert picture.tolist() == [1]
    # 12 pixels at (14, 8) in half size: (28, 16) to (52, 40); moved by (+12, 0, 0, -6)
    torch.testing.assert_close(box, torch.tensor([[40., 16., 52., 34.]]))

def test_a_closer_look_by_hand():
    detector = Detector()
    x = torch.zeros(2, 3, 100, 100)
    x[1, 0], x[1, 1] = torch.arange(100) + .5, torch.arange(100)[:, None] + .5    # every pixel knows where it is
    net = Says(lambda crops: torch.tensor([[0., 3., .1, 0., 0., -.1] + [.25] * 5 + [.5] * 5]).expand(len(crops), -1))
    picture, box = torch.tensor([1, 1, 0]), torch.tensor([[30., 25., 70., 55.], [31., 25., 71., 55.], [30., 25., 70., 55.]])
    which, boxes, scores, points = detector.look(net, 24, .7, .5, x, picture, box)
    seen, = net.seen
    assert seen.shape == (3, 3, 24, 24)
    at = (torch.arange(24) + .5) * 40 / 24                                # the square around the box: 30..70, 20..60
    torch.testing.assert_close(seen[0, 0], (30 + at).expand(24, -1))
    torch.testing.assert_close(seen[0, 1], (20 + at)[:, None].expand(-1, 24))
    assert seen[2].eq(0).all()
    assert sorted(which.tolist()) == [0, 1]                               # the two on one picture are one face, the other picture keeps its own
    first = boxes[which.tolist().index(0)]
    torch.testing.assert_close(first, torch.tensor([34., 20., 70., 56.]))
    torch.testing.assert_close(points[which.tolist().index(0)], torch.tensor([[40., 40.]] * 5))
    torch.testing.assert_close(scores, torch.tensor([3., 3.]).sigmoid())
    assert detector.look(net, 24, .96, .5, x, picture, box)[0].numel() == 0   # sigmoid(3) = 0.953

def test_nms_against_a_reference():
    rng = np.random.default_rng(0)
    def iou(a, b):
        w, h = max(0., min(a[2], b[2]) - max(a[0], b[0])), max(0., min(a[3], b[3]) - max(a[1], b[1]))
        area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
        return w * h / (area(a) + area(b) - w * h)
    for _ in range(20):
        corner = rng.uniform(0, 20, (40, 2))
        boxes, score, group = np.hstack([corner, corner + rng.uniform(2, 12, (40, 2))]), rng.uniform(size=40), rng.integers(0, 3, 40)
        np.testing.assert_allclose(box_iou(*[torch.from_numpy(boxes)] * 2).numpy(), [[iou(a, b) for b in boxes] for a in boxes], atol=1e-12)
        for tau in (.1, .3, .5, .7):
            kept = []
            for i in np.argsort(-score):
                if all(group[j] != group[i] or iou(boxes[i], boxes[j]) <= tau for j in kept): kept.append(i)
            assert batched_nms(*map(torch.from_numpy, (boxes, score, group)), tau).tolist() == kept

def test_pyramid():
    sizes = Detector(min_size=24).pyramid(100, 200)
    assert sizes[0] == (50, 100) and sizes[-1][0] >= 12 and all(b[0] < a[0] for a, b in zip(sizes, sizes[1:]))
    assert abs(sizes[2][0] / sizes[0][0] - .709**2) < .02
    assert Detector(min_size=40).pyramid(30, 90) == [(12, 36)]            # smaller than the smallest face: one level, the picture itself
    assert Detector(min_size=40).pyramid(12, 12) == [(12, 12)]

def test_finds_the_faces(photos):
    for name, photo in photos.items():
        face, = detect(photo)
        assert face.score > .99 and face.box.shape == (4,) and face.landmarks.shape == (5, 2)
        left, top, right, bottom = face.box
        assert ((face.landmarks > face.box[:2]) & (face.landmarks < face.box[2:])).all()
        (lx, ly), (rx, ry), (nx, ny), (mx, my), (ox, oy) = face.landmarks
        assert lx < nx < rx and mx < nx < ox and max(ly, ry) < ny < min(my, oy)

def test_agrees_with_the_peer(photos):
    for name, photo in photos.items():
        box, points = (torch.tensor(v) for v in PEER[name])
        face, = detect(photo)
        assert box_iou(box[None], face.box[None]).item() > .75
        assert (face.landmarks - points).norm(dim=1).mean() / (points[1] - points[0]).norm() < .06

def test_deterministic_and_the_same_in_every_dress(hopper):
    alone = detect(hopper)
    again = Detector()(hopper)
    assert torch.equal(alone[0].box, again[0].box) and torch.equal(alone[0].landmarks, again[0].landmarks) and alone[0].score == again[0].score
    same(alone, detect(hopper / 255.))
    same(alone, detect(hopper.permute(1, 2, 0).contiguous().permute(2, 0, 1)))
    same(alone, detect(torch.stack([hopper.flip(-1), hopper]))[1])
    gray = to_gray(hopper)
    same(detect(gray), detect(gray.expand(3, -1, -1)))
    same(detect(gray[None])[0], detect(gray))

def test_mirror_image(hopper):
    face, mirrored = detect(hopper)[0], detect(hopper.flip(-1))[0]
    width = hopper.shape[-1]
    expected = face.landmarks[[1, 0, 2, 4, 3]] * torch.tensor([-1., 1.]) + torch.tensor([width, 0.])
    assert (mirrored.landmarks - expected).norm(dim=1).mean() < .06 * (face.landmarks[1] - face.landmarks[0]).norm()

def test_nothing_there():
    g = torch.Generator().manual_seed(0)
    for photo in (torch.zeros(3, 200, 200), torch.ones(1, 64, 300), torch.rand(3, 150, 150, generator=g), torch.zeros(3, 5000, 20)): assert detect(photo) == []
    assert detect(torch.zeros(2, 3, 50, 50)) == [[], []]

@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 11, 500), (3, 12, 12), (3, 13, 400), (1, 40, 41), (3, 4000, 13)])
def test_tiny_and_thin(shape): assert detect(torch.zeros(shape, dtype=torch.uint8)) == []

def test_large_pictures_are_shrunk(hopper):
    large = TF.resize(hopper, [2400, 2048])
    face, small = detect(large)[0], detect(hopper)[0]
    assert Detector().prepare(large[None]).shape[-2:] == (1024, 874)
    assert max(Detector(longest=99).prepare(large[None]).shape[-2:]) == 99 and Detector(longest=10**5).prepare(large[None]).shape[-2:] == large.shape[-2:]
    assert (face.landmarks / 4 - small.landmarks).norm(dim=1).mean() < .06 * (small.landmarks[1] - small.landmarks[0]).norm()
    assert box_iou(face.box[None] / 4, small.box[None]).item() > .75

def test_two_faces_and_their_order(hopper):
    half = TF.resize(hopper, [300, 256], antialias=True)
    both = torch.zeros(3, 600, 800, dtype=torch.uint8)
    both[:, :300, :256], both[:, :, 288:] = half, hopper
    large, small = detect(both)
    assert large.area > 3 * small.area and large.box[0] > 288 > small.box[2]
    order = lambda *faces: [f.score for f in sorted(faces, key=lambda f: (f.score < Detector.sure, -f.area, -f.score))]
    box = lambda side: torch.tensor([0., 0., side, side])
    assert order(Detection(box(50.), .8, None), Detection(box(10.), .96, None), Detection(box(20.), .99, None)) == [.99, .96, .8]

def test_unsure_faces_come_last(hopper):
    detector = Detector()
    answers = torch.tensor([[0., 1., *[0.] * 4, *[.5] * 10], [0., 9., *[0.] * 4, *[.5] * 10], [0., 5., *[0.] * 4, *[.5] * 10]])
    detector.proposals = lambda x, smallest: (torch.tensor([0, 0, 0]), torch.tensor([[0., 0., 90., 90.], [100., 0., 120., 20.], [100., 100., 140., 140.]]))
    detector.refine, detector.finish = Says(lambda crops: torch.tensor([[0., 9., 0., 0., 0., 0.]]).expand(len(crops), -1)), Says(lambda crops: answers[torch.tensor([{90: 0, 20: 1, 40: 2}[s] for s in sides])])
    sides = [90, 20, 40]
    faces = detector(torch.zeros(3, 200, 200))
    assert [round((f.box[2] - f.box[0]).item()) for f in faces] == [40, 20, 90]

def test_thresholds_and_min_size(hopper):
    assert detect(hopper, thresholds=(.6, .7, .9999999)) == []
    assert detect(hopper, min_size=600) == []
    assert len(detect(hopper, min_size=20)) == 1

def test_holds_still():
    detector = Detector()
    assert not detector.training and not any(p.requires_grad for p in detector.parameters())
    assert "min_size=40" in repr(detector)

def test_windows_lie_where_the_first_network_looks():
    sizes = ((33, 40), (12, 13))
    box, level = _windows(66, 80, sizes, torch.device("cpu"))
    shapes = [Detector().propose(torch.zeros(1, 3, *size)).shape[2:] for size in sizes]
    assert level.bincount().tolist() == [h * w for h, w in shapes]
    assert box[shapes[0][1] + 2].tolist() == [8., 4., 32., 28.] # second row, third column, at half size: (4, 2) to (16, 14)

def test_thinned_is_suppression_in_each_group():
    g = torch.Generator().manual_seed(0)
    corner = 20 * torch.rand(80, 2, generator=g)
    box, score = torch.cat([corner, corner + 8], 1), torch.rand(80, generator=g)
    group = torch.tensor([0] * 30 + [2] * 49 + [5])
    kept = _thinned(box, score, group, .4)
    assert sorted(kept.tolist()) == sorted(batched_nms(box, score, group, .4).tolist()) and group[kept].diff().ge(0).all()
    assert _thinned(box[:0], score[:0], group[:0], .4).tolist() == []
    # windows that overlap by exactly a half stay, far from the corner of the picture too
    half = torch.tensor([[0., 0., 12., 12.], [4., 0., 16., 12.]]) + 40000
    assert len(_thinned(half, torch.tensor([.9, .8]), torch.zeros(2, dtype=torch.int64), .5)) == 2

def test_large_squares_are_cut_out_with_fewer_looks_and_look_the_same(photos):
    x, which = Detector().prepare(photos["astronaut"][None]), torch.tensor([0])
    box = torch.tensor([[60., 0., 460., 400.]]) # 17 times as large as what the network sees
    exact = roi_align(x, torch.cat([which[:, None], box], 1), 24, aligned=True)
    assert (Detector().cut(24, x, which, box) - exact).abs().mean() < .01 * exact.std()
    small = torch.tensor([[60., 0., 252., 192.]])
    assert torch.equal(Detector().cut(24, x, which, small), roi_align(x, torch.cat([which[:, None], small], 1), 24, aligned=True))

def test_the_main_face_is_the_first_of_all(photos):
    for photo in photos.values():
        for size in ([300, 300], [900, 800]):
            photo = TF.resize(photo, size, antialias=True)
            all_, main = detect(photo), detect(photo, main=True)
            assert box_iou(all_[0].box[None], main[0].box[None]) > .8 and main[0].score > .95
            assert (all_[0].landmarks - main[0].landmarks).norm(dim=1).mean() < .06 * (all_[0].landmarks[1] - all_[0].landmarks[0]).norm()

def test_searches_and_where_they_end(hopper):
    assert Detector().looks(1000, False) == [(1000, 40)] and Detector().looks(4000, False) == [(1024, 40), (4000, 40)]
    assert Detector(min_size=20).looks(300, True) == [(128, 48), (256, 48), (300, 20)]
    assert Detector(min_size=60, longest=200).looks(300, True) == [(128, 60), (200, 60), (300, 60)]
    detector, seen = Detector(), []
    answers = {128: [[], ["unsure"], ["sure"]], 256: [["sure"], []], 500: [["unsure"]]}
    def search(images, longest, smallest):
        seen.append((len(images), longest))
        return [[Detection(torch.zeros(4), dict(sure=.99, unsure=.8)[f], torch.zeros(5, 2)) for f in some] for some in answers[longest]]
    detector.search = search
    assert [[f.score for f in some] for some in detector(torch.zeros(3, 3, 500, 400), main=True)] == [[.99], [.8], [.99]]
    assert seen == [(3, 128), (2, 256), (1, 500)]

def test_looked_at_in_full_where_no_face_was_found(hopper):
    small = torch.full((3, 900, 2400), 120, dtype=torch.uint8)
    small[:, 200:318, 300:400] = TF.resize(hopper, [118, 100], antialias=True)
    both = torch.stack([small, TF.resize(hopper, [900, 2400], antialias=True)])
    (face,), large = detect(both)
    assert 300 < face.box[0] and face.box[2] < 400 and face.score > .9
    same(large, detect(both[1]))

@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_same_on_a_gpu(hopper): same(detect(hopper), detect(hopper.cuda()), atol=.5)

BAD = [
    (lambda: Detector(min_size=11), "min_size"), (lambda: Detector(min_size=40.), "min_size"), (lambda: Detector(min_size=True), "min_size"), (lambda: Detector(thresholds=(.5, .5)), "thresholds"),
    (lambda: Detector(thresholds=(.5, .5, 1.)), "thresholds"), (lambda: Detector(thresholds=(.5, -.1, .5)), "thresholds"), (lambda: Detector(thresholds=(.5, float("nan"), .5)), "thresholds"),
    (lambda: Detector(thresholds=("a", .5, .5)), "thresholds"), (lambda: detect("photo.jpg"), "image"), (lambda: detect(np.zeros((3, 50, 50))), "image"),
    (lambda: detect(torch.zeros(50, 50)), "image"), (lambda: detect(torch.zeros(50, 50, 3)), "image"), (lambda: detect(torch.zeros(3, 0, 50)), "image"), (lambda: detect(torch.zeros(3, 50, 50, dtype=torch.int64)), "image"),
    (lambda: detect(torch.zeros(1, 1, 3, 50, 50)), "images"), (lambda: detect(torch.full((3, 50, 50), float("nan"))), "images"), (lambda: Detector()(torch.full((3, 50, 50), float("inf"))), "images"),
]

@pytest.mark.parametrize("call, name", BAD)
def test_bad_input(call, name):
    with pytest.raises(ValueError, match=f"^{name}: expected .*, got "): call()

def test_figures(hopper):
    faces = detect(hopper)
    fig = faces_figure([hopper, hopper], [faces, []])
    assert [len(ax.patches) for ax in fig.axes] == [1, 0] and [ax.get_title() for ax in fig.axes] == ["1 face", "0 faces"]
    x, y = fig.axes[0].patches[0].get_xy()
    assert abs(x + .5 - faces[0].box[0]) < 1e-4 and abs(y + .5 - faces[0].box[1]) < 1e-4

def test_importing_is_light():
    "neither face-alignment nor scikit-image nor a widget library is loaded before it is needed"
    code = "import sys, fer_nb.preprocessing; print([m for m in ('torchvision', 'face_alignment', 'skimage', 'ipywidgets', 'matplotlib', 'joblib', 'pillow_heif') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
