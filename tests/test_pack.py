"The teacher's pack: slides that need no network and give nothing away, a page for every week, and the folder that holds them."
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from fer_nb import pack
from fer_nb.cli import main
from fer_nb.course import course_folder, student_version
from fer_nb.pack import Movie, new_course, plan_folder, slides_html
from toy_runs import finished

ROOT = Path(__file__).parents[1]
DECKS = sorted(p.stem for p in (ROOT/'nbs/slides').glob('*.ipynb'))
WEEKS = sorted(p.stem for p in (ROOT/'docs/course').glob('week*.md'))
HEADINGS = ['Learning goals', 'Before', 'Minutes', 'Reading', 'What goes wrong, what to ask', 'Exam questions', 'Rubric of the report']
deck = pytest.mark.parametrize('name', DECKS)
week = pytest.mark.parametrize('name', WEEKS)


def read(name): return json.loads((ROOT/f'nbs/slides/{name}.ipynb').read_text(encoding='utf-8'))
def source(cell): return ''.join(cell['source'])
def kind(cell): return cell['metadata'].get('slideshow', {}).get('slide_type', '-')
def links(text): return [link for link in re.findall(r'\]\(([^)#\s]+)[^)]*\)', text) if ':' not in link]


# ---- slides

def small(*cells): return dict(cells=[dict(cell_type='markdown', id=f'c{n}', source=text, metadata=dict(slideshow=dict(slide_type=kind)) if kind else {}) for n, (kind, text) in enumerate(cells)], metadata={}, nbformat=4, nbformat_minor=5)

def test_cells_become_slides_notes_and_nothing():
    page = slides_html(small(('slide', '# One <b>& two</b>\n> Why?'), ('', 'more'), ('notes', 'for me'), ('skip', 'unseen'), ('slide', '## Next')))
    body = page[page.index('<main'):page.index('</main>')]
    assert '<title>One &lt;b&gt;&amp; two&lt;/b&gt;</title>' in page and body.count('<section') == 4 # each slide in a stack of its own
    assert body.index('more') < body.index('<aside class="notes">') < body.index('for me') < body.index('</aside>') < body.index('Next') and 'unseen' not in body

def test_a_page_asks_for_nothing():
    page = re.sub('<script>.*?</script>', '', slides_html(small(('slide', '# One'))), flags=re.S) # what the scripts do is seen in the browser
    assert '<script' not in page and not re.search(r'''<(script|link|img|iframe)[^>]*\b(src|href)=''', page) and '@import' not in page and 'url(http' not in page

@pytest.mark.parametrize('bad, words', [(None, 'notebook: expected a dict, got None'), ({}, 'notebook: expected cells, got none'), ({'cells': []}, 'notebook: expected cells, got none')])
def test_what_is_no_deck(bad, words):
    with pytest.raises(ValueError, match=f'^{words}$'): slides_html(bad)

def test_without_nbconvert_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'nbconvert', None)
    with pytest.raises(ValueError, match='nbconvert: expected it installed, got nothing: pip install'): slides_html(small(('slide', '# One')))

def test_a_movie_is_a_page_in_a_frame():
    run = finished(name='<a "name">')
    text = Movie(run, run)._repr_html_()
    assert text.count('<iframe') == 1 and '<script' not in text and '<a ' not in text and '&lt;script' in text # escaped within the attribute

@deck
def test_a_deck_is_short_and_has_notes(name):
    "8 to 14 slides of few words, each with a note; code cells are seen by their outputs only"
    slides = []
    for cell in read(name)['cells']:
        if kind(cell) == 'slide': slides.append([])
        if kind(cell) != 'skip': slides[-1].append(cell)
    assert 8 <= len(slides) <= 14 and all(any(kind(c) == 'notes' for c in s) for s in slides)
    for slide in slides:
        words = ' '.join(source(c) for c in slide if c['cell_type'] == 'markdown' and kind(c) != 'notes').split()
        assert len(words) <= 60, words
        assert all(c.get('outputs') for c in slide if c['cell_type'] == 'code'), source(slide[0])[:80]

@deck
def test_a_deck_gives_no_answer_away(name):
    "Neither a solution's cell nor a line of one, nor what a check says"
    lines = {line.strip() for lab in (ROOT/'nbs/labs').glob('*.ipynb') for cell in json.loads(lab.read_text(encoding='utf-8'))['cells'] if 'solution' in cell['metadata'].get('tags', [])
             for line in source(cell).splitlines()[1:] if len(line.strip()) > 24}
    cells = read(name)['cells']
    assert lines and not [c for c in cells if c['metadata'].get('tags')] and not lines & {line.strip() for c in cells for line in source(c).splitlines()}

@deck
def test_a_deck_becomes_a_page(name):
    page = slides_html(read(name))
    body = re.sub('srcdoc="[^"]*"', '', page[page.index('</style>\n</head>'):page.index('</main>')])
    titles = [line.removeprefix('## ') for c in read(name)['cells'] for line in source(c).splitlines()[:1] if c['cell_type'] == 'markdown' and line.startswith('## ')]
    assert titles and all(f'>{title}' in body for title in titles) and 'plt.rcParams' not in page and not re.search(r'''(src|href)=["'](?!data:|#)''', body)

