"""Is there a second motion: does what one motion leaves unexplained lie on itself elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._ecc.correlation import spectrum
from .._images.pyramid.levels import Floats, Level, floats
from .._images.pyramid.representations import Representation
from .._transform.coordinates import map_points
from .detail import DETAIL, over, shared_details, typical
from .limits import LEAST_LIKE, LEAST_PART, LEAST_SHARE, MINOR, RIGHT, SAME_PLACE, TIMES_LEFT
from .peaks import vertex
from .tile_matching import Tiles

# Frequencies are weighed by their power to the minus this: between 0, where the coarse ones decide
# alone, and 1, where the noise of all the others does.
_WHITENING = 0.5
PARTS = 8
"""A plane is looked at in so many parts across and down."""
# Over a neighbourhood of this standard deviation it is asked if the first motion explains a place.
_NEIGHBOURHOOD = DETAIL / 2
# In standard deviations of what other displacements show. The highest of as many places as a level
# has pixels lies between 5 and 6 by chance where they are normally distributed.
LEAST_SIGNIFICANCE = 7.0
_NEAR = np.arange(-int(SAME_PLACE), int(SAME_PLACE) + 1)


@dataclass(frozen=True)
class SecondMotion:
    """What moves otherwise than the first motion says.

    Attributes
    ----------
    displacement : ndarray of float64, shape (2,)
        How far (dx, dy) from where the first motion puts it, in px of the reference.
    share : float
        How much of the detail that is, from 0 to 1.
    significance : float
        How far that stands out of what other displacements show, in their standard deviations.
    precision : float
        To so many px the displacement is known.
    spread : float
        Over which share of the image it is spread: that of what is everywhere is 1.
    distance : float
        How far apart the two motions are, in px.
    first : float
        How much of the detail the first motion explains, from 0 to 1.
    alone : bool
        No other displacement stands out like it, as several do of what repeats and of rasters.
    part : float
        How much of what it was looked for in, from 0 to 1: of all detail, or of the rest.
    """

    displacement: NDArray[np.float64]
    share: float
    significance: float
    precision: float
    spread: float
    distance: float
    first: float = 1.0
    alone: bool = True
    part: float = 1.0

    @property
    def is_everywhere(self) -> bool:
        """Whether it is no mere part of the image, where tiles say so, that moved otherwise."""
        return self.spread > MINOR

    def shown_by(self, tiles: Tiles) -> NDArray[np.bool_]:
        """Tell which tiles fit best where this motion puts them, shape (tested,)."""
        apart = np.hypot(*(tiles.displacements[:, 2:] - self.displacement).T)
        return np.asarray(apart <= tiles.radius + self.precision)

    def is_still(self, first: NDArray[np.float64], shape: tuple[int, int]) -> bool:
        """Tell whether what moves otherwise than the first motion says stays where it is.

        As what belongs to the camera does, not to what it sees: marks, dust, noise of the sensor.
        In the middle, where a displacement stands for what is turned, too.
        """
        middle = (np.array([shape[::-1]]) - 1.0) / 2
        there = map_points(first, middle + self.displacement)
        return float(np.hypot(*(there - middle)[0])) <= self.precision


def second_motion(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    still: NDArray[np.float64] | None = None,
    least: float = LEAST_SHARE,
    representation: Representation = "intensity",
    of_rest: bool = False,
) -> SecondMotion | None:
    """Return the second motion of two images that one motion lays on each other, if there is one.

    Of two images that one motion explains, the cross correlation is the same at a displacement
    and at its opposite, whatever they show, whether it repeats or not, and however much noise
    there is: it is an autocorrelation. What moves otherwise is at one of the two only. The
    difference between the correlation and its mirror image is therefore a search for a second
    motion from which the first is gone, and all the displacements at which there is nothing are
    what is to be expected by chance.

    Parameters
    ----------
    reference, moving : Level
        The same level of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution: the first motion.
    inverted : bool
        The moving image is a negative of the reference.
    still : ndarray of float64, shape (2,), optional
        The displacement, in px of the reference, of what did not move: of several that are alike,
        as those of a grid are, that one is meant.
    least : float, default: 0.03
        A smaller share of the detail is none; 0 where nothing was interpolated.
    representation : {"intensity", "gradient", "orientation"}
        As in `shared_details`.
    of_rest : bool, default: False
        Look only at what the first motion does not explain where it is, and at no whole rows and
        columns: among what stays as hot pixels and a sensor's lines do, what moved may be a small
        share of the detail.
    """
    # Where only one is seen, its autocorrelation alone would tell displacements apart.
    first, second, window = evened(
        reference, moving, matrix, inverted=inverted, representation=representation
    )
    # It is a part of what the first motion leaves: whitened, of real ones up to 1.4 times as much,
    # of what rasters and interpolation leave 3 to 17 times.
    common, power = float((first * second).sum()), 1.0
    if of_rest:
        first, second = (_without_lines(image, window) for image in (first, second))
        first, second, power = _unexplained(first, second)
    most = TIMES_LEFT * (1 - common) / max(power, 1e-12) if least else np.inf
    if most < least:
        return None
    odd = _odd_part(first, second)
    height, width = odd.shape
    deviation = typical(odd)
    peaks = _peaks(odd)
    _, share, _, (x, y) = cv2.minMaxLoc(peaks)
    if not max(least, LEAST_SIGNIFICANCE * deviation) <= share <= most:
        return None
    factor = 2.0**reference.index
    there = np.array([x - width * (2 * x > width), y - height * (2 * y > height)])
    if still is not None:
        place = np.rint(still / factor).astype(int)
        around = peaks[np.ix_((place[1] + _NEAR) % height, (place[0] + _NEAR) % width)]
        if np.hypot(*place) > SAME_PLACE and around.max() > LEAST_LIKE * share:
            down, right = np.unravel_index(int(around.argmax()), around.shape)
            there, share = place + _NEAR[[right, down]], float(around.max())
    significance = share / deviation if deviation else float("inf")
    peaks[np.ix_((there[1] + _NEAR) % height, (there[0] + _NEAR) % width)] = 0
    alone = float(peaks.max()) <= LEAST_LIKE * share
    # Tones that differ leave up to 0.085 of it, but nearly always at several displacements; hot
    # pixels among stars 0.07 to 0.5.
    if of_rest and share < LEAST_PART and not alone:
        return None
    spread = _spread(first, second, window, there.astype(int))
    exact = there + _beside(odd, *there.astype(int).tolist())
    exact = factor * exact
    # To the nearest pixel of the level, along either axis.
    distance, precision = float(np.hypot(*exact)), factor * float(np.hypot(RIGHT, RIGHT))
    return SecondMotion(
        exact, power * share, significance, precision, spread, distance, common, alone, share
    )


def _peaks(odd: Floats) -> Floats:
    """Return a circular plane at its peaks, 0 elsewhere and near its first entry."""
    # Where both lie a little apart, what is near slopes towards a peak that is nearer still.
    peaks = np.where(odd >= _around(odd), odd, np.float32(0))
    disc = np.hypot(_NEAR[:, None], _NEAR) <= SAME_PLACE
    middle = np.ix_(*(_NEAR % length for length in odd.shape))
    peaks[middle] = np.where(disc, 0, peaks[middle])
    return peaks


def _beside(odd: Floats, x: int, y: int) -> NDArray[np.float64]:
    """Return how far (x, y) a peak of a circular plane is from its highest entry, by parabolas."""
    height, width = odd.shape
    steps = np.arange(-1, 2)
    along, across = odd[y % height, (x + steps) % width], odd[(y + steps) % height, x % width]
    return vertex(*np.stack([along, across], axis=1).astype(np.float64))


def evened(
    reference: Level,
    moving: Level,
    matrix: NDArray[np.float64],
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> tuple[Floats, Floats, Floats]:
    """Return the details that `shared_details` does, of length one, nothing bright deciding."""
    first, second, window = shared_details(
        reference, moving, matrix, inverted=inverted, representation=representation
    )
    first, second = (_of_length_one(_clipped(image, window)) for image in (first, second))
    return first, second, window


def _without_lines(detail: Floats, window: Floats) -> Floats:
    """Return detail under a window without the mean of each row and column."""
    weight = floats(np.minimum(window, 1))
    for axis in (1, 0):
        shown = np.maximum((weight * weight).sum(axis, keepdims=True), 1e-6)
        mean = over(detail, weight).sum(axis, keepdims=True)
        mean /= shown if detail.ndim == 2 else shown[..., None]
        detail = floats(detail - over(floats(np.broadcast_to(mean, detail.shape)), weight))
    return detail


def _unexplained(first: Floats, second: Floats) -> tuple[Floats, Floats, float]:
    """Return what two details, of length one, do not share where they are, and how much that is.

    Of length one again. Both have the same weight, so that one motion still correlates alike at
    opposite displacements.
    """

    def near(product: Floats) -> Floats:
        plane = product if product.ndim == 2 else floats(product.sum(axis=2))
        return floats(cv2.GaussianBlur(plane, (0, 0), _NEIGHBOURHOOD))

    power = np.sqrt(np.maximum(near(first * first) * near(second * second), 1e-20))
    weight = np.sqrt(np.clip(1 - near(first * second) / power, 0, 1))
    first, second = over(first, weight), over(second, weight)
    left = float(np.sqrt((first * first).sum() * (second * second).sum()))
    return _of_length_one(first), _of_length_one(second), left


def _around(odd: Floats) -> Floats:
    """Return the highest value at and around each place of a circular plane."""
    border = cv2.copyMakeBorder(odd, 1, 1, 1, 1, cv2.BORDER_WRAP)
    return floats(cv2.dilate(border, None)[1:-1, 1:-1])


def _spread(
    first: Floats, second: Floats, window: Floats, displacement: NDArray[np.intp]
) -> float:
    """Return over which share of what two images show what is displaced is spread.

    By how unequally its part of the correlation comes from parts of them, beyond what noise, as it
    is at a displacement across it, makes of that.
    """

    def parts(dx: int, dy: int) -> Floats:
        odd = np.roll(second, (-dy, -dx), (0, 1)) - np.roll(second, (dy, dx), (0, 1))
        product = first * odd
        return in_parts(product if product.ndim == 2 else floats(product.sum(axis=2)))

    dx, dy = displacement.tolist()
    own, chance, shown = parts(dx, dy), parts(-dy, dx), in_parts(window * window)
    power = max(float((own * own).sum() - (chance * chance).sum()), 1e-12)
    whole = float(shown.sum()) ** 2 / max(float((shown * shown).sum()), 1e-12)
    return float(min(1.0, float(own.sum()) ** 2 / power / max(whole, 1.0)))


def in_parts(plane: Floats) -> Floats:
    """Return the mean of each part of a plane."""
    return floats(cv2.resize(plane, (PARTS, PARTS), interpolation=cv2.INTER_AREA))


def _clipped(detail: Floats, window: Floats) -> Floats:
    """Return detail of which what is brightest, as stars and hot pixels are, does not decide.

    Nothing counts more than chance ever does.
    """
    most = LEAST_SIGNIFICANCE * max(
        typical(detail, window), 0.1 * float(np.sqrt((detail * detail).mean()))
    )
    return floats(np.clip(detail, -most, most))


def _of_length_one(detail: Floats) -> Floats:
    return floats(detail / max(float(np.sqrt((detail * detail).sum())), 1e-6))


def _odd_part(first: Floats, second: Floats) -> Floats:
    """Return how much more two images correlate at each displacement than at its opposite.

    Of their whitened autocorrelation where they do not move; circular, its first entry is there.
    """
    size = cv2.getOptimalDFTSize(first.shape[0]), cv2.getOptimalDFTSize(first.shape[1])
    power, product = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for one, two in zip(spectrum(first, size), spectrum(second, size), strict=True):
        for plane in (one, two):
            power += cv2.mulSpectrums(plane, plane, 0, conjB=True)
        product += cv2.mulSpectrums(two, one, 0, conjB=True)
    power = _at_imaginary_parts(floats(power / 2))
    mean = max(float(power.mean()), 1e-12)
    weight: Floats = floats(cv2.pow(np.maximum(power / mean, LEAST_SHARE), -_WHITENING))
    # The odd part of a real function is the transform of the imaginary part.
    product -= _real_parts(product)
    product *= weight * (2 / max(float(np.vdot(power, weight)) / power.size, 1e-12))
    return floats(cv2.idft(product, flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE))


def _real_parts(packed: Floats) -> Floats:
    """Return a spectrum in OpenCV's packed form without its imaginary parts."""
    real = packed.copy()
    for lines in _packed_lines(real):
        lines[2 : 2 * ((len(lines) - 1) // 2) + 1 : 2] = 0
    return real


def _at_imaginary_parts(packed: Floats) -> Floats:
    """Return a real spectrum in packed form, with each value also where its imaginary part is."""
    both = packed.copy()
    for lines in _packed_lines(both):
        last = 2 * ((len(lines) - 1) // 2)
        lines[2 : last + 1 : 2] = lines[1:last:2]
    return both


def _packed_lines(packed: Floats) -> list[Floats]:
    """Return the parts of a packed spectrum in which real and imaginary parts take turns.

    Along all rows and, in the columns that have no conjugate, along those: the first and, of an
    even number, the last one.
    """
    alone = [packed[:, 0]] if packed.shape[1] % 2 else [packed[:, 0], packed[:, -1]]
    return [packed.T, *alone]


def still_tiles(tiles: Tiles, motion: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which tiles fit best where they were before, and not where a motion puts them."""
    places, moves = tiles.displacements[:, :2], tiles.displacements[:, 2:]
    stays = np.hypot(*(map_points(motion, places + moves) - places).T) <= tiles.radius
    moved = np.hypot(*(map_points(motion, places) - places).T) > 2 * tiles.radius
    return np.asarray(stays & moved)
