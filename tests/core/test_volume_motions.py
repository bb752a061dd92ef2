"""Second motions of volumes: what moves below what lies still, and what only seems to."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align._align.volume.levels import volume_pyramid
from napari_ecc_align._align.volume.second_motion import second_motion


def in_levels(*volumes):
    return [volume_pyramid(one.astype(np.float32), np.ones(3), 1.0) for one in volumes]


def test_what_moves_below_what_lies_still_is_a_second_motion():
    rng = np.random.default_rng(5)
    stays, moves = (ndimage.gaussian_filter(rng.normal(size=(50, 50, 50)), 1.2) for _ in "ab")
    noise = rng.normal(0, 0.1 * stays.std(), (2, 44, 44, 44))
    here = stays[:44, :44, :44]
    distance = np.sqrt(5**2 + 4**2 + 3**2)
    for share, of_rest in ((0, False), (0, True), (0.6, False), (0.6, True)):
        levels = [
            volume_pyramid((here + share * other + more).astype(np.float32), np.ones(3), 1.0)
            for other, more in zip(
                (moves[:44, :44, :44], moves[5:49, 4:48, 3:47]), noise, strict=True
            )
        ]
        found = second_motion(*levels, np.eye(4), inverted=False, of_rest=of_rest)
        assert (found and found.distance) == (pytest.approx(distance) if share else None)
    assert found.is_everywhere


@pytest.mark.parametrize("seed", [1, 8, 13])
def test_threads_that_happen_to_lie_on_others_are_no_second_motion(seed):
    rng = np.random.default_rng(seed)
    world = np.zeros((60, 58, 58))
    for _ in range(8):
        along = rng.normal(size=3)
        line = rng.random(3) * world.shape
        line = line + np.linspace(-60, 60, 400)[:, None] * along / np.linalg.norm(along)
        inside = ((line >= 0) & (line < np.array(world.shape) - 1)).all(axis=1)
        world[tuple(line[inside].astype(int).T)] = 1
    world = ndimage.gaussian_filter(world, 1.2)
    pair = world / world.max(), ndimage.shift(world, (1.5, 0.5, 0.5)) / world.max()
    levels = [
        volume_pyramid(thin + rng.normal(0, 0.1, thin.shape), np.array([3.0, 1, 1]), 1.0)
        for thin in (volume[1::3, 2:-2, 2:-2] for volume in pair)
    ]
    moved = np.eye(4)
    moved[:3, 3] = 0.5
    assert second_motion(*levels, moved, inverted=False) is None


def test_what_one_of_two_kinds_of_volumes_shows_beside_what_both_do_has_not_moved():
    rng = np.random.default_rng(3)
    shape = (64, 60, 62)
    both = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    both /= both.std()
    # A rim below everything, as of the fluid around a brain: there is one in one volume alone.
    rim = np.roll(np.clip(both - 0.5, 0, None), 5, axis=0)
    noise = rng.normal(0, 0.05, (2, *shape))
    one, other = both + rim + noise[0], both + noise[1]
    assert second_motion(*in_levels(one, other), np.eye(4), inverted=False) is None
    # Something of its own that moved by as much is in both.
    mark = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    mark *= 0.5 / mark.std()
    one, other = both + mark + noise[0], both + np.roll(mark, 5, axis=0) + noise[1]
    found = second_motion(*in_levels(one, other), np.eye(4), inverted=False)
    assert found is not None and found.distance == pytest.approx(5, abs=1.5)
