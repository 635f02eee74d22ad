"The score studio's functions: what tables say to a face, and the picture of it."
import json

import pytest

from fer_nb import faces
from fer_nb.large_margin import score_figure, score_report

def acting(**intensities): return [intensities.get(n, 0.) for n in faces.AU_NAMES]


def test_score_report():
    report = score_report(acting(AU4=.9), acting(AU6=.8, AU12=.9))
    assert [t["name"] for t in report["tables"]] == ["ekman", "facs1978", "du2014"] and report["aus"] == list(faces.AU_NAMES)
    assert [t["verdict"] for t in report["tables"]] == ["sadness", "ambiguous: disgust or sadness", "sadness"]
    assert [t["seen_verdict"] for t in report["tables"]] == ["happiness"] * 3
    assert report["tables"][1]["tied"] == ["disgust", "sadness"] and report["tables"][1]["winner"] == "" and report["tables"][1]["scores"][1] == .3
    assert score_report(acting())["tables"][0]["verdict"] == "nothing acts" and score_report(acting())["sees"] is None
    assert score_report([acting(AU12=1.), acting()], tables=["ekman"])["au"][faces.AU_NAMES.index("AU12")] == .5
    assert score_report(acting(AU12=1.), [-.5] * 18)["tables"][0]["seen_verdict"] == "nothing acts"
    assert json.loads(json.dumps(report)) == report


def test_score_figure():
    figure = score_figure(score_report(acting(AU4=.9), acting(AU12=1.)))
    assert len(figure.axes) == 3 and all(len(ax.patches) == 6 and len(ax.lines) == 6 for ax in figure.axes)
    hatched = [[p.get_hatch() is not None for p in ax.patches] for ax in figure.axes]
    assert [sum(h) for h in hatched] == [0, 2, 0] and hatched[1][1] and hatched[1][4]
    widths = [p.get_width() for p in figure.axes[0].patches]
    assert widths == score_report(acting(AU4=.9))["tables"][0]["scores"]
    assert not score_figure(score_report(acting(), tables=["compound"])).axes[0].lines


# ---- bad input

BAD = [
    (lambda: score_report([0.] * 17), r"au: expected 18 intensities, or two rows of them, got shape \(17,\)"),
    (lambda: score_report([0.] * 18, [0.] * 3), r"sees: expected 18 intensities, or two rows of them, got shape \(3,\)"),
    (lambda: score_report([0.] * 18, tables=["plutchik"]), "table: expected one of .*, got 'plutchik'"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
