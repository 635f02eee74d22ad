"Write README.md from nbs/index.ipynb with nbdev's processors and nbconvert: no Quarto needed."
import re
from pathlib import Path
from execnb.nbio import dict2nb, read_nb
from nbconvert.exporters import MarkdownExporter
from nbdev.processors import FilterDefaults
import nbformat

root = Path(__file__).resolve().parent.parent


def build():
    "The README's text."
    nb = read_nb(root/'nbs/index.ipynb')
    FilterDefaults()(nb)
    text, _ = MarkdownExporter().from_notebook_node(nbformat.from_dict(nb))
    front = re.match(r'\s*---\n(.*?)\n---\n', text, re.S)
    head = dict(line.split(': ', 1) for line in front[1].splitlines() if ': ' in line)
    text = f"# {head['title']}\n\n> {head['description']}\n" + text[front.end():]
    text = re.sub(r'(\]\(|src=")images/', r'\1nbs/images/', text)
    text = re.sub(r'\]\((\w+(?:/\w+)*\.ipynb)\)', r'](nbs/\1)', text)
    note = '<!-- Made from nbs/index.ipynb by tools/readme.py: edit the notebook. -->\n\n'
    return note + re.sub(r'\n{3,}', '\n\n', text).strip() + '\n'


if __name__ == '__main__': (root/'README.md').write_text(build(), encoding='utf-8')
