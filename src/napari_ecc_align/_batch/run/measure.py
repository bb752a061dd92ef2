"""What is measured of a pair: differing pixels before and after, and a picture of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.tables import COUNT_KEYS, MATRIX_KEYS
from ..._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE, Comparison, compare
from ..._compare.views import data_uri
from ..._images.coverage import overlap
from ..._transform.coordinates import corner_error
from ..._transform.field import Field
from ..._transform.transform import Transform
from ..._verdict.field_result import SmoothAlignment, corner_shift, field_numbers
from ..._verdict.result import AlignmentResult, transform_numbers
from ..records.record import Number
from ..settings import BatchSettings

THUMBNAIL_SIDE = 200
_GAP = 4
_LINE = 215
# What the record has in a place of its own.
_TOLD_ELSEWHERE = {"reason", "model", "seconds", *MATRIX_KEYS}
# A displaced stroke covers little of a thumbnail's pixel, and must be seen all the same.
_BOOST = 3.0


@dataclass(frozen=True, eq=False)
class Differences:
    """How two images on one grid compare, or nothing if no threshold suits them.

    Attributes
    ----------
    counts : mapping
        As `Comparison.to_dict` returns them.
    picture : ndarray of uint8, shape (h, w, 3), or None
        The differing pixels, small.
    """

    counts: Mapping[str, Number] = field(default_factory=lambda: dict.fromkeys(COUNT_KEYS))
    picture: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, found: Comparison) -> Self:
        """Keep of a comparison what the record needs."""
        return cls(found.to_dict(), _small(found.labels))


def differences_before(
    reference: NDArray[Any], moving: NDArray[Any], settings: BatchSettings
) -> Differences:
    """Compare a pair as it is: the first pixels on each other, no further than both reach."""
    rows, columns = np.minimum(reference.shape[:2], moving.shape[:2])
    return _compared(reference[:rows, :columns], moving[:rows, :columns], None, settings)


def differences_after(
    reference: NDArray[Any],
    aligned: NDArray[Any],
    transform: Transform | Field,
    moving_shape: tuple[int, ...],
    settings: BatchSettings,
) -> Differences:
    """Compare a pair once it has been aligned."""
    inside = overlap(transform, output_shape=reference.shape, moving_shape=moving_shape)
    return _compared(reference, aligned, inside, settings)


def alignment_numbers(
    result: AlignmentResult | SmoothAlignment | None,
    transform: Transform | Field,
    reference: NDArray[Any],
    moving: NDArray[Any],
    pixel_um: tuple[float, float] | None = None,
) -> dict[str, Number]:
    """Return what an alignment, if there was one, says of itself, and the sizes of its images.

    Where the size of a pixel is known, also how far the corners move in micrometres.
    """
    height, width = shape = (reference.shape[0], reference.shape[1])
    if result is not None:
        row = result.to_dict()
    elif isinstance(transform, Field):
        row = field_numbers(transform, shape)
    else:
        row = transform_numbers(transform, shape)
    moved = None
    if pixel_um is not None:
        moved = corners_moved(transform, shape, pixel_um)
    return {
        **{key: value for key, value in row.items() if key not in _TOLD_ELSEWHERE},
        "corner_shift_um": moved,
        "width": width,
        "height": height,
        "moving_width": moving.shape[1],
        "moving_height": moving.shape[0],
    }


def corners_moved(
    transform: Transform | Field, shape: tuple[int, int], pixel: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Return how far the corners move, RMS, in px or, of their size (x, y), in its unit."""
    if isinstance(transform, Field):
        return corner_shift(transform, shape, pixel)
    return corner_error(transform.matrix, np.eye(3), shape, pixel)


def compared_numbers(
    before: Differences, after: Differences | None, settings: BatchSettings
) -> dict[str, Number]:
    """Return what was counted before and, if it is known, after an alignment."""
    counts = (after or Differences()).counts
    return {
        **{f"{key}_before": before.counts[key] for key in COUNT_KEYS},
        **{key: counts[key] for key in COUNT_KEYS},
        "method": settings.method,
    }


