"""Align a pair of 20 000 x 20 000 pixels that stays on disk, and say what it took.

Run ``python large.py`` for a table: seconds, extra memory, how much of the full resolution was
read, and how far off the answer is. The images are made of scikit-image's own pictures on several
scales, at exact coordinates, and written in chunks to a temporary folder.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CHUNK = 512
SIDE = 20_000
# Picture, full-resolution pixels per pixel of it, rotation in radians, weight.
LAYERS = (
    ("camera", 41.0, 0.0, 0.9),
    ("coins", 17.3, 0.5, 0.7),
    ("gravel", 5.3, 1.1, 0.6),
    ("page", 3.1, 0.2, 0.5),
    ("grass", 2.3, 2.0, 0.4),
)
MASKED = 10


def truth(side: int) -> NDArray[np.float64]:
    """Return an affine transform, reference (x, y, 1) to moving, of some hundred pixels."""
    angle, growth = 0.01, 1.004
    turn = growth * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.array([[1.0, 0.002], [0.0, 0.999]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn
    middle = np.full(2, side / 2)
    matrix[:2, 2] = middle - turn @ middle + (0.004 * side + 0.37, -0.003 * side + 0.81)
    return matrix


class Scene:
    """A picture without end, sampled at exact coordinates."""

    def __init__(self) -> None:
        from skimage import data

        self._layers = []
        for name, scale, angle, weight in LAYERS:
            image = np.asarray(getattr(data, name)(), np.float32)
            image = cv2.GaussianBlur(image, (0, 0), 0.7)
            image = (image - image.mean()) / image.std()
            # Mirrored at its edges, so that it goes on without a seam.
            tile = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            self._layers.append((np.pad(tile, 2, mode="wrap"), turn / scale, weight))

    def rows(self, y0: int, y1: int, width: int, matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return rows y0:y1 of an image whose pixels lie at ``matrix @ (x, y, 1)``."""
        out = np.empty((y1 - y0, width), np.uint8)
        for x0 in range(0, width, CHUNK):
            x1 = min(width, x0 + CHUNK)
            y, x = np.mgrid[y0:y1, x0:x1].astype(np.float64)
            at = np.stack([x, y], -1) @ matrix[:2, :2].T + matrix[:2, 2]
            total = np.full(x.shape, 128.0, np.float32)
            for tile, turn, weight in self._layers:
                height, breadth = np.array(tile.shape) - 4
                where = at @ turn.T
                total += (
                    22
                    * weight
                    * cv2.remap(
                        tile,
                        (where[..., 0] % breadth + 2).astype(np.float32),
                        (where[..., 1] % height + 2).astype(np.float32),
                        cv2.INTER_LINEAR,
                    )
                )
            out[:, x0:x1] = np.clip(np.rint(total), 0, 255)
        return out


