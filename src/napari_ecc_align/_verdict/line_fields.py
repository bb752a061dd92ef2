"""Is every other line displaced: scanned there and back, or interlaced."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from .._images.pyramid.blocks import windows
from .._images.pyramid.levels import Floats, Level, floats
from .limits import CLEAR_SIGMAS, LEAST_AGREEING, LEAST_TILES
from .tile_matching import LARGEST_TILE, LEAST_REACH


def field_offset(level: Level, places: NDArray[np.float64]) -> float:
    """Return by how much every other line of an image is displaced along itself.

    Each line of one field is correlated with the mean of its two neighbours, which belong to the
    other field: of an image that is one, whatever it shows, that is highest where they lie.

    Parameters
    ----------
    level : Level
        Of full resolution.
    places : ndarray of float64, shape (n, 2)
        Places (x, y) with detail.

    Returns
    -------
    float
        In px, of rows or of columns, whichever is more; 0 where it is in doubt.
    """
    # Of dim cells, so many see nine in ten that are displaced, half as many see half.
    some = places[: 2 * LEAST_TILES]
    return level.recent("displaced fields", some.tobytes(), lambda: _clearest(level, some))


def _clearest(level: Level, places: NDArray[np.float64]) -> float:
    patches = _patches(level, places)
    if len(patches) < LEAST_AGREEING or patches.shape[1] < 4 * LEAST_REACH:
        return 0.0
    turned = np.concatenate([patches, patches.transpose(0, 2, 1)])
    fits = _fits(turned)
    return max((_offset(some) for some in (fits[: len(patches)], fits[len(patches) :])), key=abs)


def _patches(level: Level, places: NDArray[np.float64]) -> Floats:
    height, width = level.shape
    side = min(LARGEST_TILE, height, width) // 2 * 2
    # Of all patches the odd lines are those of one field.
    firsts = np.maximum(np.rint(places) - side // 2, 0).astype(int)
    firsts = np.minimum(firsts, (width - side, height - side))
    firsts -= firsts % 2
    counts = level.valid
    image = level.image
    if (
        counts is None
        and len(firsts)
        and isinstance(image, np.ndarray)
        and image.flags.c_contiguous
    ):
        return level.convert(windows(image, firsts, side), None)
    boxes = [np.s_[y : y + side, x : x + side] for x, y in firsts.tolist()]
    whole = [level.image[box] for box in boxes if counts is None or counts[box].all()]
    if not whole:
        return np.empty((0, side, side), np.float32)
    return level.convert(np.concatenate(whole).reshape(-1, side, side), None)


def _fits(patches: Floats) -> Floats:
    """Return how odd rows correlate with those around them at each shift, (n, shifts)."""
    lines = patches - np.einsum("nij->ni", patches)[:, :, None] / np.float32(patches.shape[2])
    odd = lines[:, 1:-1:2, LEAST_REACH:-LEAST_REACH]
    around = lines[:, :-2:2] + lines[:, 2::2]
    # Of every two columns the sum over all rows: those that lie equally far apart are one shift.
    products = np.matmul(odd.transpose(0, 2, 1), around)
    (count, width, _), steps = products.shape, products.strides
    shape = count, 2 * LEAST_REACH + 1, width
    strides = steps[0], steps[2], steps[1] + steps[2]
    # In a tenth of the time of `as_strided`.
    shifted = np.ndarray(shape, np.float32, products, strides=strides)
    # Of so few, einsum sums in a third of the time.
    fits = np.einsum("nij->ni", shifted)
    columns = np.einsum("nij,nij->nj", around, around)
    strides = *columns.strides, columns.strides[1]
    powers = np.ndarray(shape, np.float32, columns, strides=strides)
    energies = np.einsum("nij,nij->n", odd, odd)
    fits /= np.sqrt(energies[:, None] * np.einsum("nij->ni", powers)) + np.float32(1e-12)
    return floats(fits)


def _offset(fits: Floats) -> float:
    """Return by how much odd rows are displaced along rows, of how patches fit at each shift."""
    # The noise of single lines averages out over all places.
    best = int(fits.sum(axis=0).argmax())
    # The best is no border, and a colour mosaic may look displaced by one.
    if not 1 < abs(best - LEAST_REACH) < LEAST_REACH:
        return 0.0
    gains = fits[:, best] - fits[:, LEAST_REACH]
    doubt = CLEAR_SIGMAS * float(gains.std()) / sqrt(len(gains) - 1)
    alike = np.abs(fits.argmax(axis=1) - best) <= 1
    clear = alike.all() or (2 * alike.sum() > len(alike) and gains.mean() > doubt)
    return float(best - LEAST_REACH) if clear else 0.0
