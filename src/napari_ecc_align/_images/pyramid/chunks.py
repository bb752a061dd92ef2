"""Arrays that are read window by window, and where the pixels of given levels lie."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from .levels import Bools, Image, Window
from .windows import WindowReader

# Chunks of at most so many bytes are read whole and kept, up to so many bytes.
_CHUNK_BYTES = 2**25
_KEPT_BYTES = 3 * 2**24
# Arrays without chunks are read in strips of so many rows.
_STRIP = 512


class ChunkedArray(WindowReader):
    """A lazy array of one or more channels as a gray image.

    Parameters
    ----------
    array : lazy array, shape (h, w) or (h, w, c)
        Anything with a shape, a dtype and slices that numpy can take.
    gray : callable
        Turns a window of the array, in the machine's byte order, into one channel.
    mask : callable, optional
        Given a window of this array, tells which of its pixels count.
    opacity : bool, default: True
        A fourth channel is opacity: where it is 0 there is no data.
    """

    def __init__(
        self,
        array: Any,
        gray: Callable[[NDArray[Any]], Image],
        mask: Callable[[Window], Bools] | None = None,
        *,
        opacity: bool = True,
    ) -> None:
        self._array = array
        self._gray = gray
        self._mask = mask
        self.shape = int(array.shape[0]), int(array.shape[1])
        native = np.dtype(array.dtype).newbyteorder("=")
        self._opacity = opacity and len(array.shape) == 3 and array.shape[2] == 4
        self.dtype = gray(np.zeros((1, 1, *array.shape[2:]), native)).dtype
        self.masked = native.kind == "f" or self._opacity or mask is not None
        self._edges = chunk_edges(array, 2)
        self._chunks: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._room = 0
        if self._edges is not None:
            largest = int(np.prod([np.diff(edges).max() for edges in self._edges]))
            size = largest * native.itemsize * int(np.prod(array.shape[2:]))
            self._room = _KEPT_BYTES // size if size <= _CHUNK_BYTES else 0

    def read(self, window: Window) -> tuple[Image, Bools | None]:
        """Return the gray pixels of a window and which of them count."""
        pixels = self._pixels(window)
        values = self._gray(pixels)
        if not self.masked:
            return values, None
        valid = np.ones(values.shape, bool)
        if self._opacity:
            valid &= pixels[..., 3] > 0
        if values.dtype.kind == "f":
            valid &= np.isfinite(values)
        if self._mask is not None:
            valid &= self._mask(window)
        return values, valid

    def order(self, first: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return an order in which to read at some (x, y), (n, 2), each chunk only once."""
        if self._edges is None:
            return super().order(first)
        rows, columns = (
            np.searchsorted(edges, at, "right")
            for edges, at in zip(self._edges, first.T[::-1], strict=True)
        )
        return np.lexsort((columns, rows))

    def at_hand(self, corners: NDArray[np.float64]) -> Bools:
        """Tell which boxes, (n, 4, 2) by the (x, y) of their corners, are in memory already.

        Boxes are smaller than chunks; what has none is never in memory.
        """
        if self._edges is None or not self._room:
            return np.zeros(len(corners), bool)
        rows, columns = self._edges
        kept = np.zeros((len(rows) + 1, len(columns) + 1), bool)
        for i, j in self._chunks:
            kept[i + 1, j + 1] = True
        x, y = np.moveaxis(np.floor(corners), -1, 0)
        at = np.searchsorted(rows, y, "right"), np.searchsorted(columns, x, "right")
        return np.asarray(kept[at].all(axis=1))

    def strips(self) -> Iterator[tuple[int, int]]:
        """Yield rows y0:y1 that cover the image, each whole chunks."""
        height = self.shape[0]
        edges = self._edges
        cuts = range(0, height, _STRIP) if edges is None else edges[0].tolist()[:-1]
        top = 0
        for cut in [*cuts[1:], height]:
            if cut - top >= min(_STRIP, height - top):
                yield top, cut
                top = cut

    def _pixels(self, window: Window) -> NDArray[Any]:
        y0, y1, x0, x1 = window
        if self._edges is None or y1 <= y0 or x1 <= x0:
            return _loaded(self._array[y0:y1, x0:x1])
        rows, columns = self._edges
        first, last = (int(np.searchsorted(rows, y, "right")) - 1 for y in (y0, y1 - 1))
        begin, end = (int(np.searchsorted(columns, x, "right")) - 1 for x in (x0, x1 - 1))
        if (last - first + 1) * (end - begin + 1) > min(9, self._room):
            return _loaded(self._array[y0:y1, x0:x1])
        across = []
        for i in range(first, last + 1):
            row = []
            for j in range(begin, end + 1):
                top, bottom = rows[i : i + 2].tolist()
                left, right = columns[j : j + 2].tolist()
                chunk = self._chunk((i, j), slice(top, bottom), slice(left, right))
                row.append(chunk[max(0, y0 - top) : y1 - top, max(0, x0 - left) : x1 - left])
            # Not a copy of all of a large chunk for the sake of a small window.
            across.append(row[0] if len(row) == 1 else np.concatenate(row, axis=1))
        return across[0] if len(across) == 1 else np.concatenate(across)

    def _chunk(self, number: tuple[int, int], rows: slice, columns: slice) -> NDArray[Any]:
        found = self._chunks.pop(number, None)
        if found is None:
            found = _loaded(self._array[rows, columns])
        self._chunks[number] = found
        if len(self._chunks) > self._room:
            self._chunks.popitem(last=False)
        return found


