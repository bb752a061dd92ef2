"""What an estimate amounts to, with the motion model that was asked for or one that suffices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._ecc.model_choice import Finding, contradicted, sufficient
from .._ecc.options import SearchOptions
from .._images.pyramid.levels import InSteps
from .._images.pyramid.pair import Pyramids
from .._transform.matrices import MOTION_MODELS, MotionModel
from .._verdict.assess import judged_steps
from .._verdict.finding import Judged
from .._verdict.rules import is_inexact
from .._verdict.verdict import TOO_STIFF


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
    pair, freest = (pyramids.reference, pyramids.moving), Finding(searched, estimate)
    judged: dict[MotionModel, Judged] = {}
    last: Judged | None = None
    for found in sufficient(*pair, options, freest):
        judged[found.model] = last = yield from _judged(pyramids, found, options, initial)
        if last.result.aligned:
            return last
        if not last.result.found:
            break
    if last is None or not last.result.placed:
        # A place at which only a narrow model does not suffice is none that is sure.
        unsure = [one for one in judged.values() if not one.result.placed]
        best = _best_known(unsure)
        return _told(_placed_alone(best) if len(judged) == 1 else best)
    for found in contradicted(*pair, options, freest, [*judged]):
        stiffer = yield from _judged(pyramids, found, options, initial)
        if stiffer.result.aligned and found.model == "affine":
            # What is narrower may suffice as well.
            return (yield from assessed(pyramids, found.estimate, options, initial, "affine"))
        if stiffer.result.aligned:
            return stiffer
        judged[found.model] = stiffer
    return _told(_best_known([*judged.values()]))


def _best_known(judged: list[Judged]) -> Judged:
    """Return what was found and is known best; the first if nothing was found."""
    found = [one for one in judged if one.result.found]
    return min(found, key=lambda one: one.result.corner_uncertainty, default=judged[0])


def _judged(
    pyramids: Pyramids,
    found: Finding,
    options: SearchOptions,
    initial: NDArray[np.float64] | None,
) -> InSteps[Judged]:
    """Judge what was found with one of the models, and say so where it suffices."""
    asked = replace(options, model=found.model)
    judged = yield from judged_steps(pyramids, found.estimate, asked, initial)
    if not judged.result.aligned:
        return judged
    return _with_reason(judged, f"{found.model.capitalize()} suffices.")


def _placed_alone(judged: Judged) -> Judged:
    """Return what contradicts all narrower models with a place that is sure, if only inexact.

    A narrower one would be known more exactly, and be wrong.
    """
    evidence = judged.evidence
    if judged.result.model == "homography" and evidence is not None and is_inexact(evidence):
        return replace(judged, result=replace(judged.result, placed=True))
    return judged


def _told(judged: Judged) -> Judged:
    """Return a judgement that does not ask for a freer model: the freest was asked as well."""
    result = judged.result
    if TOO_STIFF in result.reason and result.model != MOTION_MODELS[-1]:
        return _with_reason(judged, "None of the five models suffices.")
    return judged


def _with_reason(judged: Judged, more: str) -> Judged:
    return replace(judged, result=replace(judged.result, reason=f"{judged.result.reason} {more}"))
