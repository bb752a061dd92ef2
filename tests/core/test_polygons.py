"""Polygons as masks: a pixel counts if its centre is inside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import points_in_poly

from napari_ecc_align import InputError
from napari_ecc_align._images.polygons import polygon_mask

SHAPE = (23, 31)
CORNER = st.tuples(st.floats(-10, 40), st.floats(-10, 40))


def from_skimage(vertices):
    rows, columns = np.indices(SHAPE)
    points = np.column_stack([rows.ravel(), columns.ravel()])
    return points_in_poly(points, vertices).reshape(SHAPE)


@given(st.lists(CORNER, min_size=3, max_size=9))
def test_what_another_implementation_finds(vertices):
    # Away from integers, by rows otherwise than by columns, so that no pixel's centre lies on the
    # outline, also not on a diagonal one.
    vertices = np.round(np.array(vertices), 3) * (1.000017, 1.000029) + (0.00037, 0.00051)
    assert (polygon_mask(SHAPE, vertices) != from_skimage(vertices)).sum() <= 1


def test_a_box_and_its_neighbour_share_no_pixel():
    left = polygon_mask(SHAPE, [[2, 3], [2, 10], [9, 10], [9, 3]])
    right = polygon_mask(SHAPE, [[2, 10], [2, 20], [9, 20], [9, 10]])
    assert left.sum() == 7 * 7
    assert not (left & right).any()
    assert (left | right).sum() == 7 * 17


def test_what_lies_outside_the_image_is_cut_off():
    assert polygon_mask(SHAPE, [[-5, -5], [-5, 99], [99, 99], [99, -5]]).all()
    assert not polygon_mask(SHAPE, [[50, 50], [50, 60], [60, 60]]).any()


def test_bad_vertices_are_refused():
    with pytest.raises(InputError, match="finite"):
        polygon_mask(SHAPE, [[0, 0], [np.nan, 3], [4, 5]])
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        polygon_mask(SHAPE, [1, 2, 3])
    with pytest.raises(InputError, match=r"shape \(n, 2\)"):
        polygon_mask(SHAPE, ["a", "b"])


@pytest.mark.parametrize("shape", [3, (3,), (-1, 4), (2**40, 2), (np.inf, 2), "ab"])
def test_a_shape_that_no_image_has_is_refused(shape):
    with pytest.raises(InputError, match=r"shape must be \(height, width\)"):
        polygon_mask(shape, [[0, 0], [0, 3], [4, 5]])


def test_complex_vertices_are_refused():
    with pytest.raises(InputError, match="finite numbers"):
        polygon_mask(SHAPE, [[0, 1j], [0, 3], [4, 5]])
