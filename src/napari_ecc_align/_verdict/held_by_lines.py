"""Do lines that belong to the camera hold an axis: noise of columns, a scanner's streaks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._common.steps import outcome_of
from .._images.pixels import PixelSource
from .._images.pyramid.levels import Floats, InSteps, Level, floats, parts, room
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.windows import OnDemand
from .._transform.coordinates import corners, map_points
from .detail import aligned_details, typical
from .limits import (
    LARGEST_UNCERTAINTY,
    LEAST_PART,
    LEAST_SHARE,
    LIKE,
    SAME_PLACE,
    SECOND_PIXELS,
    WRONG,
)
from .peaks import vertex
from .residual_pattern import SIGMAS
from .second_motion import LEAST_SIGNIFICANCE
from .shifted_rival import correlated


@dataclass(frozen=True)
class Held:
    """Lines that hold two images, and where these fit without.

    Attributes
    ----------
    axes : tuple of int
        Along which images do not move: 0 is x, which columns hold, 1 is y, which rows hold.
    distance : float
        How far from there, along those axes, they fit best without whole columns or rows, in px.
    """

    axes: tuple[int, ...]
    distance: float


def held_by_lines(
    pyramids: Pyramids,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    within: float = WRONG,
) -> Held | None:
    """Return the lines that hold two images where they do not lie by all else, if there are any.

    What moves below noise of a sensor's columns, or below the streaks of a scanner, is held across
    them alone: along them, the scene decides, so that all tiles agree at a place at which neither
    lies. Without the mean of each column, the scene alone is left.

    Parameters
    ----------
    pyramids : Pyramids
        Of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    inverted : bool
        The moving image is a negative of the reference.
    within : float, default: 1.0
        What has moved by more (px, RMS of the corners) along an axis is not held.

    Returns
    -------
    Held or None
        None where they have moved along both axes, show hardly any lines, fit there without, too,
        or are read where they are looked at.
    """
    index = pyramids.index_below(SECOND_PIXELS)
    levels = pyramids.reference[index], pyramids.moving[index]
    still = np.linalg.inv(pyramids.unmoved) @ matrix
    if any(isinstance(level.image, OnDemand) for level in levels):
        return None
    reference, moving = levels
    unmoved = _unmoved_axes(still, pyramids.reference[0].shape, within)
    # Seldom any: lines are looked for only along these.
    axes = tuple(axis for axis in unmoved if _lines(reference)[1][axis] > LEAST_SHARE)
    if not axes:
        return None
    first = reference.recent(
        "without lines", axes, lambda: outcome_of(without_lines(reference, axes))
    )
    second = outcome_of(without_lines(moving, axes))
    fixed, other = aligned_details(first, second, matrix, inverted=inverted)
    distance = 2.0**index * _distance(correlated(fixed[0], other[0]), axes)
    return Held(axes, distance) if distance > LARGEST_UNCERTAINTY else None


def without_lines(level: Level, axes: tuple[int, ...]) -> InSteps[Level]:
    """Return a level without the mean of each column (axis 0), of each row (1), or of both.

    And each line with the contrast of the typical one: lines of a sensor differ in gain, too.
    """
    left = yield from room(level.shape)
    for y0, y1, x0, x1 in parts(level.shape):
        left[y0:y1, x0:x1] = level.patch(y0, y1, x0, x1)[0]
        yield
    for axis in axes:
        means, contrasts = yield from _of_lines(left, level.valid, axis)
        usual = float(np.median(contrasts))
        gains = usual / np.maximum(contrasts, max(LEAST_PART * usual, 1e-12))
        for y0, y1, x0, x1 in parts(level.shape):
            part, lines = left[y0:y1, x0:x1], slice(x0, x1) if axis == 0 else slice(y0, y1)
            part -= np.expand_dims(means[lines], axis).astype(np.float32)
            part *= np.expand_dims(gains[lines], axis).astype(np.float32)
            if level.valid is not None:
                part *= level.valid[y0:y1, x0:x1]
            yield
    return replace(level, image=left, offset=0.0, scale=1.0, cache={})


def _of_lines(
    image: Floats, valid: PixelSource | None, axis: int
) -> InSteps[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the mean of each column (axis 0) or row (1) of an image, and its contrast."""
    sums = np.zeros((3, image.shape[1 - axis]))
    for y0, y1, x0, x1 in parts((image.shape[0], image.shape[1])):
        part, lines = image[y0:y1, x0:x1], slice(x0, x1) if axis == 0 else slice(y0, y1)
        seen = np.ones(part.shape, bool) if valid is None else valid[y0:y1, x0:x1]
        for total, what in zip(sums, (seen, part, part * part), strict=True):
            total[lines] += np.where(seen, what, 0).sum(axis=axis, dtype=np.float64)
        yield
    count = np.maximum(sums[0], 1)
    means = sums[1] / count
    return means, np.sqrt(np.maximum(sums[2] / count - means**2, 0))


