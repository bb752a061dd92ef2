"""A job without what may hold its images where they are: flat surrounds, lines of the camera."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .._ecc.options import SearchOptions
from .._images.pyramid.levels import InSteps, index_below
from .._images.pyramid.pair import Pyramids
from .._images.sources import LoadedImage, Source
from .._verdict.held_by_lines import held_by_lines, shared_lines, without_lines
from .._verdict.result import AlignmentResult
from .field_of_view import field_of_view
from .options import Job

# The field of view is looked for on a level of at most so many pixels.
_FIELD_PIXELS = 150_000
_LINES = {(0,): "columns", (1,): "rows", (0, 1): "columns and rows"}


def parts_by_field(job: Job, pyramids: Pyramids) -> tuple[Job, Job] | None:
    """Return the job without the flat surrounds of its images, and that of the surrounds alone.

    None if neither has one; an image that has none is whole in both.
    """
    parts: tuple[list[Source], list[Source]] = [], []
    for source, levels in ((job.reference, pyramids.reference), (job.moving, pyramids.moving)):
        if not isinstance(source, LoadedImage):
            return None
        field = field_of_view(levels[index_below(_FIELD_PIXELS, levels)], levels[0].shape)
        for part, pixels in zip(
            parts, (field.inside, field.around) if field else (None, None), strict=True
        ):
            if pixels is None:
                part.append(source)
            else:
                mask = pixels if source.mask is None else pixels & source.mask
                part.append(replace(source, mask=mask))
    inside, around = (replace(job, reference=one, moving=other) for one, other in parts)
    return None if parts[0] == [job.reference, job.moving] else (inside, around)


class WithoutLines(NamedTuple):
    """A job without some lines, which they are, and whether they held a result where it is."""

    job: Job
    lines: str
    held: bool


def without_held_lines(
    job: Job, pyramids: Pyramids, result: AlignmentResult
) -> InSteps[WithoutLines | None]:
    """Return the job without the lines that may hold its images.

    Those that hold them where a result lays them or, if that is nowhere, that both have at one
    place. None if there are none, or the images are read on demand.
    """
    if pyramids.flaw:
        return None
    held = None
    if result.found:
        held = held_by_lines(pyramids, result.transform.matrix, inverted=result.inverted)
    found = held.axes if held else shared_lines(pyramids)
    axes = tuple(axis for axis in found if axis not in job.freed)
    if not axes:
        return None
    sources: list[LoadedImage] = []
    for levels in (pyramids.reference, pyramids.moving):
        level = yield from without_lines(levels[0], axes)
        valid = None if level.valid is None else np.asarray(level.valid, bool)
        sources.append(LoadedImage(np.asarray(level.image), valid))
    free = replace(job, reference=sources[0], moving=sources[1], freed=(*job.freed, *axes))
    # What followed the lines from frame to frame is no guide.
    free = replace(free, follower=None, options=_by_brightness(job.options))
    return WithoutLines(free, _LINES[axes], held is not None)


def _by_brightness(options: SearchOptions) -> SearchOptions:
    """Return the options for images of one camera: what is left of their lines has edges, too."""
    auto = options.representation == "auto"
    return replace(options, representation="intensity") if auto else options
