"The site as it is built: every room and lab, no solution, no dead link, no request; pictures say what they show; a movie plays."
import ast
import html
import json
import re

import pytest
from filelock import FileLock

pytest.importorskip('sphinx')
import build_site
import check_site
from build_site import ROOT
from lab_server import PATIENCE

pytestmark = pytest.mark.slow
SIZES = [(390, 844), (1280, 800), (1920, 1080)]
OPENED = ['index', 'nbs/11_dda', 'nbs/labs/wild_mnist', 'gallery', 'errata', 'api/dda']
PAPERS = {'Akhmetov': 'Eq. 6', 'Takashima': 'Eqs. 15 and 16', 'Racoviteanu': 'Eq. 5', 'Farzaneh': 'Eq. 10', 'Li et al.': 'Eq. 7'}


@pytest.fixture(scope='module')
def site(tmp_path_factory, worker_id):
    "The site, built once, by the process that comes first."
    folder = tmp_path_factory.getbasetemp()
    if worker_id != 'master': folder = folder.parent
    with FileLock(folder/'site.lock'):
        if not (folder/'site').exists(): build_site.build(folder/'site')
    return folder/'site'


def rooms():
    "What students are given, in the order of its numbers, labs aside."
    found = (p.relative_to(ROOT) for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts)
    return [p for p in found if p.parts[1] not in ('slides', '23_assignments', 'index.ipynb', 'labs')]

def labs(): return [p.relative_to(ROOT) for p in sorted((ROOT/'nbs/labs').glob('*.ipynb'))]

def words(path):
    "A page's text without marks and gaps."
    return tight(html.unescape(re.sub(r'<[^>]*>', '', path.read_text(encoding='utf-8'))))


def test_nothing_is_wrong(site): assert check_site.wrong(site) == []

def test_every_room_and_lab_has_a_page_in_order(site):
    assert len(rooms()) > 90 and len(labs()) == 7
    for path in rooms() + labs(): assert (site/path.with_suffix('.html')).is_file(), path
    side = [link for link in check_site.page(site/'index.html').links if re.match(r'nbs/.*\.html$', link)]
    side = [p for p in dict.fromkeys(side[side.index('nbs/labs/wild_mnist.html'):]) if p.endswith('.html') and not p.endswith('index.html')]
    assert side[:7] == [f'nbs/labs/{name}.html' for name in ('wild_mnist', 'margins', 'photographs', 'action_units', 'real_digits', 'adaptation', 'own_loop')]
    assert [p for p in side[7:]] == [p.with_suffix('.html').as_posix() for p in rooms()]

def tight(text): return re.sub(r'\s+', '', text)

def cells_of_all():
    "The cells of all rooms and labs: (notebook, cell, whether it is a solution)."
    for path in rooms() + labs():
        for cell in json.loads((ROOT/path).read_text(encoding='utf-8'))['cells']:
            yield path, cell, 'solution' in cell['metadata'].get('tags', [])

def test_no_solution_can_be_read(site):
    everything = {p: words(p) for p in [*site.rglob('*.html'), site/'searchindex.js']}
    given = tight(''.join(''.join(cell['source']) for _, cell, solution in cells_of_all() if not solution))
    hidden = [(path, tight(line)) for path, cell, solution in cells_of_all() if solution for line in cell['source']]
    hidden = [(path, line) for path, line in hidden if len(line) > 40 and line not in given and not re.search(r'[*`$\[\\]', line)]
    assert len(hidden) > 100
    assert not [(path, line, p) for path, line in hidden for p, text in everything.items() if line in text]
    assert not list(site.rglob('*.ipynb')) and not (site/'nbs/slides').exists() and not (site/'nbs/23_assignments').exists()

def test_pictures_say_what_they_show(site):
    alts = [alt for path in site.rglob('*.html') for alt in re.findall(r'<img alt="([^"]*)"', path.read_text(encoding='utf-8'))]
    assert len(alts) > 190
    assert not [alt for alt in alts if len(alt) < 10 or alt.startswith(('..', '_images', 'image', '<'))]

def test_no_widget_is_left_and_none_fails(site):
    for path in site.rglob('nbs/**/*.html'):
        text = path.read_text(encoding='utf-8')
        assert '<script type="application/vnd' not in text and 'Error displaying widget' not in text and 'interactive(children' not in text, path

def test_errata_name_every_paper_and_lead_to_a_room(site):
    text = (site/'errata.html').read_text(encoding='utf-8')
    for paper, equation in PAPERS.items():
        part = text[re.search(f'<h2>[^<]*{paper}', text).start():].split('</section>')[0]
        assert f'>{equation}' in part and 'href="nbs/' in part, paper