class Chunked:
    """An image in a file of square chunks, read only where it is sliced; counts what it reads."""

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.ndim = 2
        self.dtype = np.dtype(np.uint8)
        self.chunks = (CHUNK, CHUNK)
        self.asked = 0
        self.read: dict[tuple[int, int], int] = {}
        self._across = -(-shape[1] // CHUNK)
        self._file = path.open("rb")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return self[: self.shape[0], : self.shape[1]]

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[np.uint8]:
        (y0, y1, v), (x0, x1, u) = (
            part.indices(length) for part, length in zip(key, self.shape, strict=True)
        )
        out = np.empty((y1 - y0, x1 - x0), np.uint8)
        for i in range(y0 // CHUNK, -(-y1 // CHUNK)):
            for j in range(x0 // CHUNK, -(-x1 // CHUNK)):
                top, left = i * CHUNK, j * CHUNK
                chunk = self._chunk(i, j)
                rows = slice(max(y0, top), min(y1, top + CHUNK))
                columns = slice(max(x0, left), min(x1, left + CHUNK))
                out[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0] = (
                    chunk[
                        rows.start - top : rows.stop - top,
                        columns.start - left : columns.stop - left,
                    ]
                )
        self.asked += out.size
        return out[::v, ::u]

    def _chunk(self, i: int, j: int) -> NDArray[np.uint8]:
        self.read[i, j] = self.read.get((i, j), 0) + 1
        self._file.seek((i * self._across + j) * CHUNK * CHUNK)
        return np.frombuffer(self._file.read(CHUNK * CHUNK), np.uint8).reshape(CHUNK, CHUNK)

    @property
    def share(self) -> float:
        """Share of the pixels in the chunks that were read, once or more."""
        return len(self.read) * CHUNK * CHUNK / (self.shape[0] * self.shape[1])


def levels_of(side: int) -> list[int]:
    """Return the sides of the pyramid that is written."""
    sides = [side]
    while sides[-1] > 400:
        sides.append(sides[-1] // 2)
    return sides


def write(folder: Path, name: str, side: int, matrix: NDArray[np.float64]) -> None:
    """Write an image and its pyramid by means of squares."""
    scene, sides = Scene(), levels_of(side)
    half = np.empty((sides[1], sides[1]), np.uint8)
    with (folder / f"{name}-{side}").open("wb") as file:
        for y0 in range(0, side, CHUNK):
            rows = scene.rows(y0, min(side, y0 + CHUNK), side, matrix)
            part = _mean(rows)[:, : sides[1]]
            half[y0 // 2 : y0 // 2 + len(part)] = part
            _write_strip(file, rows)
    for below in sides[1:]:
        with (folder / f"{name}-{below}").open("wb") as file:
            for y0 in range(0, below, CHUNK):
                _write_strip(file, half[y0 : y0 + CHUNK])
        half = _mean(half)


def _mean(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    even = rows[: len(rows) // 2 * 2, : rows.shape[1] // 2 * 2]
    total = even.reshape(len(even) // 2, 2, -1, 2).astype(np.uint16).sum(axis=(1, 3))
    return ((total + 2) // 4).astype(np.uint8)


def _write_strip(file: Any, rows: NDArray[np.uint8]) -> None:
    padded = np.zeros((CHUNK, -(-rows.shape[1] // CHUNK) * CHUNK), np.uint8)
    padded[: len(rows), : rows.shape[1]] = rows
    for x0 in range(0, padded.shape[1], CHUNK):
        file.write(padded[:, x0 : x0 + CHUNK].tobytes())


def measure(folder: Path, side: int, kind: str) -> dict[str, Any]:
    """Align once in this process and return the figures."""
    from napari_ecc_align import align
    from napari_ecc_align._transform.coordinates import corner_error

    pair = []
    for name in ("reference", "moving"):
        sides = levels_of(side) if kind != "plain" else [side]
        pair.append([Chunked(folder / f"{name}-{s}", (s, s)) for s in sides])
    images: list[Any] = [levels if len(levels) > 1 else levels[0] for levels in pair]
    if kind == "dask":
        import dask.array as da

        images = [
            [da.from_array(level, chunks=level.chunks) for level in levels] for levels in pair
        ]
    small = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    align(small, small)  # imports are not what is measured
    # What was freed but not given back would hide what is needed.
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    before = _memory(reset=True)
    began = time.perf_counter()
    result = align(*images)
    seconds = time.perf_counter() - began
    return {
        "kind": kind,
        "seconds": seconds,
        "extra MB": (_memory() - before) / 1e6,
        "chunks read": max(levels[0].share for levels in pair),
        "pixels asked": max(levels[0].asked for levels in pair) / side**2,
        "most reads": max(max(levels[0].read.values(), default=0) for levels in pair),
        "error": corner_error(result.transform.matrix, truth(side), (side, side)),
        "uncertainty": result.corner_uncertainty,
        "verdict": result.verdict,
        "start": result.start,
    }


def _memory(*, reset: bool = False) -> int:
    """Return the most bytes of memory held so far, since the last reset."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Write the pair, measure each kind in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--folder", type=Path, help="keep the images here")
    parser.add_argument("--kinds", nargs="+", default=["pyramid", "dask", "plain"])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder, options.side, options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / f"moving-{options.side}").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write(folder, "reference", options.side, np.eye(3))
            write(folder, "moving", options.side, np.linalg.inv(truth(options.side)))
        for kind in options.kinds:
            command = [sys.executable, __file__, "--measure", kind]
            command += ["--side", str(options.side), "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(done.stderr)
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            print(
                *(
                    f"{k}: {v:.4g}" if isinstance(v, float) else f"{k}: {v}"
                    for k, v in figures.items()
                ),
                sep=", ",
            )


if __name__ == "__main__":
    main()
