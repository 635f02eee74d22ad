"""Build the site: rooms and labs, names, errata, movies and a page that trains; without network.

`make site`, or `python tools/build_site.py DIR`: from committed notebooks; nothing is executed.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path
from textwrap import shorten

import check_site
import site_api
from fer_nb.course import NOTE, copy_course
from fer_nb.page.playground import build_page, npm_install
from site_movies import MOVIES, gallery, plays, recorded, write_movies

ROOT = Path(__file__).resolve().parent.parent
MATHJAX = Path(sys.prefix)/'mathjax/node_modules/mathjax'
VERSION = '3.2.2' # of MathJax
SETTINGS = ConfigParser(delimiters=['='])
SETTINGS.read(ROOT/'settings.ini', encoding='utf-8')
BLOB = '{git_url}/blob/{branch}/'.format(**SETTINGS['DEFAULT'])
WIDGET, PLOTLY = 'application/vnd.jupyter.widget-view+json', 'application/vnd.plotly.v1+json'
HIDDEN = ('#| default_exp', '#| hide')
WINGS = {'datasets': 'Data sets', 'grl': 'Gradient reversal'} # folders whose name is no title
PARTS = ('sphinx', 'furo', 'myst-nb', 'pygments') # packages that put files of theirs into the site
TRAINS = '<a href="playground/index.html"><strong>Train it in this browser</strong></a>'
SPHINX = [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-j', 'auto']


def plain(text):
    "Markdown's last paragraph that says something, without its marks, at most 200 letters."
    text = re.sub(r'^#+ .*\n?', '', text, flags=re.M).strip()
    no_words = ('Folded:', '|', '<', '$$', '```')
    said = [p for p in re.split(r'\n\s*\n', text) if not p.startswith(no_words)]
    bare = re.sub(r'\]\([^)]*\)|[\[*`>$]|<[^>]*>', '', said[-1] if said else '')
    return shorten(bare, 200, placeholder=' …')


def without_widget(output, movie, up):
    "An output as it can be shown without a kernel; None where nothing is left of it."
    data = output.get('data', {})
    if PLOTLY in data:
        text = 'A figure to turn: run the notebook to see it.'
    elif WIDGET in data:
        text = ''.join(data.get('text/plain', ''))
        if movie and text.startswith('Theatre'):
            return output | {'data': {'text/html': recorded(movie, up)}}
        if text.startswith('interactive(') or '%|' in text: return None
    else: return output
    return output | {'data': {'text/plain': text}}


def tags_of(cell):
    "How much of a code cell is shown."
    source = ''.join(cell['source'])
    if source.startswith(HIDDEN): return ['remove-cell']
    if source.startswith('#| echo: false'): return ['remove-input']
    folded = cell['metadata'].get('jupyter', {}).get('source_hidden')
    return ['hide-input'] if folded or '#| code-fold: true' in source else []


def picture_text(outputs, said):
    "What the pictures of a cell show: its own words, or what was said before."
    texts = (''.join(o.get('data', {}).get('text/plain', '')) for o in outputs)
    own = next((t for t in texts if t and not t.startswith('<')), said)
    return ' '.join(own.split())


def code_for_reading(cell, said, movie, up):
    "A code cell without widgets and directives; a movie needs no still beside it."
    shown = [without_widget(o, movie, up) for o in cell['outputs']]
    shown = [o for o in shown if o]
    alt = picture_text(shown, said)
    if any(map(plays, shown)): shown = [o for o in shown if 'image/png' not in o.get('data', {})]
    source = re.sub(r'^#\|.*\n?', '', ''.join(cell['source']), flags=re.M)
    details = {'tags': tags_of(cell), 'mystnb': {'image': {'alt': alt}}}
    return cell | {'outputs': shown, 'source': source, 'metadata': details}


def for_reading(notebook, movie, up):
    "A notebook for a page; its movie stands where its first theatre was."
    said, cells = site_api.heading(notebook), []
    for cell in notebook['cells']:
        if cell['cell_type'] == 'markdown': said = plain(''.join(cell['source'])) or said
        if cell['cell_type'] == 'code':
            cell = code_for_reading(cell, said, movie, up)
            if any(map(plays, cell['outputs'])): movie = None
        cells.append(cell)
    about = {key: value for key, value in notebook['metadata'].items() if key != 'widgets'}
    return notebook | {'cells': cells, 'metadata': about}


def outward(text, page, source):
    "Markdown whose links to what is no page of the site lead to the repository."
    def link(found):
        target = Path(os.path.normpath(page.parent/found[1])).relative_to(source)
        there = (source/target).is_file() or not (ROOT/target).exists()
        return found[0] if there else f']({BLOB}{target.as_posix()}'
    return re.sub(r'\]\((?!\w+:|#|/)([^)#\s]+)', link, text)


def write_rooms(source):
    "The students' notebooks, made for reading."
    copy_course(source/'nbs')
    for name in (NOTE, 'index.ipynb'): (source/'nbs'/name).unlink()
    films = {movie.room: movie for movie in MOVIES if movie.room}
    for path in sorted((source/'nbs').rglob('*.ipynb')):
        name, notebook = path.relative_to(source), json.loads(path.read_text(encoding='utf-8'))
        up = '../' * (len(name.parts) - 1)
        notebook = for_reading(notebook, films.get(name.as_posix()), up)
        for cell in notebook['cells']:
            if cell['cell_type'] == 'markdown':
                cell['source'] = outward(''.join(cell['source']), path, source)
        path.write_text(json.dumps(notebook), encoding='utf-8')


def tree(caption, names):
    "A part of the sidebar."
    head = [':hidden:', f':caption: {caption}'] if caption else [':maxdepth: 1']
    return '\n'.join(['```{toctree}', *head, '', *names, '```', '', ''])


def wings(folder, base):
    "What stands below a folder, in the notebooks' order; a folder gets a page that lists it."
    names = []
    for path in sorted(folder.iterdir()):
        if path.suffix == '.ipynb': names.append(f'{base}{path.stem}')
        elif any(path.glob('*.ipynb')) and path.name != 'labs':
            word = path.name.partition('_')[2]
            text = f'# {WINGS.get(word, word.replace("_", " ").capitalize())}\n\n'
            (path/'index.md').write_text(text + tree('', wings(path, '')), encoding='utf-8')
            names.append(f'{base}{path.name}/index')
    return names


def write_api(source):
    "The library's public names, a page for each part."
    (source/'api').mkdir()
    parts = site_api.pages()
    for name, text in parts.items():
        path = source/f'api/{name}.md'
        path.write_text(outward(text, path, source), encoding='utf-8')
    text = f'# The library\n\nEvery public name, as its room exports it.\n\n{tree("", parts)}'
    (source/'api/index.md').write_text(text, encoding='utf-8')


def write_index(source, playground):
    "The first page with the sidebar; labs stand in the order in which the first page names them."
    readme = (ROOT/'README.md').read_text(encoding='utf-8')
    labs = dict.fromkeys(re.findall(r'nbs/labs/\w+(?=\.ipynb)', readme))
    text = outward(readme, source/'index.md', source)
    if playground: text = text.replace('\n\n', f'\n\n{TRAINS}\n\n', 1)
    text += '\n' + tree('Labs', labs) + tree('Rooms', wings(source/'nbs', 'nbs/'))
    text += tree('Look up', ['gallery', 'errata', 'api/index', 'genindex'])
    (source/'index.md').write_text(text, encoding='utf-8')


def mathjax(to):
    "MathJax from the npm registry, kept in this environment: its program, fonts and license."
    if not MATHJAX.exists():
        npm_install(MATHJAX.parents[1], f'mathjax@{VERSION}').check_returncode()
    for part in ('output/chtml/fonts', 'input/tex/extensions'):
        shutil.copytree(MATHJAX/'es5'/part, to/part)
    for file in ('es5/tex-chtml.js', 'LICENSE', 'package.json'): shutil.copy(MATHJAX/file, to)


def licenses(to):
    "What may be done with what others made: a text for each package and data set."
    to.mkdir()
    for part in PARTS:
        found = metadata.distribution(part)
        for text in found.files or ():
            if text.name.upper().startswith('LICENSE'):
                shutil.copy(text.locate(), to/f'{part}-{found.version}-{text.name}')
    data = (ROOT/'data_samples').glob('*_LICENSE.txt')
    for file in (ROOT/'LICENSE', *sorted(data)): shutil.copy(file, to)


def build(to, playground=False):
    "The site in a new folder; with the page that trains, whose losses are compiled meanwhile."
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder)/'source', Path(folder)/'made'
        shutil.copytree(ROOT/'site', source, ignore=shutil.ignore_patterns('__pycache__'))
        (source/'_static').mkdir()
        shutil.move(source/'fer_nb.css', source/'_static')
        write_rooms(source)
        write_api(source)
        (source/'gallery.md').write_text(gallery(), encoding='utf-8')
        write_index(source, playground)
        write_movies(source/'extra/movies')
        mathjax(source/'_static/mathjax')
        licenses(source/'_static/licenses')
        subprocess.run([*SPHINX, '-d', Path(folder)/'trees', source, made], check=True)
        shutil.rmtree(made/'_sources', ignore_errors=True)
        if playground: build_page(made/'playground')
        shutil.move(made, to)


def main(to):
    "Build the site in a folder, in place of what is there, and check it."
    shutil.rmtree(to, ignore_errors=True)
    build(to, playground=True)
    if wrong := check_site.wrong(to): sys.exit('\n'.join(wrong))
    size = sum(f.stat().st_size for f in to.rglob('*') if f.is_file()) / 1e6
    print(f'{to}: {len(list(to.rglob("*.html")))} pages, {size:.0f} MB')


if __name__ == '__main__': main(Path(sys.argv[1] if sys.argv[1:] else ROOT/'_site'))
