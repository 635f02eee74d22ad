"The gradebook: what tests found, beside what a person gave."
import nbformat
import pytest

from fer_nb.assignments.gradebook import manual_scores, open_gradebook, record, write_feedback

LAB = "real_digits"

def row(student, **scores):
    return {"student": student, "lab": LAB, "marks": {name: [score, 2., "right" if score else "not yet: <b>no</b>", ""] for name, score in scores.items()}}

@pytest.mark.slow
def test_marks_and_comments(own_course):
    record(own_course, [row("ada", points=1., logits=0.), row("ben", points=0.)])
    with open_gradebook(own_course) as book:
        assert book.find_submission(LAB, "ada").score == 1 and book.find_submission(LAB, "ben").score == 0
        assert book.find_comment("logits", LAB, LAB, "ada").comment == "not yet: &lt;b&gt;no&lt;/b&gt;"
        assert book.find_grade("report", LAB, LAB, "ada").needs_manual_grade and not book.find_grade("test_points", LAB, LAB, "ada").needs_manual_grade

@pytest.mark.slow
def test_what_a_person_gave_stays(own_course):
    record(own_course, [row("ada", points=1.)])
    assert manual_scores(own_course, LAB) == {"ada": {}}
    with open_gradebook(own_course) as book:
        book.find_grade("report", LAB, LAB, "ada").manual_score = 3
        book.find_grade("test_logits", LAB, LAB, "ada").manual_score = 2
        book.db.commit()
    record(own_course, [row("ada", points=0., logits=0.)])
    assert manual_scores(own_course, LAB) == {"ada": {"report": 3, "test_logits": 2}}
    with open_gradebook(own_course) as book: assert book.find_submission(LAB, "ada").score == 5 and not book.find_grade("report", LAB, LAB, "ada").needs_manual_grade

@pytest.mark.slow
def test_feedback(own_course, releases):
    for student in ("ada", "ben"):
        place = own_course/"autograded"/student/LAB
        place.mkdir(parents=True)
        nbformat.write(releases[LAB], place/f"{LAB}.ipynb")
    record(own_course, [row("ada", points=1.), row("ben", points=0.)])
    pages = write_feedback(own_course, LAB)
    assert [p.parent.parent.name for p in pages] == ["ada", "ben"] and "not yet: &lt;b&gt;no" in pages[1].read_text("utf-8")
