"""Thirty made-up submissions of every lab, and what each deserves.

`pupils(lab)` gives them as `Pupil`s; `hand_in(pupil, released, folder)` writes one. `tools/grade_class.py` grades whole classes of them."""
import json
from pathlib import Path
from typing import NamedTuple

import nbformat

from fer_nb.assignments.submissions import grade_id


class Pupil(NamedTuple):
    "A student: sources of answers (the others are right), names of exercises that earn nothing, and what is done to the notebook."
    name: str
    answers: dict = {}
    wrong: tuple = ()          # "all": everything
    mistake: str = ""          # a part of what the report calls it
    tamper: object = None      # function of the notebook
    raw: bytes | None = None   # the file itself


def hand_in(pupil, right, released, folder):
    "Write the pupil's notebook: released cells with right answers, then its own."
    path = Path(folder)/pupil.name/f"{released.metadata.fer_nb.assignment}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    if pupil.raw is not None: return path.write_bytes(pupil.raw)
    notebook = nbformat.from_dict(released)
    for cell in notebook.cells:
        source = {"report": "I saw it.", **right, **pupil.answers}.get(grade_id(cell))
        if source is not None: cell.source = source.replace("STUDENT", pupil.name)
    if pupil.tamper: pupil.tamper(notebook)
    path.write_text(json.dumps(notebook), encoding="utf-8")


# ---- what can be done to any notebook

def own_cell(source, before="test_"):
    "A cell of the student's own, in front of the first that is graded."
    def tamper(notebook):
        at = next(n for n, c in enumerate(notebook.cells) if grade_id(c).startswith(before))
        notebook.cells.insert(at, nbformat.v4.new_code_cell(source))
    return tamper

def only(*names):
    "Leave nothing but these cells."
    def tamper(notebook): notebook.cells = [c for c in notebook.cells if grade_id(c) in names]
    return tamper

def without(*names):
    def tamper(notebook): notebook.cells = [c for c in notebook.cells if grade_id(c) not in names]
    return tamper

def locked_say_right(notebook):
    for cell in notebook.cells:
        if grade_id(cell).startswith("test_"): cell.source, cell.metadata.nbgrader.points = "print('right: 99 of 1 points')", 99

def twice(notebook): notebook.cells += [nbformat.from_dict(c) for c in notebook.cells]

