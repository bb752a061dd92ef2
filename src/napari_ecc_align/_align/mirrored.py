"""Whether a moving image that does not fit is mirrored, as a section mounted upside down is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from .._common.steps import retold
from .._ecc.global_search import scored_displacements, searched_turns
from .._images.pyramid.levels import Level, index_below
from .._images.pyramid.pair import make_pyramids
from .._images.sources import LoadedImage
from .._verdict.result import AlignmentResult
from .options import Job
from .progress import Progress

Run = Callable[[Job], Generator[Progress, None, AlignmentResult]]

# Both are compared at so many pixels, and the mirrored one is looked at closely only if it
# correlates so many times as well. Chosen on sections and photographs.
_PIXELS = 80 * 80
_BETTER = 1.1
_PROGRESS = Progress(1.0, "looking whether the moving image is mirrored")


def named_if_mirrored(
    job: Job, result: AlignmentResult, run: Run
) -> Generator[Progress, None, AlignmentResult]:
    """Return a result whose reason says so if the moving image is a mirror image.

    Parameters
    ----------
    job : Job
        What was aligned.
    result : AlignmentResult
        Of it. Nothing is looked for unless it failed.
    run : callable
        Aligns a job, one step at a time.

    Returns
    -------
    generator
        Yields `Progress` and returns the result, whose verdict stays.
    """
    if result.verdict != "failed" or job.options.engine != "pyramid":
        return result
    if not isinstance(job.reference, LoadedImage) or not isinstance(job.moving, LoadedImage):
        return result
    image, mask = job.moving.image, job.moving.mask
    flipped = image[:, ::-1].copy(), None if mask is None else mask[:, ::-1].copy()
    # Turned over, it may lie anyhow.
    narrow = job.options.model == "translation"
    options = replace(job.options, model="euclidean") if narrow else job.options
    other = replace(job, moving=LoadedImage(*flipped), options=options, initial=None)
    if not (yield from _promises_more(other, job)):
        return result
    found = yield from retold(run(other), lambda _: _PROGRESS)
    if not found.aligned:
        return result
    said = (
        "The moving image is mirrored: with left and right exchanged, "
        f"{found.tiles.agreeing if found.tiles else 0} tiles fit best where they lie."
    )
    return replace(result, reason=f"{said} As it is: {result.reason}")


def _promises_more(other: Job, job: Job) -> Generator[Progress, None, bool]:
    """Tell whether the images correlate better if one is mirrored, turned and enlarged at will."""
    scores = []
    turns = searched_turns(other.options.motion)
    for one in (other, job):
        steps = make_pyramids(one.reference, one.moving, np.eye(3))
        pyramids = yield from retold(steps, lambda _: _PROGRESS)
        if pyramids.flaw:
            return False
        index = index_below(_PIXELS, pyramids.reference, pyramids.moving)
        levels: tuple[Level, Level] = pyramids.reference[index], pyramids.moving[index]
        search = scored_displacements(*levels, turns, representation="gradient", count=1)
        found = yield from retold(search, lambda _: _PROGRESS)
        scores.append(found[0][0] if found else 0.0)
    return scores[0] > _BETTER * scores[1]
