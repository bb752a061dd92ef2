"""What pulls all tiles alike: it is stated, or doubted, though no tile contradicts another."""

import cv2
import numpy as np
import pytest

from napari_ecc_align import align
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._images.pyramid.colours import to_squares
from napari_ecc_align._images.pyramid.pair import make_pyramids
from napari_ecc_align._images.sources import checked_source
from napari_ecc_align._transform.coordinates import corner_error, map_points
from napari_ecc_align._verdict.model_check import colours_apart
from pairs import picture

SHAPE = (320, 360)


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def moved(image, matrix, border=40):
    """Return what of a larger image lies in a frame of `SHAPE` that moves over it."""
    return cv2.warpAffine(
        image, (matrix @ shift(-border, -border))[:2], SHAPE[::-1], flags=cv2.INTER_CUBIC
    )


def lines(rng, shape, spacing=16):
    """Return rows of blots, dark on white, as lines of writing are."""
    page = np.full(shape, 235.0)
    for top in range(4, shape[0] - spacing, spacing):
        ink = cv2.GaussianBlur(rng.random((spacing // 2, shape[1])), (0, 0), 1.2)
        page[top : top + spacing // 2] -= np.where(ink > np.quantile(ink, 0.6), 190, 0)
    return cv2.GaussianBlur(page, (0, 0), 0.7)


def test_what_shows_through_with_lines_of_the_same_spacing_is_stated():
    """It stays, and pulls all tiles alike: errors were four sigma."""
    z = []
    for seed in (1, 2, 4):
        rng = np.random.default_rng(seed)
        front, back = lines(rng, (400, 440)), lines(rng, SHAPE)
        truth = shift(*rng.uniform(-9, 9, 2))
        views = [
            np.minimum(moved(front, matrix), 235 - 0.5 * (235 - back)) + rng.normal(0, 2, SHAPE)
            for matrix in (np.eye(3), truth)
        ]
        result = align(*views, model="translation")
        z.append(corner_error(result.transform.matrix, truth, SHAPE) / result.corner_uncertainty)
    assert 0.3 < np.sqrt(np.mean(np.square(z))) < 1.5


def coloured(apart):
    """Return two views of a picture, of which red has moved by as much more than the rest."""
    gray = picture("astronaut")[:400, :440].astype(np.float32)
    truth = shift(4.3, -2.6)
    reference = np.stack([moved(gray, np.eye(3))] * 3, axis=-1)
    moves = shift(*apart) @ truth, truth, truth
    return reference, np.stack([moved(gray, matrix) for matrix in moves], axis=-1), truth


@pytest.mark.parametrize("masked", [False, True])
def test_how_far_a_colour_lies_from_the_others_is_found(masked):
    reference, other, truth = coloured((2.4, -1.8))
    mask = np.ones(SHAPE, bool)
    if masked:
        mask[:, 300:], reference[:, 300:] = False, np.nan
    sources = checked_source(reference, mask, "reference"), checked_source(other, None, "moving")
    pyramids = outcome_of(make_pyramids(*sources, np.eye(3)))
    assert colours_apart(pyramids, truth) == pytest.approx(3.0, abs=0.3)


def test_colours_that_lie_apart_are_doubted_and_those_that_do_not_are_not():
    *images, truth = coloured((2.4, -1.8))
    assert align(*images, model="translation").reason.startswith("The colours lie apart, up to ")
    *images, truth = coloured((0, 0))
    result = align(*images, model="translation")
    assert result.aligned and corner_error(result.transform.matrix, truth, SHAPE) < 0.05
    assert result.contradiction == 0


def test_squares_of_a_level_lie_where_their_pixels_do():
    matrix = np.array([[1.1, 0.2, 5], [-0.1, 0.9, 3], [1e-4, 0, 1]])
    squares = np.array([[3.0, 4.0], [10.0, 2.0]])
    middle = 8 * squares + 3.5
    there = 8 * map_points(to_squares(matrix, 3), squares) + 3.5
    assert there == pytest.approx(map_points(matrix, middle))
