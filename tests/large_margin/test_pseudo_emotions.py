"Pseudo-emotions: tables, scores, ties, and what the available action units cannot tell apart."
import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.testing import assert_close

from fer_nb import faces
from fer_nb.large_margin import EMOTIONET_AUS, PSEUDO_EMOTIONS, SMALL_AUS, TABLES, PseudoEmotions

NAN = float("nan")


def test_tables_are_those_of_the_design():
    assert PSEUDO_EMOTIONS == faces.EMOTIONS[1:] and tuple(TABLES["compound"]) == faces.COMPOUND_EMOTIONS
    assert TABLES["ekman"]["fear"] == (1, 2, 4, 5, 7, 20, 26) and TABLES["facs1978"]["disgust"] == (4, 10, 17) and TABLES["du2014"]["happiness"] == (12, 25)
    known = {int(n[2:]) for n in faces.AU_NAMES}
    for table in TABLES.values(): assert all(set(row) <= known for row in table.values())
    assert len(EMOTIONET_AUS) == 12 and set(SMALL_AUS) < set(EMOTIONET_AUS) < set(faces.AU_NAMES)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("aus", [faces.AU_NAMES, tuple(reversed(faces.AU_NAMES)), tuple(n for n in faces.AU_NAMES if n not in ("AU16", "AU24", "AU43"))])
def test_scores_are_means_of_what_is_available(table, aus):
    g = torch.Generator().manual_seed(1)
    au = torch.rand(20, len(aus), generator=g)
    au[torch.rand(au.shape, generator=g) < .2] = NAN
    scores = PseudoEmotions(aus, table)(au)
    for row, out in zip(au.tolist(), scores.tolist()):
        value = {n: v for n, v in zip(aus, row) if not math.isnan(v)}
        for numbers, score in zip(TABLES[table].values(), out):
            part = [value[f"AU{n}"] for n in numbers if f"AU{n}" in value]
            assert math.isnan(score) if not part else score == pytest.approx(math.fsum(part) / len(part), rel=1e-6)


def test_every_emotion_acts_like_itself():
    for table in TABLES:
        pseudo = PseudoEmotions(faces.AU_NAMES, table)
        found = pseudo.classes(pseudo.part.T)                       # exactly the action units of each emotion
        assert found.scores.diagonal().eq(1).all()
        for k, row in enumerate(TABLES[table].values()):            # an emotion whose action units hold another's ties with it
            held = [e for e, other in TABLES[table].items() if set(other) <= set(row)]
            assert (found.classes[k] == k) == (len(held) == 1)
            assert [e for e, t in zip(pseudo.emotions, found.tied[k]) if t] == (held if len(held) > 1 else [])


def test_nothing_acts_and_ties():
    pseudo = PseudoEmotions(faces.AU_NAMES, "facs1978")
    au = torch.zeros(4, 18)
    au[1, faces.AU_NAMES.index("AU4")] = .9                          # a third of disgust and of sadness
    au[2] = NAN
    au[3, [faces.AU_NAMES.index(n) for n in ("AU6", "AU12")]] = .3
    found = pseudo.classes(au)
    assert found.classes.tolist() == [-1, -1, -1, PSEUDO_EMOTIONS.index("happiness")]
    assert found.tied.nonzero().tolist() == [[1, PSEUDO_EMOTIONS.index("disgust")], [1, PSEUDO_EMOTIONS.index("sadness")]]
    assert found.scores[2].isnan().all() and not found.scores[0].any()
    assert PseudoEmotions(faces.AU_NAMES, "facs1978", least=.25).classes(au).classes.tolist() == [-1] * 4
    close_call = torch.zeros(1, 18)
    close_call[0, [faces.AU_NAMES.index(n) for n in ("AU6", "AU9")]] = torch.tensor([.5, .8])       # ekman: happiness .25, disgust .267
    assert PseudoEmotions(faces.AU_NAMES).classes(close_call).classes == PSEUDO_EMOTIONS.index("disgust")
    loose = PseudoEmotions(faces.AU_NAMES, lead=.05).classes(close_call)
    assert loose.classes == -1 and loose.tied[0].sum() == 2


def test_rounding_makes_no_winner():
    au = torch.full((1, 18), .1)                                     # every mean is 0.1, whatever float32 makes of it
    for table in TABLES: assert PseudoEmotions(faces.AU_NAMES, table).classes(au).classes == -1


def test_ambiguities_of_the_available_action_units():
    assert PseudoEmotions(faces.AU_NAMES, "du2014").ambiguities() == []
    assert PseudoEmotions(EMOTIONET_AUS, "du2014").ambiguities() == [("anger", "sadness")]
    assert PseudoEmotions(["AU04", 12, "au25", "9", "AU2"], "du2014").aus == ("AU4", "AU12", "AU25", "AU9", "AU2")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), table=st.sampled_from(sorted(TABLES)))
def test_pseudo_classes_are_consistent(seed, table):
    g = torch.Generator().manual_seed(seed)
    au = torch.rand(12, 18, generator=g) * (torch.rand(12, 18, generator=g) < .4)
    pseudo = PseudoEmotions(faces.AU_NAMES, table)
    found = pseudo.classes(au)
    order = torch.randperm(18, generator=g)
    again = PseudoEmotions([faces.AU_NAMES[i] for i in order], table).classes(au[:, order])
    assert_close(again.scores, found.scores)
    assert torch.equal(again.classes, found.classes)
    best = found.scores.max(1).values
    for i, k in enumerate(found.classes.tolist()):
        if k >= 0: assert found.scores[i, k] == best[i] > 0 and not found.tied[i].any()
        else: assert best[i] == 0 or found.tied[i].sum() > 1
    assert_close(pseudo(2 * au), 2 * pseudo(au))


def test_scores_carry_gradients_and_low_precision():
    pseudo = PseudoEmotions(faces.AU_NAMES)
    au = torch.rand(3, 18, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pseudo.double(), au)
    assert PseudoEmotions(faces.AU_NAMES)(torch.rand(3, 18).bfloat16()).dtype == torch.float32


# ---- bad input

EKMAN = PseudoEmotions(faces.AU_NAMES)
BAD = [
    (lambda: PseudoEmotions("AU1"), "aus: expected a list of action units, like .*, got 'AU1'"),
    (lambda: PseudoEmotions([]), "aus: expected at least one action unit and none twice, got none"),
    (lambda: PseudoEmotions(["AU1", "AU01"]), "aus: expected at least one action unit and none twice, got AU1 twice"),
    (lambda: PseudoEmotions(faces.AU_NAMES, "emfacs"), "table: expected one of ekman, facs1978, du2014, compound, got 'emfacs'"),
    (lambda: PseudoEmotions(["AU1", "AU4"]), r"aus: expected at least one action unit of disgust, \(9, 15, 16\), for the table 'ekman', got none of them"),
    (lambda: PseudoEmotions(faces.AU_NAMES, least=-1.), "least: expected a finite number of at least 0, got -1.0"),
    (lambda: PseudoEmotions(faces.AU_NAMES, lead=NAN), "lead: expected a finite number of at least 0, got nan"),
    (lambda: EKMAN(torch.zeros(4, 17)), r"au: expected floating-point intensities \(B, 18\), got \(4, 17\) of torch.float32"),
    (lambda: EKMAN(torch.zeros(4, 18, dtype=torch.int64)), "au: .*got .* of torch.int64"),
    (lambda: EKMAN.classes([0.] * 18), "au: .*got list"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_is_named(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message): call()
