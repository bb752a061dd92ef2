"""How well blocks of a volume correlate at each place near theirs, and where they do best."""

from __future__ import annotations

import numpy as np

from ..._images.pyramid.filters import SIGMA
from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from ..._verdict.limits import SAME_PLACE
from .motion import Shape

# Smoothing correlates the noise of so many voxels.
_CORRELATED = (4 * np.pi * SIGMA**2) ** 1.5
# What the parabola through a peak is off by at best.
_PEAK_ERROR = 0.04


def template_surfaces(regions: Floats, templates: Floats) -> Floats:
    """Return the normalised correlation of each template at every place in its region.

    Parameters
    ----------
    regions : (n, A, B, C) float32 array
    templates : (n, a, b, c) float32 array

    Returns
    -------
    ndarray of float32, shape (n, A - a + 1, B - b + 1, C - c + 1)
    """
    from scipy import fft

    axes, shape = (1, 2, 3), templates.shape[1:]
    size = [fft.next_fast_len(n, real=True) for n in regions.shape[1:]]
    regions = regions - regions.mean(axis=axes, keepdims=True)
    templates = templates - templates.mean(axis=axes, keepdims=True)
    spectra = fft.rfftn(regions, size, axes=axes)
    spectra *= np.conj(fft.rfftn(templates, size, axes=axes))
    keep = tuple(slice(n - m + 1) for n, m in zip(regions.shape[1:], shape, strict=True))
    products = fft.irfftn(spectra, size, axes=axes)[(slice(None), *keep)]
    sums, squares = _box_sums(regions, shape), _box_sums(regions**2, shape)
    variances = squares - sums**2 / np.prod(shape)
    energy = (templates.astype(np.float64) ** 2).sum(axis=axes)[:, None, None, None]
    # What is flat but for rounding correlates with nothing.
    least = 1e-6 * np.maximum(squares.max(axis=axes, keepdims=True, initial=0), 1e-30)
    flat = variances <= least
    norm = np.sqrt(np.where(flat, 1, variances) * np.maximum(energy, 1e-30))
    return np.where(flat, 0, products / norm).astype(np.float32)


def _box_sums(values: Floats, shape: Shape) -> Array:
    """Return sums over all boxes of a shape in each volume, (n, ...)."""
    out = values.astype(np.float64)
    for axis, n in enumerate(shape, start=1):
        total = np.concatenate([np.zeros_like(out.take([0], axis)), out.cumsum(axis)], axis)
        last = total.shape[axis]
        out = total.take(range(n, last), axis) - total.take(range(last - n), axis)
    return out


def peaks(
    surfaces: Floats, ratio: Array | None = None, count: int = 1
) -> tuple[Array, Array, Array]:
    """Return where surfaces are highest, (n, 3), how high, and one sigma of where, (n,) each.

    Parameters
    ----------
    surfaces : (n, a, b, c) array
    ratio : (3,) array, optional
        Length of a voxel along each axis.
    count : int
        Voxels of a tile.
    """
    ratio = np.ones(3) if ratio is None else ratio
    n = len(surfaces)
    shape = surfaces.shape[1:]
    if not n:
        return np.empty((0, 3)), np.empty(0), np.empty(0)
    at = np.stack(np.unravel_index(surfaces.reshape(n, -1).argmax(axis=1), shape), axis=1)
    padded = np.full((n, *(m + 2 for m in shape)), np.nan)
    padded[:, 1:-1, 1:-1, 1:-1] = surfaces
    near = np.stack(
        [padded[k, z : z + 3, y : y + 3, x : x + 3] for k, (z, y, x) in enumerate(at.tolist())]
    )
    heights = near[:, 1, 1, 1]
    before = np.stack([near[:, 0, 1, 1], near[:, 1, 0, 1], near[:, 1, 1, 0]], axis=1)
    after = np.stack([near[:, 2, 1, 1], near[:, 1, 2, 1], near[:, 1, 1, 2]], axis=1)
    bend = before - 2 * heights[:, None] + after
    peaked = bend < 0
    aside = np.where(peaked, 0.5 * (before - after) / np.where(peaked, bend, 1), 0.0)
    # Along an axis that was not searched there is nothing to either side.
    curved = np.where(np.array(shape) > 1, -bend / ratio**2, np.inf)
    # Beside a peak at the border is nothing.
    flattest = np.where(np.isnan(curved), -np.inf, curved).min(axis=1)
    known = (heights > 0) & (flattest > 0) & np.isfinite(flattest)
    noise = _CORRELATED * np.maximum(0, 1 - heights**2)
    variance = noise / np.where(known, heights * count * flattest, 1)
    sigmas = np.where(known, np.sqrt(variance + _PEAK_ERROR**2), np.inf)
    return np.asarray(at + np.nan_to_num(aside), np.float64), heights, sigmas


def highest_rival(surfaces: Floats, ratio: Array) -> float:
    """Return the highest joint fit away from the best one, relative to it."""
    from scipy import ndimage

    if not len(surfaces):
        return 0.0
    joint = surfaces.mean(axis=0)
    best = np.unravel_index(joint.argmax(), joint.shape)
    if joint[best] <= 0:
        return 1.0
    tops = joint >= ndimage.maximum_filter(joint, 3)
    places = np.argwhere(tops)
    away = np.linalg.norm((places - np.array(best)) * ratio, axis=1) > SAME_PLACE
    heights = joint[tuple(places[away].T)]
    return float(max(0.0, heights.max(initial=0.0)) / joint[best])
