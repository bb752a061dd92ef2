"""From an estimate to a result: what is refused, what is asked, and which result is believed."""

from dataclasses import replace

import numpy as np
import pytest
from builders import SHAPE, make_tiles
from hypothesis import given
from hypothesis import strategies as st

from napari_ecc_align import AlignmentResult, Transform
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._verdict import assess as judging
from napari_ecc_align._verdict import first_motion, pair_tiles
from napari_ecc_align._verdict.assess import assess, judged_steps
from napari_ecc_align._verdict.laid import Laid
from napari_ecc_align._verdict.pair_tiles import first_seconded
from napari_ecc_align._verdict.refusals import why_implausible, why_too_little
from napari_ecc_align._verdict.rival import NO_RIVAL, Rival
from napari_ecc_align._verdict.sampling import overlap_share, shared_hull
from napari_ecc_align._verdict.shifted_rival import WholeFit
from napari_ecc_align._verdict.trust import best_known, doubt_rivalled, doubt_surrounded, trust_key
from napari_ecc_align._verdict.verdict import VERDICTS
from pairs import picture


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def make_result(verdict="aligned", matrix=None, tiles=None, **known):
    values = {
        "transform": Transform(np.eye(3) if matrix is None else matrix, model="translation"),
        "verdict": verdict,
        "reason": "It is so.",
        "shape": SHAPE,
        "ecc": 0.9,
        "ecc_before": 0.1,
        "inverted": False,
        "overlap_fraction": 1.0,
        "corner_uncertainty": 0.02,
        "covariance": None,
        "iterations": 1,
        "converged": True,
        "start": "identity",
        "timings": {},
        "representation": "intensity",
        "engine": "pyramid",
        "tiles": make_tiles() if tiles is None else tiles,
    }
    return AlignmentResult(**{**values, **known})


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (np.diag([1.0, 1, -1]), "folds the image"),
        (np.array([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1.0]]), "folds the image"),
        (np.diag([1.0, -1, 1]), "would mirror the image"),
        (np.diag([np.nan, 1, 1]), "would mirror the image"),
        (np.diag([4.1, 4.1, 1]), "stretches the image by 4.1 and 4.1, "),
        (np.diag([0.24, 0.24, 1]), "stretches the image by 0.24 and 0.24, "),
        (np.diag([0.9, 3.7, 1]), "stretches the image by 3.7 and 0.9, "),
    ],
)
def test_what_no_two_images_of_one_thing_need_is_named(matrix, reason):
    assert reason in why_implausible(matrix, SHAPE)


@given(st.floats(0.27, 3.8), st.floats(-np.pi, np.pi), st.floats(-500, 500))
def test_any_turn_and_a_scale_up_to_four_are_plausible(scale, angle, aside):
    matrix = shift(aside, -aside)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:2, :2] = scale * np.array(turn)
    assert why_implausible(matrix, SHAPE) is None


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_a_perspective_is_looked_at_in_every_corner(model):
    tilted = np.array([[1, 0, 0], [0, 1, 0], [-0.001, 0, 1.0]])
    # Alone the corners on the right are stretched by four.
    assert why_implausible(tilted, (1, 1)) is None
    assert "stretches" in why_implausible(tilted, SHAPE)


def test_a_tenth_of_the_reference_is_enough_overlap():
    assert why_too_little(0.11) is None
    assert why_too_little(0.09) == "Only 9% of the reference is covered."


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_results_are_believed_by_verdict_and_then_by_share(share):
    tiles = make_tiles(round(16 * share))
    by_verdict = [make_result(verdict, tiles=tiles) for verdict in VERDICTS]
    assert sorted(by_verdict, key=trust_key) == by_verdict
    assert VERDICTS == ("cancelled", "failed", "doubtful", "aligned")
    better = make_result("doubtful", tiles=make_tiles(16))
    assert trust_key(by_verdict[2]) <= trust_key(better) < trust_key(by_verdict[3])
    assert trust_key(replace(by_verdict[0], tiles=None)) == (0, 0.0)


@pytest.mark.parametrize(
    ("free", "narrower", "kept"),
    [
        (("doubtful", 3.0), ("doubtful", 1.0), 1),
        (("failed", 3.0), ("failed", np.inf), 2),
        (("doubtful", 1.0), ("doubtful", 3.0), 2),
        (("doubtful", 3.0), ("failed", 1.0), 2),
        (("doubtful", 0.1), ("aligned", 0.2), 2),
    ],
)
def test_what_is_free_is_left_where_no_more_is_known_of_it(free, narrower, kept):
    results = [
        make_result(verdict, corner_uncertainty=sigma) for verdict, sigma in (free, narrower)
    ]
    assert best_known(results[:1], results[1:]) == results[-kept:]


def test_an_aligned_result_that_a_doubtful_one_elsewhere_rivals_is_doubted():
    aligned = make_result()
    elsewhere = make_result("doubtful", shift(10, 0))
    [kept, doubted] = doubt_rivalled([elsewhere, aligned], SHAPE)
    assert kept is elsewhere
    assert doubted.verdict == "doubtful"
    assert doubted.reason == "It is so. But the images fit almost as well at another place."


