"""Does something turn or grow below what lies still: marks on a lens, a pattern of the sensor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.correlation import cross_correlation, spectrum, template_correlations
from .._images.pyramid.levels import Floats, floats
from .._images.pyramid.pair import Pyramids
from .._transform.transform import corner_error, map_points, scaled
from .detail import shared_details
from .residual_pattern import affine_of
from .second_motion import SecondMotion, unexplained
from .tile_matching import Tiles, weighed
from .turned_rival import about_centre

# Turns and growths are tried on a level of at most so many pixels, 158 by 158: chosen for its cost.
_PIXELS = 25_000
# In such steps (degrees, factor), with which the border of that level moves by a few pixels.
_TURNS = np.arange(-14.0, 14.1, 2.0)
_SCALES = (0.92, 0.96, 1.0, 1.04, 1.08)
# So many of the best are asked on a level of at most so many pixels, by tiles of such a side, px of
# the level, looked for so far around.
_MOST = 3
_TILE_PIXELS = 100_000
_SIDE, _REACH = 20, 6


def turned_motion(
    pyramids: Pyramids, matrix: NDArray[np.float64], *, inverted: bool
) -> tuple[SecondMotion, Tiles] | None:
    """Return the motion that turns or enlarges what a first one leaves unexplained, if there is one.

    What either image shows beyond the other, each scaled to fit, is laid on that of the other in
    steps of turns and growths, wherever it correlates best; small tiles then say whether it lies
    there.

    Parameters
    ----------
    pyramids : Pyramids
        Of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels: the first motion.
    inverted : bool
        The moving image is a negative of the reference.

    Returns
    -------
    SecondMotion, Tiles
        The tiles are those at the motion.
    """
    starts = _starts(*_left(pyramids, matrix, inverted, _PIXELS))
    index, first, second = _left(pyramids, matrix, inverted, _TILE_PIXELS)
    best: tuple[NDArray[np.float64], Tiles] | None = None
    for start in starts[:_MOST]:
        motion = scaled(start, 2.0**-index)
        for _ in range(2):
            said = _tiles(first, second, motion)
            motion = motion @ affine_of(said)
        if best is None or said.agreeing > best[1].agreeing:
            best = motion, said
    if best is None:
        return None
    shape = pyramids.reference[0].shape
    motion, said = scaled(best[0], 2.0**index), best[1]
    middle = (np.array([shape[::-1]]) - 1.0) / 2
    return SecondMotion(
        map_points(motion, middle)[0] - middle[0],
        share=said.fit,
        significance=float("inf"),
        precision=2.0**index,
        spread=said.share,
        apart=corner_error(motion, np.eye(3), shape),
    ), said


def _left(
    pyramids: Pyramids, matrix: NDArray[np.float64], inverted: bool, pixels: int
) -> tuple[int, Floats, Floats]:
    """Return what either image shows beyond the other on a level of so many pixels, and which."""
    index = pyramids.index_below(pixels)
    levels = pyramids.reference[index], pyramids.moving[index]
    first, second, window = shared_details(*levels, matrix, inverted=inverted)
    return index, *unexplained(first, second, window)


def _starts(index: int, first: Floats, second: Floats) -> list[NDArray[np.float64]]:
    """Return motions, at full resolution, that lay one on the other, the best first."""
    height, width = first.shape
    size = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    there = spectrum(second, size)
    found = []
    for turn in np.radians(_TURNS):
        for scale in _SCALES:
            motion = about_centre(first.shape, float(turn), scale)
            turned = cv2.warpAffine(first, motion[:2], (width, height), flags=cv2.INTER_LINEAR)
            surface = cross_correlation(there, spectrum(floats(turned), size))
            deviation = float(np.median(np.abs(surface)))
            _, height_of, _, (x, y) = cv2.minMaxLoc(surface)
            move = np.eye(3)
            move[:2, 2] = x - size[1] * (2 * x > size[1]), y - size[0] * (2 * y > size[0])
            found.append((height_of / max(deviation, 1e-12), scaled(move @ motion, 2.0**index)))
    found.sort(key=lambda item: -item[0])
    return [motion for _, motion in found]
