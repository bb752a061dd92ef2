"""A judgement with what it was made of, and the result that it amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._ecc.estimate import Estimate
from .._ecc.options import Engine
from .._ecc.refined import Refined
from .._transform.transform import Transform
from .evidence import Evidence, Judgement
from .result import AlignmentResult
from .tile_matching import Tiles

_BY = {
    "intensity": "",
    "gradient": "By the strength of edges: ",
    "orientation": "By the direction of edges: ",
}


@dataclass(frozen=True, eq=False)
class Judged:
    """A result, the estimate that it judges, and its evidence, None where no tiles were asked.

    `unmirrored` if the moving image, or another one like it, has been looked at turned over.
    """

    result: AlignmentResult
    estimate: Estimate
    evidence: Evidence | None = None
    unmirrored: bool = False


@dataclass(frozen=True, eq=False)
class Finding:
    """A judgement and what it was made of; no tiles where none were asked.

    `averaged` is where a coarser level lays the images if a raster pulls finer ones off.
    """

    judgement: Judgement
    inverted: bool
    ecc: float
    ecc_before: float
    fine: Tiles | None = None
    evidence: Evidence | None = None
    averaged: Refined | None = None


def result_of(
    found: Finding,
    estimate: Estimate,
    transform: Transform,
    shape: tuple[int, int],
    overlap: float,
    engine: Engine,
) -> AlignmentResult:
    """Return the result of a finding, with the estimate and transform that it judges."""
    sign = -1 if found.inverted else 1
    contradiction = found.evidence.contradiction if found.evidence else 0.0
    return AlignmentResult(
        transform=transform,
        verdict=found.judgement.verdict,
        reason=f"{_BY[estimate.representation]}{found.judgement.reason}",
        placed=found.judgement.placed and estimate.converged,
        shape=shape,
        ecc=sign * found.ecc,
        ecc_before=sign * found.ecc_before,
        inverted=found.inverted,
        overlap_fraction=overlap,
        corner_uncertainty=float(np.hypot(estimate.corner_uncertainty, contradiction)),
        contradiction=contradiction,
        covariance=estimate.covariance,
        iterations=estimate.iterations,
        converged=estimate.converged,
        start=estimate.start,
        timings=estimate.timings,
        representation=estimate.representation,
        tiles=found.fine,
        engine=engine,
    )
