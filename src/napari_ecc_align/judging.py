"""From an estimate to a result: what independent tiles say of it, and the verdict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arguments import Job
from .ecc.estimate import Estimate
from .errors import InputError
from .evidence import tile_evidence
from .pyramids import Pyramids
from .result import AlignmentResult
from .sampling import overlap_share, sampled_ecc
from .transform import MotionModel, Transform
from .verdict import judge

# Tiles of a level of at most so many pixels see far.
_WIDE_PIXELS = 300_000


def judged(job: Job, pyramids: Pyramids, estimate: Estimate, seconds: float) -> AlignmentResult:
    """Return the result that an estimate amounts to."""
    sign = -1 if estimate.inverted else 1
    matrix = estimate.matrix
    reference, moving = pyramids.reference[0], pyramids.moving[0]
    overlap = overlap_share(reference, moving, matrix)
    coefficient, before = sampled_ecc(reference, moving, [matrix, np.eye(3)])
    wide_index = max(1, pyramids.index_below(_WIDE_PIXELS))
    wide_index = min(wide_index, pyramids.index_below(0))
    fine, wide = (
        tile_evidence(
            pyramids.reference,
            pyramids.moving,
            index,
            matrix,
            inverted=estimate.inverted,
            far=index > 0,
        )
        for index in (0, wide_index)
    )
    judgement = judge(matrix, ecc=sign * coefficient, overlap=overlap, fine=fine, wide=wide)
    return AlignmentResult(
        transform=as_transform(matrix, job.model) or Transform.identity(job.model),
        verdict=judgement.verdict,
        reason=judgement.reason,
        ecc=sign * coefficient,
        ecc_before=sign * before,
        inverted=estimate.inverted,
        overlap=overlap,
        corner_uncertainty=estimate.corner_uncertainty,
        covariance=estimate.covariance,
        iterations=estimate.iterations,
        converged=estimate.converged,
        start=estimate.start,
        timings=estimate.timings,
        representation=estimate.representation,
        engine=job.engine,
        seconds=seconds,
        evidence=fine,
    )


def trust(result: AlignmentResult) -> tuple[int, float]:
    """Return a key that sorts results by how much they are to be trusted."""
    share = result.evidence.share if result.evidence else 0.0
    return ("failed", "doubtful", "aligned").index(result.verdict), share


def as_transform(matrix: NDArray[np.float64], model: MotionModel) -> Transform | None:
    """Return a matrix as a transform, or None if it is not a usable one."""
    try:
        return Transform(matrix, model)
    except InputError:
        return None
