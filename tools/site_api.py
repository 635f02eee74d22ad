"The library's public names as Markdown, read from the modules' text: nothing is imported."
import ast
import inspect
import io
import json
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARKS = re.compile(r'([\\*_<>\[\]|$#{}~])')


def comments(source):
    "The comment at the end of each line: number → text."
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip('# ') for t in tokens if t.type == tokenize.COMMENT}


def escaped(text):
    "Plain text, so that Markdown reads no marks in it; what stands in backticks stays."
    parts = text.split('`')
    return '`'.join(part if n % 2 else MARKS.sub(r'\\\1', part) for n, part in enumerate(parts))


def prose(docstring):
    "A docstring as paragraphs; its indented lines as a list."
    blocks = []
    for line in inspect.cleandoc(docstring or '').split('\n'):
        item = re.match(r' +(\*{0,2}\w[\w, ]*): (.*)', line)
        if item: blocks.append(f'- `{item[1]}`: {escaped(item[2])}')
        elif not line.strip() or re.match(r'[A-Z]\w+:( |$)', line): blocks.append(escaped(line))
        elif blocks: blocks[-1] = f'{blocks[-1]} {escaped(line.strip())}'.strip()
        else: blocks.append(escaped(line))
    text = '\n\n'.join(block for block in blocks if block)
    return re.sub(r'\n\n(?=- )', '\n', text).replace(':\n- ', ':\n\n- ')


def parameters(node, notes):
    "What each argument of a function means, and what it returns."
    a = node.args
    lines = [arg.lineno for arg in a.posonlyargs + a.args + a.kwonlyargs]
    stars = [[arg] if arg else [] for arg in (a.vararg, a.kwarg)]
    named = [*a.posonlyargs, *a.args, *stars[0], *a.kwonlyargs, *stars[1]]
    said = [f'- `{arg.arg}`: {escaped(notes[arg.end_lineno])}' for arg in named
            if arg.end_lineno in notes and lines.count(arg.lineno) < 2]
    end = node.returns and notes.get(node.returns.end_lineno)
    if end and node.returns.end_lineno not in lines: said.append(f'- returns: {escaped(end)}')
    return said


def arguments(node, drop=0):
    "The signature in brackets, without `self`."
    kept = ast.parse(f'def f({ast.unparse(node.args)}): pass').body[0].args
    rest = kept.posonlyargs if kept.posonlyargs else kept.args
    del rest[:drop]
    return f'({ast.unparse(kept)})' + (f' -> {ast.unparse(node.returns)}' if node.returns else '')


def block(kind, head, module, lines, colons=3):
    "A directive of Sphinx's Python domain."
    fence = ':' * colons
    return '\n'.join([f'{fence}{{py:{kind}}} {head}', f':module: {module}', '', *lines, fence, ''])


def method_block(owner, node, module, notes):
    "A method, or what is read like an attribute."
    kinds = {ast.unparse(d) for d in node.decorator_list}
    kind = next((k for k in ('property', 'staticmethod', 'classmethod') if k in kinds), 'method')
    call = '' if kind == 'property' else arguments(node, kind != 'staticmethod')
    return block(kind, f'{owner}.{node.name}{call}', module, said(node, notes))


def class_block(node, module, notes):
    "A class with its fields and its public methods."
    made = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    init = next((n for n in made if n.name == '__init__'), None)
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    head, about = node.name + (arguments(init, 1) if init else ''), ast.get_docstring(node) or ''
    told = parameters(init, notes) if init and 'Args:' not in about else []
    lines = [prose(about), '', *told, '']
    lines += [f'- `{ast.unparse(f)}`: {escaped(notes[f.end_lineno])}' for f in fields
              if f.end_lineno in notes]
    for n in made:
        if not n.name.startswith('_') and ast.get_docstring(n):
            lines += ['', method_block(node.name, n, module, notes)]
    return block('class', head.removesuffix(' -> None'), module, lines, 4)


def said(node, notes): return [prose(ast.get_docstring(node)), '', *parameters(node, notes)]


def value_block(node, names, module, notes):
    "A constant: its name, its value if that is short, and what stands beside it."
    value = ast.unparse(node.value) if len(names) == 1 and node.value else ''
    shown = f'`= {value}`' if 0 < len(value) < 80 else ''
    note = escaped(notes.get(node.end_lineno, notes.get(node.lineno, '')))
    text = ' '.join(filter(None, [shown, note]))
    return ''.join(block('data', name, module, [text]) for name in names)


def names_of(node):
    "The names that a statement gives."
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)): return [node.name]
    if not isinstance(node, (ast.Assign, ast.AnnAssign)): return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def heading(notebook):
    "The heading of a notebook: the first line that is one."
    texts = (''.join(c['source']) for c in notebook['cells'] if c['cell_type'] == 'markdown')
    return next(line[2:] for text in texts for line in text.split('\n') if line.startswith('# '))


def module_text(path):
    "A module's section: what it is for, its room, its names; none if it has no public ones."
    source = path.read_text(encoding='utf-8')
    tree, notes = ast.parse(source), comments(source)
    listed = next((ast.literal_eval(n.value) for n in tree.body if names_of(n) == ['__all__']), [])
    module = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    room = re.search(r'File to edit: (?:\.\./)+(nbs/\S+\.ipynb)', source)
    text = [f'## `{module}`', '', ast.get_docstring(tree) or '', '']
    if room:
        notebook = json.loads((ROOT/room[1]).read_text(encoding='utf-8'))
        text += [f'Room: [{heading(notebook)}](../{room[1]})', '']
    for node in tree.body:
        if not (names := [n for n in names_of(node) if n in listed]): continue
        if isinstance(node, ast.FunctionDef):
            head = node.name + arguments(node)
            text.append(block('function', head, module, said(node, notes)))
        elif isinstance(node, ast.ClassDef): text.append(class_block(node, module, notes))
        else: text.append(value_block(node, names, module, notes))
    return '\n'.join(text) + '\n' if listed else ''


def pages():
    "Every page: top-level name → Markdown."
    found = {}
    for path in sorted((ROOT/'fer_nb').rglob('*.py')):
        if not path.name.startswith('_'):
            top = path.relative_to(ROOT/'fer_nb').parts[0].removesuffix('.py')
            found[top] = found.get(top, '') + module_text(path)
    return {top: f'# fer_nb.{top}\n\n{text}' for top, text in found.items() if text}
