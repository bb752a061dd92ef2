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

from .._images.named_axes import as_dask
from .._images.pixels import is_full, valid_pixels
from .._images.pyramid.levels import Level
from .._images.pyramid.pair import Pyramids
from .._images.sources import LazyImage, LoadedImage, Source, is_lazy
from .._transform.coordinates import corners, shift
from .._transform.models import MODELS, frame_of, motions
from .._transform.transform import Transform
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
        matrix = shift(*self.moving) @ transform.matrix @ shift(*np.negative(self.reference))
        return Transform(matrix, model=transform.model)

    def _to_part(self, matrix: Matrix) -> Matrix:
        return np.asarray(shift(*np.negative(self.moving)) @ matrix @ shift(*self.reference))

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
    reference, moving = _counted(job.reference), _counted(job.moving)
    if reference is job.reference and moving is job.moving:
        return job
    return replace(job, reference=reference, moving=moving)


def counted_part(job: Job) -> CountedPart:
    """Return the parts that count, of a job as from `counted_sources`."""
    (reference, first), (moving, second) = _cut(job.reference), _cut(job.moving)
    return _part(job, job, (reference, moving), (first, second))


def lazily_counted_part(job: Job, part: CountedPart, pyramids: Pyramids) -> CountedPart:
    """Return a part of a job that is narrower where images read on demand count in a part alone.

    Parameters
    ----------
    job : Job
        The whole.
    part : CountedPart
        Of it, as from `counted_part`.
    pyramids : Pyramids
        Of the part, whose coarse levels say what counts.
    """
    (reference, first), (moving, second) = (
        _cut_on_demand(source, levels)
        for source, levels in (
            (part.job.reference, pyramids.reference),
            (part.job.moving, pyramids.moving),
        )
    )
    if reference is part.job.reference and moving is part.job.moving:
        return part
    origins = (
        (origin[0] + more[0], origin[1] + more[1])
        for origin, more in ((part.reference, first), (part.moving, second))
    )
    return _part(job, part.job, (reference, moving), tuple(origins))


def _part(job: Job, options: Job, sources: Any, origins: Any) -> CountedPart:
    """Return the part that sources are of a job, from their origins (x, y) in the whole."""
    reference, moving = sources
    cut = options
    if job is not options or reference is not job.reference or moving is not job.moving:
        cut = replace(options, reference=reference, moving=moving, initial=job.initial)
    part = CountedPart(cut, job.shape, *origins)
    if part.is_whole:
        return part
    initial = part.unmoved if job.initial is None else part._to_part(job.initial)
    if job.initial is None and np.array_equal(initial, np.eye(3)):
        return part
    return replace(part, job=replace(part.job, initial=initial))


def _cut_on_demand(source: Source, levels: list[Level]) -> tuple[Source, tuple[int, int]]:
    """Return the part of an image that counts if it is half of it at most, and where it lies."""
    known = ((one.index, one.valid) for one in levels if isinstance(one.valid, np.ndarray))
    index, counts = next(known, (0, np.zeros((1, 1), bool)))
    if not isinstance(source, LazyImage) or not counts.any():
        return source, (0, 0)
    # In steps of what a pixel of the coarsest level stands for, and as much around it.
    step = 2 ** max(index, len(source.levels) - 1)
    ranges = [
        (max(0, (first << index) // step - 1), -(-(last << index) // step) + 1)
        for first, last in (_range(np.logical_or.reduce(counts, axis=axis)) for axis in (1, 0))
    ]
    (top, bottom), (left, right) = (
        (first * step, min(last * step, length))
        for (first, last), length in zip(ranges, source.shape, strict=False)
    )
    if 2 * (bottom - top) * (right - left) > source.shape[0] * source.shape[1]:
        return source, (0, 0)

    def part(pixels: Any, times: int) -> Any:
        box = slice(top // times, -(-bottom // times)), slice(left // times, -(-right // times))
        return (as_dask(pixels) if is_lazy(pixels) else pixels)[box]

    parts = [part(source.levels[0], 1)]
    for pixels in source.levels[1:]:
        times = round(source.shape[0] / pixels.shape[0])
        if step % times:
            break
        parts.append(part(pixels, times))
    mask = None if source.mask is None else part(source.mask, 1)
    return LazyImage(tuple(parts), mask), (left, top)


def _counted(source: Source) -> Source:
    if not isinstance(source, LoadedImage):
        return source
    if "counted" not in source.kept:
        counted = _without_surround(source)
        # One that held itself would lie in memory, pyramid and all, until Python looks for such.
        source.kept["counted"] = None if counted is source else counted
    kept: LoadedImage | None = source.kept["counted"]
    return source if kept is None else kept


def _without_surround(source: LoadedImage) -> LoadedImage:
    if is_full(source.image, source.mask):
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
    if "cut" not in source.kept:
        (top, bottom), (left, right) = (
            _range(np.logical_or.reduce(source.mask, axis=axis)) for axis in (1, 0)
        )
        box = slice(top, bottom), slice(left, right)
        source.kept["cut"] = LoadedImage(source.image[box], source.mask[box]), (left, top)
    cut: tuple[LoadedImage, tuple[int, int]] = source.kept["cut"]
    return cut


def _range(counted: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first and last that counts, the last one excluded, and more if those are few."""
    first, last = int(counted.argmax()), len(counted) - int(counted[::-1].argmax())
    least = min(_LEAST_SIDE, len(counted))
    missing = max(0, least - (last - first))
    first = max(0, min(first - missing // 2, len(counted) - least))
    return first, min(len(counted), max(last, first + least))
