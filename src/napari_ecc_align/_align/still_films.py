"""Films that lie still: is it what the camera sees, or what belongs to the camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.opacity import flattened
from .._images.pixels import to_gray
from .._images.pyramid.filters import LINEAR
from .._images.pyramid.halving import image_pyramid
from .._images.pyramid.levels import Floats, Level, floats, index_below
from .._images.sources import checked_source
from .._transform.coordinates import corners, map_points, scaled
from .._verdict.limits import LEAST_TILES, WRONG
from .._verdict.moving_rest import moved_meanwhile, rest_moves
from .._verdict.result import AlignmentResult
from .packed_results import verdicts_of, with_others
from .read_frames import ReadFrames, Unreadable
from .stack_masks import StackMasks

# So many frames are looked at, of a long film in so many runs of those that follow one another,
# on a level of at most so many pixels, 130 by 130, and on one twice as fine.
_MOST_FRAMES, _RUNS = 32, 4
_PIXELS = 17_500
_BUT = (
    "But what lies still may belong to the camera: over the frames, something else that is seen "
    "moves."
)


def doubt_still(
    results: Sequence[AlignmentResult], images: ReadFrames, masks: StackMasks
) -> Sequence[AlignmentResult]:
    """Return the results of a film's frames, none aligned that something still may have held.

    Parameters
    ----------
    results : sequence of AlignmentResult
        One per frame, in the order of time.
    images : ReadFrames
    masks : StackMasks
        Of the frames.
    """
    if len(results) < LEAST_TILES:
        return results
    said = verdicts_of(results)
    aligned = [index for index, verdict in enumerate(said) if verdict == "aligned"]
    still = [aligned[at] for at in _lying_still(results, aligned)]
    if 2 * len(still) <= len(aligned):
        return results
    lying = set(still)
    others = [index for index in range(len(results)) if index not in lying]
    some = _runs(still, _MOST_FRAMES - min(_MOST_FRAMES // 2, len(others)))
    some += _runs(others, _MOST_FRAMES - len(some))
    coarse, fine, lies = [], [], []
    for index in sorted(some):
        # What lies elsewhere is shown as the camera saw it.
        result = results[index if index in lying else still[0]]
        if seen := _levels(result, images, masks, index):
            coarse.append(seen[0])
            fine.append(seen[1])
            lies.append(index in lying)
    held = (rest_moves(np.stack(planes), np.array(lies)) for planes in (coarse, fine) if planes)
    if not any(held) and not (fine and moved_meanwhile(np.stack(fine), np.array(lies))):
        return results
    return with_others(results, _doubted(results, still))


def _doubted(
    results: Sequence[AlignmentResult], still: list[int]
) -> Iterator[tuple[int, AlignmentResult]]:
    for index in still:
        result = results[index]
        # What a frame is itself is beyond doubt.
        if result.tiles is not None:
            yield index, replace(result, verdict="doubtful", reason=f"{result.reason} {_BUT}")


def _lying_still(results: Sequence[AlignmentResult], numbers: list[int]) -> NDArray[np.intp]:
    """Return which of some results lie where the typical one does."""
    if not numbers:
        return np.empty(0, np.intp)
    places = np.empty((len(numbers), 4, 2))
    for place, number in zip(places, numbers, strict=True):
        result = results[number]
        place[:] = map_points(result.transform.matrix, corners(result.shape))
    apart = ((places - np.median(places, axis=0)) ** 2).sum(axis=2).mean(axis=1)
    return np.flatnonzero(apart <= WRONG**2)


def _runs(numbers: list[int], most: int) -> list[int]:
    """Return numbers, of many so many in runs that are spread evenly."""
    if len(numbers) <= most:
        return numbers
    size = most // _RUNS
    starts = np.linspace(0, len(numbers) - size, _RUNS).round().astype(int).tolist()
    return sorted({numbers[start + at] for start in starts for at in range(size)})


def _levels(
    result: AlignmentResult, images: ReadFrames, masks: StackMasks, index: int
) -> tuple[Floats, Floats] | None:
    """Return two levels of a frame, a coarse and a finer one, where a result puts them.

    None if it cannot be read.
    """
    image = images.read(index)
    if isinstance(image, Unreadable):
        return None
    source = checked_source(image, masks[index], "moving")
    mask = None if source.mask is None else np.asarray(source.mask[:, :], bool)
    levels = image_pyramid(to_gray(flattened(image)), mask)
    at = index_below(_PIXELS, levels)
    return _laid(levels[at], result), _laid(levels[max(at - 1, 0)], result)


def _laid(level: Level, result: AlignmentResult) -> Floats:
    height, width = (-(-length // 2**level.index) for length in result.shape)
    matrix = scaled(result.transform.matrix, 2.0**-level.index)
    plane = cv2.warpPerspective(
        level.whole()[0], matrix, (width, height), flags=LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return floats(-plane if result.inverted else plane)
