"""Pairs bent by a known smooth field: time, error, folds, and whether it knows what it knows.

python tests/benchmarks/fields.py [--size 512] [--seeds 3 4] [--hostile 60] [--right 30]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import fields as dc_fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import ndimage
from skimage import data

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from hostile import hostile_pairs  # noqa: E402
from hostile_fields import FieldPair, hostile_field_pair, right_field_pair  # noqa: E402
from scenes import grid  # noqa: E402

from napari_ecc_align import SmoothAlignment, align  # noqa: E402
from napari_ecc_align._transform.coordinates import map_points  # noqa: E402

IMAGES = ("immunohistochemistry", "astronaut", "camera", "retina", "dim", "negative")
Array = np.ndarray[Any, np.dtype[Any]]


def source(name: str, side: int, rng: np.random.Generator) -> Array:
    """Return a picture, or dim cells."""
    if name == "dim":
        cells = np.zeros((side, side))
        y, x = rng.integers(0, side, (2, side * side // 1000))
        cells[y, x] = rng.uniform(0.3, 1.2, len(x))
        return np.asarray(12 * (ndimage.gaussian_filter(cells, 4) * 110 + 0.3))
    image = getattr(data, "immunohistochemistry" if name == "negative" else name)()
    gray = image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA), np.float64)


def bent_pair(name: str, side: int, seed: int, pixels: float = 4) -> tuple[Array, Array, Array]:
    """Return a reference, a moving image and the displacement (2, h, w) that leads there."""
    rng = np.random.default_rng(seed)
    image = source(name, side, rng)
    u = np.stack([ndimage.gaussian_filter(rng.normal(size=(side, side)), side / 12) for _ in "xy"])
    u *= pixels * side / 512 / np.sqrt((u**2).sum(0).mean())
    y, x = np.mgrid[:side, :side].astype(np.float64)
    fixed = ndimage.map_coordinates(image, [y + u[1], x + u[0]], order=3, mode="reflect")
    if name == "dim":
        return rng.poisson(np.clip(fixed, 0, None)), rng.poisson(image), u
    moving = 230 - 0.6 * image if name == "negative" else image
    noisy = (one + rng.normal(0, 4, one.shape) for one in (fixed, moving))
    first, second = (np.clip(one, 0, 255).astype(np.uint8) for one in noisy)
    return first, second, u


def report(name: str, who: str, seconds: float, u: Array, truth: Array, sigma: Array) -> None:
    """Print a row; `sigma` (h, w) is the RMS of the distance, infinite where unknown."""
    side = truth.shape[1]
    inner = (slice(side // 16, -side // 16),) * 2
    off = np.hypot(*(u - truth))[inner]
    area = (1 + np.gradient(u[0], axis=1)) * (1 + np.gradient(u[1], axis=0))
    area -= np.gradient(u[0], axis=0) * np.gradient(u[1], axis=1)
    row = f"| {name} | {who} | {seconds * 1e3:.0f} | {np.median(off):.3f} "
    row += f"| {np.percentile(off, 99):.2f} | {(area <= 0).sum()} "
    known = sigma[inner] <= 1
    if known.any():
        z = float(np.sqrt(np.mean((off[known] / sigma[inner][known]) ** 2)))
        both = (known & (off < 1)).sum() / max(1, (off < 1).sum())
        row += f"| {z:.2f} | {both:.0%} | {(off[known] > 2).mean():.1%} |"
    print(row, flush=True)


def ours(name: str, first: Array, second: Array, truth: Array) -> None:
    """Align by a smooth field and report it."""
    clock = time.process_time()
    result = align(first, second, model="smooth")
    seconds = time.process_time() - clock
    side = truth.shape[1]
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    u = (result.transform(places) - places).T.reshape(truth.shape)
    sigma = result.uncertainty_at(places).reshape(side, side)
    report(name, f"ours, {result.verdict}", seconds, u, truth, sigma)


def flow(name: str, first: Array, second: Array, truth: Array) -> None:
    """Report OpenCV's DIS beside it."""
    eight = [(one * (255 / one.max())).astype(np.uint8) for one in (first, second)]
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    clock = time.process_time()
    found = estimator.calc(*eight, None)
    seconds = time.process_time() - clock
    u = np.moveaxis(found, -1, 0).astype(np.float64)
    report(name, "DIS medium", seconds, u, truth, np.full(truth.shape[1:], np.inf))


