"""What an estimate amounts to, with the motion model that was asked for or one that suffices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._ecc.model_choice import Finding, sufficient
from .._ecc.options import SearchOptions
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._transform.matrices import MotionModel
from .._verdict.assess import judged_steps
from .._verdict.finding import Judged


def assessed(
    pyramids: Pyramids,
    estimate: Estimate,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
    searched: MotionModel,
) -> InSteps[Judged]:
    """Return what an estimate amounts to, and why; of the narrowest model if any may be.

    Parameters
    ----------
    pyramids : Pyramids
        Of both images.
    estimate : Estimate
        Of the model that was searched for.
    options : SearchOptions
    initial : ndarray of float64, shape (3, 3), or None
        The first start.
    searched : {"homography", "affine", "similarity", "euclidean", "translation"}
        The freest model that may come out.
    """
    if options.model != "auto":
        return (yield from judged_steps(pyramids, estimate, options, initial))
    results: list[Judged] = []
    for found in sufficient(
        pyramids.reference, pyramids.moving, options, Finding(searched, estimate)
    ):
        asked = replace(options, model=found.model)
        judged = yield from judged_steps(pyramids, found.estimate, asked, initial)
        result = judged.result
        if result.aligned:
            reason = f"{result.reason} {found.model.capitalize()} suffices."
            return replace(judged, result=replace(result, reason=reason))
        results.append(judged)
        if not (result.found and result.contradiction):
            break
    return next((one for one in reversed(results) if one.result.found), results[0])
