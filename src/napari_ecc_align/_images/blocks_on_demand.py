"""Images that are drawn block by block, when and where somebody looks.

Needs dask, which napari brings along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    import dask.array as da

_CHUNK = 1024


class Window:
    """A lazy array whose parts are computed here and now, in the thread that asks for them.

    A block of a dask array is computed in one of dask's threads; the parts it needs must not start
    a pool of threads each, nor call hooks, which are seldom made for many threads. Being no dask
    collection, it is not computed whole by `map_blocks`.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = tuple(int(length) for length in array.shape)
        self.ndim = len(self.shape)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part = self._array[key]
        if hasattr(part, "compute"):
            part = part.compute(scheduler="synchronous", callbacks=())
        return np.asarray(part)


def drawn_in_blocks(
    draw: Callable[..., NDArray[Any]],
    shape: tuple[int, ...],
    dtype: DTypeLike,
    chunk: tuple[int, ...] = (_CHUNK, _CHUNK),
) -> da.Array:
    """Return an image of which each block is drawn when it is looked at.

    Parameters
    ----------
    draw : callable
        Given a slice along each axis that has chunks, returns what belongs there.
    shape : tuple of int
        Height and width of the image, and its channels, if it has any; or of a volume.
    dtype : dtype
        Of the image.
    chunk : tuple of int
        Of the blocks along the first axes.

    Returns
    -------
    dask.array.Array
        In such chunks.
    """
    import dask.array as da

    def block(block_info: Any = None) -> NDArray[Any]:
        where = block_info[None]["array-location"][: len(chunk)]
        return draw(*(slice(start, stop) for start, stop in where))

    chunks: Any = da.core.normalize_chunks((*chunk, *shape[len(chunk) :]), shape)
    return da.map_blocks(
        block,
        dtype=dtype,
        chunks=chunks,
        # A name of our own, or dask would read the whole source to make one up.
        name=f"drawn-{uuid4().hex}",
        meta=np.empty((0,) * len(chunks), dtype),
    )
