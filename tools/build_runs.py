"""Record the trainings that the Wild-MNIST lab opens with, into data_samples/wild_*.npz: about two minutes on one core.

The lab loads them so that its pictures are there at once and its kernel stays free for the live race; `recording` makes each of them anew.
"""
from pathlib import Path

from fer_nb.papers import Recipe, recording

folder = Path(__file__).resolve().parent.parent/'data_samples'
runs = {'balanced': Recipe('softmax', profile='balanced'), 'softmax': Recipe('softmax'), 'center': Recipe('center'), 'dda': Recipe('dda')}
# section 6 of the lab: what the first twelve epochs do to the embedding's size
short = dict(loss='dda', epochs=12, lam=.01, gamma=5.)
sizes = {'printed': Recipe(**short), 'held': Recipe('dda', epochs=12), 'code': Recipe(**short, scaling='code'), 'autograd': Recipe(**short, centers='autograd')}

if __name__ == '__main__':
    for name, recipe in {**runs, **sizes}.items():
        run = recording(recipe, every=10 if name in runs else 4)
        if name in sizes: run.images = None
        run.finish()
        run.save(folder/f'wild_{name}.npz')
        print(f'wild_{name}.npz: {run.name}, {len(run)} frames, {(folder/f"wild_{name}.npz").stat().st_size/1000:.0f} kB, largest coordinate {max(run.scales):.3g}')
