"Where every action unit moves the face, in millimeters, beside what FACS says of it."
import pytest
import torch

from fer_nb.faces import ACTION_UNITS, AU_NAMES, displacement
from fer_nb.faces.facs import _REACH, _SLIDE, facial_units, smoothstep
from some_faces import only

PLACES = { # x to the person's left, y up, on the average head, decimeters
    "inner brow": (.14, 7.51), "middle brow": (.34, 7.50), "outer brow": (.49, 7.48), "tail": (.54, 7.44), "temple": (.70, 7.45), "glabella": (0, 7.47),
    "chin boss": (0, 6.33), "cheek": (.35, 6.95), "nose wing": (.17, 6.92), "upper lip": (0, 6.66), "lower lip": (0, 6.58)}


@pytest.fixture(scope="module")
def moved(head):
    "(action units, place) -> millimeters (3,): to the person's left, up, to the front."
    x, y, z = head.vertices.unbind(1)
    def where(place):
        if place == "lip corner": return int(head.landmark_vertices[4][0])
        px, py = PLACES[place]
        far = (x - px).square() + (y - py).square() + 9. * ((head.part != 0) | (z < (1.4 if abs(px) < .3 else .6)) | (head.mask_inside_mouth > .5))
        return int(far.argmin())
    def at(names, place): return displacement(sum(only(name) for name in names.split("+")))[0, where(place)]
    return at


@pytest.fixture(scope="module")
def lids(head):
    "How far the middles of the upper and the lower lid's edge move up at full strength, mm."
    x, y = head.vertices[:, 0], head.vertices[:, 1]
    edge = (head.mask_lid_line > .95) & (x > .25) & (x < .37)
    return lambda name: tuple(float(displacement(only(name))[0, edge & side, 1].mean()) for side in (y > 7.29, y < 7.27))


# ---- brows

def test_au1_raises_the_inner_part(moved):
    "FACS: pulls the inner portion of the eyebrows upwards; the brow becomes oblique."
    inner, middle, outer = (float(moved("AU1", place)[1]) for place in ("inner brow", "middle brow", "outer brow"))
    assert 6 < inner < 10 and middle < .6 * inner and abs(outer) < .5

def test_au2_raises_the_outer_part(moved):
    "FACS: pulls the lateral portion upwards; an arched shape."
    inner, middle, outer = (float(moved("AU2", place)[1]) for place in ("inner brow", "middle brow", "outer brow"))
    assert abs(inner) < .5 < middle < .6 * outer and 6 < outer < 9

def test_au2_has_no_hook(moved):
    "The tail goes with the outer brow, and what moves fades to nothing at the temple."
    outer, tail, temple = (float(moved("AU2", place)[1]) for place in ("outer brow", "tail", "temple"))
    assert tail > .85 * outer and 0 <= temple < .6 * outer

def test_au4_lowers_and_draws_together_the_inner_part(moved):
    "FACS: lowers the eyebrow, in some only its inner portion; pulls the eyebrows closer together."
    inner, middle, outer = (moved("AU4", place) for place in ("inner brow", "middle brow", "outer brow"))
    assert -10 < inner[1] < -6 and -6.5 < inner[0] < -3.5     # x < 0: towards the other brow, which begins 21 mm away
    assert inner[1] < middle[1] < -1 and middle[0] > inner[0]
    assert abs(outer[1]) < 1 and moved("AU4", "glabella")[1] < -2

def test_au1_and_au4_slope(moved):
    "FACS, 1 + 4: the inner corners are raised and drawn together; the middle and the tail are not raised."
    inner, middle, outer = (moved("AU1+AU4", place) for place in ("inner brow", "middle brow", "outer brow"))
    assert 2 < inner[1] < 6 and inner[0] < -3 and middle[1] < 1 and outer[1] < .5

