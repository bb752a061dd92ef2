"""Drifting films with a known truth: frames per second of processor time, errors, verdicts.

python tests/benchmarks/films.py [--frames 60] [--kinds easy dim bent] [--seed 1]
python tests/benchmarks/films.py --long 100000 [--side 512] [--workers 2]

Cells on a textured ground, 512 x 512, with Poisson noise: `dim` with a quarter of the light of
`easy`, and `bent` as `easy` but deformed smoothly by 1.5 px RMS, which no motion model describes
but a field does. Beside `align_stack` stand those of OpenCV, scikit-image and pystackreg that are
installed. A long film is one whose frames are made when they are asked for, and shifted by whole
pixels; what it takes is told, in memory of all processes beyond what they hold before (Linux).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_ecc_align import Field, align_stack

_SIDE, _ROOM = 512, 640
_COUNTS = {"easy": 12.0, "dim": 3.0, "bent": 12.0}
_BEND = 1.5
_RUNS = (
    ("translation", "first"),
    ("euclidean", "first"),
    ("affine", "first"),
    ("translation", "mean"),
)

Floats = NDArray[np.float64]
Matrices = list[Floats]
Maps = Sequence[Floats | Field]


@dataclass(frozen=True, eq=False)
class Film:
    """Frames (n, h, w) and, of each, where (x, y) pixels of the scene lie, (n, 2, h, w)."""

    frames: NDArray[np.uint16]
    places: NDArray[np.float32]


def scene(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return rings on a cloudy ground, at the resolution of the frames."""
    ground = cv2.GaussianBlur(rng.random((_ROOM, _ROOM)).astype(np.float32), (0, 0), 6)
    ground = 0.4 * (ground - ground.min()) / np.ptp(ground)
    reach = np.arange(-12, 13)
    distance = np.hypot(reach[:, None], reach)
    for _ in range(260):
        y, x = rng.integers(12, _ROOM - 12, 2)
        ring = np.exp(-(((distance - rng.uniform(4, 8)) / 1.6) ** 2)) * rng.uniform(0.3, 1.2)
        ground[y - 12 : y + 13, x - 12 : x + 13] += ring
    return np.asarray(cv2.GaussianBlur(ground, (0, 0), 1.0))


def film(kind: str, count: int, seed: int) -> Film:
    """Return a film of a kind."""
    rng = np.random.default_rng(seed)
    shown = scene(rng)
    drift = np.cumsum(rng.normal(0, 0.35, (count, 2)), 0) + rng.normal(0, 0.8, (count, 2))
    drift -= drift[0]
    corner = (_ROOM - _SIDE) / 2
    grid = np.stack(np.meshgrid(np.arange(_SIDE), np.arange(_SIDE))).astype(np.float32)
    places = np.empty((count, 2, _SIDE, _SIDE), np.float32)
    frames = np.empty((count, _SIDE, _SIDE), np.uint16)
    for index in range(count):
        places[index] = grid + drift[index][:, None, None]
        if kind == "bent" and index:
            places[index] += _bend(rng)
        # OpenCV would round the places to a thirty-second of a pixel.
        seen = ndimage.map_coordinates(shown, places[index][::-1] + corner, order=3)
        frames[index] = rng.poisson(np.clip(seen, 0, None) * _COUNTS[kind])
    return Film(frames, places)


