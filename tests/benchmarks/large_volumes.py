"""Align two volumes of 1024 x 4096 x 4096 voxels that are not in memory, and say what it took.

python tests/benchmarks/large_volumes.py [--shape 1024 4096 4096] [--chunk 64 128 128] [--dask]

The volumes are pyramids of uint16 (34 GB at full resolution) whose chunks are made where they are
read: noise of three sizes, the second turned, scaled and shifted. Making a chunk takes longer than
reading one from a disk, so the seconds of that are told apart.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from large import _memory
from numpy.typing import NDArray
from scipy import ndimage

from napari_ecc_align import align_volume
from napari_ecc_align._align.volume.motion import corners, mapped, rotation

Floats = NDArray[Any]
# Voxels of a grain, and its weight; each size is turned otherwise.
GRAINS = ((90.0, 1.0), (23.0, 0.8), (6.0, 0.6))
_FLIPPED = np.eye(4)[[2, 1, 0, 3]]


class Grains:
    """Noise without end, sampled at exact coordinates."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._noise = rng.random((64, 64, 64)).astype(np.float32)
        self._turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in GRAINS]

    def part(self, first: Floats, shape: tuple[int, ...], matrix: Floats, step: int) -> Floats:
        """Return voxels of a level whose originals lie at ``matrix @ (z, y, x, 1)``."""
        out = np.zeros(shape, np.float32)
        begin = mapped(matrix, first * step + (step - 1) / 2)
        for (size, weight), turn in zip(GRAINS, self._turns, strict=True):
            if size < 1.5 * step:
                out += weight / 2
                continue
            one = np.empty(shape, np.float32)
            ndimage.affine_transform(
                self._noise, turn @ matrix[:3, :3] * step / size, np.mod(turn @ begin / size, 64),
                output=one, order=1, mode="grid-wrap", prefilter=False,
            )  # fmt: skip
            out += weight * one
        return np.clip(np.rint(out * 25_000), 0, 65_535).astype(np.uint16)


class Made:
    """A level of a pyramid in chunks, each made where it is sliced; counts what it makes."""

    def __init__(
        self,
        grains: Grains,
        shape: tuple[int, ...],
        chunk: tuple[int, ...],
        matrix: Floats,
        step: int,
    ) -> None:
        self.shape, self.ndim, self.dtype, self.chunks = shape, 3, np.dtype(np.uint16), chunk
        self._grains, self._matrix, self._step = grains, matrix, step
        self.voxels, self.seconds = 0, 0.0

    def __getitem__(self, box: tuple[slice, ...]) -> Floats:
        began = time.thread_time()
        ends = [part.indices(n)[:2] for part, n in zip(box, self.shape, strict=True)]
        first = np.array([low for low, _ in ends])
        shape = tuple(high - low for low, high in ends)
        made = self._grains.part(first, shape, self._matrix, self._step)
        self.voxels += made.size
        self.seconds += time.thread_time() - began
        return made


def truth(shape: tuple[int, ...]) -> Floats:
    """Return how the second volume lies: (z, y, x) of the first to it."""
    matrix, centre = np.eye(4), (np.array(shape) - 1) / 2
    matrix[:3, :3] = rotation(np.deg2rad([1.5, -0.6, 0.9])) @ np.diag([1.004, 0.998, 1.002])
    shifted = centre + np.array([14.3, -60.2, 41.7])
    matrix[:3, 3] = shifted - matrix[:3, :3] @ centre
    return matrix


def main() -> None:
    """Align once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(1024, 4096, 4096))
    parser.add_argument("--chunk", type=int, nargs=3, default=(64, 128, 128))
    parser.add_argument("--dask", action="store_true")
    given = parser.parse_args()
    shape, chunk, grains = tuple(given.shape), tuple(given.chunk), Grains()
    known, pair = truth(shape), []
    for matrix in (np.eye(4), np.linalg.inv(known)):
        steps = [2**k for k in range(9) if min(shape) >> k >= 16]
        pair.append([Made(grains, tuple(n // s for n in shape), chunk, matrix, s) for s in steps])
    images: list[Any] = pair
    if given.dask:
        import dask.array as da

        images = [
            [da.from_array(one, one.chunks, name=f"{id(one)}") for one in levels]
            for levels in pair
        ]
    small = np.random.default_rng(0).normal(size=(48, 48, 48))
    align_volume(small, small)  # imports are not what is measured
    before, began, busy = _memory(reset=True), time.perf_counter(), time.process_time()
    result = align_volume(*images, model="affine")
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    making = sum(one.seconds for levels in pair for one in levels)
    found, ends = _FLIPPED @ result.transform.matrix @ _FLIPPED, corners(shape)
    gaps = mapped(found, ends) - mapped(known, ends)
    print(f"{result.verdict}: {result.reason}")
    print(
        f"error {np.sqrt((gaps**2).sum(axis=1).mean()):.4f}, sigma {result.corner_uncertainty:.4f}"
    )
    print(f"{seconds:.0f} s; processor: {busy - making:.1f} s, and {making:.1f} s to make chunks")
    print(f"{(_memory() - before) / 1e6:.0f} MB more")
    for name, levels in zip(("reference", "moving"), pair, strict=True):
        read = [one.voxels / np.prod(shape) for one in levels]
        print(f"{name}: {sum(read):.2%} of the voxels read, of full resolution {read[0]:.2%}")


if __name__ == "__main__":
    main()