def test_au4_lowers_less_where_au1_acts_in_proportion_to_both():
    alone, half = displacement(only("AU4")), displacement(only("AU4") * .5)
    torch.testing.assert_close(half, .5 * alone)
    released = displacement(only("AU1") * .4 + only("AU4") * .7) - .4 * displacement(only("AU1")) - .7 * alone
    fully = displacement(only("AU1") + only("AU4")) - displacement(only("AU1")) - alone
    torch.testing.assert_close(released, .4 * .7 * fully, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(fully, -.5 * alone * torch.tensor([0., 1, 0]), atol=1e-3, rtol=1e-4) # half of the way down, nothing of the way inwards

def test_au1_on_one_side_releases_that_side_alone(head):
    raised, both = torch.zeros(2, 1, 2, len(AU_NAMES))
    raised[0, 0, AU_NAMES.index("AU1")] = 1
    both[0, :, AU_NAMES.index("AU4")], both[0, 0, AU_NAMES.index("AU1")] = 1, 1
    released = (displacement(both) - displacement(raised) - displacement(only("AU4")))[0, :, 1]
    x = head.vertices[:, 0]
    assert released[x > .12].max() > 3 and released[x < -.12].abs().max() < .3 # the skin between the brows hangs together

def test_an_action_below_zero_releases_nothing():
    au = only("AU4") - .3 * only("AU1")
    torch.testing.assert_close(displacement(au), displacement(only("AU4")) - .3 * displacement(only("AU1")), atol=1e-3, rtol=1e-4)

def test_au1_and_au2_raise_the_whole_brow(moved):
    "FACS, 1 + 2: the entire eyebrow goes up."
    heights = [float(moved("AU1+AU2", place)[1]) for place in ("inner brow", "middle brow", "outer brow")]
    assert min(heights) > 5 and max(heights) < 10

def test_au9_wrinkles_the_nose_and_lowers_the_medial_brow_a_little(moved):
    "FACS: pulls the skin along the sides of the nose upwards; lowers the medial portion of the eyebrows."
    assert moved("AU9", "nose wing")[1] > 5 and -5 < moved("AU9", "inner brow")[1] < -1.5
    assert abs(moved("AU9", "outer brow")[1]) < .5 and moved("AU9", "inner brow")[1] > moved("AU4", "inner brow")[1]


# ---- lids

def test_au5_raises_the_upper_lid(lids):
    upper, lower = lids("AU5")
    assert 2 < upper < 5 and abs(lower) < .5

def test_au7_tightens_both_lids(lids):
    upper, lower = lids("AU7")
    assert -3 < upper < -.5 and 1.5 < lower < 4

def test_au43_shuts_the_eye_and_no_farther(head):
    "FACS: the upper lid comes down until it meets the lower one; its lashes stay in front."
    v = head.vertices + displacement(only("AU43"))[0] / 100
    edge, x, y = head.mask_lid_line > .95, head.vertices[:, 0], head.vertices[:, 1]
    for left in (.22, .27, .31, .35, .385):
        near = edge & ((x - left).abs() < .012)
        upper, lower = v[near & (y > 7.29) & (v[:, 2] > 1.37)], v[near & (y < 7.27) & (v[:, 2] > 1.37)]
        gap = 100 * (upper[:, 1].min() - lower[:, 1].max())
        assert -2.5 < gap < .3, (left, float(gap))


# ---- mouth and jaw

def test_au6_raises_the_cheek(moved): assert moved("AU6", "cheek")[1] > 5

def test_au12_draws_the_corners_back_and_up(moved):
    "FACS: pulls the lip corners back (laterally) and upward obliquely. The lips stay together, none is lifted over the other."
    out, up, front = moved("AU12", "lip corner").tolist()
    assert 6 < out < 10 and 9 < up < 13 and front < -4
    upper, lower = (float(moved("AU12", place)[1]) for place in ("upper lip", "lower lip"))
    assert abs(lower - upper) < 1 and lower < .35 * up

def test_au12_with_au25_shows_the_teeth(moved):
    upper, lower = (float(moved("AU12+AU25", place)[1]) for place in ("upper lip", "lower lip"))
    assert upper - lower > 4 and lower < 0 and upper > 3      # the upper teeth's edge lies 3.5 mm below the upper lip's

def test_au15_pulls_the_corners_down(moved): assert moved("AU15", "lip corner")[1] < -6 and abs(moved("AU15", "upper lip")[1]) < 1

def test_au17_pushes_the_chin_boss_up(moved):
    "FACS: pushes the chin boss upward; pushes the lower lip upward."
    assert moved("AU17", "chin boss")[1] > 3.5 and moved("AU17", "lower lip")[1] > 4 and -3 < moved("AU17", "lip corner")[1] < 0

def test_au20_stretches_the_lips_sidewards(moved):
    out, up, _ = moved("AU20", "lip corner").tolist()
    assert out > 6 and up < 0

def test_au23_narrows_and_au24_presses(moved):
    "FACS, 23: tightens and narrows the lips. 24: presses them together, without pushing up the chin boss; no corner is drawn up or out."
    assert moved("AU23", "lip corner")[0] < -1 and moved("AU23", "lip corner")[0] < moved("AU24", "lip corner")[0] - 1
    out, up, _ = moved("AU24", "lip corner").tolist()
    assert abs(out) < 1 and abs(up) < 1
    assert moved("AU24", "upper lip")[1] < -2 and moved("AU24", "lower lip")[1] > 2 and moved("AU24", "chin boss")[1] < 2.5

def test_au26_drops_the_jaw(moved):
    "FACS: the mandible is lowered by relaxation; a jaw also slides forward as it opens, so that the chin goes farther down than back."
    chin = moved("AU26", "chin boss")
    assert -22 < chin[1] < -12 and abs(chin[2]) < abs(chin[1]) and moved("AU26", "upper lip")[1] > -2.5


# ---- how they are made

def test_every_action_is_in_the_table(): assert tuple(ACTION_UNITS) == AU_NAMES and len(AU_NAMES) == 18

def test_cut_units_are_the_sculptors_at_their_heart():
    points = torch.tensor([[.10, 7.5, 1.5], [-.10, 7.5, 1.5], [.6, 7.5, 1.2], [0, 7.2, 1.6]])
    way = torch.tensor([[1., -2, 3]]).repeat(4, 1)
    made = facial_units({"browDownLeft": way, "browInnerUp": way, "noseSneerRight": way}, points, torch.ones(4))
    heart = torch.tensor([1., 1, 0, 1])[:, None]
    torch.testing.assert_close(made["browKnitLeft"], way * heart * torch.tensor([_REACH.together, 1, 1]))
    torch.testing.assert_close(made["browReleaseLeft"], way * heart * torch.tensor([0., -1, 0]))
    torch.testing.assert_close(made["browInnerRaise"], way * torch.tensor([1., 1, 0, 1])[:, None])
    torch.testing.assert_close(made["noseWrinkleRight"], way * torch.tensor([.4, .4, 0, 1])[:, None])
    assert "browKnitRight" not in made and made["browDownLeft"] is way

def test_new_units_move_skin_only_and_are_mirror_images():
    points = torch.tensor([[.52, 7.5, 1.3], [-.52, 7.5, 1.3], [0, 6.3, 1.5], [.52, 7.5, -1]])
    made = facial_units({}, points, torch.ones(4))
    torch.testing.assert_close(made["browOuterSlide"][0], torch.tensor(_SLIDE))
    torch.testing.assert_close(made["browOuterSlide"][1], torch.tensor(_SLIDE) * torch.tensor([-1., 1, 1]))
    assert not made["browOuterSlide"][2:].any() and made["chinBoss"][2, 1] > .0099 and not made["chinBoss"][[0, 1, 3]].any()
    assert not any(way.any() for way in facial_units({}, points, torch.zeros(4)).values())

def test_smoothstep_falls_where_the_ends_are_exchanged(): assert smoothstep(1., 0., torch.tensor([-1., 0, .5, 1])).tolist() == [1, 1, .5, 0]
