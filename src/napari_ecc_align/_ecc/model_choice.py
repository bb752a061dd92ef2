"""The narrowest motion models that what was found with the freest one does not contradict."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .._common.steps import outcome_of
from .._images.pyramid.levels import Level
from .._transform.matrices import MOTION_MODELS, MotionModel
from .._transform.models import MODELS, Array, Frame, compose, corner_motions, frame_of
from .estimate import Estimate
from .options import FINEST_PRECISION, SearchOptions
from .refined_from import refined_from, step_from

# The freedoms that a narrower model lacks are needed if what they add, as chi square, comes about
# by chance once in a thousand: of one, two, three, four. On 1,070 known pairs anything from one in
# a thousand to one in ten thousand was best; at one in a hundred too free models were chosen.
_CLEAR = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}
# Where little is seen, a homography may settle where noise leads it, surer than it should be. What
# it adds has to show where an affine motion lies, too, as is chance once in a hundred; but if it
# is so much that no such thing explains it.
_SHOWN, _BEYOND_DOUBT = 9.21, 200.0
# Which freedoms are needed is told the better, the more exactly all are known: as a share of the
# precision that is asked for. What is finer than a pixel's hundredth drowns in the bias.
_MORE_EXACT = 0.25
# What no statistics tell of a solution, in px at the corners.
_BIAS = 0.01


@dataclass(frozen=True)
class Finding:
    """An estimate of a motion model."""

    model: MotionModel
    estimate: Estimate


def sufficient(
    reference: list[Level], moving: list[Level], options: SearchOptions, freest: Finding
) -> Iterator[Finding]:
    """Yield what an estimate is with the models that it does not contradict, the narrowest first.

    Nothing is searched again: each is refined from where the estimate lies.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    options : SearchOptions
        Of which the model is not looked at.
    freest : Finding
        Of a homography or an affine motion.

    Yields
    ------
    Finding
        The last one is the freest itself.

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align._common.steps import outcome_of
    >>> from napari_ecc_align._ecc.estimator import estimate_steps
    >>> from napari_ecc_align._images.pyramid.halving import image_pyramid
    >>> camera, options = data.camera(), SearchOptions("homography")
    >>> pair = image_pyramid(camera[100:300, 100:350]), image_pyramid(camera[97:297, 105:355])
    >>> freest = Finding("homography", outcome_of(estimate_steps(*pair, options)))
    >>> found = sufficient(*pair, options, freest)
    >>> [finding.model for finding in found]
    ['translation', 'euclidean', 'similarity', 'affine', 'homography']
    """
    frame = frame_of(reference[0].shape)
    exact = _more_exact(options)

    def refined(model: MotionModel, matrix: Array) -> Finding:
        asked = replace(exact, model=model)
        steps = refined_from(reference, moving, asked, freest.estimate, matrix)
        return Finding(model, outcome_of(steps))

    if freest.estimate.converged and freest.estimate.corner_uncertainty > exact.precision:
        again = refined(freest.model, freest.estimate.matrix)
        uncertainty = again.estimate.corner_uncertainty
        if again.estimate.converged and uncertainty < freest.estimate.corner_uncertainty:
            freest = again
    affine: Finding | None = freest
    if freest.model == "homography":
        start, chi2 = _nearest("affine", freest, frame)
        needed = is_needed("homography", "affine", chi2)
        affine = None if needed and chi2 > _BEYOND_DOUBT else refined("affine", start)
        if needed and affine is not None:
            asked, matrix = replace(exact, model="homography"), affine.estimate.matrix
            step = outcome_of(step_from(reference, moving, asked, freest.estimate, matrix))
            there = np.inf
            if step is not None:
                _, there = _nearest("affine", replace(freest, estimate=step), frame)
            affine = None if there > _SHOWN else affine
    if affine is not None:
        names = MOTION_MODELS[: MOTION_MODELS.index("affine")]
        narrower = {model: _nearest(model, affine, frame) for model in names}
        worse = {model: chi2 for model, (_, chi2) in narrower.items()} | {"affine": 0.0}
        for at, model in enumerate(names):
            freer = [*worse][at + 1 :]
            if not any(is_needed(one, model, worse[model] - worse[one]) for one in freer):
                yield refined(model, narrower[model][0])
        yield affine
    if affine is not freest:
        yield freest


def contradicted(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    freest: Finding,
    but_for: Container[MotionModel],
) -> Iterator[Finding]:
    """Yield what an estimate is with narrower models that it contradicts, the freest first.

    Of images that differ in more than in place, what is free bends to the difference, and is surer
    of it than it should be; what is stiffer cannot.

    Parameters
    ----------
    reference, moving, options, freest
        As for `sufficient`.
    but_for : container of str
        Models that it does not contradict.
    """
    middle = frame_of(reference[0].shape).centre
    for model in reversed(MOTION_MODELS[: MOTION_MODELS.index(freest.model)]):
        if model not in but_for:
            asked = replace(_more_exact(options), model=model)
            start = MODELS[model].project(freest.estimate.matrix, middle)
            steps = refined_from(reference, moving, asked, freest.estimate, start)
            yield Finding(model, outcome_of(steps))


def is_needed(freer: MotionModel, model: MotionModel, worse: float) -> bool:
    """Tell whether a model fits clearly worse than a freer one, by chi square."""
    return worse > _CLEAR[MODELS[freer].n_parameters - MODELS[model].n_parameters]


def _more_exact(options: SearchOptions) -> SearchOptions:
    return replace(options, precision=max(_MORE_EXACT * options.precision, FINEST_PRECISION))


def _nearest(model: MotionModel, found: Finding, frame: Frame) -> tuple[Array, float]:
    """Return the motion of a narrower model that is nearest to what was found, and how far it is.

    Both by the covariance of what was found, the distance as chi square; infinitely far where
    nothing is known.
    """
    narrow, wide = MODELS[model], MODELS[found.model]
    start = narrow.project(found.estimate.matrix, frame.centre)
    covariance = found.estimate.covariance
    if covariance is None or not np.isfinite(covariance).all():
        return start, np.inf
    motion = frame.matrix @ np.linalg.inv(start) @ found.estimate.matrix @ frame.inverse
    beyond = motion / motion[2, 2] - np.eye(3)
    # In the order of the monomials: 1, x, y.
    parameters = np.r_[beyond[0, [2, 0, 1]], beyond[1, [2, 0, 1]], beyond[2, :2]]
    parameters = parameters[: wide.n_parameters]
    own = np.zeros((wide.n_parameters, narrow.n_parameters))
    own[: len(narrow.basis)] = narrow.basis
    at_corners = corner_motions(wide, frame).reshape(8, -1)
    bias = np.linalg.inv(at_corners.T @ at_corners / 4) * _BIAS**2 / wide.n_parameters
    precision = np.linalg.inv(covariance + bias)
    step = np.linalg.solve(own.T @ precision @ own, own.T @ precision @ parameters)
    left = parameters - own @ step
    return compose(start, narrow, frame, -step), float(left @ precision @ left)