def _bend(rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.normal(size=(2, 64, 64)).astype(np.float32)
    smooth = [cv2.GaussianBlur(one, (0, 0), 11) for one in noise]
    large = np.stack([cv2.resize(one, (_SIDE, _SIDE)) for one in smooth])
    return np.asarray(large * (_BEND / np.sqrt((large**2).sum(0).mean())), np.float32)


def errors(maps: Maps, made: Film) -> Floats:
    """Return the distance (px) at a grid of places of each frame but the first, (n - 1, p)."""
    at = np.s_[32 : _SIDE - 32 : 16]
    gaps = []
    for mapped, places in zip(maps, made.places, strict=False):
        there = places[:, at, at].reshape(2, -1)
        here = made.places[0][:, at, at].reshape(2, -1)
        # Where a pixel of the frame lies in the scene is where the reference shows it.
        if isinstance(mapped, Field):
            moved = mapped(here.T).T
        else:
            moved = mapped[:2, :2] @ here + mapped[:2, 2:]
        gaps.append(moved + (there - here) - here)
    found = np.array(gaps)
    found -= np.median(found.mean(2), axis=0)[None, :, None]
    return np.asarray(np.hypot(found[:, 0], found[:, 1])[1:])


def peers() -> Iterator[tuple[str, Callable[[NDArray[np.uint16]], Matrices]]]:
    """Yield what else is installed, with what finds one matrix per frame."""
    window = cv2.createHanningWindow((_SIDE, _SIDE), cv2.CV_32F)
    yield (
        "cv2.phaseCorrelate",
        lambda frames: [
            _shift(*cv2.phaseCorrelate(np.float32(frames[0]), np.float32(one), window)[0])
            for one in frames
        ],
    )
    try:
        from skimage.registration import phase_cross_correlation

        yield (
            "skimage, upsampled by 20",
            lambda frames: [
                _shift(
                    *-phase_cross_correlation(
                        frames[0], one, upsample_factor=20, normalization=None
                    )[0][::-1]
                )
                for one in frames
            ],
        )
        from pystackreg import StackReg

        register = StackReg(StackReg.TRANSLATION)
        yield "pystackreg", lambda frames: [register.register(frames[0], one) for one in frames]
    except ImportError:
        return


def _shift(x: float, y: float) -> Floats:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def report(kind: str, count: int, seed: int) -> None:
    """Align a film of a kind in every way and print a line for each."""
    made = film(kind, count, seed)
    print(f"\n{kind}: {count} frames, {made.frames.mean():.1f} counts")
    print(f"{'':28s} {'frames / cpu s':>14s} {'RMS px':>7s} {'z RMS':>6s}  verdicts")
    for model, to in _RUNS:
        began = time.process_time()
        results = align_stack(made.frames, model=model, reference=to)  # type: ignore[arg-type]
        rate = count / (time.process_time() - began)
        found = errors([result.transform.matrix for result in results], made)
        sigma = np.array([result.corner_uncertainty for result in results])[1:]
        z = np.sqrt(np.mean((found.mean(1) / sigma) ** 2))
        verdicts = dict(Counter(result.verdict for result in results))
        rms = np.sqrt((found**2).mean())
        print(f"{f'{model} to the {to}':28s} {rate:14.1f} {rms:7.4f} {z:6.2f}  {verdicts}")
    if kind == "bent":
        report_smooth(made, count)
    for name, run in peers():
        began = time.process_time()
        matrices = run(made.frames)
        rate = count / (time.process_time() - began)
        print(f"{name:28s} {rate:14.1f} {np.sqrt((errors(matrices, made) ** 2).mean()):7.4f}")


def report_smooth(made: Film, count: int) -> None:
    """Align a film by fields and print its line, and their mean end-point error."""
    began = time.process_time()
    results = align_stack(made.frames, model="smooth")
    rate = count / (time.process_time() - began)
    found = errors([result.transform for result in results], made)
    sigma = np.array([result.uncertainty for result in results])[1:] * np.sqrt(2)
    z = np.sqrt(np.mean((found**2).mean(1) / sigma**2))
    verdicts = dict(Counter(result.verdict for result in results))
    rms = np.sqrt((found**2).mean())
    line = f"{'smooth to the first':28s} {rate:14.1f} {rms:7.4f} {z:6.2f}  {verdicts}"
    print(f"{line}, mean {found.mean():.4f}")


class Long:
    """A film of frames that are made when they are asked for, (n, h, w)."""

    def __init__(self, count: int, side: int, seed: int) -> None:
        self.shape, self.ndim, self.dtype = (count, side, side), 3, np.dtype(np.uint16)
        self._scene = scene(np.random.default_rng(seed)) * _COUNTS["easy"]

    def place(self, index: int) -> tuple[int, int]:
        """Return where a frame begins in the scene, (x, y)."""
        room = (_ROOM - self.shape[1]) / 2
        return round(room + 25 * np.sin(index / 97)), round(room + 25 * np.cos(index / 61))

    def __getitem__(self, index: int) -> NDArray[np.uint16]:
        (x, y), side = self.place(index), self.shape[1]
        seen = self._scene[y : y + side, x : x + side]
        return np.random.default_rng(index).poisson(seen).astype(np.uint16)


class MostMemory(threading.Thread):
    """Looks how many MB all processes hold, a few times a second, until it is asked."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self.before = self.most = self._held()
        self.start()

    def run(self) -> None:
        """Look."""
        while not self._ended.wait(0.2):
            self.most = max(self.most, self._held())

    def extra(self) -> float:
        """Return the most, beyond what was held before, and end."""
        self._ended.set()
        return self.most - self.before

    def _held(self) -> float:
        processes = [os.getpid(), *(one.pid for one in multiprocessing.active_children())]
        return sum(_proportional(Path(f"/proc/{one}/smaps_rollup")) for one in processes)


def _proportional(path: Path) -> float:
    """Return a process's share of the memory that it holds, in MB; 0 where that is not told."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def report_long(count: int, side: int, workers: int, seed: int) -> None:
    """Align a long film, its table and its file of transforms made, and print what it took."""
    made, began, memory = Long(count, side, seed), time.perf_counter(), MostMemory()
    results = align_stack(made, model="translation", workers=workers)
    aligning, most = time.perf_counter() - began, memory.most - memory.before
    table = results.to_dict()
    seconds = time.perf_counter() - began - aligning
    first = made.place(0)
    moved = np.array([made.place(index) for index in range(count)]) - first
    wrong = np.hypot(*(moved + np.stack([table["x"], table["y"]], axis=1)).T) > 1
    print(
        f"{count} frames of {side} x {side}, {workers} processes: {aligning:.0f} s, {most:.0f} MB"
    )
    print(f"their table: {seconds:.1f} s; {memory.extra():.0f} MB in all")
    print(
        dict(Counter(results.verdicts)), f"{(wrong & (table['verdict'] == 'aligned')).sum()} wrong"
    )


def main() -> None:
    """Print the table of every kind of film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--kinds", nargs="+", choices=_COUNTS, default=list(_COUNTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", type=int, help="frames of a film that is not in memory")
    parser.add_argument("--side", type=int, default=_SIDE)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.long:
        report_long(asked.long, asked.side, asked.workers, asked.seed)
        return
    for kind in asked.kinds:
        report(kind, asked.frames, asked.seed)


if __name__ == "__main__":
    main()
