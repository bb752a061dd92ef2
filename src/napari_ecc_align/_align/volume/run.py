"""Running an alignment of two volumes: their pyramids, what is tried, and how it is cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..._common.steps import outcome_of, retold
from ..._transform.models import Array
from ..._verdict.verdict import VERDICTS
from ..cancelling import CANCELLED
from ..progress import Progress
from .assess import assessed, is_likely
from .lazy_pyramid import lazy_volume_pyramid
from .levels import VolumeLevel, volume_pyramid
from .motion import Shape, corners, mapped
from .refine import RefinedVolume, VolumeRefiner
from .result import VolumeAlignment
from .search import shifted_starts, turned_starts
from .sources import LazyVolume, Volume
from .transform import VolumeMotionModel, VolumeTransform

# Of several starts, so many are refined to the end.
_BEST = 2
# The bar approaches its end; nobody knows how many steps there will be.
_PACE = 30
_TURNED = np.eye(4)[[2, 1, 0, 3]]

Found = TypeVar("Found")


def cancelled_volume(model: VolumeMotionModel, shape: Shape, spacing: Array) -> VolumeAlignment:
    """Return the result of an alignment that was cancelled before anything was found."""
    nothing = VolumeTransform(np.eye(4), model)
    return VolumeAlignment(nothing, "cancelled", CANCELLED, shape, tuple(spacing))


def driven(
    steps: Generator[Progress, None, VolumeAlignment],
    reached: list[VolumeAlignment],
    cancelled: VolumeAlignment,
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> VolumeAlignment:
    """Return what an alignment comes to, or the best so far as `cancelled` if that is asked."""

    def so_far() -> VolumeAlignment:
        best = reached[-1].transform if reached else cancelled.transform
        return replace(cancelled, transform=best)

    result, seconds = timed(steps, so_far, progress, cancel)
    return replace(result, seconds=seconds)


def timed(
    steps: Generator[Progress, None, Found],
    cancelled: Callable[[], Found],
    progress: Callable[[Progress], object] | None,
    cancel: Callable[[], bool] | None,
) -> tuple[Found, float]:
    """Return what steps come to, and in how many seconds; the caller is told and asked after each.

    What `cancelled` makes if the caller ends them.
    """
    began = time.perf_counter()

    def told(step: Progress) -> None:
        if progress is not None:
            progress(step)
        if cancel is not None and cancel():
            raise VolumeCancelled

    try:
        result = outcome_of(steps, told)
    except VolumeCancelled:
        result = cancelled()
    return result, time.perf_counter() - began


class VolumeCancelled(Exception):
    """The caller has asked the alignment to end."""


def asking(cancel: Callable[[], bool] | None) -> Callable[[], None]:
    """Return what ends an alignment, wherever it is called, when that is asked."""

    def asked() -> None:
        if cancel is not None and cancel():
            raise VolumeCancelled

    return asked


@dataclass(frozen=True)
class VolumeProgress(Progress):
    """The progress of volumes, and where the moving one lies so far."""

    found: VolumeTransform | None = None


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
    for name, starts in starts_of(refiner, before, start):
        for found in (yield from refined_starts(refiner, starts, name)):
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


def starts_of(
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
        every = refiner.all_turns
        yield "turns", list(turned_starts(own, other, before, refiner.asked, all_turns=every))


def refined_starts(
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
