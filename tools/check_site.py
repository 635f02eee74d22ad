"What is wrong with a built site: dead links, requests to elsewhere, nameless pictures, size."
import re
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIMIT = 2_000_000  # bytes of a page with what it loads at once
LOADS = dict.fromkeys(['img', 'script', 'iframe', 'source', 'video', 'audio', 'embed'], 'src')
LOADS |= {'link': 'href', 'object': 'data'}
INERT = {'search', 'index', 'next', 'prev', 'canonical'}  # a <link> that loads nothing


class Page(HTMLParser):
    "What a page names, links to and loads."
    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.loads, self.nameless = set(), [], [], []
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attrs):
        has = dict(attrs)
        self.names |= {has.get('id'), has.get('name')}
        if tag == 'a' and has.get('href'): self.links.append(has['href'])
        told = has.get({'img': 'alt', 'iframe': 'title'}.get(tag, ''), '')
        if tag in ('img', 'iframe') and not told.strip():
            self.nameless.append(has.get('src', '')[:80])
        target = has.get(LOADS.get(tag, ''), '')
        if target and not (tag == 'link' and INERT & set(has.get('rel', '').split())):
            self.loads.append((target, has.get('loading') == 'lazy'))


@lru_cache(None)
def page(path): return Page(path)


def place(here, target):
    "The file that a link means, and the name within it."
    parts = urlsplit(target)
    path = (here.parent/unquote(parts.path)).resolve() if parts.path else here
    return path/'index.html' if path.is_dir() else path, unquote(parts.fragment)


def dead(here, target):
    "Whether a link within the site leads nowhere."
    if urlsplit(target).scheme or target.startswith('//'): return False
    path, name = place(here, target)
    if not path.is_file(): return True
    return path.suffix == '.html' and bool(name) and name not in page(path).names


def elsewhere(target): return target.startswith(('http:', 'https:', '//'))


def weight(here):
    "Bytes of a page and of what it loads at once."
    loads = (t for t, lazy in page(here).loads if not lazy and not urlsplit(t).scheme)
    own = {here} | {place(here, t)[0] for t in loads}
    return sum(path.stat().st_size for path in own if path.is_file())


def wrong_of(here, root):
    "What is wrong with one page."
    found, name = page(here), here.relative_to(root)
    loads = [t for t, _ in found.loads]
    out = [f'{name}: leads nowhere: {t}' for t in [*found.links, *loads] if dead(here, t)]
    out += [f'{name}: loaded from elsewhere: {t}' for t in loads if elsewhere(t)]
    out += [f'{name}: says nothing of what it shows: {t}' for t in found.nameless]
    return out + [f'{name}: {weight(here):,} bytes'] * (weight(here) > LIMIT)


def wrong(root):
    "What is wrong with a site, a line each."
    root = Path(root).resolve()
    out = [line for path in sorted(root.rglob('*.html')) for line in wrong_of(path, root)]
    for path in root.rglob('*.css'):
        urls = re.findall(r'url\(["\']?(https?:[^)"\']*)', path.read_text(encoding='utf-8'))
        out += [f'{path.relative_to(root)}: loaded from elsewhere: {url}' for url in urls]
    return out
