"""Images of which no tile tells where they lie: laid on each other by all their values together.

Such are two modalities of medicine, in which organs shine that the other does not show.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from .._common.steps import retold
from .._ecc.estimate import Estimate
from .._ecc.mutual_information import shared_information
from .._images.pyramid.pair import make_pyramids
from .._verdict.assess import judged_steps
from .._verdict.limits import LIKE
from .._verdict.result import AlignmentResult
from .options import Job
from .progress import Progress

START = "mutual information"
_SAID = (
    "What all their values tell of each other (mutual information) would lay them where the "
    "transform does, which proves nothing: start there, and look."
)


def by_values(job: Job, failed: AlignmentResult) -> Generator[Progress, None, AlignmentResult]:
    """Return a failed result with the transform of most mutual information, where that stands out.

    Parameters
    ----------
    job : Job
    failed : AlignmentResult
        What came of it by correlation.

    Returns
    -------
    generator
        Yields `Progress` and returns the result. It stays "failed": outlines, margins and
        surrounds that are alike tell as much of each other.
    """
    options = job.options
    wanted = failed.verdict == "failed" and failed.start != "none" and job.follower is None
    if not wanted or (options.engine, options.representation) != ("pyramid", "auto"):
        return failed
    start = np.eye(3) if job.initial is None else job.initial
    if start[2, :2].any():
        return failed  # what is turned and shifted from there is still seen without perspective
    told = Progress(1.0, "comparing what values tell of each other")
    steps = make_pyramids(job.reference, job.moving, np.eye(3))
    pyramids = yield from retold(steps, lambda _: told)
    if pyramids.flaw:
        return failed
    shared = yield from retold(
        shared_information(pyramids.reference, pyramids.moving, options.motion, start),
        lambda _: told,
    )
    if shared.information * LIKE <= shared.elsewhere:
        return failed
    estimate = Estimate(
        matrix=shared.matrix,
        inverted=failed.inverted,
        iterations=0,
        converged=False,
        start=START,
        representation="intensity",
        corner_uncertainty=np.inf,
        timings=failed.timings,
    )
    reason = f"{failed.reason} {_SAID}"
    judging = judged_steps(pyramids, estimate, options, job.initial, failed=reason)
    found = (yield from retold(judging, lambda _: told)).result
    return replace(found, verdict="failed", reason=reason)
