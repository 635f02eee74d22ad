"The slides of `fer_nb course new` in a Chromium without a network: every slide fits, nothing is fetched, notes and movies work."
import json
from pathlib import Path

import pytest

from fer_nb.pack import slides_html
from lab_server import PATIENCE

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[1]
DECKS = sorted(p.stem for p in (ROOT/'nbs/slides').glob('*.ipynb'))
LOWEST = """() => { const slide = Reveal.getCurrentSlide(), seen = [...slide.querySelectorAll('*')].filter(e => !e.closest('aside'));
    return [Math.max(...seen.map(e => e.getBoundingClientRect().bottom)) / innerHeight, Math.max(...seen.map(e => e.getBoundingClientRect().right)) / innerWidth]; }"""

RESTS = """() => { const box = document.querySelector('.fnb-do-play')?.getBoundingClientRect(), place = JSON.stringify([box, innerWidth, innerHeight]), before = window.place;
    window.place = place; return box?.height > 10 && place === before; }"""


def open_deck(browser, folder, name, **wishes):
    "A deck from its file, offline; notes what goes wrong and what is asked for."
    (folder/f'{name}.html').write_text(slides_html(json.loads((ROOT/f'nbs/slides/{name}.ipynb').read_text(encoding='utf-8'))), encoding='utf-8')
    context = browser.new_context(viewport=dict(width=1280, height=800), offline=True, **wishes)
    page, page.wrong = (page := context.new_page()), []
    page.set_default_timeout(PATIENCE * 1000)
    page.on('console', lambda m: m.type == 'error' and page.wrong.append(m.text))
    page.on('pageerror', lambda e: page.wrong.append(str(e)))
    context.on('request', lambda r: r.url.startswith(('http:', 'https:', 'ws')) and page.wrong.append(r.url))
    page.goto((folder/f'{name}.html').as_uri())
    page.wait_for_function('Reveal.isReady()')
    return page

@pytest.fixture
def opened(browser, tmp_path):
    "Opens a deck that is the test's own."
    pages = []
    def own(name, **wishes):
        pages.append(open_deck(browser, tmp_path, name, **wishes))
        return pages[-1]
    yield own
    for page in pages: page.context.close()

@pytest.fixture(scope='module', params=DECKS)
def deck(browser, tmp_path_factory, request):
    "One deck after the other, for all that only look."
    page = open_deck(browser, tmp_path_factory.mktemp('decks'), request.param)
    yield page
    page.context.close()

@pytest.mark.parametrize('width, height', [(1280, 800), (1920, 1080)])
def test_every_slide_fits_and_nothing_is_fetched(deck, width, height):
    deck.set_viewport_size(dict(width=width, height=height))
    deck.evaluate('Reveal.layout()')
    for n in range(deck.evaluate('Reveal.getTotalSlides()')):
        low, right = deck.evaluate(f'() => {{ Reveal.slide({n}); return ({LOWEST})(); }}')
        assert 0 < low <= 1 and 0 < right <= 1, (n, low, right)
        size = deck.evaluate("() => parseFloat(getComputedStyle(Reveal.getCurrentSlide()).fontSize) * Reveal.getScale() / innerHeight")
        assert size > .045                                                          # a line of text: more than a twenty-second of the wall's height
    assert deck.wrong == []

def test_the_number_of_a_point_stands_within_the_slide(deck):
    "It stands in its list's padding: `1. ` is 1.2 letters wide"
    assert deck.evaluate("[...document.querySelectorAll('ol')].map(e => getComputedStyle(e)).filter(s => parseFloat(s.paddingLeft) < 1.2 * parseFloat(s.fontSize)).length") == 0

def test_pictures_have_a_name(deck):
    assert deck.evaluate("[...document.querySelectorAll('img')].map(i => i.alt)").count('') == 0

def movie_of(page):
    "The first movie of a deck, when its slide is shown"
    n = page.evaluate("() => { const all = Reveal.getSlides(); const n = all.findIndex(s => s.querySelector('iframe')); Reveal.slide(n); return n; }")
    assert n > 0
    return next(f for f in page.frames if f.parent_frame)

def test_a_movie_plays_and_its_bar_is_in_sight(opened):
    page = opened('week1')
    movie = movie_of(page)
    movie.wait_for_function(RESTS, polling=200)
    box = page.evaluate("(b => [b.x, b.y, b.width, b.height])(Reveal.getCurrentSlide().querySelector('iframe').getBoundingClientRect())")
    x, y = movie.evaluate("(b => [(b.x + b.width / 2) / innerWidth, (b.y + b.height / 2) / innerHeight])(document.querySelector('.fnb-do-play').getBoundingClientRect())")
    assert 0 < x < 1 and 0 < y < 1
    page.mouse.click(box[0] + x * box[2], box[1] + y * box[3])                      # the frame is zoomed: a locator's click would miss
    movie.wait_for_function("() => { const s = document.querySelector('.fnb').theatre.state(); return s.playing && s.painted > 5; }")
    assert page.wrong == []

def test_a_movie_is_as_white_as_its_slide_where_the_system_is_dark(opened):
    movie = movie_of(opened('week1', color_scheme='dark'))
    movie.wait_for_function("() => document.querySelector('.fnb')?.theatre.state().dark === false")
    assert movie.evaluate('getComputedStyle(document.documentElement).colorScheme') == 'light'

def test_the_speaker_sees_the_note(opened):
    page = opened('week1')
    with page.expect_popup() as popup: page.keyboard.press('s')
    notes = popup.value
    notes.wait_for_function("() => document.querySelector('.speaker-controls-notes .value')?.textContent.includes('labs/wild_mnist.ipynb')")
    page.keyboard.press('ArrowRight')
    notes.wait_for_function("() => document.querySelector('.speaker-controls-notes .value').textContent.includes('paid by accuracy')")
    assert page.wrong == []

def test_it_prints_a_page_for_every_slide(opened):
    page = opened('week1')
    n = page.evaluate('Reveal.getTotalSlides()')
    page.goto(page.url.split('#')[0] + '?print-pdf')
    page.wait_for_function(f"() => document.querySelectorAll('.pdf-page').length === {n}")
