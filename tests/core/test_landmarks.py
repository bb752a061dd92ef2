import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_ecc_align import InputError, Transform
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._transform.matrices import MOTION_MODELS
from napari_ecc_align._transform.points import FEWEST
from pairs import random_transform

SHAPE = (300, 400)
SQUARE = [(10, 20), (380, 15), (370, 280), (25, 290)]


def some_points(seed, number):
    return np.random.default_rng(seed).uniform((0, 0), (399, 299), (number, 2))


@pytest.mark.parametrize("model", MOTION_MODELS)
@pytest.mark.parametrize("more", [0, 1, 6])
@given(seed=st.integers(0, 2**32 - 1))
def test_pairs_give_back_the_transform_that_made_them(model, more, seed):
    truth = random_transform(seed, model, SHAPE)
    points = np.array([*SQUARE[: FEWEST[model]], *some_points(seed, more)])
    found = Transform.from_points(points, truth.to_moving(points), model=model)
    assert found.model == model
    assert corner_error(found.matrix, truth.matrix, SHAPE) < 1e-6


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_more_pairs_average_what_the_hand_did_wrong(model):
    truth = random_transform(5, model, SHAPE)
    points = some_points(1, 400)
    noise = np.random.default_rng(2).normal(0, 1.0, points.shape)
    found = Transform.from_points(points, truth.to_moving(points) + noise, model=model)
    assert corner_error(found.matrix, truth.matrix, SHAPE) < 0.5


@pytest.mark.parametrize("model", ["translation", "euclidean", "similarity", "affine"])
@given(seed=st.integers(0, 2**32 - 1))
def test_no_nearby_transform_fits_better(model, seed):
    points, others = some_points(seed, 6), some_points(seed + 1, 6)
    found = Transform.from_points(points, others, model=model)
    assume(found.model == model)
    residual = ((found.to_moving(points) - others) ** 2).sum()
    for shift in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)):
        assert ((found.to_moving(points) + shift - others) ** 2).sum() > residual


def test_the_number_of_pairs_suggests_the_model():
    suggested = [
        Transform.from_points(SQUARE[:number], SQUARE[:number]).model for number in (1, 2, 3, 4)
    ]
    assert suggested == ["translation", "similarity", "affine", "affine"]


def test_points_are_x_y():
    found = Transform.from_points([(0, 0), (10, 0)], [(5, 7), (5, 17)])
    # Turned by a quarter: what lies to the right lies below.
    assert found.to_moving((0, 10)) == pytest.approx((-5, 7))


LINE = [(0, 0), (10, 10), (20, 20), (30, 30)]


@pytest.mark.parametrize(
    ("first", "second", "model", "words"),
    [
        (SQUARE, SQUARE[:3], None, "4 reference points but 3 moving points"),
        ([], [], None, "shape"),
        (
            np.zeros((0, 2)),
            np.zeros((0, 2)),
            None,
            "needs 1 pair of points or more, there are none",
        ),
        (SQUARE[:2], SQUARE[:2], "affine", "'affine' needs 3 pairs"),
        (SQUARE, SQUARE, "rigid", "model must be one of"),
        ([(1, 2, 3)], [(1, 2, 3)], None, r"shape \(N, 2\)"),
        ([("a", "b")], [(1, 2)], None, "must be numbers"),
        ([(1, np.nan)], [(1, 2)], None, "NaN"),
        ([(5, 5), (5, 5)], SQUARE[:2], None, "reference points coincide"),
        (SQUARE[:2], [(5, 5), (5, 5)], None, "moving points coincide"),
        (LINE[:3], SQUARE[:3], None, "reference points lie on one line"),
        (SQUARE[:3], LINE[:3], None, "moving points lie on one line"),
        (LINE, SQUARE, "homography", "lie on one line"),
        ([*LINE[:3], (0, 9)], SQUARE, "homography", "determine a homography"),
        (SQUARE, [SQUARE[1], SQUARE[0], *SQUARE[2:]], "homography", "same order"),
    ],
)
def test_what_determines_nothing_is_refused_in_plain_words(first, second, model, words):
    with pytest.raises(InputError, match=words):
        Transform.from_points(first, second, model=model)
