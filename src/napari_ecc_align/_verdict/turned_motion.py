"""Does something turn or grow below what lies still: marks on a lens, a pattern of the sensor."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.correlation import cross_correlation, spectrum, template_correlations
from .._images.pyramid.levels import Floats, floats
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.tile_choice import grid
from .._transform.coordinates import corner_error, map_points, scaled, shift
from .chance import ALPHA, p_value
from .limits import LEAST_SHARE, MOST_RIVALS, SECOND_PIXELS, WHOLE_PIXELS
from .residual_pattern import affine_of
from .second_motion import SecondMotion, evened
from .tile_matching import LARGEST_TILE, LEAST_REACH, MOST_TILES, Tiles, weighed, without
from .turned_rival import SCALES, about_centre

# In such steps (degrees, factor), with which the border of that level moves by a few pixels.
_TURNS = np.arange(-14.0, 14.1, 2.0)
_SCALES = (1 / SCALES[0], 1.0, SCALES[0])
# A smaller share of the detail is not searched: of a smaller level, noise leaves less.
_LEAST_LEFT = LEAST_SHARE * WHOLE_PIXELS / SECOND_PIXELS


def turned_motion(
    pyramids: Pyramids, matrix: NDArray[np.float64], *, inverted: bool
) -> SecondMotion | None:
    """Return the motion that turns or enlarges what a first one leaves unexplained, if any.

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
    """
    # On a small level, on which noise is less of what is left.
    coarse, *planes = _unexplained(pyramids, matrix, inverted, WHOLE_PIXELS)
    if float((planes[0] * planes[0]).sum()) < _LEAST_LEFT:
        return None
    index, first, second = _unexplained(pyramids, matrix, inverted, SECOND_PIXELS)
    if min(first.shape) < LARGEST_TILE + 2 * LEAST_REACH:
        return None
    starts = _starts(coarse, *planes)
    best: tuple[NDArray[np.float64], Tiles] | None = None
    for start in starts[:MOST_RIVALS]:
        motion = scaled(start, 2.0**-index)
        said = _tiles(first, second, motion)
        motion = motion @ affine_of(said, first.shape)
        said = _tiles(first, second, motion)
        if best is None or said.agreeing > best[1].agreeing:
            best = motion, said
    if best is None:
        return None
    # Those that fit where they lie as well, as near the middle of a turn, are no witnesses.
    places = best[1].displacements[:, :2]
    apart = np.hypot(*(map_points(best[0], places) - places).T)
    if p_value(without(best[1], apart <= best[1].radius), "affine") > ALPHA:
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
        distance=corner_error(motion, np.eye(3), shape),
    )


def _unexplained(
    pyramids: Pyramids, matrix: NDArray[np.float64], inverted: bool, pixels: int
) -> tuple[int, Floats, Floats]:
    """Return what either image shows beyond the other on a level of so many pixels, and which."""
    index = pyramids.index_below(pixels)
    levels = pyramids.reference[index], pyramids.moving[index]
    first, second, _ = evened(*levels, matrix, inverted=inverted)
    common = float((first * second).sum())
    return index, floats(first - common * second), floats(second - common * first)


def _starts(index: int, first: Floats, second: Floats) -> list[NDArray[np.float64]]:
    """Return motions, at full resolution, that lay one on the other, the best first."""
    size = cv2.getOptimalDFTSize(first.shape[0]), cv2.getOptimalDFTSize(first.shape[1])
    there = spectrum(second, size)
    found = []
    for turn, scale in product(np.radians(_TURNS), _SCALES):
        motion = about_centre(first.shape, float(turn), scale)
        turned = floats(cv2.warpAffine(first, motion[:2], first.shape[::-1]))
        surface = cross_correlation(there, spectrum(turned, size))
        _, top, _, (x, y) = cv2.minMaxLoc(surface)
        move = shift(x - size[1] * (2 * x > size[1]), y - size[0] * (2 * y > size[0]))
        strength = top / max(float(cv2.norm(surface)), 1e-12)
        found.append((strength, scaled(move @ motion, 2.0**index)))
    found.sort(key=lambda item: -item[0])
    return [motion for _, motion in found]


def _tiles(first: Floats, second: Floats, motion: NDArray[np.float64]) -> Tiles:
    """Return what tiles of one plane say of a motion to the other, in px of the level."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(second, motion[:2], first.shape[::-1], flags=flags)
    origins = grid(first.shape, LARGEST_TILE, LEAST_REACH).astype(np.intp)
    templates = np.stack([first[y : y + LARGEST_TILE, x : x + LARGEST_TILE] for x, y in origins])
    strengths = (templates * templates).sum(axis=(1, 2))
    chosen = np.argsort(-strengths, kind="stable")[:MOST_TILES]
    side = LARGEST_TILE + 2 * LEAST_REACH
    around = np.stack(
        [there[y : y + side, x : x + side] for x, y in origins[chosen] - LEAST_REACH]
    )
    surfaces = template_correlations(around, templates[chosen])
    return weighed(
        surfaces,
        np.asarray(origins[chosen] + (LARGEST_TILE - 1) / 2, np.float64),
        LARGEST_TILE,
        LEAST_REACH,
        0,
        LARGEST_TILE,
    )