def chunk_edges(array: Any, axes: int) -> list[NDArray[np.int_]] | None:
    """Return where chunks begin and end along the first so many axes; None without chunks."""
    chunks = getattr(array, "chunks", None)
    if not isinstance(chunks, (tuple, list)) or len(chunks) != len(array.shape):
        return None
    return [
        np.concatenate([[0], np.cumsum(along)]).astype(int)
        if isinstance(along, (tuple, list))
        else np.append(np.arange(0, int(length), max(1, int(along))), int(length))
        for along, length in zip(chunks[:axes], array.shape[:axes], strict=True)
    ]


def mask_reader(mask: Any, step: tuple[float, float]) -> Callable[[Window], Bools]:
    """Return what tells the valid pixels of a level of `shape` from a full-resolution mask.

    Parameters
    ----------
    mask : array or lazy array, shape (h, w)
        What is not 0 counts.
    step : tuple of float
        Full-resolution pixels per pixel of the level, by (x, y).
    """
    limits = np.array([mask.shape[1], mask.shape[0]])

    def read(window: Window) -> Bools:
        y0, y1, x0, x1 = window
        if max(step) == 1:
            return np.asarray(_loaded(mask[y0:y1, x0:x1]) != 0)
        # A pixel counts where all it may have been made of does, wherever exactly it lies.
        first = np.clip(np.floor(np.multiply(step, (x0 - 1, y0 - 1))), 0, limits).astype(int)
        last = np.clip(np.ceil(np.multiply(step, (x1 + 1, y1 + 1))), 0, limits).astype(int)
        (left, top), (right, bottom) = first.tolist(), last.tolist()
        part = (_loaded(mask[top:bottom, left:right]) != 0).view(np.uint8)
        reach = [int(np.ceil(length)) for length in step]
        element = np.ones((2 * reach[1] + 1, 2 * reach[0] + 1), np.uint8)
        inner = cv2.erode(part, element)
        rows = np.rint((np.arange(y0, y1) + 0.5) * step[1]).astype(int) - top
        columns = np.rint((np.arange(x0, x1) + 0.5) * step[0]).astype(int) - left
        rows = np.clip(rows, 0, bottom - top - 1)
        columns = np.clip(columns, 0, right - left - 1)
        return np.asarray(inner[np.ix_(rows, columns)].view(bool))

    return read


def _loaded(part: Any) -> NDArray[Any]:
    """Return a part of a lazy array in memory, in the machine's byte order."""
    array = np.asarray(part)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype == bool:
        array = array.view(np.uint8)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
