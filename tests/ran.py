"What must hold of a notebook that was run from top to bottom: alone with its kernel (test_notebooks.py) or in JupyterLab (test_labs_browser.py)."
import re

EXPLAINED = (  # what may be written to stderr
    r'\s*', r'.*\d+%\|.*', r'.*\d+(run|step|it) \[.*',   # a progress bar
    r'fer_nb: .*',                                       # the command line's notebook shows what bad input says
)


def wrong(nb):
    "What is wrong, a line each: errors, unexplained words on stderr, unanswered exercises that do not say so in plain words"
    cells = [cell for cell in nb.cells if cell.cell_type == 'code']
    outputs = [out for cell in cells for out in cell.outputs]
    found = [f'{out.ename}: {out.evalue}' for out in outputs if out.output_type == 'error']
    said = ''.join(out.text for out in outputs if out.output_type == 'stream' and out.name == 'stderr')
    found += [line for line in re.split(r'[\r\n]+', said) if not any(re.fullmatch(p, line) for p in EXPLAINED)]
    for cell in cells:
        if re.search(r'^check_\w+\(', cell.source, re.M) and 'solution' not in cell.metadata.get('tags', ()):
            told = ''.join(out.get('text', '') for out in cell.outputs)
            if 'not yet' not in told or 'Error' in told: found.append(f'{cell.source} says {told!r}')
    return found
