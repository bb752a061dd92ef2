"""What moves beside something that stays, over the frames of a film, and what does not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from napari_ecc_align._verdict.moving_rest import moved_meanwhile, rest_moves

COUNT, SIDE = 12, 128


def textured(rng, size, side=SIDE):
    plane = gaussian_filter(rng.normal(size=(side, side)), size)
    return plane / plane.std()


def moving(rng, frames):
    """Add another texture, four times as weak, that a camera moves over."""
    seen = textured(rng, 2, SIDE + 40) / 4
    places = rng.uniform(4, 36, (COUNT, 2)).round().astype(int)
    frames += [seen[y : y + SIDE, x : x + SIDE] for y, x in places]


def flashing(rng, frames):
    """Let spots flash where they are, each by itself."""
    for _ in range(40):
        spot = np.zeros((SIDE, SIDE))
        spot[tuple(rng.integers(0, SIDE, 2))] = 60
        frames += gaussian_filter(spot, 2) * (rng.random((COUNT, 1, 1)) < 0.3)


def crossing(rng, frames):
    """Let one thing cross a part of the image."""
    thing = textured(rng, 2, 30)
    for index, frame in enumerate(frames):
        frame[40:70, 20 + 3 * index : 50 + 3 * index] = 2 + thing


def flickering(rng, frames):
    """Let a lamp's bands run down the rows."""
    phase = 2 * np.pi * np.arange(SIDE) / 60
    for index, frame in enumerate(frames):
        frame += 4
        frame *= 1 + 0.1 * np.cos(phase + 0.7 * index)[:, None]


@pytest.mark.parametrize(
    ("changed", "moves"),
    [(moving, True), (flashing, False), (crossing, False), (flickering, False)],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_only_what_moves_all_over_the_image_is_a_second_motion(changed, moves, seed):
    rng = np.random.default_rng(seed)
    frames = np.repeat(textured(rng, 1.5)[None], COUNT, axis=0)
    changed(rng, frames)
    frames += rng.normal(0, 0.3, frames.shape)
    assert rest_moves(frames.astype(np.float32), np.ones(COUNT, bool)) == moves


def test_those_that_do_not_seem_to_lie_still_tell_what_the_others_share():
    rng = np.random.default_rng(3)
    frames = np.repeat(textured(rng, 1.5)[None], COUNT, axis=0)
    moving(rng, frames)
    frames += rng.normal(0, 0.1, frames.shape)
    planes, lying = frames.astype(np.float32), np.arange(COUNT) < 3
    assert rest_moves(planes, lying)
    assert not rest_moves(planes, np.arange(COUNT) < 1)


def test_a_film_that_is_laid_between_pixels_lies_still():
    rng = np.random.default_rng(4)
    scene = textured(rng, 1.5, SIDE + 8)
    frames = [shift(scene, rng.uniform(-0.5, 0.5, 2), order=1)[4:-4, 4:-4] for _ in range(COUNT)]
    assert not rest_moves(np.array(frames, np.float32), np.ones(COUNT, bool))


@pytest.mark.parametrize(("moves", "seen"), [(14, True), (0, False)])
def test_what_moved_once_is_seen_in_the_means_before_and_after(moves, seen):
    rng, side = np.random.default_rng(5), 192
    scene, pattern = textured(rng, 1.5, side + 40) / 2, textured(rng, 1.5, side)
    frames = [
        pattern + scene[k : k + side, k : k + side] + rng.normal(0, 0.5, (side, side))
        for k in np.repeat([0, moves], COUNT // 2)
    ]
    planes, lying = np.array(frames, np.float32), np.ones(COUNT, bool)
    assert moved_meanwhile(planes, lying) == seen
    assert not moved_meanwhile(planes, np.arange(COUNT) < 5)
