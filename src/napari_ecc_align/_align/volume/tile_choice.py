"""Which blocks of a level to look at: those with detail all around, spread over the volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.filters import RADIUS
from ..._images.pyramid.levels import Floats
from ..._transform.models import Array
from .levels import VolumeLevel
from .motion import Shape, mapped, scaled
from .voxels import Voxels

# A block has no fewer voxels along any axis.
_LEAST_SIDE = 4
# But where there is no room for as many.
_THINNEST = 2
# Detail is measured on the finest level of at most so many voxels.
_OVERVIEW_VOXELS = 300_000
# Where they would be more than so many, places lie side by side.
_CLOSE_PLACES = 20_000
# Of a volume that is not in memory more places are not looked at.
_MOST_PLACES = 100_000
# Blocks are spread over so many parts of the volume along each axis.
_PARTS = 3


@dataclass(frozen=True, eq=False)
class BlockChoice:
    """Blocks of a level.

    Attributes
    ----------
    origins : (n, 3) array
        First voxel of each, best first.
    shape : tuple of int
        Voxels of a block along each axis.
    around : (3,) int array
        Voxels around it that lie on the moving volume too.
    """

    origins: Array
    shape: Shape
    around: NDArray[np.int_]

    @classmethod
    def of(
        cls,
        reference: list[VolumeLevel],
        moving: list[VolumeLevel],
        index: int,
        matrix: Array,
        *,
        side: int,
        reach: int = 0,
        partly: bool = False,
        most: int | None = None,
    ) -> BlockChoice:
        """Choose blocks that lie on the moving volume.

        Parameters
        ----------
        reference, moving : list of VolumeLevel
        index : int
            The level.
        matrix : (4, 4) array
            Between voxels of level 0.
        side : int
            Of a block, in the level's shortest voxels.
        reach : int, default: 0
            So many of the shortest voxels around a block lie on the moving volume too.
        partly : bool, default: False
            Choose also blocks of which only a half lies on the moving volume.
        most : int, optional
            So many at most, from places that are closer to one another, of which none overlap.
        """
        level, other = reference[index], moving[index]
        shape, around = block_geometry(level, side, reach)
        border = RADIUS + 1
        room = np.array(level.shape) - 2 * border - shape
        if (room < 0).any():
            return cls(np.empty((0, 3)), shape, around)
        counts = room // shape + 1
        if np.prod(counts) > _MOST_PLACES:
            counts = np.maximum(1, counts * (_MOST_PLACES / np.prod(counts)) ** (1 / 3)).astype(
                int
            )
        if most and np.prod(2 * counts) <= _CLOSE_PLACES:
            counts *= 2
        steps = [border + np.linspace(0, room[k], counts[k]).round() for k in range(3)]
        origins = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        if isinstance(level.values, Voxels):
            origins = _settled(level.values, origins, np.array(shape), around + border)
        local = scaled(matrix, other.step, level.step)
        ends = origins[:, None] + _ends(np.array(shape), around)
        there = mapped(local, ends)
        last = np.array(other.shape) - 1 - RADIUS
        inside = ((there >= RADIUS) & (there <= last)).all(axis=2).mean(axis=1)
        origins = origins[inside >= (0.5 if partly else 1)]
        detail = _detail(reference, index, origins, shape)
        origins, detail = origins[detail > 0], detail[detail > 0]
        origins = origins[_spread(origins, detail, level.shape)]
        return cls(_apart(origins, shape, most) if most else origins, shape, around)


def _settled(
    voxels: Voxels, origins: Array, shape: NDArray[np.int_], around: NDArray[np.int_]
) -> Array:
    """Return blocks of what is read where it is needed, moved to where that is less."""
    larger = tuple((shape + 2 * around).tolist())
    moved = voxels.settled(origins.astype(int) - around, larger) + around
    room = np.array(voxels.shape) - shape - around
    return np.asarray(np.clip(moved, np.minimum(around, room), room), np.float64)


def _apart(origins: Array, shape: Shape, most: int) -> Array:
    """Return the first so many blocks that do not overlap any before them."""
    chosen: list[Array] = []
    while len(origins) and len(chosen) < most:
        chosen.append(origins[0])
        origins = origins[(np.abs(origins - origins[0]) >= shape).any(axis=1)]
    return np.array(chosen).reshape(-1, 3)


def side_for(level: VolumeLevel, smallest: int, largest: int, share: int) -> int:
    """Return the side of a block that is such a part of the volume's shortest, within limits.

    In the level's shortest voxels.
    """
    lengths = np.array(level.shape) * level.spacing / level.frame.unit
    return int(np.clip(lengths.min() // share, smallest, largest))


def block_geometry(level: VolumeLevel, side: int, reach: int) -> tuple[Shape, NDArray[np.int_]]:
    """Return the voxels of a block along each axis, and those around it that a reach takes.

    Of a volume of few planes both are as many as there is room for.
    """
    ratio = level.frame.unit / level.spacing
    room = np.array(level.shape) - 2 * (RADIUS + 1)
    wanted = np.clip(np.round(side * ratio), _LEAST_SIDE, side).astype(int)
    shape = np.maximum(np.minimum(wanted, room - 2), np.minimum(wanted, _THINNEST))
    around = np.clip(room - shape, 0, np.ceil(reach * ratio).astype(int))
    return tuple(shape.tolist()), around


def _ends(shape: NDArray[np.int_], reach: NDArray[np.int_]) -> Array:
    """Return the (8, 3) corners of a block that is larger by a reach, from its first voxel."""
    grid = np.array(np.meshgrid(*[[0, 1]] * 3, indexing="ij")).reshape(3, -1).T
    return np.where(grid, shape - 1.0 + reach, -reach)


def _detail(reference: list[VolumeLevel], index: int, origins: Array, shape: Shape) -> Array:
    """Return the weakest mean squared derivative of each block in any direction, (n,)."""
    # Of what is read where it is needed, the finest level that is in memory says most.
    most = _OVERVIEW_VOXELS if isinstance(reference[index].values, np.ndarray) else np.inf
    coarse = next(
        (
            n
            for n, one in enumerate(reference)
            if n >= index and one.size <= most and isinstance(one.values, np.ndarray)
        ),
        len(reference) - 1,
    )
    level, fine = reference[coarse], reference[index]
    if "detail" not in level.cache:
        level.cache["detail"] = _summed_products(level)
    sums: Floats = level.cache["detail"]
    shrink = level.step / fine.step
    low = np.clip(np.floor(origins / shrink).astype(int), 0, np.array(level.shape) - 1)
    high = np.clip(
        np.ceil((origins + np.array(shape)) / shrink).astype(int), low + 1, np.array(level.shape)
    )
    total = np.zeros((len(origins), 6))
    for signs in np.ndindex(2, 2, 2):
        at = [np.where(sign, high[:, k], low[:, k]) for k, sign in enumerate(signs)]
        total += ((-1) ** (3 - sum(signs)) * sums[:, at[0], at[1], at[2]]).T
    matrix = total[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
    return np.asarray(np.linalg.eigvalsh(matrix)[:, 0] / np.prod(high - low, axis=1))


def _summed_products(level: VolumeLevel) -> Array:
    """Return cumulative sums of products of derivatives, (6, d + 1, h + 1, w + 1), per length."""
    values = np.asarray(level.values, np.float32)
    slopes = [
        np.nan_to_num(np.gradient(values, axis=k))
        * np.float32(level.frame.unit / level.spacing[k])
        for k in range(3)
    ]
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    out = np.zeros((6, *(n + 1 for n in level.shape)))
    for total, (i, j) in zip(out[:, 1:, 1:, 1:], pairs, strict=True):
        np.multiply(slopes[i], slopes[j], out=total)
        for axis in range(3):
            np.cumsum(total, axis=axis, out=total)
    return out


def _spread(origins: Array, detail: Array, shape: Shape) -> NDArray[np.int_]:
    """Return an order in which every part of the volume comes in turn, its best blocks first."""
    parts = np.minimum(_PARTS - 1, (origins / (np.array(shape) / _PARTS)).astype(int))
    part = parts @ np.array([_PARTS**2, _PARTS, 1])
    best = np.argsort(-detail, kind="stable")
    rank = np.empty(len(origins), int)
    for one in np.unique(part):
        own = best[part[best] == one]
        rank[own] = np.arange(len(own))
    return np.asarray(np.lexsort((-detail, rank)))
