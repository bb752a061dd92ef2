"""Pairs bent by a known smooth field: time, error, folds, and whether it knows what it knows.

python tests/benchmarks/fields.py [--size 512] [--seeds 3 4] [--hostile 60]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import ndimage
from skimage import data

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from hostile import hostile_pairs  # noqa: E402

from napari_ecc_align import align  # noqa: E402

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


def hostile(count: int, seed: int) -> None:
    """Count fields that are wrong where they are called known, of pairs called aligned."""
    wrong = aligned = 0
    for pair in hostile_pairs(count, seed):
        result = align(pair.reference, pair.moving, model="smooth", initial=pair.initial)
        if not result.aligned:
            continue
        aligned += 1
        y, x = np.nonzero(result.known())
        places = np.stack([x, y], axis=1)[::7].astype(float)
        off = np.full(len(places), np.inf)
        if pair.truth is not None:
            there = np.c_[places, np.ones(len(places))] @ pair.truth.T
            off = np.hypot(*(result.transform(places) - there[:, :2] / there[:, 2:]).T)
        if (off > 2).mean() > 0.02:
            wrong += 1
            print(f"WRONG {pair.kind}, {pair.name}: {result}")
    print(f"{count} hostile pairs, {aligned} aligned, {wrong} of these wrong where known")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3])
    parser.add_argument("--images", nargs="+", default=IMAGES)
    parser.add_argument("--hostile", type=int, default=0, help="so many hostile pairs as well")
    asked = parser.parse_args()
    print("| pair | who | cpu ms | median px | p99 px | folds | error/sigma | known | wrong |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in asked.images:
        for seed in asked.seeds:
            first, second, truth = bent_pair(name, asked.size, seed)
            ours(name, first, second, truth)
            flow(name, first, second, truth)
    if asked.hostile:
        hostile(asked.hostile, asked.seeds[0])


if __name__ == "__main__":
    main()
