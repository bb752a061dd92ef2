"""Motions that the model asked for does not have: smooth residuals of one to a few pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scenes import PHOTOGRAPHS, TEXTURES, Image, Motion, Pair, grid, moved, shift, similarity

from .made import (
    Matrix,
    Random,
    Scene,
    a_shape,
    a_shift,
    both,
    kind,
    pair,
    photograph,
    seen,
    sheet,
    sign,
    soft,
    with_margin,
)

Field = Callable[[Image], Image]


def _inverse(back: Field, start: Motion) -> Field:
    """Return the motion whose inverse is `back`, by steps from one that is near it."""

    def forward(points: Image) -> Image:
        found = moved(start, points)
        for _ in range(60):
            found = found + 0.7 * (points - back(found))
        return found

    return forward


def _bent(
    rng: Random,
    shape: tuple[int, int],
    field: Field,
    base: Matrix | None = None,
    models: str = "affine homography",
    scene: Scene | None = None,
) -> Pair:
    """Return a pair that moved by `base` after each point was displaced by minus a field."""
    base = a_shift(rng, 1, 9) if base is None else base
    scene = photograph(rng, shape) if scene is None else scene
    undo = np.linalg.inv(base)

    def back(points: Image) -> Image:
        return moved(undo, points) - field(points)

    images = seen(scene, shape), scene(back(grid(shape)))
    return pair(rng, images, _inverse(back, base), models=models)


def _along(rng: Random, values: Callable[[Image], Image]) -> Field:
    """Return a field of one direction."""
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    return lambda points: values(points)[..., None] * way


@kind
def lens(rng: Random) -> Pair:
    """A barrel or cushion in both images; the scene moved below it."""
    shape = a_shape(rng, 240, 520)
    middle, reach = (np.array(shape[::-1]) - 1) / 2, np.hypot(*shape) / 2
    strength = float(rng.uniform(0.01, 0.1)) * sign(rng)
    truth = a_shift(rng, 6, 0.13 * min(shape))
    scene = photograph(rng, shape, 150)

    def straight(points: Image) -> Image:
        off = points - middle
        return middle + off * (1 + strength * ((off / reach) ** 2).sum(-1, keepdims=True))

    def back(points: Image) -> Image:
        return moved(np.linalg.inv(truth), straight(points))

    images = scene(straight(grid(shape))), scene(back(grid(shape)))
    curved = _inverse(back, truth)
    models = "translation affine homography"
    return pair(rng, images, lambda points: curved(straight(points)), models=models)


@kind
def relief(rng: Random) -> Pair:
    """Hills seen from another side: the motion grows with their height."""
    shape = a_shape(rng, 240, 520)
    height = sheet(soft(rng, with_margin(shape), min(shape) / float(rng.uniform(3, 8))))
    size = float(rng.uniform(0.8, 5))
    return _bent(rng, shape, _along(rng, lambda points: size * height(points)))


@kind
def tissue(rng: Random) -> Pair:
    """Two sections of soft tissue, each point displaced smoothly."""
    shape = a_shape(rng, 240, 520)
    sigma = min(shape) / float(rng.uniform(4, 9))
    parts = [sheet(soft(rng, with_margin(shape), sigma)) for _ in range(2)]
    size = float(rng.uniform(0.7, 4))

    def field(points: Image) -> Image:
        return size * np.stack([part(points) for part in parts], -1)

    return _bent(rng, shape, field, similarity(shape, float(rng.normal(0, 2)), 1.0, (3.0, -2.0)))


def _by_rows(rng: Random, values: Callable[[Image], Image], models: str = "") -> Pair:
    """Return a pair whose rows, at 0 to 1 down the image, are displaced sideways."""
    shape = a_shape(rng)

    def field(points: Image) -> Image:
        late = values(points[..., 1] / shape[0])
        return np.stack([late, np.zeros_like(late)], -1)

    return _bent(rng, shape, field, models=models)


@kind
def rolling_shutter(rng: Random) -> Pair:
    """A vibrating camera reads its rows one by one."""
    size, cycles, phase = rng.uniform(1, 6), rng.uniform(0.3, 2.5), rng.uniform(0, 2 * np.pi)
    models = str(rng.choice(["", "homography"]))
    return _by_rows(rng, lambda y: size * np.sin(2 * np.pi * cycles * y + phase), models)


@kind
def drift_of_slow_scan(rng: Random) -> Pair:
    """A stage that creeps, ever slower, while a probe scans row by row."""
    size, decay = rng.uniform(2, 12) * sign(rng), rng.uniform(2, 8)
    return _by_rows(rng, lambda y: size * np.exp(-decay * y), "affine homography")


@kind
def slipped_scan(rng: Random) -> Pair:
    """A hand scanner that slipped in the middle."""
    size, at = rng.uniform(1.5, 6) * sign(rng), rng.uniform(0.25, 0.75)
    return _by_rows(rng, lambda y: size * np.tanh(12 * (y - at)))


@kind
def turning_page(rng: Random) -> Pair:
    """A page that curls at its back: columns close up."""
    shape = a_shape(rng)
    size, decay = float(rng.uniform(2, 14)), float(rng.uniform(3, 8))
    curl = lambda points: size * np.exp(-decay * points[..., 0] / shape[1])  # noqa: E731
    return _bent(rng, shape, _along(rng, curl))


@kind
def breath(rng: Random) -> Pair:
    """A part swells while the rest stays."""
    shape = a_shape(rng)
    middle = np.array(shape[::-1]) * rng.uniform(0.3, 0.7, 2)
    reach, size = 0.25 * min(shape), float(rng.uniform(0.02, 0.1)) * sign(rng)

    def field(points: Image) -> Image:
        off = points - middle
        return size * off * np.exp(-((off / reach) ** 2).sum(-1, keepdims=True))

    return _bent(rng, shape, field)


@kind
def swirl(rng: Random) -> Pair:
    """The middle turned against the border."""
    shape = a_shape(rng)
    middle, reach = np.array(shape[::-1]) / 2, 0.3 * min(shape)
    size = float(rng.uniform(0.02, 0.12)) * sign(rng)

    def field(points: Image) -> Image:
        off = points - middle
        fall = np.exp(-((off / reach) ** 2).sum(-1, keepdims=True))
        return size * fall * off[..., ::-1] * (1, -1)

    return _bent(rng, shape, field)


@kind
def shimmer(rng: Random) -> Pair:
    """Hot air: small, fine displacements."""
    shape = a_shape(rng)
    sigma = float(rng.uniform(8, 25))
    parts = [sheet(soft(rng, with_margin(shape), sigma)) for _ in range(2)]
    size = float(rng.uniform(0.5, 2))
    return _bent(rng, shape, lambda points: size * np.stack([p(points) for p in parts], -1))


@kind
def panorama(rng: Random) -> Pair:
    """Laid on a cylinder: bent towards both sides."""
    shape = a_shape(rng)
    size = float(rng.uniform(1.5, 9)) * sign(rng)

    def field(points: Image) -> Image:
        x, y = np.moveaxis(2 * points / (shape[1], shape[0]) - 1, -1, 0)
        return size * np.stack([x**3, y * x**2], -1)

    return _bent(rng, shape, field)


def _strips(rng: Random, axis: int, edges: Image, motions: list[Matrix], models: str = "") -> Pair:
    """Return a pair whose second image shows strips, each with its motion; all may be meant."""
    shape = a_shape(rng)
    scene = photograph(rng, shape)
    along = grid(shape)[..., axis] / shape[1 - axis]
    which = np.searchsorted(edges, along)
    parts = [seen(scene, shape, motion) for motion in motions]
    mean = np.mean(motions, axis=0)
    images = seen(scene, shape), np.choose(which, parts)
    return pair(rng, images, mean, *motions, models=models)


@kind
def stitched_strips(rng: Random) -> Pair:
    """A scan put together of strips, each a little off by itself."""
    base, size, count = a_shift(rng, 1, 10), rng.uniform(1, 4), int(rng.integers(3, 7))
    motions = [base @ shift(*rng.uniform(-size, size, 2)) for _ in range(count)]
    return _strips(rng, int(rng.integers(2)), np.arange(1, count) / count, motions)


@kind
def seam(rng: Random) -> Pair:
    """A mosaic of two, one part a few pixels off."""
    base = a_shift(rng, 1, 12)
    edge = np.array([float(rng.uniform(0.45, 0.8))])
    return _strips(rng, int(rng.integers(2)), edge, [base, base @ a_shift(rng, 1.2, 5)], "affine")


@kind
def bidirectional_scan(rng: Random) -> Pair:
    """A laser scanner whose way back is late: odd rows are some pixels off."""
    shape, truth = a_shape(rng), a_shift(rng, 1, 14)
    late = float(rng.uniform(1.5, 6)) * sign(rng)
    scene = photograph(rng, shape)
    odd = truth @ shift(late, 0)
    rows = np.arange(shape[0])[:, None] % 2 == 1
    second = np.where(rows, seen(scene, shape, odd), seen(scene, shape, truth))
    return pair(rng, (seen(scene, shape), second), truth, odd)


@kind
def interlaced(rng: Random) -> Pair:
    """Two fields of a film, a fiftieth of a second apart, in one frame."""
    shape, truth = a_shape(rng), a_shift(rng, 2, 20)
    scene = photograph(rng, shape)
    half = shift(*(truth[:2, 2] * float(rng.uniform(1.2, 1.6))))
    rows = np.arange(shape[0])[:, None] % 2 == 1
    second = np.where(rows, seen(scene, shape, half), seen(scene, shape, truth))
    return pair(rng, (seen(scene, shape), second), truth, half)


def _sheared(shape: tuple[int, int], share: float) -> Matrix:
    x, y = (np.array(shape[::-1]) - 1) / 2
    stretch = np.diag([1 + share, 1 - share, 1.0])
    return shift(x, y) @ stretch @ shift(-x, -y)


def _tilted(shape: tuple[int, int], share: float) -> Matrix:
    x, y = (np.array(shape[::-1]) - 1) / 2
    tilt = np.eye(3)
    tilt[2, :2] = share / max(x, y), 0.4 * share / max(x, y)
    return shift(x, y) @ tilt @ shift(-x, -y)


_TOO_NARROW: dict[str, tuple[str, Callable[[tuple[int, int], float], Matrix]]] = {
    "translation_of_turned": ("translation", lambda shape, a: similarity(shape, np.rad2deg(a))),
    "translation_of_grown": ("translation", lambda shape, a: similarity(shape, 0.0, 1 + a)),
    "euclidean_of_grown": ("euclidean", lambda shape, a: similarity(shape, 0.0, 1 + a)),
    "similarity_of_stretched": ("similarity", _sheared),
    "affine_of_tilted": ("affine", _tilted),
}


def _too_narrow(name: str) -> None:
    model, change = _TOO_NARROW[name]

    def narrow(rng: Random) -> Pair:
        shape = a_shape(rng)
        share = float(rng.uniform(0.5, 4)) / (np.hypot(*shape) / 2) * sign(rng)
        truth = change(shape, share) @ a_shift(rng, 1, 12)
        scene = photograph(rng, shape, names=PHOTOGRAPHS + TEXTURES)
        noise = float(rng.uniform(1, 6))
        return pair(rng, both(scene, shape, truth), truth, models=model, noise=noise)

    narrow.__name__ = name
    narrow.__doc__ = f"The truth has 0.5 to 4 px at the corners that '{model}' cannot have."
    kind(narrow)


for _name in _TOO_NARROW:
    _too_narrow(_name)