def thumbnail(before: Differences, after: Differences | None) -> str:
    """Return the differing pixels before and, beside them, after if known, as a small data URI."""
    pictures = [None if one is None else one.picture for one in (before, after)]
    drawn = [picture for picture in pictures if picture is not None]
    if not drawn:
        return ""
    height, width = (max(picture.shape[axis] for picture in drawn) for axis in (0, 1))
    # Of a pair that has no "after", nothing stands beside "before".
    columns = [0] if pictures[1] is None else [0, width + _GAP]
    sheet = np.full((height, columns[-1] + width, 3), 255, np.uint8)
    for left, picture in zip(columns, pictures, strict=False):
        if picture is not None:
            sheet[: picture.shape[0], left : left + picture.shape[1]] = picture
    return data_uri(sheet)


def mid_planes(labels: NDArray[np.uint8], spacing: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the three planes through the middle of a map of differing voxels, in one picture.

    Across z, y and x, side by side; what is longer along an axis is drawn so.
    """
    from ..._common.opencv import cv2

    middle = [length // 2 for length in labels.shape]
    planes = labels[middle[0]], labels[:, middle[1]], labels[:, :, middle[2]]
    sides = ((1, 2), (0, 2), (0, 1))
    drawn = []
    for plane, (down, across) in zip(planes, sides, strict=True):
        finest = min(spacing[down], spacing[across])
        size = [
            max(1, round(length * spacing[axis] / finest))
            for length, axis in ((plane.shape[1], across), (plane.shape[0], down))
        ]
        even = cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_NEAREST)
        drawn.append(_small(np.asarray(even), THUMBNAIL_SIDE * 2 // 3))
    return _sheet(drawn, across=True)


def thumbnail_below(before: Differences, after: Differences | None) -> str:
    """Return pictures before and, below it, after if known, as a small data URI."""
    pictures = [None if one is None else one.picture for one in (before, after)]
    drawn = [picture for picture in pictures if picture is not None]
    return data_uri(_sheet(drawn, across=False)) if drawn else ""


def _sheet(pictures: list[NDArray[np.uint8]], *, across: bool) -> NDArray[np.uint8]:
    """Return pictures side by side or one below the other on white."""
    along = 1 if across else 0
    side = max(picture.shape[1 - along] for picture in pictures)
    length = sum(picture.shape[along] + _GAP for picture in pictures) - _GAP
    size = (side, length) if across else (length, side)
    sheet = np.full((*size, 3), 255, np.uint8)
    first = 0
    for picture in pictures:
        height, width = picture.shape[:2]
        top, left = (0, first) if across else (first, 0)
        sheet[top : top + height, left : left + width] = picture
        first += picture.shape[along]
        if first < length:
            sheet[
                (slice(None), slice(first, first + _GAP)) if across else slice(first, first + _GAP)
            ] = _LINE
        first += _GAP
    return sheet


def _compared(
    reference: NDArray[Any],
    other: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    settings: BatchSettings,
) -> Differences:
    try:
        return Differences.of(compare(reference, other, method=settings.method, mask=mask))
    except InputError:  # the threshold does not suit these images
        return Differences()


def _small(labels: NDArray[np.uint8], side: int = THUMBNAIL_SIDE) -> NDArray[np.uint8]:
    """Return a map of differing pixels as a small picture in RGB."""
    from ..._common.opencv import cv2

    # A whole number of pixels to one of the thumbnail is several times as fast, and more so in
    # steps of two.
    step = -(-max(labels.shape) // side)
    step = step if step < 8 else 4 * round(step / 4)
    width, height = (max(1, length // step) for length in labels.shape[::-1])
    labels = labels[: height * step, : width * step]
    picture = np.full((height, width, 3), 255, np.float32)
    for label in (ONLY_REFERENCE, ONLY_MOVING):
        cover = cv2.inRange(labels, np.array([label]), np.array([label]))
        for factor in (2, 2, step // 4) if step % 4 == 0 else (step,):
            size = cover.shape[1] // factor, cover.shape[0] // factor
            cover = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
        share = np.minimum(1, _BOOST / 255 * cover.astype(np.float32))[..., np.newaxis]
        picture += share * (np.array(COLOURS[label], np.float32) - picture)
    return np.rint(picture).astype(np.uint8)
