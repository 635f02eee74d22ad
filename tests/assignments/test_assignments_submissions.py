"Submissions: found in every layout, and made into what went out."
import os

import nbformat
import pytest

from fer_nb.assignments.submissions import find_submissions, grade_id, read_notebook, rebuild


def note(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")

def names(folder, lab="lab"): return {s.student: s.path.relative_to(folder).as_posix() for s in find_submissions(folder, lab)}

def test_layouts(tmp_path):
    for name in ("ada.ipynb", "ben_lab.ipynb", "cy-lab.ipynb", "Dora Ott_12/any name.ipynb", "readme.txt"): note(tmp_path/"flat"/name)
    assert names(tmp_path/"flat") == {"ada": "ada.ipynb", "ben": "ben_lab.ipynb", "cy": "cy-lab.ipynb", "Dora Ott_12": "Dora Ott_12/any name.ipynb"}
    note(tmp_path/"course/submitted/ada/lab/lab.ipynb")
    note(tmp_path/"course/submitted/ben/other/other.ipynb")
    assert names(tmp_path/"course") == {"ada": "submitted/ada/lab/lab.ipynb"}

def test_of_several_the_named_one_else_the_newest(tmp_path):
    for n, name in enumerate(("ada/lab.ipynb", "ada/newer.ipynb", "ben/a.ipynb", "ben/b.ipynb")):
        note(tmp_path/name)
        os.utime(tmp_path/name, (n, 9 - n if "ben" in name else n))
    assert names(tmp_path) == {"ada": "ada/lab.ipynb", "ben": "ben/a.ipynb"}

def test_links_are_not_followed(tmp_path):
    note(tmp_path/"ada.ipynb")
    (tmp_path/"eve.ipynb").symlink_to(tmp_path/"ada.ipynb")
    assert names(tmp_path) == {"ada": "ada.ipynb"}

def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="folder: expected a folder with submissions"): find_submissions(tmp_path/"gone", "lab")
    with pytest.raises(ValueError, match="folder: expected notebooks of lab, got none"): find_submissions(tmp_path, "lab")
    note(tmp_path/"a$(b).ipynb")
    with pytest.raises(ValueError, match="student: expected a file name"): find_submissions(tmp_path, "lab")

@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', b"[" * 100_000])
def test_what_is_no_notebook(tmp_path, data):
    (tmp_path/"a.ipynb").write_bytes(data)
    assert read_notebook(tmp_path/"a.ipynb") is None

def test_old_and_odd_notebooks_are_read(tmp_path):
    (tmp_path/"a.ipynb").write_text('{"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1", "outputs": [], "language": "python"}]}]}')
    assert read_notebook(tmp_path/"a.ipynb").cells[0].source == "x = 1"
    (tmp_path/"b.ipynb").write_text('{"metadata": {"colab": 1}, "nbformat": 4, "nbformat_minor": 0, "extra": 1, "cells": [{"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": "odd"}}]}')
    assert grade_id(read_notebook(tmp_path/"b.ipynb").cells[0]) == ""

def cell(name, source, solution=False, kind="code"):
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return make(source, metadata={"nbgrader": {"grade_id": name, "solution": solution}} if name else {})

RELEASED = nbformat.v4.new_notebook(cells=[cell("title", "hello", kind="markdown"), cell("setting", "s = 1"), cell("a", "a = None", True), cell("test_a", "say(a)"), cell("b", "b = None", True)])
def rebuilt(*cells):
    found = rebuild(nbformat.v4.new_notebook(cells=list(cells)), RELEASED)
    return [c.source for c in found.cells], found.notes, found.missing

def test_answers_go_in():
    assert rebuilt(*RELEASED.cells[:2], cell("a", "a = 3", True), *RELEASED.cells[3:]) == (["hello", "s = 1", "a = 3", "say(a)", "b = None"], [], [])

def test_own_cells_stay_where_they_are():
    assert rebuilt(*RELEASED.cells[:2], cell("", "own()"), cell("", "text", kind="markdown"), *RELEASED.cells[2:])[0] == ["hello", "s = 1", "own()", "a = None", "say(a)", "b = None"]

def test_locked_cells_come_back():
    sources, notes, missing = rebuilt(cell("setting", "s = 99"), cell("", "own()"), cell("a", "a = 3", True))
    assert sources == ["hello", "s = 1", "own()", "a = 3", "say(a)", ""] and missing == ["b"]
    assert notes == ["locked cell title was deleted", "locked cell setting was changed", "locked cell test_a was deleted"]

def test_doubles_and_pretenders_are_own_cells():
    sources, _, _ = rebuilt(*RELEASED.cells, cell("a", "a = 5", True), cell("report", "x = 1"), cell("title", "print(1)"))
    assert sources == ["hello", "s = 1", "a = None", "say(a)", "b = None", "a = 5", "x = 1", "print(1)"]

def test_nothing_at_all(): assert rebuilt() == (["hello", "s = 1", "", "say(a)", ""], ["locked cell title was deleted", "locked cell setting was deleted", "locked cell test_a was deleted"], ["a", "b"])
