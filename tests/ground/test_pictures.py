"Every kind of picture file has one defined outcome, in every room: fer_nb.pictures, from the installed package."
import io
import os
import struct
import sys
import types
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageFile

import fer_nb.pictures as room
from fer_nb import datasets, preprocessing
from fer_nb.pictures import PICTURES, Unreadable, is_picture, open_picture, read_image, show, walk
from photos import pil, tensor

quick = settings(max_examples=60, deadline=None, derandomize=True)


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
def test_unreadable_files_say_why(tmp_path, monkeypatch, what):
    data, reason = UNREADABLE[what]
    (tmp_path/"a.jpg").write_bytes(data)
    if "bomb" in what: monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=f"^path: expected a readable image, got .*a.jpg: .*({reason})") as error: read_image(tmp_path/"a.jpg")
    assert str(error.value).count(str(tmp_path)) == 1                        # the reason alone names no folder: it goes into manifests

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


# ---- what Pillow lacks

HEIC = b"\0\0\0\x18ftypheic" + bytes(999)

@pytest.fixture()
def heif_reader(monkeypatch):
    "Says whether Pillow can be taught HEIF, however this machine is equipped"
    room._add_heif_reader.cache_clear()
    def install(package):
        room._add_heif_reader.cache_clear()
        monkeypatch.setitem(sys.modules, "pillow_heif", package)
    yield install
    room._add_heif_reader.cache_clear()

@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "a.heif", "renamed.jpg"])
def test_heif_says_what_to_install(tmp_path, heif_reader, name):
    heif_reader(None)
    (tmp_path/name).write_bytes(HEIC)
    with pytest.raises(Unreadable, match=f"^path: expected a readable image, got .*{name}: .*pip install pillow-heif$"): read_image(tmp_path/name)

def test_heif_is_read_where_its_plugin_is_installed(tmp_path, monkeypatch, heif_reader):
    plain, real, taught = Image.new("RGB", (3, 2), "red"), Image.open, []
    heif_reader(types.SimpleNamespace(register_heif_opener=lambda: taught.append(1)))
    monkeypatch.setattr(Image, "open", lambda path: plain.copy() if taught else real(path))
    (tmp_path/"a.heic").write_bytes(HEIC)
    assert open_picture(tmp_path/"a.heic").getpixel((0, 0)) == (255, 0, 0) and taught == [1]

def test_a_film_is_no_heif(tmp_path, heif_reader):
    heif_reader(None)
    (tmp_path/"a.png").write_bytes(b"\0\0\0\x18ftypisom" + bytes(99))
    with pytest.raises(Unreadable, match="cannot identify"): read_image(tmp_path/"a.png")

def test_avif_without_its_decoder_names_pillow(tmp_path, monkeypatch):
    def unknown(path): raise room.UnidentifiedImageError("cannot identify")
    monkeypatch.setattr(Image, "open", unknown)
    (tmp_path/"a.avif").write_bytes(b"\0\0\0\x18ftypavif" + bytes(99))
    with pytest.raises(Unreadable, match="AVIF.*pip install -U pillow$"): read_image(tmp_path/"a.avif")

def test_avif_and_jpeg_2000(tmp_path):
    Image.init()
    for kind, how, tolerance in (("jp2", {}, 0), ("j2k", {}, 0), ("avif", dict(quality=100, subsampling="4:4:4"), 8)):
        if f".{kind}" not in Image.registered_extensions(): continue
        Image.fromarray(PLAIN).save(tmp_path/f"a.{kind}", **how)
        assert is_picture(f"a.{kind}") and (read_image(tmp_path/f"a.{kind}").int() - tensor(PLAIN).int()).abs().max() <= tolerance


# ---- one reader for all rooms

def test_rooms_agree_on_endings():
    assert preprocessing.PICTURES is datasets.PICTURES is PICTURES
    for name in ("a.JPG", "IMG_0001.HEIC", "a.heif", "a.avif", "a.jp2", "a.pnm", "x/y.tiff"): assert is_picture(name)
    for name in ("labels.txt", "a.zip", "png", "a.png.csv"): assert not is_picture(name)

