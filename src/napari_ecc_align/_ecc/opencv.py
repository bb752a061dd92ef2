"""OpenCV's own ECC made safe: one iteration a call, on a pyramid, from more than one start."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import Outcome, Told, awaited, retold
from .._images.pyramid.filters import BORDER, eroded, smoothed_inside, warp
from .._images.pyramid.levels import (
    Bools,
    Floats,
    InSteps,
    Level,
    made_in_parts,
    parts,
    room,
    row_strips,
)
from .._images.pyramid.representations import Representation, halo, represent
from .._transform.coordinates import scaled
from .._transform.models import MODELS, Array, Model, frame_of
from .._transform.plausible import SEARCHED, is_plausible
from .correlation import ecc
from .estimate import Estimate, Step
from .global_search import translations
from .options import SearchOptions
from .quick_check import agreement

# Iterating begins on a level of about so many px on the longer side, and of no fewer on the
# shorter one.
_COARSEST, _SMALLEST = 160, 40
_COARSE_ITERATIONS, _COARSE_TOLERANCE = 50, 1e-5
# So many starts go on from the coarsest level.
_SURVIVORS = 3
_PEAKS = 3
# Share of the reference that must be covered; a high correlation is easily had over a sliver.
_LEAST_COVERED, _WELL_COVERED = 0.1, 0.5
# In single precision the correlation may flicker by more than the smallest tolerance.
_ITERATIONS_WITHOUT_GAIN = 6
# Where images repeat, what the caller said decides between places that fit alike.
_TRUST_IN_CALLER = 1.1
# A level of more pixels is refined only where this share of the coarser one's tiles agrees.
_CHEAP_PIXELS, _LEAST_AGREEMENT = 200_000, 0.15
# One call of OpenCV's on so many pixels takes a twentieth of a second.
_LONG_CALL = 400_000
_MOTIONS = {
    "translation": cv2.MOTION_TRANSLATION,
    "euclidean": cv2.MOTION_EUCLIDEAN,
    "affine": cv2.MOTION_AFFINE,
    "homography": cv2.MOTION_HOMOGRAPHY,
}


@dataclass(frozen=True, eq=False)
class _Guess:
    """A transform in px of full resolution, its polarity, where it came from, how well it fits."""

    matrix: Array
    sign: int
    start: str
    score: float = -np.inf
    iterations: int = 0
    converged: bool = False


@dataclass(frozen=True, eq=False)
class _LevelPair:
    """One level of both images, smoothed, and which of their pixels count."""

    index: int
    reference: Floats
    reference_valid: Bools
    moving: Floats
    moving_valid: Bools

    def correlation(self, matrix: Array, sign: int) -> InSteps[tuple[float, float]]:
        """Return the ECC under a matrix in px of the level, and the share that is covered.

        Yields between strips of the level.
        """
        moving = yield from room(self.moving.shape)
        for y0, y1, x0, x1 in parts(moving.shape):
            part = slice(y0, y1), slice(x0, x1)
            moving[part] = np.where(self.moving_valid[part], self.moving[part], np.float32(np.nan))
            yield
        height, width = self.reference.shape
        warping = partial(warp, moving, matrix, (width, height))
        moved = yield from _in_steps(warping, self.reference.size)
        yield
        # What both show, one after the other; what is not needed of it is never touched.
        both, count = np.empty((2, moved.size), np.float32), 0
        for y0, y1 in row_strips(moved.shape):
            shared = self.reference_valid[y0:y1] & np.isfinite(moved[y0:y1])
            first, second = self.reference[y0:y1][shared], moved[y0:y1][shared]
            both[0, count : count + len(first)] = first
            both[1, count : count + len(first)] = second
            count += len(first)
            yield
        first, second = both[:, :count]
        covered = count / max(1, int(np.count_nonzero(self.reference_valid)))
        yield
        score = yield from _in_steps(partial(ecc, first, None, second), first.size)
        yield
        return sign * score, covered


def _in_steps(call: Callable[[], Outcome], pixels: int) -> InSteps[Outcome]:
    """Return what a call on so many pixels does; one that takes long goes on in a thread."""
    return (yield from awaited(call)) if pixels >= _LONG_CALL else call()


def opencv_steps(
    reference: list[Level],
    moving: list[Level],
    options: SearchOptions,
    *,
    representation: Representation,
    initial: Array | None,
) -> Generator[Step, None, Estimate]:
    """Estimate a transform with ``cv2.findTransformECCWithMask`` [1]_, one iteration at a time.

    OpenCV's function cannot be interrupted, so it is called for one iteration only, and on a large
    level in a thread: whoever closes the generator need not wait for its end. At the
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
    representation : {"intensity", "gradient"}
        Correlate the magnitudes of the gradients instead of the intensities; those of a negative
        are the same.
    initial : ndarray of float64, shape (3, 3), optional
        Where to start.

    Yields
    ------
    Step

    Returns
    -------
    Estimate

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric Image Alignment Using Enhanced
       Correlation Coefficient Maximization", IEEE TPAMI 30(10), 2008.
    """
    coarsest = _coarsest_level(reference, moving)
    guesses = _starts(
        reference[coarsest],
        moving[coarsest],
        options.motion,
        initial,
        representation=representation,
    )
    for index in reversed(range(coarsest + 1)):
        if index < coarsest and _is_hopeless(reference, moving, guesses[0], index, representation):
            guesses = [replace(guesses[0], iterations=0, converged=False)]
            break
        done, share = _work_done(index, coarsest + 1)
        planes: list[tuple[Floats, Bools]] = []
        for level in (reference[index], moving[index]):
            step = Step("smoothing", None, done)
            planes.append(
                (yield from retold(_smoothed(level, representation), partial(_same, step)))
            )
            yield step
        pair = _LevelPair(index, *planes[0], *planes[1])
        reached = []
        for number, guess in enumerate(guesses):
            span = done + share * number / len(guesses), share / len(guesses)
            reached.append((yield from _refined(pair, guess, options, span)))
        reached.sort(key=lambda found: -found.score)
        guesses = reached[: _SURVIVORS if index == coarsest else 1]
    best = guesses[0]
    return Estimate(
        best.matrix,
        best.sign < 0,
        best.iterations,
        best.converged,
        best.start,
        representation,
    )


def _coarsest_level(reference: list[Level], moving: list[Level]) -> int:
    for index, pair in enumerate(zip(reference, moving, strict=False)):
        sides = [side for level in pair for side in level.shape]
        if max(sides) <= _COARSEST or min(sides) < 2 * _SMALLEST:
            return index
    return min(len(reference), len(moving)) - 1


def _smoothed(level: Level, representation: Representation) -> InSteps[tuple[Floats, Bools]]:
    """Smooth a level, and count no pixel that saw its border or a pixel that is not valid.

    OpenCV reflects an image at its border before it smooths, and the reflected ring biases the
    scale of an estimate (opencv/opencv #29774).
    """

    def smooth(image: Floats, valid: Bools | None) -> tuple[Floats, Bools]:
        values, inside = smoothed_inside(*represent(level, image, valid, representation))
        # Gradients reach a pixel further than the kernel.
        return values, eroded(inside, 1)

    values, inside = yield from made_in_parts(level, smooth, halo(representation))
    assert inside is not None
    if level.index:
        margin = BORDER + halo()
        for edge in (slice(margin), slice(-margin, None)):
            inside[edge] = inside[:, edge] = False
    return values, inside


def _is_hopeless(
    reference: list[Level],
    moving: list[Level],
    guess: _Guess,
    index: int,
    representation: Representation,
) -> bool:
    """Return whether a level is not worth its time: hardly a tile of the coarser one agrees."""
    if reference[index].size < _CHEAP_PIXELS:
        return False
    if not is_plausible(guess.matrix, reference[0].shape, moving[0].shape, SEARCHED):
        return True
    said = agreement(
        reference[index + 1],
        reference[min(index + 3, len(reference) - 1)],
        moving[index + 1],
        scaled(guess.matrix, 2.0 ** -(index + 1)),
        inverted=guess.sign < 0,
        representation=representation,
    )
    return said.share < _LEAST_AGREEMENT


def _starts(
    reference: Level,
    moving: Level,
    model: Model,
    initial: Array | None,
    *,
    representation: Representation,
) -> list[_Guess]:
    starts = [("identity", np.eye(3))]
    if initial is not None:
        # OpenCV asks for a Euclidean start, where that is the model.
        centre = frame_of(reference.shape).centre
        near = model.project(scaled(initial, 2.0**-reference.index), centre)
        starts.insert(0, ("initial", scaled(near, 2.0**reference.index)))
    for matrix in translations(reference, moving, representation=representation, count=_PEAKS):
        starts.append(("phase correlation", matrix))
    signs = (1,) if representation == "gradient" else (1, -1)
    return [_Guess(matrix, sign, name) for name, matrix in starts for sign in signs]


def _work_done(index: int, count: int) -> tuple[float, float]:
    """Return the share of the work before a level, and of the level, as its pixels have it."""
    weights = [0.25**level for level in range(count)]
    return sum(weights[index + 1 :]) / sum(weights), weights[index] / sum(weights)


def _refined(
    pair: _LevelPair, guess: _Guess, options: SearchOptions, span: tuple[float, float]
) -> Generator[Step, None, _Guess]:
    """Iterate on one level and score where that leads."""
    index = pair.index
    iterations = options.max_iterations if index == 0 else _COARSE_ITERATIONS
    tolerance = options.tolerance if index == 0 else max(options.tolerance, _COARSE_TOLERANCE)
    # Eight parameters are too many for the few pixels of a coarse level.
    model = MODELS["affine"] if options.freest == "homography" and index > 1 else options.motion
    where = f"1/{2**index} of the resolution" if index else "full resolution"

    def step(done: tuple[int, Array]) -> Step:
        iteration, matrix = done
        # ECC mostly settles long before its limit: the bar approaches the end of its span.
        fraction = span[0] + span[1] * (1 - 0.5 ** (iteration / min(iterations, 8)))
        return Step(f"iteration {iteration} at {where}", scaled(matrix, 2.0**index), fraction)

    begin = replace(guess, matrix=scaled(guess.matrix, 2.0**-index))
    found = yield from retold(_iterate(pair, begin, model, iterations, tolerance), step)
    scoring = pair.correlation(found.matrix, guess.sign)
    score, covered = yield from retold(scoring, lambda _: step((iterations, found.matrix)))
    score *= min(1.0, covered / _WELL_COVERED) ** 0.5
    if covered <= _LEAST_COVERED:
        score = -1.0
    if guess.start == "initial":
        score *= _TRUST_IN_CALLER
    return replace(found, matrix=scaled(found.matrix, 2.0**index), score=score)


def _iterate(
    pair: _LevelPair, guess: _Guess, model: Model, limit: int, tolerance: float
) -> Generator[tuple[int, Array], None, _Guess]:
    """Iterate from a guess in px of the level; return the one with the highest correlation met."""
    turn, moving, moving_valid = _quarter_turned(pair, guess.matrix, model)
    back = np.linalg.inv(turn)
    values = moving if guess.sign > 0 else -moving
    masks = pair.reference_valid.view(np.uint8), moving_valid.view(np.uint8)
    once = (cv2.TERM_CRITERIA_COUNT, 1, 0.0)
    rows = 3 if model.name == "homography" else 2
    matrix = guess.matrix
    best, best_at, last, iteration = (-np.inf, matrix), 0, -np.inf, 0
    while iteration < limit:
        begin = np.ascontiguousarray((turn @ matrix)[:rows], dtype=np.float32)
        # The levels are smoothed already: a kernel of 1 leaves them as they are.
        find = partial(cv2.findTransformECCWithMask, pair.reference, values, *masks)
        call = partial(find, begin, _MOTIONS[model.name], once, 1)
        reached = iteration, best[1]
        try:
            steps = _in_steps(call, values.size)
            rho, found = yield from retold(steps, partial(_same, reached))
        except cv2.error as error:
            if error.code in (cv2.Error.StsNoConv, cv2.Error.StsBadArg, cv2.Error.StsAssert):
                break
            raise
        iteration += 1
        if rho > best[0]:
            best, best_at = (rho, matrix), iteration
        if abs(rho - last) < tolerance or iteration - best_at >= _ITERATIONS_WITHOUT_GAIN:
            return replace(guess, matrix=best[1], iterations=iteration, converged=True)
        last, matrix = rho, back @ _completed(found)
        if not np.isfinite(matrix).all():
            break
        yield iteration, best[1]
    # The last update was never scored: it is taken if it is no worse.
    candidates = [best[1], matrix] if np.isfinite(matrix).all() else [best[1]]
    scores = []
    for tried in candidates:
        scoring = pair.correlation(tried, guess.sign)
        scores.append((yield from retold(scoring, lambda _: (iteration, best[1])))[0])
    winner = candidates[int(np.argmax(scores))]
    return replace(guess, matrix=winner, iterations=iteration, converged=False)


def _same(told: Told, _: object) -> Told:
    return told


def _quarter_turned(pair: _LevelPair, matrix: Array, model: Model) -> tuple[Array, Floats, Bools]:
    """Turn the moving image by quarters so that the rotation left is within 45 degrees.

    OpenCV keeps a Euclidean rotation as the arc sine of its sine, which ends at 90 degrees.

    Returns
    -------
    turn : ndarray of float64, shape (3, 3)
        Maps moving pixels to pixels of the turned image.
    values : ndarray of float32, shape (h, w)
    valid : ndarray of bool, shape (h, w)
    """
    quarters = round(np.arctan2(matrix[1, 0], matrix[0, 0]) / (np.pi / 2)) % 4
    turn = np.eye(3)
    if model.name != "euclidean" or not quarters:
        return turn, pair.moving, pair.moving_valid
    width, height = pair.moving.shape[::-1]
    for _ in range(quarters):
        turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, width - 1.0], [0.0, 0.0, 1.0]]) @ turn
        width, height = height, width
    values, valid = (np.rot90(plane, quarters) for plane in (pair.moving, pair.moving_valid))
    return turn, np.ascontiguousarray(values), np.ascontiguousarray(valid)


def _completed(found: NDArray[np.float32]) -> Array:
    """Return what OpenCV found, (2, 3) or (3, 3), as a (3, 3) matrix whose last element is 1."""
    matrix = np.eye(3)
    matrix[: found.shape[0]] = found
    with np.errstate(all="ignore"):
        return np.asarray(matrix / matrix[2, 2])
