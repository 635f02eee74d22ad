"The site's movies: recorded runs as pages that need no kernel, each in a frame of another page."
from html import escape
from typing import NamedTuple

from fer_nb.embeddings import Run
from fer_nb.files import data_file


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
    Movie('race', 'Softmax, center loss, DDA loss',
          'Ten digits, four of them rare: where do the rare classes (†) go, and who keeps them?',
          ('wild_softmax', 'wild_center', 'wild_dda'), 'nbs/labs/wild_mnist.ipynb'),
    Movie('balance', 'With and without rare classes',
          'Softmax twice: 300 images of each digit, and a few dozen of four of them.',
          ('wild_balanced', 'wild_softmax')),
    Movie('sizes', 'DDA loss, as printed and otherwise',
          'The first twelve epochs with γ = 5 as printed, with the lab\'s weights, by the '
          'authors\' program, and with centers by gradient: watch the size of the embedding.',
          ('wild_printed', 'wild_held', 'wild_code', 'wild_autograd')),
    Movie('directions', 'Softmax, separate loss, angular softmax, CosFace',
          'What a network does when only directions count.',
          ('wild_softmax', 'wild_separate', 'wild_angular', 'wild_cosface'),
          'nbs/labs/margins.ipynb'),
    Movie('digits', 'Another set of digits',
          'From MNIST to Optdigits without a label of theirs: source only, MMD, and DANN.',
          ('adapt_mnist_source', 'adapt_mnist_mmd', 'adapt_mnist_dann'),
          'nbs/labs/real_digits.ipynb'),
    Movie('cameras', 'Another camera',
          'Faces in color and in a gray studio: both in each batch, the clamped domain loss, and '
          'UDAT.',
          ('adapt_lab_color_mixed', 'adapt_lab_color_clamped', 'adapt_lab_color_udat'),
          'nbs/labs/adaptation.ipynb'),
)


def write_movies(folder):
    "Each movie as a page of its own."
    folder.mkdir(parents=True)
    for movie in MOVIES:
        first, *others = (Run.load(data_file(f'{run}.npz')) for run in movie.runs)
        first.to_html(folder/f'{movie.name}.html', *others)


def frame(movie, up):
    "A movie within another page, loaded when it comes into sight."
    return (f'<iframe loading="lazy" allowfullscreen title="Movie: {escape(movie.title)}" '
            f'src="{up}movies/{movie.name}.html"></iframe>')


def recorded(movie, up):
    "What stands in place of a theatre."
    text = f'Recorded: {movie.title}. {movie.text} To train networks yourself, run the notebook.'
    return f'<p>{escape(text)}</p>{frame(movie, up)}'


def plays(output):
    "Whether an output of a cell holds a movie."
    return 'movies/' in output.get('data', {}).get('text/html', '')


def gallery():
    "The page of all movies."
    parts = ['# Movies', 'Recorded trainings: press *Play*, drag the bar, hover over a dot, change '
             'what is read out. Nothing is computed on a server.']
    for movie in MOVIES:
        parts += [f'## {movie.title}', movie.text, f'```{{raw}} html\n{frame(movie, "")}\n```']
        parts += [f'From [this lab]({movie.room}).'] if movie.room else []
    return '\n\n'.join(parts) + '\n'
