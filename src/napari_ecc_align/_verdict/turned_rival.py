"""Would the images fit as well if one were turned, or enlarged: wheels, stars, spirals."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .._common.opencv import cv2
from .._common.steps import outcome_of
from .._ecc.correlation import cross_correlation, padded, spectrum
from .._ecc.options import SearchOptions
from .._ecc.refine import Refiner
from .._images.pyramid.levels import Floats, floats
from .._images.pyramid.pair import Pyramids
from .._images.pyramid.representations import Representation, planes_of, turned
from .._images.pyramid.tile_choice import OVERVIEW_PIXELS
from .._transform.coordinates import UNMOVED, corner_error, scaled, shift
from .._transform.matrices import MotionModel
from .detail import shared_details
from .limits import (
    ITERATIONS,
    LEAST_PART,
    MINOR,
    MOST_RIVALS,
    SAME_PLACE,
    TIMES_LEFT,
    WHOLE_PIXELS,
)
from .rival import NO_RIVAL, Rival

# Half a turn in steps of one degree, of which the forty spokes that such a level shows have four,
# and radii from an eighth to all of the frequencies that the level has.
_ANGLES, _RADII = 180, 32
_INNER = 1 / 8
# What it may be enlarged by: in steps in which the detail of half the level is still found.
SCALES = [1.05**k for k in range(1, 15)]


def turned_rival(
    pyramids: Pyramids,
    matrix: NDArray[np.float64],
    model: MotionModel,
    *,
    inverted: bool,
    representation: Representation = "intensity",
) -> Rival:
    """Return how well two images correlate where they lie, and at the best place when turned.

    Other places are those at which one of them is turned, or enlarged, as well as moved. They are
    looked for where the power spectrum lies on itself when turned or enlarged [1]_, which does not
    depend on where the centre is, and after half a turn, which it cannot tell from none.

    Parameters
    ----------
    pyramids : Pyramids
        Of both images.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels, at full resolution.
    model : str
        The motion model; those that are turned are rivals only of one that may turn.
    inverted : bool
        The moving image is a negative of the reference.
    representation : {"intensity", "gradient", "orientation"}
        In which a turned image is refined.

    Returns
    -------
    Rival
        Of a small level.

    References
    ----------
    .. [1] B. S. Reddy and B. N. Chatterji, "An FFT-based technique for translation, rotation, and
       scale-invariant image registration", IEEE Transactions on Image Processing 5(8), 1996.
    """
    if model == "translation":
        return NO_RIVAL
    index = pyramids.index_below(WHOLE_PIXELS)
    reference, moving = pyramids.reference[index], pyramids.moving[index]
    # A strip is no wheel or ring, and its spectrum would need a huge square.
    if max(reference.shape) ** 2 > OVERVIEW_PIXELS:
        return NO_RIVAL
    first, second, window = shared_details(
        reference, moving, matrix, inverted=inverted, representation=representation
    )
    shape, factor = pyramids.reference[0].shape, 2.0**index
    one, two = (
        floats(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        for image in (first, second)
    )
    # A turn that is a little off costs half the level less: what does not fit there does not fit.
    turns = _self_similarities(first, turning_only=model == "euclidean")
    worth = dict.fromkeys(turn for *_, turn in _promising(one, two, turns, shape, 2 * factor))
    starts = _promising(first, second, list(worth), shape, factor)
    if model != "euclidean":
        grown = [(0.0, scale) for scale in _rising(one, two, shape, 2 * factor)]
        starts += _promising(one, two, grown, shape, 2 * factor, halves=(False,))
    if not starts:
        return NO_RIVAL
    starts.sort(key=lambda item: -item[0])
    here = _correlation(first, second)

    def refined(start: NDArray[np.float64], steps: int) -> tuple[float, NDArray[np.float64]]:
        """Return how well they correlate where a start leads, 0 if that is here; and where."""
        options = SearchOptions(model, max_iterations=steps)
        refiner = Refiner(
            pyramids.reference, pyramids.moving, options, representation=representation
        )
        other = outcome_of(refiner.coarse(start, first=refiner.finest_whole, patient=True)).matrix
        if corner_error(other, matrix, shape) <= SAME_PLACE * factor:
            return 0.0, other
        one, two, common = shared_details(
            reference, moving, other, inverted=inverted, representation=representation
        )
        enough = common.sum() > LEAST_PART * window.sum()
        return _correlation(one, two) if enough else 0.0, other

    found = [refined(matrix @ motion, ITERATIONS // 3) for _, motion, _ in starts[:MOST_RIVALS]]
    # After so few steps, what is going to fit as well as here does not leave that much more.
    found = [
        refined(other, ITERATIONS) if there > 1 - TIMES_LEFT**2 * (1 - here) else (there, other)
        for there, other in found
    ]
    there, place = max(found, key=lambda item: item[0])
    return Rival(here, there, matrix=place) if there else NO_RIVAL


def _correlation(first: Floats, second: Floats) -> float:
    power = float((first * first).sum()) * float((second * second).sum())
    return max(0.0, float((first * second).sum())) / power**0.5 if power > 0 else 0.0


def _self_similarities(image: Floats, *, turning_only: bool) -> list[tuple[float, float]]:
    """Return turns (radians) and scales under which an image's spectrum looks alike.

    As it does under all of them after half a turn more.
    """
    side = cv2.getOptimalDFTSize(max(image.shape))
    power = np.zeros((side, side), np.float32)
    for plane in planes_of(image):
        parts = floats(cv2.dft(padded(plane, (side, side)), flags=cv2.DFT_COMPLEX_OUTPUT))
        parts *= parts
        power += parts[..., 0]
        power += parts[..., 1]
    magnitude = np.fft.fftshift(floats(cv2.sqrt(cv2.sqrt(power))))
    blurred = cv2.GaussianBlur(magnitude, (0, 0), 0.8)
    x, y, growth = _polar_grid(side)
    polar = cv2.remap(blurred, x, y, cv2.INTER_LINEAR)
    # Every photograph's spectrum falls with the frequency: that is no likeness.
    polar = polar - polar.mean(axis=0)
    polar /= np.maximum(np.sqrt((polar * polar).mean(axis=0)), 1e-9)
    own = spectrum(floats(polar), (_ANGLES, 2 * _RADII))
    alike = cross_correlation(own, own)
    shared = _RADII - np.abs((np.arange(2 * _RADII) + _RADII) % (2 * _RADII) - _RADII)
    alike /= _ANGLES * np.maximum(shared, 1)
    most = 1 if turning_only else _RADII // 3
    alike[:, most : 2 * _RADII - most + 1] = -1
    # Falls from where it is neither turned nor enlarged, and from there rises nowhere by itself.
    around = cv2.dilate(cv2.copyMakeBorder(alike, 1, 1, 1, 1, cv2.BORDER_WRAP), None)[1:-1, 1:-1]
    alike[alike < around] = -1
    found = [(0.0, 1.0)]
    # Spokes may look alike under many scales, of which their turns are to lose no place to any.
    for columns in (slice(1), slice(None)):
        peaks = alike[:, columns]
        # That of a photograph correlates with itself by 0.2 to 0.5, of a drawn flower by 0.35.
        angles, radii = np.nonzero(peaks >= MINOR)
        best = np.argsort(-peaks[angles, radii], kind="stable")[1 : MOST_RIVALS + 1]
        for k, r in zip(angles[best], radii[best], strict=True):
            found.append((np.pi * k / _ANGLES, growth ** float(r - 2 * _RADII * (r > _RADII))))
    return list(dict.fromkeys(found))


@lru_cache(maxsize=4)
def _polar_grid(side: int) -> tuple[Floats, Floats, float]:
    """Return the places (x, y) of all angles and radii in a centred spectrum.

    And by how much each radius is larger than the one before.
    """
    angles = np.pi * np.arange(_ANGLES) / _ANGLES
    growth = (1 / _INNER) ** (1 / (_RADII - 1))
    radii = side / 2 * _INNER * growth ** np.arange(_RADII)
    x, y = (floats(side // 2 + np.outer(turn(angles), radii)) for turn in (np.cos, np.sin))
    for plane in (x, y):
        plane.setflags(write=False)
    return x, y, growth


@lru_cache(maxsize=64)
def _turned_about(
    shape: tuple[int, int], angle: float, scale: float, factor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what `about_centre` does, and the same in px of a level."""
    motion = about_centre(shape, angle, scale)
    local = scaled(motion, 1 / factor)
    for matrix in (motion, local):
        matrix.setflags(write=False)
    return motion, local


