"""Change a module in one small place at a time and see whether its tests notice.

    python tools/mutate.py dda --count 40 --seed 0        # a random sample of mutants of fer_nb/dda.py
    python tools/mutate.py centers.loss --only island_delta    # of some of its functions

Each mutant is tried in a copy of the package, with the module's own test files (tools/mutants.toml adds to them), fast tests only, until the first failure.
Mutants that no test can tell from the original stand in tools/mutants.toml with the reason; they count as killed in the second score.
"""
import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

try: import tomllib
except ImportError: import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
COMPARE = {ast.Lt: '<=', ast.LtE: '<', ast.Gt: '>=', ast.GtE: '>', ast.Eq: '!=', ast.NotEq: '==', ast.In: 'not in', ast.NotIn: 'in', ast.Is: 'is not', ast.IsNot: 'is'}
ARITHMETIC = {ast.Add: '-', ast.Sub: '+', ast.Mult: '/', ast.Div: '*', ast.FloorDiv: '*', ast.Mod: '*', ast.Pow: '*', ast.BitAnd: '|', ast.BitOr: '&'}
TWINS = [('min', 'max'), ('amin', 'amax'), ('argmin', 'argmax'), ('minimum', 'maximum'), ('any', 'all'), ('floor', 'ceil'), ('zeros', 'ones'), ('cos', 'sin'), ('mean', 'sum')]
TWIN = {a: b for pair in TWINS for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    "A change of one piece of source text, by offsets in bytes."
    kind: str
    function: str  # the function or class around it, dotted
    line: int
    start: int
    end: int
    text: str

    def applied(self, source): return source[:self.start] + self.text.encode() + source[self.end:]

    def lines(self, source):
        "The lines it touches, before and after, without the space around them."
        first, last = source.rfind(b'\n', 0, self.start) + 1, source.find(b'\n', self.end)
        after = source[first:self.start] + self.text.encode() + source[self.end:last]
        return tuple(' '.join(text.decode().split()) for text in (source[first:last], after))


class Finder(ast.NodeVisitor):
    "All mutants of a module. What is no code of its own is left out: docstrings, annotations, messages of errors, imports."
    def __init__(self, source):
        self.source, self.found, self.inside = source, [], []
        starts = [0]
        for line in source.splitlines(keepends=True): starts.append(starts[-1] + len(line))
        self.at = lambda line, column: starts[line - 1] + column
        self.visit(ast.parse(source))

    def span(self, node): return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)
    def text(self, node): return self.source[slice(*self.span(node))].decode()

    def add(self, kind, node, text, start=None, end=None):
        a, b = self.span(node)
        start, end = a if start is None else start, b if end is None else end
        if self.source[start:end].decode() != text: self.found.append(Mutant(kind, '.'.join(self.inside), node.lineno, start, end, text))

    def between(self, kind, node, left, right, text):
        "Replace the operator between two operands."
        self.add(kind, node, f' {text} ', self.span(left)[1] + self.closing(left, right), self.span(right)[0] - self.opening(left, right))

    def gap(self, left, right): return self.source[self.span(left)[1]:self.span(right)[0]].decode()
    def closing(self, left, right): return len(self.gap(left, right)) - len(self.gap(left, right).lstrip(') \n\t').encode()) if self.gap(left, right).isascii() else 0
    def opening(self, left, right): return len(self.gap(left, right)) - len(self.gap(left, right).rstrip('( \n\t').encode()) if self.gap(left, right).isascii() else 0

    def named(self, node):
        self.inside.append(node.name)
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if not isinstance(node, ast.ClassDef):
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)): self.visit(default)
        for part in body: self.visit(part)
        self.inside.pop()

    visit_FunctionDef = visit_ClassDef = named
    def visit_Import(self, node): pass
    visit_ImportFrom = visit_JoinedStr = visit_Import

    def visit_AnnAssign(self, node):
        if node.value: self.visit(node.value)

    def visit_Assign(self, node):
        if [t.id for t in node.targets if isinstance(t, ast.Name)] == ['__all__']: return
        if any(isinstance(t, (ast.Attribute, ast.Subscript)) for t in node.targets): self.add('statement', node, 'pass')
        self.visit(node.value)

    def visit_AugAssign(self, node):
        if type(node.op) in ARITHMETIC: self.between('arithmetic', node, node.target, node.value, ARITHMETIC[type(node.op)] + '=')
        self.visit(node.value)

    def visit_Raise(self, node): self.add('statement', node, 'pass')

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call): self.add('statement', node, 'pass'); self.visit(node.value)

    def visit_If(self, node):
        if getattr(node.test, 'id', None) == 'TYPE_CHECKING': return  # imports for the type checker
        self.negate(node); self.generic_visit(node)

    visit_IfExp = visit_While = visit_If
    def negate(self, node): self.add('not', node.test, f'(not ({self.text(node.test)}))')

    def visit_Compare(self, node):
        operands = [node.left, *node.comparators]
        for left, op, right in zip(operands, node.ops, operands[1:]): self.between('compare', node, left, right, COMPARE[type(op)])
        self.generic_visit(node)

    def visit_BinOp(self, node):
        if type(node.op) in ARITHMETIC and not (isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)):
            self.between('arithmetic', node, node.left, node.right, ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        for left, right in zip(node.values, node.values[1:]): self.between('and/or', node, left, right, 'or' if isinstance(node.op, ast.And) else 'and')
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, (ast.Not, ast.USub, ast.Invert)): self.add('not', node, f'({self.text(node.operand)})')
        self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, bool): self.add('constant', node, str(not node.value))
        elif isinstance(node.value, (int, float)):
            for value in sorted({node.value + 1, node.value - 1, node.value * 2, node.value * 0} - {node.value}): self.add('constant', node, repr(value) if value >= 0 else f'({value!r})')

    def visit_Call(self, node):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, 'id', None)
        if name in TWIN: self.add('twin', node, TWIN[name], self.span(node.func)[1] - len(name), self.span(node.func)[1])
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
            a, b = node.args[:2]
            self.add('swapped', node, f'{self.text(b)}{self.gap(a, b)}{self.text(a)}', self.span(a)[0], self.span(b)[1])
        self.generic_visit(node)


