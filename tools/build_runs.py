"""Record the trainings that the Wild-MNIST lab opens with, into data_samples/wild_*.npz, and those that only slides play, into the same
and data_samples/adapt_*.npz: about ten minutes on one core. Names after the command build these only.

Lab and slides load them so that their pictures are there at once; `recording` and `adaptation` make each of them anew.
"""
import sys
from pathlib import Path

from fer_nb.mirror import adaptation
from fer_nb.papers import Recipe, recording

folder = Path(__file__).resolve().parent.parent/'data_samples'
runs = {'balanced': Recipe('softmax', profile='balanced'), 'softmax': Recipe('softmax'), 'center': Recipe('center'), 'dda': Recipe('dda')}
# section 6 of the lab: what the first twelve epochs do to the embedding's size
short = dict(loss='dda', epochs=12, lam=.01, gamma=5.)
sizes = {'printed': Recipe(**short), 'held': Recipe('dda', epochs=12), 'code': Recipe(**short, scaling='code'), 'autograd': Recipe(**short, centers='autograd')}
# the movies of the slides of week 2, beside softmax
slides = {name: Recipe(name) for name in ('separate', 'angular', 'cosface')}
# and of weeks 5 and 6: domains -> methods
movies = {('mnist', 'optdigits'): ('source only', 'MMD', 'DANN'), ('lab_color', 'studio_gray'): ('mixed', 'clamped', 'UDAT')}

def recordings():
    "File name -> what begins the recording."
    for name, recipe in {**runs, **sizes, **slides}.items(): yield f'wild_{name}.npz', lambda: recording(recipe, every=4 if name in sizes else 10)
    for (source, target), methods in movies.items():
        for method in methods:
            yield f"adapt_{source}_{method.split()[0]}.npz".lower(), lambda: adaptation(every=40 if source == 'mnist' else 10, method=method, source=source, target=target)

if __name__ == '__main__':
    for name, begin in recordings():
        if sys.argv[1:] and name not in sys.argv[1:]: continue
        run = begin()
        if name.removeprefix('wild_').removesuffix('.npz') not in runs: run.images = None
        run.finish()
        run.save(folder/name)
        print(f'{name}: {run.name}, {len(run)} frames, {(folder/name).stat().st_size/1000:.0f} kB, largest coordinate {max(run.scales):.3g}')
