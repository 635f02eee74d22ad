"""Measure the house (rooms, floors, arrows, sizes) and draw it: docs/house.svg and the table in docs/house.md.

A room is a notebook and the module exported from it; reading order is the order of the notebooks' paths.
"""
import ast
import json
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = re.compile(r'!\[|<img|<svg|<table')
SEES_ALL = 'cli'  # imports any room, inside its functions


@dataclass
class Room:
    "A notebook and its module; sizes in lines, characters and cells."
    name: str  # of the module below fer_nb, e.g. "faces.people"
    notebook: str  # path below nbs
    lines: int = 0
    longest: int = 0  # characters of the longest line of code in the notebook
    cells: int = 0
    functions: int = 0  # code lines of the longest exported cell without a class
    classes: int = 0  # of the longest with one
    first_picture: int | None = None  # index of the first cell that shows one
    arrows: dict = field(default_factory=dict)  # name of a room -> whether it is imported at module level

    @property
    def wing(self): return self.name.split('.')[0]

    @property
    def test_names(self):
        "What its test file may be called, without the ending"
        return {f"test_{self.name.replace('.', '_')}", f"test_{self.name.split('.')[-1]}"}

    @property
    def floor(self): return 'ground' if '_ground/' in self.notebook else f'{self.notebook[0]}x'


def shows(cell):
    "Whether a cell shows a picture: an image, a page, a widget, or one linked from the text."
    if cell['cell_type'] == 'markdown': return bool(PICTURE.search(''.join(cell['source'])))
    kinds = {kind for out in cell.get('outputs', ()) for kind in out.get('data', {})}
    return any(kind.startswith('image/') or 'html' in kind or 'widget' in kind for kind in kinds)


def is_data(node):
    "Whether a statement is an import or sets names to literals."
    if not isinstance(node, ast.Assign): return isinstance(node, (ast.Import, ast.ImportFrom))
    try: ast.literal_eval(node.value)
    except ValueError: return False
    return True


def code_lines(source):
    "Lines of a cell's code: no blanks, comments, docstrings, imports and literals, of a definition's head the first line only."
    tree, left_out = ast.parse(source), set()
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            left_out |= set(range(node.lineno + 1, body[0].lineno))
            if ast.get_docstring(node) is not None: left_out |= set(range(body[0].lineno, body[0].end_lineno + 1))
    for node in tree.body:
        if is_data(node): left_out |= set(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(bool(text.strip()) and not text.strip().startswith('#') and n not in left_out for n, text in lines)


def longest(cells, classes):
    "Code lines of the longest exported cell with a class, or without."
    return max((code_lines(s) for s in cells if bool(re.search(r'^class ', s, re.M)) == classes), default=0)


def measured(path):
    "The room of a notebook; None if nothing is exported from it."
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    code = [''.join(c['source']) for c in cells if c['cell_type'] == 'code']
    found = re.search(r'^#\|\s*default_exp (\S+)', '\n'.join(code), re.M)
    if not found: return None
    exported = [s for s in code if re.match(r'#\|\s*exports?\b', s)]
    module = ROOT/'fer_nb'/f"{found[1].replace('.', '/')}.py"
    return Room(found[1], path.relative_to(ROOT/'nbs').as_posix(), len(module.read_text(encoding='utf-8').splitlines()),
                max(len(line) for s in code for line in s.splitlines()), len(cells),
                longest(exported, classes=False), longest(exported, classes=True), next((i for i, c in enumerate(cells) if shows(c)), None))


def imported(tree, package):
    "Modules below fer_nb that a module imports, as (dotted name, whether at module level when it runs)."
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) for n in ast.walk(f)}
    inside |= {id(n) for f in ast.walk(tree) if isinstance(f, ast.If) and ast.unparse(f.test) == 'TYPE_CHECKING' for n in ast.walk(f)}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import): names = [a.name for a in node.names]
        if isinstance(node, ast.ImportFrom):
            base = ['fer_nb', *package][:len(package) + 2 - node.level] if node.level else []
            stem = '.'.join([*base, *([node.module] if node.module else [])])
            names = [stem, *(f'{stem}.{a.name}' for a in node.names)]
        for name in names:
            if name.startswith('fer_nb.'): yield name.removeprefix('fer_nb.'), id(node) not in inside