def test_every_public_name_stands_in_the_library(site):
    for path in (ROOT/'fer_nb').rglob('*.py'):
        if path.name.startswith('_'): continue
        module = path.relative_to(ROOT).with_suffix('').parts
        names = re.search(r'^__all__ = (\[[^\]]*\])', path.read_text(encoding='utf-8'), re.M)
        there = check_site.page(site/f'api/{module[1]}.html').names if names and names[1] != '[]' else set()
        missing = [n for n in (ast.literal_eval(names[1]) if names else []) if '.'.join([*module, n]) not in there]
        assert not missing, (module, missing)
    text = words(site/'api/dda.html')
    assert 'centers(K,d)' in text and 'Farzaneh&Qi2020,Eq.5' in text and 'nbs/11_dda.html' in (site/'api/dda.html').read_text(encoding='utf-8')

def test_what_others_made_has_its_license(site):
    folder = site/'_static'
    names = {p.name.split('-')[0] for p in (folder/'licenses').iterdir()} | {p.name for p in (folder/'licenses').iterdir()}
    assert {'sphinx', 'furo', 'myst', 'pygments', 'LICENSE', 'digits_LICENSE.txt', 'faces_LICENSE.txt', 'head_LICENSE.txt'} <= names
    assert 'Apache' in (folder/'mathjax/LICENSE').read_text() and json.loads((folder/'mathjax/package.json').read_text())['version']

def test_the_check_sees_what_is_wrong(tmp_path):
    (tmp_path/'a.html').write_text('<a href="b.html">no</a><a href="#x">no</a><a href="https://a.org">yes</a><img src="https://a.org/x.png">'
                                   '<script src="//a.org/x.js"></script><iframe src="a.html"></iframe><link rel="canonical" href="https://a.org/">')
    (tmp_path/'large.html').write_text(' ' * (check_site.LIMIT + 1))
    (tmp_path/'x.css').write_text('@font-face { src: url("https://a.org/x.woff") }')
    said = '\n'.join(check_site.wrong(tmp_path))
    for part in ('nowhere: b.html', 'nowhere: #x', 'elsewhere: https://a.org/x.png', 'elsewhere: //a.org/x.js', 'shows: a.html', 'shows: https://a.org/x.png', 'large.html: 2,000,001 bytes',
                 'x.css: loaded from elsewhere'): assert part in said, part
    assert said.count('\n') == 7

def test_a_cut_paragraph_says_so(): assert build_site.plain('# A\n\nFirst.\n\nThe *last* [one](x.ipynb), `b`.\n\nFolded:\n- c') == 'The last one, b.' and build_site.plain('a ' * 200).endswith(' …')


@pytest.fixture
def visited(browser, site):
    "Opens a page of the site without a network and notes what goes wrong."
    contexts = []
    def visit(name, width=1280, height=800, **wishes):
        context = browser.new_context(viewport=dict(width=width, height=height), offline=True, **wishes)
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on('console', lambda m: m.type == 'error' and page.wrong.append(m.text))
        page.on('pageerror', lambda e: page.wrong.append(str(e)))
        context.on('request', lambda r: r.url.startswith(('http:', 'https:', 'ws')) and page.wrong.append(r.url))
        page.goto(f'{(site/name.partition("?")[0]).as_uri()}{"".join(name.partition("?")[1:])}')
        return page
    yield visit
    for context in contexts: context.close()

@pytest.mark.browser
@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width, height', SIZES)
def test_pages_fit_and_ask_for_nothing(visited, width, height, scheme):
    for name in OPENED:
        page = visited(f'{name}.html', width, height, color_scheme=scheme)
        page.wait_for_load_state('networkidle')
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth'), name
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 128")
        assert dark == (scheme == 'dark') and page.wrong == [], (name, page.wrong)

@pytest.mark.browser
@pytest.mark.parametrize('name', ['gallery', 'nbs/labs/wild_mnist'])
def test_a_movie_plays_and_is_as_dark_as_its_page(visited, name):
    page = visited(f'{name}.html', color_scheme='dark')
    movie = page.frame_locator('iframe').first
    movie.locator('.fnb-do-play').first.click()
    frame = next(f for f in page.frames if 'movies/' in f.url)
    frame.wait_for_function("() => { const s = document.querySelector('.fnb').theatre.state(); return s.playing && s.painted > 5; }")
    assert frame.evaluate("document.querySelector('.fnb').theatre.state().dark") and page.wrong == []

@pytest.mark.browser
def test_equations_are_drawn_and_words_are_found(visited):
    page = visited('nbs/11_dda.html')
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 20")
    assert page.locator('mjx-merror').count() == 0 and page.wrong == []
    page = visited('search.html?q=island')
    page.locator('#search-results ul.search li').first.wait_for()
    assert page.wrong == []