def parses(mutant, source):
    try: return ast.dump(ast.parse(mutant.applied(source))) != ast.dump(ast.parse(source))
    except SyntaxError: return False


def tests_of(module, extra):
    "The module's own test files, by their names, and those that the list adds."
    stems = {f"test_{module.replace('.', '_')}", f"test_{module.split('.')[-1]}"}
    return [str(p.relative_to(ROOT)) for p in sorted((ROOT/'tests').rglob('test_*.py')) if p.stem in stems] + extra.get('tests', [])


def copy(home):
    "A package of its own to change, with what tests look for beside it."
    for name in ('fer_nb', 'tests', 'tools'): shutil.copytree(ROOT/name, home/name, ignore=shutil.ignore_patterns('__pycache__'))
    for path in ROOT.iterdir():
        if not (home/path.name).exists() and path.name[0] != '.': (home/path.name).symlink_to(path)


def run(home, tests, extra, timeout):
    "True if a test failed, hung or could not be collected."
    command = [sys.executable, '-m', 'pytest', '-x', '-q', '-p', 'no:cacheprovider', '--hypothesis-seed=0', '-m', 'not browser and not notebooks', *tests]
    if extra.get('select'): command += ['-k', extra['select']]
    env = {**os.environ, 'PYTHONPATH': str(home), 'OMP_NUM_THREADS': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
    process = subprocess.Popen(command, cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try: out, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return True, 'time-out'
    failed = [line for line in out.splitlines() if line.startswith(('FAILED', 'ERROR'))]
    return process.returncode != 0, failed[0][:100] if failed else out[-300:] if process.returncode else ''


def main(module, count, seed, only):
    listed = tomllib.loads((ROOT/'tools/mutants.toml').read_text(encoding='utf-8'))
    extra, path = listed.get('tests', {}).get(module, {}), Path('fer_nb', *module.split('.')).with_suffix('.py')
    source, tests = (ROOT/path).read_bytes(), tests_of(module, extra)
    same = {(e['function'], e['before'], e['after']) for e in listed.get('equivalent', []) if e['module'] == module}
    everything = [m for m in Finder(source).found if (m.function in only if only else m.function not in extra.get('pictures', [])) and parses(m, source)]
    chosen = sorted(random.Random(seed).sample(everything, min(count, len(everything))), key=lambda m: m.start)
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        copy(home)
        begin = time.monotonic()
        failed, why = run(home, tests, extra, 3600)
        if failed: sys.exit(f'The tests of {module} fail without any mutant: {why}')
        limit = max(120, 10 * (time.monotonic() - begin))
        killed, equivalent = 0, 0
        for mutant in chosen:
            before, after = mutant.lines(source)
            (home/path).write_bytes(mutant.applied(source))
            dead, why = run(home, tests, extra, limit)
            known = not dead and (mutant.function, before, after) in same
            killed, equivalent = killed + dead, equivalent + known
            verdict = 'killed  ' if dead else 'the same' if known else 'SURVIVED'
            print(f'{verdict} {path}:{mutant.line} {mutant.function} ({mutant.kind}) {why}', flush=True)
            if not dead: print(f'    - {before}\n    + {after}', flush=True)
    n = len(chosen)
    print(f'{module}: {n} of {len(everything)} mutants (seed {seed}): {killed} killed, {100 * killed / n:.0f} %; '
          f'with the {equivalent} that are the same program {100 * (killed + equivalent) / n:.0f} %')
    return killed + equivalent < n


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('module', help='below fer_nb: dda, faces.people')
    parser.add_argument('--count', type=int, default=40, help='mutants, where there are as many (40)')
    parser.add_argument('--seed', type=int, default=0, help='which of them (0)')
    parser.add_argument('--only', nargs='*', default=[], help='functions, dotted: CenterLoss.forward')
    arguments = parser.parse_args()
    sys.exit(main(arguments.module, arguments.count, arguments.seed, arguments.only))
