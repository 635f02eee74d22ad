"""Build data_samples/reader.safetensors: the reader of action units that the booth opens with, as `train_reader(0)` gives it.

    python tools/build_reader.py      # half a minute; other machines round otherwise, so the bytes may be others
"""
from pathlib import Path

from safetensors.torch import save_file

from fer_nb.own_face import train_reader

PATH = Path(__file__).parents[1]/"data_samples/reader.safetensors"

if __name__ == "__main__":
    save_file({name: t.contiguous() for name, t in train_reader(0).state_dict().items()}, PATH)
    print(f"{PATH.name}: {PATH.stat().st_size:,} bytes")
