"""Volumes that are read window by window: chunks that are kept, and levels made of finer ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._images.pyramid.chunks import chunk_edges
from ..._images.pyramid.levels import Floats, Grid
from .motion import Shape

Box = tuple[slice, ...]
"""Slices along the three axes, from a first to after a last voxel."""
Chunk = tuple[int, ...]

# Arrays without chunks are read as if they had some of so many voxels a side.
_SIDE = 64
# So many are read at a time.
_THREADS = 4


class KeptChunks:
    """Chunks of all levels of a volume, up to so many bytes: those that were used last."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._chunks: OrderedDict[tuple[int, Chunk], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def get(self, level: int, chunk: Chunk) -> NDArray[Any] | None:
        """Return a chunk if it is there."""
        found = self._chunks.get((level, chunk))
        if found is not None:
            self._chunks.move_to_end((level, chunk))
        return found

    def put(self, level: int, chunk: Chunk, values: NDArray[Any]) -> None:
        """Keep a chunk, the last of all."""
        self._chunks[level, chunk] = values
        self._bytes += values.nbytes
        while self._bytes > self.most and len(self._chunks) > 1:
            self._bytes -= self._chunks.popitem(last=False)[1].nbytes


class Voxels(ABC):
    """A volume that is sliced like an array, and read where it is; NaN where nothing counts.

    Parameters
    ----------
    shape : tuple of int
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.size = prod(shape)

    @abstractmethod
    def __getitem__(self, box: Box) -> Floats:
        """Return a part in single precision."""

    @abstractmethod
    def expect(self, boxes: list[Box]) -> None:
        """Read what some parts are made of, at once."""

    @abstractmethod
    def settled(self, first: NDArray[np.int_], shape: Shape) -> NDArray[np.int_]:
        """Return where parts of a shape begin, moved to where they lie in fewer chunks, (n, 3)."""


class ChunkedVoxels(Voxels):
    """A lazy array, whose chunks are read whole and kept for a while.

    Parameters
    ----------
    array : lazy array, shape (d, h, w)
        Anything with a shape, a dtype and slices that numpy can take.
    kept : KeptChunks
    level : int
        Which of a volume's levels it is.
    counted : callable, optional
        Given a part, tells which of its voxels count.
    asked : callable, optional
        Called before anything is read; what it raises ends the reading.
    """

    def __init__(
        self,
        array: Any,
        kept: KeptChunks,
        level: int,
        *,
        counted: Callable[[Box], NDArray[np.bool_]] | None = None,
        asked: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(tuple(int(length) for length in array.shape))
        self._array, self._counted, self._asked = array, counted, asked
        self._kept, self._level = kept, level
        edges = chunk_edges(array, 3)
        self._edges = edges or [np.append(np.arange(0, n, _SIDE), n) for n in self.shape]
        largest = prod(int(np.diff(along).max()) for along in self._edges)
        self._most = kept.most // (largest * np.dtype(array.dtype).itemsize)

    def __getitem__(self, box: Box) -> Floats:
        out = np.empty([part.stop - part.start for part in box], np.float32)
        for chunk in self._below(box):
            own = self._box(chunk)
            shared = [
                slice(max(a.start, b.start), min(a.stop, b.stop))
                for a, b in zip(box, own, strict=True)
            ]
            values = self._chunk(chunk)[_within(shared, own)]
            out[_within(shared, box)] = values
        if self._counted is not None:
            out[~self._counted(box)] = np.nan
        out[~np.isfinite(out)] = np.nan
        return out

    def expect(self, boxes: list[Box]) -> None:
        """Read the chunks of some parts, as many of them as can be kept."""
        wanted = dict.fromkeys(chunk for box in boxes for chunk in self._below(box))
        missing = [chunk for chunk in wanted if self._kept.get(self._level, chunk) is None]
        for chunk, values in self._read_all(missing[: self._most]):
            self._kept.put(self._level, chunk, values)

    def settled(self, first: NDArray[np.int_], shape: Shape) -> NDArray[np.int_]:
        """Return where parts of a shape begin, moved into one chunk each where they fit."""
        out = first.copy()
        for axis, (edges, side) in enumerate(zip(self._edges, shape, strict=True)):
            chunk = np.searchsorted(edges, first[:, axis] + side // 2, "right") - 1
            low, high = (edges[np.clip(chunk + k, 0, len(edges) - 1)] for k in (0, 1))
            inside = np.clip(first[:, axis], low, np.maximum(low, high - side))
            out[:, axis] = np.where(high - low >= side, inside, first[:, axis])
        return out

    def chunks(self) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Yield each chunk, and where it lies, once."""
        everywhere = tuple(slice(0, n) for n in self.shape)
        for chunk, values in self._read_all(list(self._below(everywhere))):
            box = self._box(chunk)
            if self._counted is not None:
                values = np.where(self._counted(box), values, np.nan)
            yield box, values

    def _read_all(self, chunks: list[Chunk]) -> Iterator[tuple[Chunk, NDArray[Any]]]:
        with ThreadPoolExecutor(_THREADS) as threads:
            for first in range(0, len(chunks), _THREADS):
                some = chunks[first : first + _THREADS]
                self._asked()
                yield from zip(some, threads.map(self._read, some), strict=True)

    def _below(self, box: Box) -> Iterator[Chunk]:
        return product(
            *(
                range(
                    int(np.searchsorted(edges, part.start, "right")) - 1,
                    int(np.searchsorted(edges, part.stop - 1, "right")),
                )
                for edges, part in zip(self._edges, box, strict=True)
            )
        )

    def _box(self, chunk: Chunk) -> Box:
        return tuple(
            slice(int(edges[k]), int(edges[k + 1]))
            for k, edges in zip(chunk, self._edges, strict=True)
        )

    def _chunk(self, chunk: Chunk) -> NDArray[Any]:
        found = self._kept.get(self._level, chunk)
        if found is None:
            self._asked()
            found = self._read(chunk)
            self._kept.put(self._level, chunk, found)
        return found

    def _read(self, chunk: Chunk) -> NDArray[Any]:
        part = self._array[self._box(chunk)]
        if hasattr(part, "compute"):
            # In this thread: a pool of threads for each chunk would be one too many.
            part = part.compute(scheduler="synchronous")
        return np.asarray(part)


