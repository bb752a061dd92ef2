"""The front door: align two volumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..._common.steps import outcome_of, retold
from ..._ecc.options import DEFAULTS, SearchOptions
from ..._images.sources import LazyArray
from ..._transform.matrices import checked_volume_matrix
from ..._transform.models import Array
from ..._verdict.verdict import VERDICTS
from ..progress import Progress
from .assess import assessed, is_likely
from .lazy_pyramid import lazy_volume_pyramid
from .levels import VolumeLevel, volume_pyramid
from .motion import Shape, corners, mapped
from .refine import RefinedVolume, VolumeRefiner
from .result import VolumeAlignment
from .search import shifted_starts, turned_starts
from .sources import LazyVolume, Volume, VolumeLike, checked_volume
from .transform import (
    VOLUME_MOTION_MODELS,
    VolumeMotionModel,
    VolumeTransform,
    checked_spacing,
)

# Of several starts, so many are refined to the end.
_BEST = 2
# The bar approaches its end; nobody knows how many steps there will be.
_PACE = 30
_TURNED = np.eye(4)[[2, 1, 0, 3]]


def align_volume(
    reference: VolumeLike,
    moving: VolumeLike,
    *,
    model: VolumeMotionModel = "euclidean",
    spacing: Sequence[float] | float | None = None,
    moving_spacing: Sequence[float] | float | None = None,
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: VolumeTransform | ArrayLike | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> VolumeAlignment:
    """Find the transform that lays the moving volume on the reference.

    Parameters
    ----------
    reference, moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Volumes of at least 8 voxels along each axis, of any real dtypes; their shapes may differ.
        NaN and infinity mean "no data here". Of what is lazy (dask, zarr), blocks are read where
        they are needed; of a sequence, the same volume at decreasing sizes, far fewer.
    model : {"euclidean", "translation", "similarity", "affine"}
        The motion model.
    spacing, moving_spacing : float or sequence of 3 floats, optional
        Length of a voxel along (z, y, x), as the scale of a napari layer: a rigid motion is rigid
        in that unit. By default 1, and that of the reference for the moving volume.
    precision : float, default: 0.02
        Corner uncertainty, in the shortest side of a voxel, at which no more blocks are read.
    max_iterations : int, default: 100
        Most iterations on a level.
    tolerance : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    reference_mask, moving_mask : array_like or lazy array, optional
        Voxels that count, as booleans or numbers (0 does not count), of the same shape.
    initial : VolumeTransform or array_like of shape (4, 4) or (3, 4), optional
        Where to start first. Reference (x, y, z, 1) to moving, in voxels.
    progress : callable, optional
        Called with a `Progress` after every step.
    cancel : callable, optional
        Asked after every step, and before anything lazy is read; the alignment ends when it
        returns True.

    Returns
    -------
    VolumeAlignment
        With a `verdict` to look at before anything else.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> from napari_ecc_align import align_volume
    >>> noise = np.random.default_rng(0).normal(size=(60, 64, 64))
    >>> volume = gaussian_filter(noise, 2)
    >>> result = align_volume(volume[4:52, 4:60, 4:60], volume[6:54, :56, 5:61])
    >>> result.verdict, result.transform.matrix[:3, 3].round(1).tolist()
    ('aligned', [-1.0, 4.0, -2.0])
    """
    if model not in VOLUME_MOTION_MODELS:
        known = ", ".join(VOLUME_MOTION_MODELS)
        raise InputError(f"model must be one of {known}, not {model!r:.80}")
    options = SearchOptions(model, "pyramid", precision, max_iterations, tolerance)
    own = checked_spacing(spacing, "spacing", (1.0, 1.0, 1.0))
    other = checked_spacing(moving_spacing, "moving_spacing", own)
    asked = asking(cancel)
    volumes = (
        checked_volume(reference, reference_mask, "reference", asked),
        checked_volume(moving, moving_mask, "moving", asked),
    )
    start = None if initial is None else _TURNED @ checked_volume_matrix(initial) @ _TURNED
    reached: list[VolumeAlignment] = []
    steps = _steps(volumes, (own, other), options, start, reached, asked)
    cancelled = cancelled_volume(model, volumes[0].shape, own)
    return driven(steps, reached, cancelled, progress, cancel)


def cancelled_volume(model: VolumeMotionModel, shape: Shape, spacing: Array) -> VolumeAlignment:
    """Return the result of an alignment that was cancelled before anything was found."""
    nothing = VolumeTransform(np.eye(4), model)
    said = "The alignment was cancelled."
    return VolumeAlignment(nothing, "cancelled", said, shape, tuple(spacing))


def driven(
    steps: Generator[Progress, None, VolumeAlignment],
    reached: list[VolumeAlignment],
    cancelled: VolumeAlignment,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> VolumeAlignment:
    """Return what an alignment comes to, or the best so far as `cancelled` if that is asked."""
    began = time.perf_counter()

    def told(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            raise _Cancelled

    try:
        result = outcome_of(steps, told)
    except _Cancelled:
        best = reached[-1].transform if reached else cancelled.transform
        result = replace(cancelled, transform=best)
    return replace(result, seconds=time.perf_counter() - began)


class _Cancelled(Exception):
    """The caller has asked the alignment to end."""


def asking(cancel: Callable[[], bool] | None) -> Callable[[], None]:
    """Return what ends an alignment, wherever it is called, when that is asked."""

    def asked() -> None:
        if cancel is not None and cancel():
            raise _Cancelled

    return asked


@dataclass(frozen=True)
class VolumeProgress(Progress):
    """The progress of volumes, and where the moving one lies so far."""

    found: VolumeTransform | None = None


def _steps(
    volumes: tuple[Volume, Volume],
    spacings: tuple[Array, Array],
    options: SearchOptions,
    initial: Array | None,
    results: list[VolumeAlignment],
    asked: Callable[[], object],
) -> Generator[Progress, None, VolumeAlignment]:
    """Try starts until one passes the verdict; return the most trusted result."""
    own, other = yield from pyramids_of(volumes, spacings)
    before = np.diag([*(spacings[0] / spacings[1]), 1.0]) if initial is None else initial
    start = None if initial is None else before
    refiner = VolumeRefiner(own, other, options, asked)
    return (yield from searched(refiner, before, results, start=start))


def pyramids_of(
    volumes: tuple[Volume, Volume], spacings: tuple[Array, Array]
) -> Generator[Progress, None, list[list[VolumeLevel]]]:
    """Return the pyramids of both volumes."""
    preparing = Progress(0.0, "preparing the volumes")
    yield preparing
    unit = max(float(spacing.min()) for spacing in spacings)
    with ThreadPoolExecutor(2) as threads:
        made = [
            None
            if isinstance(volume, LazyVolume)
            else threads.submit(volume_pyramid, volume, spacing, unit)
            for volume, spacing in zip(volumes, spacings, strict=True)
        ]
        out = []
        for volume, spacing, one in zip(volumes, spacings, made, strict=True):
            if isinstance(volume, LazyVolume):
                steps = lazy_volume_pyramid(volume, spacing, unit)
                out.append((yield from retold(steps, lambda _: preparing)))
            elif one is not None:
                out.append(one.result())
    yield preparing
    return out


def searched(
    refiner: VolumeRefiner,
    before: Array,
    results: list[VolumeAlignment],
    *,
    start: Array | None,
) -> Generator[Progress, None, VolumeAlignment]:
    """Search from little motion to much.

    Parameters
    ----------
    refiner : VolumeRefiner
        Of the two volumes.
    before : (4, 4) array
        How the volumes lay before.
    results : list of VolumeAlignment
        What is met on the way is added.
    start : (4, 4) array, optional
        Where to start first, instead of how they lay.
    """
    flawed = flaw_of(refiner)
    if flawed is not None:
        return flawed
    done = 0
    for name, starts in _starts(refiner, before, start):
        for found in (yield from _refined(refiner, starts, name)):
            results.append(assessed(refiner, found, before, name))
            done += 1
            yield Progress(done / (done + 1), name)
            if results[-1].aligned:
                return results[-1]
    return max(results, key=_trust)


def _trust(result: VolumeAlignment) -> tuple[int, float]:
    return VERDICTS.index(result.verdict), result.tiles.share if result.tiles else 0.0


def flaw_of(refiner: VolumeRefiner) -> VolumeAlignment | None:
    """Return the result of volumes with which nothing can be done; None of others."""
    flaw = _flaw(refiner.reference, refiner.moving)
    if not flaw:
        return None
    own = refiner.reference[0]
    nothing = VolumeTransform(np.eye(4), refiner.model.name)
    return VolumeAlignment(nothing, "failed", flaw, own.shape, tuple(own.spacing.tolist()))


def _flaw(reference: list[VolumeLevel], moving: list[VolumeLevel]) -> str | None:
    if not all(
        own.held and other.held for own, other in list(zip(reference, moving, strict=False))[-1:]
    ):
        return (
            "One volume is so much larger than the other that it cannot be searched whole: cut "
            "it to about where the other lies."
        )
    for name, levels in (("reference", reference), ("moving", moving)):
        values = np.asarray(levels[-1].values, np.float32)
        counted = values[np.isfinite(values)]
        if not len(counted) or counted.min() == counted.max():
            return f"The {name} volume shows nothing."
    return None


def _starts(
    refiner: VolumeRefiner, before: Array, start: Array | None
) -> Generator[tuple[str, list[Array]], None, None]:
    """Yield what to try, from little motion to much, each when the ones before have failed."""
    own, other = refiner.reference, refiner.moving
    yield ("identity", [before]) if start is None else ("initial", [start])
    centred = before.copy()
    centred[:3, 3] += other[0].frame.centre - mapped(before, own[0].frame.centre)
    if np.abs(centred - before).max() > 1:
        yield "centres", [centred]
    yield "correlation", list(shifted_starts(own, other, before))
    if refiner.model.name != "translation":
        yield "turns", list(turned_starts(own, other, before, refiner.asked))


def _refined(
    refiner: VolumeRefiner, starts: list[Array], name: str
) -> Generator[Progress, None, list[RefinedVolume]]:
    """Refine starts on coarse levels, and the best of them to the end."""
    first = len(refiner.reference) - 1
    steps = 0

    def told(step: object = None) -> Progress:
        nonlocal steps
        steps += 1
        fraction = 1 - _PACE / (_PACE + steps)
        if not isinstance(step, RefinedVolume):
            return Progress(fraction, name)
        found = VolumeTransform(_TURNED @ step.matrix @ _TURNED, refiner.model.name)
        return VolumeProgress(fraction, name, found=found)

    coarse = []
    for start in starts:
        running = refiner.coarse(refiner.motion(0).restricted(start), first=first)
        found = yield from retold(running, told)
        coarse.append(found)
    coarse.sort(key=lambda found: -np.nan_to_num(abs(found.solution.ecc)))
    best: list[RefinedVolume] = []
    for found in coarse:
        ends = corners(refiner.reference[0].shape)
        apart = [
            np.abs(mapped(found.matrix, ends) - mapped(one.matrix, ends)).max() for one in best
        ]
        if len(best) < _BEST and all(gap > 2 for gap in apart):
            best.append(found)
    out = []
    for found in best:
        likely = is_likely(refiner, found)
        yield told()
        # What tiles of the coarse level do not show, those of finer ones show no better.
        if likely:
            yield told(found)
            found = yield from retold(refiner.finished(found), told)
        out.append(found)
    return out
