"""Slices of a dask array: the pixels that dask itself gives, from a small part of its graph."""

import dask.array as da
import numpy as np
import pytest
from dask import delayed

from napari_ecc_align import align_stack
from napari_ecc_align._images.lazy_slices import LazySlices, is_sliced_by_dask

PIXELS = np.arange(6 * 5 * 4).reshape(6, 5, 4)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("chunks", [(4, 2, 2), (1, 5, 4), 6])
def test_slices_are_those_of_the_array(axis, chunks):
    slices = LazySlices(da.from_array(PIXELS, chunks=chunks) + 1, axis)
    for index in range(PIXELS.shape[axis]):
        np.testing.assert_array_equal(slices[index], (PIXELS + 1).take(index, axis))


def test_a_slice_of_many_readers_needs_one_of_them():
    read = []

    @delayed
    def reader(index):
        read.append(index)
        return PIXELS[0] + index

    stack = da.stack([da.from_delayed(reader(index), (5, 4), int) for index in range(200)])
    one = LazySlices(stack)[150]
    assert len(dict(one.__dask_graph__())) < 10
    np.testing.assert_array_equal(one, PIXELS[0] + 150)
    assert read == [150]


def test_only_what_dask_knows_the_chunks_of_is_sliced_so():
    known = da.from_array(PIXELS)
    assert is_sliced_by_dask(known)
    assert not is_sliced_by_dask(PIXELS)
    assert not is_sliced_by_dask(known[known > 3])


def test_a_lazy_film_whose_frames_are_another_axis_is_aligned_as_in_memory():
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 200, (100, 100)).repeat(2, 0).repeat(2, 1).astype(np.uint8)
    film = np.stack([scene[k : k + 90, k : k + 96] for k in range(4)])
    channels = np.stack([film, film])
    lazy = da.from_array(channels, chunks=(1, 1, 90, 96))
    found = align_stack(lazy, model="translation", channel_axis=0)
    expected = align_stack(channels, model="translation", channel_axis=0)
    assert found.verdicts == expected.verdicts == ["aligned"] * 4
    assert [r.transform for r in found] == [r.transform for r in expected]
