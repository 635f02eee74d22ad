"Similarities and what is seen through them: fer_nb.preprocessing.alignment, from the installed package."
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torchvision.transforms.v2 import functional as TF

from fer_nb.preprocessing import (REFERENCE, align, augment, crop, detect, five_points, normalize, reference_points, rescale, similarity, ten_crops, to_gray,
                                  transform, warp)


quick = settings(max_examples=60, deadline=None, derandomize=True)

number = st.floats(-100, 100, allow_nan=False)

spots = st.lists(st.tuples(number, number), min_size=2, max_size=8).filter(lambda p: np.std(np.array(p), axis=0).sum() > 1)

@quick
@given(spots, st.floats(.01, 50), st.floats(-3.1, 3.1), number, number)
def test_similarity_is_recovered_exactly(points, c, angle, x, y):
    p = torch.tensor(points, dtype=torch.float64)
    true = torch.tensor([[c * np.cos(angle), -c * np.sin(angle), x], [c * np.sin(angle), c * np.cos(angle), y]])
    m = similarity(p, transform(true, p))
    torch.testing.assert_close(transform(m, p), transform(true, p), atol=1e-7 * (1 + c * 100), rtol=0)
    torch.testing.assert_close(m, true, atol=1e-6 * (1 + c * 100), rtol=0)