@pytest.mark.parametrize("kind", ["transparent", "palette", "sixteen", "gray", "turned", "CMYK"])
def test_rooms_agree_on_pixels(tmp_path, kind):
    clear = np.uint8([[[10, 20, 30, 0], [200, 100, 50, 255]]])
    image = {"transparent": Image.fromarray(clear), "palette": Image.fromarray(PLAIN).quantize(8), "gray": Image.fromarray(PLAIN[..., 0]), "turned": Image.fromarray(PLAIN),
             "CMYK": Image.fromarray(PLAIN).convert("CMYK"), "sixteen": Image.fromarray(np.uint16([[385, 386, 128, 129, 65535, 32896]]))}[kind]
    exif = Image.Exif()
    exif[0x0112] = 6 if kind == "turned" else 1
    image.save(tmp_path/f"a.{'tiff' if kind == 'CMYK' else 'png'}", exif=exif)
    data = datasets.unlabeled(tmp_path)
    theirs, ours = data[0][0], preprocessing.read_image(data.paths[0])
    assert torch.equal(tensor(np.asarray(theirs)), ours) and torch.equal(tensor(np.asarray(data.opener(data.paths[0]).convert("RGB"))), ours)
    if kind == "transparent": assert ours[:, 0].tolist() == [[255, 200], [255, 100], [255, 50]]

def test_gray_or_rgb(tmp_path):
    for mode, out in (("1", "L"), ("L", "L"), ("LA", "RGB"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB"), ("CMYK", "RGB"), ("I", "L")):
        Image.new(mode, (4, 3)).save(tmp_path/"a.tiff")
        assert open_picture(str(tmp_path/"a.tiff")).mode == out

@pytest.mark.parametrize("path", [None, 3, b"a.png", ["a.png"]])
def test_no_path(path):
    for reader in (open_picture, read_image):
        with pytest.raises(ValueError, match="^path: expected a path, got"): reader(path)

def test_the_error_travels_between_processes(tmp_path):
    import pickle
    with pytest.raises(Unreadable) as caught: read_image(tmp_path/"a.png")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.reason == "no such file"


# ---- all files of a folder

def test_walk(tmp_path):
    for name in ("b/2.png", "b/10.png", "a.txt", "c/d/e.jpg", ".hidden/x.png", "b/._2.png", "__MACOSX/y.png"):
        (tmp_path/name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path/name).touch()
    (tmp_path/"empty").mkdir()
    assert [path for path, _ in walk(tmp_path, hidden=False)] == ["a.txt", "b/10.png", "b/2.png", "c/d/e.jpg"]
    assert [path for path, _ in walk(str(tmp_path))] == [".hidden/x.png", "__MACOSX/y.png", "a.txt", "b/._2.png", "b/10.png", "b/2.png", "c/d/e.jpg"]
    assert [path for path, _ in walk(tmp_path, hidden=False, without=tmp_path/"b")] == ["a.txt", "c/d/e.jpg"]

@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and pipes")
def test_walk_names_what_is_no_use(tmp_path, monkeypatch):
    (tmp_path/"locked").mkdir()
    (tmp_path/"self").symlink_to(tmp_path/"self")
    (tmp_path/"gone.png").symlink_to(tmp_path/"nowhere.png")
    (tmp_path/"circle").symlink_to(tmp_path)
    os.mkfifo(tmp_path/"pipe")
    real = os.scandir
    def scandir(path):
        if Path(path).name == "locked": raise PermissionError(13, "Permission denied", path)
        return real(path)
    monkeypatch.setattr(os, "scandir", scandir)
    assert dict(walk(tmp_path)) == {"gone.png": "broken link", "locked": "folder cannot be opened: Permission denied", "pipe": "not a file", "self": "broken link"}
    def locked(path): raise PermissionError(13, "Permission denied", path)
    monkeypatch.setattr(os, "scandir", locked)
    assert list(walk(tmp_path)) == [("", "folder cannot be opened: Permission denied")]


# ---- side by side

def test_show():
    fig = show([torch.rand(3, 10, 20), torch.zeros(1, 10, 10, dtype=torch.uint8)], ["a", "b"])
    assert [ax.get_title() for ax in fig.axes] == ["a", "b"] and fig.get_size_inches()[0] == pytest.approx(2 * 3 + .1)
    stretched = show([torch.tensor([[[2., 4.]]])]).axes[0].images[0].get_array()
    assert stretched.min() == 0 and stretched.max() == 1
    with pytest.raises(ValueError, match="^images: expected at least 1 values, got 0"): show([])
