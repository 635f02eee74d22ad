"A photograph that comes with matplotlib, and pictures between Pillow and torch."
from pathlib import Path

import matplotlib.cbook as cbook
import numpy as np
import torch
from PIL import Image

HOPPER = Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def pil(image): return Image.fromarray(image.permute(1, 2, 0).numpy())

def tensor(array): return torch.from_numpy(np.array(array)).permute(2, 0, 1)
