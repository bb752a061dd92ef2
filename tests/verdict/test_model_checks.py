"""A homography on all pixels, or a coarser level, asked of an estimate: what it says, and when."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._verdict.model_check import freer_shift, levels_apart
from napari_ecc_align._verdict.tile_matching import tile_evidence
from pairs import known_pair, random_transform

SHAPE = (180, 220)


@pytest.fixture(scope="module")
def known():
    return known_pair("astronaut", random_transform(5, "affine", SHAPE), shape=SHAPE)


@pytest.fixture(scope="module")
def pyramids(known):
    rng = np.random.default_rng(3)
    images = (known.reference, known.moving)
    return Pyramids(*(image_pyramid(one + rng.normal(0, 2, SHAPE)) for one in images), None)


def checked(pyramids, matrix, change=lambda tiles: tiles):
    tiles = tile_evidence(pyramids.reference, pyramids.moving, 0, matrix, inverted=False)
    estimate = Estimate(matrix, False, 1, True, "identity", "intensity", 0.05)
    return outcome_of(freer_shift(pyramids, estimate, change(tiles)))


@pytest.mark.parametrize(
    "off",
    [
        np.diag([1.008, 0.996, 1]),
        np.array([[1, 0.006, -0.6], [-0.006, 1, 0.6], [0, 0, 1]]),
        np.array([[1, 0, 0], [0, 1, 0], [3e-5, -2e-5, 1]]),
    ],
)
def test_the_shift_is_how_far_the_corners_are_off(known, pyramids, off):
    matrix = known.truth.matrix @ off
    shift, sigma = checked(pyramids, matrix)
    error = corner_error(matrix, known.truth.matrix, SHAPE)
    assert error > 0.4
    assert shift == pytest.approx(error, abs=max(0.2, 3 * sigma))
    assert sigma < 0.25


def test_what_is_right_is_moved_by_no_more_than_is_unsure(known, pyramids):
    shift, sigma = checked(pyramids, known.truth.matrix)
    assert shift < 3 * sigma


def test_a_shift_that_the_tiles_contradict_says_nothing(known, pyramids):
    """Where the images differ in part, a freer model follows what differs."""

    def fit_where_they_lie(tiles):
        moves = tiles.displacements.copy()
        moves[:, 2:] = 0
        return replace(tiles, displacements=moves)

    off = known.truth.matrix @ np.diag([1.008, 0.996, 1])
    assert checked(pyramids, off, fit_where_they_lie) is None
    # What moves nothing clearly is no matter.
    assert checked(pyramids, known.truth.matrix, fit_where_they_lie) is not None


def test_tiles_that_do_not_agree_have_no_say(known, pyramids):
    def lose(tiles):
        moves = tiles.displacements.copy()
        moves[1:, 2:] = 5
        return replace(tiles, displacements=moves, uncertainties=tiles.uncertainties * 1e3)

    off = known.truth.matrix @ np.diag([1.008, 0.996, 1])
    assert checked(pyramids, off, lose) is not None


def test_a_coarser_level_contradicts_what_is_off_and_not_what_is_right(known, pyramids):
    def apart(off):
        matrix = known.truth.matrix @ off
        estimate = Estimate(matrix, False, 1, True, "identity", "intensity", 0.05)
        return outcome_of(levels_apart(pyramids, estimate, "affine"))[0]

    assert apart(np.eye(3)) == 0
    assert apart(np.array([[1, 0, 0.6], [0, 1, -0.3], [0, 0, 1]])) == pytest.approx(0.67, abs=0.1)


@pytest.mark.parametrize("seed", [3, 5])
def test_a_coarser_level_that_does_not_settle_says_nothing(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(160, 200))
    fine = 40 * (noise - ndimage.uniform_filter(noise, 4))
    # Of what is coarse, the images show nothing that is common to both.
    images = (
        fine
        + rng.normal(0, 2, fine.shape)
        + 100 * ndimage.gaussian_filter(rng.normal(size=fine.shape), 3)
        for _ in range(2)
    )
    both = Pyramids(*map(image_pyramid, images), None)
    estimate = Estimate(np.eye(3), False, 1, True, "identity", "intensity", 0.05)
    assert outcome_of(levels_apart(both, estimate, "homography")) == (0.0, None)
