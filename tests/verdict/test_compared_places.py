"""Which of two places parts of the images tell from the other."""

import numpy as np
from scipy import ndimage

from napari_ecc_align._ecc.estimate import Estimate
from napari_ecc_align._images.pyramid.halving import image_pyramid
from napari_ecc_align._images.pyramid.pair import Pyramids
from napari_ecc_align._transform.coordinates import shift
from napari_ecc_align._verdict.compared_places import fits_better_here
from napari_ecc_align._verdict.detail import aligned_details
from napari_ecc_align._verdict.laid import Laid

PERIOD = 60


def better(here, there, marks, representation="intensity"):
    """Tell whether dies in rows, marked at places (y, x), fit better at one shift than another."""
    rng = np.random.default_rng(3)
    die = 60 * ndimage.gaussian_filter(rng.normal(size=(PERIOD, PERIOD)), 1.5, mode="wrap")
    wafer = np.tile(die, (9, 9))
    for y, x in marks:
        wafer[y : y + 16, x : x + 16] -= 60
    views = (wafer[60:480, 60:480], wafer[60:480, 0:420])
    pair = [image_pyramid(view + rng.normal(0, 2, view.shape)) for view in views]
    estimate = Estimate(shift(here, 0), False, 1, True, "identity", representation, 0.02)
    laid = Laid(Pyramids(*pair, None, np.eye(3)), estimate, inverted=False)
    return fits_better_here(laid, shift(there, 0), "translation", rough=True)


def test_one_mark_tells_a_place_from_a_period_beside_it_and_noise_does_not():
    mark = [(270, 290)]
    assert better(PERIOD, 0, mark)
    assert not better(0, PERIOD, mark)
    assert not better(PERIOD, 0, [])
    assert better(PERIOD, 0, mark, "orientation")


def test_where_each_place_has_something_that_fits_better_neither_does():
    """From two places that are both wrong, a mark of either image is missed once."""
    assert not better(0, -PERIOD, [(270, 290)])


def test_of_large_images_a_box_is_compared_that_ends_where_one_of_them_does():
    level = image_pyramid(np.random.default_rng(1).normal(size=(420, 420)))[0]
    for representation in ("intensity", "orientation"):
        (first, _), (second, _) = aligned_details(
            level, level, shift(-200, -200), inverted=False, representation=representation
        )
        assert first.shape == second.shape
