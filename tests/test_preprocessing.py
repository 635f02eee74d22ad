"From files to faces: fer_nb.preprocessing, from the installed package."
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import matplotlib.cbook as cbook
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torchvision.transforms.v2 import functional as TF

import fer_nb.preprocessing as room
from fer_nb.preprocessing import (REFERENCE, align, augment, crop, detect, five_points, normalize, preprocess, read_image, read_manifest, reference_points, rescale,
                                  similarity, ten_crops, to_gray, transform, warp)

quick = settings(max_examples=60, deadline=None, derandomize=True)
HOPPER = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))

@pytest.fixture(scope="module")
def hopper(): return read_image(HOPPER)

def pil(image): return Image.fromarray(image.permute(1, 2, 0).numpy())
def tensor(array): return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)


# ---- reading: every kind of file has one defined outcome

PLAIN = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)

def png16(values):
    "A 16-bit RGB PNG, byte by byte (Pillow writes none)"
    h, w, _ = values.shape
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

def bomb(width, height):
    "A PNG of a few bytes that promises many pixels"
    data = png16(np.zeros((1, 1, 3)))
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]

def test_rgb_is_read_as_it_is(tmp_path):
    for kind in ("png", "bmp", "tiff", "ppm"):
        Image.fromarray(PLAIN).save(tmp_path/f"a.{kind}")
        read = read_image(str(tmp_path/f"a.{kind}"))
        assert read.dtype == torch.uint8 and torch.equal(read, tensor(PLAIN)) and read.is_contiguous()

