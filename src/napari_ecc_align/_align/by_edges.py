"""What the direction of edges says where brightness has led, of images that differ in kind."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from math import inf

from .._ecc.estimate import Estimate
from .._ecc.estimator import estimate_steps
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._ecc.tones import CLEARLY_LESS
from .._images.pyramid.pair import Pyramids
from .._verdict.chance import ALPHA, p_value
from .._verdict.finding import Judged
from .._verdict.limits import LARGEST_UNCERTAINTY
from .._verdict.result import AlignmentResult
from .._verdict.rules import may_be_settled_by_edges
from .alike import assessed_alike, may_be_more_exact
from .model_choice import assessed
from .options import Job


def asked_of_edges(
    job: Job, pyramids: Pyramids, judged: list[Judged], options: SearchOptions
) -> Generator[object, None, None]:
    """Add what edges say of the last place to what was judged, where brightness leaves a doubt.

    Or instead, where brightness of two kinds is inexact and edges are clearly more exact.
    """
    last = judged[-1]
    if last.evidence is None:
        return
    if last.result.verdict == "doubtful" and may_be_settled_by_edges(last.evidence):
        judged.extend((yield from _by_edges(job, pyramids, last.estimate, options)))
    elif last.result.aligned and may_be_more_exact(last):
        enough = CLEARLY_LESS * last.result.corner_uncertainty
        edges = yield from _by_edges(job, pyramids, last.estimate, options, enough)
        if edges and edges[0].result.corner_uncertainty < enough:
            judged[-1:] = edges


def _by_edges(
    job: Job, pyramids: Pyramids, estimate: Estimate, options: SearchOptions, enough: float = inf
) -> Generator[object, None, list[Judged]]:
    """Return what edges say where brightness has led, if they agree: of two kinds, they may.

    And if they know it to `enough` px at the corners.
    """
    options = replace(options, representation="orientation")
    steps = estimate_steps(
        pyramids.reference, pyramids.moving, options, initial=estimate.matrix, nearby=True
    )
    edges = replace((yield from steps), start=estimate.start)
    if edges.corner_uncertainty > enough:
        return []
    found = yield from assessed_alike(job, pyramids, edges, options.freest)
    # What brightness judges after all is no second opinion.
    own = found.evidence is not None and found.evidence.by_edges
    return [found] if found.result.aligned and own else []


def refined_by_edges(
    job: Job, pyramids: Pyramids, estimate: Estimate, options: SearchOptions
) -> Generator[object, None, list[Judged]]:
    """Return what finer levels say of edges that agree there, though coarse ones are inexact."""
    if estimate.refined is None or not estimate.refined.level:
        return []
    refiner = Refiner(pyramids.reference, pyramids.moving, options, representation="orientation")
    found = Estimate.of(
        (yield from refiner.further(estimate.refined)),
        options.motion.n_parameters,
        start=estimate.start,
        representation="orientation",
    )
    return [(yield from assessed(pyramids, found, job.options, job.initial, options.freest))]


def is_placed(result: AlignmentResult) -> bool:
    """Tell whether edges have led to a sure place that is in doubt for want of exactness alone."""
    tiles, model = result.tiles, result.transform.model
    inexact = result.corner_uncertainty > LARGEST_UNCERTAINTY
    oriented = result.representation == "orientation" and inexact
    return oriented and result.found and tiles is not None and p_value(tiles, model) < ALPHA
