"The site as it is built: all rooms and labs, no solution, no dead link, no request; movies play."
import ast
import html
import json
import re
from itertools import product

import pytest

pytest.importorskip('sphinx')
import build_site
import check_site
from build_site import ROOT
from lab_server import PATIENCE

SIZES = [(390, 844), (1280, 800), (1920, 1080)]
OPENED = ['index', 'nbs/11_dda', 'nbs/labs/wild_mnist', 'gallery', 'errata', 'api/dda']
LABS = ['wild_mnist', 'margins', 'photographs', 'action_units', 'real_digits', 'adaptation',
        'own_face', 'own_loop']
PAPERS = {'Akhmetov': 'Eq. 6', 'Takashima': 'Eqs. 15 and 16', 'Racoviteanu': 'Eq. 5',
          'Farzaneh': 'Eq. 10', 'Li et al.': 'Eq. 7'}
FAULTS = {
    'a.html': '<a href="b.html">no</a><a href="#x">no</a><a href="https://a.org">yes</a>'
              '<img src="https://a.org/x.png"><script src="//a.org/x.js"></script>'
              '<iframe src="a.html"></iframe><link rel="canonical" href="https://a.org/">',
    'large.html': ' ' * (check_site.LIMIT + 1),
    'x.css': '@font-face { src: url("https://a.org/x.woff") }',
}
SEEN = ['nowhere: b.html', 'nowhere: #x', 'elsewhere: https://a.org/x.png',
        'elsewhere: //a.org/x.js', 'shows: a.html', 'shows: https://a.org/x.png',
        'large.html: 2,000,001 bytes', 'x.css: loaded from elsewhere']
PLAYS = """() => { const s = document.querySelector('.fnb').theatre.state();
    return s.playing && s.painted > 5; }"""
DARK = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 128"


@pytest.fixture(scope='module')
def site(once): return once('site', build_site.build)


def notebooks(folder='.'):
    found = sorted(p.relative_to(ROOT) for p in (ROOT/'nbs'/folder).rglob('*.ipynb'))
    return [p for p in found if '.ipynb_checkpoints' not in p.parts]

def rooms():
    "What students are given, in the order of its numbers, labs aside."
    others = ('slides', '23_assignments', 'index.ipynb', 'labs')
    return [p for p in notebooks() if p.parts[1] not in others]

def tight(text): return re.sub(r'\s+', '', text)

def words(path):
    "A page's text without marks and gaps."
    return tight(html.unescape(re.sub(r'<[^>]*>', '', path.read_text(encoding='utf-8'))))

def cells_of_all():
    "The cells of all rooms and labs, and whether each is a solution."
    for path in rooms() + notebooks('labs'):
        for cell in json.loads((ROOT/path).read_text(encoding='utf-8'))['cells']:
            yield cell['source'], 'solution' in cell['metadata'].get('tags', [])


@pytest.mark.slow
def test_nothing_is_wrong(site): assert check_site.wrong(site) == []

@pytest.mark.slow
def test_every_room_and_lab_has_a_page_in_order(site):
    assert len(rooms()) > 90 and {p.stem for p in notebooks('labs')} == set(LABS)
    links = check_site.page(site/'index.html').links
    side = [p for p in links[:links.index('gallery.html')] if re.match(r'nbs/.*\.html$', p)]
    pages = [p.with_suffix('.html').as_posix() for p in rooms()]
    found = [p for p in side if not p.endswith('index.html')]
    assert found == [f'nbs/labs/{name}.html' for name in LABS] + pages
    assert all((site/p).is_file() for p in found)

@pytest.mark.slow
def test_no_solution_can_be_read(site):
    everything = [words(p) for p in [*site.rglob('*.html'), site/'searchindex.js']]
    given = tight(''.join(''.join(source) for source, solution in cells_of_all() if not solution))
    hidden = [tight(line) for source, solution in cells_of_all() if solution for line in source]
    hidden = [line for line in hidden if len(line) > 40 and line not in given]
    hidden = [line for line in hidden if not re.search(r'[*`$\[\\]', line)] # as they stand
    assert len(hidden) > 100
    assert not [line for line in hidden if any(line in text for text in everything)]
    assert not list(site.rglob('*.ipynb'))
    assert not (site/'nbs/slides').exists() and not (site/'nbs/23_assignments').exists()

@pytest.mark.slow
def test_pictures_say_what_they_show(site):
    pages = [path.read_text(encoding='utf-8') for path in site.rglob('*.html')]
    alts = [alt for text in pages for alt in re.findall(r'<img alt="([^"]*)"', text)]
    no_words = ('..', '_images', 'image', '&lt;')
    assert len(alts) > 190
    assert not [alt for alt in alts if len(alt) < 10 or alt.startswith(no_words)]

@pytest.mark.slow
def test_no_widget_is_left(site):
    for path in site.rglob('nbs/**/*.html'):
        text = path.read_text(encoding='utf-8')
        for part in ('<script type="application/vnd', 'displaying widget', 'interactive(children'):
            assert part not in text, path

@pytest.mark.slow
def test_errata_name_every_paper_and_lead_to_a_room(site):
    text = (site/'errata.html').read_text(encoding='utf-8')
    for paper, equation in PAPERS.items():
        part = text[re.search(f'<h2>[^<]*{paper}', text).start():].split('</section>')[0]
        assert f'>{equation}' in part and 'href="nbs/' in part, paper

