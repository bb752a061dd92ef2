"""Planes of layers that are not in memory: no pixel is read before it is asked for.

napari keeps what dask computes for its canvas, by hooks that are not made for two threads at once:
what a worker thread reads must go past them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.lazy_slices import is_sliced_by_dask, slices_of
from ..._images.pixels import mean_type
from ..._images.sources import is_lazy


def plane_of(array: Any, index: tuple[int, ...] = ()) -> Any:
    """Return one plane of an array, lazy if the array is, for a thread to read.

    Parameters
    ----------
    array : array_like
        Of any kind that napari shows: numpy, dask, zarr, h5py ...
    index : tuple of int
        One number for each of its first axes.
    """
    if not is_lazy(array) or not (index or hasattr(array, "compute")):
        return array[index] if index else array
    return _Plane(array, index)


def lazily(array: Any) -> Any:
    """Return a plane as something whose pixels come when it is sliced, though they are there."""
    return array if is_lazy(array) else _Plane(array, ())


def plane_at_level(level: Any, index: tuple[int, ...], leading: tuple[int, ...]) -> Any:
    """Return the plane of a smaller size of an array, which may have fewer planes as well.

    Parameters
    ----------
    level : array_like
        One size of the array.
    index : tuple of int
        Which plane of the full resolution, one number per leading axis.
    leading : tuple of int
        Lengths of the leading axes at full resolution.
    """
    here = (at * int(level.shape[axis]) // leading[axis] for axis, at in enumerate(index))
    return plane_of(level, tuple(here))


def mean_plane(level: Any, index: tuple[int, ...], leading: tuple[int, ...], axis: int) -> Any:
    """Return the mean of the planes along one of the leading axes, lazy if the array is.

    Parameters
    ----------
    level, index, leading
        As in `plane_at_level`.
    axis : int
        Whose number in `index` does not count.
    """
    planes = [
        plane_at_level(level, (*index[:axis], number, *index[axis + 1 :]), leading)
        for number in range(leading[axis])
    ]
    mean = _MeanPlane(planes)
    return mean if is_lazy(planes[0]) else mean[...]


class _MeanPlane:
    """The mean of planes, of which a part is read when it is sliced."""

    def __init__(self, planes: list[Any]) -> None:
        self._planes = planes
        self.shape, self.ndim = tuple(planes[0].shape), planes[0].ndim
        self.chunks = getattr(planes[0], "chunks", None)
        self.dtype = mean_type(planes[0].dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = np.stack([np.asarray(plane[key]) for plane in self._planes])
        return np.asarray(parts.mean(axis=0, dtype=self.dtype))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)


class _Plane:
    """A part of a lazy array that is read when it is sliced, which zarr would do at once."""

    def __init__(self, array: Any, index: tuple[int, ...]) -> None:
        self._array = array
        self._index = index
        lazy = bool(index) and is_sliced_by_dask(array)
        self._slices = slices_of(array, len(index)) if lazy else None
        self.shape = tuple(int(length) for length in array.shape[len(index) :])
        self.ndim = len(self.shape)
        self.dtype = np.dtype(array.dtype)
        chunks = getattr(array, "chunks", None)
        self.chunks = tuple(chunks)[len(index) :] if chunks else None

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        if self._slices is None:
            part = self._array[(*self._index, *key)]
        else:
            at, axis = self._index, self._slices.axis
            part = self._slices[at[axis]][(*at[:axis], *at[axis + 1 :], *key)]
        if hasattr(part, "compute"):
            part = part.compute(callbacks=())
        return np.asarray(part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)
