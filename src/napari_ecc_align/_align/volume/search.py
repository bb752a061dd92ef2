"""Where to start: displacements and turns at which small levels of two volumes correlate best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from .blocks import resampled
from .levels import VolumeLevel
from .motion import Shape, corners, inverse, mapped, rotation, scaled

# Displacements are looked for on the finest level of at most so many voxels, turns on a coarser.
_SHIFT_VOXELS, _TURN_VOXELS = 40_000, 9_000
# Of the smaller volume, so much lies on the other one.
_LEAST_SHARE = 0.2
# Peaks nearer than so many voxels of the level are one.
_APART = 3
_PLACES, _TURNS = 3, 6
# Degrees: about z all around, from there by tilts about the other two axes. A solver on the level
# is led from half as far.
_STEP, _TILT = 15, 20
# How much of a volume lies on another one is seen in the middles of so many parts along an axis.
_PARTS = 32


def level_below(reference: list[VolumeLevel], moving: list[VolumeLevel], voxels: int) -> int:
    """Return the finest level of a reference of at most so many voxels, or the coarsest.

    Of both volumes it is in memory.
    """
    pairs = enumerate(zip(reference, moving, strict=False))
    small = (n for n, (own, other) in pairs if own.size <= voxels and own.held and other.held)
    return next(small, min(len(reference), len(moving)) - 1)


def masked_correlation(reference: Floats, moving: Floats) -> tuple[Floats, Array]:
    """Return the correlation of two volumes at all displacements, over what they share [1]_.

    Parameters
    ----------
    reference, moving : (d, h, w) float32 arrays
        NaN where a voxel does not count.

    Returns
    -------
    correlation : ndarray of float32
        Entry d belongs to ``reference[x]`` on ``moving[x + d]``, negative ones counted from the
        end; 0 where less than a fifth of the smaller one is shared.
    shared : ndarray of float64
        Voxels shared, of the same shape.

    References
    ----------
    .. [1] D. Padfield, "Masked object registration in the Fourier domain", IEEE TIP 21(5), 2012.
    """
    from scipy import fft

    size = [
        fft.next_fast_len(a + b - 1, real=True)
        for a, b in zip(reference.shape, moving.shape, strict=True)
    ]
    counted = [np.isfinite(one) for one in (reference, moving)]
    spectra = []
    for one, valid in zip((reference, moving), counted, strict=True):
        centred = np.where(valid, one - np.float32(one[valid].mean() if valid.any() else 0), 0)
        planes = np.stack([valid.astype(np.float32), centred, centred**2])
        spectra.append(fft.rfftn(planes, size, axes=(1, 2, 3)))
    (ones, first, squares), (others, second, other_squares) = spectra

    def correlated(a: Array, b: Array) -> Array:
        return np.asarray(fft.irfftn(np.conj(a) * b, size), np.float64)

    shared = np.round(correlated(ones, others))
    n = np.maximum(shared, 1)
    a, b = correlated(first, others), correlated(ones, second)
    product_ = correlated(first, second) - a * b / n
    own = np.maximum(correlated(squares, others) - a * a / n, 0)
    other = np.maximum(correlated(ones, other_squares) - b * b / n, 0)
    norm = np.sqrt(own * other)
    # Where one of them is flat, rounding is what is left.
    usable = (shared >= _LEAST_SHARE * min(one.sum() for one in counted)) & (
        norm > 1e-4 * norm.max(initial=0)
    )
    out = np.zeros(norm.shape, np.float32)
    out[usable] = product_[usable] / norm[usable]
    return out, shared


def best_places(correlation: Floats, count: int = _PLACES) -> list[tuple[Array, float]]:
    """Return the displacements at which two volumes correlate best, by size, and how they do."""
    left = np.abs(correlation)
    found = []
    for _ in range(count):
        at = np.array(np.unravel_index(left.argmax(), left.shape))
        height = float(correlation[tuple(at)])
        if not height:
            break
        size = np.array(left.shape)
        found.append((np.where(at > size // 2, at - size, at).astype(np.float64), height))
        around = np.ix_(
            *(np.arange(a - _APART, a + _APART + 1) % n for a, n in zip(at, size, strict=True))
        )
        left[around] = 0
    return found


def shifted_starts(
    reference: list[VolumeLevel], moving: list[VolumeLevel], around: Array
) -> Iterator[Array]:
    """Yield matrices that differ from `around` by a displacement, the best first.

    Parameters
    ----------
    reference, moving : list of VolumeLevel
    around : (4, 4) array
        Between voxels of level 0.
    """
    index = level_below(reference, moving, _SHIFT_VOXELS)
    own, other = reference[index], moving[index]
    local = scaled(around, other.step, own.step)
    laid, first = _laid_whole(own, other, local)
    correlation, _ = masked_correlation(np.asarray(own.values, np.float32), laid)
    for place, _ in best_places(correlation):
        moved = local.copy()
        moved[:3, 3] = mapped(local, place + first)
        yield scaled(moved, 1 / other.step, 1 / own.step)


def laid_on(own: VolumeLevel, other: VolumeLevel, matrix: Array) -> Floats:
    """Return a moving level on the grid of a reference level, by a matrix between level 0's."""
    local = scaled(matrix, other.step, own.step)
    return resampled(np.asarray(other.values, np.float32), local, own.shape)


def _laid_whole(own: VolumeLevel, other: VolumeLevel, local: Array) -> tuple[Floats, Array]:
    """Return all of a moving level on the grid of a reference level, and its first voxel there."""
    back = mapped(inverse(local), corners(other.shape))
    first = np.floor(back.min(axis=0))
    # No larger than what an image of this size can need.
    most = 2 * np.array(own.shape) + np.array(other.shape)
    shape = np.minimum(np.ceil(back.max(axis=0)) - first + 1, most).astype(int)
    laid = resampled(np.asarray(other.values, np.float32), local, tuple(shape.tolist()), first)
    return laid, first


