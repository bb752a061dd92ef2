"""Films that lie still: is it what the camera sees, or what belongs to the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.opacity import flattened
from .._images.pixels import to_gray
from .._images.pyramid.filters import LINEAR
from .._images.pyramid.levels import Floats, floats, image_pyramid, index_below
from .._images.sources import checked_source
from .._transform.transform import corners, map_points, scaled
from .._verdict.limits import LEAST_TILES, WRONG
from .._verdict.moving_rest import rest_moves
from .._verdict.result import AlignmentResult
from .read_frames import ReadFrames, Unreadable
from .stack_masks import StackMasks

# So many frames, spread evenly, are looked at on a level of at most so many pixels: 130 by 130.
_MOST_FRAMES, _PIXELS = 32, 17_000
_BUT = (
    "But what lies still may belong to the camera: over the frames, something else that is seen "
    "moves."
)


def doubt_still(
    results: Sequence[AlignmentResult], images: ReadFrames, masks: StackMasks
) -> tuple[AlignmentResult, ...]:
    """Return the results of a film's frames, none aligned that something still may have held.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame, in the order of time.
    images : ReadFrames
    masks : StackMasks
        Of the frames.
    """
    aligned = [index for index, result in enumerate(results) if result.aligned]
    still = [aligned[at] for at in _lying_still([results[index] for index in aligned])]
    if 2 * len(still) <= len(aligned) or len(still) < LEAST_TILES:
        return tuple(results)
    count = min(len(still), _MOST_FRAMES)
    some = [still[at] for at in np.linspace(0, len(still) - 1, count).round().astype(int)]
    seen = (_plane(results[index], images, masks, index) for index in some)
    planes = [plane for plane in seen if plane is not None]
    alike = [plane for plane in planes if plane.shape == planes[0].shape]
    if len(alike) < LEAST_TILES or not rest_moves(np.stack(alike)):
        return tuple(results)
    doubted = list(results)
    for index in still:
        # What a frame is itself is beyond doubt.
        if results[index].tiles is not None:
            reason = f"{results[index].reason} {_BUT}"
            doubted[index] = replace(results[index], verdict="doubtful", reason=reason)
    return tuple(doubted)


def _lying_still(results: list[AlignmentResult]) -> NDArray[np.intp]:
    """Return which of some results lie where the typical one does."""
    if not results:
        return np.empty(0, np.intp)
    places = np.stack(
        [map_points(result.transform.matrix, corners(result.shape)) for result in results]
    )
    apart = ((places - np.median(places, axis=0)) ** 2).sum(axis=2).mean(axis=1)
    return np.flatnonzero(apart <= WRONG**2)


def _plane(
    result: AlignmentResult, images: ReadFrames, masks: StackMasks, index: int
) -> Floats | None:
    """Return a coarse level of a frame where it was found on the reference, None if unreadable."""
    image = images.read(index)
    if isinstance(image, Unreadable):
        return None
    source = checked_source(image, masks[index], "moving")
    mask = None if source.mask is None else np.asarray(source.mask[:, :], bool)
    levels = image_pyramid(to_gray(flattened(image)), mask)
    level = levels[index_below(_PIXELS, levels)]
    height, width = (-(-length // 2**level.index) for length in result.shape)
    matrix = scaled(result.transform.matrix, 2.0**-level.index)
    plane = cv2.warpPerspective(
        level.whole()[0], matrix, (width, height), flags=LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return floats(-plane if result.inverted else plane)
