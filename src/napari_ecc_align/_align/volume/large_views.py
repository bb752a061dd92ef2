"""Two volumes that are not in memory, compared by eye where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._compare.large_pair import Block, LargePair, Seen
from ..._compare.views import SharedLook, shared_look
from ..._images.blocks_on_demand import Window, drawn_in_blocks
from ..._transform.axes import in_row_column
from ..._transform.models import Array
from .coverage import covered_planes
from .inspection import CUBES
from .lazy_warp import to_full
from .motion import Shape, mapped
from .transform import VolumeTransform
from .warp import warped_by

# What all is drawn by is told from so many blocks along each axis, of so many voxels a side:
# 590 000 in all, as of images, of the smallest size.
_BLOCKS, _SIDE = 3, 28
_CHUNK = 128

Parts = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class _Cubes(Block):
    """Gray voxels of both volumes, planes one below the other, and which cubes they are of."""

    other: NDArray[np.bool_]


class LargeVolumes(LargePair):
    """Two volumes of which only what is looked at is read; as `LargePair` of images.

    Parameters
    ----------
    reference, aligned : sequence of arrays, shape (d, h, w)
        Each at one or several sizes, full resolution first, in memory or lazy; the second lies on
        the voxels of the first.
    transform : VolumeTransform
        Maps reference voxels to moving voxels.
    moving_shape : tuple of int
    spacing : sequence of 3 floats
        Lengths of the reference's voxels along (z, y, x), by which cubes are cubes.
    masks : tuple of ndarray or None
        Voxels of the reference, and of the moving volume, whose difference counts.
    """

    def __init__(
        self,
        reference: Sequence[Any],
        aligned: Sequence[Any],
        transform: VolumeTransform,
        moving_shape: Shape,
        spacing: Sequence[float],
        masks: tuple[Any, Any] = (None, None),
    ) -> None:
        self._full: Shape = tuple(aligned[0].shape)
        self.shape = (self._full[1], self._full[2])
        self._matrix = in_row_column(transform.matrix)
        self._moving, self._spacing, self._masks = moving_shape, tuple(spacing), masks
        self._levels = [
            (Window(_at_size(reference, tuple(level.shape))), Window(level)) for level in aligned
        ]

    def checkerboard(self) -> list[Any]:
        """Return what `volume_checkerboard` draws, at each size; NaN outside."""

        def board(look: SharedLook, at: Block) -> NDArray[np.float32]:
            assert isinstance(at, _Cubes)
            drawn = look.chequered(at.first, at.second, at.other)
            return np.where(at.inside, drawn, np.float32(np.nan))

        return self._drawn(board, np.float32)

    def _drawn(
        self,
        draw: Callable[[SharedLook, Block], NDArray[Any]],
        dtype: Any,
        beyond: tuple[int, ...] = (),
        *,
        masked: bool = False,
        reach: Callable[[float], int] = lambda times: 0,
    ) -> list[Any]:
        """Return what is drawn of each part, at each size; of volumes no threshold is local."""
        look = self._seen.look

        def part(level: int, *parts: slice) -> NDArray[Any]:
            block, size = self._cubes(level, parts, masked=masked)
            return draw(look, block).reshape(*size, *beyond)

        return [
            drawn_in_blocks(partial(part, level), (*own.shape, *beyond), dtype, (_CHUNK,) * 3)
            for level, (own, _) in enumerate(self._levels)
        ]

    @cached_property
    def _seen(self) -> Seen:
        """Tell from blocks all over the volumes by what all is drawn."""
        level = len(self._levels) - 1
        starts = [
            sorted({round(at) for at in np.linspace(0, max(0, length - _SIDE), _BLOCKS)})
            for length in self._levels[level][0].shape
        ]
        blocks = [
            self._cubes(level, tuple(slice(at, at + _SIDE) for at in first), masked=False)[0]
            for first in product(*starts)
        ]
        first, second, inside = (
            np.concatenate([getattr(block, name).ravel() for block in blocks])[:, np.newaxis]
            for name in ("first", "second", "inside")
        )
        if not inside.any():
            raise InputError("too little of the volumes lies on each other to be compared")
        return Seen((None, None), shared_look(first, second, inside), first, second, inside)

    def _cubes(self, level: int, parts: Parts, *, masked: bool) -> tuple[_Cubes, Shape]:
        """Return a block of both volumes, and its shape."""
        first, second = (np.asarray(one[parts]) for one in self._levels[level])
        there = to_full(self._levels[level][0].shape, self._full)
        there[:3, 3] = mapped(there, np.array([part.start for part in parts], float))
        size = first.shape
        inside = covered_planes(self._matrix @ there, size, self._moving)
        for values in (first, second):
            if values.dtype.kind == "f":
                inside &= np.isfinite(values)
        for mask, matrix in zip(self._masks, (there, self._matrix @ there), strict=True):
            if masked and mask is not None:
                inside &= _counts(np.asarray(mask), matrix, size)
        flat = (-1, size[-1])
        places = [there[k, 3] + there[k, k] * np.arange(n) for k, n in enumerate(size)]
        block = _Cubes(
            first.reshape(flat),
            second.reshape(flat),
            inside.reshape(flat),
            places[1],
            places[2],
            1.0,
            self._other(places).reshape(flat),
        )
        return block, size

    def _other(self, places: list[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Tell of voxels at places along each axis which are of cubes that show the other."""
        lengths = [n * step for n, step in zip(self._full, self._spacing, strict=True)]
        side = max(lengths) / CUBES
        z, y, x = (
            (along * step // side).astype(int)
            for along, step in zip(places, self._spacing, strict=True)
        )
        return np.asarray((z[:, np.newaxis, np.newaxis] + y[:, np.newaxis] + x) % 2 == 1)


def _at_size(levels: Sequence[Any], shape: Shape) -> Any:
    """Return a volume at one of its own sizes, or the smallest that has its detail in another."""
    same = next((level for level in levels if tuple(level.shape) == shape), None)
    if same is not None:
        return same
    full = levels[0].shape
    fits = [one for one in levels if all(a >= b for a, b in zip(one.shape, shape, strict=True))]
    source = (fits or [levels[0]])[-1]
    matrix = np.linalg.inv(to_full(source.shape, full)) @ to_full(shape, full)
    return warped_by(source, matrix, shape, interpolation="nearest", fill=0.0)


def _counts(mask: NDArray[Any], matrix: Array, size: Shape) -> NDArray[np.bool_]:
    """Return whether the nearest voxel of a mask counts; none does outside."""
    points = np.moveaxis(np.indices(size, np.float64), 0, -1)
    nearest = np.rint(mapped(matrix, points)).astype(int)
    within = ((nearest >= 0) & (nearest < mask.shape)).all(axis=-1)
    counts = np.zeros(size, bool)
    counts[within] = mask[tuple(nearest[within].T)] != 0
    return counts
