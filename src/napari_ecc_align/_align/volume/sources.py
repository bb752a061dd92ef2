"""Volumes as people give them: in memory, or too large for it, at one size or at several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._common.errors import InputError
from ..._images.limits import LIMITS
from ..._images.pixels import to_gray
from ..._images.sources import LazyArray, is_lazy
from .motion import Shape
from .voxels import Box, ChunkedVoxels, KeptChunks

LEAST_SIDE = 8
# Products of several values are still numbers, and as many digits remain as noise leaves.
_LARGEST, _LEAST_SPAN = 1e8, 1e-4

VolumeLike: TypeAlias = ArrayLike | LazyArray | Sequence[LazyArray]
"""What `align_volume` takes: in memory, on demand, or one at several sizes."""


@dataclass(frozen=True, eq=False)
class LazyVolume:
    """A volume too large to be read whole without need.

    Attributes
    ----------
    levels : tuple of LazyArray
        Each (d, h, w), decreasing in size; full resolution first.
    mask : LazyArray, ndarray or None
        Of the full resolution: what is not 0 counts.
    asked : callable
        Called before anything is read; what it raises ends the reading.
    """

    levels: tuple[Any, ...]
    mask: Any = None
    asked: Callable[[], object] = lambda: None
    kept: KeptChunks = field(default_factory=lambda: KeptChunks(LIMITS.kept_bytes), repr=False)

    @property
    def shape(self) -> Shape:
        """Shape at full resolution."""
        return tuple(int(length) for length in self.levels[0].shape)

    def voxels(self, number: int) -> ChunkedVoxels:
        """Return a level as it is read."""
        array = self.levels[number]
        counted = None if self.mask is None else partial(self._counted, tuple(array.shape))
        return ChunkedVoxels(array, self.kept, number, counted=counted, asked=self.asked)

    def _counted(self, shape: Shape, box: Box) -> NDArray[np.bool_]:
        """Tell which voxels of a part of a level count, by the nearest of the mask."""
        places = []
        for part, length, whole in zip(box, shape, self.shape, strict=True):
            at = (np.arange(part.start, part.stop) + 0.5) * (whole / length)
            places.append(np.minimum(at.astype(int), whole - 1))
        part = self.mask[tuple(slice(int(at[0]), int(at[-1]) + 1) for at in places)]
        found = np.asarray(part)[np.ix_(*(at - at[0] for at in places))]
        return np.asarray(found != 0)


Volume: TypeAlias = NDArray[Any] | LazyVolume


def checked_volume(
    given: Any, mask: Any, name: str, asked: Callable[[], object] = lambda: None
) -> Volume:
    """Return a volume to align.

    Parameters
    ----------
    given : array_like, lazy array or sequence of lazy arrays, shape (d, h, w)
        Several are the same volume at decreasing sizes.
    mask : array_like or lazy array, shape (d, h, w), optional
        Voxels that count.
    name : str
        What to call the argument in an error.
    asked : callable, optional
        Called before anything lazy is read; what it raises ends the reading.

    Returns
    -------
    ndarray or LazyVolume
        In memory, in single precision with NaN where some voxels do not count.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    levels = tuple(given) if is_pyramid(given) else (given,)
    finest = levels[0]
    if any(length != length for length in getattr(finest, "shape", ())):
        raise InputError(
            f"{name} does not know its own shape; call its compute_chunk_sizes() first"
        )
    if not is_lazy(finest) or _is_small(levels):
        return loaded_volume(finest, mask, name)
    _check_kind(tuple(finest.shape), np.dtype(finest.dtype), name)
    for number, (finer, level) in enumerate(pairwise(levels), start=1):
        shapes = [tuple(int(n) for n in one.shape) for one in (finer, level)]
        if len(shapes[1]) != 3 or not prod(shapes[1]) < prod(shapes[0]):
            raise InputError(
                f"{name} must get smaller from level to level, but {name}[{number}] is of the "
                f"shape {shapes[1]} after {shapes[0]}"
            )
    if mask is not None and not is_lazy(mask):
        mask = np.asarray(mask)
    if mask is not None:
        _check_mask(tuple(mask.shape), tuple(finest.shape), name)
    return LazyVolume(levels, mask, asked)


def is_pyramid(given: Any) -> bool:
    """Tell whether something is a volume at several sizes."""
    several = isinstance(given, Sequence) and len(given) > 0
    return several and all(len(getattr(level, "shape", ())) == 3 for level in given)


def finest(given: Any) -> Any:
    """Return a volume at full resolution."""
    return given[0] if is_pyramid(given) else given


def _is_small(levels: tuple[Any, ...]) -> bool:
    """Tell whether a volume had better be read whole."""
    size = prod(levels[0].shape) * np.dtype(levels[0].dtype).itemsize
    return prod(levels[0].shape) <= LIMITS.whole_pixels or (
        len(levels) == 1 and size <= LIMITS.small_bytes
    )


def _check_kind(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    if len(shape) != 3:
        raise InputError(
            f"{name} must have three axes, (planes, rows, columns), not the shape {shape}"
        )
    if dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, not {dtype}")
    if min(shape) < LEAST_SIDE:
        raise InputError(
            f"{name} must have {LEAST_SIDE} voxels along each axis, not the shape "
            f"{shape}; planes are aligned one by one with align_stack"
        )


def _check_mask(shape: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    if shape != expected:
        raise InputError(f"{name}_mask must have the shape of its volume, {expected}, not {shape}")


def loaded_volume(given: Any, mask: Any, name: str) -> NDArray[Any]:
    """Return a volume in memory, as `checked_volume` does, whatever its size."""
    volume = np.asarray(given)
    _check_kind(volume.shape, volume.dtype, name)
    if volume.dtype.kind in "bf":
        volume = _in_single(volume)
    counted = np.isfinite(volume) if volume.dtype.kind == "f" else None
    if mask is not None:
        given_mask = np.asarray(mask)
        _check_mask(given_mask.shape, volume.shape, name)
        counted = given_mask.astype(bool) if counted is None else counted & given_mask.astype(bool)
    if counted is None or counted.all():
        return volume
    return np.where(counted, volume.astype(np.float32), np.float32(np.nan))


def _in_single(volume: NDArray[Any]) -> NDArray[np.float32]:
    """Return values in single precision, moved and scaled where it would not hold them well."""
    finite = np.isfinite(volume)
    # Halves, so that their difference is finite, too.
    low = float(np.min(volume, where=finite, initial=np.inf)) / 2
    high = float(np.max(volume, where=finite, initial=-np.inf)) / 2
    largest, span = max(abs(low), abs(high)), high - low
    held = 1 / _LARGEST < largest < _LARGEST and span > largest * _LEAST_SPAN
    if volume.dtype.kind == "b" or held or not span > 0:
        return volume.astype(np.float32, copy=False)
    with np.errstate(invalid="ignore"):
        return ((volume.astype(np.float64) / 2 - low) / span).astype(np.float32)


def gray_volume(volume: NDArray[Any]) -> NDArray[Any]:
    """Return a volume, (d, h, w) or (d, h, w, 3 or 4), without its colours."""
    if volume.ndim == 3:
        return volume
    return to_gray(volume.reshape(-1, *volume.shape[2:])).reshape(volume.shape[:3])
