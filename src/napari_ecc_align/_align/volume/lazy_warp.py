"""Resample volumes that are too large for memory: nothing is computed before it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..._images.blocks_on_demand import Window
from ..._transform.models import Array
from .motion import Shape, corners, mapped

if TYPE_CHECKING:
    import dask.array as da

# Voxels of a chunk of the result along each axis.
_CHUNK = 128
# Coarser levels than this are of no use to a viewer.
_COARSEST = 256
# So many voxels around those below a chunk belong to what interpolation looks at: of a cubic
# spline, which has no end, all that is seen in single precision.
_AROUND = {0: 1, 1: 1, 3: 16}
# A little coarser will do: halved shapes are seldom exactly half.
_NEARLY = 1.1

Resampler = Callable[[NDArray[Any], Array, Shape], NDArray[Any]]
"""Puts a part of a volume on a grid of a shape, by the matrix from that grid to the part."""


def lazy_warp_volume(
    moving: Any, matrix: Array, shape: Shape, order: int, resample: Resampler, outside: float
) -> da.Array:
    """Resample a lazy volume when, and where, it is looked at.

    Parameters
    ----------
    moving : lazy array, shape (d, h, w)
    matrix : (4, 4) array
        From voxels of the result to those of the volume, (z, y, x).
    shape : tuple of int
        Of the result.
    order : int
        Of the interpolation.
    resample : callable
    outside : float
        Beyond the volume.
    """
    import dask.array as da

    source = Window(moving)
    last = np.array(source.shape) - 1

    def block(block_info: Any = None) -> NDArray[Any]:
        place = np.array(block_info[None]["array-location"])
        first, size = place[:, 0], tuple((place[:, 1] - place[:, 0]).tolist())
        ends = mapped(matrix, corners(size) + first)
        low = np.maximum(np.floor(ends.min(axis=0)) - _AROUND[order], 0).astype(int)
        high = np.minimum(np.ceil(ends.max(axis=0)) + _AROUND[order], last).astype(int)
        if (high < low).any():
            return np.full(size, outside, source.dtype.newbyteorder("="))
        part = source[
            tuple(slice(a, b + 1) for a, b in zip(low.tolist(), high.tolist(), strict=True))
        ]
        local = matrix.copy()
        local[:3, 3] = mapped(matrix, first) - low
        return resample(part, local, size)

    dtype = source.dtype.newbyteorder("=")
    return da.map_blocks(
        block,
        dtype=dtype,
        chunks=da.core.normalize_chunks((_CHUNK,) * 3, shape),
        # A name of our own, or dask would read the whole source to make one up.
        name=f"warp-{uuid4().hex}",
        meta=np.empty((0,) * 3, dtype),
    )


def warped_levels(
    moving: Sequence[Any], matrix: Array, shape: Shape, warped: Callable[[Any, Array, Shape], Any]
) -> list[Any]:
    """Resample a volume that is given at several sizes, as one at several sizes.

    Parameters
    ----------
    moving : sequence of arrays, shape (d, h, w)
        Full resolution first.
    matrix : (4, 4) array
        Between full resolutions, (z, y, x).
    shape : tuple of int
        Of the result at full resolution.
    warped : callable
        Resamples one level by a matrix on a grid of a shape.

    Notes
    -----
    A voxel of a coarser level is taken to lie at the middle of those it stands for, which is where
    napari draws it. Each level is made of the coarsest one that has its detail, so that an
    overview reads an overview.
    """
    full = tuple(moving[0].shape)
    out = []
    for size in level_shapes(shape, len(moving)):
        fine = to_full(size, shape)
        pitch = np.linalg.norm((matrix @ fine)[:3, :3], axis=1)
        fits = [
            level
            for level in moving
            if (np.array(full) / level.shape <= np.maximum(1, pitch) * _NEARLY).all()
        ]
        source = fits[-1]
        local = np.linalg.inv(to_full(source.shape, full)) @ matrix @ fine
        out.append(warped(source, local, size))
    return out


def level_shapes(shape: Shape, most: int) -> list[Shape]:
    """Return halved shapes, as many as are wanted or until one fits on a screen."""
    shapes = [tuple(shape)]
    while max(shapes[-1]) > _COARSEST and len(shapes) < most:
        longest = max(shapes[-1])
        # Short axes are halved once the others are no longer.
        shapes.append(tuple((n + 1) // 2 if 2 * n > longest else n for n in shapes[-1]))
    return shapes


def to_full(shape: Shape, full: Shape) -> Array:
    """Return the matrix from voxels of a level to those of full resolution."""
    step = np.array(full) / np.array(shape)
    out = np.diag([*step, 1.0])
    out[:3, 3] = (step - 1) / 2
    return out
