"The release: everything that is asked, nothing that answers."
import ast
import json
import re

import nbformat
import pytest

from fer_nb.assignments import make
from fer_nb.assignments.labs import exercises, lab_cells, labs
from fer_nb.assignments.release import assignment
from fer_nb.assignments.sandbox import Limits, Sandbox, run_cell, value_of
from fer_nb.assignments.submissions import grade_id
from fer_nb.course import course_folder

pytest.importorskip("nbgrader")


@pytest.fixture(params=labs())
def released(request, releases): return request.param, releases[request.param]

def secrets(lab):
    "Lines that give an answer: of solutions, checkers and hidden tests, without those that the lab shows anyway."
    cells = lab_cells(lab)
    hidden = [line.strip() for c in cells if set(c["metadata"].get("tags", [])) & {"solution", "checker"} for line in c["source"].splitlines()]
    room = course_folder()/"23_assignments"
    for path in room.glob(f"*_{lab}.ipynb"):
        hidden += [line.strip() for c in json.loads(path.read_text("utf-8"))["cells"] for line in "".join(c["source"]).splitlines()]
    shown = "\n".join(c["source"] for c in cells if not set(c["metadata"].get("tags", [])) & {"solution", "checker"})
    return {line for line in hidden if len(line) > 12 and line not in shown and not re.match(r"(from|import|#|\"\"\"|@)", line)}

@pytest.mark.slow
def test_it_leaks_nothing(released):
    lab, notebook = released
    text = "\n".join(c.source for c in notebook.cells)
    found = secrets(lab)
    assert len(found) > 20 and not [line for line in found if line in text]
    assert not any(c.get("outputs") for c in notebook.cells) and "TRAPS" not in text and "check_" not in text

def test_nbgrader_knows_its_cells(released):
    lab, notebook = released
    nbformat.validate(notebook)
    marks = {grade_id(c): c.metadata.nbgrader for c in notebook.cells}
    assert len(marks) == len(notebook.cells)
    for e in exercises(lab_cells(lab)):
        assert marks[e.name].solution and not marks[e.name].locked and not marks[e.name].grade
        assert marks[f"test_{e.name}"].locked and marks[f"test_{e.name}"].grade and marks[f"test_{e.name}"].points == e.points and marks[f"test_{e.name}"].checksum
    assert marks["report"].solution and marks["report"].grade and marks["report"].points >= 1 and marks["title"].locked

def test_the_gradebook_knows_what_it_is_worth(released, course):
    from fer_nb.assignments.gradebook import open_gradebook
    lab, notebook = released
    with open_gradebook(course) as book:
        assert book.find_assignment(lab).max_score == sum(c.metadata.nbgrader.get("points", 0) for c in notebook.cells)

def test_its_stubs_are_code(released):
    for cell in released[1].cells:
        if cell.cell_type == "code": ast.parse(cell.source)
        if cell.cell_type == "code" and cell.metadata.nbgrader.solution: assert "None" in cell.source or "Recipe" in cell.source

def test_the_teachers_source_has_the_solutions():
    source = "\n".join(c.source for c in assignment("real_digits").cells)
    assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION") == 4 and "torch.cov" in source

def test_making_again_keeps_what_a_teacher_configured(own_course):
    config = own_course/"nbgrader_config.py"
    config.write_text("# mine")
    assert make("real_digits", own_course).is_file() and config.read_text() == "# mine"
    with pytest.raises(ValueError, match="lab: expected one of"): make("surreal", own_course)
    with pytest.raises(ValueError, match="course: expected a folder, got the file"): make("real_digits", config)

@pytest.mark.parametrize("lab", labs())
def test_a_solved_notebook_runs_at_once(lab):
    "It does so again for every student: it trains nothing, and what is large and it imports has been imported before."
    first = "import sys, fer_nb.training\nfer_nb.training.fit = fer_nb.training.evaluate = None\nloaded = set(sys.modules)"
    last = "new = sorted(m for m in sys.modules.keys() - loaded if m.split('.')[0] in ('fer_nb', 'matplotlib', 'scipy', 'sklearn'))"
    with Sandbox(Limits(600, 60, 1000)) as box:
        cells = [c.source for c in assignment(lab).cells if c.cell_type == "code"]
        assert not [ran.error for ran in (run_cell(box, source) for source in (first, *cells, last)) if ran.error]
        assert value_of(box, "new") == []
