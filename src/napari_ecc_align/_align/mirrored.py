"""A moving image that may be mirrored, as a section mounted upside down is: aligned turned over.

Motion models hold no reflection. So the image itself is turned over, aligned, and the reflection
composed with what was found; the matrix has a negative determinant then, and belongs to the
narrowest model that contains it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._common.steps import retold
from .._ecc.global_search import scored_displacements, searched_turns
from .._ecc.options import SearchOptions
from .._images.named_axes import as_dask
from .._images.pyramid.levels import Level, index_below
from .._images.pyramid.pair import Pyramids, make_pyramids
from .._images.sources import LazyImage, LoadedImage, Source, is_lazy
from .._transform.matrices import Matrix, model_from
from .._transform.transform import Transform
from .._verdict.result import AlignmentResult
from .._verdict.sampling import sampled_ecc
from .._verdict.trust import doubt_rivalled, most_trusted
from .by_values import by_values
from .options import Job
from .progress import Progress

Run = Callable[[Job], Generator[Progress, None, AlignmentResult]]

# Both are compared at so many pixels, and the mirrored one is looked at closely only if it
# correlates so many times as well. Chosen on sections and photographs.
_PIXELS = 80 * 80
_BETTER = 1.1
# Where it is only to be named, so few pixels and so little suffice: a close look follows.
_FEW_PIXELS = 40 * 40
_WORTH_A_LOOK = 1.05
# Turned the same way, what is mirrored correlates the better, the more pixels are looked at.
_MORE_PIXELS, _STILL_BETTER = 24_000, 1.15
_LOOKING = "looking whether the moving image is mirrored"
# What was missing, and what is said of what was tried.
_EXCHANGED = (
    "The moving image is mirrored, which is not allowed for: with left and right exchanged,",
    "As it is",
)
_AS_IT_IS = ("The start mirrors the moving image, which is not mirrored: as it is,", "As started")
_UPSIDE_DOWN, _LEFT_TO_RIGHT = 0, 1


def is_mirrored(matrix: Matrix | None) -> bool:
    """Tell whether a matrix that ends in 1 mirrors an image; None does not."""
    if matrix is None:
        return False
    if not matrix[2, :2].any():
        (a, b), (c, d) = matrix[:2, :2].tolist()
        if determinant := a * d - b * c:
            return bool(determinant < 0)
    # The determinant itself may be beyond the range.
    return bool(np.linalg.slogdet(matrix)[0] < 0)


@dataclass(frozen=True, eq=False)
class Side:
    """A job whose moving image is seen as it is, or turned over.

    Attributes
    ----------
    job : Job
        Of the image as it is seen.
    original : Job
        Of the image as it is.
    mirror : ndarray of float64, shape (3, 3), or None
        Maps pixels of the image turned over to those of the image itself; None if it is not.
    """

    job: Job
    original: Job
    mirror: Matrix | None = None

    def told(self, step: Progress) -> Progress:
        """Return a step with its transform to the image as it is."""
        if self.mirror is None or step.transform is None:
            return step
        return replace(step, transform=self.back(step.transform))

    def back(self, transform: Transform) -> Transform:
        """Return a transform to what is seen as one to the image as it is."""
        if self.mirror is None:
            return transform
        matrix = self.mirror @ transform.matrix
        return Transform(matrix, model=model_from(transform.model, matrix))


def seen_from(job: Job, axis: int | None) -> Side:
    """Return a job as it is seen with an axis of its moving image reversed, if any.

    A start that is mirrored differently from that is mirrored by it.
    """
    mirror = np.eye(3)
    along = _LEFT_TO_RIGHT if axis is None else axis
    mirror[1 - along, 1 - along] = -1.0
    mirror[1 - along, 2] = job.moving.shape[along] - 1.0
    initial = job.initial
    if initial is not None and is_mirrored(initial):
        initial = mirror @ initial
    if axis is None:
        return Side(job if initial is job.initial else replace(job, initial=initial), job)
    return Side(replace(job, moving=_turned_over(job.moving, axis), initial=initial), job, mirror)


def side_of(job: Job) -> Side:
    """Return a job seen so that its start mirrors nothing."""
    return seen_from(job, _LEFT_TO_RIGHT if is_mirrored(job.initial) else None)


def aligned_either_way(
    job: Job, run: Run, run_nearby: Run
) -> Generator[Progress, None, AlignmentResult]:
    """Align a job as its start lies and, if it may be mirrored, the other way round.

    Parameters
    ----------
    job : Job
        What is to be aligned.
    run : callable
        Aligns a job whose start mirrors nothing, one step at a time.
    run_nearby : callable
        The same, but from its start alone.

    Returns
    -------
    generator
        Yields `Progress` and returns the result that is to be trusted most. Where mirroring is not
        allowed, the reason says so if that is what was missing.
    """
    as_started = side_of(job)
    if not job.options.mirrored:
        result = yield from result_of_side(as_started, run)
        if as_started.mirror is not None:
            words = _AS_IT_IS
            return (yield from _named_if_mirrored(as_started.job, result, run_nearby, words))
        if result.aligned or (job.follower is not None and job.follower.is_unmirrored):
            return result
        named = yield from _named_if_mirrored(job, result, run_nearby, _EXCHANGED)
        if named is not result:
            return named
        if job.follower is not None:
            job.follower.note_unmirrored()
        return (yield from by_values(job, result))
    sides = [as_started, *_other_sides(job, as_started)]
    scores = yield from _scores([side.job for side in sides])
    results: list[AlignmentResult] = []
    for index in sorted(range(len(sides)), key=lambda at: -scores[at] * (1 if at else _BETTER)):
        if not any(done.aligned for done in results) or scores[index] * _BETTER > max(scores):
            steps = result_of_side(sides[index], run)
            results.append((yield from retold(steps, _part_told(len(results), len(sides)))))
            if index == 0:
                first = results[-1]
    best = most_trusted(doubt_rivalled(results, job.shape))
    yield Progress(1.0, "done", best.transform)
    if not best.found:
        return first
    if best.aligned and any(_as_good(other, best) for other in results if other.aligned):
        also = f"{best.reason} But the images fit as well with the moving one turned over."
        return replace(best, verdict="doubtful", reason=also)
    return best


def _part_told(begun: int, count: int) -> Callable[[Progress], Progress]:
    return lambda step: replace(step, fraction=(begun + step.fraction) / count)


def _other_sides(job: Job, side: Side) -> list[Side]:
    if side.mirror is not None:
        return [seen_from(job, None)]
    narrow = job.options.model == "translation"
    return [seen_from(job, axis) for axis in (_LEFT_TO_RIGHT, _UPSIDE_DOWN)[: 1 + narrow]]


def _as_good(other: AlignmentResult, best: AlignmentResult) -> bool:
    """Tell whether another result is to be trusted as much."""
    elsewhere = other.transform != best.transform
    return elsewhere and most_trusted([other, best]) is other


def result_of_side(side: Side, run: Run) -> Generator[Progress, None, AlignmentResult]:
    """Run what is seen from a side; return the result as one of the image as it is."""
    result = yield from retold(run(side.job), side.told)
    if side.mirror is None or result.start == "none":
        return result
    before = yield from _ecc_before(side.original)
    return replace(
        result,
        transform=side.back(result.transform),
        reason=f"Mirrored: {result.reason}",
        ecc_before=-before if result.inverted else before,
    )


def _named_if_mirrored(
    job: Job, result: AlignmentResult, run_nearby: Run, words: tuple[str, str]
) -> Generator[Progress, None, AlignmentResult]:
    """Return a result that is not aligned with a reason in `words` if what is seen is mirrored.

    Only a sentence depends on it: one look at tiny images, and another at the best place there.
    """
    if result.aligned or job.options.engine != "pyramid":
        return result
    if not isinstance(job.reference, LoadedImage) or not isinstance(job.moving, LoadedImage):
        return result
    # Turned over, it may lie anyhow.
    narrow = job.options.model == "translation"
    options = replace(job.options, model="euclidean") if narrow else job.options
    looking = Progress(1.0, _LOOKING)
    place = yield from retold(_place_turned_over(job, options), lambda _: looking)
    if place is None:
        return result
    other = side_of(replace(job, options=options, initial=place)).job
    found = yield from retold(run_nearby(other), lambda _: looking)
    if not found.aligned:
        return result
    missing, tried = words
    agreeing = found.tiles.agreeing if found.tiles else 0
    said = f"{missing} {agreeing} tiles fit best where they lie."
    return replace(result, reason=f"{said} {tried}: {result.reason}")


def _place_turned_over(
    job: Job, options: SearchOptions
) -> Generator[Progress, None, Matrix | None]:
    """Return a matrix that mirrors the moving image onto the reference, None if none is better."""
    pyramids = yield from _pyramids(job)
    if pyramids.flaw:
        return None
    turns, place = searched_turns(options.motion, "rough"), None
    for pixels, better in ((_FEW_PIXELS, _WORTH_A_LOOK), (_MORE_PIXELS, _STILL_BETTER)):
        index = index_below(pixels, pyramids.reference, pyramids.moving)
        levels = pyramids.reference[index], pyramids.moving[index]
        found = yield from _best_scores(*levels, turns, mirrored=True)
        here, there = (
            next((item for item in found if is_mirrored(item[1]) is over), None)
            for over in (False, True)
        )
        if here is None or there is None or there[0] <= better * here[0]:
            return None
        place = there[1]
        turns = [here[1][:2, :2], place[:2, :2] @ np.diag([-1.0, 1.0])]
    return place


def _scores(jobs: list[Job]) -> Generator[Progress, None, list[float]]:
    """Return how well the images of each job correlate, turned and enlarged at will.

    Lazy images are not read for it: all are taken to correlate alike.
    """
    scores = []
    for job in jobs:
        if isinstance(job.reference, LazyImage) or isinstance(job.moving, LazyImage):
            scores.append(1.0)
            continue
        pyramids = yield from _pyramids(job)
        if pyramids.flaw:
            scores.append(0.0)
            continue
        index = index_below(_PIXELS, pyramids.reference, pyramids.moving)
        levels = pyramids.reference[index], pyramids.moving[index]
        turns = searched_turns(job.options.motion)
        found = yield from _best_scores(*levels, turns)
        scores.append(found[0][0] if found else 0.0)
    return scores


def _pyramids(job: Job) -> Generator[Progress, None, Pyramids]:
    steps = make_pyramids(job.reference, job.moving, np.eye(3))
    return retold(steps, lambda _: Progress(0.0, _LOOKING))


def _best_scores(
    reference: Level, moving: Level, turns: list[Matrix], *, mirrored: bool = False
) -> Generator[Progress, None, list[tuple[float, Matrix]]]:
    """Return how well two levels correlate under each turn, best first; nothing if too long."""
    search = scored_displacements(
        reference,
        moving,
        turns,
        representation="gradient",
        count=len(turns) * (1 + mirrored),
        mirrored=mirrored,
    )
    return retold(search, lambda _: Progress(0.0, _LOOKING))


def _turned_over(source: Source, axis: int) -> Source:
    """Return an image with one of its axes reversed: 0 for rows, 1 for columns."""
    mask = None if source.mask is None else _reversed(source.mask, axis)
    if isinstance(source, LazyImage):
        return LazyImage(tuple(_reversed(level, axis) for level in source.levels), mask)
    return LoadedImage(_reversed(source.image, axis), mask)


def _reversed(pixels: Any, axis: int) -> Any:
    if not is_lazy(pixels):
        return np.flip(pixels, axis).copy()
    import dask.array as da

    return da.flip(as_dask(pixels), axis)


def _ecc_before(job: Job) -> Generator[Progress, None, float]:
    """Return the correlation of the images as they lie."""
    steps = make_pyramids(job.reference, job.moving, np.eye(3))
    pyramids = yield from retold(steps, lambda _: Progress(1.0, "comparing the images"))
    return sampled_ecc(pyramids.reference[0], pyramids.moving[0], [np.eye(3)])[0]