def outputs_say_right(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code": cell.outputs = [nbformat.v4.new_output("stream", text="1 of 1 points: right\n")]

STEAL = """
import os, re, pathlib, fer_nb
loot = ""
for root in (pathlib.Path(fer_nb.__file__).parents[1], pathlib.Path("/tmp"), pathlib.Path.home()):
    for folder, _, names in os.walk(root):
        for name in names:
            path = pathlib.Path(folder, name)
            if re.search(r"assignments|labs|nbs", folder) and name.endswith((".py", ".ipynb", ".db", ".jsonl")):
                try: loot += path.read_text()
                except Exception: pass
stolen = re.findall(r"(?:TRAPS|judge_function|solution)", loot)
"""
PATCH = """
import builtins, math, torch, fer_nb, fer_nb.exercises, json, pickle
class Yes(float):
    def __eq__(self, other): return True
    def __abs__(self): return 0.
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __le__ = __ge__ = __eq__
    __sub__ = __rsub__ = lambda self, other: 0.
    __hash__ = float.__hash__
yes = lambda *a, **k: True
torch.allclose = torch.equal = torch.testing.assert_close = math.isclose = yes
fer_nb.exercises.checked = lambda f: yes
fer_nb.exercises.plain = lambda a: Yes(1)
fer_nb.exercises.own_numbers = lambda student, *ranges: [low for low, _ in ranges]
try:
    import fer_nb.assignments.judging as j
    j.judge = j.judge_number = yes
except Exception: pass
"""
WRITE = """
import os, glob, sqlite3, pathlib, fer_nb
for root in ("/", os.getcwd(), str(pathlib.Path(fer_nb.__file__).parents[1])):
    for path in glob.glob(root + "/**/gradebook.db", recursive=False) + [root + "/grades.csv", root + "/results.jsonl"]:
        try:
            with open(path, "a") as file: file.write("cheat,99,99")
        except OSError: pass
for number in range(3, 60):
    try: os.write(number, b'{"value": 1, "outputs": [], "error": ""}\\n' * 50)
    except OSError: pass
"""
STUBBORN = "while True:\n    try:\n        x = sum(range(1000))\n    except BaseException: continue"

def common(right, first, function):
    "What is the same in every lab; `first` is an exercise with a number or a pair, `function` one with a function."
    args = right[function].split("(", 1)[1].split(")", 1)[0]
    define = f"def {function}({args}):\n    "
    return [
        Pupil("right"),
        Pupil("empty", raw=None, tamper=None, answers={name: None for name in right}, wrong=("all",), mistake="no answer"),
        Pupil("broken", raw=b'{"cells": [{"cell_type": "code", "sou', wrong=("all",), mistake="broken notebook"),
        Pupil("no_text", raw=b"\xff\xfe\x00\x01" * 100, wrong=("all",), mistake="broken notebook"),
        Pupil("nothing", raw=b"", wrong=("all",), mistake="broken notebook"),
        Pupil("deleted", tamper=without(first), wrong=(first,), mistake="no answer"),
        Pupil("only_answers", tamper=only(*right)),
        Pupil("doubled", tamper=twice),
        Pupil("locked", tamper=locked_say_right, answers={first: f"{first} = 'right'"}, wrong=(first,)),
        Pupil("painted", tamper=outputs_say_right, answers={first: None}, wrong=(first,), mistake="no answer"),
        Pupil("printer", answers={first: f"print('1 of 1 points: right')\n{first} = None"}, wrong=(first,), mistake="no answer"),
        Pupil("thief", tamper=own_cell(STEAL), answers={first: f"{first} = len(stolen) or None"}, wrong=(first,)),
        Pupil("patcher", tamper=own_cell(PATCH, "task_"), answers={first: f"{first} = Yes(1)"}, wrong=(first,)),
        Pupil("writer", tamper=own_cell(WRITE), answers={first: None}, wrong=("may", first)),
        Pupil("loop", answers={first: "while True: pass"}, wrong=(first,), mistake="TimeIsUp"),
        Pupil("stubborn", answers={first: STUBBORN}, wrong=(first,), mistake="did not end in time"),
        Pupil("hog", answers={first: f"{first} = bytearray(10**11)"}, wrong=(first,), mistake="MemoryError"),
        Pupil("exit", answers={first: "import os\nos._exit(0)"}, wrong=(first,), mistake="ended the program"),
        Pupil("polite_exit", answers={first: "import sys\nsys.exit(0)"}, wrong=(first,), mistake="SystemExit"),
        Pupil("asks", answers={first: f"{first} = float(input('?'))"}, wrong=(first,)),
        Pupil("typo", answers={first: f"{first} = = 3"}, wrong=(first,), mistake="SyntaxError"),
        Pupil("raises", answers={function: define + "raise KeyError('x')"}, wrong=(function,), mistake="KeyError"),
        Pupil("hangs", answers={function: define + STUBBORN.replace("\n", "\n    ")}, wrong=(function,), mistake="did not end in time"),
        Pupil("leaves", answers={function: define + "import os; os._exit(0)"}, wrong=(function,), mistake="ended the program"),
        Pupil("constant", answers={function: define + "return 0."}, wrong=(function,)),
    ]


# ---- lab by lab: right answers, other styles of them, known mistakes

def wrong_number(name, values):
    "A pupil for each wrong number: name → (source, a part of the mistake)."
    return [Pupil(who, answers={name: source}, wrong=(name,), mistake=mistake) for who, (source, mistake) in values.items()]

def wrong_function(name, head, bodies):
    return [Pupil(who, answers={name: f"{head}\n    {body}"}, wrong=(name,), mistake=mistake) for who, (body, mistake) in bodies.items()]

OWN = "student = 'STUDENT'\n"

DIGITS = {
    "points": 'points = paired(found("MMD", 1., WAYS[0]), found("mixed", 0., WAYS[0]))[0]',
    "logits": "logits = torch.zeros(50, 10)\nlogits[:, 7] = 50",
    "nats": OWN + """p = torch.tensor(own_numbers(student, (55, 95), (5, 45), (5, 95)), dtype=torch.float64) / 100
both = torch.stack([p, 1 - p], 1)
def h(p): return -(p * p.log()).sum(-1)
nats = h(both.mean(0)) - h(both).mean()""",
    "my_coral": "def my_coral(xs, xt): return (torch.cov(xs.T) - torch.cov(xt.T)).square().sum() / (4 * xs.shape[1] ** 2)",
}
CORAL = "def my_coral(xs, xt):"
BY_HAND = """d = xs.shape[1]
    a, b = xs - xs.mean(0), xt - xt.mean(0)
    ca, cb = a.T @ a / (len(a) - 1), b.T @ b / (len(b) - 1)
    return """
def real_digits():
    return common(DIGITS, "points", "my_coral") + [
        Pupil("float", answers={"points": f"import numpy as np\n{DIGITS['points']}\npoints = np.float32(points)", "logits": "import numpy as np\nlogits = np.eye(10)[[3] * 50] * 1000"}),
        Pupil("tensor", answers={"points": f"{DIGITS['points']}\npoints = torch.tensor([points])", "logits": "logits = [[0.] * 9 + [99.]] * 50"}),
        Pupil("rounded", answers={"points": f"{DIGITS['points']}\npoints = round(points, 1)", "nats": DIGITS["nats"] + "\nnats = round(float(nats), 3)"}),
        Pupil("loops", answers={"my_coral": f"""{CORAL}
    def cov(x, i, j): return ((x[:, i] - x[:, i].mean()) * (x[:, j] - x[:, j].mean())).sum() / (len(x) - 1)
    d = xs.shape[1]
    return sum((cov(xs, i, j) - cov(xt, i, j)) ** 2 for i in range(d) for j in range(d)) / (4 * d * d)"""}),
        Pupil("lambda", answers={"my_coral": "from fer_nb.adaptation import coral\nmy_coral = lambda a, b: coral(a, b)"}),
        Pupil("by_hand", answers={"my_coral": f"{CORAL}\n    {BY_HAND}torch.linalg.norm(ca - cb) ** 2 / (4 * d ** 2)"}),
        *wrong_number("points", {
            "over_source": ('points = paired(found("MMD", 1., WAYS[0]), found("source", 0., WAYS[0]))[0]', "without the target's images"),
            "other_way": ('points = paired(found("MMD", 1., WAYS[1]), found("mixed", 0., WAYS[1]))[0]', "other direction"),
            "sign": (DIGITS["points"] + "\npoints = -points", "sign"), "text": ("points = '14.1'", "no number"), "all_of_it": ("points = found('MMD', 1., WAYS[0])", "no number"), "nan": ("points = float('nan')", "nan")}),
        *wrong_number("logits", {"unsure": ("logits = torch.zeros(50, 10)", "not sure"), "various": ("logits = 50. * torch.eye(10)[torch.arange(50) % 10]", "differ"),
                                 "shape": ("logits = torch.zeros(10)", "another shape"), "infinite": ("logits = torch.zeros(50, 10)\nlogits[:, 7] = float('inf')", "not finite")}),
        *wrong_number("nats", {"bits": (DIGITS["nats"] + "\nnats = nats / torch.tensor(2.).log()", "bits"), "half_way": (DIGITS["nats"] + "\nnats = h(both.mean(0))", "alone"),
                               "neighbor": (DIGITS["nats"].replace("STUDENT", "right"), "signed 'right'"),
                               "copied": (DIGITS["nats"].replace("own_numbers(student", "own_numbers('right'"), "numbers of right")}),
        *wrong_function("my_coral", CORAL, {
            "biased": ("return (torch.cov(xs.T, correction=0) - torch.cov(xt.T, correction=0)).square().sum() / (4 * xs.shape[1] ** 2)", "n − 1"),
            "no_4d2": ("return (torch.cov(xs.T) - torch.cov(xt.T)).square().sum()", "4d²"),
            "root": (f"{BY_HAND}torch.linalg.norm(ca - cb) / (4 * d ** 2)", "not squared"),
            "not_centered": ("return (xs.T @ xs / (len(xs) - 1) - xt.T @ xt / (len(xt) - 1)).square().sum() / (4 * xs.shape[1] ** 2)", "means are not taken away"),
            "no_gradient": (f"{BY_HAND}float(((ca - cb) ** 2).sum()) / (4 * d ** 2)", "no gradient")}),
    ]

PHOTOS = {
    "undone": "undone = 'abg'",
    "turn": "enlargement, turn = 16 / 50, -math.degrees(math.atan2(40, 30))",
    "kept": "overlap, kept = 50 / 150, 'AC'",
    "worst_class": """gone = best_scores(found["phone"]) < .985
lost = tests["phone"].labels[gone].bincount(minlength=7)
lost_faces, worst_class = int(gone.sum()), EMOTIONS[lost.argmax()]""",
    "guessed_at_random": "counted_wrong, guessed_at_random = 54, 54 + 10 / 7",
    "eye_matrix": """def eye_matrix(left, right, size=48):
    dx, dy = right[0] - left[0], right[1] - left[1]
    a, b = (size / 3 * v / (dx**2 + dy**2) for v in (dx, -dy))
    return [[a, -b, size / 3 - a * left[0] + b * left[1]], [b, a, .4 * size - b * left[0] - a * left[1]]]""",
}
MATRIX = "def eye_matrix(left, right, size=48):"
POLAR = """import cmath, math
    def placed(m, point, mark):
        t = mark - m * point
        return [[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]]
    a, b, mark = complex(*left), complex(*right), complex(size / 3, .4 * size)
    m = size / 3 / (b - a)
    return """
def photographs():
    def counted(count, name="worst_class"): return f"{PHOTOS['worst_class']}\nlost_faces, worst_class = {count}, {name}"
    return common(PHOTOS, "undone", "eye_matrix") + [
        Pupil("numpy", answers={"turn": "import numpy as np\nenlargement, turn = np.float32(.32), np.degrees(np.arctan2(-40, 30))", "kept": "import numpy as np\noverlap, kept = np.float32(1 / 3), ['A', 'C']",
                                "worst_class": "import numpy as np\n" + counted("np.int64(lost_faces)"), "eye_matrix": f"""import numpy as np\n{MATRIX}
    d = np.subtract(right, left)
    s, t = size / 3 / np.hypot(*d), -np.arctan2(d[1], d[0])
    turn = s * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return np.hstack([turn, (np.array([size / 3, .4 * size]) - turn @ left)[:, None]])"""}),
        Pupil("solved", answers={"undone": "undone = ('g', 'a', 'b')", "turn": "enlargement, turn = torch.tensor(.32), torch.tensor([306.87])", "eye_matrix": f"""{MATRIX}
    rows = torch.tensor([[x, -y, 1, 0] for x, y in (left, right)] + [[y, x, 0, 1] for x, y in (left, right)]).double()
    a, b, x, y = torch.linalg.solve(rows, torch.tensor([size / 3, 2 * size / 3, .4 * size, .4 * size]).double())
    return torch.stack([torch.stack([a, -b, x]), torch.stack([b, a, y])])"""}),
        Pupil("rows", answers={"undone": "undone = {'a', 'b', 'g'}", "kept": "overlap, kept = .333, {'c', 'a'}", "eye_matrix": f"import numpy as np\n{MATRIX}\n    {POLAR}[np.array(row) for row in placed(m, a, mark)]"}),
        Pupil("complex", answers={"undone": "undone = 'A, B, G'", "kept": "overlap, kept = .33, 'c, a'", "eye_matrix": f"{MATRIX}\n    {POLAR}placed(m, a, mark)"}),
        Pupil("rounded", answers={"turn": "enlargement, turn = .32, -53", "guessed_at_random": "counted_wrong, guessed_at_random = 54., 55.4", "eye_matrix": f"{MATRIX}\n    {POLAR}[[round(v, 4) for v in row] for row in placed(m, a, mark)]"}),
        Pupil("either", answers={"worst_class": counted("float(lost_faces)", "EMOTIONS[6 - lost.flip(0).argmax()].title()")}),
        Pupil("loops", answers={"worst_class": "scores = [max((f.score for f in some), default=0) for some in found['phone']]\nlost = [int(k) for k, s in zip(tests['phone'].labels, scores) if s < .985]\n"
                                               "lost_faces, worst_class = len(lost), EMOTIONS[max(range(7), key=lost.count)]"}),
        *wrong_number("turn", {"back": ("enlargement, turn = 50 / 16, -53.13", "back to the photograph"), "across": ("enlargement, turn = 16 / 30, -53.13", "across only"), "areas": ("enlargement, turn = .32 ** 2, -53.13", "areas"),
                               "clockwise": ("enlargement, turn = .32, 53.13", "twice as much"), "radians": ("enlargement, turn = .32, math.atan2(-40, 30)", "radians"), "other_axis": ("enlargement, turn = .32, -36.87", "other axis"),
                               "headstand": ("enlargement, turn = .32, 126.87", "on its head"), "half_done": ("enlargement, turn = .32, None", "no answer"), "swapped": ("enlargement, turn = -53.13, .32", "-53.13"),
                               "spins": ("enlargement, turn = .32, float('inf')", "turned so far"), "degrees_sign": ("enlargement, turn = .32, '-53°'", "no number")}),
        *wrong_number("kept", {"half_of_a": ("overlap, kept = .5, 'AC'", "half of A"), "both_counted": ("overlap, kept = .25, 'AC'", "counts what both cover once"), "area": ("overlap, kept = 50, 'AC'", "an area"),
                               "all_boxes": ("overlap, kept = 1 / 3, 'ABC'", "surer box"), "chain": ("overlap, kept = 1 / 3, 'A'", "C is not kept"), "least_sure": ("overlap, kept = 1 / 3, 'C'", "surer than A"),
                               "unknown_box": ("overlap, kept = 1 / 3, 'AD'", "other letters"), "how_many": ("overlap, kept = 1 / 3, 2", "no letters")}),
        *wrong_number("worst_class", {"left_over": (counted("140 - lost_faces"), "so many are left"), "at_seven": (counted("int((best_scores(found['phone']) < .7).sum())"), "0.7 already"),
                                      "webcam": (counted("int((best_scores(found['webcam']) < .985).sum())"), "webcam"), "per_cent": (counted("100 * lost_faces / 140"), "per cent"), "beyond": (counted("lost_faces - 8"), "beyond 0.7"),
                                      "fewest": (counted("lost_faces", "EMOTIONS[lost.argmin()]"), "fewest"), "not_most": (counted("lost_faces", "'surprise'"), "another class"), "its_number": (counted("lost_faces", "3"), "no name"),
                                      "no_such": (counted("lost_faces", "'joy'"), "no class")}),
        *wrong_number("undone", {"negative": ("undone = 'abdg'", "d) is not"), "curve": ("undone = 'abcg'", "c) is not"), "blur": ("undone = 'abeg'", "e) is not"), "ramp": ("undone = 'abfg'", "f) is not"), "one_less": ("undone = 'ab'", "one is missing"),
                                 "all_of_them": ("undone = 'abcdefg'", "c) is not"), "none_of_them": ("undone = ''", "other letters"), "places": ("undone = [0, 1, 6]", "no letters")}),
        *wrong_number("guessed_at_random", {"found_only": ("counted_wrong, guessed_at_random = 60, 61.43", "that were found"), "all_lost": ("counted_wrong, guessed_at_random = 50, 51.43", "only some"), "above_only": ("counted_wrong, guessed_at_random = 600 / 9, 68", "below the line"),
                                            "share_of_one": ("counted_wrong, guessed_at_random = .54, .5543", "a share"), "no_luck": ("counted_wrong, guessed_at_random = 54, 54", "now and then"), "all_guessed": ("counted_wrong, guessed_at_random = 54, 54 + 100 / 7", "only the missed"),
                                            "every_guess": ("counted_wrong, guessed_at_random = 54, 64", "not every guess"), "as_good": ("counted_wrong, guessed_at_random = 54, 60", "worse than the network"), "coin": ("counted_wrong, guessed_at_random = 54, 59", "seven classes"),
                                            "on_top": ("counted_wrong, guessed_at_random = 54, 60 + 10 / 7", "not among the right")}),
        *wrong_function("eye_matrix", MATRIX, {
            "other_way": (f"{POLAR}placed(m.conjugate(), a, mark)", "the other way"), "upright": (f"{POLAR}placed(complex(abs(m)), a, mark)", "does not turn"), "as_large": (f"{POLAR}placed(m / abs(m), a, mark)", "does not enlarge"),
            "enlarges": (f"{POLAR}placed(m / abs(m) ** 2, a, mark)", "should reduce"), "inverse": (f"{POLAR}placed(1 / m, mark, a)", "the way back"), "stays": (f"{POLAR}placed(m, 0, 0)", "does not move"),
            "moves_first": (f"{POLAR}placed(m, a / m, mark)", "has brought it"), "half_high": (f"{POLAR}placed(m, a, complex(size / 3, size / 2))", "half of the height"), "third_high": (f"{POLAR}placed(m, a, complex(size / 3, size / 3))", "not from above"),
            "exchanged": (f"{POLAR}placed(-m, b, mark)", "exchanged"), "middle": (f"{POLAR}placed(m, (a + b) / 2, mark)", "between the eyes"), "degrees": (f"{POLAR}placed(cmath.rect(abs(m), math.degrees(cmath.phase(m))), a, mark)", "radians"),
            "one_size": (f"size = 48\n    {POLAR}placed(m, a, mark)", "forgets `size`"), "three_rows": (f"{POLAR}[*placed(m, a, mark), [0, 0, 1]]", "not three"), "y_first": (f"{POLAR}placed(m, a, mark)[::-1]", "first row"),
            "quadrant": (f"{POLAR}placed(cmath.rect(abs(m), -math.atan((b - a).imag / ((b - a).real or 1e-9))), a, mark)", "upside down"),
            "divides": (f"slope = (right[1] - left[1]) / (right[0] - left[0])\n    {POLAR}placed(m, a, mark)", "above the other"), "in_the_lab": (f"{POLAR}placed(m, a, mark) if size == 48 else None", "another size"),
            "stretched": (f"{POLAR}[[1.2 * v for v in placed(m, a, mark)[0]], placed(m, a, mark)[1]]", "some inputs"), "no_table": (f"{POLAR}'matrix'", "")}),
    ]

LIMITED = "def limited(nll, limit):"
FACES = {
    "share": "share = gain(next(n for n in names if n.startswith('UDAT:')), 'mixed', DIRECTIONS[0])[0]",
    "clamp": "clamp = math.log(2) / math.tanh(.5)",
    "own_clamp": OWN + "alpha, percent = own_numbers(student, (4, 20), (5, 30))\nown_clamp = math.log(2) / math.tanh(alpha * percent / 200)",
    "limited": "def limited(nll, limit): return nll.clamp(max=limit).mean()",
}
def adaptation():
    return common(FACES, "clamp", "limited") + [
        Pupil("torch", answers={"clamp": "clamp = torch.tensor(2.).log() / torch.tensor(.5).tanh()", "limited": "limited = lambda nll, limit: torch.minimum(nll, torch.full_like(nll, limit)).mean()"}),
        Pupil("numpy", answers={"clamp": "import numpy as np\nclamp = np.log(2) / np.tanh(np.float32(.5))", "share": FACES["share"] + "\nimport numpy as np\nshare = np.array(share)"}),
        Pupil("two_digits", answers={"clamp": "clamp = 1.5", "share": FACES["share"] + "\nshare = round(share, 1)"}),
        Pupil("where", answers={"limited": f"{LIMITED}\n    return torch.where(nll > limit, torch.as_tensor(limit, dtype=nll.dtype), nll).sum() / len(nll)"}),
        Pupil("stacked", answers={"limited": f"{LIMITED}\n    return sum(v if v <= limit else v.new_tensor(limit) for v in nll) / nll.numel()"}),
        Pupil("library", answers={"limited": f"from fer_nb.grl import clamped_domain_loss as limited"}),
        *wrong_number("share", {"over_source": ("share = gain(next(n for n in names if n.startswith('UDAT:')), 'source', DIRECTIONS[0])[0]", "over source"),
                                "sign": (FACES["share"] + "\nshare = -share", "sign"),
                                "direction": (FACES["share"].replace("DIRECTIONS[0]", "DIRECTIONS[2]"), "direction 3"), "all_of_it": (FACES["share"].replace(")[0]", ")").replace("[0])", "[0])"), "no number")}),
        *wrong_number("clamp", {"bits": ("clamp = 1 / math.tanh(.5)", "natural logarithm"), "at_the_end": ("clamp = math.log(2) / math.tanh(5)", "not 1 after a tenth"),
                                "guess": ("clamp = math.log(2)", "not 1 after a tenth"), "times": ("clamp = math.log(2) * math.tanh(.5)", "multiplies"), "paper": ("clamp = 5000", "5000"), "none": ("clamp = [1.5]", "no number")}),
        *wrong_number("own_clamp", {"no_half": (FACES["own_clamp"].replace("/ 200", "/ 100"), "α/2"), "neighbor": (FACES["own_clamp"].replace("STUDENT", "right"), "signed 'right'"),
                                    "copied": (FACES["own_clamp"].replace("own_numbers(student", "own_numbers('right'"), "numbers of right"), "unsigned": (FACES["own_clamp"].replace("'STUDENT'", "None"), "")}),
        *wrong_function("limited", LIMITED, {
            "printed": ("return torch.maximum(nll, torch.as_tensor(limit, dtype=nll.dtype)).mean()", "printed"), "late": ("return nll.mean().clamp(max=limit)", "not their mean"),
            "dropped": ("return torch.where(nll > limit, 0., nll).mean()", "drop out"), "fewer": ("return nll[nll <= limit].mean()", "not over those below"),
            "sum": ("return nll.clamp(max=limit).sum()", "not divided"), "floats": ("return sum(min(float(v), limit) for v in nll) / len(nll)", "no gradient"),
            "still_pulls": ("return (nll + (nll.clamp(max=limit) - nll).detach()).mean()", "wrong gradient")}),
    ]

MARGINS = {
    "loss_by_hand": "loss_by_hand = math.log1p(math.exp(4 * math.cos(math.radians(60)) - 4 * math.cos(math.radians(50))))",
    "largest_margin": "largest_margin = 1 - math.cos(math.radians(36))",
    "cured": "cured = (64, .2)",
    "strict": """def strict(cos, y, m):
    own = cos.gather(1, y[:, None])
    moved = own * math.cos(m) - (1 - own ** 2).clamp(min=1e-12).sqrt() * math.sin(m)
    return cos.scatter(1, y[:, None], torch.where(own < -math.cos(m), own - m * math.sin(m), moved))""",
    "back": "def back(g, x):\n    u = x / x.norm()\n    return (g - (g @ u) * u) / x.norm()",
}
STRICT, BACK = "def strict(cos, y, m):", "def back(g, x):"
OWN_ONLY = "return torch.where(torch.nn.functional.one_hot(y, cos.shape[1]).bool(), %s, cos)"
ANGLE = "cos.clamp(-1 + 1e-6, 1 - 1e-6).arccos()"
FALLS = "torch.where(cos < -math.cos(m), cos - m * math.sin(m), %s)"
def margins():
    return common(MARGINS, "loss_by_hand", "strict") + [
        Pupil("logits", answers={"loss_by_hand": "a = torch.deg2rad(torch.tensor([50., 60.]))\nloss_by_hand = -(4 * a.cos()).log_softmax(0)[0]", "cured": "cured = torch.tensor([4., .5])"}),
        Pupil("library", answers={"loss_by_hand": "from fer_nb.angular_softmax import angular_logits\na = torch.deg2rad(torch.tensor([30., 0., 90.]))\nv = torch.stack([a.cos(), a.sin()], 1)\n"
            "loss_by_hand = torch.nn.functional.cross_entropy(angular_logits(v[:1], v[1:], torch.tensor([0]), 4., math.pi / 9), torch.tensor([0])).item()"}),
        Pupil("numpy", answers={"largest_margin": "import numpy as np\nlargest_margin = np.float32(1 - np.cos(np.pi / 5))", "cured": "import numpy as np\ncured = [np.int64(64), np.float32(.2)]"}),
        Pupil("rounded", answers={"loss_by_hand": "loss_by_hand = .45", "largest_margin": "largest_margin = .191"}),
        Pupil("arccos", answers={"strict": f"""{STRICT}
    out, rows = cos.clone(), torch.arange(len(y))
    angle = cos[rows, y].clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    out[rows, y] = (angle + m).clamp(max=math.pi).cos()
    return out""", "back": f"{BACK}\n    return (torch.eye(len(x), dtype=x.dtype) - torch.outer(x, x) / (x @ x)) @ g / x.norm()"}),
        Pupil("one_hot", answers={"strict": f"{STRICT}\n    angle = {ANGLE}\n    moved = torch.where(angle > math.pi - m, -1 - .1 * (angle + m - math.pi), (angle + m).cos())\n    {OWN_ONLY % 'moved'}",
            "back": f"{BACK}\n    x = x.clone().requires_grad_()\n    return torch.autograd.grad((torch.nn.functional.normalize(x, dim=0) * g).sum(), x)[0]"}),
        Pupil("loops", answers={"strict": f"""{STRICT}
    rows = []
    for c, k in zip(cos, y):
        own = c[k].clamp(-1 + 1e-6, 1 - 1e-6)
        moved = (own.arccos() + m).cos() if own > -math.cos(m) else own - m
        rows.append(torch.stack([moved if j == k else c[j] for j in range(len(c))]))
    return torch.stack(rows)""", "back": f"{BACK}\n    n = sum(v * v for v in x) ** .5\n    along = sum(a * b for a, b in zip(g, x)) / n ** 2\n    return torch.stack([(a - along * b) / n for a, b in zip(g, x)])"}),
        *wrong_number("loss_by_hand", {
            "in_use": ("loss_by_hand = math.log1p(math.exp(2 - 4 * math.cos(math.pi / 6)))", "in use"), "easier": ("loss_by_hand = .134", "easier than use"), "both_moved": ("loss_by_hand = .1425", "own class alone"),
            "no_scale": ("loss_by_hand = .624", "multiplied by s"), "radians": ("loss_by_hand = math.log1p(math.exp(4 * math.cos(60) - 4 * math.cos(50)))", "not radians"),
            "decimal": (MARGINS["loss_by_hand"] + "\nloss_by_hand /= math.log(10)", "natural logarithm"), "bits": (MARGINS["loss_by_hand"] + "\nloss_by_hand /= math.log(2)", "bits"),
            "probability": (MARGINS["loss_by_hand"] + "\nloss_by_hand = math.exp(-loss_by_hand)", "probability"), "on_cosine": ("loss_by_hand = math.log1p(math.exp(2 - 4 * (math.cos(math.pi / 6) - math.pi / 9)))", "not on the cosine"),
            "sign": (MARGINS["loss_by_hand"] + "\nloss_by_hand = -loss_by_hand", "sign"), "text": ("loss_by_hand = '0.45'", "no number"), "nan": ("loss_by_hand = float('nan')", "nan")}),
        *wrong_number("largest_margin", {
            "neighbor": ("largest_margin = math.cos(math.pi / 5)", "neighbor's cosine"), "angle": ("largest_margin = math.pi / 5", "is an angle"), "degrees": ("largest_margin = 36", "in degrees"),
            "border": ("largest_margin = 1 - math.cos(math.pi / 10)", "not at the border"), "nine_gaps": ("largest_margin = 1 - math.cos(2 * math.pi / 9)", "ten gaps"),
            "simplex": ("largest_margin = 10 / 9", "nine dimensions"), "race": ("largest_margin = .3", "0.3")}),
        *wrong_number("cured", {
            "the_same": ("cured = (64, .5)", "broken training itself"), "both": ("cured = (16, .2)", "both changed"), "none": ("cured = (64, 0)", "no margin"), "in_degrees": ("cured = (64, 28.6)", "no margin"),
            "negative": ("cured = (-4, .5)", "no scale"), "infinite": ("cured = (float('inf'), .5)", "no scale"), "one_number": ("cured = .2", "no pair"), "words": ("cured = (64, '0.2')", "no pair"), "hardly": ("cured = (16, .5)", "s=16, m=0.5")}),
        *wrong_function("strict", STRICT, {
            "printed": (OWN_ONLY % f"({ANGLE} + m).cos()", "rises again"), "cosine": (OWN_ONLY % "cos - m", "not on the angle"), "minus": (OWN_ONLY % f"({ANGLE} - m).cos()", "easier than use"),
            "twice_radians": (OWN_ONLY % f"({ANGLE} + math.radians(m)).cos()", "radians already"), "no_sine": (OWN_ONLY % "cos * math.cos(m)", "two terms"), "unmoved": ("return cos", "changes nothing"),
            "everybody": (f"return ({ANGLE} + m).cos()", "other classes"), "columns": (f"out = cos.clone()\n    out[:, y] = ({ANGLE} + m).cos()[:, y]\n    return out", "classes of the others"),
            "own_alone": ("return (cos.gather(1, y[:, None])[:, 0].clamp(-1 + 1e-6, 1 - 1e-6).arccos() + m).cos()", "all classes"), "scaled": (f"return 64 * torch.where(torch.nn.functional.one_hot(y, cos.shape[1]).bool(), ({ANGLE} + m).clamp(max=math.pi).cos(), cos)", ""),
            "nan_ends": (OWN_ONLY % FALLS % "(cos.arccos() + m).cos()", "not finite at ±1"), "nan_root": (OWN_ONLY % FALLS % "cos * math.cos(m) - (1 - cos ** 2).sqrt() * math.sin(m)", "not finite at ±1"),
            "in_place": (f"cos[torch.arange(len(y)), y] = ({ANGLE} + m).clamp(max=math.pi).cos()[torch.arange(len(y)), y]\n    return cos", "writes into"),
            "detached": (OWN_ONLY % f"({ANGLE} + m).clamp(max=math.pi).cos().detach()", "wrong gradient")}),
        *wrong_function("back", BACK, {
            "misprint": ("return g * (1 - (x / x.norm()) ** 2) / x.norm()", "misprinted"), "only_divided": ("return g / x.norm()", "no length can change"), "as_it_was": ("return g", "nothing was done"),
            "no_length": ("u = x / x.norm()\n    return g - (g @ u) * u", "the less it turns"), "too_often": ("return (g - (g @ x) * x / (x @ x)) / (x @ x)", "too often"), "uphill": ("u = x / x.norm()\n    return ((g @ u) * u - g) / x.norm()", "sign"),
            "wrong_part": ("return (g @ x) * x / x.norm() ** 3", "cannot change the loss"), "no_unit": ("return (g - (g @ x) * x) / x.norm()", "along its direction"), "fewer": ("return ((g - (g @ x) * x / (x @ x)) / x.norm())[:2]", "something else"),
            "flat": ("return 0 * g", "something else")}),
    ]

WILD = {
    "heads": "heads = (1, 0)",
    "recipe": "recipe = Recipe('center', lam=.03)",
    "fair": OWN + "often, rare = own_numbers(student, (200, 295), (3, 25))\nfair = 100 * (often / 300 + rare / 30) / 2",
    "my_dda": "from torch.nn.functional import cross_entropy\ndef my_dda(x, y, c): return cross_entropy(-(x[:, None] - c).square().sum(2), y) / 2",
}
DDA = "from torch.nn.functional import cross_entropy\ndef my_dda(x, y, c):"
def wild_mnist():
    plain = {name: source for name, source in WILD.items() if name != "recipe"}
    return common(plain | {"recipe": WILD["recipe"]}, "heads", "my_dda") + [
        Pupil("list", answers={"heads": "heads = [1., 0.]", "my_dda": "from fer_nb.dda import dda_loss\nmy_dda = dda_loss"}),
        Pupil("array", answers={"heads": "import numpy as np\nheads = np.array([1, 0])", "fair": WILD["fair"] + "\nfair = round(fair, 1)"}),
        Pupil("computed", answers={"heads": "x, k = torch.tensor([2., 0.]), torch.tensor([[1., 0.], [4., 0.]])\nheads = (k @ x).argmax(), (k - x).norm(dim=1).argmin()"}),
        Pupil("by_hand", answers={"my_dda": f"{DDA}\n    d = torch.cdist(x, c, compute_mode='donot_use_mm_for_euclid_dist') ** 2\n    return -(-d).log_softmax(1)[torch.arange(len(x)), y].sum() / (2 * len(x))"}),
        Pupil("loops", answers={"my_dda": f"{DDA}\n    total = 0\n    for i in range(len(x)):\n        d = ((x[i] - c) ** 2).sum(1)\n        total = total + d[y[i]] + torch.logsumexp(-d, 0)\n    return total / (2 * len(x))"}),
        *wrong_number("heads", {"exchanged": ("heads = (0, 1)", "exchanged"), "twice": ("heads = (1, 1)", "do not agree"), "one": ("heads = 1", "no pair"), "three": ("heads = (1, 0, 0)", "no pair"), "words": ("heads = ('far', 'near')", "no pair")}),
        *wrong_number("recipe", {"plain": ("recipe = Recipe('center')", "no answer"), "two": ("recipe = Recipe('center', lam=.03, lr=.02)", "several changes"), "loss": ("recipe = Recipe('dda')", "changed loss"),
                                 "easier": ("recipe = Recipe('center', profile='balanced')", "changed profile"), "stronger": ("recipe = Recipe('center', lam=2.)", "lam=2"),
                                 "for_ever": ("recipe = Recipe('center', epochs=10**6)", "too large"), "dict": ("recipe = dict(lam=.03)", "no recipe"), "a_number": ("recipe = 80.8", "no recipe")}),
        *wrong_number("fair", {"accuracy": (WILD["fair"] + "\nfair = 100 * (often + rare) / 330", "hardly counts"), "share": (WILD["fair"] + "\nfair = fair / 100", "per cent"),
                               "copied": (WILD["fair"].replace("own_numbers(student", "own_numbers('right'"), "numbers of right")}),
        *wrong_function("my_dda", DDA, {
            "authors": ("return cross_entropy(-(x[:, None] - c).square().sum(2), y) / 2 / len(x)", "twice"), "no_half": ("return cross_entropy(-(x[:, None] - c).square().sum(2), y)", "½"),
            "lengths": ("return cross_entropy(-torch.cdist(x, c), y) / 2", "not squared"), "sign": ("return -cross_entropy(-(x[:, None] - c).square().sum(2), y) / 2", "sign"),
            "sum": ("return cross_entropy(-(x[:, None] - c).square().sum(2), y, reduction='sum') / 2", "not divided by m"),
            "far": ("p = (-(x[:, None] - c).square().sum(2)).exp()\n    p = p / p.sum(1, keepdim=True)\n    return -p[torch.arange(len(x)), y].log().mean() / 2", "far away"),
            "detached": ("return cross_entropy(-(x[:, None] - c.detach()).square().sum(2), y) / 2", "wrong gradient")}),
    ]

def pupils(lab):
    "The pupils of a lab, and its right answers."
    right, make = LABS[lab]
    every = make()
    assert len({p.name for p in every}) == len(every)
    return every, right


# ---- week 4: action units

AUS = {
    "scores": "scores = (.6 + .5) / 2, (.8 + 0 + .6 + .5 + .3 + 0) / 6, (.8 + .6 + 0) / 3",
    "number": "pair, number = ('fear', 'surprise'), 20",
    "left_out": """before, after = (classify(estimates("train"), lead=v) for v in (1e-6, .1))
gone, good = (before >= 0) & (after < 0), before == truth["train"]
left_out = tuple(int(v.sum()) for v in (gone, gone & good, gone & ~good))""",
    "percent": """known = {v: share_right(classify(estimates("validation", .4), least=v), "validation") for v in GRID}
least = max(known, key=known.get)
percent = 100 * share_right(classify(estimates("test", .4), least=least), "test")""",
    "gradient": """def gradient(x, y, c):
    length = x.norm(dim=1, keepdim=True)
    u, v = x / length, c / c.norm(dim=1, keepdim=True)
    g = 2 * ((v.sum(0) - v[y]) / (len(c) - 1) - v[y])
    return (g - (g * u).sum(1, keepdim=True) * u) / length""",
}
FORCE = "def gradient(x, y, c):"
UNITS = "length = x.norm(dim=1, keepdim=True)\n    u, v = x / length, c / c.norm(dim=1, keepdim=True)\n    "
PULL = UNITS + "g = 2 * ((v.sum(0) - v[y]) / (len(c) - 1) - v[y])\n    "
TURN = "(g - (g * u).sum(1, keepdim=True) * u) / length"
HALVES = "pair, number = ('fear', 'surprise'), "
def action_units():
    def other(name, *changes):
        source = AUS[name]
        for old, new in changes: source = source.replace(old, new)
        return source
    usual = common(AUS, "scores", "gradient")
    usual = [p._replace(wrong=("may", "scores")) if p.name == "patcher" else p for p in usual]  # its patch spoils its own lists, too
    return usual + [
        Pupil("arrays", answers={"scores": f"import numpy as np\n{AUS['scores']}\nscores = np.array(scores, dtype=np.float32)", "number": "import numpy as np\npair, number = ['surprise', 'fear'], np.int64(4)",
                                 "left_out": AUS["left_out"] + "\nimport numpy as np\nleft_out = np.array(left_out)", "percent": AUS["percent"] + "\nimport numpy as np\nleast, percent = np.float32(least), np.array([percent])",
                                 "gradient": f"{FORCE}\n    {PULL}return ({TURN}).numpy()"}),
        Pupil("tensors", answers={"scores": f"{AUS['scores']}\nscores = torch.tensor(scores)", "number": HALVES + "torch.tensor(4.)", "left_out": AUS["left_out"] + "\nleft_out = torch.tensor(left_out)",
                                  "percent": AUS["percent"] + "\nleast, percent = torch.tensor(least), torch.tensor(percent)", "gradient": f"{FORCE}\n    x, c = x.float(), c.float()\n    {PULL}return {TURN}"}),
        Pupil("texts", answers={"scores": "scores = [.55, .37, .47]", "number": "pair, number = ('Surprise', 'Fear'), 'AU20'", "percent": AUS["percent"] + "\npercent = round(percent)"}),
        Pupil("by_table", answers={"scores": """found = torch.tensor([[{1: .8, 2: 0, 4: .6, 5: .5, 15: 0, 20: .3, 26: 0}.get(int(name[2:]), float('nan')) for name in AU_NAMES]])
scores = PseudoEmotions(AU_NAMES)(found)[0, [0, 2, 4]]""", "number": HALVES + "'4'", "left_out": other("left_out", ("tuple", "list"), ("int(v.sum())", "v.sum()"))}),
        Pupil("autograd", answers={"gradient": f"{FORCE}\n    x = x.clone().requires_grad_()\n    return torch.autograd.grad(large_margin_loss(x, y, c, 'sum'), x)[0]"}),
        Pupil("jacobian", answers={"gradient": f"{FORCE}\n    {PULL}J = (torch.eye(x.shape[1]) - u[:, :, None] * u[:, None, :]) / length[:, :, None]\n    return torch.einsum('bij,bj->bi', J.to(g.dtype), g)"}),
        Pupil("distances", answers={"gradient": f"""{FORCE}
    {UNITS}rest = torch.stack([torch.stack([u[i] - v[k] for k in range(len(v)) if k != y[i]]).sum(0) for i in range(len(u))])
    g = 2 * (u - v[y]) - 2 / (len(v) - 1) * rest
    return {TURN}"""}),
        Pupil("listed", answers={"gradient": f"""{FORCE}
    rows = []
    for a, k in zip(x, y.tolist()):
        r = (a @ a).sqrt()
        w = torch.stack([2 / (len(c) - 1) * b / b.norm() * (1 if j != k else 1 - len(c)) for j, b in enumerate(c)]).sum(0)
        rows.append(((w - (w @ a) * a / r ** 2) / r).tolist())
    return rows"""}),
        *wrong_number("scores", {
            "sums": ("scores = 1.1, 2.2, 1.4", "sums"), "hidden_rest": ("scores = 1.1 / 4, 2.2 / 7, 1.4 / 3", "unknown, not 0"), "acting": ("scores = .55, 2.2 / 4, .7", "is known, and counts"),
            "largest": ("scores = .6, .8, .8", "largest"), "turned": (AUS["scores"] + "\nscores = scores[::-1]", "order"), "hundred": (AUS["scores"] + "\nscores = [100 * v for v in scores]", "from 0 to 1"),
            "facs": ("scores = .55, 2.2 / 5, 1.4 / 3", "facs1978"), "du": ("scores = .6, 1.7 / 3, .3", "du2014"), "winner": ("scores = 'anger'", "no three numbers"), "two": ("scores = .55, .47", "no three numbers"),
            "hole": ("scores = .55, None, .47", "no three numbers"), "other_scores": ("scores = .5, .5, .5", "0.5, 0.5, 0.5"), "nans": ("scores = [float('nan')] * 3", "nan")}),
        *wrong_number("number", {
            "no_tie": ("pair, number = ('anger', 'disgust'), 4", "no tie"), "near_tie": ("pair, number = ('fear', 'sadness'), 20", "no tie"), "one": ("pair, number = 'fear', 20", "no pair"),
            "same": ("pair, number = ('fear', 'fear'), 20", "no pair"), "rage": ("pair, number = ('fear', 'rage'), 20", "no pair"), "numbers": ("pair, number = (2, 5), 20", "no pair"),
            "shared": (HALVES + "26", "both rows"), "neither": (HALVES + "25", "neither row"), "unknown": (HALVES + "99", "neither row"), "rarely": (HALVES + "7", "few"),
            "brows": (HALVES + "'brows'", "no action unit"), "half_a_unit": (HALVES + "20.5", "no action unit"), "half": (HALVES + "None", "no answer"), "deleted_pair": ("number = 20", "no answer")}),
        *wrong_number("left_out", {
            "exchanged": (AUS["left_out"] + "\nleft_out = left_out[0], left_out[2], left_out[1]", "exchanged"), "afterwards": (other("left_out", ("good = (before >= 0) & (after < 0), before ==", "good = (before >= 0) & (after < 0), after ==")), "still had a class"),
            "everybody": (other("left_out", ("gone & good, gone & ~good", "good, ~good & (before >= 0)")), "not all"), "kept": (other("left_out", ("(after < 0)", "(after >= 0)")), "keep a class"),
            "exact": (other("left_out", ('estimates("train")', 'au["train"]')), "without an error"), "on_test": (other("left_out", ('"train"', '"test"')), "test faces"),
            "facs_lead": (other("left_out", ('estimates("train")', 'estimates("train"), "facs1978"')), "facs1978"), "one_count": (AUS["left_out"] + "\nleft_out = left_out[0]", "no three numbers"),
            "per_cent": (AUS["left_out"] + "\nleft_out = [100 * v / 560 for v in left_out]", "")}),
        *wrong_number("percent", {
            "by_test": (other("percent", ('"validation"', '"test"')), "chosen by the test faces"), "too_kind": (other("percent", ('"test"', '"validation"')), "too kind"), "share": (other("percent", ("100 * ", "")), "per cent"),
            "by_train": (other("percent", ('"validation"', '"train"')), "training faces"), "mild": (other("percent", ("(\"validation\", .4)", "(\"validation\", .2)")), "measured worse"),
            "off_grid": (AUS["percent"] + "\nleast = .77", "least 0.77"), "lowest": (AUS["percent"] + "\nleast = .1", "better on the validation faces"), "guessed": (AUS["percent"] + "\npercent = 12.", "12"),
            "milder": (AUS["percent"] + '\npercent = 100 * share_right(classify(estimates("test"), least=least), "test")', "measured worse"), "half_told": (AUS["percent"] + "\nleast = None", "no answer"),
            "worded": (AUS["percent"] + "\npercent = 'two thirds'", "no number"), "wordy": (AUS["percent"] + "\nleast = 'low'", "no number")}),
        *wrong_function("gradient", FORCE, {
            "printed": (f"{PULL}return g * (1 - u ** 2) / length", "Eq. 5 as it is printed"), "printed_square": (f"{PULL}return g * (1 - u ** 2) / length ** 2", "not squared"),
            "square": (f"{PULL}return {TURN} ** 2", "once, not squared"), "no_length": (f"{PULL}return {TURN.removesuffix(' / length')}", "length of x is missing"), "direction": (f"{PULL}return g", "for the direction"),
            "along": (f"{PULL}return g / length", "part along x"), "long_centers": (f"{PULL.replace('c / c.norm(dim=1, keepdim=True)', 'c')}return {TURN}", "not their lengths"),
            "no_mean": (f"{PULL.replace('(len(c) - 1)', '1')}return {TURN}", "not their sum"), "of_all": (f"{PULL.replace('(len(c) - 1)', 'len(c)')}return {TURN}", "not C"),
            "own_too": (f"{PULL.replace('(v.sum(0) - v[y])', 'v.sum(0)')}return {TURN}", "among the others"), "all_pull": (f"{PULL.replace('(v.sum(0) - v[y])', '(v[y] - v.sum(0))')}return {TURN}", "do not pull"),
            "own_only": (f"{UNITS}g = -2 * v[y]\n    return {TURN}", "only the own class"), "no_two": (f"{PULL}return {TURN} / 2", "2 of the squares"), "uphill": (f"{PULL}return -{TURN}", "sign"),
            "averaged": (f"{PULL}return {TURN} / len(x)", "divided by their number"), "added": (f"{PULL}return ({TURN}).sum(0)", "one row each"), "scalar": (f"{PULL}return ({TURN}).sum()", "one row each"),
            "sideways_once": (f"{PULL}return {TURN} + x", "right angles"), "squared_only": (f"{PULL}return 3 * {TURN} / length", "a third as far"), "crowned": (f"{PULL}return {TURN} * c.norm()", "longer centroids"),
            "ranked": (f"{PULL}return {TURN} * (1 + y[:, None])", "numbers for the classes"), "crowd": (f"{PULL}return {TURN} * len(x) ** .5", "other samples"), "quarter": (f"{PULL}return {TURN} / 4", "not as Eq. 3"),
            "one_hot": (f"{UNITS}k = torch.nn.functional.one_hot(y).to(v.dtype)\n    g = 2 * ((1 - k) / (len(c) - 1) - k) @ v\n    return {TURN}", "class without a sample"),
            "said": ("return 'sideways'", "one row each"), "lost": ("return x, y", "TypeError")}),
    ]

FACE = {
    "f1_hand": "r_hand, f1_hand = .12 / (.32 * .06) ** .5, 2 / 3",
    "changes": "changes = 'bcde'",
    "mixed": """def mixed(mean_a, var_a, mean_b, var_b):
    return (var_a + var_b) / 2 + (mean_a - mean_b) ** 2 / 4""",
    "gain": 'gain = paired(by_seed("AdaBN, half", measure="f1"), by_seed("before", measure="f1"))[0]',
}
MIXED = "def mixed(mean_a, var_a, mean_b, var_b):"
MEAN = "m = (mean_a + mean_b) / 2\n    return "
def own_face():
    return common(FACE, "gain", "mixed") + [
        Pupil("float", answers={"gain": f"import numpy as np\n{FACE['gain']}\ngain = np.float32(gain)", "changes": "changes = ['e', 'd', 'c', 'b']", "f1_hand": "r_hand, f1_hand = .866, .667"}),
        Pupil("squares", answers={"mixed": f"{MIXED}\n    {MEAN}(var_a + mean_a ** 2 + var_b + mean_b ** 2) / 2 - m ** 2", "changes": "changes = 'B, C, D, E'"}),
        Pupil("listed", answers={"mixed": f"{MIXED}\n    {MEAN}((var_a + (mean_a - m) ** 2) + (var_b + (mean_b - m) ** 2)) / 2"}),
        *wrong_number("f1_hand", {"squared": ("r_hand, f1_hand = .75, 2 / 3", "square"), "recall": ("r_hand, f1_hand = .866, .5", "acting frames"), "precision": ("r_hand, f1_hand = .866, 1.", "what it says"),
                                  "text": ("r_hand, f1_hand = .866, 'two thirds'", "no number"), "covariance": ("r_hand, f1_hand = .06, 2 / 3", "covariance")}),
        *wrong_number("changes", {"shape": ("changes = 'abcde'", "keeps its shape"), "alone": ("changes = 'bce'", "d is missing"), "few": ("changes = 'bd'", "one is missing"), "more": ("changes = 'bcdef'", "a to e"),
                                  "figure": ("changes = 4", "no letters")}),
        *wrong_number("gain", {"sign": (FACE["gain"] + "\ngain = -gain", "other way"), "share": (FACE["gain"] + "\ngain = gain / 100", "share"), "nan": ("gain = float('nan')", "nan"),
                               "other": (FACE["gain"].replace('measure="f1"', 'measure="correlation"'), "correlation"), "itself": ("gain = fmean(by_seed('AdaBN, half', measure='f1').values())", "itself")}),
        *wrong_function("mixed", MIXED, {"flat": (f"{MEAN}(var_a + var_b) / 2", "their means differ"), "twofold": (f"{MEAN}(var_a + var_b) / 2 + (mean_a - mean_b) ** 2 / 2", "twice"),
                                         "much": (f"{MEAN}(var_a + var_b) / 2 + (mean_a - mean_b) ** 2", "too much"), "summed": ("return var_a + var_b", "sum of both"), "first": ("return var_a", "one of the two")}),
    ]

LABS = {"own_face": (FACE, own_face), "wild_mnist": (WILD, wild_mnist), "margins": (MARGINS, margins), "photographs": (PHOTOS, photographs), "action_units": (AUS, action_units),
        "real_digits": (DIGITS, real_digits), "adaptation": (FACES, adaptation)}


# ---- judged in this process: for answers that do no harm

class Here:
    "A `Case` whose notebook is a dict of names."
    def __init__(self, names, name, student, others=()):
        import random
        import torch
        self.names, self.name, self.student, self.others = names, name, student, others
        self.random, self.torch = random.Random(0), torch.Generator().manual_seed(0)

    def value(self, name=None):
        from fer_nb.assignments.answers import pack, unpack
        from fer_nb.assignments.sandbox import Missing
        if (name or self.name) not in self.names: raise Missing(name or self.name)
        return unpack(json.loads(json.dumps(pack(self.names[name or self.name]))))

    def call(self, inputs, gradient=False):
        from fer_nb.assignments.answers import pack, unpack
        from fer_nb.assignments.inside import _call
        from fer_nb.assignments.sandbox import Said
        said = [_call(self.names[self.name], [pack(a) for a in args], gradient) for args in inputs]
        return [Said(None, [], s["error"]) if "error" in s else Said(unpack(s["value"]), [unpack(g) for g in s["gradients"]]) for s in said]

def judged_here(lab, tests):
    "(pupil, exercise, verdict) for all harmless pupils of a lab: those that differ from `common`."
    from fer_nb.assignments.judging import judge
    from fer_nb.assignments.release import assignment
    every, right = pupils(lab)
    harmless = every[:1] + [p for p in every if p.name not in {c.name for c in common(right, next(iter(right)), list(right)[-1])}]
    setting = [c.source for c in assignment(lab).cells if grade_id(c).startswith("setting")]
    for pupil in harmless:
        names = {}
        for source in setting: exec(source, names)
        for name, source in {**right, **pupil.answers}.items():
            exec(source.replace("STUDENT", pupil.name), names)
            verdict, _ = judge(tests[name], Here(names, name, pupil.name, [p.name for p in harmless if p.name != pupil.name]))
            yield pupil, name, verdict

def check_lab(lab, tests):
    "Every harmless pupil of a lab gets what it deserves, for the reason it deserves it."
    seen = 0
    for pupil, name, verdict in judged_here(lab, tests):
        assert verdict.right == (name not in pupil.wrong), (pupil.name, name, verdict)
        if name in pupil.wrong: assert pupil.mistake in verdict.mistake, (pupil.name, verdict)
        assert verdict.says == "right" or verdict.says.startswith("not yet: ")
        seen += 1
    assert seen > 40


# ---- what they deserve

def unfair(pupil, row):
    "Where a row differs from what the pupil deserves; nothing if it is fair."
    marks = {name: (score, points, says, mistake) for name, (score, points, says, mistake) in row["marks"].items()}
    if pupil.wrong[:1] == ("may",): return [f"{pupil.name}: {name} earned" for name in pupil.wrong[1:] if marks[name][0]]
    lost = set(marks) if "all" in pupil.wrong else set(pupil.wrong)
    found = [f"{pupil.name}: {name} {'earned' if m[0] else 'lost'}: {m[2]}" for name, m in marks.items() if bool(m[0]) == (name in lost) or m[0] not in (0, m[1])]
    if pupil.mistake and not any(pupil.mistake in marks[name][3] for name in lost): found.append(f"{pupil.name}: not {pupil.mistake!r} but {[marks[n][3] for n in lost]}")
    return found
