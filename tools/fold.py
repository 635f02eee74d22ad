"""Fold the plumbing of every notebook, so that a reader sees idea, picture, equation and public code.

Folded (JupyterLab shows the first line; a click opens the rest): directives and magics, what is hidden from the site, an exported cell's imports, exported cells whose names all begin with an
underscore, and long code that only draws the first picture. Exercises keep what they say themselves. Part of `make sync`.
"""
import ast
import json
from pathlib import Path

from house import ROOT, shows

SHORT = 12  # lines of code before the first picture, or that draw it, which stay open


def body(source):
    "The statements of a cell; None if it is no Python."
    plain = '\n'.join(line for line in source.splitlines() if not line.startswith(('%', '!', '#|')))
    try: return ast.parse(plain).body
    except SyntaxError: return None


def names(statements):
    "What statements define."
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)): yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))


def only_imports(statements):
    guards = (ast.Import, ast.ImportFrom)
    return all(isinstance(n, guards) or isinstance(n, ast.If) and ast.unparse(n.test) == 'TYPE_CHECKING' for n in statements)


def exported(source): return source.startswith(('#| export', '#|export'))


def plumbing(source):
    "Whether a cell's code is for the library alone."
    if source.startswith('#| hide'): return True
    statements = body(source)
    if statements is None: return False
    if not statements: return source.startswith(('#|', '%'))
    if not exported(source): return False
    defined = list(names(statements))
    return only_imports(statements) or bool(defined) and all(name.startswith('_') for name in defined)


def folded(cells):
    "For every cell whether it is folded; None for those that say so themselves."
    first = next((i for i, c in enumerate(cells) if shows(c)), -1)
    for i, cell in enumerate(cells):
        source, tags = ''.join(cell['source']), set(cell['metadata'].get('tags', ()))
        if cell['cell_type'] != 'code' or tags & {'solution', 'checker', 'exercise'}: yield None
        else: yield plumbing(source) or i <= first and not exported(source) and len(source.splitlines()) > SHORT


def unexplained(cells):
    "Folded exported code without a word above it: (number, source)."
    for i, (cell, fold) in enumerate(zip(cells, folded(cells))):
        source = ''.join(cell['source'])
        code = fold and exported(source) and not only_imports(body(source))
        if code and cells[i - 1]['cell_type'] != 'markdown': yield i, source


def notebooks():
    paths = sorted((ROOT/'nbs').rglob('*.ipynb'))
    return [p for p in paths if '.ipynb_checkpoints' not in p.parts]


def fold(path):
    "Set the cells' metadata; writes only what changes."
    text = path.read_text(encoding='utf-8')
    notebook = json.loads(text)
    for cell, hide in zip(notebook['cells'], folded(notebook['cells'])):
        if hide is None: continue
        look = {**cell['metadata'].get('jupyter', {}), 'source_hidden': True}
        cell['metadata'].pop('jupyter', None)
        if hide: cell['metadata']['jupyter'] = look
    made = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + '\n'
    if made != text: path.write_text(made, encoding='utf-8')


if __name__ == '__main__':
    for path in notebooks(): fold(path)
