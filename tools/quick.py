"""`make quick ROOM=dda`: export, the room's own tests and its notebook, in seconds instead of the whole suite.

ROOM is a module (`dda`, `faces.people`) or a folder (`faces`).
"""
import subprocess
import sys

import house


def main(name):
    subprocess.run([sys.executable, 'tools/sync.py'], check=True)
    rooms = [r for r in house.rooms() if name in (r.name, r.wing)]
    if not rooms: sys.exit(f'ROOM: expected one of {", ".join(sorted({r.name for r in house.rooms()} | {r.wing for r in house.rooms()}))}, got {name}')
    stems = {name for r in rooms for name in r.test_names}
    tests = [str(p) for p in sorted((house.ROOT/'tests').rglob('test_*.py')) if p.stem in stems]
    books = [f'tests/test_notebooks.py::test_runs[{r.notebook}]' for r in rooms]
    return subprocess.run([sys.executable, '-m', 'pytest', '-n', '2', '--dist', 'worksteal', *books, *tests, '-m', 'not browser']).returncode


if __name__ == '__main__':
    if len(sys.argv) != 2 or not sys.argv[1]: sys.exit('ROOM: expected a room, as in make quick ROOM=dda, got none')
    sys.exit(main(sys.argv[1]))
