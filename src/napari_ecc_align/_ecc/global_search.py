"""Initial guesses from images of about a hundred pixels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.levels import Floats, Level, floats, middle
from .._images.pyramid.representations import Representation, turned, whole_representation
from .._transform.coordinates import scaled, shift
from .._transform.models import Array, Model
from .correlation import cross_correlation, padded, spectrum

Steps = Literal["fine", "medium", "rough"]
# How many angles and which scales are tried. On a level of 80 x 80 px, of 36 pairs turned and
# enlarged at will as many were found by intensities with the rough steps as with the fine ones
# (26); by orientations with half as many as the fine ones (34), but fewer with the rough ones.
_TURNS: dict[Steps, tuple[int, tuple[float, ...]]] = {
    "fine": (36, (0.7, 0.84, 1.0, 1.19, 1.41)),
    "medium": (24, (0.7, 0.84, 1.0, 1.19, 1.41)),
    "rough": (20, (0.77, 1.0, 1.3)),
}
# A shift must leave this share of the smaller image in the overlap.
_MIN_OVERLAP = 0.25
# Shifts closer than this (px of the small level) are one peak.
_APART = 4
# By how much the energies are computed coarser.
_COARSER = 4
_BESIDE = (_COARSER - 1) / 2
_FROM_COARSE = np.array([[_COARSER, 0, _BESIDE], [0, _COARSER, _BESIDE], [0, 0, 1]])
_TO_COARSE = np.linalg.inv(_FROM_COARSE)
# What `np.rot90` does to pixels (x, y), but for a shift.
_QUARTER = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
# Long strips would need a square this large for every rotation; they are not searched.
_LARGEST = 768


@dataclass(frozen=True, eq=False)
class _View:
    """A reference as it is seen: its map to there, its shape, and spectra.

    Of the image and, at a quarter of its size, of its energy and of what is seen.
    """

    matrix: Array
    shape: tuple[int, ...]
    image: list[Floats]
    energy: list[Floats]
    seen: list[Floats]


def translations(
    reference: Level, moving: Level, *, representation: Representation, count: int
) -> list[Array]:
    """Return guesses (px of level 0) from peaks of the signed phase correlation [1]_.

    Both signs count, because contrast may be inverted, and several peaks, because texture repeats.

    Parameters
    ----------
    reference, moving : Level
        One level of both images, small enough to be transformed whole.
    representation : {"intensity", "gradient"}
        What to correlate.
    count : int
        Of peaks.

    Returns
    -------
    list of (3, 3) arrays
        Strongest first.

    References
    ----------
    .. [1] C. D. Kuglin and D. C. Hines, "The Phase Correlation Image Alignment Method", Proc. IEEE
       Int. Conf. Cybernetics and Society, 1975.
    """
    (reference, here), (moving, there) = middle(reference), middle(moving)
    first, _ = _prepared(reference, representation)
    second, _ = _prepared(moving, representation)
    size = _fft_size(first.shape, second.shape)
    one, two = (
        floats(cv2.dft(padded(_tapered(plane), size), flags=cv2.DFT_COMPLEX_OUTPUT))
        for plane in (first, second)
    )
    product = floats(cv2.mulSpectrums(one, two, 0, conjB=True))
    magnitude = np.sqrt((product * product).sum(axis=2))
    # Dividing by the root of the magnitude whitens without making empty frequencies count as much
    # as full ones.
    product /= np.maximum(magnitude, 1e-3 * magnitude.max() + 1e-30)[..., None] ** 0.75
    surface = np.abs(cv2.idft(product, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE))
    surface = surface * _allowed(first.shape, second.shape, size)
    starts = []
    for _ in range(count):
        dx, dy, _score = _peak(surface, first.shape, second.shape)
        matrix = np.eye(3)
        matrix[:2, 2] = there - here - (dx, dy)
        starts.append(scaled(matrix, 2.0**reference.index))
    return starts


def searched_turns(model: Model, steps: Steps = "fine") -> list[Array]:
    """Return the linear parts, (2, 2) from reference to moving, among which a model is searched.

    Rotations and scales in steps, of which a model may have only some.
    """
    if model.name == "translation":
        return [np.eye(2)]
    count, several = _TURNS[steps]
    angles = 2 * np.pi * np.arange(count) / count
    circle = zip(np.cos(angles).tolist(), np.sin(angles).tolist(), strict=True)
    turns = [np.array([[cos, -sin], [sin, cos]]) for cos, sin in circle]
    scales = (1.0,) if model.name == "euclidean" else several
    return [turn / scale for scale in scales for turn in turns]


def scored_displacements(
    reference: Level,
    moving: Level,
    turns: list[Array],
    *,
    representation: Representation,
    count: int,
    mirrored: bool = False,
) -> Generator[None, None, list[tuple[float, Array]]]:
    """Return guesses (px of level 0) from a full search over linear parts and shifts.

    For each linear part one normalised cross correlation over all shifts, by Fourier transforms,
    of the overlap only ([1]_, without the local means).  Yields every few transforms.

    Parameters
    ----------
    reference, moving, representation, count
        As for `translations`.
    turns : list of (2, 2) arrays
        See `searched_turns`.
    mirrored : bool, default: False
        Look at each of them with the left and right of the reference exchanged first, too.

    Returns
    -------
    list of (float, (3, 3) array)
        Scores and guesses, best first; empty where the images are too long for it.

    References
    ----------
    .. [1] D. Padfield, "Masked Object Registration in the Fourier Domain", IEEE Trans. Image
       Processing 21(5), 2012.
    """
    shrunk = np.linalg.svd(turns, compute_uv=False)[:, -1].tolist()
    groups = _by_quarters(turns)
    sizes = [
        _coarse_size(reference.shape, moving.shape, shrunk[turn], upright=not any(quarters))
        for turn, quarters in groups
    ]
    if None in sizes:
        return []
    first, seen = _prepared(reference, representation)
    second, covered = _prepared(moving, representation)
    searches = {size: _Search(first, seen, second, covered, size) for size in {*sizes} if size}
    found: list[tuple[float, Array]] = []
    each, sides = -(-count // (len(turns) * (1 + mirrored))), (False, True)[: 1 + mirrored]
    for k, ((turn, quarters), size) in enumerate(zip(groups, sizes, strict=True)):
        if k % 4 == 0:
            yield
        if size:
            views = [(quarter, side) for quarter in (0, *quarters) for side in sides]
            found.extend(searches[size].best_shifts(turns[turn], each, views))
    found.sort(key=lambda item: -item[0])
    return [(score, scaled(matrix, 2.0**reference.index)) for score, matrix in found[:count]]


def _by_quarters(turns: list[Array]) -> list[tuple[int, list[int]]]:
    """Return which linear parts to look at, and after how many quarter turns others follow."""
    parts, found, left = np.array(turns), [], dict.fromkeys(range(len(turns)))
    while left:
        turn, _ = left.popitem()
        quarters = []
        for quarter in (1, 2, 3):
            after = parts[turn] @ np.linalg.matrix_power(_QUARTER[:2, :2], quarter)
            same = np.abs(parts - after).max(axis=(1, 2)) < 1e-9
            if others := [other for other in np.flatnonzero(same).tolist() if other in left]:
                del left[others[0]]
                quarters.append(quarter)
        found.append((turn, quarters))
    return found


def _coarse_size(
    first: tuple[int, int], second: tuple[int, int], least: float, *, upright: bool
) -> tuple[int, int] | None:
    """Return a quarter of the size of the transforms (h, w); None if it is too long.

    Under a linear part that shrinks by that much at most, whichever way it turns, of a first
    image that is `upright` or on its side as well.
    """
    diagonal = np.hypot(*second)
    # Of what shrinks that much, which may not be invertible, transforms are too long in any case.
    if not diagonal < 4 * _LARGEST * least:
        return None
    reach = int(np.ceil(round(float(diagonal) / least, 6)))
    height, width = first if upright else (max(first),) * 2
    reached = (-(-reach // _COARSER),) * 2
    size = _fft_size((-(-height // _COARSER), -(-width // _COARSER)), reached, share=0.6)
    return None if _COARSER * max(size) > _LARGEST else size


class _Search:
    """Correlation of one image with turned and scaled versions of another, over all shifts.

    The energies in the overlap, by which the correlation is divided, vary slowly with the shift:
    they are computed from images of a quarter of the size.

    Parameters
    ----------
    first, second : (h, w) or (h, w, 2) float32 arrays
        With zero mean, or the two planes of orientations.
    seen, covered : (h, w) float32 arrays
        1 where `first` or `second` are valid, else 0.
    coarse : tuple of int
        A quarter of the size of the transforms (h, w).
    """

    def __init__(
        self, first: Floats, seen: Floats, second: Floats, covered: Floats, coarse: tuple[int, int]
    ) -> None:
        self._coarse, self._size = coarse, (_COARSER * coarse[0], _COARSER * coarse[1])
        self._second = second
        self._covered, self._square = _coarser(covered), _coarser(_power(second))
        self._first = first, seen
        self._views: dict[tuple[int, bool], _View] = {}

    def best_shifts(
        self, linear: Array, count: int, views: list[tuple[int, bool]]
    ) -> list[tuple[float, Array]]:
        """Return the best scores under a linear part, and their reference-to-moving matrices.

        Each of the views of the reference is turned by so many quarters, and mirrored before or
        not; of the moving image all is done once.
        """
        turn, (height, width) = self._canvas(linear)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = floats(cv2.warpAffine(self._second, turn[:2], (width, height), flags=flags))
        if image.ndim == 3:
            image = turned(image, turn, np.zeros(2))
        small = (_TO_COARSE @ turn @ _FROM_COARSE)[:2]
        size = -(-width // _COARSER), -(-height // _COARSER)
        square, mask = (
            floats(cv2.warpAffine(plane, small, size, flags=flags))
            for plane in (self._square, self._covered)
        )
        # Interpolation has cost the turned image some of its energy.
        energy = np.vdot(image, image) / _COARSER**2
        square *= np.float32(energy / max(float(square.sum()), 1e-6))
        least = _MIN_OVERLAP * min(float(mask.sum()), float(self._covered.sum()))
        there = spectrum(image, self._size)
        around = spectrum(square, self._coarse), spectrum(mask, self._coarse)
        found = []
        for view in (self._view(*one) for one in views):
            surface = cross_correlation(view.image, there)
            # Below zero it is nothing for orientations, which have no negative.
            surface = np.abs(surface) if image.ndim == 2 else np.maximum(surface, 0)
            surface *= self._weight(view, around, least)
            for _ in range(count):
                dx, dy, score = _peak(surface, view.shape, (height, width))
                found.append((score, turn @ shift(-dx, -dy) @ view.matrix))
        return found

    def _view(self, quarters: int, mirrored: bool) -> _View:
        """Return the reference turned by so many quarters, once for all linear parts."""
        if (quarters, mirrored) not in self._views:
            image, seen = self._first
            matrix = np.eye(3)
            if mirrored:
                matrix[0] = -1, 0, image.shape[1] - 1
                image, seen = image[:, ::-1], seen[:, ::-1]
            for _ in range(quarters):
                matrix = shift(0, image.shape[1] - 1) @ _QUARTER @ matrix
                image, seen = np.rot90(image), np.rot90(seen)
            if image.ndim == 3:
                # Orientations hold twice the angle.
                signs = (-1) ** quarters, (-1) ** (quarters + mirrored)
                image = image * np.array(signs, np.float32)
            image = np.ascontiguousarray(image)
            planes = (_coarser(_power(image)), _coarser(seen))
            energy, overlap = (spectrum(plane, self._coarse) for plane in planes)
            whole = spectrum(image, self._size)
            view = _View(matrix, image.shape[:2], whole, energy, overlap)
            self._views[quarters, mirrored] = view
        return self._views[quarters, mirrored]

    def _canvas(self, linear: Array) -> tuple[Array, tuple[int, int]]:
        """Return a canvas that holds the turned moving image: its map to that, and (h, w)."""
        h, w = self._second.shape[:2]
        box = np.ceil(np.abs(cv2.invert(linear)[1]) @ (w, h)).astype(int).tolist()
        width, height = min(box[0], self._size[1]), min(box[1], self._size[0])
        turn = np.eye(3)
        turn[:2, :2] = linear
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        turn[:2, 2] = np.array([(w - 1) / 2, (h - 1) / 2]) - linear @ middle
        return turn, (height, width)

    def _weight(self, here: _View, there: tuple[list[Floats], ...], least: float) -> Floats:
        """Return the factor of the correlation at each shift, zero to rule it out.

        Takes the spectra of the energy of the turned image, and of where it is seen, at a quarter
        of the size, and the least overlap.
        """
        square, mask = there
        overlap = cross_correlation(here.seen, mask)
        product = np.maximum(cross_correlation(here.energy, mask), 1e-6)
        product *= np.maximum(cross_correlation(here.seen, square), 1e-6)
        # Correlations of a small overlap scatter more: weigh by the root of its size.
        weight = np.sqrt(np.where(overlap > least, overlap, 0) / product)
        return floats(cv2.resize(weight, self._size[::-1]))


def _power(image: Floats) -> Floats:
    return image * image if image.ndim == 2 else floats(np.einsum("hwk,hwk->hw", image, image))


def _coarser(plane: Floats) -> Floats:
    """Return means of 4 x 4 pixels; what lies beyond an uneven border is zero."""
    h, w = plane.shape
    size = -(-w // _COARSER), -(-h // _COARSER)
    whole = padded(plane, (_COARSER * size[1], _COARSER * size[0]))
    return floats(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))


def _prepared(level: Level, representation: Representation) -> tuple[Floats, Floats]:
    """Return the level with zero mean over its valid pixels, and those as 0 and 1.

    It is zero where it is not valid. Orientations keep their mean, which turns with them.
    """
    image, valid = whole_representation(level, representation)
    if valid is not None and representation == "orientation":
        return image * valid[..., None], valid.astype(np.float32)
    if valid is None:
        return image - image.mean(), np.ones(image.shape, np.float32)
    out = image - (image[valid].mean() if valid.any() else np.float32(0))
    out[~valid] = 0
    return out, valid.astype(np.float32)


def _tapered(image: Floats) -> Floats:
    h, w = image.shape
    rows, columns = (
        np.minimum(1, np.minimum(np.arange(n) + 1, n - np.arange(n)) / (n / 8)) for n in (h, w)
    )
    return np.asarray(image * (rows[:, None] * columns).astype(np.float32))


def _fft_size(
    first: tuple[int, ...], second: tuple[int, ...], share: float = 1.0
) -> tuple[int, int]:
    """Return a fast transform size (h, w).

    It keeps shifts of up to `share` of the overlap apart from their wrapped twins.
    """
    h, w = (
        cv2.getOptimalDFTSize(int(max(a, b, share * (a + b))))
        for a, b in zip(first, second, strict=True)
    )
    return h, w


def _allowed(first: tuple[int, ...], second: tuple[int, ...], size: tuple[int, int]) -> Floats:
    """Return 1 for the shifts that leave enough overlap, else 0."""
    overlaps = []
    for a, b, n in zip(first, second, size, strict=True):
        shift = np.arange(n)
        shift = np.where(shift > n - b, shift - n, shift)
        overlaps.append(
            np.clip(np.minimum(a, b + shift) - np.maximum(0, shift), 0, None) / min(a, b)
        )
    return np.asarray(np.outer(*overlaps) > _MIN_OVERLAP, dtype=np.float32)


def _peak(
    surface: Floats, first: tuple[int, ...], second: tuple[int, ...]
) -> tuple[int, int, float]:
    """Return the shift (dx, dy) of the highest peak and its height; and erase the peak in place.

    Of the two shifts that a place in the periodic surface stands for, the one with more overlap
    is meant.
    """
    h, w = surface.shape
    _, score, _, (x, y) = cv2.minMaxLoc(surface)
    ys = np.arange(y - _APART, y + _APART + 1) % h
    xs = np.arange(x - _APART, x + _APART + 1) % w
    surface[np.ix_(ys, xs)] = 0
    dx = x - w if 2 * x > first[1] - second[1] + w else x
    dy = y - h if 2 * y > first[0] - second[0] + h else y
    return dx, dy, float(score)
