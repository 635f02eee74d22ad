"Week 4, action units: the picture comes first, every number and every misconception gets its word, and the shipped trainings say what the text says."
import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

import pseudo_labels
from fer_nb.course import student_version
from fer_nb.files import read_csv
from fer_nb.tables import paired
from shared import complete, key

ROOT = Path(__file__).parents[2]
NOTEBOOK = nbformat.read(ROOT/"nbs/labs/action_units.ipynb", as_version=4)
NEEDED = "NAMES = ", "def classify(", "def confusion(", "def estimates(", "half = ", "from fer_nb.exercises"  # what the checkers use; no training among them


def tagged(tag): return [c.source for c in NOTEBOOK.cells if tag in c.metadata.get("tags", ())]


@pytest.fixture(scope="module")
def lab():
    "The names of the lab, without its trainings and pictures."
    names = {}
    plain = [c.source for c in NOTEBOOK.cells if c.cell_type == "code" and any(n in c.source for n in NEEDED)]
    for source in [*plain, *tagged("checker")]: exec(compile(source, "lab", "exec"), names)
    return names


def said(lab, check, *answers):
    words = lab[check].verdict(*answers)
    assert isinstance(words, str) and words.startswith(("right", "not yet"))
    return words


# ---- the notebook

def test_the_picture_is_in_the_first_cells(): assert any(o.output_type == "display_data" and "image/png" in o.data for c in NOTEBOOK.cells[:3] for o in c.get("outputs", ()))

def test_a_guess_comes_before_the_experiment():
    texts = [c.source for c in NOTEBOOK.cells if c.cell_type == "markdown"]
    guess, data = (next(i for i, t in enumerate(texts) if word in t) for word in ("guesses first", "## 2."))
    assert guess < data

def test_every_exercise_has_its_four_cells():
    cells = NOTEBOOK.cells
    checkers = [i for i, c in enumerate(cells) if "checker" in c.metadata.get("tags", ())]
    assert len(checkers) == 5
    for i in checkers:
        task, answer, solution = cells[i + 1:i + 4]
        assert re.match(r"\*\*\d\. ", task.source) and "None" in answer.source and "solution" in solution.metadata.tags
        assert "not yet" in answer.outputs[0].text and "right" not in answer.outputs[0].text.split(":")[0]

def test_solutions_are_right(lab):
    for source in tagged("solution"): exec(compile(source, "solution", "exec"), dict(lab))