def public(path):
    "The names that a module exports."
    found = re.search(r'^__all__ = (\[[^\]]*\])', path.read_text(encoding='utf-8'), re.M)
    return ast.literal_eval(found[1]) if found else []

@pytest.mark.slow
def test_every_public_name_stands_in_the_library(site):
    for path in (ROOT/'fer_nb').rglob('[!_]*.py'):
        if not (names := public(path)): continue
        module = path.relative_to(ROOT).with_suffix('').parts
        there = check_site.page(site/f'api/{module[1]}.html').names
        assert not {'.'.join([*module, name]) for name in names} - there
    text = words(site/'api/dda.html')
    assert 'centers(K,d)' in text and 'Farzaneh&Qi2020,Eq.5' in text
    assert '../nbs/11_dda.html' in check_site.page(site/'api/dda.html').links

@pytest.mark.slow
def test_what_others_made_has_its_license(site):
    names = {p.name.split('-')[0] for p in (site/'_static/licenses').iterdir()}
    data = {f'{name}_LICENSE.txt' for name in ('digits', 'faces', 'head')}
    assert {'sphinx', 'furo', 'myst', 'pygments', 'LICENSE'} | data <= names
    mathjax = site/'_static/mathjax'
    assert 'Apache' in (mathjax/'LICENSE').read_text(encoding='utf-8')
    about = json.loads((mathjax/'package.json').read_text(encoding='utf-8'))
    assert about['version'] == build_site.VERSION

def test_the_check_sees_what_is_wrong(tmp_path):
    for name, text in FAULTS.items(): (tmp_path/name).write_text(text)
    said = check_site.wrong(tmp_path)
    assert [part for part in SEEN if not any(part in line for line in said)] == []
    assert len(said) == len(SEEN)

def test_a_picture_is_called_what_was_said_last():
    said = '# A\n\nFirst.\n\nThe *last* [one](x.ipynb), `b`.\n\nFolded:\n- c'
    assert build_site.plain(said) == 'The last one, b.'
    assert build_site.plain('a ' * 200).endswith('a …')
    outputs = [{'data': {'text/plain': '<Figure>'}}, {'data': {'text/plain': 'the scores'}}]
    assert build_site.picture_text(outputs[:1], 'b') == 'b'
    assert build_site.picture_text(outputs, 'b') == 'the scores'


@pytest.fixture
def visited(browser, site):
    "Opens a page of the site without a network and notes what goes wrong."
    contexts = []
    def visit(name, width=1280, height=800, **wishes):
        size = dict(width=width, height=height)
        context = browser.new_context(viewport=size, offline=True, **wishes)
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on('console', lambda m: m.type == 'error' and page.wrong.append(m.text))
        page.on('pageerror', lambda e: page.wrong.append(str(e)))
        far = ('http', 'ws')
        context.on('request', lambda r: r.url.startswith(far) and page.wrong.append(r.url))
        page.goto(f'{site.as_uri()}/{name}')
        return page
    yield visit
    for context in contexts: context.close()

@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize('name', OPENED)
def test_a_page_fits_and_asks_for_nothing(visited, name):
    page = visited(f'{name}.html', *SIZES[0])
    page.wait_for_load_state('networkidle')
    for scheme, (width, height) in product(('light', 'dark'), SIZES):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(dict(width=width, height=height))
        page.wait_for_function(f'innerWidth === {width}')
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth'), (width, scheme)
        assert page.evaluate(DARK) == (scheme == 'dark')
        assert page.wrong == [], page.wrong

@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize('name', ['gallery', 'nbs/labs/wild_mnist'])
@pytest.mark.parametrize('width, height', SIZES)
def test_a_movie_plays_and_is_as_dark_as_its_page(visited, name, width, height):
    page = visited(f'{name}.html', width, height, color_scheme='dark')
    page.frame_locator('iframe').first.locator('.fnb-do-play').first.click()
    movie = next(f for f in page.frames if 'movies/' in f.url)
    movie.wait_for_function(PLAYS)
    assert movie.evaluate("document.querySelector('.fnb').theatre.state().dark")
    assert page.wrong == []

@pytest.mark.slow
@pytest.mark.browser
def test_a_movie_follows_the_theme_that_a_reader_chooses(visited):
    page = visited('gallery.html', color_scheme='null') # a wish set from outside holds in frames
    page.locator('.content-icon-container .theme-toggle').click()
    assert page.evaluate(DARK)
    movie = next(f for f in page.frames if 'movies/' in f.url)
    movie.wait_for_function("() => document.querySelector('.fnb')?.theatre.state().dark")
    page.locator('.content-icon-container .theme-toggle').click()
    movie.wait_for_function("() => document.querySelector('.fnb').theatre.state().dark === false")
    assert not page.evaluate(DARK) and page.wrong == []

@pytest.mark.slow
@pytest.mark.browser
def test_equations_are_drawn_and_words_are_found(visited):
    page = visited('nbs/11_dda.html')
    page.wait_for_function("document.querySelectorAll('mjx-container').length > 20")
    assert page.locator('mjx-merror').count() == 0 and page.wrong == []
    page = visited('search.html?q=island')
    page.locator('#search-results ul.search li').first.wait_for()
    assert page.wrong == []