def about_centre(shape: tuple[int, int], angle: float, scale: float) -> NDArray[np.float64]:
    """Return the motion that turns and enlarges about an image's centre."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = (np.array(shape[::-1]) - 1) / 2
    return np.array(
        [
            [cos, -sin, x - cos * x + sin * y],
            [sin, cos, y - sin * x - cos * y],
            [0, 0, 1.0],
        ]
    )


def _promising(
    first: Floats,
    second: Floats,
    turns: list[tuple[float, float]],
    shape: tuple[int, int],
    factor: float,
    *,
    halves: tuple[bool, ...] = (False, True),
) -> list[tuple[float, NDArray[np.float64], tuple[float, float]]]:
    """Return how well two images fit when turned, at the best shift each; that motion; the turn.

    Those that fit well enough somewhere else, of turns (radians, scale) of the reference, whose
    shape at full resolution is given, and of half a turn more; one px of the images is `factor` px
    there.
    """
    height, width = first.shape[:2]
    if not turns:
        return []
    # What moves by more than half the image, and comes back on the other side, shares too little.
    size = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    end = np.array([width - 1.0, height - 1.0])
    half_turn = np.array([[-1, 0, end[0]], [0, -1, end[1]], [0, 0, 1.0]])
    unmoved = spectrum(first, size)
    # Before it is refined: a turn is off by up to half a step, which costs detail.
    least = MINOR * float((first * second).sum())
    found = []
    for turn in turns:
        motion, local = _turned_about(shape, *turn, factor)
        there = spectrum(_moved(second, local) if turn != (0.0, 1.0) else second, size)
        for half in halves:
            surface = cross_correlation(there, unmoved, mirrored=half)
            _, best, _, place = cv2.minMaxLoc(surface)
            if best <= least:
                continue
            # The half turn of an image has the same spectrum, mirrored.
            move = end - place if half else np.array(place)
            move = (move + np.array(size[::-1]) / 2) % size[::-1] - np.array(size[::-1]) / 2
            whole = motion @ scaled(half_turn if half else UNMOVED, factor)
            whole = whole @ scaled(shift(*move.tolist()), factor)
            if corner_error(whole, UNMOVED, shape) > SAME_PLACE * factor:
                found.append((best / least, whole, turn))
    return found


def _moved(image: Floats, matrix: NDArray[np.float64]) -> Floats:
    """Return an image, (h, w) or (h, w, k), sampled at a motion of its own pixels."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = floats(cv2.warpAffine(image, matrix[:2], image.shape[1::-1], flags=flags))
    return moved if moved.ndim == 2 else turned(moved, matrix, np.zeros(2))


def _rising(first: Floats, second: Floats, shape: tuple[int, int], factor: float) -> list[float]:
    """Return the scales at which two images fit better than at the one before, if well enough.

    The arguments are those of `_promising`.
    """
    least = MINOR * float((first * second).sum())
    size = cv2.getOptimalDFTSize(first.shape[0]), cv2.getOptimalDFTSize(first.shape[1])
    unmoved, found, before = spectrum(first, size), [], np.inf
    for scale in SCALES:
        moved = _moved(second, _turned_about(shape, 0.0, scale, factor)[1])
        _, best, _, _ = cv2.minMaxLoc(cross_correlation(spectrum(moved, size), unmoved))
        if least < best and before < best:
            found.append(scale)
        before = best
    return found
