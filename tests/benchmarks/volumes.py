"""Volumes with a known motion, and volumes that must not be called aligned.

python tests/benchmarks/volumes.py [--pairs 40] [--hostile 40] [--seed 0] [--warp 256] [--bent 128]

Spots, textures, hollow cells and threads of 56 to 83 voxels on a side, in two noisy crops that
overlap by as little as a half: turned by up to 15 degrees about any axis, shifted by up to a fifth
along each, scaled by 0.9 to 1.1, some with planes three times as far apart, some as negatives.
*Right* is an error of the corners below a voxel, *wrong* is called aligned and off by more than
half a voxel and four sigma; of hostile ones any that is called aligned is.

--warp resamples a volume of so many voxels on a side by an affine motion instead, and prints the
time beside that of SimpleITK's resampler, the faster of five runs each in turn; --bent bends
one of so many by 3 voxels RMS, and prints how exactly a field is found. The time and the
exactness of aligning beside those of other programs are `volume_peers.py`'s.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_ecc_align import VolumeAlignment, align_volume, warp_volume
from napari_ecc_align._align.volume.motion import corners, mapped, rotation

Floats = NDArray[Any]
Random = np.random.Generator
MODELS = ("translation", "euclidean", "similarity", "affine")
_FLIPPED = np.eye(4)[[2, 1, 0, 3]]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two volumes; with a truth, a (4, 4) matrix of (z, y, x), if they belong together."""

    kind: str
    reference: Floats
    moving: Floats
    model: Any
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    truth: Floats | None = None


def spots(rng: Random, shape: tuple[int, ...]) -> Floats:
    """Return blobs on a soft ground."""
    soft = ndimage.gaussian_filter(rng.random(shape), 5)
    blobs = np.zeros(shape)
    at = (rng.random((int(np.prod(shape) / 8000), 3)) * shape).astype(int)
    blobs[tuple(at.T)] = rng.uniform(0.5, 2, len(at))
    blobs = ndimage.gaussian_filter(blobs, 2.2)
    return 0.4 * _even(soft) + blobs / blobs.max()


