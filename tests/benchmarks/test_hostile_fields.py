"""Pairs that no smooth field lays: their truth is true, and what is known of them is right."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent))

from fields import known_and_off
from hostile_fields import hostile_field_pair, right_field_pair

from napari_ecc_align import align


@pytest.mark.parametrize("number", [0, 1, 3, 9, 12])
def test_pixels_lie_where_a_pair_says(number):
    pair = hostile_field_pair(number, 6)
    moving = pair.moving.astype(float)
    known = ~np.isnan(pair.places[..., 0])
    assert known.any(axis=0).mean() > 0.7
    for place, here in zip(pair.places, known, strict=True):
        inside = ((place > 8) & (place < np.array(moving.shape[::-1]) - 9)).all(axis=-1) & here
        if inside.sum() > 2000:
            there, beside = (
                abs(
                    np.corrcoef(seen_at(moving, place[inside] + off), pair.reference[inside])[0, 1]
                )
                for off in ((0, 0), (3, -3))
            )
            assert there > beside + 0.01


def seen_at(image, points):
    return ndimage.map_coordinates(image, points.T[::-1], order=1)


@pytest.mark.parametrize(("number", "seed"), [(0, 3), (1, 6), (90, 6160), (1, 6161)])
def test_what_is_known_of_a_torn_or_sliding_pair_is_right(number, seed):
    pair = hostile_field_pair(number, seed)
    result = align(pair.reference, pair.moving, model="smooth")
    share = known_and_off(result, pair.off)[2]
    assert not result.aligned or share < 0.02, result.reason


def test_a_pair_that_bends_gently_is_known():
    pair = right_field_pair(0, 1001)
    result = align(pair.reference, pair.moving, model="smooth")
    known, off, share = known_and_off(result, pair.off)
    assert result.aligned, result.reason
    assert share < 0.005
    assert known[off < 1].mean() > 0.85