def test_every_week_has_a_deck(): assert DECKS == [f'week{n}' for n in range(1, 7)] and {'week1', 'week5', 'week6'} <= set(WEEKS) <= set(DECKS)


# ---- the pages

@week
def test_a_weeks_page_has_its_parts(name):
    text = (plan_folder()/f'{name}.md').read_text(encoding='utf-8')
    assert re.match(rf'# Week {name[-1]}: \S', text) and re.findall(r'^## (.*)$', text, re.M) == HEADINGS
    parts = dict(zip(HEADINGS, re.split(r'^## .*$', text, flags=re.M)[1:]))
    assert all(len(part.strip()) > 120 for part in parts.values()) and re.search(r'[Ss]ection|Eq\.', parts['Reading'])
    assert len(re.findall(r'^\*\*\d\.', parts['Exam questions'], re.M)) >= 2 and len(parts['What goes wrong, what to ask']) > 600
    minutes = [int(n) for n in re.findall(r'\| (\d+) \|', parts['Minutes'])]
    if len(minutes) > 2 and minutes[-1] == sum(minutes[:-1]): minutes.pop()                # their sum, in words of its own
    assert 60 <= sum(minutes) <= 90

def test_the_page_of_the_course_names_every_week():
    rows = re.findall(r'^\| \[(\d)\]\(week\1\.md\) \|.*\(\.\./\.\./nbs/labs/\w+\.ipynb\).*nbs/slides/week\1\.ipynb\).*\| (\d+) \|', (plan_folder()/'README.md').read_text(encoding='utf-8'), re.M)
    assert [n for n, _ in rows] == list('123456') and all(60 <= int(minutes) <= 90 for _, minutes in rows)

@pytest.mark.parametrize('path', sorted((ROOT/'docs/course').glob('*.md')), ids=lambda p: p.name)
def test_links_of_pages_lead_somewhere(path):
    assert [link for link in links(path.read_text(encoding='utf-8')) if not (path.parent/link).exists()] == []

def test_papers_are_named_as_in_the_citation():
    text, cited = (plan_folder()/'README.md').read_text(encoding='utf-8'), (ROOT/'CITATION.cff').read_text(encoding='utf-8')
    papers = re.findall(r'title: (.*)', cited)[1:]
    assert len(papers) >= 5 and all(title in text for title in papers[:5])


# ---- the folder

@pytest.fixture(scope='module')
def given(tmp_path_factory):
    home = tmp_path_factory.mktemp('give')
    return home, *new_course(home)

def test_four_folders(given):
    home, written, kept = given
    assert kept == [] and {p.parts[0] for p in written} == {'students', 'teacher', 'slides', 'plan'} and all((home/p).is_file() for p in written)
    assert {p.name for p in (home/'slides').iterdir()} == {f'{d}.html' for d in DECKS} and {p.name for p in (home/'plan').iterdir()} == {p.name for p in (ROOT/'docs/course').glob('*.md')}

def test_solutions_are_the_teachers(given):
    home, *_ = given
    for name in ('labs/wild_mnist.ipynb', 'labs/real_digits.ipynb', 'labs/adaptation.ipynb'):
        mine, theirs = ((home/who/name).read_text(encoding='utf-8') for who in ('teacher', 'students'))
        assert mine == (course_folder()/name).read_text(encoding='utf-8') and json.loads(theirs) == student_version(json.loads(mine)) != json.loads(mine)
    assert not (home/'students/slides').exists() and (home/'teacher/slides').exists()
    assert not [p for p in (home/'students').rglob('*.ipynb') for c in nbformat.read(p, 4).cells if 'solution' in c.metadata.get('tags', ())]

def test_links_of_the_plan_stay_in_the_folder(given):
    home, *_ = given
    for page in (home/'plan').glob('*.md'):
        assert [link for link in links(page.read_text(encoding='utf-8')) if not (page.parent/link).exists()] == [], page.name

def test_nothing_is_written_twice(given, tmp_path):
    first, written, _ = given
    home = shutil.copytree(first, tmp_path/'course')
    (home/'plan/week1.md').write_text('my plan')
    (home/'slides/week1.html').unlink()
    (home/'students/labs/wild_mnist.ipynb').write_text('theirs')
    again, kept = new_course(home)
    assert again == [Path('slides/week1.html')] and sorted(kept) == sorted(set(written) - set(again))
    assert (home/'plan/week1.md').read_text() == 'my plan' and (home/'students/labs/wild_mnist.ipynb').read_text() == 'theirs'

def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path/'students').write_text('mine')
    with pytest.raises(ValueError, match='folder: expected a folder, got the file .*students$'): new_course(tmp_path)
    with pytest.raises(ValueError, match='folder: expected a path'): new_course('')

def test_the_command_says_what_is_next(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pack, 'new_course', lambda folder: ([Path('students/a'), Path('plan/b'), Path('plan/c')], [Path('teacher/d')]))
    assert main(['course', 'new', str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path/'plan'}: 2 files written\n" in said and f"{tmp_path/'teacher'}: 0 files written, 1 already there and left as they are\n" in said
    assert 'fer_nb lab' in said and 'fer_nb assignment' in said and 'hub.md' in said
    assert main(['course', 'new']) == 2 and main(['course', 'old', str(tmp_path)]) == 2
