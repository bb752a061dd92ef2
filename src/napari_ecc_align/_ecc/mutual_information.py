"""What remains where neither brightness nor edges agree: how much one image tells of the other."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._images.pyramid.levels import Floats, Level, index_below
from .._transform.models import MODELS, Array, Frame, Model, compose, frame_of

# Levels of at most so many pixels are searched, one after the other: a small one has one hill to
# climb where a large one has many, and the finest is known to a pixel.
_PIXELS = (80 * 80, 130 * 130, 260 * 260)
_BINS = 16
# Outliers are told apart no farther than the values between these shares of all.
_SHARES = (0.005, 0.995)
# What overlaps less tells too little.
_LEAST_OVERLAP = 0.35
# The start is moved by all of these halves of the longer side along both axes, and turned by these
# radians, to see how much the values of images tell of each other that do not lie on each other.
_WRONG_SHIFTS, _WRONG_TURNS = (-0.5, -0.3, -0.1, 0.1, 0.3, 0.5), (-0.5, 0.0, 0.5)
# Of the motion's parameters, which are lengths in halves of the longer side: the first step, and
# the last one of a level, in its pixels.
_FIRST, _LAST = 0.1, 0.25


@dataclass(frozen=True, eq=False)
class _Pair:
    """Bins of a reference, -1 where it is not known, and those of a moving image, with fractions.

    A pixel between two bins counts for both.
    """

    reference: NDArray[np.intp]
    moving: Floats
    scale: float

    def shared(self, matrix: Array) -> float:
        """Return the normalised mutual information, 1 to 2, for a transform in px of level 0.

        0 where too little overlaps.
        """
        height, width = self.reference.shape
        own = matrix.copy()
        own[:2, 2] /= self.scale
        warped = cv2.warpAffine(
            self.moving,
            own[:2],
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=-_BINS,
        )
        both = (warped >= 0) & (self.reference >= 0)
        values = warped[both]
        if values.size < _LEAST_OVERLAP * self.reference.size:
            return 0.0
        lower = values.astype(np.intp)
        cells = self.reference[both] * (_BINS + 1) + lower
        upper = values - lower
        size = _BINS * (_BINS + 1) + 1
        joint = np.bincount(cells, 1 - upper, size) + np.bincount(cells + 1, upper, size)
        joint = joint[:-1].reshape(_BINS, _BINS + 1) / values.size
        return (_entropy(joint.sum(0)) + _entropy(joint.sum(1))) / max(_entropy(joint), 1e-9)


@dataclass(frozen=True, eq=False)
class Shared:
    """Where values tell most of each other, and how much at best where they were put wrongly.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3)
        In px of level 0.
    information, elsewhere : float
        What one image tells of the other beyond nothing, there and at the best of a hundred
        wrong places, or the first that tells as much: the normalised mutual information less one.
    """

    matrix: Array
    information: float
    elsewhere: float


def shared_information(
    reference: list[Level], moving: list[Level], model: Model, start: Array
) -> Generator[None, None, Shared]:
    """Return the turn and shift near a start with most mutual information [1]_, [2]_.

    And what a hundred wrong places tell, for its chance. Freer motion is not sought: what one
    image's values tell of the other's changes too little by it to be exact. Nor is what tells no
    more on the smallest level than the best wrong place made more exact on others. Yields after
    every step.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    model : Model
        A translation is only shifted.
    start : ndarray, shape (3, 3)
        In px of level 0.

    References
    ----------
    .. [1] P. Viola and W. M. Wells, "Alignment by Maximization of Mutual Information", IJCV 24(2),
       1997.
    .. [2] C. Studholme, D. L. G. Hill and D. J. Hawkes, "An overlap invariant entropy measure of
       3D medical image alignment", Pattern Recognition 32(1), 1999, eq. 8.
    """
    rigid = model if model.name == "translation" else MODELS["euclidean"]
    frame = frame_of(reference[0].shape)
    first, *finer = (index_below(pixels, reference, moving) for pixels in _PIXELS)
    small, half = _pair(reference[first], moving[first]), max(reference[first].shape) / 2
    yield
    matrix = yield from _climbed(small, rigid, frame, start, (_FIRST, _LAST / half))
    best, here = 0.0, small.shared(matrix)
    yield
    for motion in product(_WRONG_SHIFTS, _WRONG_SHIFTS, _WRONG_TURNS):
        wrong = compose(matrix, MODELS["euclidean"], frame, np.array(motion))
        best = max(best, small.shared(wrong))
        yield
        if best >= max(here, 1):
            break
    if here > best:
        for index in finer:
            pair = _pair(reference[index], moving[index])
            last = 2 * _LAST / max(reference[index].shape)
            yield
            matrix = yield from _climbed(pair, rigid, frame, matrix, (4 * last, last))
        here = small.shared(matrix)
    return Shared(matrix, here - 1, best - 1)


def _climbed(
    pair: _Pair, model: Model, frame: Frame, matrix: Array, steps: tuple[float, float]
) -> Generator[None, None, Array]:
    """Return the motion near one with most mutual information on a level, by steps from to."""
    best = pair.shared(matrix)
    yield
    step, last = steps
    while step > last:
        moved = False
        for parameter in range(model.n_parameters):
            for sign in (1, -1):
                delta = np.zeros(model.n_parameters)
                delta[parameter] = sign * step
                other = compose(matrix, model, frame, delta)
                found = pair.shared(other)
                yield
                if found > best:
                    matrix, best, moved = other, found, True
                    break
        step = step if moved else step / 2
    return matrix


def _pair(reference: Level, moving: Level) -> _Pair:
    bins, seen = _bins(reference)
    others, valid = _bins(moving)
    if valid is not None:
        others = np.where(valid, others, np.float32(-_BINS))
    whole = np.rint(bins).astype(np.intp)
    return _Pair(
        whole if seen is None else np.where(seen, whole, -1), others, 2.0**reference.index
    )


def _bins(level: Level) -> tuple[Floats, NDArray[np.bool_] | None]:
    """Return the values of a level in bins, and which of them are known."""
    image, valid = level.whole()
    low, high = np.quantile(image if valid is None else image[valid], _SHARES)
    top = np.float32(_BINS - 1)
    bins = (image - np.float32(low)) * (top / np.float32(max(high - low, 1e-12)))
    return np.clip(bins, 0, top), valid


def _entropy(shares: Array) -> float:
    seen = shares[shares > 0]
    return float(-(seen * np.log(seen)).sum())
