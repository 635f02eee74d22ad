"Small copies of the real sets, in their owners' layouts."
import pytest

import dataset_trees as trees
from fer_nb.datasets import DATASETS


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    home, builders = tmp_path_factory.mktemp("sets"), dict(affectnet=trees.affectnet_npy, fer2013=trees.fer2013_folders)
    return {name: builders.get(name, getattr(trees, name, None))(home/name) or home/name for name in DATASETS if name != "ferplus"} # none of the papers uses it
