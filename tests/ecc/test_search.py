"""Initial guesses, and what is asked of them before they are believed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from napari_ecc_align import Transform
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc import features, point_pattern
from napari_ecc_align._ecc.candidate import Candidate
from napari_ecc_align._ecc.correlation import (
    cross_correlation,
    ecc,
    spectrum,
    template_correlations,
)
from napari_ecc_align._ecc.global_search import scored_displacements, searched_turns, translations
from napari_ecc_align._ecc.initial_guesses import InitialGuesses
from napari_ecc_align._ecc.mutual_information import shared_information
from napari_ecc_align._ecc.options import SearchOptions
from napari_ecc_align._ecc.quick_check import Agreement, agreement
from napari_ecc_align._ecc.refine import Refiner
from napari_ecc_align._ecc.refined import is_lost
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._transform.models import MODELS
from napari_ecc_align._transform.plausible import SEARCHED, Limits, distortion, is_plausible
from pairs import known_pair

SHAPE = (256, 256)


def turned(degrees, scale):
    """Return a similarity about the centre of SHAPE."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((127.5, 127.5), degrees, scale)
    return matrix


def dots(places, brightness):
    """Return an image, SHAPE, of round dots that all have one form, at places (x, y)."""
    image = np.zeros(SHAPE, np.float32)
    for (x, y), light in zip(np.round(places * 16).astype(int).tolist(), brightness, strict=True):
        cv2.circle(image, (x, y), 40, light, -1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(image, (0, 0), 1)


def levels_of(matrix, sign, index):
    known = known_pair("camera", Transform(matrix, model="homography"), shape=SHAPE)
    pyramids = image_pyramid(known.reference), image_pyramid(sign * known.moving)
    return [levels[index] for levels in pyramids]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("representation", ["intensity", "gradient"])
@pytest.mark.parametrize("shift", [(23, -14), (-60, 40)])
def test_phase_correlation_finds_a_shift(sign, representation, shift):
    matrix = np.eye(3)
    matrix[:2, 2] = shift
    guesses = translations(*levels_of(matrix, sign, 1), representation=representation, count=3)
    assert len(guesses) == 3
    # A pixel of a level of half the size.
    assert corner_error(guesses[0], matrix, SHAPE) <= 2


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("model", "scale"), [("euclidean", 1.0), ("similarity", 1.2)])
def test_a_pattern_of_dots_that_all_look_alike_is_found_by_its_pairs(sign, model, scale):
    rng = np.random.default_rng(4)
    truth = turned(130, scale)
    truth[:2, 2] += (31, -18)
    places, brightness = rng.uniform(0, 256, (60, 2)), rng.uniform(50, 250, 60)
    # A few come and go between the images.
    moved = cv2.perspectiveTransform(places[None, 5:], truth)[0]
    images = dots(places[:-5], brightness[:-5]), sign * dots(moved, brightness[5:])
    levels = [image_pyramid(image)[0] for image in images]
    guesses = outcome_of(point_pattern.initial_guesses(*levels, MODELS[model]))
    assert corner_error(guesses[0], truth, SHAPE) < 2