def _within(box: list[slice], outer: Box) -> Box:
    return tuple(
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, outer, strict=True)
    )


class HalvedVoxels(Voxels):
    """Every other voxel along one axis of a finer level, smoothed.

    Parameters
    ----------
    finer : Voxels or ndarray
    axis : int
    halved : callable
        Halves a part in memory along an axis.
    """

    def __init__(
        self,
        finer: Voxels | NDArray[Any],
        axis: int,
        halved: Callable[[NDArray[Any], int], Floats],
    ) -> None:
        shape = list(finer.shape)
        shape[axis] = (shape[axis] + 1) // 2
        super().__init__(tuple(shape))
        self._finer, self._axis, self._halved = finer, axis, halved

    def __getitem__(self, box: Box) -> Floats:
        larger = self._larger(box)
        first = box[self._axis].start - larger[self._axis].start // 2
        count = box[self._axis].stop - box[self._axis].start
        half = self._halved(self._finer[larger], self._axis)
        return half.take(range(first, first + count), self._axis)

    def expect(self, boxes: list[Box]) -> None:
        """Read what some parts are made of."""
        if isinstance(self._finer, Voxels):
            self._finer.expect([self._larger(box) for box in boxes])

    def settled(self, first: NDArray[np.int_], shape: Shape) -> NDArray[np.int_]:
        """Return where parts begin, as they are."""
        return first

    def _larger(self, box: Box) -> Box:
        part = box[self._axis]
        # From an even voxel on, so that the same ones are left; what is beyond is mirrored.
        low = max(0, 2 * part.start - 4)
        high = min(self._finer.shape[self._axis], 2 * part.stop + 3)
        return (*box[: self._axis], slice(low, high), *box[self._axis + 1 :])


class ResampledVoxels(Voxels):
    """A level between whose voxels another one's lie.

    Parameters
    ----------
    source : Voxels or ndarray
    shape : tuple of int
    grid : Grid
        Where its voxels lie in the source, by (z, y, x); beyond the outermost one is the nearest.
    """

    def __init__(self, source: Voxels | NDArray[Any], shape: Shape, grid: Grid) -> None:
        super().__init__(shape)
        self._source, self._grid = source, grid

    def __getitem__(self, box: Box) -> Floats:
        places, below = self._places(box)
        values = np.asarray(self._source[below], np.float32)
        for axis, (at, part) in enumerate(zip(places, below, strict=True)):
            low = np.minimum(at.astype(int), part.stop - 1)
            high = np.minimum(low + 1, part.stop - 1)
            share = (at - low).astype(np.float32).reshape([-1] + [1] * (2 - axis))
            first = values.take(low - part.start, axis)
            if share.any():
                second = values.take(high - part.start, axis)
                values = first + share * (second - first)
                # Beside what does not count, the nearest voxel speaks for itself.
                missing = np.isnan(values)
                values[missing] = np.where(share < 0.5, first, second)[missing]
            else:
                values = first
        return values

    def expect(self, boxes: list[Box]) -> None:
        """Read what some parts are made of."""
        if isinstance(self._source, Voxels):
            self._source.expect([self._places(box)[1] for box in boxes])

    def settled(self, first: NDArray[np.int_], shape: Shape) -> NDArray[np.int_]:
        """Return where parts begin, moved to where the source's lie in fewer chunks."""
        if not isinstance(self._source, Voxels) or np.abs(self._grid.step - 1).max() > 0.1:
            return first
        start = np.floor(self._grid.start).astype(int)
        larger = tuple(n + 2 for n in shape)
        return np.asarray(self._source.settled(first + start, larger) - start)

    def _places(self, box: Box) -> tuple[list[NDArray[np.float64]], Box]:
        """Return where voxels of a part lie along each axis of the source, and what is read."""
        places, below = [], []
        for axis, part in enumerate(box):
            at = self._grid.start[axis] + self._grid.step[axis] * np.arange(part.start, part.stop)
            at = np.clip(at, 0, self._source.shape[axis] - 1)
            places.append(at)
            stop = min(int(at[-1]) + 2, self._source.shape[axis])
            below.append(slice(int(at[0]), stop))
        return places, tuple(below)
