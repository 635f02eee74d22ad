"""Build data_samples/mtcnn.safetensors and its license from the weights inside the facenet-pytorch wheel.

    python tools/build_mtcnn.py [WHEEL] [--out data_samples]

Without WHEEL, `pip download --no-deps facenet-pytorch` fetches one into a temporary folder (the wheel is only unpacked, never
installed). The same wheel always gives the same bytes.

The three state dictionaries are renamed to the layers of fer_nb.preprocessing.Detector. The heads of each net are stacked into one
layer (two scores, four box offsets, ten landmark coordinates), and the first dense layer of the second and third net has its
columns put from (width, height, channel) into torch's (channel, height, width) order. No weight changes its value.
"""
import io, zipfile
from pathlib import Path

import torch
from safetensors.torch import save

from packing import main

# net of the wheel -> (net of Detector, layer of the wheel -> place in the nn.Sequential, heads, the map that the first dense layer reads)
NETS = {
    'pnet': ('propose', {'conv1': 0, 'prelu1': 1, 'conv2': 3, 'prelu2': 4, 'conv3': 5, 'prelu3': 6}, (7, 'conv4_1', 'conv4_2'), None),
    'rnet': ('refine', {'conv1': 0, 'prelu1': 1, 'conv2': 3, 'prelu2': 4, 'conv3': 6, 'prelu3': 7, 'dense4': 9, 'prelu4': 10},
             (11, 'dense5_1', 'dense5_2'), ('dense4', 64)),
    'onet': ('finish', {'conv1': 0, 'prelu1': 1, 'conv2': 3, 'prelu2': 4, 'conv3': 6, 'prelu3': 7, 'conv4': 9, 'prelu4': 10, 'dense5': 12, 'prelu5': 13},
             (14, 'dense6_1', 'dense6_2', 'dense6_3'), ('dense5', 128)),
}
SIDE = 3  # the map before the first dense layer is 3 x 3

NOTICE = """mtcnn.safetensors: the weights of the three networks of MTCNN, a face detector

What it is: 495,850 numbers (float32) of the proposal, refinement and output network of
  K. Zhang, Z. Zhang, Z. Li, Y. Qiao: Joint face detection and alignment using multitask cascaded convolutional networks.
  IEEE Signal Processing Letters 23 (10), 2016, 1499-1503.
Origin: the paper's authors' models, converted by David Sandberg (https://github.com/davidsandberg/facenet, MIT) and
  Tim Esler (https://github.com/timesler/facenet-pytorch, MIT).
Taken from: facenet-pytorch {version}, files pnet.pt, rnet.pt and onet.pt, redistributed under its licence, below.
What was changed: names, layout and file format (tools/build_mtcnn.py). No weight was changed. The program that runs them
  (fer_nb.preprocessing) was written from the paper.

facenet-pytorch's licence
-------------------------

{license}"""


def read_wheel(path):
    "The three state dictionaries by name, the version and the license text."
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        info = next(n for n in names if n.endswith('.dist-info/METADATA')).removesuffix('METADATA')
        license = next(n for n in names if n.startswith(info) and 'LICENSE' in n)
        nets = {name: torch.load(io.BytesIO(wheel.read(f'facenet_pytorch/data/{name}.pt')), weights_only=True) for name in NETS}
        return nets, info.split('-')[1].removesuffix('.dist'), wheel.read(license).decode()


def repack(nets):
    "The tensors of Detector's state dictionary."
    tensors = {}
    for name, (target, layers, (last, *heads), dense) in NETS.items():
        state = dict(nets[name])
        if dense is not None:
            key, channels = f'{dense[0]}.weight', dense[1]
            w = state[key]
            state[key] = w.reshape(len(w), SIDE, SIDE, channels).permute(0, 3, 2, 1).reshape(len(w), -1)  # width, height, channel -> channel, height, width
        for layer, place in layers.items():
            for kind in ('weight', 'bias'):
                if f'{layer}.{kind}' in state: tensors[f'{target}.{place}.{kind}'] = state.pop(f'{layer}.{kind}')
        for kind in ('weight', 'bias'): tensors[f'{target}.{last}.{kind}'] = torch.cat([state.pop(f'{head}.{kind}') for head in heads])
        if state: raise ValueError(f'{name}: expected no other layers, came {sorted(state)}')
    return {name: tensor.float().contiguous() for name, tensor in tensors.items()}


def build(wheel, out):
    "Write mtcnn.safetensors and mtcnn_LICENSE.txt to the folder `out`."
    nets, version, license = read_wheel(wheel)
    path = Path(out) / 'mtcnn.safetensors'
    path.write_bytes(save(repack(nets)))
    path.with_name('mtcnn_LICENSE.txt').write_text(NOTICE.format(version=version, license=license.strip() + '\n'), encoding='utf-8', newline='\n')
    return path


if __name__ == '__main__': main(__doc__, 'facenet-pytorch', build)
