"""Volumes that are not in memory: what is read of them, and what comes of it."""

import dask.array as da
import numpy as np
import pytest
from test_volumes import spots

from napari_ecc_align import InputError, align_volume, save_volume, warp_volume
from napari_ecc_align._align.volume.lazy_pyramid import lazy_volume_pyramid
from napari_ecc_align._align.volume.lazy_warp import warped_levels
from napari_ecc_align._align.volume.levels import volume_pyramid
from napari_ecc_align._align.volume.sources import LazyVolume
from napari_ecc_align._align.volume.warp import warped_by
from napari_ecc_align._common.steps import outcome_of
from napari_ecc_align._images.limits import LIMITS

CHUNK = 16
SHAPE = (64, 80, 72)


class Counted:
    """An array in chunks that counts how often each is read."""

    def __init__(self, values):
        self.values, self.shape, self.ndim = values, values.shape, 3
        self.dtype, self.chunks, self.read = values.dtype, (CHUNK,) * 3, {}

    def __getitem__(self, box):
        first = tuple(part.start // CHUNK for part in box)
        self.read[first] = self.read.get(first, 0) + 1
        return self.values[box]

    @property
    def share(self):
        return len(self.read) / np.prod(-(-np.array(self.shape) // CHUNK))


def means(volume):
    d, h, w = (n // 2 for n in volume.shape)
    return volume[: 2 * d, : 2 * h, : 2 * w].reshape(d, 2, h, 2, w, 2).mean(axis=(1, 3, 5))


def pyramid_of(volume, halve=means):
    levels = [volume]
    while min(levels[-1].shape) > 30:
        levels.append(halve(levels[-1]))
    return [Counted(level.astype(np.float32)) for level in levels]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(LIMITS, "whole_pixels", 50_000)
    monkeypatch.setattr(LIMITS, "small_bytes", 0)
    monkeypatch.setattr(LIMITS, "kept_bytes", 2**20)


@pytest.fixture(scope="module")
def world():
    return spots((72, 88, 80), 3)


def a_pair(world):
    """Return two crops, and the shift (z, y, x) that lays one on the other."""
    return world[5 : 5 + 64, 4 : 4 + 80, 2 : 2 + 72], world[2 : 2 + 64, 6 : 6 + 80, 5 : 5 + 72]


SHIFT = np.array([3.0, -2.0, -3.0])


@pytest.mark.parametrize("halve", [means, lambda volume: volume[::2, ::2, ::2]])
def test_the_levels_are_those_of_a_volume_in_memory(small, world, halve):
    volume = a_pair(world)[0]
    held = volume_pyramid(volume.astype(np.float32), np.ones(3), 1.0)
    lazy = LazyVolume(tuple(pyramid_of(volume, halve)))
    levels = outcome_of(lazy_volume_pyramid(lazy, np.ones(3), 1.0))
    assert [level.shape for level in levels] == [level.shape for level in held]
    whole = tuple(slice(0, n) for n in levels[0].shape)
    assert np.array_equal(levels[0].values[whole], held[0].values)
    for level, other in zip(levels[1:], held[1:], strict=True):
        box = tuple(slice(0, n) for n in level.shape)
        inner = tuple(slice(2, n - 2) for n in level.shape)
        one, two = np.asarray(level.values[box])[inner], other.values[inner]
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98
    assert isinstance(levels[-1].values, np.ndarray)


def test_few_blocks_of_a_pyramid_are_enough(small, world):
    reference, moving = (pyramid_of(one) for one in a_pair(world))
    found = align_volume(reference, moving, model="euclidean")
    assert found.aligned
    assert np.abs(found.transform.matrix[:3, 3] - SHIFT[::-1]).max() < 0.2
    held = align_volume(*a_pair(world), model="euclidean")
    assert np.abs(found.transform.matrix - held.transform.matrix).max() < 0.1


def test_what_has_no_pyramid_is_read_once_for_its_means(small, world):
    pair = [da.from_array(one, chunks=(24, 40, 72)) for one in a_pair(world)]
    found = align_volume(*pair, model="translation")
    assert found.aligned
    assert np.abs(found.transform.matrix[:3, 3] - SHIFT[::-1]).max() < 0.1


def test_masks_and_missing_voxels_count_as_in_memory(small, world):
    one, two = (part.copy() for part in a_pair(world))
    rng = np.random.default_rng(0)
    two[:, :40] = rng.normal(400, 100, two[:, :40].shape)
    mask = np.ones(SHAPE, bool)
    mask[:, :40] = False
    one[10:20, 50:60, 30:40] = np.nan
    found = align_volume(pyramid_of(one), pyramid_of(two), model="translation", moving_mask=mask)
    assert np.abs(found.transform.matrix[:3, 3] - SHIFT[::-1]).max() < 0.2


def test_reading_ends_when_that_is_asked(small, world):
    pair = [pyramid_of(one) for one in a_pair(world)]
    asked = []

    def cancel():
        asked.append(1)
        return len(asked) > 5

    assert align_volume(*pair, cancel=cancel).verdict == "cancelled"
    assert sum(sum(level.read.values()) for levels in pair for level in levels) <= 4 * 5


def test_a_lazy_volume_is_warped_chunk_by_chunk_to_the_same(world):
    volume = a_pair(world)[1].astype(np.float32)
    matrix = np.eye(4)
    matrix[:3] = [
        [0.991, 0.052, -0.021, 3.337],
        [-0.043, 1.017, 0.029, -2.641],
        [0.033, 0.013, 0.983, 4.119],
    ]
    lazy = da.from_array(volume, chunks=30)
    for how in ("nearest", "linear", "cubic"):
        expected = warp_volume(volume, matrix, output_shape=(140, 60, 50), interpolation=how)
        made = warp_volume(lazy, matrix, output_shape=(140, 60, 50), interpolation=how)
        assert isinstance(made, da.Array)
        # The nearest of two that are as near is either of them.
        differs = np.abs(made.compute() - expected) > 1e-3 * np.ptp(expected)
        assert differs.mean() < (1e-3 if how == "nearest" else 1e-12)
    counted = Counted(volume)
    warp_volume(counted, np.eye(4), output_shape=(200, 80, 72))[140:].compute()
    assert not counted.read


def test_an_overview_is_made_of_an_overview(world):
    levels = [one.values for one in pyramid_of(a_pair(world)[0])]
    lazy = [da.from_array(np.tile(one, (1, 6, 6)), chunks=64) for one in levels]

    def warped(source, matrix, shape):
        return warped_by(source, matrix, shape, interpolation="linear", fill=0)

    made = warped_levels(lazy, np.eye(4), lazy[0].shape, warped)
    assert [one.shape for one in made] == [(64, 480, 432), (64, 240, 216)]
    there = made[1].compute()[:, 4:-4, 4:-4]
    expected = np.tile(levels[0], (1, 6, 6)).reshape(64, 240, 2, 216, 2).mean(axis=(2, 4))
    # The given level is coarser along z as well, so it is not what this one is made of.
    assert np.corrcoef(there.ravel(), expected[:, 4:-4, 4:-4].ravel())[0, 1] > 0.98


def test_what_is_saved_is_read_back_by_zarr_and_nothing_is_left_of_what_is_not(tmp_path):
    import zarr

    volume = np.arange(140 * 9 * 131, dtype=np.uint16).reshape(140, 9, 131)
    lazy = da.from_array(volume, chunks=40)
    steps = []
    path = tmp_path / "one.zarr"
    pyramid = [lazy, lazy[::2, :, ::2]]
    assert save_volume(
        path, pyramid, spacing=(2, 0.5, 0.5), unit="micrometer", progress=steps.append
    )
    group = zarr.open_group(path, mode="r")
    assert np.array_equal(group["0"][:], volume)
    assert np.array_equal(group["1"][:], volume[::2, :, ::2])
    image = group.attrs["ome"]["multiscales"][0]
    scales = [one["coordinateTransformations"][0]["scale"] for one in image["datasets"]]
    assert scales == [[2, 0.5, 0.5], [4, 0.5, 0.5 * 131 / 66]]
    assert steps[-1].fraction == 1
    with pytest.raises(InputError, match="exists already"):
        save_volume(path, volume)
    assert not save_volume(tmp_path / "two.zarr", volume, cancel=lambda: True)
    assert [one.name for one in tmp_path.iterdir()] == ["one.zarr"]


def test_a_pyramid_that_does_not_get_smaller_is_refused(small, world):
    levels = pyramid_of(a_pair(world)[0])
    with pytest.raises(InputError, match="must get smaller"):
        align_volume([levels[0], levels[0]], levels)
    with pytest.raises(InputError, match="reference_mask must have the shape"):
        align_volume(levels, levels, reference_mask=np.ones((3, 3, 3)))


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic"])
def test_what_rounding_leaves_of_a_whole_step_loses_no_voxel(interpolation):
    volume = np.random.default_rng(2).integers(1, 200, (9, 10, 11)).astype(np.uint8)
    nearly = np.eye(4)
    nearly[:3] += np.random.default_rng(3).normal(0, 1e-13, (3, 4))
    assert np.array_equal(warp_volume(volume, nearly, interpolation=interpolation), volume)