@dataclass
class Counts:
    """What became of pairs: a field is wrong that is over 2 px off on so much of the known."""

    pairs: int = 0
    aligned: int = 0
    wrong: int = 0
    partly: int = 0

    def add(self, *, aligned: bool, off: float) -> None:
        """Count a pair whose field is over 2 px off on such a share of what it calls known."""
        self.pairs += 1
        self.aligned += aligned
        self.wrong += aligned and off > 0.02
        self.partly += aligned and off > 0.005

    def __str__(self) -> str:
        return (
            f"{self.pairs} pairs, {self.aligned} aligned; over 2 px off on more than 2 % of the "
            f"known: {self.wrong}, on more than 0.5 %: {self.partly}"
        )


def known_and_off(
    result: SmoothAlignment, off: Callable[[Array], Array]
) -> tuple[Array, Array, float]:
    """Return what is known, how far it is off, and the share of it that is over 2 px off."""
    height, width = result.shape
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    found = result.transform(places.reshape(-1, 2).astype(np.float64)).reshape(places.shape)
    distances = off(found)
    counted = result.known() & ~np.isnan(distances)
    share = float((distances[counted] > 2).mean()) if counted.any() else 0.0
    return counted, distances, share


def fields_of(pairs: Iterable[FieldPair]) -> None:
    """Count wrong fields by kind, and how much of what is right is called known."""
    counts: dict[str, Counts] = {}
    shares = []
    for pair in pairs:
        result = align(pair.reference, pair.moving, model="smooth")
        known, off, share = known_and_off(result, pair.off)
        counts.setdefault(pair.kind, Counts()).add(aligned=result.aligned, off=share)
        if result.aligned:
            right = off < 1
            shares.append((known & right).sum() / max(1, right.sum()))
            if share > 0.02:
                print(f"WRONG {pair.kind}, {pair.name}: {share:.1%} of the known. {result}")
    for kind, count in sorted(counts.items()):
        print(f"{kind}: {count}")
    names = [one.name for one in dc_fields(Counts)]
    total = Counts(*(sum(getattr(one, name) for one in counts.values()) for name in names))
    print(f"all: {total}; of what is right to 1 px {np.mean(shares or [0]):.0%} is known")


def unlike(count: int, seed: int) -> None:
    """Count wrong fields of the pairs that invite a wrong matrix."""
    counts = Counts()
    for pair in hostile_pairs(count, seed):
        result = align(pair.reference, pair.moving, model="smooth", initial=pair.initial)

        def off(found: Array, truth: Array | None = pair.truth) -> Array:
            if truth is None:
                return np.full(found.shape[:2], np.inf)
            there = map_points(truth, grid(found.shape[:2]))
            return np.asarray(np.hypot(*np.moveaxis(found - there, -1, 0)))

        counts.add(aligned=result.aligned, off=known_and_off(result, off)[2])
    print(f"unlike: {counts}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3])
    parser.add_argument("--images", nargs="*", default=IMAGES)
    parser.add_argument("--hostile", type=int, default=0, help="so many that no field lays")
    parser.add_argument("--unlike", type=int, default=0, help="so many of trust.py's hostile ones")
    parser.add_argument("--right", type=int, default=0, help="so many of all pictures that bend")
    asked = parser.parse_args()
    print("| pair | who | cpu ms | median px | p99 px | folds | error/sigma | known | wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in asked.images:
        for seed in asked.seeds:
            first, second, truth = bent_pair(name, asked.size, seed)
            ours(name, first, second, truth)
            flow(name, first, second, truth)
    for seed in asked.seeds:
        if asked.hostile:
            fields_of(hostile_field_pair(number, seed) for number in range(asked.hostile))
        if asked.right:
            fields_of(right_field_pair(number, seed) for number in range(asked.right))
        if asked.unlike:
            unlike(asked.unlike, seed)


if __name__ == "__main__":
    main()