def handed_on(wing):
    "Which room of a folder each of the folder's names comes from."
    tree = ast.parse((ROOT/'fer_nb'/wing/'__init__.py').read_text(encoding='utf-8'))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            room = node.module if node.level > 1 else f'{wing}.{node.module}'
            for a in node.names: yield f'{wing}.{a.asname or a.name}', room


def rooms():
    "All rooms in reading order, with their arrows."
    paths = [p for p in (ROOT/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts and 'labs' not in p.parts]
    found = [room for p in sorted(paths, key=lambda p: p.relative_to(ROOT/'nbs').parts) if (room := measured(p))]
    names = {room.name for room in found}
    sources = {name: room for wing in {r.wing for r in found if '.' in r.name} for name, room in handed_on(wing)}
    for room in found:
        text = (ROOT/'fer_nb'/f"{room.name.replace('.', '/')}.py").read_text(encoding='utf-8')
        for name, top in imported(ast.parse(text), room.name.split('.')[:-1]):
            name = sources.get(name, name)
            if name in names and name != room.name: room.arrows[name] = room.arrows.get(name, False) or top
    return found


def upward(found):
    "Arrows that break the rule: at module level only to earlier rooms, inside functions to earlier ones or within the wing."
    place = {room.name: i for i, room in enumerate(found)}
    wing = {room.name: room.wing for room in found}
    return [f'{room.name} -> {name}' for room in found for name, top in room.arrows.items()
            if place[name] > place[room.name] and (top or wing[name] != room.wing) and room.wing != SEES_ALL]


def drawn(found):
    "The house as an SVG picture: a row per wing, a box per room as wide as it is long, arrows between wings."
    wings = {}
    for room in found: wings.setdefault(room.wing if room.floor != 'ground' else 'ground', []).append(room)
    step, left, scale = 34, 150, 2.2
    top = {wing: 30 + i * step for i, wing in enumerate(wings)}
    width = left + max(sum(r.lines / scale + 4 for r in w) for w in wings.values()) + 190
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {30 + len(wings) * step}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>', '<text x="10" y="16" font-size="12">Rooms, as wide as they are long; an arc runs from a wing to one it imports, above it.</text>']
    of = {room.name: wing for wing, inside in wings.items() for room in inside}
    arcs = sorted({(of[r.name], of[name]) for r in found for name in r.arrows if of[r.name] != of[name]}, key=lambda a: (top[a[0]], top[a[1]]))
    for a, b in arcs:
        y0, y1 = top[a] + 12, top[b] + 12
        x = width - 180
        bend = 20 + abs(y0 - y1) * .28
        lines.append(f'<path d="M{x:.0f} {y0} C{x + bend:.0f} {y0} {x + bend:.0f} {y1} {x:.0f} {y1}" fill="none" stroke="#3f90da" stroke-opacity=".35"><title>{a} imports {b}</title></path>')
    for wing, inside in wings.items():
        x = left
        lines.append(f'<text x="10" y="{top[wing] + 16}" font-weight="bold">{escape(wing)}</text>')
        for room in inside:
            w = room.lines / scale
            label = room.name.split('.')[-1]
            lines.append(f'<rect x="{x:.0f}" y="{top[wing]}" width="{w:.0f}" height="24" fill="#eef3f8" stroke="#717581"><title>{room.name}: {room.lines} lines</title></rect>')
            lines.append(f'<text x="{x + 4:.0f}" y="{top[wing] + 16}">{escape(label if len(label) * 6.2 < w else label[:max(2, int(w / 6.2) - 1)] + "…")}</text>')
            x += w + 4
    return '\n'.join([*lines, '</svg>', ''])


def table(found):
    "The rooms as Markdown."
    rows = ['| notebook | module | lines | cells | imports |', '| --- | --- | --- | --- | --- |']
    for r in found:
        rows.append(f"| [{r.notebook}](../nbs/{r.notebook}) | `{r.name}` | {r.lines} | {r.cells} | {' · '.join(sorted(r.arrows)) or '–'} |")
    return '\n'.join(rows)


def write():
    "Bring the picture and the table of docs/house.md up to date."
    found, page = rooms(), ROOT/'docs/house.md'
    (ROOT/'docs/house.svg').write_text(drawn(found), encoding='utf-8')
    parts = re.split(r'(<!-- rooms -->\n|<!-- end of rooms -->)', page.read_text(encoding='utf-8'))
    parts[2] = table(found) + '\n'
    page.write_text(''.join(parts), encoding='utf-8')


if __name__ == '__main__': write()
