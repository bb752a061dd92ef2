"""Where to start when only a small region of an image counts: where the region itself fits.

Seen as a whole, images that are masked but for a small part have too little in common for a search
on coarse levels. Cut out, the same part is an image like any other. And a small moving image is
easier found in a large reference than a large reference seen through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import retold
from .._images.sources import LoadedImage, Source
from .._transform.coordinates import map_points
from .._verdict.result import AlignmentResult
from .options import Job
from .progress import Progress

Run = Callable[[Job], Generator[Progress, None, AlignmentResult]]
Matrix = NDArray[np.float64]

# Of the image. Above it the search finds its way by itself.
_SMALL = 0.25
# Of the reference. A moving image of no more is looked for in it.
_PART = 0.5
_LEAST_SIDE = 32
# What a start is sought at; it need not be exact.
_MOST_SIDE = 1024
_OVERVIEW = 512


@dataclass(frozen=True, eq=False)
class Start:
    """Where an alignment begins.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3), or None
        Maps reference pixels to moving pixels.
    name : str
        How it was found; "initial" where it is the caller's, or there is none.
    seconds : float
        It took to find it.
    """

    matrix: Matrix | None
    name: str = "initial"
    seconds: float = 0.0

    def noted_in(self, result: AlignmentResult) -> AlignmentResult:
        """Return a result that began here with the name of this start."""
        if self.name == "initial":
            return result
        timings = dict(result.timings)
        seconds = self.seconds + timings.pop("initial", 0.0)
        name = self.name if result.start == "initial" else result.start
        return replace(result, start=name, timings={self.name: seconds, **timings})


def start_in_region(job: Job, run: Run) -> Generator[Progress, None, Start]:
    """Find where to start if only a small region counts.

    Parameters
    ----------
    job : Job
        What is to be aligned.
    run : callable
        Aligns a job, one step at a time.

    Returns
    -------
    generator
        Yields `Progress` and returns the start; that of the job where no region is small, or the
        region alone does not fit anywhere near.
    """
    began = time.perf_counter()
    name, found = "initial", None
    if job.options.engine == "pyramid":
        if boxes := _boxes(job):
            name, found = "region", (yield from _found_by_region(job, boxes, run))
        elif _area(_whole(job.moving)) <= _PART * _area(_whole(job.reference)):
            name, found = "smaller image", (yield from _found_in_reference(job, run))
    if found is None:
        return Start(job.initial)
    return Start(found / found[2, 2], name, time.perf_counter() - began)


def _found_by_region(
    job: Job, boxes: tuple[Matrix, Matrix], run: Run
) -> Generator[Progress, None, Matrix | None]:
    """Find where to start by aligning what is inside of two boxes; None where that fails."""
    (reference, to_reference), (moving, to_moving) = (
        _cut(source, box) for source, box in zip((job.reference, job.moving), boxes, strict=True)
    )
    initial = np.eye(3) if job.initial is None else job.initial
    part = replace(
        job,
        reference=reference,
        moving=moving,
        initial=np.linalg.inv(to_moving) @ initial @ to_reference,
    )
    result = yield from _as_preparation(run(part), "looking at the region")
    if not result.found:
        return None
    return np.asarray(to_moving @ result.transform.matrix @ np.linalg.inv(to_reference))


def _found_in_reference(job: Job, run: Run) -> Generator[Progress, None, Matrix | None]:
    """Find where to start by aligning the reference to a smaller moving image, or None."""
    initial = None if job.initial is None else np.asarray(np.linalg.inv(job.initial), np.float64)
    turned = replace(job, reference=job.moving, moving=job.reference, initial=initial)
    result = yield from _as_preparation(run(turned), "looking for the smaller image")
    if not result.found:
        return None
    return np.asarray(np.linalg.inv(result.transform.matrix), np.float64)


def _as_preparation(
    steps: Generator[Progress, None, AlignmentResult], stage: str
) -> Generator[Progress, None, AlignmentResult]:
    """Run an alignment that is only the beginning of another one."""
    return retold(steps, lambda step: replace(step, fraction=0.0, stage=stage, transform=None))


def _boxes(job: Job) -> tuple[Matrix, Matrix] | None:
    """Return the corners of what to cut out of both images, or None if nothing is small."""
    if job.reference.mask is None and job.moving.mask is None:
        return None
    first, second = _box(job.reference), _box(job.moving)
    share = _area(first) / _area(_whole(job.reference))
    share_there = _area(second) / _area(_whole(job.moving))
    if min(share, share_there) > _SMALL or _are_cut_out(job, _area(first) / _area(second)):
        return None
    there = np.eye(3) if job.initial is None else job.initial
    if share <= share_there:
        second = _around(first, there, second)
    else:
        first = _around(second, np.linalg.inv(there), first)
    sides = np.concatenate([box[1] - box[0] for box in (first, second)])
    return (first, second) if sides.min() >= _LEAST_SIDE else None


def _are_cut_out(job: Job, ratio: float) -> bool:
    """Tell whether what counts of both is cut out anyway, and about as large."""
    loaded = all(isinstance(source, LoadedImage) for source in (job.reference, job.moving))
    return loaded and _SMALL < ratio < 1 / _SMALL


def _box(source: Source) -> Matrix:
    """Return the first and the last (x, y) of what counts of an image, the last one excluded.

    Of an image of which nothing counts, it is all.
    """
    whole, mask = _whole(source), source.mask
    if mask is None:
        return whole
    step = max(1, min(source.shape[:2]) // _OVERVIEW)
    seen = np.asarray(mask[::step, ::step]) != 0
    if not seen.any():
        return whole
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    first = np.array([columns[0], rows[0]]) * step - step + 1
    last = np.array([columns[-1], rows[-1]]) * step + step
    return np.asarray(np.clip(np.array([first, last], np.float64), 0.0, whole[1]))


def _whole(source: Source) -> Matrix:
    return np.array([[0.0, 0.0], [source.shape[1], source.shape[0]]])


def _area(box: Matrix) -> float:
    return float(np.prod(box[1] - box[0]))


def _around(box: Matrix, matrix: NDArray[Any], within: Matrix) -> Matrix:
    """Return a box in the other image, half as large again on every side, as far as it may be."""
    (left, top), (right, bottom) = box
    corners = map_points(
        matrix, np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
    )
    reach = np.ptp(corners, axis=0) / 2
    found = np.array([corners.min(axis=0) - reach, corners.max(axis=0) + reach])
    return np.asarray(np.rint(np.clip(found, *within)))


def _cut(source: Source, box: Matrix) -> tuple[LoadedImage, Matrix]:
    """Return a part of an image, no larger than need be, and the matrix from it to the whole."""
    side = float((box[1] - box[0]).max())
    if isinstance(source, LoadedImage):
        level, scale = source.image, np.ones(2)
    else:
        level, scale = _level(source.levels, side)
    x0, y0, x1, y1 = np.rint(box / scale).astype(int).ravel().tolist()
    part = np.asarray(level[y0:y1, x0:x1])
    origin = np.array([x0, y0]) * scale
    factor = max(1, int(max(part.shape[:2]) // _MOST_SIDE))
    if factor > 1 and part.dtype.kind in "uf" and part.dtype.itemsize <= 4:
        height, width = part.shape[0] // factor, part.shape[1] // factor
        part = part[: height * factor, : width * factor]
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        scale = scale * factor
    to_whole = np.diag([*scale, 1.0])
    # A pixel of a coarser level lies at the middle of those it stands for.
    to_whole[:2, 2] = origin + (scale - 1) / 2
    return LoadedImage(part, _mask_of(source.mask, box, part.shape[:2])), to_whole


def _level(levels: tuple[Any, ...], side: float) -> tuple[Any, NDArray[np.float64]]:
    """Return the finest level on which a part of a side is no larger than need be."""
    full = np.array(levels[0].shape[1::-1], np.float64)
    for level in levels:
        scale = full / np.array(level.shape[1::-1], np.float64)
        if side / scale.max() <= 2 * _MOST_SIDE:
            break
    return level, scale


def _mask_of(mask: Any, box: Matrix, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    (left, top), (right, bottom) = box
    step = np.maximum(1, np.array([bottom - top, right - left]) // shape).astype(int)
    part = np.asarray(mask[int(top) : int(bottom) : step[0], int(left) : int(right) : step[1]])
    size = shape[1], shape[0]
    grown = cv2.resize((part != 0).view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown != 0)
