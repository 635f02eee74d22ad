"Bad input: a ValueError of one line that names the argument, what was expected and what came; nothing accepted that makes no sense."
import re
import warnings
from collections import Counter

import pytest

import bad_inputs as table

LINE = re.compile(r"[^\n]+: expected [^\n]+, got [^\n]*")
LAYOUT = re.compile(r"root: expected .+[ \n]got .+", re.S) # a reader shows what the folder should look like
GROUPS = {group.__name__: group for group in table.GROUPS}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path)

def outcome(call, args):
    "None for a proper refusal, else what happened."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(**args)
    except ValueError as error: return None if LINE.fullmatch(str(error)) or LAYOUT.fullmatch(str(error)) else f"ValueError: {error}"
    except Exception as error: return f"{type(error).__name__}: {error}"
    return "accepted"

@pytest.mark.parametrize("name", GROUPS)
def test_each_spoiled_call_is_refused_in_one_line(name):
    wrong = {}
    for good in GROUPS[name](table.material()):
        assert outcome(good.call, good.args) in ("accepted", None), good.name # None: nothing is there in this folder
        for argument, words, bad in table.spoiled(good):
            got = outcome(good.call, {**good.args, argument: bad})
            if got and not (got == "accepted" and table.may_pass(good, argument, words)): wrong[good.name, argument, words] = got
    assert not wrong

def test_there_are_thousands_over_all_wings():
    goods = table.good_calls()
    tried = Counter(good.name for good in goods for _ in table.spoiled(good))
    assert tried.total() >= 3000 and len(tried) >= 180
    assert len({good.name for good in goods}) == len(goods)

NOT_CALLED = { # public names that take no argument of a user's: results, parts of others, what is handed on
    "Photographs", "photo_desk",
    "Backbone", "Layer", "Output", "conv_stage", "memory_layout", "ListBatches", "LoaderBatches", "Source", "CenterOptions", "LossOptions", "MovingCenters",
    "center_sums", "class_sums", "damped_mean", "read_batch", "Report", "Summary", "open_frame", "DomainDistance", "Similarity", "add_frame", "meta",
    "pack", "regions", "versions", "ActionUnit", "smoothstep", "Head", "turn", "project", "rasterize", "GBuffer", "corner_weights", "gather",
    "flow_gradient", "Identity", "HairStyle", "Scene", "Domain", "hair_shell", "shade", "photograph", "develop", "Expression", "render_manifest", "FaceSet",
    "action_figure", "studio", "Adversary", "Curves", "Diagnosis", "Finding", "Moment", "Watched", "adversary_figure", "read_curves", "AUTable",
    "PseudoClass", "score_studio", "Detection", "Cell", "Experiment", "Sizing", "check_data", "collect", "decimals", "figures", "first_process",
    "load_vggface", "markdown", "measure", "needs", "objective", "parts", "train", "NonFiniteLoss", "Score", "Step", "Pulse", "Theatre", "Trainer", "Wire",
    "Seen", "see", "information", "negative_dev_risk", "negative_entropy", "scores_without_labels", "source_accuracy", # take what `see` gives
    "PlainLoss", "cross_entropies", "read_table", # what the arena's losses are made of
    "Coral", "Entropy", # take nothing
    "run", "show", "build"} # the last three: under another name

def test_every_public_function_is_in_the_table():
    import importlib
    tried = " ".join(good.name for good in table.good_calls())
    for wing in ("adaptation", "arena", "backbones", "batches", "centers", "datasets", "embeddings", "faces", "grl", "large_margin", "preprocessing", "reproduce", "training", "widgets"):
        module = importlib.import_module(f"fer_nb.{wing}")
        names = {name for name in module.__all__ if callable(getattr(module, name))}
        missing = {name for name in names - NOT_CALLED if not re.search(rf"\b{name}\b", tried)}
        assert not missing, wing
