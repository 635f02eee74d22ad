"Hidden tests of the lab of week 3: right answers in several styles, each known misconception; and an assignment without a detector."
from fer_nb.assignments.labs import lab_cells, setting
from fer_nb.assignments.photographs import TESTS
from fer_nb.course import course_folder
from synthetic import Here, check_lab


def test_all_get_what_they_deserve(): check_lab("photographs", TESTS)

def test_an_assignment_takes_no_photographs():
    "Tables stand for camera and detector; they have what tasks ask for."
    names = {}
    for source in setting(lab_cells("photographs")):
        assert "detect(" not in source and "take_photographs" not in source
        exec(source, names)
    for camera in ("phone", "webcam"): assert len(names["best_scores"](names["found"][camera])) == len(names["tests"][camera].labels) == 140

def test_eyes_are_a_students_own():
    "What a function is asked differs from student to student, and is the same each time."
    def asked(seed):
        case, seen = Here({"eye_matrix": lambda *eyes: seen.append(eyes)}, "eye_matrix", "ada"), []
        case.random.seed(seed)
        assert TESTS["eye_matrix"](case).mistake == "no answer"
        return seen
    assert asked(1) == asked(1) != asked(2) and len(asked(1)) == 7

def test_angles_in_whole_turns():
    for turns in (-2, -1, 0, 1, 5): assert TESTS["turn"](Here({"enlargement": .32, "turn": -53.13 + 360 * turns}, "turn", "ada")).right
    for angle in (-52, -54.5, 0, float("inf"), float("nan"), True, "x", [1]): assert not TESTS["turn"](Here({"enlargement": .32, "turn": angle}, "turn", "ada")).right

def test_the_lab_and_its_assignment_count_the_same():
    "What the lab printed of its own detections is in the table."
    text = (course_folder()/"labs/photographs.ipynb").read_text("utf-8")
    printed = [names for names in text.split("{'neutral': ")[1:]][0].split("}")[0]
    counts = [int(part.split(":")[-1]) for part in printed.split(",")]
    case = Here({"lost_faces": sum(counts), "worst_class": "happiness"}, "worst_class", "ada")
    assert TESTS["worst_class"](case).right and counts[4] == max(counts)
