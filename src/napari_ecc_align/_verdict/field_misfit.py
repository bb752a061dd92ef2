"""Where small parts of two images fit better beside where a field lays them.

A smooth field cannot follow what is torn or slides along a line, nor what bends farther than it
was looked for: it runs between, and on either side of such a place what is seen lies elsewhere. So
small windows are asked as tiles are, each on its own, but everywhere, and whether they fit better
is weighed against the noise around. What both images show and neither explains in the other is a
misfit as well; where there is nothing to see nothing is contradicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.estimate import Estimate
from .._ecc.field.stage import Stage
from .._ecc.field.windows import WINDOW as FIELD_WINDOW
from .._ecc.field.windows import blurred
from .._images.field_warping import CELL
from .._images.pyramid.levels import Floats, floats
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.representations import Representation, planes_of, represent
from .._transform.field import Field
from .detail import DETAIL
from .field_trust import laid_pyramids
from .limits import CLEAR_SIGMAS, LEAST_AGREEING, TIMES_LEFT
from .residual_pattern import SIGMAS

# One sigma of a window in cells. Smaller ones see no more of what slides, and more noise.
_WINDOW = 1.0
# A window is moved so far (px of the level below the finest); what lies farther lies that way.
_REACH = 2
# Gain and noise are those of so many cells around, as one sigma: like shading, no detail.
_AROUND = float(DETAIL)
# So many pixels vary as one: halving smooths them, and what is made of gradients more.
_CORRELATED = {"intensity": 1.7, "gradient": 4.0, "orientation": 7.0}
# Of the mean square of noise, the variance of the difference between two places of one image.
_DIFFER = 3.0
# What is so many times as strong as the noise in both images is seen, and is not the same thing
# if it is explained to less than such a share; noise itself differs by no more.
_STRONG, _EXPLAINED = TIMES_LEFT**2, 1 / TIMES_LEFT
# Nothing is known within so many cells of a misfit: a field's windows may see both sides there.
_BESIDE = round(CLEAR_SIGMAS * FIELD_WINDOW / CELL)


@dataclass(frozen=True, eq=False)
class _Details:
    """What two images show beyond shading.

    Attributes
    ----------
    here, as_strong, there : list of ndarray of float32, shape (h, w)
        Planes of the first image as they are, and as strong as they are in the second, and of the
        second one; 0 where one of the images has no pixels.
    counted : ndarray of float32, shape (h, w)
        1 where both have, else 0.
    side : int
        Px of a cell.
    """

    here: list[Floats]
    as_strong: list[Floats]
    there: list[Floats]
    counted: Floats
    side: int


@dataclass(frozen=True, eq=False)
class LaidField:
    """Two images as a field lays them on each other.

    Attributes
    ----------
    field : Field
    pyramids : Pyramids
        The reference from the finest level of the field on, and the moving image laid on it.
    misfit : ndarray of bool, shape (h, w)
        The cells in which the images fit better elsewhere, or not at all.
    """

    field: Field
    pyramids: Pyramids
    misfit: NDArray[np.bool_]

    @property
    def beside(self) -> NDArray[np.bool_]:
        """The cells that do not fit, and those around them, of which nothing is known."""
        y, x = np.mgrid[-_BESIDE : _BESIDE + 1, -_BESIDE : _BESIDE + 1]
        disc = (x * x + y * y <= (_BESIDE + 0.5) ** 2).astype(np.uint8)
        return np.asarray(cv2.dilate(self.misfit.astype(np.uint8), disc) > 0)


def laid_field(pyramids: Pyramids, estimate: Estimate, field: Field, stage: Stage) -> LaidField:
    """Lay the images on each other by a field that was found after an estimate on a stage."""
    laid = laid_pyramids(pyramids, field, stage.index)
    misfit = misfits(laid, estimate.representation, -1 if estimate.inverted else 1, stage.cells)
    return LaidField(field, laid, misfit)


def misfits(
    laid: Pyramids, representation: Representation, sign: int, cells: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return in which cells the images fit better elsewhere than where they are laid, or nowhere.

    Parameters
    ----------
    laid : Pyramids
        With the moving image as a field lays it on the reference.
    representation : {"intensity", "gradient", "orientation"}
        What is compared.
    sign : {1, -1}
        -1 for a negative of the reference.
    cells : tuple of int
        How many there are of the finest level.

    Returns
    -------
    ndarray of bool, shape (h, w)
    """
    details = _details(laid, representation, sign)
    better, unlike = _compared(details)
    pixels = 4 * pi * (_WINDOW * details.side) ** 2 / _CORRELATED[representation]
    sigmas = better * sqrt(pixels / _DIFFER)
    some = (sigmas > CLEAR_SIGMAS).astype(np.uint8)
    _, parts, sizes, _ = cv2.connectedComponentsWithStats(some)
    together = sizes[:, cv2.CC_STAT_AREA] >= LEAST_AGREEING
    together[parts[sigmas > SIGMAS]] = True
    found = (some > 0) & together[parts] | unlike
    size = cells[::-1]
    return np.asarray(
        cv2.resize(found.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    )


def _details(laid: Pyramids, representation: Representation, sign: int) -> _Details:
    index = min(1, len(laid.reference) - 1, len(laid.moving) - 1)
    side, shape = CELL >> index, laid.reference[index].shape
    counted = np.ones(shape, np.float32)
    planes = []
    for levels in (laid.reference, laid.moving):
        image, valid = represent(levels[index], *levels[index].whole(), representation)
        planes.append(planes_of(image))
        if valid is not None:
            counted *= valid
    around = np.maximum(blurred(_means(counted, side), DETAIL / side), np.float32(1e-3))
    size = shape[1] + -shape[1] % side, shape[0] + -shape[0] % side

    def details(image: Floats) -> Floats:
        # Shading differs little from cell to cell.
        cells = _over(blurred(_means(image * counted, side), DETAIL / side), around)
        shading = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
        return floats((image - shading[: shape[0], : shape[1]]) * counted)

    here, there = ([details(one) for one in parts] for parts in planes)
    as_strong = []
    for first, second in zip(here, there, strict=True):
        both, own = (blurred(_means(first * one, side), _AROUND) for one in (second, first))
        gain = np.maximum(_over(sign * both, own), 0)
        as_strong.append(floats(sign * first * cv2.resize(gain, shape[::-1])))
    return _Details(here, as_strong, there, counted, side)


def _compared(details: _Details) -> tuple[Floats, NDArray[np.bool_]]:
    """Return how much less, as a share, a window leaves at the best place beside its own.

    And in which cells both images show what neither explains in the other.
    """
    seen = _means(details.counted, details.side)
    share = blurred(seen, _WINDOW)
    squares = _left(details, details.there, details.counted)
    here = _over(blurred(squares, _WINDOW), share)
    around = _over(blurred(squares, _AROUND), blurred(seen, _AROUND))
    # Where there is less noise, less is left of anything.
    noisier = np.gradient(around / np.float32(details.side))
    # What both images show wherever it is moved to.
    element = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    counted = floats(
        cv2.erode(details.counted, element, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    )
    seen = _means(counted, details.side)
    covered = blurred(seen, _WINDOW)
    weights = floats(1 / np.maximum(covered, np.float32(1e-9)))
    height, width = counted.shape
    wide = [_padded(one) for one in details.there]
    best = np.full(here.shape, np.inf, np.float32)
    noisier = [one * seen for one in noisier]
    for y, x in product(range(-_REACH, _REACH + 1), repeat=2):
        if not (y or x):
            continue
        moved = [one[_REACH + y :, _REACH + x :][:height, :width] for one in wide]
        squares = _left(details, moved, counted)
        squares -= np.minimum(y * noisier[0] + x * noisier[1], 0)
        np.minimum(best, blurred(squares, _WINDOW) * weights, out=best)
    best[covered <= share / 2] = np.inf
    full = share > 0.5
    if not full.any():
        return np.zeros_like(here), full
    first, second = (_power(parts, details.side, share) for parts in (details.here, details.there))
    noise = float(np.median(here[full]))
    # Nowhere is there hardly any.
    least = np.float32(noise / _STRONG + 1e-9)
    better = np.where(full, (here + least) / (best + least) - 1, np.float32(0))
    first *= second[full].mean() / np.maximum(first[full].mean(), np.float32(1e-9))
    strong = np.minimum(first, second) > _STRONG * noise
    return better, full & strong & (here > _EXPLAINED * second)


def _left(details: _Details, there: list[Floats], counted: Floats) -> Floats:
    """Return the mean squares of cells that the first image leaves of the second, laid so."""
    squares = None
    for own, other in zip(details.as_strong, there, strict=True):
        apart = other - own
        apart *= apart
        squares = apart if squares is None else np.add(squares, apart, out=squares)
    assert squares is not None
    squares *= counted
    return _means(squares, details.side)


def _over(values: Floats, by: Floats) -> Floats:
    return floats(values / np.maximum(by, np.float32(1e-9)))


def _power(planes: list[Floats], side: int, share: Floats) -> Floats:
    """Return the mean squares of windows that lie to such a share on pixels of both images."""
    squares = floats(np.sum([_means(one * one, side) for one in planes], axis=0))
    return floats(_over(blurred(squares, _WINDOW), share))


def _padded(image: Floats) -> Floats:
    around = (_REACH,) * 4
    return floats(cv2.copyMakeBorder(image, *around, cv2.BORDER_CONSTANT))


def _means(image: Floats, side: int) -> Floats:
    """Return the means over cells of so many px a side."""
    below, right = (-length % side for length in image.shape)
    if below or right:
        image = floats(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE))
    size = image.shape[1] // side, image.shape[0] // side
    return floats(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
