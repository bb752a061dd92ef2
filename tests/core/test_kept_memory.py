"""Memory that is used again is nobody else's by then."""

import numpy as np

from napari_ecc_align._images.pyramid.kept_memory import lent

SHAPE = (256, 300)


def memory_of(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_what_nobody_refers_to_is_lent_again():
    first = lent(SHAPE)
    where = memory_of(first)
    del first
    again = lent(SHAPE)
    assert (again.shape, again.dtype) == (SHAPE, np.float32)
    assert memory_of(again) == where
    # Of another size, it is not.
    assert memory_of(lent((300, 300))) != where


def test_what_is_seen_through_a_view_is_kept():
    lent_out = [lent(SHAPE) for _ in range(6)]
    for k, array in enumerate(lent_out):
        array[:] = k
    views = [array[10:, ::2].T[1:] for array in lent_out]
    lent_out.clear()
    for _ in range(6):
        lent(SHAPE)[:] = -1
    assert [float(view.min()) for view in views] == [0, 1, 2, 3, 4, 5]
    assert [float(view.max()) for view in views] == [0, 1, 2, 3, 4, 5]