def names(cells):
    "What code binds, and what it reads."
    nodes = [n for c in cells if c["cell_type"] == "code" for n in ast.walk(ast.parse(c["source"]))]
    bound = {n.arg for n in nodes if isinstance(n, ast.arg)} | {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return bound, {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}

def test_a_students_copy_needs_no_solution():
    kept = student_version(nbformat.from_dict(NOTEBOOK))["cells"]
    solved = [c for c in NOTEBOOK.cells if "solution" in c.metadata.get("tags", ())]
    (only, _), (bound, read) = names(solved), names(kept)
    assert len(kept) == len(NOTEBOOK.cells) - 5 == len(NOTEBOOK.cells) - len(solved)
    assert not (only - bound) & read


# ---- exercises

HAND = (.55, 2.2 / 6, 1.4 / 3)

@pytest.mark.parametrize("answer", [HAND, list(HAND), np.array(HAND), np.array(HAND, dtype=np.float32), torch.tensor(HAND), tuple(map(np.float32, HAND)),
                                    tuple(torch.tensor(v) for v in HAND), (.55, .37, .47)])
def test_scores_by_hand_in_every_type(lab, answer): assert said(lab, "check_scores", answer).startswith("right")

@pytest.mark.parametrize("answer, words", [
    (None, "three numbers"), (.55, "three numbers"), ("a", "three numbers"), ((1, None, 2), "three numbers"), ((1.1, 2.2, 1.4), "sums fear wins"),
    ((.275, 2.2 / 7, 1.4 / 3), "AU7 and AU23 count as 0"), ((.55, .55, .6), "with yours sadness wins"), (lambda: 0, "three numbers")])
def test_wrong_scores_by_hand(lab, answer, words):
    verdict = said(lab, "check_scores", answer)
    assert verdict.startswith("not yet") and words in verdict

@pytest.mark.parametrize("number", [20, 20., 4, np.int64(4), np.float32(20), torch.tensor(20), torch.tensor(4.), "AU20", "au4", "4"])
@pytest.mark.parametrize("pair", [("fear", "surprise"), ["surprise", "fear"]])
def test_apart_in_every_type(lab, pair, number): assert said(lab, "check_apart", pair, number).startswith("right")

@pytest.mark.parametrize("pair, number, words", [
    (None, 4, "two different"), ("fear", 4, "two different"), (("fear", "fear"), 4, "two different"), (("fear", "rage"), 4, "two different"), ((0, 1), 4, "two different"),
    (("anger", "disgust"), 4, "no tie"), (("sadness", "fear"), 15, "0.67"), (("fear", "surprise"), None, "Give a number"), (("fear", "surprise"), 99, "Give a number"),
    (("fear", "surprise"), "brow", "Give a number"), (("fear", "surprise"), True, "Give a number"), (("fear", "surprise"), 1, "in both rows"),
    (("fear", "surprise"), 25, "in neither row"), (("fear", "surprise"), 7, "of the fear faces only")])
def test_wrong_apart(lab, pair, number, words):
    verdict = said(lab, "check_apart", pair, number)
    assert verdict.startswith("not yet") and words in verdict

def lead(lab):
    before, after = (lab["classify"](lab["estimates"]("train"), lead=v) for v in (1e-6, .1))
    gone, good = (before >= 0) & (after < 0), before == lab["truth"]["train"]
    return int(gone.sum()), int((gone & good).sum()), int((gone & ~good).sum())

def test_lead_in_every_type(lab):
    answer = lead(lab)
    assert answer == (127, 57, 70)
    for kind in (list, np.array, torch.tensor, lambda a: tuple(map(float, a)), lambda a: tuple(map(np.int64, a)), lambda a: tuple(map(torch.tensor, a))):
        assert said(lab, "check_lead", kind(answer)).startswith("right")

@pytest.mark.parametrize("answer, words", [
    (None, "three numbers"), (127, "three numbers"), ((127, 70, 57), "exchanged"), ((127, 57, 66), "are not the 127"), ((127, 55, 72), "433 of 560"), ((68, 31, 37), "had a class before")])
def test_wrong_lead(lab, answer, words):
    verdict = said(lab, "check_lead", answer)
    assert verdict.startswith("not yet") and words in verdict and not re.search(r"\b(57|70)\b", verdict.replace("57 right", "").replace("70 wrong", ""))

def parts(x, c): return x / x.norm(dim=1, keepdim=True), c / c.norm(dim=1, keepdim=True), x.norm(dim=1, keepdim=True)

def pull(u, v, y): return -2 * v[y] + 2 * (v.sum(0) - v[y]) / (len(v) - 1)

def across(g, u, length): return (g - (g * u).sum(1, keepdim=True) * u) / length

def right(x, y, c):
    u, v, length = parts(x, c)
    return across(pull(u, v, y), u, length)

def printed(x, y, c):
    u, v, length = parts(x, c)
    return pull(u, v, y) * (1 - u**2) / length

def unscaled(x, y, c): return right(x, y, c) * x.norm(dim=1, keepdim=True)
def long_centers(x, y, c):
    u, _, length = parts(x, c)
    return across(pull(u, c, y), u, length)
def all_others(x, y, c):
    u, v, length = parts(x, c)
    return across(-2 * v[y] + 2 * (v.sum(0) - v[y]), u, length)
def raises(x, y, c): return x @ c

@pytest.mark.parametrize("function", [right, lambda x, y, c: right(x, y, c).numpy(), lambda x, y, c: right(x.float(), y, c.float()), lambda x, y, c: right(x, y, c).tolist()])
def test_gradient_in_every_type(lab, function): assert said(lab, "check_gradient", function).startswith("right")

@pytest.mark.parametrize("function, words", [
    (printed, "with x itself"), (lambda x, y, c: -right(x, y, c), "wrong sign"), (unscaled, "longer x must turn less"), (long_centers, "centroids get longer"),
    (all_others, "not as far as Eq. 3"), (lambda x, y, c: right(x, y, c) / len(x), "divided by the number"), (lambda x, y, c: None, "None"),
    (lambda x, y, c: torch.zeros(3), "(6, 5)"), (raises, "raises stops in its line 1"), (None, "not yet"), (3, "not yet"), ("x", "not yet")])
def test_wrong_gradients(lab, function, words):
    verdict = said(lab, "check_gradient", function)
    assert verdict.startswith("not yet") and words in verdict

def chosen(lab, part):
    known = lab["by_least"](part)
    return max(known, key=known.get), known

def test_least_in_every_type(lab):
    (least, _), (tempting, test) = chosen(lab, "validation"), chosen(lab, "test")
    assert least != tempting  # the exercise lives on it
    for kind in (float, np.float64, np.float32, torch.tensor): assert said(lab, "check_least", kind(least), kind(test[least])).startswith("right")

def test_wrong_least(lab):
    (least, known), (tempting, test) = chosen(lab, "validation"), chosen(lab, "test")
    for answer, words in (((None, None), "a threshold and a percentage"), (("a", 1), "a threshold and"), ((.77, 60.), "none of GRID"), ((tempting, test[tempting]), "Who chooses by them"),
                          ((.1, test[.1]), "another one for more"), ((least, known[least]), "too kind"), ((least, test[least] / 100), "in percent"), ((least, 12.), "not its test value")):
        verdict = said(lab, "check_least", *answer)
        assert verdict.startswith("not yet") and words in verdict, (answer, verdict)
        if answer[0] != least: assert f"{least:g}" not in verdict.replace(f"{answer[0]}", "")


# ---- the trainings that ship

def rows(): return read_csv(pseudo_labels.RESULTS)

def accuracies(method, table, n): return {r["seed"]: 100 * float(r["test"]) for r in rows() if (r["method"], r["table"], r["labels"]) == (method, table, str(n)) and int(r["seed"]) < 5}

def test_the_table_is_complete_and_stays_byte_for_byte(tmp_path):
    out, jobs = tmp_path/"again.csv", [*pseudo_labels.search(), *pseudo_labels.report(rows())]
    out.write_bytes(pseudo_labels.RESULTS.read_bytes())
    assert {key(row, pseudo_labels.KEY) for row in rows()} == {key(job, pseudo_labels.KEY) for job in jobs}
    complete(out, pseudo_labels.FIELDS, pseudo_labels.KEY, jobs, None, progress=False)
    assert out.read_bytes() == pseudo_labels.RESULTS.read_bytes()

def test_the_weight_was_chosen_on_validation_faces():
    table = rows()
    assert pseudo_labels.chosen(table, "margin") == 3. and pseudo_labels.chosen([r | {"test": "0"} for r in table], "margin") == 3.
    worse = [r | {"validation": "0"} if r["weight"] == "3.0" else r for r in table]
    assert pseudo_labels.chosen(worse, "margin") != 3.

def test_pseudo_emotions_help_few_labels_and_not_many():
    gain = {n: paired(accuracies("margin", "ekman", n), accuracies("alone", "", n)) for n in pseudo_labels.LABELS}
    assert gain[5][1] > 10 and gain[10][1] > 5 and gain[40][1] < 0 and gain[5][0] > gain[40][0] + 10
    own = paired(accuracies("self", "", 5), accuracies("alone", "", 5))
    assert own[2] < 5

@pytest.mark.parametrize("job", [("margin", "ekman", 3., 5, 0), ("all", "", "", 80, 0)])
def test_the_smallest_training_makes_a_row(job, monkeypatch):
    monkeypatch.setattr(pseudo_labels, "STEPS", 1)
    monkeypatch.setattr(pseudo_labels, "accuracy", lambda model, part: .25)
    monkeypatch.setattr(pseudo_labels, "BATCH", 8)
    row = pseudo_labels.cell(dict(zip(pseudo_labels.KEY, job)))
    assert set(row) == set(pseudo_labels.FIELDS) and row["test"] == .25 and (row["pseudo"] != "") == (job[1] != "")

def test_given_classes_reach_the_margin_only():
    from fer_nb.backbones import Output
    from fer_nb.large_margin import LargeMarginLoss
    objective = pseudo_labels.Given(LargeMarginLoss(3, 2, ignore_index=-1), weight=1.)
    x, logits = torch.eye(4)[:, :2], torch.zeros(4, 3)
    losses = objective((x, torch.tensor([2, -2 - 1, -1, -2 - 0])), Output(x, logits))
    assert objective.given.tolist() == [2, 1, -1, 0]
    torch.testing.assert_close(losses["softmax"], torch.tensor(3.).log())

def test_labeled_faces_are_balanced_and_nested():
    y = torch.arange(7).repeat(80)
    few, more = (pseudo_labels.labeled(y, n, seed=3) for n in (5, 20))
    assert y[few].bincount().tolist() == [5] * 7 and y[more].bincount().tolist() == [20] * 7 and (few <= more).all()
    assert not torch.equal(few, pseudo_labels.labeled(y, 5, seed=4))


# ---- the teacher's page

def test_the_teachers_page_has_its_parts():
    lines = (ROOT/"docs/course/week4.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("#")][1:] == [f"## {part}" for part in (
        "Learning goals", "Before", "Minutes", "Reading", "What goes wrong, what to ask", "Exam questions", "Rubric of the report")]
    assert lines[0].startswith("# Week 4: ")