def test_kinds_of_pixels(tmp_path):
    gray = PLAIN[..., 0]
    def check(image, expected, name="a.png", tolerance=0, **how):
        image.save(tmp_path/name, **how)
        assert (read_image(tmp_path/name).int() - torch.as_tensor(np.asarray(expected).astype(int))).abs().max() <= tolerance
    three = np.broadcast_to(gray, (3, 6, 8))
    check(Image.fromarray(gray), three)
    check(Image.fromarray(gray > 128), (three > 128) * 255)
    sixteen = (gray.astype(np.uint16) * 257)
    check(Image.fromarray(sixteen), three)
    check(Image.fromarray(sixteen), three, "a.tiff")
    check(Image.fromarray(gray.astype(np.int32) * 257), three, "a.tiff")                         # 32 bits that hold 16
    palette = Image.fromarray(PLAIN).quantize(48)
    check(palette, tensor(PLAIN), tolerance=90)
    check(Image.fromarray(255 - np.dstack([PLAIN, np.full((6, 8), 255, np.uint8)]), "CMYK"), tensor(PLAIN), "a.tiff", tolerance=1)
    alpha = np.zeros((6, 8), np.uint8)
    alpha[:, :4] = 255
    white = np.where(alpha[..., None] > 0, PLAIN, 255)
    check(Image.fromarray(np.dstack([PLAIN, alpha])), tensor(white))
    check(Image.fromarray(np.dstack([gray, alpha])), np.where(alpha > 0, three, 255))
    half = Image.fromarray(np.dstack([np.zeros((6, 8, 3), np.uint8), np.full((6, 8), 51, np.uint8)]))
    check(half, np.full((3, 6, 8), 204), tolerance=1)                                            # a fifth black on white
    see_through = Image.fromarray((gray // 64)).convert("P")
    see_through.putpalette([10] * 3 + [20] * 3 + [30] * 3 + [40] * 3)
    check(see_through, np.where(three // 64 == 0, 255, 10 * (three // 64 + 1)), transparency=0)
    (tmp_path/"a.png").write_bytes(png16(PLAIN.astype(np.uint16) * 257))
    assert torch.equal(read_image(tmp_path/"a.png"), tensor(PLAIN))

@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_animated_gives_the_first_frame(tmp_path, kind):
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue", "lime")]
    frames[0].save(tmp_path/f"a.{kind}", save_all=True, append_images=frames[1:], **(dict(lossless=True) if kind == "webp" else {}))
    assert read_image(tmp_path/f"a.{kind}").float().mean((1, 2)).tolist() == [255, 0, 0]

@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path, orientation):
    upright = tensor(PLAIN)
    stored = {1: lambda x: x, 2: lambda x: x.flip(2), 3: lambda x: x.rot90(2, (1, 2)), 4: lambda x: x.flip(1), 5: lambda x: x.mT, 6: lambda x: x.rot90(1, (1, 2)),
              7: lambda x: x.rot90(2, (1, 2)).mT, 8: lambda x: x.rot90(-1, (1, 2))}[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pil(stored.contiguous()).save(tmp_path/"a.png", exif=exif)
    assert torch.equal(read_image(tmp_path/"a.png"), upright)

@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x2a\0\0\0\0\0\0", b""])
def test_damaged_exif_says_nothing(tmp_path, exif):
    Image.fromarray(PLAIN).save(tmp_path/"a.png", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(read_image(tmp_path/"a.png"), tensor(PLAIN))

def test_tiny_and_thin(tmp_path):
    for size in ((1, 1), (1, 3000), (3000, 1)):
        Image.new("RGB", size, "red").save(tmp_path/"a.png")
        assert read_image(tmp_path/"a.png").shape == (3, size[1], size[0])

def jpeg(**how):
    file = io.BytesIO()
    Image.fromarray(PLAIN).resize((80, 60)).save(file, "JPEG", **how)
    return file.getvalue()

FLOATS, DEEP = io.BytesIO(), io.BytesIO()
Image.fromarray(np.ones((4, 4), np.float32)).save(FLOATS, "TIFF")
Image.fromarray(np.full((4, 4), 70000, np.int32)).save(DEEP, "TIFF")
UNREADABLE = {
    "empty": (b"", "an empty file"), "text": (b"no image at all", "cannot identify"), "truncated": (jpeg()[:400], "[Tt]runcated|identify|broken"), "half": (jpeg()[:len(jpeg()) // 2], "truncated"),
    "header": (jpeg()[:20], ""), "one byte": (b"\xff", "identify"), "truncated png": (png16(np.zeros((50, 50, 3)))[:60], ""), "checksum": (png16(np.zeros((4, 4, 3))).replace(b"IDAT", b"IDAT\x01", 1), ""),
    "floats": (FLOATS.getvalue(), "floating-point"), "32 bits": (DEEP.getvalue(), "got 32"), "bomb": (bomb(30000, 30000), "more than 89,478,485 pixels"), "small bomb": (bomb(10000, 10000), "more than 89,478,485 pixels"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "identify"), "html": (b"<html>404 not found</html>", "identify"), "zeros": (bytes(5000), "identify"), "gif header": (b"GIF89a\x10\0\x10\0\0\0\0", ""), "zip": (b"PK\x03\x04" + bytes(60), "identify"),
}

@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_files_say_why(tmp_path, what):
    data, reason = UNREADABLE[what]
    (tmp_path/"a.jpg").write_bytes(data)
    started = time.perf_counter()
    with pytest.raises(ValueError, match=f"^path: expected a readable image, got .*a.jpg: .*({reason})") as error: read_image(tmp_path/"a.jpg")
    assert str(error.value).count(str(tmp_path)) == 1                        # the reason alone names no folder: it goes into manifests
    assert time.perf_counter() - started < 5

def test_nothing_and_a_folder(tmp_path):
    with pytest.raises(ValueError, match="no such file"): read_image(tmp_path/"a.jpg")
    with pytest.raises(ValueError, match="not a file"): read_image(tmp_path)
    (tmp_path/"link.jpg").symlink_to(tmp_path/"gone.jpg")
    with pytest.raises(ValueError, match="no such file"): read_image(tmp_path/"link.jpg")

def test_the_limit_is_exact(tmp_path, monkeypatch):
    Image.fromarray(PLAIN).save(tmp_path/"a.png")
    monkeypatch.setattr(room, "MOST_PIXELS", 48)
    assert read_image(tmp_path/"a.png").shape == (3, 6, 8)
    monkeypatch.setattr(room, "MOST_PIXELS", 47)
    with pytest.raises(ValueError, match="more than 47 pixels"): read_image(tmp_path/"a.png")

@quick
@given(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"]), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8), st.floats(0, 1))
def test_damage_is_a_value_error_or_nothing(tmp_path_factory, kind, changes, keep):
    file = io.BytesIO()
    Image.fromarray(PLAIN).save(file, kind)
    data = bytearray(file.getvalue())
    for at, byte in changes: data[int(at * len(data))] = byte
    path = tmp_path_factory.getbasetemp()/"damaged"
    path.write_bytes(data[:max(1, int((.2 + keep) * len(data)))])
    try: assert read_image(path).dtype == torch.uint8
    except ValueError as error: assert str(path) in str(error)


# ---- gray, size, values, augmentation

def test_gray():
    x = torch.tensor([[10, 0, 0, 255], [0, 100, 0, 255], [0, 0, 200, 255]], dtype=torch.uint8)[:, None]
    assert (to_gray(x).float() - torch.tensor([[[2.99, 58.7, 22.8, 255.]]])).abs().max() <= 1
    f = torch.rand(2, 3, 5, 5)
    torch.testing.assert_close(to_gray(f), (f * torch.tensor([.2989, .587, .114])[:, None, None]).sum(1, keepdim=True), atol=1e-4, rtol=0)
    assert to_gray(x[:1]) is not None and torch.equal(to_gray(x[:1]), x[:1])

def test_rescale():
    for size in (224, 227, 100, 48): assert rescale(torch.zeros(2, 1, 61, 60, dtype=torch.uint8), size).shape == (2, 1, size, size)
    chess = ((torch.arange(96)[:, None] + torch.arange(96)) % 2).float()[None]
    assert (rescale(chess, 24)[:, 1:-1, 1:-1] - .5).abs().max() < .03         # no aliasing

def test_normalize_by_plane():
    x = torch.randint(0, 256, (2, 3, 7, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    y = normalize(x)
    torch.testing.assert_close(y.mean((-2, -1)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((-2, -1), correction=0), torch.ones(2, 3))
    reference = (x.double().numpy() - x.double().numpy().mean((-2, -1), keepdims=True)) / x.double().numpy().std((-2, -1), keepdims=True)
    np.testing.assert_allclose(y.numpy(), reference, atol=1e-5)
    torch.testing.assert_close(normalize(x / 255. * .3 + .2), y, atol=1e-4, rtol=0)
    assert normalize(torch.full((1, 4, 4), 77, dtype=torch.uint8)).eq(0).all()
    assert normalize(torch.rand(3, 4, 4, dtype=torch.float64)).dtype == torch.float64

def test_normalize_for_imagenet():
    y = normalize(torch.tensor([255, 0, 51], dtype=torch.uint8)[:, None, None].expand(3, 2, 2), "imagenet")
    torch.testing.assert_close(y[:, 0, 0], torch.tensor([(1 - .485) / .229, -.456 / .224, (.2 - .406) / .225]))
    assert normalize(torch.zeros(5, 1, 2, 2), "imagenet").shape == (5, 3, 2, 2)

def test_ten_crops():
    x = torch.arange(36).view(1, 6, 6).to(torch.uint8)
    c = ten_crops(x, 4)
    assert c.shape == (10, 1, 4, 4) and c[:5, 0, 0, 0].tolist() == [0, 2, 12, 14, 7] and torch.equal(c[4], x[:, 1:5, 1:5])
    assert torch.equal(c[5:], ten_crops(x.flip(-1), 4)[:5]) and ten_crops(x.expand(3, 1, 6, 6), 6).shape == (10, 3, 1, 6, 6)

def test_augment():
    x = torch.rand(400, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    a, b, c = (augment(x, 5, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    which = (ten_crops(x, 5) == a).flatten(2).all(-1)
    assert (which.sum(0) >= 1).all()
    assert which.sum(1).min() > 20                                           # every crop is drawn
    torch.manual_seed(3)
    d = augment(x, 5)
    torch.manual_seed(3)
    assert torch.equal(d, augment(x, 5))


# ---- geometry

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


# ---- whole folders

def photographs(root, hopper):
    "A small data set with everything that goes wrong"
    small, side = TF.resize(hopper, [150, 128], antialias=True), torch.cat([hopper, hopper], 2)
    pictures = {"a/hopper.jpg": hopper, "a/face 2.png": small, "a/ünï-côde.tif": to_gray(small).expand(3, -1, -1), "b/deep/er/x.bmp": small, "b/collar.jpg": hopper[:, 400:, :200], "two.png": TF.resize(side, [300, 512], antialias=True),
                "b/UPPER.JPG": small, "web.webp": small}
    for name, picture in pictures.items():
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        pil(picture.contiguous()).save(root/name)
    Image.new("RGB", (5, 5)).save(root/"b/tiny.png")
    (root/"b/damaged.jpg").write_bytes(HOPPER.read_bytes()[:5000])
    (root/"b/empty.png").touch()
    (root/"b/more.zip").write_bytes(b"PK")
    (root/"b/film.AVI").write_bytes(b"RIFF")
    (root/"labels.txt").write_text("a/hopper.jpg 4\n")
    return root

@pytest.fixture()
def data(tmp_path, hopper): return photographs(tmp_path/"photos", hopper)

def snapshot(folder, stamps=False): return {p.relative_to(folder).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns if stamps else 0) for p in sorted(Path(folder).rglob("*")) if p.is_file()}

def go(folder, out, **how): return preprocess(folder, out, **({"size": 64, "workers": 1, "progress": False} | how))

@pytest.fixture(scope="module")
def whole(tmp_path_factory, hopper):
    "One data set and what comes of it"
    root = tmp_path_factory.mktemp("whole")
    folder = photographs(root/"photos", hopper)
    before, threads = snapshot(folder, True), torch.get_num_threads()
    torch.set_num_threads(2)
    counts = go(folder, root/"faces")
    left = torch.get_num_threads()
    torch.set_num_threads(threads)
    return folder, root/"faces", counts, before, left

def test_every_file_has_its_outcome(whole):
    folder, out, counts, *_ = whole
    assert counts == {"face": 7, "no face": 2, "unreadable": 2, "left out": 2, "copied": 1}
    rows = {row["file"]: row for row in read_manifest(out)}
    assert list(rows) == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert rows["b/empty.png"]["reason"] == "an empty file" and "truncated" in rows["b/damaged.jpg"]["reason"] and "5 x 5" in rows["b/tiny.png"]["reason"]
    assert rows["b/more.zip"]["status"] == "left out" and "unpack" in rows["b/more.zip"]["reason"] and "frames" in rows["b/film.AVI"]["reason"] and rows["labels.txt"]["status"] == "copied"
    assert rows["two.png"]["faces"] == "2" and rows["a/hopper.jpg"]["faces"] == "1" and rows["b/collar.jpg"]["faces"] == "0"
    assert len({row["settings"] for row in rows.values()}) == 1 and all(row["reason"] for row in rows.values() if row["status"] not in ("face", "copied"))

def test_the_tree_is_mirrored(whole):
    folder, out, *_ = whole
    rows = read_manifest(out)
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert there == {row["file"] for row in rows if row["status"] in ("face", "copied")} | {"manifest.csv", "preprocess.json"}
    for row in rows:
        if row["status"] == "face":
            with Image.open(out/row["file"]) as a, Image.open(folder/row["file"]) as b: assert a.format == b.format and a.size == (64, 64) and a.mode == "RGB"
    assert (out/"labels.txt").read_text() == "a/hopper.jpg 4\n"
    assert json.loads((out/"preprocess.json").read_text()) == dict(size=64, margin=.1, landmarks=5, gray=False, min_size=40)

def test_the_manifest_says_where(whole, hopper):
    folder, out, *_ = whole
    row, = (row for row in read_manifest(out) if row["file"] == "a/face 2.png")
    photo = read_image(folder/row["file"])
    face, = detect(photo)
    torch.testing.assert_close(torch.tensor([float(row[k]) for k in ("left", "top", "right", "bottom")]), face.box, atol=.02, rtol=0)
    points = torch.tensor([float(v) for v in row["landmarks"].split()]).view(5, 2)
    torch.testing.assert_close(points, face.landmarks, atol=.02, rtol=0)
    assert abs(float(row["score"]) - face.score) < 1e-3 and row["bytes"] == str((folder/row["file"]).stat().st_size)
    assert (read_image(out/row["file"]).int() - align(photo, points, 64, .1).int()).abs().max() <= 1     # a PNG loses nothing
    row, = (row for row in read_manifest(out) if row["file"] == "a/hopper.jpg")
    expected = align(hopper, torch.tensor([float(v) for v in row["landmarks"].split()]).view(5, 2), 64, .1)
    assert (read_image(out/"a"/"hopper.jpg").float() - expected).abs().mean() < 2.5                      # a JPEG little

def test_the_input_is_not_touched(whole):
    folder, out, counts, before, threads_left = whole
    assert snapshot(folder, True) == before and threads_left == 2

def test_twice_gives_the_same_bytes_and_repeats_nothing(whole, tmp_path):
    folder, out, counts, *_ = whole
    assert go(folder, tmp_path/"again") == counts
    assert snapshot(tmp_path/"again") == snapshot(out)
    stamps = {name: stamp for name, (_, stamp) in snapshot(tmp_path/"again", True).items() if name != "manifest.csv"}
    assert go(folder, tmp_path/"again") == counts
    assert stamps == {name: stamp for name, (_, stamp) in snapshot(tmp_path/"again", True).items() if name != "manifest.csv"}

def test_in_parallel(whole, tmp_path):
    folder, out, counts, *_ = whole
    assert preprocess(folder, tmp_path/"out", size=64, workers=2, progress=False) == counts
    assert snapshot(tmp_path/"out") == snapshot(out)

KILLED = """
import sys, time, fer_nb.preprocessing as room
one = room._one
def slow(*args):
    time.sleep(.2)
    return one(*args)
room._one = slow
room.preprocess(sys.argv[1], sys.argv[2], size=64, workers=1, progress=False)
"""

@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_killed_and_started_again(whole, tmp_path):
    folder, reference, counts, *_ = whole
    out = tmp_path/"out"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(out)])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not ((out/"manifest.csv").exists() and (out/"manifest.csv").read_bytes().count(b"\n") >= 5): time.sleep(.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (out/"a"/".fer_nb-1.part").write_bytes(b"half a face")
    rows = read_manifest(out)
    assert 4 <= len(rows) < sum(counts.values())
    stamps = {row["file"]: (out/row["file"]).stat().st_mtime_ns for row in rows if row["status"] == "face"}
    assert go(folder, out) == counts
    assert snapshot(out) == snapshot(reference) and stamps
    assert stamps == {name: (out/name).stat().st_mtime_ns for name in stamps}

@pytest.mark.parametrize("cut", [1, 30, 200, 400, 700, 1500])
def test_a_manifest_cut_anywhere(whole, tmp_path, cut):
    folder, reference, counts, *_ = whole
    import shutil
    shutil.copytree(reference, tmp_path/"out")
    path = tmp_path/"out"/"manifest.csv"
    path.write_bytes(path.read_bytes()[:-cut])
    assert go(folder, tmp_path/"out") == counts and snapshot(tmp_path/"out") == snapshot(reference)

def test_what_changed_is_done_again(data, tmp_path):
    go(data, tmp_path/"out")
    good = snapshot(tmp_path/"out")
    (tmp_path/"out"/"a"/"hopper.jpg").unlink()
    pil(read_image(data/"a/hopper.jpg")).save(data/"b/damaged.jpg", quality=80)
    counts = go(data, tmp_path/"out")
    assert counts["face"] == 8 and counts["unreadable"] == 1
    assert snapshot(tmp_path/"out")["a/hopper.jpg"] == good["a/hopper.jpg"] and (tmp_path/"out"/"b"/"damaged.jpg").is_file()
    assert [row["file"] for row in read_manifest(tmp_path/"out")] == sorted(row["file"] for row in read_manifest(tmp_path/"out"))

def few(folder, hopper, names=("a.png",)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names: pil(TF.resize(hopper, [150, 128], antialias=True)).save(folder/name)
    return folder

def test_gray_and_box(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper, ["a.png", "b.jpg"])
    go(folder, tmp_path/"gray", gray=True)
    for name in ("a.png", "b.jpg"):
        with Image.open(tmp_path/"gray"/name) as image: assert image.mode == "L"
    go(folder, tmp_path/"box", landmarks=0, margin=0)
    photo = read_image(folder/"a.png")
    assert (read_image(tmp_path/"box"/"a.png").int() - crop(photo, detect(photo)[0].box, 64).int()).abs().max() <= 12

def test_sixty_eight(hopper, tmp_path, monkeypatch):
    folder, asked = few(tmp_path/"in", hopper), []
    monkeypatch.setattr(room, "_fan", lambda device: asked.append(device))
    monkeypatch.setattr(room, "landmarks68", lambda image, faces: [torch.rand(68, 2, generator=torch.Generator().manual_seed(0)) * 100])
    go(folder, tmp_path/"out", landmarks=68)
    assert len(read_manifest(tmp_path/"out")[0]["landmarks"].split()) == 136 and asked == ["cpu"]
    def missing(device): raise RuntimeError("no weights")
    monkeypatch.setattr(room, "_fan", missing)
    with pytest.raises(RuntimeError, match="no weights"): go(folder, tmp_path/"none", landmarks=68)
    assert not (tmp_path/"none").exists()                                     # said at once, not for every file

def test_odd_names(hopper, tmp_path):
    names = ["with space.png", "日本.png", "comma, \"quote\".png", "-dash.png", "x.PNG", "." + "h.png"] + (["new\nline.png", "sep\u2028arator.png", os.fsdecode(b"b\xff.png")] if sys.platform.startswith("linux") else [])
    few(tmp_path/"in", hopper, names)
    assert go(tmp_path/"in", tmp_path/"out") == {"face": len(names)}
    assert sorted(row["file"] for row in read_manifest(tmp_path/"out")) == sorted(names) and all((tmp_path/"out"/name).is_file() for name in names)
    done = snapshot(tmp_path/"out")
    assert go(tmp_path/"in", tmp_path/"out") == {"face": len(names)} and snapshot(tmp_path/"out") == done

def test_links(hopper, tmp_path):
    few(tmp_path/"elsewhere", hopper, ["far.png"])
    folder = few(tmp_path/"in", hopper)
    (folder/"linked").symlink_to(tmp_path/"elsewhere")
    (folder/"circle").symlink_to(folder)
    (folder/"broken.png").symlink_to(tmp_path/"gone.png")
    (tmp_path/"out").mkdir()
    (folder/"result").symlink_to(tmp_path/"out")
    for _ in range(2): assert go(folder, tmp_path/"out") == {"face": 2, "unreadable": 1}
    assert (tmp_path/"out"/"linked"/"far.png").is_file() and not (tmp_path/"out"/"linked").is_symlink()

@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_do_not_block(hopper, tmp_path):
    folder = few(tmp_path/"in", hopper)
    for name in ("pipe.png", "pipe.txt"): os.mkfifo(folder/name)
    assert go(folder, tmp_path/"out") == {"face": 1, "unreadable": 2}

def test_relative_paths(hopper, tmp_path, monkeypatch):
    few(tmp_path/"in", hopper)
    monkeypatch.chdir(tmp_path)
    assert preprocess("in", "out", size=64, workers=1, progress=False) == {"face": 1} and (tmp_path/"out"/"a.png").is_file()

def test_result_can_be_input(whole, tmp_path):
    _, out, counts, *_ = whole
    again = go(out, tmp_path/"out", margin=.2)
    assert again["copied"] == 1 and again["face"] + again.get("no face", 0) == counts["face"]     # its manifest and settings stay behind

@pytest.mark.filterwarnings("ignore")                                          # the readers miss most of the real sets' pictures
def test_readers_read_the_result(hopper, tmp_path):
    from fer_nb.datasets import kdef, rafdb
    small = TF.resize(hopper, [150, 128], antialias=True)
    for person in ("F01", "M02"):
        for letters in ("AF", "HA", "NE"):
            path = tmp_path/"kdef"/f"A{person}"/f"A{person}{letters}S.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            pil(small).save(path)
    for n in (1, 2):
        path = tmp_path/"raf"/"Image"/"aligned"/f"train_0000{n}_aligned.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pil(small).save(path)
    (tmp_path/"raf"/"EmoLabel").mkdir()
    (tmp_path/"raf"/"EmoLabel"/"list_patition_label.txt").write_text("train_00001.jpg 4\ntrain_00002.jpg 7\n")
    for name, reader in (("kdef", kdef), ("raf", rafdb)):
        go(tmp_path/name, tmp_path/f"{name}-faces")
        before, after = reader(tmp_path/name), reader(tmp_path/f"{name}-faces")
        assert len(after) and torch.equal(before.targets, after.targets) and before.subjects == after.subjects
        assert after.picture(0).size == (64, 64)

def test_progress(hopper, tmp_path, capsys):
    preprocess(few(tmp_path/"in", hopper), tmp_path/"out", size=64, workers=1)
    assert "1/1" in capsys.readouterr().err
    go(tmp_path/"in", tmp_path/"out")
    assert capsys.readouterr().err == ""

def refused(message, folder, out, **how):
    before = snapshot(folder, True) if Path(folder).is_dir() else None
    with pytest.raises(ValueError, match=message): go(folder, out, **how)
    assert before is None or snapshot(folder, True) == before

def test_refusals(hopper, tmp_path):
    folder, out = few(tmp_path/"in", hopper), tmp_path/"out"
    go(folder, out)
    done = snapshot(out, True)
    refused("out: .* was made with size=64, got size=48", folder, out, size=48)
    refused("margin=0.1, landmarks=5, got margin=0.2, landmarks=0", folder, out, margin=.2, landmarks=0)
    refused("out: expected a folder for this input.*a.png", few(tmp_path/"other", hopper, ["b.png"]), out)
    refused("folder: expected a folder with pictures, got .*nowhere, which does not exist", tmp_path/"nowhere", out)
    refused("folder: expected a folder with pictures, got .*a.png, which is a file", folder/"a.png", out)
    assert snapshot(out, True) == done
    refused("out: .*which is", folder, folder)
    refused("out: .*overlaps", folder, folder/"faces")
    refused("out: .*overlaps", folder, tmp_path)
    (tmp_path/"link").symlink_to(folder)
    refused("out: .*overlaps", folder, tmp_path/"link"/"faces")
    refused("out: .*which is", tmp_path/"link", folder)
    assert not (folder/"faces").exists()
    refused("out: expected a folder, got .*a file", folder, tmp_path/"other"/"b.png")
    refused("out: expected a new or empty folder", folder, tmp_path/"other")
    (tmp_path/"strange").mkdir()
    (tmp_path/"strange"/"preprocess.json").write_text("{not json")
    refused("out: expected readable settings", folder, tmp_path/"strange")
    for how, name in ((dict(size=4), "size"), (dict(size=64.), "size"), (dict(margin="wide"), "margin"), (dict(margin=float("nan")), "margin"), (dict(landmarks=6), "landmarks"), (dict(landmarks=True), "landmarks"), (dict(min_size=5), "min_size"),
                      (dict(workers=0), "workers"), (dict(workers=1.5), "workers")): refused(f"^{name}: expected", folder, tmp_path/"new", **how)
    assert not (tmp_path/"new").exists()

def test_folders_without_pictures(tmp_path):
    (tmp_path/"in").mkdir()
    refused("folder: expected pictures", tmp_path/"in", tmp_path/"out")
    (tmp_path/"in"/"all.zip").touch()
    refused("unpack all.zip", tmp_path/"in", tmp_path/"out")
    assert not (tmp_path/"out").exists()
    with pytest.raises(ValueError, match="out: expected a folder that preprocess wrote"): read_manifest(tmp_path)

def test_a_failing_disk_is_not_hidden(hopper, tmp_path, monkeypatch):
    folder = few(tmp_path/"in", hopper)
    def full(*args): raise OSError("no space left on device")
    monkeypatch.setattr(room.os, "replace", full)
    with pytest.raises(OSError, match="no space"): go(folder, tmp_path/"out")
    assert not list((tmp_path/"out").rglob("*.part"))
