"""An estimate refined once more, from where it lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._common.steps import retold
from .._images.pyramid.levels import InSteps, Level
from .._transform.models import Array
from .estimate import Estimate
from .options import SearchOptions
from .refine import Refiner


def refined_from(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    estimate: Estimate,
    matrix: Array,
) -> InSteps[Estimate]:
    """Return what an estimate becomes with the model of the options, refined from a matrix.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first: those of the estimate, or of images made more alike.
    options : SearchOptions
    estimate : Estimate
        Whose representation is compared.
    matrix : (3, 3) array
        The start, in pixels of full resolution.
    """
    refiner = Refiner(reference, moving, options, representation=estimate.representation)
    found = yield from refiner.polished(matrix)
    if found.level > 0:
        found = yield from retold(refiner.fine(found), lambda _: None)
    solution, before = found.solution, estimate.refined
    return replace(
        estimate,
        matrix=found.matrix,
        inverted=solution.gain < 0,
        iterations=solution.iterations,
        converged=estimate.converged and solution.converged,
        corner_uncertainty=float(np.hypot(found.uncertainty, found.bias)),
        covariance=solution.covariance,
        refined=before and replace(before, scattered=found.scattered, folded=found.folded),
    )


def step_from(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    estimate: Estimate,
    matrix: Array,
) -> InSteps[Estimate | None]:
    """Return where one step with the model of the options leads from a matrix; None if nowhere.

    It is one at full resolution, and known as the images fit at the matrix: what several steps
    would lead to may lie where little but noise says so.

    Parameters
    ----------
    reference, moving, options, estimate, matrix
        As for `refined_from`.
    """
    if estimate.refined is None:
        return None
    once = replace(options, max_iterations=1)
    refiner = Refiner(reference, moving, once, representation=estimate.representation)
    if refiner.finest_whole == 0:
        found = yield from refiner.polished(matrix)
    else:
        found = yield from refiner.further(replace(estimate.refined, matrix=matrix, level=1))
    if found.level > 0:
        return None
    return replace(estimate, matrix=found.matrix, covariance=found.solution.covariance)
