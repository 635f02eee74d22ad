"""Wild-MNIST as data: a recipe goes in, a table with the paper's figure beside ours comes out.

`recipe`: what is trained. `building`: data, network, objective. `scoring`: one training, watched,
raced or scored. `comparing`: many of them, as a table. `ranking`: who wins where."""
from ..files import read_lines, write_csv
from ..tables import interval, markdown as aligned, spread
from .building import Data, build, start, wild_data
from .comparing import compare, movie_path, paired, read_rows, table
from .ranking import Gap, gap_figure, gap_table, gaps
from .recipe import LOSSES, OWN, OWN_LAM, PRESETS, TABLE_1, Recipe, label, preset
from .scoring import HEADS, PARTS, class_means, recording, score, train, wild_race

__all__ = [
    "Data", "Gap", "HEADS", "LOSSES", "OWN", "OWN_LAM", "PARTS", "PRESETS", "Recipe", "TABLE_1",
    "aligned", "build", "class_means", "compare", "gap_figure", "gap_table", "gaps", "interval",
    "label", "movie_path", "paired", "preset", "read_lines", "read_rows", "recording", "score",
    "spread", "start", "table", "train", "wild_data", "wild_race", "write_csv"]
