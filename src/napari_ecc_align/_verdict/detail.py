"""The detail of two images that lie on each other, evened out, under a window."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.filters import warp
from .._images.pyramid.levels import STRIP, Bools, Floats, Level, floats
from .._images.pyramid.representations import (
    Representation,
    represent,
    warped_planes,
    whole_representation,
)
from .._transform.coordinates import UNMOVED, corners, map_points, scaled, shift
from .limits import MOST_PIXELS

# What is coarser than this many pixels of the level is shading, not detail.
DETAIL = 6
# Contrast is evened out over squares of this side.
_PATCH = 25


def aligned_details(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return the detail of both images on the pixels of the reference, each with its window.

    That of the last question is kept, because several ask for the same: it is not to be changed.

    Parameters
    ----------
    reference, moving : Level
        The same level of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    inverted : bool
        The moving image is a negative of the reference.
    representation : {"intensity", "gradient", "orientation"}
        Orientations are as they are, in two planes; all else is the detail of intensities.

    Notes
    -----
    Of a long strip, it is the pixels of the middle of what both show.
    """
    key = matrix.tobytes(), inverted, representation
    kept = reference.cache.get("aligned details")
    if kept is not None and kept[0] is moving and kept[1] == key:
        return kept[2][0], kept[2][1]
    made = _aligned(reference, moving, matrix, inverted, representation)
    reference.cache["aligned details"] = moving, key, made
    # Made of those.
    reference.cache.pop("shared details", None)
    return made


