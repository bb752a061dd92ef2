import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import align
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._transform.coordinates import corner_error
from napari_ecc_align._verdict.model_check import freer_shift
from napari_ecc_align._verdict.residual_pattern import residual_pattern
from napari_ecc_align._verdict.tile_matching import tile_evidence
from pairs import known_pair, picture, random_transform

SHAPE = (140, 170)


def noisy(image, seed, sigma=2.0):
    return image + np.random.default_rng(seed).normal(0, sigma, image.shape)


def asked(known, matrix):
    """Return what a freer model says of a matrix."""
    images = noisy(known.reference, 1), noisy(known.moving, 2)
    pyramids = Pyramids(*(image_pyramid(image) for image in images), None)
    estimate = Estimate(matrix, False, 1, True, "identity", "intensity", 0.05)
    tiles = tile_evidence(pyramids.reference, pyramids.moving, 0, matrix, inverted=False)
    return outcome_of(freer_shift(pyramids, estimate, tiles)), tiles


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_freer_model_leaves_what_is_right_where_it_is(name):
    known = known_pair(name, random_transform(3, "affine", SHAPE), shape=SHAPE)
    (shift, sigma), _ = asked(known, known.truth.matrix)
    assert shift < 3 * sigma
    assert sigma < 0.5


def test_a_freer_model_tells_how_far_off_the_corners_are():
    known = known_pair("astronaut", random_transform(5, "homography", SHAPE, size=25), shape=SHAPE)
    affine = align(known.reference, known.moving, model="affine")
    error = known.error_of(affine.transform)
    assert error > 1
    (shift, sigma), _ = asked(known, affine.transform.matrix)
    assert shift == pytest.approx(error, abs=max(0.2, 3 * sigma))
    assert affine.verdict != "aligned"
    # What the tiles contradict is part of the uncertainty.
    assert affine.corner_uncertainty > 0.5 * error


def test_no_other_start_is_tried_where_only_the_model_does_not_suffice():
    image = picture("astronaut")
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    bend = 2 * np.sin(x / 60.0), 2 * np.cos(y / 50.0)
    moving = ndimage.map_coordinates(image, [y + bend[0], x + bend[1]], order=1, mode="nearest")
    result = align(noisy(image, 1), noisy(moving, 2))
    assert (result.verdict, result.placed, result.converged) == ("doubtful", True, True)
    assert "does not suffice" in result.reason
    assert list(result.timings) == ["identity"]


@pytest.mark.parametrize(
    ("moved", "verdict", "said"),
    [("euclidean", "aligned", "fit best where they lie"), ("affine", "doubtful", "not suffice")],
)
def test_where_no_perspective_can_be_known_an_affine_motion_tells(moved, verdict, said):
    known = known_pair("moon", random_transform(0, moved, (90, 110), size=3.0))
    images = known.reference.astype(float), known.moving.astype(float)
    # Most of both shows nothing.
    for image in images:
        image[int(0.35 * len(image)) :] = image.mean()
    noisy_images = (noisy(image, seed, 5) for seed, image in enumerate(images))
    result = align(*noisy_images, model="euclidean")
    assert result.verdict == verdict
    assert said in result.reason


def test_tiles_that_lie_right_contradict_nothing():
    known = known_pair("coffee", random_transform(3, "affine", SHAPE), shape=SHAPE)
    _, tiles = asked(known, known.truth.matrix)
    assert residual_pattern(tiles, SHAPE).contradiction == 0


def test_soft_images_are_not_said_to_be_more_exact_than_their_level():
    shape = (700, 800)
    # Magnified so much that all detail is coarse: the coarsest levels know it by heart.
    truth = random_transform(2, "translation", shape, size=6)
    small = ndimage.spline_filter(picture("gravel")[:300, :340], order=3)
    places = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1) + 20.0
    off = truth.matrix[:2, 2][::-1]
    images = [
        ndimage.map_coordinates(small, 0.35 * at.transpose(2, 0, 1), order=3, prefilter=False)
        for at in (places, places - off)
    ]
    result = align(noisy(images[0], 1), noisy(images[1], 2), model="translation")
    error = corner_error(result.transform.matrix, truth.matrix, shape)
    assert error < min(0.05, 3 * result.corner_uncertainty)
