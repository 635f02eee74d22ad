"Where the class stands: counts, mistakes, and where to look twice."
from fer_nb.assignments import reports


def row(student, notes=(), **marks): return {"student": student, "lab": "x", "notes": list(notes), "marks": {name: [score, 2., "s", mistake] for name, (score, mistake) in marks.items()}}

ROWS = [row("ada", a=(2., ""), b=(0., "sign")), row("ben", ["locked cell t was changed"], a=(0., "numbers of ada"), b=(0., "sign")), row("cy", a=(0., "it did not end in time"), b=(0., "<script>|x"))]

def test_mistakes_are_counted(): assert reports.mistakes(ROWS) == {"a": {"numbers of ada": 1, "it did not end in time": 1}, "b": {"sign": 2, "<script>|x": 1}}

def test_the_page():
    text = reports._lab_report("x", ROWS, {"ada": {"report": 3.}})
    assert "3 submissions; points by tests: median 0, from 0 to 2 of 4." in text and "1 of 3 (33%)" in text and "sign (2) · &lt;script&gt;" in text and "<script>" not in text
    assert "Reports graded by hand: 1 of 3" in text
    assert text.endswith("- ben: locked cell t was changed; a: numbers of ada\n- cy: a: it did not end in time")

def test_nowhere_to_look(): assert reports._lab_report("x", ROWS[:1], {}).endswith("Nowhere.")
