"What actions do to the head, and the figures of it."
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from fer_nb.faces import ACTION_UNITS, AU_NAMES, FaceRenderer, action_figure, displacement, explain, expression_figure, sample_identity
from fer_nb.faces.actions import _action_pictures
from some_faces import only

N = len(AU_NAMES)


# ---------------------------------------------------------------- displacement
@pytest.mark.parametrize("name", ["AU12", "AU26", "AU15"])
def test_displacement_is_the_recipe_in_millimeters(head, name):
    from fer_nb.wmnist import data_file
    with np.load(data_file("head.npz")) as data:
        names, units, drawn = data["unit_names"].tolist(), data["units"] / 1000, data["part"] != 5
    by_hand = sum(w * units[i] for unit, w in ACTION_UNITS[name].units.items() for i, n in enumerate(names) if n in (unit, unit + "Left", unit + "Right"))
    torch.testing.assert_close(displacement(only(name))[0], torch.tensor(100 * by_hand[drawn], dtype=torch.float32), atol=1e-3, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 130), min_size=2 * N, max_size=2 * N), st.integers(0, 100))
def test_displacements_add_and_scale(values, t):
    au, t = torch.tensor(values).view(2, N) / 100, t / 100
    au[:, AU_NAMES.index("AU1")] = 0 # what it does together with AU4 is no sum: test_faces_facs.py
    one, two = displacement(au)
    torch.testing.assert_close(displacement(t * au[:1])[0], t * one, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(displacement((au[:1] + au[1:]) / 2)[0], (one + two) / 2, atol=1e-3, rtol=1e-4)


def test_sides_move_their_own_half(head):
    left = displacement(only("AU12", sides=(1.0, 0.0)))[0].norm(dim=1)
    x = head.vertices[:, 0]
    assert left[x > 0].max() > max(10, 20 * left[x < -0.25].max())          # x points to the person's left
    torch.testing.assert_close(displacement(only("AU12", sides=(0.3, 0.3))), displacement(0.3 * only("AU12")))
    torch.testing.assert_close(displacement(only("AU12")[:, 0]), displacement(only("AU12")))


def test_displacement_is_where_the_action_is(head):
    y, skin = head.vertices[:, 1], head.part == 0
    for name, above in [("AU1", True), ("AU2", True), ("AU4", True), ("AU15", False), ("AU17", False), ("AU26", False)]:
        way = displacement(only(name))[0].norm(dim=1) * skin
        assert bool(y[way.argmax()] > 7.2) == above, name
        assert way.max() > 1, f"{name} moves nothing"
    assert not displacement(torch.zeros(3, N)).any()


def test_displacement_matches_the_mesh():
    renderer, who = FaceRenderer(), sample_identity([4])
    rest, smile = renderer.mesh(torch.zeros(1, N), who), renderer.mesh(only("AU12"), who)
    way, expected = (smile - rest)[0], displacement(only("AU12"))[0]
    scale = way.norm() / expected.norm()                                          # the mesh is in units of this person's face
    torch.testing.assert_close(way, scale * expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("au, wrong", [(torch.zeros(N), "au"), (torch.zeros(1, 3, N), "au"), (torch.zeros(1, N - 1), "au"), (torch.full((1, N), 9.0), "au"), (torch.full((1, N), float("nan")), "au")])
def test_displacement_names_bad_input(au, wrong):
    with pytest.raises(ValueError, match=f"^{wrong}: expected .* got"): displacement(au)


# ---------------------------------------------------------------- figures
@pytest.mark.slow
def test_every_action_has_its_own_picture():
    pictures = _action_pictures(48, 36)
    assert pictures.shape == (N, 36, 48, 3) and pictures.dtype == torch.uint8
    flat = pictures.float().flatten(1)
    apart = torch.cdist(flat, flat) + 1e9 * torch.eye(N)
    assert apart.min() > 60, f"{AU_NAMES[apart.min(1).values.argmin()]} looks like another action"


@pytest.mark.slow
def test_action_figure_names_number_action_and_muscle():
    axes = action_figure().axes
    assert [ax.get_title() for ax in axes] == [f"{n}\n{a.name}" for n, a in ACTION_UNITS.items()]
    assert [ax.get_xlabel().replace("\n", " ") for ax in axes] == [a.muscle for a in ACTION_UNITS.values()]


@pytest.mark.slow
def test_explain_shows_where_an_action_acts():
    figure = explain("AU26")
    rest, act, difference, way = (ax.images[0].get_array() for ax in figure.axes[:4])
    np.testing.assert_allclose(difference, np.clip(0.5 + 2 * (act - rest), 0, 1), atol=1e-6)
    change = abs(act - rest).sum(2)
    assert change[150:].sum() > 5 * change[:75].sum()                               # the jaw, not the forehead
    colored = way.max(2) - way.min(2) > 0.05
    assert colored[150:].sum() > 2000 and colored[:75].sum() == 0
    assert figure.axes[4].get_ylim() == pytest.approx((0, float(displacement(only("AU26")).norm(dim=2).max())))


@pytest.mark.parametrize("call, wrong", [(lambda: explain("AU3"), "name"), (lambda: explain("AU1", domain="mars"), "domain"), (lambda: expression_figure(torch.zeros(2, 17)), "au"),
                                         (lambda: expression_figure(torch.zeros(1, N), domain=3), "domain"), (lambda: explain("AU1", identity=sample_identity([1, 2])), "identity"),
                                         (lambda: explain("AU1", identity=3), "identity"), (lambda: expression_figure(torch.zeros(3, N), sample_identity([1, 2])), "identity"), (lambda: explain(["AU1"]), "name")])
def test_figures_name_bad_input(call, wrong):
    with pytest.raises(ValueError, match=f"^{wrong}: expected .* got"): call()


def test_expression_figure_draws_the_intensities():
    au = torch.cat([only("AU12", sides=(1.0, 0.2)), only("AU4")])
    figure = expression_figure(au, sample_identity([1, 2]))
    bars = [[p.get_width() for p in ax.patches] for ax in figure.axes[2:]]
    for row, face in zip(bars, au): np.testing.assert_allclose(row, [*face[0].tolist(), *(-face[1]).tolist()], atol=1e-6)
    assert abs(figure.axes[0].images[0].get_array() - figure.axes[1].images[0].get_array()).mean() > 0.02     # two people
