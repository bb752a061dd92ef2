"""OpenCV's own ECC made safe: one iteration a call, on a pyramid, from more than one start."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._images.pyramid.levels import Level
from .._transform.transform import MotionModel, magnify
from .._verdict.rules import why_implausible
from .._verdict.tile_matching import tile_evidence
from .correlation import ecc
from .estimate import Estimate, Representation, Step
from .levels import Smoothed, count_levels, local_contrast, smoothed
from .options import SearchOptions
from .phase import phase_shifts

COARSE_ITERATIONS = 50
COARSE_EPSILON = 1e-5
_SURVIVORS = 3
_LEAST_OVERLAP = 0.1
# In single precision the correlation may flicker by more than the smallest epsilon.
_PATIENCE = 6
_TRUST_IN_CALLER = 1.1
_CHEAP_PIXELS = 200_000
_HOPELESS_SHARE = 0.15

Steps = Generator[Step, None, Estimate]


@dataclass(frozen=True, eq=False)
class _Candidate:
    matrix: NDArray[np.float64]
    sign: int
    start: str
    score: float = -np.inf


@dataclass(frozen=True, eq=False)
class _Climb:
    """Where iterating from one start at one level has led."""

    matrix: NDArray[np.float64]
    iterations: int
    converged: bool


def opencv_steps(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    *,
    representation: Representation,
    initial: NDArray[np.float64] | None,
) -> Steps:
    """Estimate a transform with ``cv2.findTransformECCWithMask``, yielding after every iteration.

    OpenCV's function cannot be interrupted, so it is called for one iteration at a time. At the
    coarsest level it starts from `initial` if given, from identity and from the peaks of phase
    correlation, as a positive and as a negative; the best few starts go on to the next level and
    the best one to full resolution, unless hardly a tile says that it is right.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids of both images, full resolution first.
    options : SearchOptions
        With any motion model but "similarity"; the iterations and the tolerance are OpenCV's
        criteria at full resolution.
    representation : {"intensity", "detail"}
        Correlate the images or their local contrast.
    initial : ndarray of float64, shape (3, 3), optional
        Where to start.

    Yields
    ------
    Step

    Returns
    -------
    Estimate
    """
    count = count_levels([reference[0].shape, moving[0].shape])
    count = min(count, len(reference), len(moving))
    candidates: list[_Candidate] = []
    climb = _Climb(np.eye(3), 0, False)
    for index in reversed(range(count)):
        if candidates and _is_hopeless(reference, moving, candidates[0], index):
            climb = _Climb(np.eye(3), 0, False)
            break
        levels = _shown(reference[index], representation), _shown(moving[index], representation)
        candidates = candidates or _starts(*levels, initial, options.model)
        limit = options.max_iterations if index == 0 else COARSE_ITERATIONS
        eps = options.tolerance if index == 0 else max(options.tolerance, COARSE_EPSILON)
        done, share = _work_done(index, count)
        reached = []
        for number, candidate in enumerate(candidates):
            begin = replace(candidate, matrix=magnify(candidate.matrix, 1 / levels[0].factor))
            climb = yield from _climb_steps(
                levels,
                begin,
                _model_at(options.model, index),
                limit,
                eps,
                (done + share * number / len(candidates), share / len(candidates)),
            )
            reached.append(_scored(levels, replace(candidate, matrix=climb.matrix)))
        reached.sort(key=lambda found: -found.score)
        candidates = reached[: _SURVIVORS if index == count - 1 else 1]
    best = candidates[0]
    return Estimate(
        best.matrix, best.sign < 0, climb.iterations, climb.converged, best.start, representation
    )


def _shown(level: Level, representation: Representation) -> Smoothed:
    shown = smoothed(level)
    return local_contrast(shown) if representation == "detail" else shown


def _is_hopeless(
    reference: list[Level], moving: list[Level], found: _Candidate, index: int
) -> bool:
    """Return whether a level is not worth its time: hardly a tile of the coarser one agrees."""
    if reference[index].image.size < _CHEAP_PIXELS:
        return False
    if why_implausible(found.matrix):
        return True
    evidence = tile_evidence(reference, moving, index + 1, found.matrix, inverted=found.sign < 0)
    return evidence.share < _HOPELESS_SHARE


def _starts(
    reference: Smoothed, moving: Smoothed, initial: NDArray[np.float64] | None, model: MotionModel
) -> list[_Candidate]:
    factor = reference.factor
    starts = []
    if initial is not None:
        starts = [_Candidate(_in_model(initial, model), sign, "initial") for sign in (1, -1)]
    starts += [_Candidate(np.eye(3), sign, "identity") for sign in (1, -1)]
    for shift in phase_shifts(reference, moving):
        matrix = np.eye(3)
        matrix[:2, 2] = shift.dx * factor, shift.dy * factor
        starts.append(_Candidate(matrix, shift.sign, "phase correlation"))
    return starts


def _in_model(matrix: NDArray[np.float64], model: MotionModel) -> NDArray[np.float64]:
    """Return the nearest matrix in a model, which OpenCV asks of a Euclidean start."""
    nearest = matrix.copy()
    if model == "homography":
        return nearest
    nearest[2] = 0, 0, 1
    if model == "translation":
        nearest[:2, :2] = np.eye(2)
    elif model == "euclidean":
        left, _, right = np.linalg.svd(matrix[:2, :2])
        turn = np.diag([1.0, np.linalg.det(left @ right)])
        nearest[:2, :2] = left @ turn @ right
    return nearest


def _model_at(model: MotionModel, index: int) -> MotionModel:
    # Eight parameters are too many for the few pixels of a coarse level.
    return "affine" if model == "homography" and index > 1 else model


def _work_done(index: int, count: int) -> tuple[float, float]:
    """Return the share of the work before a level, and of the level, as its pixels have it."""
    weights = [0.25**level for level in range(count)]
    return sum(weights[index + 1 :]) / sum(weights), weights[index] / sum(weights)


def _scored(levels: tuple[Smoothed, Smoothed], candidate: _Candidate) -> _Candidate:
    matrix = candidate.matrix
    coefficient, overlap = _signed_ecc(levels, candidate.sign, matrix)
    # A high correlation is easily had over a sliver of overlap.
    score = coefficient * min(1.0, overlap / 0.5) ** 0.5 if overlap > _LEAST_OVERLAP else -1.0
    if candidate.start == "initial":
        # Where images repeat, what the caller said decides between places that fit alike.
        score *= _TRUST_IN_CALLER
    return replace(candidate, matrix=magnify(matrix, levels[0].factor), score=score)


def _signed_ecc(
    levels: tuple[Smoothed, Smoothed], sign: int, matrix: NDArray[np.float64]
) -> tuple[float, float]:
    reference, moving = levels
    coefficient, overlap = ecc(
        reference.values, reference.valid, moving.values, moving.valid, matrix
    )
    return sign * coefficient, overlap


def _climb_steps(
    levels: tuple[Smoothed, Smoothed],
    start: _Candidate,
    model: MotionModel,
    limit: int,
    eps: float,
    span: tuple[float, float],
) -> Generator[Step, None, _Climb]:
    """Iterate at one level and return the matrix with the highest correlation met."""
    from .._common.opencv import cv2

    reference = levels[0]
    turn, moving = _turned(levels[1], start.matrix, model)
    back = np.linalg.inv(turn)
    values = moving.values if start.sign > 0 else -moving.values
    motion = {
        "translation": cv2.MOTION_TRANSLATION,
        "euclidean": cv2.MOTION_EUCLIDEAN,
        "affine": cv2.MOTION_AFFINE,
        "homography": cv2.MOTION_HOMOGRAPHY,
    }[model]
    once = (cv2.TERM_CRITERIA_COUNT, 1, 0.0)
    rows = 3 if model == "homography" else 2
    matrix = start.matrix
    best, best_at, last, iteration = (-np.inf, matrix), 0, -np.inf, 0
    while iteration < limit:
        given = np.ascontiguousarray((turn @ matrix)[:rows], dtype=np.float32)
        try:
            # The levels are smoothed already: a kernel of 1 leaves them as they are.
            rho, found = cv2.findTransformECCWithMask(
                reference.values, values, reference.valid, moving.valid, given, motion, once, 1
            )
        except cv2.error as error:
            if error.code in (cv2.Error.StsNoConv, cv2.Error.StsBadArg, cv2.Error.StsAssert):
                break
            raise
        iteration += 1
        if rho > best[0]:
            best, best_at = (rho, matrix), iteration
        if abs(rho - last) < eps or iteration - best_at >= _PATIENCE:
            return _Climb(best[1], iteration, True)
        last, matrix = rho, back @ _complete(found)
        if not np.isfinite(matrix).all():
            break
        yield _step(levels[0].factor, iteration, limit, span, best[1])
    # The last update was never scored: it is taken if it is no worse.
    candidates = [best[1], matrix] if np.isfinite(matrix).all() else [best[1]]
    winner = max(candidates, key=lambda tried: _signed_ecc(levels, start.sign, tried)[0])
    return _Climb(winner, iteration, False)


def _turned(
    moving: Smoothed, matrix: NDArray[np.float64], model: MotionModel
) -> tuple[NDArray[np.float64], Smoothed]:
    """Turn the moving image by quarters so that the rotation left is within 45 degrees.

    OpenCV keeps a Euclidean rotation as the arc sine of its sine, which ends at 90 degrees.

    Returns
    -------
    turn : ndarray of float64, shape (3, 3)
        Maps moving pixels to pixels of the turned image.
    turned : Smoothed
    """
    quarters = round(np.arctan2(matrix[1, 0], matrix[0, 0]) / (np.pi / 2)) % 4
    if model != "euclidean" or not quarters:
        return np.eye(3), moving
    turn = np.eye(3)
    width, height = moving.values.shape[::-1]
    for _ in range(quarters):
        turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, width - 1.0], [0.0, 0.0, 1.0]]) @ turn
        width, height = height, width
    values = np.ascontiguousarray(np.rot90(moving.values, quarters))
    valid = np.ascontiguousarray(np.rot90(moving.valid, quarters))
    return turn, Smoothed(values, valid, moving.factor)


def _complete(found: NDArray[np.float32]) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[: found.shape[0]] = found
    with np.errstate(all="ignore"):
        complete: NDArray[np.float64] = matrix / matrix[2, 2]
    return complete


def _step(
    factor: int,
    iteration: int,
    limit: int,
    span: tuple[float, float],
    matrix: NDArray[np.float64],
) -> Step:
    # ECC mostly settles long before its limit: the bar approaches the end of its span.
    fraction = span[0] + span[1] * (1 - 0.5 ** (iteration / min(limit, 8)))
    where = "full resolution" if factor == 1 else f"1/{factor} of the resolution"
    return Step(f"iteration {iteration} at {where}", magnify(matrix, factor), fraction)