def texture(rng: Random, shape: tuple[int, ...]) -> Floats:
    """Return noise of three sizes."""
    total = np.zeros(shape)
    for step, weight in ((1, 0.4), (3, 0.6), (6, 1.0)):
        few = [max(4, n // step) for n in shape]
        noise = ndimage.gaussian_filter(rng.normal(size=few), 1)
        factors = [n / m for n, m in zip(shape, few, strict=True)]
        total += weight * ndimage.zoom(noise, factors, order=1)
    return _even(total)


def cells(rng: Random, shape: tuple[int, ...]) -> Floats:
    """Return hollow ellipsoids."""
    grid = np.indices(shape)
    out = np.zeros(shape)
    for _ in range(int(np.prod(shape) / 15_000)):
        centre, radii = rng.random(3) * shape, rng.uniform(4, 9, 3)
        far = (((grid - centre[:, None, None, None]) / radii[:, None, None, None]) ** 2).sum(0)
        out = np.maximum(out, np.where(far < 1, rng.uniform(0.4, 1) * (0.5 + (far > 0.6) / 2), 0))
    return ndimage.gaussian_filter(out, 0.8)


def threads(rng: Random, shape: tuple[int, ...]) -> Floats:
    """Return fibres that wind."""
    out = np.zeros(shape)
    for _ in range(14):
        place, along = rng.random(3) * shape, rng.normal(size=3)
        for _ in range(300):
            along = along / np.linalg.norm(along) + rng.normal(0, 0.12, 3)
            place = (place + 0.7 * along / np.linalg.norm(along)) % np.array(shape)
            out[tuple(place.astype(int))] = 1
    out = ndimage.gaussian_filter(out, 1.2)
    return out / out.max()


KINDS: tuple[Callable[[Random, tuple[int, ...]], Floats], ...] = (spots, texture, cells, threads)


def _even(volume: Floats) -> Floats:
    return (volume - volume.min()) / np.ptp(volume)


def known_pair(seed: int) -> Pair:
    """Return two crops of one thing, the second moved as its model may be."""
    rng = np.random.default_rng(seed)
    make, model = KINDS[seed % 4], MODELS[int(rng.integers(4))]
    side = int(rng.integers(56, 84))
    shape = (side, side + int(rng.integers(-8, 9)), side + int(rng.integers(-8, 9)))
    large = tuple(3 * n // 2 for n in shape)
    world = make(rng, large)
    turn = rng.normal(size=3)
    turn *= np.deg2rad(rng.uniform(0, 15)) / np.linalg.norm(turn)
    matrix, centre = np.eye(4), (np.array(shape) - 1) / 2
    if model != "translation":
        matrix[:3, :3] = rotation(turn)
    if model in ("similarity", "affine"):
        matrix[:3, :3] *= rng.uniform(0.9, 1.1)
    if model == "affine":
        matrix[:3, :3] @= np.eye(3) + rng.uniform(-0.03, 0.03, (3, 3))
    matrix[:3, 3] = centre + rng.uniform(-0.2, 0.2, 3) * shape - matrix[:3, :3] @ centre
    back, off = np.linalg.inv(matrix), np.array(large) / 2 - centre
    images = [
        ndimage.affine_transform(
            world, one[:3, :3], one[:3, 3] + off, output_shape=shape, order=3, mode="reflect"
        )
        for one in (np.eye(4), back)
    ]
    step = 3 if rng.random() < 0.25 else 1
    thin = np.diag([step, 1.0, 1.0, 1.0])
    sign, noise = (-1 if rng.random() < 0.2 else 1), rng.choice([0.01, 0.03, 0.1])
    reference, moving = (
        (1000 * (image + rng.normal(0, noise, shape)))[::step].astype(np.float32)
        for image in (images[0], sign * rng.uniform(0.5, 2) * images[1])
    )
    truth = np.linalg.inv(thin) @ matrix @ thin
    return Pair(make.__name__, reference, moving, model, (float(step), 1.0, 1.0), truth)


def hostile_pair(seed: int) -> Pair:
    """Return two volumes of which nobody can know how, or that, they belong together."""
    rng = np.random.default_rng(10_000 + seed)
    first, second = (KINDS[int(rng.integers(4))] for _ in range(2))
    side = int(rng.integers(48, 70))
    shape = (side, side + 3, side - 2)
    grid = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    kind = ("unrelated", "blank", "lattice", "ball", "static", "halves", "noise", "envelope")[
        seed % 8
    ]
    one = two = np.zeros(shape)
    if kind in ("unrelated", "blank"):
        one = first(rng, shape)
        two = second(rng, shape) if kind == "unrelated" else two
    elif kind == "lattice":
        period = int(rng.integers(7, 12))
        one = sum(np.cos(2 * np.pi * axis / period) for axis in grid)
        two = np.roll(one, period // 2 + 2, 1)
    elif kind == "ball":
        one = np.exp(-(((np.linalg.norm(grid, axis=0) - 15) / 3) ** 2))
        two = ndimage.shift(one, rng.uniform(-4, 4, 3), order=1)
    elif kind == "static":
        stays, moves = first(rng, shape), second(rng, tuple(n + 10 for n in shape))
        begins = rng.integers(4, 10, 3).tolist()
        place = tuple(slice(d, d + n) for d, n in zip(begins, shape, strict=True))
        one = stays + moves[tuple(slice(n) for n in shape)] / 2
        two = stays + moves[place] / 2
    elif kind == "halves":
        world = first(rng, tuple(n + 10 for n in shape))
        one = world[5:-5, 5:-5, 5:-5]
        two = one.copy()
        half = shape[0] // 2
        two[half:] = world[5 + half : -5, 9:-1, 2:-8]
    elif kind == "envelope":
        inside = (grid**2).sum(axis=0) < (0.42 * side) ** 2
        one, two = (inside * (1 + 0.3 * make(rng, shape)) for make in (first, second))
    strength = 1.0 if kind == "noise" else 0.03
    one, two = (
        (image + rng.normal(0, strength, shape)).astype(np.float32) for image in (one, two)
    )
    return Pair(kind, one, two, MODELS[seed // 8 % 4])


def error_of(result: VolumeAlignment, pair: Pair) -> float:
    """Return the error at the corners (RMS), in lengths of the spacing."""
    assert pair.truth is not None
    found = _FLIPPED @ result.transform.matrix @ _FLIPPED
    ends = corners(pair.reference.shape)
    gaps = (mapped(found, ends) - mapped(pair.truth, ends)) * np.array(pair.spacing)
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def compare_warps(side: int, seed: int) -> None:
    """Print how long an affine resampling takes here and in SimpleITK, and how they differ."""
    import SimpleITK

    rng = np.random.default_rng(seed)
    volume = 250 * _even(ndimage.gaussian_filter(rng.random((side,) * 3), 1.5))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(np.array([0.08, -0.05, 0.07])) * (1.03, 0.98, 1.01)
    middle = np.full(3, (side - 1) / 2)
    matrix[:3, 3] = middle + np.array([3, -4, 2]) - matrix[:3, :3] @ middle
    motion = SimpleITK.AffineTransform(3)
    motion.SetMatrix(matrix[:3, :3].ravel().tolist())
    motion.SetTranslation(matrix[:3, 3].tolist())

    def theirs(voxels: Floats) -> Floats:
        image = SimpleITK.GetImageFromArray(voxels)
        kind = image.GetPixelID()
        made = SimpleITK.Resample(image, image, motion, SimpleITK.sitkLinear, 0.0, kind)
        return SimpleITK.GetArrayFromImage(made)

    for dtype in ("float32", "uint16", "uint8"):
        voxels = (volume * (200 if dtype == "uint16" else 1)).astype(dtype)
        took: dict[str, list[tuple[float, float]]] = {"here": [], "SimpleITK": []}
        made = {}
        for _ in range(5):
            for name, warp in (("here", partial(warp_volume, transform=matrix)),
                               ("SimpleITK", theirs)):  # fmt: skip
                begin = time.process_time(), time.perf_counter()
                made[name] = warp(voxels)
                took[name].append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
        own, other = (np.min(took[name], axis=0) for name in made)
        both = np.logical_and(*made.values())
        apart = np.abs(np.subtract(*(each.astype(float) for each in made.values())))[both].max()
        print(
            f"{dtype:8} {side}³: {own[0]:.3f} processor s and {own[1]:.3f} s, SimpleITK "
            f"{other[0]:.3f} and {other[1]:.3f}: {own[0] / other[0]:.2f} and "
            f"{own[1] / other[1]:.2f} of it; they differ by {apart / np.ptp(voxels):.1e} of the "
            "range at most"
        )


def compare_bent(side: int, seed: int) -> None:
    """Print how exactly a volume bent by 3 voxels RMS is found, and in what time."""
    rng = np.random.default_rng(seed)
    shape = (side,) * 3
    # Eight times as many blobs: a field is asked everywhere.
    moving = sum(spots(rng, shape) for _ in range(8))
    u = np.stack([ndimage.gaussian_filter(rng.normal(size=shape), side / 8) for _ in "zyx"])
    u *= 3 / np.sqrt((u**2).sum(axis=0).mean())
    reference = ndimage.map_coordinates(moving, np.indices(shape) + u, order=3, mode="reflect")
    noise = 0.02 * np.ptp(moving)
    first, second = (one + rng.normal(0, noise, shape) for one in (reference, moving))
    began = time.process_time()
    result = align_volume(first, second, model="smooth")
    seconds = time.process_time() - began
    places = np.stack(np.indices(shape)[::-1], axis=-1).reshape(-1, 3)
    found = (result.transform(places) - places).reshape(*shape, 3)
    off = np.linalg.norm(found - np.moveaxis(u[::-1], 0, -1), axis=-1)
    known = result.known()
    ratio = off[known] / result.uncertainty_at(places).reshape(shape)[known]
    print(
        f"bent {side}³, seed {seed}: {result.verdict}, {seconds:.2f} processor s; off "
        f"{off.mean():.3f} voxels in the mean, {np.percentile(off, 99):.2f} at p99; known on "
        f"{known.mean():.0%}, of which over 2 off {(off[known] > 2).mean():.2%}; error over sigma "
        f"{np.sqrt((ratio**2).mean()):.2f}"
    )


def main() -> None:
    """Print what became of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--hostile", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warp", type=int, metavar="SIDE")
    parser.add_argument("--bent", type=int, metavar="SIDE")
    given = parser.parse_args()
    if given.bent:
        compare_bent(given.bent, given.seed)
        return
    if given.warp:
        compare_warps(given.warp, given.seed)
        return
    counts: Counter[str] = Counter()
    sigmas, seconds = [], []
    for seed in range(given.seed, given.seed + given.pairs):
        pair = known_pair(seed)
        began = time.process_time()
        result = align_volume(pair.reference, pair.moving, model=pair.model, spacing=pair.spacing)
        seconds.append(time.process_time() - began)
        error = error_of(result, pair)
        wrong = result.aligned and error > max(0.5, 4 * result.corner_uncertainty)
        counts["right"] += error < 1
        counts["right and aligned"] += error < 1 and result.aligned
        counts["wrong"] += wrong
        if result.aligned:
            sigmas.append(error / result.corner_uncertainty)
        if wrong or not (error < 1 and result.aligned):
            print(
                f"{seed} {pair.kind} {pair.model}: {error:.2f} off, {result.verdict}: "
                f"{result.reason}"
            )
    if given.pairs:
        spread = np.sqrt(np.mean(np.square(sigmas))) if sigmas else np.nan
        print(
            f"{given.pairs} known: {dict(counts)}, error over sigma {spread:.2f} (RMS), "
            f"{np.median(seconds):.2f} processor s (median)"
        )
    verdicts: Counter[tuple[str, str]] = Counter()
    for seed in range(given.seed, given.seed + given.hostile):
        pair = hostile_pair(seed)
        result = align_volume(pair.reference, pair.moving, model=pair.model)
        verdicts[pair.kind, result.verdict] += 1
        if result.aligned:
            print(f"{seed} {pair.kind} {pair.model} is called aligned: {result.reason}")
    for (kind, verdict), count in sorted(verdicts.items()):
        print(f"{kind:10} {verdict:9} {count}")


if __name__ == "__main__":
    main()
