"The README's pictures: the race, from the recorded runs in data_samples (all read by the nearest center, softmax by the nearest class mean), and the sheet of faces."
from pathlib import Path

from fer_nb.embeddings import PER_FRAME, Run
from fer_nb.faces import contact_sheet

root = Path(__file__).resolve().parent.parent

if __name__ == '__main__':
    runs = [Run.load(root/f'data_samples/wild_{name}.npz') for name in ('softmax', 'center', 'dda')]
    for run in runs:
        run.readout = 'center'
        for field in PER_FRAME: setattr(run, field, getattr(run, field)[::2]) # every second frame, for a small film
    (root/'nbs/images').mkdir(exist_ok=True)
    runs[0].to_gif(root/'nbs/images/race.gif', *runs[1:])
    contact_sheet(size=128).save(root/'nbs/images/faces.jpg', quality=88)
