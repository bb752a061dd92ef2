"""The parts of two images that count, cut out: what surrounds them counts nowhere.

Masked on a frame several times as large, an image is a few pixels on coarse levels, a few tiles of
many, and its outline is the strongest edge there is. Cut out, it is an image like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._images.pixels import valid_pixels
from .._images.sources import LoadedImage, Source
from .._transform.models import MODELS, frame_of, motions
from .._transform.transform import Transform, corners
from .._verdict.result import AlignmentResult
from .._verdict.uncertainty import spread_at, whole_covariance
from .options import Job
from .progress import Progress

Matrix = NDArray[np.float64]

# A part is cut out with so many pixels on a side at least, where the image has as many.
_LEAST_SIDE = 32


@dataclass(frozen=True, eq=False)
class CountedPart:
    """A job cut down to the pixels that count.

    Attributes
    ----------
    job : Job
        Of the parts.
    shape : tuple of int
        Height and width of the whole reference.
    reference, moving : tuple of int
        Where pixel (0, 0) of each part lies in the whole, as (x, y).
    """

    job: Job
    shape: tuple[int, int]
    reference: tuple[int, int]
    moving: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was cut off."""
        return self.job.shape == self.shape and not any(self.moving)

    @property
    def unmoved(self) -> Matrix:
        """Where the identity of the whole images maps pixels of the part."""
        return self._to_part(np.eye(3))

    def told(self, step: Progress) -> Progress:
        """Return a step with its transform between the whole images."""
        if step.transform is None or self.is_whole:
            return step
        return replace(step, transform=self._whole(step.transform))

    def of_whole(self, result: AlignmentResult) -> AlignmentResult:
        """Return a result as one of the whole images."""
        if self.is_whole:
            return result
        tiles = result.tiles
        if tiles is not None:
            places = tiles.displacements + np.array([*self.reference, 0, 0])
            tiles = replace(tiles, displacements=places)
        moved = replace(
            result, transform=self._whole(result.transform), shape=self.shape, tiles=tiles
        )
        known = result.covariance is not None and np.isfinite(result.corner_uncertainty)
        return self._extrapolated(result, moved) if known else moved

    def _whole(self, transform: Transform) -> Transform:
        matrix = _shift(self.moving) @ transform.matrix @ _shift(self.reference, -1)
        return Transform(matrix, model=transform.model)

    def _to_part(self, matrix: Matrix) -> Matrix:
        return np.asarray(_shift(self.moving, -1) @ matrix @ _shift(self.reference))

    def _extrapolated(self, result: AlignmentResult, moved: AlignmentResult) -> AlignmentResult:
        """Return the result of the whole with its uncertainty at the corners of the whole."""
        covariance, uncertainty = result.covariance, result.corner_uncertainty
        assert covariance is not None
        matrix, places = result.transform.matrix, corners(self.shape) - self.reference
        spread = whole_covariance(
            matrix,
            covariance,
            result.shape,
            corner_uncertainty=uncertainty,
            contradiction=result.contradiction,
        )
        there = float(np.sqrt(np.mean(spread_at(places, matrix, spread, result.shape) ** 2)))
        model = next(m for m in MODELS.values() if m.n_parameters == len(covariance))
        # The same displacements in the normalised coordinates of the whole.
        points = np.concatenate([places, places / 2, places[:, ::-1] / 3])
        own = motions(model, frame_of(result.shape), points).reshape(-1, len(covariance))
        theirs = motions(model, frame_of(self.shape), points + self.reference)
        change = np.linalg.lstsq(theirs.reshape(own.shape), own, rcond=None)[0]
        return replace(
            moved,
            corner_uncertainty=there,
            contradiction=result.contradiction * there / (uncertainty or 1.0),
            covariance=change @ covariance @ change.T,
        )


def counted_sources(job: Job) -> Job:
    """Return a job in whose masks all that surrounds what counts is left out, NaN as well."""
    return replace(job, reference=_counted(job.reference), moving=_counted(job.moving))


def counted_part(job: Job) -> CountedPart:
    """Return the parts that count, of a job as from `counted_sources`."""
    (reference, first), (moving, second) = _cut(job.reference), _cut(job.moving)
    part = CountedPart(replace(job, reference=reference, moving=moving), job.shape, first, second)
    if part.is_whole:
        return part
    initial = part.unmoved if job.initial is None else part._to_part(job.initial)
    if job.initial is None and np.array_equal(initial, np.eye(3)):
        return part
    return replace(part, job=replace(part.job, initial=initial))


def _counted(source: Source) -> Source:
    if not isinstance(source, LoadedImage):
        return source
    edges: Sequence[Any] = (slice(0, 1), slice(-1, None))
    keys = [(edge, slice(None)) for edge in edges] + [(slice(None), edge) for edge in edges]
    masks = (None if source.mask is None else source.mask[key] for key in keys)
    parts = (source.image[key] for key in keys)
    if all(valid_pixels(*edge).any() for edge in zip(parts, masks, strict=True)):
        return source
    return replace(source, mask=valid_pixels(source.image, source.mask))


def _cut(source: Source) -> tuple[Source, tuple[int, int]]:
    """Return the part of an image that counts, and where in (x, y) it lies."""
    if not isinstance(source, LoadedImage) or source.mask is None or not source.mask.any():
        return source, (0, 0)
    (top, bottom), (left, right) = (
        _range(np.logical_or.reduce(source.mask, axis=axis)) for axis in (1, 0)
    )
    box = slice(top, bottom), slice(left, right)
    return LoadedImage(source.image[box], source.mask[box]), (left, top)


def _range(counted: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first and last that counts, the last one excluded, and more if those are few."""
    first, last = int(counted.argmax()), len(counted) - int(counted[::-1].argmax())
    least = min(_LEAST_SIDE, len(counted))
    missing = max(0, least - (last - first))
    first = max(0, min(first - missing // 2, len(counted) - least))
    return first, min(len(counted), max(last, first + least))


def _shift(place: tuple[int, int], sign: int = 1) -> Matrix:
    matrix = np.eye(3)
    matrix[:2, 2] = sign * np.array(place)
    return matrix
