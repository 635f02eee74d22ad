"""Build the site: every room and lab, the library's names, the errata and the movies, as files that need no network.

`make site`, or `python tools/build_site.py DIR`: from committed notebooks; nothing is executed.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from importlib import metadata
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import check_site
import site_api
from fer_nb.course import NOTE, copy_course
from fer_nb.embeddings import Run
from fer_nb.files import data_file

ROOT = Path(__file__).resolve().parent.parent
MATHJAX = Path(sys.prefix)/'mathjax/node_modules/mathjax'
BLOB = 'https://github.com/fer-nb/fer_nb/blob/main/'
WIDGET = 'application/vnd.jupyter.widget-view+json'
HIDDEN = ('#| default_exp', '#| hide')
WINGS = {'datasets': 'Data sets', 'grl': 'Gradient reversal'} # folders whose name is no title
PARTS = ('sphinx', 'furo', 'myst-nb', 'pygments') # packages that put files of theirs into the site


class Movie(NamedTuple):
    """A movie of recorded runs.

    Args:
        name: of its file
        title: what is compared
        text: what to look for
        runs: names of files in data_samples
        room: where it stands in place of a theatre; "" if only in the gallery"""
    name: str
    title: str
    text: str
    runs: tuple[str, ...]
    room: str = ''


MOVIES = (
    Movie('race', 'Softmax, center loss, DDA loss', 'Ten digits, four of them rare: where do the rare classes (†) go, and who keeps them?',
          ('wild_softmax', 'wild_center', 'wild_dda'), 'nbs/labs/wild_mnist.ipynb'),
    Movie('balance', 'With and without rare classes', 'Softmax twice: 300 images of each digit, and a few dozen of four of them.',
          ('wild_balanced', 'wild_softmax')),
    Movie('sizes', 'DDA loss, as printed and otherwise', 'The first twelve epochs with γ = 5 as printed, with the lab\'s weights, by the authors\' '
          'program, and with centers by gradient: watch the size of the embedding.', ('wild_printed', 'wild_held', 'wild_code', 'wild_autograd')),
    Movie('directions', 'Softmax, separate loss, CosFace', 'What a network does when only directions count.',
          ('wild_softmax', 'wild_separate', 'wild_cosface'), 'nbs/labs/margins.ipynb'),
    Movie('digits', 'Another set of digits', 'From MNIST to Optdigits without a label of theirs: source only, MMD, and DANN.',
          ('adapt_mnist_source', 'adapt_mnist_mmd', 'adapt_mnist_dann'), 'nbs/labs/real_digits.ipynb'),
    Movie('cameras', 'Another camera', 'Faces in color and in a gray studio: both in each batch, the clamped domain loss, and UDAT.',
          ('adapt_lab_color_mixed', 'adapt_lab_color_clamped', 'adapt_lab_color_udat'), 'nbs/labs/adaptation.ipynb'),
)


def write_movies(folder):
    "Each movie as a page of its own."
    folder.mkdir(parents=True)
    for movie in MOVIES:
        first, *others = (Run.load(data_file(f'{run}.npz')) for run in movie.runs)
        first.to_html(folder/f'{movie.name}.html', *others)


def frame(movie, up):
    "A movie within another page, loaded when it comes into sight."
    return f'<iframe loading="lazy" title="Movie: {escape(movie.title)}" src="{up}movies/{movie.name}.html"></iframe>'


def gallery():
    "The page of all movies."
    parts = ['# Movies', 'Recorded trainings: press *Play*, drag the bar, hover over a dot, change what is read out. Nothing is computed on a server.']
    for movie in MOVIES:
        parts += [f'## {movie.title}', movie.text, f'```{{raw}} html\n{frame(movie, "")}\n```']
        parts += [f'From [this lab]({movie.room}).'] if movie.room else []
    return '\n\n'.join(parts) + '\n'


def plain(text):
    "Markdown's last paragraph that says something, without its marks, at most 200 letters."
    text = re.sub(r'^#+ .*\n?', '', text, flags=re.M)
    said = [p for p in re.split(r'\n\s*\n', text.strip()) if not p.startswith(('Folded:', '|', '<', '$$', '```'))]
    words = re.sub(r'\]\([^)]*\)|[\[*`>$]|<[^>]*>', '', said[-1] if said else '').split()
    return shorten(' '.join(words), 200, placeholder=' …')


def without_widget(output, movie, up):
    "An output as it can be shown without a kernel; None where nothing is left of it."
    data = output.get('data', {})
    if 'application/vnd.plotly.v1+json' in data:
        return output | {'data': {'text/plain': 'A figure to turn: run the notebook to see it.'}}
    if WIDGET not in data: return output
    text = ''.join(data.get('text/plain', ''))
    if movie and text.startswith('Theatre'):
        shown = f'<p>Recorded: {escape(movie.title)}. {escape(movie.text)}</p>{frame(movie, up)}'
        return output | {'data': {'text/html': shown}}
    if text.startswith('interactive(') or '%|' in text: return None
    return output | {'data': {'text/plain': text}}


def plays(output): return 'movies/' in output.get('data', {}).get('text/html', '')


def tags_of(cell):
    "How much of a code cell is shown."
    source = ''.join(cell['source'])
    if source.startswith(HIDDEN): return ['remove-cell']
    if source.startswith('#| echo: false'): return ['remove-input']
    folded = cell['metadata'].get('jupyter', {}).get('source_hidden') or '#| code-fold: true' in source
    return ['hide-input'] if folded else []


def for_reading(notebook, movie, up):
    "A notebook without widgets and directives; its pictures say what they show."
    said = site_api.heading(notebook)
    for cell in notebook['cells']:
        if cell['cell_type'] == 'markdown': said = plain(''.join(cell['source'])) or said
        if cell['cell_type'] != 'code': continue
        shown = [without_widget(o, movie, up) for o in cell['outputs']]
        cell['outputs'] = [o for o in shown if o]
        texts = (''.join(o.get('data', {}).get('text/plain', '<')) for o in cell['outputs'])
        own = next((t for t in texts if t[:1] not in '<'), '')
        cell['metadata'] = {'tags': tags_of(cell), 'mystnb': {'image': {'alt': ' '.join((own or said).split())}}}
        cell['source'] = re.sub(r'^#\|.*\n?', '', ''.join(cell['source']), flags=re.M)
        if any(plays(o) for o in cell['outputs']): # it needs no still beside it
            cell['outputs'], movie = [o for o in cell['outputs'] if 'image/png' not in o.get('data', {})], None
    return notebook


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
        name = path.relative_to(source)
        notebook = for_reading(json.loads(path.read_text(encoding='utf-8')), films.get(name.as_posix()), '../' * (len(name.parts) - 1))
        for cell in notebook['cells']:
            if cell['cell_type'] == 'markdown': cell['source'] = outward(''.join(cell['source']), path, source)
        path.write_text(json.dumps(notebook), encoding='utf-8')


def tree(caption, names):
    "A part of the sidebar."
    head = [f':caption: {caption}'] if caption else []
    return '\n'.join(['```{toctree}', ':hidden:' if caption else ':maxdepth: 1', *head, '', *names, '```', '', ''])


def wings(folder, base):
    "What stands below a folder, in the notebooks' order; a folder gets a page that lists it."
    names = []
    for path in sorted(folder.iterdir()):
        if path.suffix == '.ipynb': names.append(f'{base}{path.stem}')
        elif any(path.glob('*.ipynb')) and path.name != 'labs':
            word = path.name.partition('_')[2]
            title = WINGS.get(word, word.replace('_', ' ').capitalize())
            (path/'index.md').write_text(f'# {title}\n\n{tree("", wings(path, ""))}', encoding='utf-8')
            names.append(f'{base}{path.name}/index')
    return names


def write_pages(source):
    "Everything that is no notebook, and the sidebar."
    readme = (ROOT/'README.md').read_text(encoding='utf-8')
    labs = list(dict.fromkeys(re.findall(r'nbs/labs/\w+(?=\.ipynb)', readme)))
    (source/'gallery.md').write_text(gallery(), encoding='utf-8')
    api = site_api.pages()
    (source/'api').mkdir()
    for name, text in api.items(): (source/f'api/{name}.md').write_text(outward(text, source/'api/x', source), encoding='utf-8')
    (source/'api/index.md').write_text(f'# The library\n\nEvery public name, as its room exports it.\n\n{tree("", api)}', encoding='utf-8')
    sidebar = tree('Labs', labs) + tree('Rooms', wings(source/'nbs', 'nbs/')) + tree('Look up', ['gallery', 'errata', 'api/index', 'genindex'])
    (source/'index.md').write_text(outward(readme, source/'index.md', source) + '\n' + sidebar, encoding='utf-8')


def mathjax(to):
    "MathJax from the npm registry, kept in this environment: its program, fonts and license."
    if not MATHJAX.exists():
        npm = shutil.which('npm', path=os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']]))
        subprocess.run([npm, 'install', '--no-audit', '--no-fund', '--prefix', MATHJAX.parents[1], 'mathjax@3.2.2'], check=True, capture_output=True)
    shutil.copytree(MATHJAX/'es5/output/chtml/fonts', to/'output/chtml/fonts')
    shutil.copytree(MATHJAX/'es5/input/tex/extensions', to/'input/tex/extensions')
    for file in ('es5/tex-chtml.js', 'LICENSE', 'package.json'): shutil.copy(MATHJAX/file, to)


def licenses(to):
    "What may be done with what others made: a text for each package and data set."
    to.mkdir()
    for part in PARTS:
        found = metadata.distribution(part)
        texts = [f for f in found.files or () if f.name.upper().startswith('LICENSE')]
        for text in texts: (to/f'{part}-{found.version}-{text.name}').write_text(text.read_text(encoding='utf-8'), encoding='utf-8')
    for file in (ROOT/'LICENSE', *sorted((ROOT/'data_samples').glob('*_LICENSE.txt'))): shutil.copy(file, to)


def build(to):
    "The site in a new folder."
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)/'source'
        shutil.copytree(ROOT/'site', source, ignore=shutil.ignore_patterns('__pycache__'))
        (source/'_static').mkdir()
        shutil.move(source/'fer_nb.css', source/'_static')
        write_rooms(source)
        write_pages(source)
        write_movies(source/'extra/movies')
        mathjax(source/'_static/mathjax')
        licenses(source/'_static/licenses')
        sphinx = [sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-j', 'auto']
        subprocess.run([*sphinx, '-d', Path(folder)/'trees', source, Path(folder)/'made'], check=True)
        shutil.rmtree(Path(folder)/'made/_sources', ignore_errors=True)
        shutil.move(Path(folder)/'made', to)


if __name__ == '__main__':
    to = Path(sys.argv[1] if sys.argv[1:] else ROOT/'_site')
    shutil.rmtree(to, ignore_errors=True)
    build(to)
    if wrong := check_site.wrong(to): sys.exit('\n'.join(wrong))
    print(f'{to}: {len(list(to.rglob("*.html")))} pages, {sum(f.stat().st_size for f in to.rglob("*") if f.is_file()) / 1e6:.0f} MB')
