"""Change a module in one small place at a time and see whether its tests notice.

    python tools/mutate.py dda --count 40 --seed 0        # a random sample of mutants of fer_nb/dda.py
    python tools/mutate.py centers.loss --only island_delta    # of some of its functions

Each mutant is tried in a copy of the package, with the module's own test files (tools/mutants.toml adds to them and puts slow ones last), until the first failure.
Mutants that no test can tell from the original stand in tools/mutants.toml with the reason; they count as killed in the second score.
"""
import argparse
import ast
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ['OMP_NUM_THREADS'] = '1'  # before torch: threads do not survive a fork

import hypothesis  # noqa: E402,F401  what the tests of all modules read, once
import matplotlib.pyplot  # noqa: E402,F401
import numpy.testing  # noqa: E402,F401
import pytest  # noqa: E402
import scipy.stats  # noqa: E402,F401
import sklearn.cluster  # noqa: E402,F401
import torch  # noqa: E402,F401
import torch.utils.data  # noqa: E402,F401

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
    *folders, name = module.split('.')
    stems = {f"test_{module.replace('.', '_')}", *([] if folders else [f'test_{name}'])}
    own = [p for p in sorted((ROOT/'tests').rglob('test_*.py')) if p.stem in stems or p.stem == f'test_{name}' and p.parent.name in folders]
    return [str(p.relative_to(ROOT)) for p in own] + extra.get('tests', [])


def copy(home):
    "A package of its own to change, with what tests look for beside it."
    for name in ('fer_nb', 'tests', 'tools'): shutil.copytree(ROOT/name, home/name, ignore=shutil.ignore_patterns('__pycache__'))
    for path in ROOT.iterdir():
        if not (home/path.name).exists() and path.name[0] != '.': (home/path.name).symlink_to(path)


class QuickFirst:
    "pytest's plug-in: measure the tests once, then take the quick ones of each file first."
    def __init__(self, path, measure):
        self.path, self.measure = path, measure
        self.seconds = json.loads(path.read_text()) if path.exists() else {}

    def pytest_collection_modifyitems(self, items):
        files = {path: i for i, path in enumerate(dict.fromkeys(item.path for item in items))}
        items.sort(key=lambda item: (files[item.path], self.seconds.get(item.nodeid, 0)))

    def pytest_runtest_logreport(self, report):
        if report.when == 'call': self.seconds[report.nodeid] = report.duration

    def pytest_sessionfinish(self):
        if self.measure: self.path.write_text(json.dumps(self.seconds))


def run(home, tests, keywords, timeout, first=False):
    """True if a test failed, hung or could not be collected, and which.

    A forked process runs pytest, so that the large libraries are read once for all mutants; the `first` run, without a mutant, measures the tests."""
    out, begin = home/'pytest.log', time.monotonic()
    pid = os.fork()
    if not pid: _child(home, tests, keywords, out, first)
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended: break
        if time.monotonic() - begin > timeout:
            os.killpg(pid, 9)
            os.waitpid(pid, 0)
            return True, 'time-out'
        time.sleep(.02)
    code, text = os.waitstatus_to_exitcode(status), out.read_text(errors='replace')
    failed = [line for line in text.splitlines() if line.startswith(('FAILED', 'ERROR'))]
    return code not in (0, 5), failed[0][:100] if failed else text[-300:] if code else ''  # 5: no test is left


def _child(home, tests, keywords, out, first):
    code = 1
    try:
        os.setsid()
        where = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        for stream in (1, 2): os.dup2(where, stream)
        os.chdir(home)
        sys.path.insert(0, str(home))
        sys.argv[0], sys.dont_write_bytecode = 'pytest', not first
        os.environ.update(PYTHONPATH=str(home), PYTHONDONTWRITEBYTECODE='' if first else '1')
        code = pytest.main(['-x', '-q', '--tb=no', '-p', 'no:cacheprovider', '-p', 'no:unraisableexception', '--hypothesis-seed=0', '-m', 'not browser and not notebooks', *tests, *(['-k', keywords] if keywords else [])],
                           plugins=[QuickFirst(home/'seconds.json', first)])
    finally:
        sys.stdout.flush()
        os._exit(int(code))


def stages(extra):
    "The tests as pytest's -k takes them: the quick ones, and the slow ones for the mutants that are still alive."
    select, slow = extra.get('select', ''), extra.get('slow', '')
    if not slow: return [select]
    return [' and '.join(filter(None, [select and f'({select})', part])) for part in (f'not ({slow})', f'({slow})')]


def tried(home, tests, extra, timeout, first=False):
    "True and why, as of the first stage that fails."
    for keywords in stages(extra):
        failed, why = run(home, tests, keywords, timeout, first)
        if failed: break
    return failed, why


def main(module, count, seed, only):
    listed = tomllib.loads((ROOT/'tools/mutants.toml').read_text(encoding='utf-8'))
    extra, path = listed.get('tests', {}).get(module, {}), Path('fer_nb', *module.split('.')).with_suffix('.py')
    source, tests = (ROOT/path).read_bytes(), tests_of(module, extra)
    same = {(e['function'], e['before'], e['after']) for e in listed.get('equivalent', []) if e['module'] == module}
    everything = [m for m in Finder(source).found if (m.function in only if only else m.function not in extra.get('pictures', [])) and parses(m, source)]
    chosen = sorted(random.Random(seed).sample(everything, min(count, len(everything))), key=lambda m: m.start)
    gc.freeze()  # a forked process need not look through the libraries again
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        copy(home)
        begin = time.monotonic()
        failed, why = tried(home, tests, extra, 3600, first=True)
        if failed: sys.exit(f'The tests of {module} fail without any mutant: {why}')
        limit = max(120, 10 * (time.monotonic() - begin))
        for old in (home/path).parent.glob(f'__pycache__/{path.stem}.*.pyc'): old.unlink()  # of the original; mutants leave none
        killed, equivalent = 0, 0
        for mutant in chosen:
            before, after = mutant.lines(source)
            (home/path).write_bytes(mutant.applied(source))
            dead, why = tried(home, tests, extra, limit)
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
