"""Where the whole of two images fits best: here, close by, or as well a period away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.correlation import cross_correlation, spectrum
from .._images.pyramid.levels import Floats, Level, floats
from .._images.pyramid.representations import Representation
from .._transform.coordinates import scaled, shift
from .detail import (
    aligned_details,
    all_details,
    flat_top,
    over,
    own_details,
    placed_together,
    typical,
)
from .limits import KNOWN_TO, LEAST_LIKE, LEAST_PART, MINOR, MOST_RIVALS, SAME_PLACE, least_like
from .residual_pattern import SIGMAS
from .rival import Rival
from .second_motion import PARTS, in_parts


def _unknown() -> float:
    return inf


@dataclass(frozen=True)
class WholeFit:
    """How the whole of two images fits where a motion lays them.

    Attributes
    ----------
    rival : Rival
        Of their detail: here, and at the best other place.
    offset : float
        How far away (px of the reference) it fits best.
    here : float
        How well their detail correlates where they lie, rival or not.
    others : tuple of Rival
        The next best places, of those that come near.
    doubt : callable
        Returns one sigma of the offset, which seldom matters.
    """

    rival: Rival
    offset: float = 0.0
    here: float = 0.0
    others: tuple[Rival, ...] = ()
    doubt: Callable[[], float] = field(default=_unknown, repr=False, compare=False)

    @cached_property
    def sigma(self) -> float:
        """One sigma of the offset, by opposite displacements or what parts of the images say."""
        return self.doubt()

    def __getstate__(self) -> dict[str, Any]:
        # Another process has no images to ask.
        return {**self.__dict__, "sigma": self.sigma, "doubt": _unknown}

    @property
    def clear_offset(self) -> float:
        """How far away (px of the reference) it fits best beyond doubt."""
        return float(np.sqrt(max(0.0, self.offset**2 - (SIGMAS * self.sigma) ** 2)))


def whole_fit(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> WholeFit:
    """Return how well two images correlate where they lie, close by, and at other places.

    The detail of the whole level is correlated at all displacements at once, through the Fourier
    transform; of other places, each is weighed by what the two images share there.

    Parameters
    ----------
    reference, moving : Level
        The same level of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    inverted : bool
        The moving image is a negative of the reference.
    representation : {"intensity", "gradient", "orientation"}
        As in `aligned_details`.
    """
    fixed, other = aligned_details(
        reference, moving, matrix, inverted=inverted, representation=representation
    )
    joint, shared = (correlated(a, b) for a, b in zip(fixed, other, strict=True))
    factor = 2.0**reference.index
    offset = factor * _offset(joint)

    def doubt() -> float:
        return factor * _offset_sigma(joint, fixed[0], other[0])

    surface = floats(joint / np.maximum(shared, 1e-6))
    surface[shared <= LEAST_PART * shared[0, 0]] = -np.inf
    # What does not correlate here does not correlate.
    surface = floats(np.fft.fftshift(surface) / max(float(surface[0, 0]), 1e-6))
    y, x = _peaks_away(surface)
    here = max(0.0, _correlation_at(fixed, other, 0, 0))
    if not len(y):
        nowhere = Rival(here, float(here <= 0))
        return WholeFit(nowhere, offset, here, doubt=doubt)
    heights = _heights(surface, y, x)
    found = _unwrapped(fixed, other, surface, heights, (y, x))
    highest = int(heights.argmax())
    found[highest] = max(float(heights[highest]) * here, found.get(highest, 0.0))
    best = sorted(found, key=lambda k: -found[k])[:MOST_RIVALS]
    rivals = []
    for k in best:
        move = shift(x[k] - surface.shape[1] // 2, y[k] - surface.shape[0] // 2)
        rivals.append(Rival(here, found[k], KNOWN_TO, matrix @ scaled(move, factor)))
    return WholeFit(rivals[0], offset, here, tuple(rivals[1:]), doubt)


def far_rivals(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> list[Rival]:
    """Return the best other places more than half an image away, where one shows what is beyond.

    What only one of the images shows where they lie may lie on the other's elsewhere. Takes what
    `whole_fit` does, which looks at what both show here.
    """
    kind: Any = {"inverted": inverted, "representation": representation}
    half = np.array(reference.shape[::-1]) / 2
    if not _may_fit_beyond(reference, moving, matrix, half, **kind):
        return []
    details = all_details(reference, moving, matrix, **kind)
    if details is None:
        return []
    fixed, other = details
    here = max(0.0, _correlation_at(fixed, other, 0, 0))
    surface = _surface_beyond(fixed, other)
    y, x = _peaks_away(surface)
    moves = np.stack([x - surface.shape[1] // 2, y - surface.shape[0] // 2], axis=1)
    far = (np.abs(moves) > half).any(axis=1) & (surface[y, x] > LEAST_LIKE)
    heights = _heights(surface, y[far], x[far])
    best = np.argsort(-heights, kind="stable")[:MOST_RIVALS]
    factor = 2.0**reference.index
    found = []
    for (right, down), height, top in zip(
        moves[far][best].tolist(), heights[best], surface[y[far][best], x[far][best]], strict=True
    ):
        there = _correlation_at(fixed, other, down, right) * float(height / top)
        move = scaled(shift(right, down), factor)
        found.append(Rival(here, there, KNOWN_TO, matrix @ move))
    return sorted(found, key=lambda rival: -rival.there)


def _surface_beyond(fixed: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> Floats:
    """Return how two images correlate at all displacements, those as large as they are, too.

    Relative to where they lie, in the middle.
    """
    # So that nothing comes back on the other side. Odd lengths take twice the time of even ones.
    double = tuple(2 * cv2.getOptimalDFTSize(length) for length in fixed[1].shape)
    joint, shared = (correlated(a, b, double) for a, b in zip(fixed, other, strict=True))
    surface = floats(joint / np.maximum(shared, 1e-6))
    surface[shared <= LEAST_PART * shared[0, 0]] = -np.inf
    return floats(np.fft.fftshift(surface) / max(float(surface[0, 0]), 1e-6))


def _may_fit_beyond(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    distance: NDArray[np.float64],
    **kind: Any,
) -> bool:
    """Tell whether two images may fit farther away than (x, y) as they do where they lie.

    At half the resolution, for a fifth of the time: what leaves little there leaves no more here.
    """
    here = max(0.0, _correlation_at(*aligned_details(reference, moving, matrix, **kind), 0, 0))
    own = own_details(reference, moving, **kind)
    fixed, other = ((_halved(planes), _halved(window)) for planes, window in own)
    kept = min(
        4 * float((small * small).sum()) / max(float((planes * planes).sum()), 1e-12)
        for small, planes in ((fixed[0], own[0][0]), (other[0], own[1][0]))
    )
    # So little of what correlates may be left there, and, of what is kept, so much more.
    left = 1 - max(least_like(here, KNOWN_TO), LEAST_LIKE * here)
    # Displacements by odd numbers of pixels lie between those here.
    least = LEAST_LIKE * (1 - left / max(kept, 1e-6))
    if least <= MINOR:
        return True
    grid = np.array([[2.0, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    local = np.linalg.inv(grid) @ scaled(matrix, 2.0**-reference.index) @ grid
    surface = _surface_beyond(*placed_together(fixed, other, local))
    middle_y, middle_x = (length // 2 for length in surface.shape)
    right, down = np.maximum(0, distance // 2 - 1).astype(int).tolist()
    near = (
        slice(middle_y - down, middle_y + down + 1),
        slice(middle_x - right, middle_x + right + 1),
    )
    surface[near] = -np.inf
    return bool(surface.max() > least)


def _halved(planes: Floats) -> Floats:
    return floats(cv2.resize(planes, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def whole_correlation(
    reference: Level, moving: Level, matrix: NDArray[np.float64], *, inverted: bool
) -> float:
    """Return how well the detail of two images correlates where they lie, as in `whole_fit`."""
    fixed, other = aligned_details(reference, moving, matrix, inverted=inverted)
    return max(0.0, _correlation_at(fixed, other, 0, 0))


def _offset(joint: Floats) -> float:
    """Return how far from its first entry a circular correlation is highest, by parabolas."""
    bends = _bends(joint)
    if not (bends > 0).all():
        return 0.0
    slopes = np.array([joint[0, 1] - joint[0, -1], joint[1, 0] - joint[-1, 0]]) / 2
    return float(np.hypot(*(slopes / bends)))


def _offset_sigma(joint: Floats, first: Floats, second: Floats) -> float:
    """Return one sigma of that: of two images that lie right, it is even but for noise.

    Of what that does not explain, parts of both are asked.
    """
    bends = _bends(joint)
    if not (bends > 0).all():
        return inf
    # The other half differs by as much.
    half = np.arange(len(joint) // 2 + 1)
    opposite = np.roll(joint[-half][:, ::-1], 1, 1)
    deviation = typical(floats(joint[: len(half)] - opposite)) / 2
    sigma = deviation / float(bends.min())
    return max(sigma, _scatter(first, second)) if _offset(joint) > SIGMAS * sigma else sigma


def _bends(joint: Floats) -> Floats:
    """Return how strongly a circular correlation bends at its first entry, by x and y."""
    beside = np.array([joint[0, 1] + joint[0, -1], joint[1, 0] + joint[-1, 0]])
    return floats(2 * joint[0, 0] - beside)


def _scatter(first: Floats, second: Floats) -> float:
    """Return one sigma of how far from each other two images fit best, by what parts say of it.

    Where light saturates in one of them, a bright thing has lost one of its sides: a few parts
    lie elsewhere, and not the whole.
    """
    slopes, bends = np.zeros((2, 2, PARTS, PARTS))
    for axis in (0, 1):
        own, other = np.gradient(first, axis=axis), np.gradient(second, axis=axis)
        # Half of both: of what lies right nothing is left in any part.
        terms = (second * own - first * other) / 2, own * other
        slope, bend = (floats(term if term.ndim == 2 else term.sum(axis=2)) for term in terms)
        slopes[axis], bends[axis] = in_parts(slope), in_parts(bend)
    whole = np.maximum(bends.sum(axis=(1, 2), keepdims=True), 1e-12)
    offset = slopes.sum(axis=(1, 2), keepdims=True) / whole
    left = (slopes - bends * offset) / whole
    along = (left * offset).sum(axis=0) / max(float(np.linalg.norm(offset)), 1e-12)
    return float(np.sqrt((along**2).sum()))


def correlated(a: Floats, b: Floats, least: tuple[int, ...] | None = None) -> Floats:
    """Return the circular cross correlation of two planes of one shape, of that at least."""
    height, width = (least or a.shape)[:2]
    size = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    return cross_correlation(spectrum(b, size), spectrum(a, size))


def _unwrapped(
    fixed: tuple[Floats, Floats],
    other: tuple[Floats, Floats],
    surface: Floats,
    heights: Floats,
    places: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> dict[int, float]:
    """Return how the peaks worth it correlate, without what the transform wraps around.

    Of a displaced image a part comes back on the other side, where it meets something else: a
    period that does not divide the image would not be noticed.
    """
    promise = heights / _kept_share(fixed[1].shape, surface.shape)[places]
    # What correlates between pixels alone, where little is seen, is no peak.
    worth = np.flatnonzero((promise > LEAST_LIKE) & (surface[places] > 0))
    # Of a grid, so many across and down: what is wrapped around hides which of them is the best.
    worth = worth[np.argsort(-promise[worth], kind="stable")[: MOST_RIVALS**2]]
    middle_y, middle_x = (length // 2 for length in surface.shape)
    y, x = places
    found = {}
    for k in worth.tolist():
        there = _correlation_at(fixed, other, int(y[k]) - middle_y, int(x[k]) - middle_x)
        found[k] = there * float(heights[k] / surface[y[k], x[k]])
    return found


@lru_cache(maxsize=8)
def _kept_share(shape: tuple[int, ...], size: tuple[int, ...]) -> Floats:
    """Return which share of what two windows share at a displacement is not wrapped around."""
    window = flat_top(shape)
    padded = np.zeros((2 * size[0], 2 * size[1]), np.float32)
    padded[: shape[0], : shape[1]] = window
    (height, width), transform = size, np.fft.rfft2(padded)
    apart = np.fft.fftshift(np.fft.irfft2(np.abs(transform) ** 2))
    top, left = height - height // 2, width - width // 2
    apart = apart[top : top + height, left : left + width]
    wrapped = np.fft.fftshift(correlated(window, window))
    share = np.clip(apart / np.maximum(wrapped, 1e-6), LEAST_PART, 1).astype(np.float32)
    share.setflags(write=False)
    return share


def _correlation_at(
    fixed: tuple[Floats, Floats], other: tuple[Floats, Floats], down: int, right: int
) -> float:
    """Return the normalised correlation of two windowed images, the second moved back."""
    rows, rows_there = _shared_range(fixed[0].shape[0], down)
    columns, columns_there = _shared_range(fixed[0].shape[1], right)
    a, window_a = (plane[rows, columns] for plane in fixed)
    b, window_b = (plane[rows_there, columns_there] for plane in other)
    ratio = np.maximum(window_b, 1e-3) / np.maximum(window_a, 1e-3)
    energies = float(over(a * a, ratio).sum()) * float(over(b * b, 1 / ratio).sum())
    return float((a * b).sum()) / energies**0.5 if energies > 0 else 0.0


def _shared_range(length: int, shift: int) -> tuple[slice, slice]:
    """Return where an axis is shared with one shifted by so much, on it and on the other."""
    return slice(max(0, -shift), min(length, length - shift)), slice(
        max(0, shift), min(length, length + shift)
    )


def _peaks_away(surface: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places (y, x) of the local maxima of a centred surface away from its middle."""
    around = cv2.dilate(surface, np.ones((5, 5), np.uint8))
    peaks = (surface >= around) & np.isfinite(surface)
    peaks[[0, -1]] = peaks[:, [0, -1]] = False
    # Of an array that is flat, in a quarter of the time.
    y, x = np.divmod(np.flatnonzero(peaks), surface.shape[1])
    middle_y, middle_x = (length // 2 for length in surface.shape)
    away = np.hypot(x - middle_x, y - middle_y) > SAME_PLACE
    return y[away], x[away]


def _heights(surface: Floats, y: NDArray[np.intp], x: NDArray[np.intp]) -> Floats:
    """Return how high maxima rise between the pixels, by parabolas.

    A period of half a pixel more would hide.
    """
    here = surface[y, x]
    return np.asarray(
        here
        + _above(surface[y, x - 1], here, surface[y, x + 1])
        + _above(surface[y - 1, x], here, surface[y + 1, x])
    )


def _above(before: Floats, here: Floats, after: Floats) -> Floats:
    """Return how much higher a parabola through three points rises than the middle one."""
    bend = np.where(np.isfinite(before + after), before - 2 * here + after, -np.inf)
    peaked = np.isfinite(bend)
    rise = np.subtract(after, before, out=np.zeros_like(here), where=peaked)
    return np.asarray(rise**2 / np.maximum(-8 * bend, 1e-9), np.float32)