@pytest.mark.parametrize(("model", "degrees"), [("translation", 0), ("affine", -6)])
def test_mutual_information_finds_a_turn_and_a_shift_whatever_values_mean(model, degrees):
    truth = turned(degrees, 1.0)
    truth[:2, 2] += (9, -7)
    known = known_pair("camera", Transform(truth, model="euclidean"), shape=SHAPE)
    meant = np.array([3, 7, 0, 5, 1, 6, 2, 4], np.float32)
    other = meant[np.clip(known.moving // 32, 0, 7).astype(int)]
    levels = image_pyramid(known.reference), image_pyramid(other)
    found = outcome_of(shared_information(*levels, MODELS[model], np.eye(3)))
    assert corner_error(found.matrix, truth, SHAPE) < 1
    assert found.elsewhere < 0.7 * found.information


def test_of_images_that_tell_nothing_of_each_other_no_finer_level_is_asked():
    rng = np.random.default_rng(6)
    levels = [image_pyramid(rng.normal(size=SHAPE).astype(np.float32)) for _ in range(2)]
    found = outcome_of(shared_information(*levels, MODELS["affine"], np.eye(3)))
    assert found.elsewhere >= found.information


@pytest.mark.parametrize("alike", [True, False])
def test_what_correlates_poorly_and_does_not_settle_is_soon_given_up(alike):
    rng = np.random.default_rng(3)
    one, other = (cv2.GaussianBlur(rng.normal(size=SHAPE), (0, 0), 3) for _ in range(2))
    levels = [image_pyramid(image.astype(np.float32)) for image in (one, one if alike else other)]
    refiner = Refiner(*levels, SearchOptions())
    start = turned(4, 1.02)
    soon, patient = (
        outcome_of(refiner.coarse(start, first=2, patient=patient)) for patient in (False, True)
    )
    assert is_lost(soon, "intensity") is not alike
    if alike:
        assert corner_error(soon.matrix, np.eye(3), SHAPE) < 0.1
    else:
        assert soon.solution.iterations < patient.solution.iterations


@pytest.fixture
def still():
    """Return what is known of the starts of two images that lie on each other, and two of them."""
    levels = image_pyramid(known_pair("camera", Transform(np.eye(3)), shape=SHAPE).reference)
    guesses = InitialGuesses(levels, levels, SearchOptions(), None)
    candidates = []
    for refiner in (guesses.intensity, guesses.orientation):
        coarse = outcome_of(refiner.coarse(turned(1, 1.0)))
        candidates.append(Candidate(coarse, Agreement(16, 16), refiner, "identity"))
    return guesses, *candidates


def test_edges_are_not_asked_on_where_intensities_suffice(still):
    guesses, values, edges = still
    away = replace(edges, refined=replace(edges.refined, matrix=turned(30, 1.0)))
    assert not guesses.is_known(edges)
    assert guesses.is_promising(edges, edges.refined)
    guesses.note_refined(values, values.refined, confirmed=True)
    assert guesses.is_known(edges) and not guesses.is_known(away)
    # Wherever they began.
    assert not guesses.is_promising(away, edges.refined)
    assert not guesses.is_confirmed(away, edges.refined)
    assert guesses.is_promising(values, values.refined)


@pytest.mark.parametrize(
    ("by_edges", "converged", "ecc", "goes_on"),
    [
        (False, True, 0.3, True),
        (False, False, 0.9, True),
        (False, False, 0.3, False),
        (True, True, 0.1, True),
        (True, False, 0.9, False),
    ],
)
def test_what_does_not_settle_on_a_level_is_not_refined_on_finer_ones(
    still, by_edges, converged, ecc, goes_on
):
    guesses, *candidates = still
    candidate = candidates[by_edges]
    solution = replace(candidate.refined.solution, converged=converged, ecc=ecc)
    reached = replace(candidate.refined, solution=solution)
    assert guesses.is_promising(candidate, reached) is goes_on


@pytest.mark.parametrize("promising", [True, False])
def test_a_descent_ends_where_it_is_not_promising(promising):
    known = known_pair("camera", Transform(turned(1, 1.0)), shape=SHAPE)
    levels = image_pyramid(known.reference), image_pyramid(known.moving)
    refiner = Refiner(*levels, SearchOptions(), whole_pixels=5000)
    asked = []

    def told(reached):
        asked.append(reached.level)
        return promising

    coarse = outcome_of(refiner.coarse(turned(1, 1.0)))
    vague = replace(coarse, solution=replace(coarse.solution, corner_uncertainty=1.0))
    reached = outcome_of(refiner.fine(vague, promising=told))
    assert asked[0] == coarse.level - 1
    assert reached.level == (0 if promising else asked[0])
    # Of the finest there is none finer.
    assert 0 not in asked


def test_no_start_is_refined_twice_though_edges_from_nearby_may_be(still):
    guesses, _, edges = still
    nearby = replace(edges, start="nearby")
    astray = replace(edges.refined, matrix=turned(30, 1.0))
    assert guesses.led_to(edges) is None
    guesses.note_refined(edges, astray, confirmed=False)
    assert guesses.led_to(edges) is astray
    assert guesses.led_to(nearby) is None and not guesses.is_known(nearby)


def test_an_image_without_blobs_has_no_pattern():
    many = dots(np.random.default_rng(5).uniform(0, 256, (40, 2)), [200] * 40)
    levels = [image_pyramid(image)[0] for image in (many, np.zeros_like(many))]
    assert outcome_of(point_pattern.initial_guesses(*levels, MODELS["euclidean"])) == []


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("degrees", "scale"), [(70, 1.19), (-120, 1.0)])
def test_the_search_finds_a_turn_and_a_scale(sign, degrees, scale):
    truth = turned(degrees, scale)
    turns = searched_turns(MODELS["similarity"])
    levels = levels_of(truth, sign, 2)
    found = outcome_of(scored_displacements(*levels, turns, representation="intensity", count=6))
    assert min(corner_error(guess, truth, SHAPE) for _, guess in found) < 12


@pytest.mark.parametrize("representation", ["intensity", "gradient", "orientation"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarters_of_a_turn_and_mirrored_ones_are_searched_together_or_alone(
    quarters, mirrored, representation
):
    # Of odd sizes that differ, a turn about the wrong pixel or the wrong way would show.
    rng = np.random.default_rng(8)
    wide = cv2.GaussianBlur(rng.normal(size=(111, 143)).astype(np.float32), (0, 0), 2)
    seen = wide[6:101, 10:135]
    truth = np.array([[1.0, 0, -10], [0, 1, -6], [0, 0, 1]])
    if mirrored:
        seen, truth = seen[:, ::-1], np.diag([-1.0, 1, 1]) @ truth
        truth[0, 2] += 124
    for _ in range(quarters):
        truth = np.array([[0, 1, 0], [-1, 0, seen.shape[1] - 1], [0, 0, 1]]) @ truth
        seen = np.rot90(seen)
    levels = image_pyramid(wide)[0], image_pyramid(np.ascontiguousarray(seen))[0]
    whole = [np.eye(2), *(np.linalg.matrix_power([[0.0, 1], [-1, 0]], k) for k in (1, 2, 3))]
    for turns in (whole, [whole[quarters]]):
        search = scored_displacements(
            *levels, turns, representation=representation, count=8, mirrored=mirrored
        )
        (best, found), (other, _), *_ = outcome_of(search)
        assert corner_error(found, truth, wide.shape) < 1e-6
        assert best > 1.5 * other


@pytest.mark.parametrize(
    ("model", "turns", "scales"),
    [("translation", 1, 1), ("euclidean", 36, 1), ("similarity", 36, 5), ("homography", 36, 5)],
)
def test_the_search_is_among_what_the_model_can_do(model, turns, scales):
    linear = searched_turns(MODELS[model])
    angles = {round(np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))) % 360 for turn in linear}
    sizes = {round(float(np.linalg.det(turn)), 3) for turn in linear}
    assert (len(linear), len(angles), len(sizes)) == (turns * scales, turns, scales)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("model", ["similarity", "affine", "homography"])
def test_features_find_a_turn_and_a_scale(sign, model):
    truth = turned(75, 1.15)
    guesses = outcome_of(features.initial_guesses(*levels_of(truth, sign, 0), MODELS[model]))
    assert min(corner_error(guess, truth, SHAPE) for guess in guesses) < 2


@pytest.mark.parametrize("representation", ["intensity", "gradient"])
@pytest.mark.parametrize("sign", [1, -1])
def test_tiles_agree_at_the_right_place_only(sign, representation):
    truth = np.array([[1.01, 0.02, 5], [-0.01, 0.99, -4], [0, 0, 1]])
    known = known_pair("camera", Transform(truth), shape=SHAPE)
    reference, moving = image_pyramid(known.reference), image_pyramid(sign * known.moving)
    elsewhere = truth.copy()
    elsewhere[:2, 2] += 17, 11
    shares = [
        agreement(
            reference[0],
            reference[2],
            moving[0],
            matrix,
            inverted=sign < 0 and representation == "intensity",
            representation=representation,
        ).share
        for matrix in (truth, elsewhere)
    ]
    assert shares[0] > 0.9
    assert shares[1] < 0.3


@pytest.mark.parametrize(
    ("matrix", "believed"),
    [
        (np.eye(3), True),
        (turned(130, 0.5), True),
        (np.diag([-1.0, 1, 1]), False),
        (np.diag([5.0, 5, 1]), False),
        (np.diag([4.0, 1, 1]), False),
        ([[1, 0, 400], [0, 1, 0], [0, 0, 1]], False),
        ([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]], False),
        (np.full((3, 3), np.nan), False),
    ],
    ids=["identity", "turn", "mirror", "growth", "shear", "outside", "fold", "not finite"],
)
def test_what_is_plausible(matrix, believed):
    assert is_plausible(np.array(matrix, float), SHAPE, SHAPE, SEARCHED) is believed