def turned_starts(
    reference: list[VolumeLevel],
    moving: list[VolumeLevel],
    around: Array,
    asked: Callable[[], object],
    *,
    all_turns: bool = False,
) -> Iterator[Array]:
    """Yield matrices that differ from `around` by a turn and a displacement, the best first.

    Any turn about z, and up to 30 degrees about the other axes; or all turns.
    """
    from scipy import fft

    index = level_below(reference, moving, _TURN_VOXELS)
    own, other = reference[index], moving[index]
    local = scaled(around, other.step, own.step)
    # What lies farther off than half a volume shares too little, and may wrap around.
    size = [
        fft.next_fast_len(n + int(np.ceil(extent / 2)), real=True)
        for n, extent in zip(own.shape, _extent(own, other, local), strict=True)
    ]
    spectrum = np.conj(fft.rfftn(_centred(np.asarray(own.values, np.float32)), size))
    found: list[tuple[float, Array]] = []
    for turn in _all_turns() if all_turns else map(rotation_of, _turns()):
        asked()
        linear = own.frame.scale[:, None] * turn / own.frame.scale
        matrix = local.copy()
        matrix[:3, :3] = local[:3, :3] @ linear
        matrix[:3, 3] = (np.array(other.shape) - 1) / 2 - matrix[:3, :3] @ own.frame.centre
        laid, first = _laid_whole(own, other, matrix)
        laid = _centred(laid[tuple(slice(n) for n in size)])
        norm = float(np.sqrt((laid**2).sum())) or 1.0
        surface = fft.irfftn(spectrum * fft.rfftn(laid, size), size) / norm
        at = np.array(np.unravel_index(np.abs(surface).argmax(), surface.shape))
        height = float(np.abs(surface[tuple(at)]))
        place = np.where(at >= np.array(laid.shape), at - np.array(size), at)
        matrix[:3, 3] = mapped(matrix, place + first)
        found.append((height, matrix))
    found.sort(key=lambda one: -one[0])
    for _, matrix in found[:_TURNS]:
        yield scaled(matrix, 1 / other.step, 1 / own.step)


def _extent(own: VolumeLevel, other: VolumeLevel, local: Array) -> Array:
    """Return how many voxels of a reference level a moving level extends over, along each axis."""
    back = mapped(inverse(local), corners(other.shape))
    return np.asarray(np.minimum(np.ptp(back, axis=0), 2 * np.array(own.shape)))


def _centred(values: Floats) -> Floats:
    """Return values less their mean, 0 where there are none."""
    valid = np.isfinite(values)
    if not valid.any():
        return np.zeros_like(values)
    return np.where(valid, values - values[valid].mean(), np.float32(0)).astype(np.float32)


def _turns() -> list[tuple[float, float, float]]:
    """Return turns in degrees about z, y and x."""
    return list(product(range(0, 360, _STEP), (0, -_TILT, _TILT), (0, -_TILT, _TILT)))


def _all_turns() -> Iterator[Array]:
    """Yield rotations that leave no other farther away than the tilts of `_turns` do.

    All turns about z, then z itself led to places spread evenly over the sphere.
    """
    many = round(4 * np.pi / np.deg2rad(_TILT) ** 2)
    heights = 1 - 2 * (np.arange(many) + 0.5) / many
    around = np.pi * (1 + np.sqrt(5)) * np.arange(many)
    z = np.array([1.0, 0.0, 0.0])
    for height, angle in zip(heights.tolist(), around.tolist(), strict=True):
        side = np.array([0.0, np.cos(angle), np.sin(angle)])
        tilt = rotation(np.arccos(height) * np.cross(z, side))
        for about in range(0, 360, _STEP):
            yield tilt @ rotation(np.deg2rad(about) * z)


def rotation_of(turn: tuple[float, float, float]) -> Array:
    """Return the (3, 3) rotation by degrees about x, then y, then z."""
    z, y, x = (
        rotation(np.deg2rad(angle) * axis) for angle, axis in zip(turn, np.eye(3), strict=True)
    )
    return np.asarray(z @ y @ x)


def overlap_share(own: Shape, other: Shape, matrix: Array) -> float:
    """Return the share of a volume that a matrix lays on another one."""
    return float(_shared(own, other, matrix)[1].mean())


def shared_box(own: Shape, other: Shape, matrix: Array) -> Array:
    """Return the (8, 3) corners of the box around what a matrix lays on another volume.

    Those of the whole volume where that is nothing.
    """
    points, inside = _shared(own, other, matrix)
    if not inside.any():
        return corners(own)
    half = np.array(own) / (2 * np.array(_parts_of(own)))
    low, high = points[inside].min(axis=0), points[inside].max(axis=0)
    low, high = np.maximum(0, low - half), np.minimum(np.array(own) - 1.0, high + half)
    return np.array(list(product(*zip(low.tolist(), high.tolist(), strict=True))))


def _shared(own: Shape, other: Shape, matrix: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the middles of parts of a volume, and which of them a matrix lays on another one."""
    axes = [(np.arange(k) + 0.5) * n / k - 0.5 for n, k in zip(own, _parts_of(own), strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    there = mapped(matrix, points)
    inside = ((there >= 0) & (there <= np.array(other) - 1)).all(axis=1)
    return points, np.asarray(inside)


def _parts_of(shape: Shape) -> list[int]:
    return [min(n, _PARTS) for n in shape]
