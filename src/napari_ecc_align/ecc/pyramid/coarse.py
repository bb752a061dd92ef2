"""Starts for the estimator, from images of about a hundred pixels."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from ..._cv2 import cv2
from .blocks import represent
from .models import Array, scaled
from .scalespace import Floats, Level, floats

_ANGLES = 36
_SCALES = (0.7, 0.84, 1.0, 1.19, 1.41)
# A shift must leave this share of the smaller image in the overlap.
_MIN_OVERLAP = 0.25
# Shifts closer than this (px of the small level) are one peak.
_APART = 4
# Long strips would need a square this large for every rotation; they are not searched.
_LARGEST = 768


def translations(reference: Level, moving: Level, *, gradient: bool, count: int) -> list[Array]:
    """Return starts (px of level 0) from peaks of the signed phase correlation.

    After Kuglin and Hines (1975).

    Both signs count, because contrast may be inverted, and several peaks, because texture repeats.
    """
    first, _ = _prepared(reference, gradient)
    second, _ = _prepared(moving, gradient)
    size = _fft_size(first.shape, second.shape)
    spectrum = floats(
        cv2.mulSpectrums(_dft(_tapered(first), size), _dft(_tapered(second), size), 0, conjB=True)
    )
    magnitude = floats(cv2.magnitude(spectrum[..., 0], spectrum[..., 1]))
    # Dividing by the root of the magnitude whitens without making empty frequencies count as much
    # as full ones.
    spectrum /= np.maximum(magnitude, 1e-3 * magnitude.max() + 1e-30)[..., None] ** 0.75
    surface = np.abs(cv2.idft(spectrum, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE))
    surface = surface * _allowed(first.shape, second.shape, size)
    starts = []
    for _ in range(count):
        dx, dy, _score = _peak(surface, first.shape, second.shape)
        matrix = np.eye(3)
        matrix[:2, 2] = -dx, -dy
        starts.append(scaled(matrix, 2.0**reference.index))
    return starts


def similarities(
    reference: Level, moving: Level, *, gradient: bool, count: int
) -> Generator[None, None, list[Array]]:
    """Return starts (px of level 0) from a full search over rotation, scale and shift.

    For each of 36 rotations and 5 scales one normalised cross correlation over all shifts, by
    Fourier transforms, of the overlap only (Padfield 2012, without the local means).  Yields every
    few transforms.
    """
    first, seen = _prepared(reference, gradient)
    second, covered = _prepared(moving, gradient)
    reach = int(np.ceil(np.hypot(*second.shape) * max(_SCALES)))
    size = _fft_size(first.shape, (reach, reach), share=0.6)
    if max(size) > _LARGEST:
        return []
    spectra = [_dft(plane, size) for plane in (first, first * first, seen)]
    found: list[tuple[float, Array]] = []
    for scale in _SCALES:
        for k in range(_ANGLES):
            if k % 9 == 0:
                yield
            angle = 2 * np.pi * k / _ANGLES
            score, matrix = _best_shift(spectra, first.shape, second, covered, angle, scale, size)
            found.append((score, matrix))
    found.sort(key=lambda item: -item[0])
    return [scaled(matrix, 2.0**reference.index) for _, matrix in found[:count]]


def _best_shift(
    spectra: list[Floats],
    shape: tuple[int, ...],
    second: Floats,
    covered: Floats,
    angle: float,
    scale: float,
    size: tuple[int, int],
) -> tuple[float, Array]:
    """Return the best score of one rotation and scale, and its reference-to-moving transform."""
    h, w = second.shape
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    # A canvas that holds the turned moving image; canvas pixel -> moving pixel.
    width = int(np.ceil(scale * (abs(np.cos(angle)) * w + abs(np.sin(angle)) * h)))
    height = int(np.ceil(scale * (abs(np.sin(angle)) * w + abs(np.cos(angle)) * h)))
    width, height = min(width, size[1]), min(height, size[0])
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    turn[:2, 2] = np.array([(w - 1) / 2, (h - 1) / 2]) - turn[:2, :2] @ [
        (width - 1) / 2,
        (height - 1) / 2,
    ]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = floats(cv2.warpAffine(second, turn[:2], (width, height), flags=flags))
    mask = floats(cv2.warpAffine(covered, turn[:2], (width, height), flags=flags))
    planes = [_dft(plane, size) for plane in (image, mask, image * image)]
    product, energy_first, energy_second, overlap = (
        cv2.idft(cv2.mulSpectrums(a, b, 0, conjB=True), flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
        for a, b in (
            (spectra[0], planes[0]),
            (spectra[1], planes[1]),
            (spectra[2], planes[2]),
            (spectra[2], planes[1]),
        )
    )
    enough = overlap > _MIN_OVERLAP * min(float(mask.sum()), float(covered.sum()))
    energy = np.maximum(energy_first, 1e-6) * np.maximum(energy_second, 1e-6)
    # Correlations of a small overlap scatter more: weigh by the root of its size.
    surface = np.where(
        enough, np.abs(product) / np.sqrt(energy) * np.sqrt(np.maximum(overlap, 0)), 0
    )
    dx, dy, score = _peak(surface, shape, (height, width))
    move = np.eye(3)
    move[:2, 2] = -dx, -dy
    return score, turn @ move


def _prepared(level: Level, gradient: bool) -> tuple[Floats, Floats]:
    """Return the level with zero mean over its valid pixels, and those as 0 and 1.

    It is zero where it is not valid.
    """
    image, valid = represent(*level.patch(0, level.shape[0], 0, level.shape[1]), gradient)
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


def _dft(image: Floats, size: tuple[int, int]) -> Floats:
    padded = np.zeros(size, np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    return floats(cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT, nonzeroRows=image.shape[0]))


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