def shared_lines(pyramids: Pyramids) -> tuple[int, ...]:
    """Return the axes, 0 for x, across which both images have the same lines where they were.

    Of columns and rows that may belong to the camera, whatever has moved below them, also where
    one image was turned into a negative; none of images that are read where they are looked at.
    """
    index = pyramids.index_below(SECOND_PIXELS)
    levels = pyramids.reference[index], pyramids.moving[index]
    if any(isinstance(level.image, OnDemand) for level in levels):
        return ()
    if not np.array_equal(pyramids.unmoved, np.eye(3)):
        return ()
    (first, shares), (second, others) = (_lines(level) for level in levels)
    return tuple(
        axis
        for axis in (0, 1)
        if min(shares[axis], others[axis]) > LEAST_SHARE
        and abs(_correlation(first[axis], second[axis])) > LIKE
    )


def _correlation(first: Floats, second: Floats) -> float:
    length = min(len(first), len(second))
    one, two = first[:length], second[:length]
    return float(one @ two) / max(float(np.sqrt((one @ one) * (two @ two))), 1e-12)


def _lines(level: Level) -> tuple[list[Floats], list[float]]:
    """Return the steps between whole columns, and rows, and their share of all steps there.

    Of gradients, because they tell where an image lies.
    """
    return level.recent("lines", (), lambda: _found_lines(level))


def _found_lines(level: Level) -> tuple[list[Floats], list[float]]:
    values, valid = level.whole()
    found, shares = [], []
    for axis in (0, 1):
        steps = np.diff(values, axis=1 - axis)
        seen = np.ones(steps.shape, np.float32)
        if valid is not None:
            before, after = (
                np.take(valid, range(k, valid.shape[1 - axis] - 1 + k), axis=1 - axis)
                for k in (0, 1)
            )
            seen = floats(before & after)
        count = np.maximum(seen.sum(axis=axis), 1)
        lines = floats((steps * seen).sum(axis=axis) / count)
        found.append(lines)
        total = float((steps * steps * seen).sum())
        shares.append(float((lines * lines * count).sum()) / max(total, 1e-12))
    return found, shares


def _unmoved_axes(
    motion: NDArray[np.float64], shape: tuple[int, int], within: float
) -> tuple[int, ...]:
    """Return the axes, 0 for x, along which a motion moves an image's corners by no more."""
    moves = map_points(motion, corners(shape)) - corners(shape)
    apart = np.sqrt((moves**2).mean(axis=0))
    return tuple(np.flatnonzero(apart <= within).tolist())


def _distance(joint: Floats, axes: tuple[int, ...]) -> float:
    """Return how far along some axes a circular correlation is highest, 0 if that is in doubt.

    Of two images that lie right, it is the same at opposite displacements but for noise.
    """
    size = np.array(joint.shape[::-1])
    opposite = np.roll(joint[::-1, ::-1], 1, (0, 1))
    deviation = typical(floats(joint - opposite)) / 2
    # Along an axis on which they have moved, they lie where they lie.
    reach = [length // 2 if axis in axes else int(SAME_PLACE) for axis, length in enumerate(size)]
    x, y = (np.arange(-most, most + 1) for most in reach)
    near = joint[np.ix_(y % size[1], x % size[0])]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    place = np.array([x[column], y[row]])
    if not near[row, column] - joint[0, 0] > LEAST_SIGNIFICANCE * deviation:
        place = np.zeros(2, np.intp)
    beside, doubt = _vertex(joint, place, deviation)
    moved = (place + beside)[list(axes)]
    clear = (moved**2 - (SIGMAS * doubt[list(axes)]) ** 2).sum()
    return float(np.sqrt(max(0.0, clear)))


def _vertex(
    joint: Floats, place: NDArray[np.intp], deviation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far (x, y) the vertex of a peak is from its highest entry, and one sigma each."""
    size, ring = np.array(joint.shape[::-1]), np.arange(-1, 2)
    (x, y), (width, height) = place, size
    along = joint[y % height, (x + ring) % width].astype(np.float64)
    across = joint[(y + ring) % height, x % width].astype(np.float64)
    lines = np.stack([along, across], axis=1)
    bends = 2 * lines[1] - lines[0] - lines[2]
    doubt = np.where(bends > 0, deviation / np.maximum(bends, 1e-12), np.inf)
    return vertex(*lines), doubt