def _aligned(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    inverted: bool,
    representation: Representation,
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    to_moving = scaled(matrix, 2.0**-reference.index)
    here, there = _boxes(reference.shape, moving.shape, to_moving)
    to_moving = shift(-there[0], -there[1]) @ to_moving @ shift(*here[:2])
    size = here[2] - here[0], here[3] - here[1]
    if representation == "orientation":
        return _aligned_orientations(
            _orientations(reference, here), _orientations(moving, there), to_moving, size
        )
    fixed = _own_detail(reference, here)
    if (size[0], size[1]) == (there[2] - there[0], there[3] - there[1]) and (
        to_moving == UNMOVED
    ).all():
        detail, window = _own_detail(moving, there)
        return fixed, (-detail if inverted else detail, window)
    values, valid = _patch(moving, there)
    if valid is not None:
        values[~valid] = np.nan
    image = warp(values, to_moving, size)
    seen = None if np.isfinite(image.sum()) else np.isfinite(image)
    if seen is not None:
        image[~seen] = 0
    detail, window = _windowed(image, seen)
    return fixed, (-detail if inverted else detail, window)


def _own_detail(level: Level, box: list[int]) -> tuple[Floats, Floats]:
    """Return the detail of a box of a level with its window, made once: not to be changed."""
    name = f"detail {box}"
    if name not in level.cache:
        level.cache[name] = _windowed(*_patch(level, box))
    made: tuple[Floats, Floats] = level.cache[name]
    return made


def _boxes(
    reference: tuple[int, int], moving: tuple[int, int], matrix: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    """Return the (x0, y0, x1, y1) that are looked at, of images of shape (h, w)."""
    size, there = np.array(reference[::-1]), np.array(moving[::-1])
    if size.prod() <= STRIP:
        return [0, 0, *size.tolist()], [0, 0, *there.tolist()]
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    shown = np.clip(map_points(back, corners(moving)), 0, size)
    side = np.minimum(size, STRIP // size.min())
    first = np.floor(np.clip((shown.min(0) + shown.max(0) - side) / 2, 0, size - side))
    ends = map_points(matrix, first + corners((int(side[1]), int(side[0]))))
    begin = np.clip(np.floor(ends.min(0)) - DETAIL, 0, there - 1).astype(int)
    end = np.clip(np.ceil(ends.max(0)) + DETAIL, begin + 1, there).astype(int)
    return [*map(int, first), *map(int, first + side)], [*begin.tolist(), *end.tolist()]


def all_details(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]] | None:
    """Return what `aligned_details` does, on all pixels that either image shows.

    Of the moving image, nothing is cut off by the reference's frame. None where that is too large.
    """
    to_moving = scaled(matrix, 2.0**-reference.index)
    if not np.prod(_frame_of_both(reference.shape, moving.shape, to_moving)[1]) <= STRIP:
        return None
    return placed_together(
        *own_details(reference, moving, inverted=inverted, representation=representation),
        to_moving,
    )


def own_details(
    reference: Level, moving: Level, *, inverted: bool, representation: Representation
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return the detail of each of two images as it is, with its window: not to be changed."""
    here, there = ([0, 0, *level.shape[::-1]] for level in (reference, moving))
    if representation == "orientation":
        both = _orientations(reference, here), _orientations(moving, there)
        shown = [(planes, flat_top(valid.shape) * valid) for planes, valid in both]
        fixed, other = ((over(planes, window), window) for planes, window in shown)
    else:
        fixed, other = _own_detail(reference, here), _own_detail(moving, there)
        other = -other[0] if inverted else other[0], other[1]
    return fixed, other


def _frame_of_both(
    reference: tuple[int, ...], moving: tuple[int, ...], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return where (x, y) what two images of shape (h, w) show begins, and its size (w, h)."""
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    ends = np.concatenate([corners(reference), map_points(back, corners(moving))])
    first, last = np.floor(ends.min(axis=0)), np.ceil(ends.max(axis=0))
    return first, (int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1)


def placed_together(
    fixed: tuple[Floats, Floats], other: tuple[Floats, Floats], matrix: NDArray[np.float64]
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return planes of two images on all pixels that either shows, 0 where one does not."""
    first, size = _frame_of_both(fixed[1].shape, other[1].shape, matrix)
    right, down = (-first).astype(int).tolist()
    placed = [np.zeros((*size[::-1], *plane.shape[2:]), np.float32) for plane in fixed]
    for out, plane in zip(placed, fixed, strict=True):
        out[down : down + plane.shape[0], right : right + plane.shape[1]] = plane
    matrix = matrix @ shift(*first.tolist())
    moved = warped_planes(other[0], matrix, size), warp(floats(other[1]), matrix, size)
    for plane in moved:
        cv2.patchNaNs(plane, 0)
    return (placed[0], placed[1]), moved


def shared_details(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> tuple[Floats, Floats, Floats]:
    """Return the detail of both images where both are seen, and the window that they share.

    Takes what `aligned_details` does.
    """
    (first, window), (second, other) = aligned_details(
        reference, moving, matrix, inverted=inverted, representation=representation
    )
    kept: tuple[Floats, Floats, Floats] | None = reference.cache.get("shared details")
    if kept is None:
        kept = _shared(first, window, second, other)
        reference.cache["shared details"] = kept
    return kept


def _shared(
    first: Floats, window: Floats, second: Floats, other: Floats
) -> tuple[Floats, Floats, Floats]:
    shared = np.minimum(window, other)
    # Near the border of what is seen in both, what is detail differs by what lies beyond it.
    around = 2 * DETAIL + 1
    seen = np.asarray(shared > 0, np.uint8)
    inside = floats(cv2.erode(seen, np.ones((around, around), np.uint8)))
    return over(first, inside), over(second, inside), floats(shared * inside)


def typical(planes: Floats, window: Floats | None = None) -> float:
    """Return a standard deviation about 0, by the median of so many values that do.

    Parameters
    ----------
    planes : ndarray of float32, shape (h, w) or (h, w, k)
    window : ndarray of float32, shape (h, w), optional
        Only where this is not 0.
    """
    pixels = planes.shape[0] * planes.shape[1]
    step = max(1, pixels // MOST_PIXELS)
    some = planes.reshape(pixels, -1)[::step]
    if window is not None:
        some = some[window.ravel()[::step] > 0]
    return 1.4826 * float(np.median(np.abs(some))) if some.size else 0.0


def over(planes: Floats, weight: NDArray[np.floating[Any]]) -> Floats:
    """Return an image, (h, w) or (h, w, k), times a weight (h, w)."""
    return floats(planes * (weight if planes.ndim == 2 else weight[..., None]))


def _patch(level: Level, box: list[int]) -> tuple[Floats, Bools | None]:
    x0, y0, x1, y1 = box
    return level.patch(y0, y1, x0, x1)


def _orientations(level: Level, box: list[int]) -> tuple[Floats, Bools]:
    if box == [0, 0, *level.shape[::-1]]:
        planes, valid = whole_representation(level, "orientation")
    else:
        planes, valid = represent(level, *_patch(level, box), "orientation")
    assert valid is not None
    return planes, valid


def _aligned_orientations(
    fixed: tuple[Floats, Bools],
    moving: tuple[Floats, Bools],
    matrix: NDArray[np.float64],
    size: tuple[int, int],
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    planes, valid = moving
    planes[~valid] = np.nan
    image = warped_planes(planes, matrix, size)
    window = flat_top(size[::-1])
    weights = window * fixed[1], window * ~np.isnan(image[..., 0])
    return (
        (over(fixed[0], weights[0]), weights[0]),
        (over(np.nan_to_num(image), weights[1]), weights[1]),
    )


def _windowed(image: Floats, valid: Bools | None) -> tuple[Floats, Floats]:
    """Return an image's detail under a window that falls to nothing at its border, and it."""
    small = (0, 0)
    if valid is not None:
        weight = valid.astype(np.float32)
        image = image * weight
    detail = floats(cv2.GaussianBlur(image, small, 1.0))
    far = cv2.blur(image, (2 * DETAIL + 1,) * 2)
    if valid is not None:
        detail /= np.maximum(cv2.GaussianBlur(weight, small, 1.0), 1e-3)
        far /= np.maximum(cv2.blur(weight, (2 * DETAIL + 1,) * 2), 1e-3)
    window = flat_top(image.shape)
    detail -= far
    if valid is not None:
        window = window * weight
        detail *= weight
    # Strong detail in one part of an image must not outvote the rest of it.
    strength = cv2.sqrt(np.maximum(cv2.blur(detail * detail, (_PATCH, _PATCH)), 0))
    strength += max(1e-6, float(strength.sum()) / strength.size)
    detail /= strength
    detail *= window
    return detail, window


@lru_cache(maxsize=8)
def flat_top(shape: tuple[int, ...]) -> Floats:
    """Return a window under which most of an image counts in full."""
    rows, columns = (np.hanning(length + 2)[1:-1] for length in shape)
    window = np.sqrt(np.outer(rows, columns)).astype(np.float32)
    window.setflags(write=False)
    return window
