"""Align two volumes of 1024 x 4096 x 4096 voxels that are not in memory, and say what it took.

python tests/benchmarks/large_volumes.py [--shape 1024 4096 4096] [--chunk 64 128 128] [--dask]
                                         [--store FOLDER]

The volumes are pyramids of uint16 (34 GB at full resolution): noise of three sizes, the second
turned, scaled and shifted. A chunk is made when it is first asked for, and then lies in a file of
its own: they are aligned once to have the chunks made, which takes minutes, and once more with
these on the disk, which is what is told. A folder given by --store keeps them for the next time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from threading import get_ident
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


class Stored:
    """A level of a pyramid in chunks, each in a file, made where there is none; counts both."""

    def __init__(
        self,
        grains: Grains,
        shape: tuple[int, ...],
        chunk: tuple[int, ...],
        matrix: Floats,
        step: int,
        folder: Path,
    ) -> None:
        self.shape, self.ndim, self.dtype, self.chunks = shape, 3, np.dtype(np.uint16), chunk
        self._grains, self._matrix, self._step = grains, matrix, step
        self._folder = folder / f"{step}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.voxels, self.made = 0, 0

    def __getitem__(self, box: tuple[slice, ...]) -> Floats:
        ends = [part.indices(n)[:2] for part, n in zip(box, self.shape, strict=True)]
        first = np.array([low for low, _ in ends])
        shape = tuple(high - low for low, high in ends)
        path = self._folder / f"{'-'.join(map(str, (*first, *shape)))}"
        if path.exists():
            voxels = np.fromfile(path, np.uint16).reshape(shape)
        else:
            voxels = self._grains.part(first, shape, self._matrix, self._step)
            self.made += 1
            _write(path, voxels)
        self.voxels += voxels.size
        return voxels


def _write(path: Path, voxels: Floats) -> None:
    """Write a chunk such that it is read from the disk again."""
    waiting = path.with_suffix(f".{get_ident()}")
    with waiting.open("wb") as file:
        voxels.tofile(file)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    waiting.replace(path)


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
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(given, Path(given.store or folder))


def measure(given: argparse.Namespace, folder: Path) -> None:
    """Align twice, if need be, and print the figures of the time that made no chunk."""
    shape, chunk, grains = tuple(given.shape), tuple(given.chunk), Grains()
    known, pair = truth(shape), []
    for name, matrix in (("reference", np.eye(4)), ("moving", np.linalg.inv(known))):
        steps = [2**k for k in range(9) if min(shape) >> k >= 16]
        there = folder / "-".join(map(str, (*shape, *chunk, name)))
        pair.append(
            [Stored(grains, tuple(n // s for n in shape), chunk, matrix, s, there) for s in steps]
        )
    images: list[Any] = pair
    if given.dask:
        import dask.array as da

        images = [
            [da.from_array(one, one.chunks, name=f"{id(one)}") for one in levels]
            for levels in pair
        ]
    small = np.random.default_rng(0).normal(size=(48, 48, 48))
    align_volume(small, small)  # imports are not what is measured
    levels = [one for levels in pair for one in levels]
    while True:
        for one in levels:
            one.begin()
        before, began, busy = _memory(reset=True), time.perf_counter(), time.process_time()
        result = align_volume(*images, model="affine")
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        making = sum(one.made for one in levels)
        if not making:
            break
        print(f"{making} chunks made, {seconds:.0f} s; once more", flush=True)
    found, ends = _FLIPPED @ result.transform.matrix @ _FLIPPED, corners(shape)
    gaps = mapped(found, ends) - mapped(known, ends)
    print(f"{result.verdict}: {result.reason}")
    print(
        f"error {np.sqrt((gaps**2).sum(axis=1).mean()):.4f}, sigma {result.corner_uncertainty:.4f}"
    )
    print(f"{seconds:.1f} s, {busy:.1f} processor s, the chunks read from the disk")
    print(f"{(_memory() - before) / 1e6:.0f} MB more")
    for name, levels in zip(("reference", "moving"), pair, strict=True):
        read = [one.voxels / np.prod(shape) for one in levels]
        print(f"{name}: {sum(read):.2%} of the voxels read, of full resolution {read[0]:.2%}")


if __name__ == "__main__":
    main()