def test_limits_are_what_is_said():
    matrix = np.diag([2.0, 1.5, 1])
    for stretch, believed in ((2.1, True), (1.9, False)):
        limits = Limits(stretch=stretch, shear=2, area=16, overlap=0)
        assert is_plausible(matrix, SHAPE, SHAPE, limits) is believed


def test_a_distortion_is_that_of_the_derivative():
    matrix = np.array([[1.1, 0.2, 5], [-0.1, 0.9, 3], [1e-3, -2e-3, 1]])
    step = 1e-5

    def there(x, y):
        return (matrix @ (x, y, 1))[:2] / (matrix @ (x, y, 1))[2]

    derivative = np.stack(
        [
            (there(40 + step, 70) - there(40 - step, 70)) / (2 * step),
            (there(40, 70 + step) - there(40, 70 - step)) / (2 * step),
        ],
        axis=1,
    )
    found = distortion(matrix, 40, 70)
    expected = np.linalg.svd(derivative, compute_uv=False)
    np.testing.assert_allclose((found.stretch, found.squeeze), expected, rtol=1e-6)
    assert found.determinant == pytest.approx(np.linalg.det(derivative), rel=1e-6)


def test_the_coefficient_is_pearsons_over_what_is_shared():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 30, 40)).astype(np.float32)
    b += a
    valid = rng.random(a.shape) > 0.2
    b[:3] = np.nan
    shared = valid & np.isfinite(b)
    assert ecc(a, valid, b) == pytest.approx(np.corrcoef(a[shared], b[shared])[0, 1], abs=1e-6)
    assert ecc(a[3:6, :5], None, b[3:6, :5]) == 0
    assert ecc(np.ones_like(a), None, a) == 0


def test_cross_correlation_is_the_sum_of_products():
    a, b = np.random.default_rng(0).normal(size=(2, 12, 15)).astype(np.float32)
    found = cross_correlation(spectrum(a, (12, 15)), spectrum(b, (12, 15)))
    for dy, dx in ((0, 0), (2, 5), (11, 14)):
        expected = (np.roll(a, (-dy, -dx), (0, 1)) * b).sum()
        assert found[dy, dx] == pytest.approx(expected, abs=1e-4)


def test_a_template_is_found_where_it_was_cut():
    regions = np.random.default_rng(0).normal(size=(2, 20, 20)).astype(np.float32)
    surfaces = template_correlations(regions, regions[:, 3:11, 5:13])
    assert surfaces.shape == (2, 13, 13)
    for surface in surfaces:
        assert np.unravel_index(surface.argmax(), surface.shape) == (3, 5)
        assert surface.max() == pytest.approx(1, abs=1e-5)