@pytest.mark.parametrize(("ecc", "verdict"), [(0.999, "doubtful"), (0.99, "aligned")])
def test_a_part_that_shows_less_does_not_outdo_the_whole(ecc, verdict):
    """Tiles of a half turn that leaves out all that is unique fit better than those of all."""
    half = make_result(ecc=0.999, tiles=make_tiles(fit=0.999))
    whole = make_tiles(fit=0.95)
    elsewhere = make_result("doubtful", shift(10, 0), whole, ecc=ecc)
    assert doubt_rivalled([elsewhere, half], SHAPE)[1].verdict == verdict


def test_what_fits_better_but_on_less_of_the_images_is_rivalled_by_what_fits_on_more():
    """Days of one month on those of another, a row on; the sheet and its lines lie elsewhere."""
    days = make_result(ecc=0.98, tiles=make_tiles(fit=1.0))
    sheet = make_result("doubtful", shift(100, 0), make_tiles(fit=0.8), ecc=0.8)
    assert doubt_rivalled([sheet, days], SHAPE)[1].verdict == "aligned"
    days = replace(days, overlap_fraction=0.8)
    assert doubt_rivalled([sheet, days], SHAPE)[1].verdict == "doubtful"


def test_a_field_is_doubted_where_what_lies_around_it_moved_otherwise():
    field, moved = make_result(), make_result("doubtful", shift(10, 0))
    [doubted] = doubt_surrounded([field], [moved], SHAPE)
    assert doubted.verdict == "doubtful"
    assert doubted.reason == "It is so. But what lies around it moved otherwise."
    for around in (
        # What belongs to the camera stays, whatever moves in the field.
        make_result("aligned"),
        make_result("doubtful", shift(10, 0), make_tiles(2)),
        make_result("doubtful", shift(10, 0), corner_uncertainty=4.0),
        replace(moved, tiles=None),
    ):
        assert doubt_surrounded([field], [around], SHAPE)[0] is field
    away = make_result("aligned", shift(10, 0))
    assert doubt_surrounded([away], [moved], SHAPE)[0] is away


@pytest.mark.parametrize(
    "other",
    [
        make_result("failed", shift(10, 0)),
        make_result("aligned", shift(10, 0)),
        make_result("doubtful", shift(2, 0)),
        # What does not know its corners may lie at the same place.
        make_result("doubtful", shift(10, 0), corner_uncertainty=4.0),
        # Its evidence is less, in share or in number.
        make_result("doubtful", shift(10, 0), make_tiles(10)),
        make_result("doubtful", shift(10, 0), make_tiles(8, 8)),
        replace(make_result("doubtful", shift(10, 0)), tiles=None),
    ],
)
def test_no_other_result_makes_it_doubted(other):
    aligned = make_result()
    assert doubt_rivalled([other, aligned], SHAPE)[1] is aligned


@pytest.fixture(scope="module")
def pyramids():
    image = picture("astronaut")[:200, :240]
    rng = np.random.default_rng(0)
    return Pyramids(*(image_pyramid(image + rng.normal(0, 1, image.shape)) for _ in "ab"), None)


def assessed(pyramids, matrix, model="affine", **known):
    estimate = Estimate(matrix, False, 7, True, "identity", "intensity", 0.02)
    return assess(pyramids, replace(estimate, **known), SearchOptions(model), None)


def test_a_right_estimate_is_aligned_with_its_evidence(pyramids):
    result = assessed(pyramids, np.eye(3))
    assert result.verdict == "aligned"
    assert (result.iterations, result.start, result.engine) == (7, "identity", "pyramid")
    assert result.tiles.share > 0.9
    assert result.ecc == result.ecc_before > 0.95
    assert result.corner_uncertainty == pytest.approx(0.02)
    assert result.contradiction == 0
    assert result.shape == (200, 240)
    # Who called knows how long it took.
    assert result.seconds == 0


@pytest.mark.parametrize(
    ("matrix", "model", "reason"),
    [
        (np.diag([-1.0, 1, 1]), "affine", "The transform found would mirror the image."),
        (shift(230, 0), "affine", "Only 4% of the reference is covered."),
        (
            np.diag([1.01, 1, 1]),
            "translation",
            "No motion of the model 'translation' lays the images on each other.",
        ),
    ],
)
def test_what_is_refused_fails_and_asks_no_tiles(pyramids, matrix, model, reason):
    result = assessed(pyramids, matrix, model)
    assert (result.verdict, result.reason) == ("failed", reason)
    assert result.tiles is None
    assert result.ecc == 0
    assert result.ecc_before > 0.95


def test_what_is_small_covers_little_however_well_it_lies(pyramids):
    small = image_pyramid(picture("astronaut")[50:130, 60:130])
    result = assess(
        Pyramids(pyramids.reference, small, None),
        Estimate(shift(-60, -50), False, 7, True, "identity", "intensity", 0.02),
        SearchOptions("translation"),
        None,
    )
    assert result.overlap_fraction < 0.15
    assert result.tiles is not None


