"""Grade made-up classes (tests/assignments/synthetic.py) and say who did not get what they deserve: `grade_class.py [LAB…]`.

Every lab has thirty and more pupils: right in several styles, with each known mistake, and cheating in each way we know. Exit status 1 if one is treated unfairly."""
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'tests/assignments'))

import nbformat
import synthetic
from fer_nb.assignments import Limits, grade, make, report


def grade_class(lab, folder, only=None, workers=None, limits=Limits(90, 3, 1000)):
    "Rows of a made-up class, by student; and what was unfair."
    released = nbformat.read(make(lab, folder/'course'), 4)
    every, right = synthetic.pupils(lab)
    every = [p for p in every if only is None or p.name in only]
    for pupil in every: synthetic.hand_in(pupil, right, released, folder/'in')
    rows = {row['student']: row for row in grade(folder/'in', lab, folder/'course', workers=workers, limits=limits)}
    return every, rows, [line for p in every for line in synthetic.unfair(p, rows[p.name])]


def main(labs):
    "Grade, print, and count."
    failed = []
    for lab in labs or synthetic.LABS:
        with TemporaryDirectory() as folder:
            begin = time.monotonic()
            every, rows, unfair = grade_class(lab, Path(folder))
            print(f'{lab}: {len(every)} pupils, {time.monotonic() - begin:.0f} s, {len(unfair)} unfair', *unfair, sep='\n  ')
            print(report(Path(folder)/'course').read_text())
            failed += unfair
    return int(bool(failed))


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