def umeyama(p, q):
    U, d, Vt = np.linalg.svd((q - q.mean(0)).T @ (p - p.mean(0)) / len(p))
    sign = np.array([1., np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    R, c = U @ np.diag(sign) @ Vt, (d * sign).sum() / p.var(0).sum()
    return np.hstack([c * R, (q.mean(0) - c * R @ p.mean(0))[:, None]])

@quick
@given(spots, st.integers(0, 10**6), st.booleans())
def test_similarity_is_umeyamas_and_never_reflects(points, seed, mirror):
    p = np.array(points)
    q = np.random.default_rng(seed).normal(size=p.shape) * 10
    if mirror: q = p * [-1, 1] + .1 * q
    m = similarity(torch.from_numpy(p), torch.from_numpy(q)).numpy()
    np.testing.assert_allclose(m, umeyama(p, q), atol=1e-6)
    assert np.linalg.det(m[:, :2]) >= 0 and abs(m[0, 0] - m[1, 1]) + abs(m[0, 1] + m[1, 0]) < 1e-12

def test_similarity_in_batches_and_gradient():
    g = torch.Generator().manual_seed(0)
    p, q = torch.randn(4, 3, 5, 2, dtype=torch.float64, generator=g), torch.randn(4, 3, 5, 2, dtype=torch.float64, generator=g)
    m = similarity(p, q)
    assert m.shape == (4, 3, 2, 3)
    torch.testing.assert_close(m[2, 1], similarity(p[2, 1], q[2, 1]))
    torch.testing.assert_close(transform(m, p)[2, 1], transform(m[2, 1], p[2, 1]))
    assert torch.autograd.gradcheck(similarity, (p[0, :1].clone().requires_grad_(), q[0, :1].clone().requires_grad_()))
    assert similarity(p.float(), q.bfloat16()).dtype == torch.float64

def test_warp_moves_pixels_exactly():
    x = torch.randint(0, 256, (3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    m = lambda a, b, tx, ty: torch.tensor([[a, -b, tx], [b, a, ty]], dtype=torch.float64)
    assert torch.equal(warp(x, m(1, 0, 0, 0), 20), x)
    assert torch.equal(warp(x, m(1, 0, -3, -5), 10), x[:, 5:15, 3:13])
    assert torch.equal(warp(x, m(0, 1, 20, 0), 20), x.rot90(-1, (1, 2)))     # a quarter turn clockwise on the screen: x goes to y
    assert torch.equal(warp(x, m(-1, 0, 20, 20), 20), x.rot90(2, (1, 2)))
    moved = warp(x, m(1, 0, 15, 0), 20)
    assert torch.equal(moved[:, :, 15:], x[:, :, :5]) and moved[:, :, :15].eq(0).all()   # black outside
    assert warp(x, m(1, 0, 5000, 0), 20).eq(0).all()
    f = warp(x / 255., m(1, 0, 0, 0), 20)
    assert f.dtype == torch.float32 and torch.allclose(f, x / 255., atol=1e-5)
    assert warp(x.double() / 255, m(1, 0, 0, 0), 20).dtype == torch.float64

@pytest.mark.parametrize("scale", [.5, .25, .1, .05])
def test_warp_averages_where_it_shrinks(scale):
    side = round(16 / scale)
    ramp = (torch.arange(side) + .5).expand(1, side, -1).contiguous()        # every pixel knows its column
    out = warp(ramp, torch.tensor([[scale, 0., 0.], [0., scale, 0.]]), 16)
    torch.testing.assert_close(out[0, 4:12], ((torch.arange(16) + .5) / scale).expand(8, -1), atol=.15 / scale, rtol=0)
    torch.testing.assert_close(out[0, 4:12, 2:-2], ((torch.arange(16) + .5) / scale)[2:-2].expand(8, -1), atol=1e-3 * side, rtol=0)
    noise = torch.randn(1, side, side, generator=torch.Generator().manual_seed(0))
    assert warp(noise, torch.tensor([[scale, 0., 0.], [0., scale, 0.]]), 16).std() < 1.2 * scale # as for a mean of 1 / scale**2 values

def test_align_puts_landmarks_on_their_marks():
    g = torch.Generator().manual_seed(0)
    for margin in (0., .3):
        for _ in range(5):
            angle, c, shift = torch.rand(1, generator=g).item() - .5, 1.5 + torch.rand(1, generator=g).item(), 40 + 20 * torch.rand(2, generator=g)
            m = torch.tensor([[c * np.cos(angle), -c * np.sin(angle), shift[0]], [c * np.sin(angle), c * np.cos(angle), shift[1]]])
            points = transform(m, 60 * REFERENCE)
            image = torch.zeros(1, 260, 260)
            columns, rows = torch.arange(260) + .5, (torch.arange(260) + .5)[:, None]
            for k, (x, y) in enumerate(points.tolist()):
                done = align(torch.exp(-((columns - x)**2 + (rows - y)**2) / 8)[None].float(), points, 80, margin)[0].double()
                at = torch.arange(80) + .5
                center = torch.stack([(done.sum(0) * at).sum(), (done.sum(1) * at).sum()]) / done.sum()
                torch.testing.assert_close(center, reference_points(80, margin)[k], atol=.15, rtol=0)

def test_reference_points():
    torch.testing.assert_close(reference_points(300), 300 * REFERENCE)
    torch.testing.assert_close(reference_points(100, .5)[2], torch.tensor([50., 55.]).double())   # the nose tip, half as far from the middle
    assert (reference_points(224, .1).amin() > 0) and REFERENCE[:, 0].mean() == .5

def test_sixty_eight_points_become_five():
    points = torch.zeros(68, 2)
    points[36:42, 0], points[42:48, 0], points[30], points[48], points[54] = torch.arange(6.), 100 + torch.arange(6.), torch.tensor([50., 60.]), torch.tensor([20., 90.]), torch.tensor([80., 91.])
    assert five_points(points).tolist() == [[2.5, 0.], [102.5, 0.], [50., 60.], [20., 90.], [80., 91.]]
    image = torch.rand(3, 120, 120)
    assert torch.equal(align(image, points, 32), align(image, five_points(points), 32))

def test_crop():
    x = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(crop(x, torch.tensor([10., 12., 26., 28.]), 16), x[:, 12:28, 10:26])
    assert torch.equal(crop(x, torch.tensor([12., 12., 24., 28.]), 16), x[:, 12:28, 10:26])          # the square around it
    assert torch.equal(crop(x, torch.tensor([14., 16., 22., 24.]), 16, .5), x[:, 12:28, 10:26])      # with a margin
    outside = crop(x, torch.tensor([-8., -8., 8., 8.]), 16)
    assert outside[:, :8].eq(0).all() and torch.equal(outside[:, 8:, 8:], x[:, :8, :8])

def test_turned_photographs_give_the_same_face(hopper):
    faces = []
    for angle in (0, 25):
        photo = TF.rotate(hopper, angle, interpolation=TF.InterpolationMode.BILINEAR, expand=True)
        faces.append(align(photo, detect(photo)[0].landmarks, 64).float())
    assert (faces[0] - faces[1]).abs().mean() < 35 < 3 * (faces[0] - faces[1].flip(-1)).abs().mean()

IMAGE, FIVE, EYE = torch.zeros(3, 20, 20), torch.rand(5, 2, generator=torch.Generator().manual_seed(0)) * 10, torch.tensor([[1., 0., 0.], [0., 1., 0.]])

BAD = {
    "to_gray, list": (lambda: to_gray([[0]]), "image"), "to_gray, array": (lambda: to_gray(np.zeros((3, 4, 4))), "image"), "to_gray, two planes": (lambda: to_gray(torch.zeros(2, 4, 4)), "image"), "to_gray, flat": (lambda: to_gray(torch.zeros(4, 4)), "image"),
    "to_gray, channels last": (lambda: to_gray(torch.zeros(40, 40, 3)), "image"), "to_gray, bool": (lambda: to_gray(torch.zeros(3, 4, 4, dtype=torch.bool)), "image"), "to_gray, empty": (lambda: to_gray(torch.zeros(3, 0, 4)), "image"),
    "rescale, zero": (lambda: rescale(IMAGE, 0), "size"), "rescale, half": (lambda: rescale(IMAGE, 1.5), "size"), "rescale, pair": (lambda: rescale(IMAGE, (4, 4)), "size"), "rescale, bool": (lambda: rescale(IMAGE, True), "size"),
    "normalize, how": (lambda: normalize(IMAGE, "batch"), "how"), "normalize, integers": (lambda: normalize(IMAGE.long()), "image"),
    "ten_crops, too large": (lambda: ten_crops(IMAGE, 21), "size"), "ten_crops, zero": (lambda: ten_crops(IMAGE, 0), "size"), "augment, one picture": (lambda: augment(IMAGE, 5), "images"), "augment, list": (lambda: augment([IMAGE], 5), "images"),
    "similarity, one point": (lambda: similarity(FIVE[:1], FIVE[:1]), "source"), "similarity, list": (lambda: similarity([[0, 0], [1, 1]], FIVE), "source"), "similarity, 3-D": (lambda: similarity(torch.zeros(5, 3), FIVE), "source"),
    "similarity, counts": (lambda: similarity(FIVE, FIVE[:4]), "target"), "similarity, coincide": (lambda: similarity(torch.full((5, 2), 7.), FIVE), "source"), "similarity, nan": (lambda: similarity(FIVE / 0 * 0, FIVE), "source"),
    "similarity, infinite": (lambda: similarity(FIVE, FIVE / 0), "target"), "similarity, far but one": (lambda: similarity(torch.full((5, 2), 1e6), FIVE), "source"),
    "warp, batch": (lambda: warp(IMAGE[None], EYE, 20), "image"), "warp, size": (lambda: warp(IMAGE, EYE, 7), "size"), "warp, shape": (lambda: warp(IMAGE, torch.eye(3), 20), "matrix"), "warp, list": (lambda: warp(IMAGE, [[1, 0, 0], [0, 1, 0]], 20), "matrix"),
    "warp, mirror": (lambda: warp(IMAGE, torch.tensor([[-1., 0., 0.], [0., 1., 0.]]), 20), "matrix"), "warp, stretch": (lambda: warp(IMAGE, torch.tensor([[2., 0., 0.], [0., 1., 0.]]), 20), "matrix"), "warp, zero": (lambda: warp(IMAGE, 0 * EYE, 20), "matrix"),
    "warp, nan": (lambda: warp(IMAGE, EYE * float("nan"), 20), "matrix"), "five_points, four": (lambda: five_points(FIVE[:4]), "landmarks"), "five_points, list": (lambda: five_points(FIVE.tolist()), "landmarks"), "align, batch": (lambda: align(IMAGE, FIVE[None]), "landmarks"),
    "align, size": (lambda: align(IMAGE, FIVE, 4), "size"), "align, margin": (lambda: align(IMAGE, FIVE, 20, 3.), "margin"), "align, margin text": (lambda: align(IMAGE, FIVE, 20, "0.1"), "margin"), "align, nan": (lambda: align(IMAGE, FIVE * float("nan")), "source"),
    "crop, box upside down": (lambda: crop(IMAGE, torch.tensor([0., 9., 5., 3.])), "box"), "crop, three": (lambda: crop(IMAGE, torch.tensor([0., 9., 5.])), "box"), "crop, tuple": (lambda: crop(IMAGE, (0, 0, 5, 5)), "box"),
    "crop, nan": (lambda: crop(IMAGE, torch.tensor([0., float("nan"), 5., 5.])), "box"), "crop, margin": (lambda: crop(IMAGE, torch.tensor([0., 0., 5., 5.]), 20, -.6), "margin"),
}

@pytest.mark.parametrize("what", BAD)
def test_bad_input(what):
    call, name = BAD[what]
    with pytest.raises(ValueError, match=f"^{name}: expected .*, got "): call()

@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_same_on_a_gpu(hopper):
    points = detect(hopper)[0].landmarks
    assert (align(hopper.cuda(), points).cpu().int() - align(hopper, points).int()).abs().max() <= 1
    for step in (to_gray, rescale, normalize, lambda x: augment(x[None], 400, torch.Generator().manual_seed(0))): assert step(hopper.cuda()).is_cuda
