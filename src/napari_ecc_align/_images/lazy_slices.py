"""Slices of a dask array along one axis, each with no more of its graph than it needs."""

from __future__ import annotations

import sys
from itertools import product
from typing import Any
from weakref import WeakValueDictionary

import numpy as np


def is_sliced_by_dask(pixels: Any) -> bool:
    """Tell whether something is a dask array whose chunks are known, without loading dask."""
    dask = sys.modules.get("dask.array")
    known = dask is not None and isinstance(pixels, dask.Array)
    return known and not np.isnan(pixels.shape).any()


_KEPT: WeakValueDictionary[str, LazySlices] = WeakValueDictionary()


def slices_of(array: Any, axes: int) -> LazySlices:
    """Return the slices of a dask array along that of its first axes with most chunks.

    The same ones as long as somebody has them.
    """
    kept = _KEPT.get(array.name)
    if kept is None or kept.axis >= axes:
        counts = array.numblocks[:axes]
        kept = LazySlices(array, counts.index(max(counts)))
        _KEPT[array.name] = kept
    return kept


class LazySlices:
    """A dask array, sliced along one axis.

    Dask goes over the whole graph for each slice that is computed. Of an array that many readers
    make, a frame each, this takes a second of thousands; here it is gone over once.

    Parameters
    ----------
    array : dask.array.Array
        Its chunks are known.
    axis : int, default: 0
        The axis that is sliced.
    """

    def __init__(self, array: Any, axis: int = 0) -> None:
        self._array, self.axis = array, axis
        self._ends = np.cumsum(array.chunks[axis])
        self._tasks: dict[Any, Any] | None = None

    def __getitem__(self, index: int) -> Any:
        """Return one slice, a dask array without that axis."""
        import dask.array as da
        from dask.optimization import cull

        array, axis = self._array, self.axis
        if self._tasks is None:
            self._tasks = dict(array.__dask_graph__())
        block = int(np.searchsorted(self._ends, index, side="right"))
        length = array.chunks[axis][block]
        places = [range(count) for count in array.numblocks]
        places[axis] = range(block, block + 1)
        keys = [(array.name, *place) for place in product(*places)]
        tasks, _ = cull(self._tasks, keys)
        name = f"{array.name}-{axis}-{block}"
        places[axis] = range(1)
        for place, key in zip(product(*places), keys, strict=True):
            tasks[name, *place] = (_itself, key)
        chunks = (*array.chunks[:axis], (length,), *array.chunks[axis + 1 :])
        one = da.Array(tasks, name, chunks, dtype=array.dtype, meta=array._meta)
        return one[(slice(None),) * axis + (index - int(self._ends[block]) + length,)]


def _itself(block: Any) -> Any:
    return block
