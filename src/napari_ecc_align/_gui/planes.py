"""Planes of stacks that are not in memory: no pixel is read before it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import is_lazy


def plane_of(stack: Any, index: tuple[int, ...]) -> Any:
    """Return one plane of an array, lazy if the array is.

    Parameters
    ----------
    stack : array_like
        Of any kind that napari shows: numpy, dask, zarr, h5py ...
    index : tuple of int
        One number for each of its first axes.
    """
    # Where dask gives a part that is still lazy, others would read it here and now.
    if not index or not is_lazy(stack) or hasattr(stack, "compute"):
        return stack[index] if index else stack
    return _Plane(stack, index)


class _Plane:
    def __init__(self, stack: Any, index: tuple[int, ...]) -> None:
        self._stack = stack
        self._index = index
        self.shape = tuple(int(length) for length in stack.shape[len(index) :])
        self.ndim = len(self.shape)
        self.dtype = np.dtype(stack.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        return np.asarray(self._stack[(*self._index, *key)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._stack[self._index], dtype=dtype)