def test_of_what_has_failed_whatever_tiles_say_these_are_only_counted(pyramids, monkeypatch):
    monkeypatch.setattr(judging, "_of_tiles", lambda *_: pytest.fail("more was asked"))
    estimate = Estimate(np.eye(3), False, 7, True, "identity", "intensity", 0.02)
    asked = pyramids, estimate, SearchOptions("affine"), None
    found = outcome_of(judged_steps(*asked, failed="It proves nothing."))
    result = found.result
    assert (result.verdict, result.reason) == ("failed", "It proves nothing.")
    assert result.tiles.share > 0.9 and result.ecc > 0.95 and found.evidence is None


@pytest.mark.parametrize(("uncertainty", "asked"), [(0.3, True), (3.0, False)])
def test_what_is_inexact_in_any_case_is_not_compared_with_a_freer_motion(
    pyramids, monkeypatch, uncertainty, asked
):
    freer, patterns = [], judging.residual_pattern

    def vague(*tiles, **known):
        return replace(patterns(*tiles, **known), freer_sigma=0.5)

    def shifted(*_, **model):
        freer.append(model)
        yield from ()

    for module in (judging, first_motion):
        monkeypatch.setattr(module, "residual_pattern", vague)
    monkeypatch.setattr(judging, "freer_shift", shifted)
    result = assessed(pyramids, np.eye(3), corner_uncertainty=uncertainty)
    assert result.found and result.aligned is asked
    assert bool(freer) is asked


def test_gradients_that_fit_in_the_negative_are_of_a_negative(pyramids):
    negative = image_pyramid(255 - picture("astronaut")[:200, :240])
    pair = Pyramids(pyramids.reference, negative, None)
    result = assessed(pair, np.eye(3), representation="gradient")
    assert result.inverted
    assert (result.verdict, result.ecc > 0.95) == ("aligned", True)
    assert assessed(pair, np.eye(3)).verdict == "failed"


def test_a_wrong_estimate_fails(pyramids):
    assert assessed(pyramids, shift(5, 4)).verdict == "failed"


def test_what_the_tiles_contradict_is_part_of_the_uncertainty(pyramids):
    result = assessed(pyramids, np.diag([1.008, 1, 1]))
    assert result.verdict != "aligned"
    assert result.corner_uncertainty > result.contradiction > 0.5


@pytest.mark.parametrize(("here", "there", "asked"), [(0.99, 0.88, False), (0.8, 0.75, True)])
def test_tiles_are_asked_where_the_whole_does_not_leave_many_times_as_much(
    monkeypatch, pyramids, here, there, asked
):
    rivals = [Rival(here, height, matrix=shift(20, 0)) for height in (there, there - 0.02)]
    places = []
    monkeypatch.setattr(
        pair_tiles, "seconded", lambda _, rival, *other: places.append(rival) or NO_RIVAL
    )
    estimate = Estimate(np.eye(3), False, 7, True, "identity", "intensity", 0.02)
    laid = Laid(pyramids, estimate, inverted=False)
    whole = WholeFit(rivals[0], others=(rivals[1],))
    assert first_seconded(laid, whole, "affine") is NO_RIVAL
    assert places == (rivals if asked else [])


@pytest.mark.parametrize(
    ("matrix", "share", "hull"),
    [
        (np.eye(3), 1, [(0, 0), (100, 0), (100, 80), (0, 80)]),
        ([[1, 0, 25], [0, 1, -20], [0, 0, 1]], 0.5625, [(0, 20), (75, 20), (75, 80), (0, 80)]),
        # Turned by a right angle about the middle: a strip on either side is not shown.
        ([[0, -1, 90], [1, 0, -10], [0, 0, 1]], 0.8, [(10, 0), (90, 0), (90, 80), (10, 80)]),
        # Seen from beyond the horizon, which passes through x = 50, nothing is.
        ([[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]], None, None),
        ([[1, 0, 500], [0, 1, 0], [0, 0, 1]], 0, [(0, 0), (100, 0), (100, 80), (0, 80)]),
        ([[np.nan, 0, 0], [0, 1, 0], [0, 0, 1]], 0, [(0, 0), (100, 0), (100, 80), (0, 80)]),
    ],
)
def test_the_part_that_both_images_show_is_known_by_its_corners(matrix, share, hull):
    level = image_pyramid(picture("camera")[:81, :101])[0]
    matrix = np.array(matrix, np.float64)
    seen = overlap_share(level, level, matrix)
    found = shared_hull(level, level, matrix)
    if share is None:
        x, y = np.meshgrid(np.linspace(0, 100, 401), np.linspace(0, 80, 321))
        depth = 1 - 0.02 * x
        with np.errstate(all="ignore"):
            shown = (depth > 0) & (x / depth <= 100) & (y / depth <= 80)
        assert seen == pytest.approx(shown.mean(), abs=0.01)
        assert found[:, 0].max() < 50
        return
    assert seen == pytest.approx(share, abs=1e-6)
    assert {tuple(corner) for corner in found.round(6).tolist()} == set(hull)
