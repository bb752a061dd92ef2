"""Pairs that no smooth field lays on each other everywhere: torn, sliding, bent too far, unlike.

What moves is made of pieces, each of which bends smoothly. Both images are samples of one picture
at exact places, and which of the two is the bent one is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scenes import PHOTOGRAPHS, TEXTURES, Image, eight_bit, grid
from scipy import ndimage

from pairs import sampled, splines_of

Random = np.random.Generator
Bools = NDArray[np.bool_]
Shape = tuple[int, int]
Scene = Callable[[Image], Image]
# Nothing moves farther (px), so that nothing is asked outside the picture.
_MARGIN = 60
# Steps that undo a displacement: few bend by more than a half, and none of these is missed.
_UNDONE = 60


@dataclass(frozen=True, eq=False)
class FieldPair:
    """A pair, and where the reference's pixels lie.

    Attributes
    ----------
    kind, name : str
    reference, moving : ndarray of uint8, shape (h, w)
    places : ndarray, shape (n, h, w, 2)
        Where each pixel lies in the moving image, of n places that it may have; NaN where it has
        none. Empty if the images show different things.
    """

    kind: str
    name: str
    reference: NDArray[np.uint8]
    moving: NDArray[np.uint8]
    places: Image

    def off(self, found: Image) -> Image:
        """Return how far (px) places (h, w, 2) are off, shape (h, w); NaN where none is right."""
        if not len(self.places):
            return np.full(found.shape[:2], np.inf)
        distances = np.hypot(*np.moveaxis(self.places - found, -1, 0))
        nearest = np.where(np.isnan(distances), np.inf, distances).min(axis=0)
        return np.where(np.isinf(nearest), np.nan, nearest)


@dataclass(frozen=True, eq=False)
class Piece:
    """What moves as one: where it lies on the bent image, and how far its pixels moved."""

    where: Bools
    moved: Image


def hostile_field_pair(number: int, seed: int) -> FieldPair:
    """Return one pair, of every kind in turn; the same whatever else is made."""
    kinds = list(_KINDS)
    return _made(kinds[number % len(kinds)], np.random.default_rng([seed, number]))


def right_field_pair(number: int, seed: int) -> FieldPair:
    """Return a pair that bends as a smooth field may."""
    return _made("gentle", np.random.default_rng([seed, number, 1]))


def _made(kind: str, rng: Random) -> FieldPair:
    shape = int(rng.integers(256, 440)), int(rng.integers(256, 440))
    name = str(rng.choice(TEXTURES if kind == "texture" else PHOTOGRAPHS))
    scene = _lattice(rng) if kind == "lattice" else _picture(name, rng, shape)
    plain = scene(grid(shape))
    if kind == "unrelated":
        other = _other(name, rng, shape)
        return _pair(kind, name, rng, plain, other, np.empty((0, *shape, 2)))
    pieces = _KINDS.get(kind, _gentle)(rng, shape)
    moved = sum(np.where(one.where[..., None], one.moved, 0) for one in pieces)
    bent = scene(grid(shape) + moved)
    if kind in _SPOILT:
        bent = _spoilt(kind, name, bent, rng)
    if rng.random() < 0.5:
        return _pair(kind, name, rng, bent, plain, (grid(shape) + moved)[None])
    return _pair(kind, name, rng, plain, bent, np.stack([_back(one) for one in pieces]))


def _pair(
    kind: str, name: str, rng: Random, reference: Image, moving: Image, places: Image
) -> FieldPair:
    noise = float(rng.choice([1, 3, 6]))
    if rng.random() < 0.2:
        moving = 240 - 0.7 * moving
    images = eight_bit(reference, rng, noise), eight_bit(moving, rng, noise)
    return FieldPair(kind, f"{name}, noise {noise:.0f}", *images, places)


def _picture(name: str, rng: Random, shape: Shape) -> Scene:
    """Return a random part of a picture, and what lies around it."""
    splines = splines_of(name)
    size, wide = np.array(splines.shape[:0:-1]) - 1, np.array(shape[::-1]) + 2 * _MARGIN
    zoom = min(1.0, 0.999 * float((size / wide).min()))
    first = rng.uniform(0, 1, 2) * (size - zoom * wide) + zoom * _MARGIN
    return lambda points: sampled(splines, zoom * points + first)


def _other(name: str, rng: Random, shape: Shape) -> Image:
    others = [one for one in (*PHOTOGRAPHS, *TEXTURES) if one != name]
    return _picture(str(rng.choice(others)), rng, shape)(grid(shape))


def _lattice(rng: Random) -> Scene:
    """Return what repeats, as cells or woven threads do, each a little unlike the others."""
    period, angle = float(rng.uniform(8, 24)), float(rng.uniform(0, np.pi))
    ways = [np.array([np.cos(angle + turn), np.sin(angle + turn)]) for turn in (0, np.pi / 2)]
    unlike = ndimage.gaussian_filter(rng.normal(size=(600, 600)), float(rng.uniform(2, 6)))
    unlike *= float(rng.uniform(4, 20)) / unlike.std()

    def scene(points: Image) -> Image:
        waves = [np.cos(2 * np.pi * (points @ way) / period) for way in ways]
        at = np.moveaxis(points[..., ::-1], -1, 0) + _MARGIN
        return 128 + 35 * (waves[0] + waves[1]) + ndimage.map_coordinates(unlike, at, order=3)

    return scene


def _soft(rng: Random, shape: Shape, over: float, size: float) -> Image:
    """Return a displacement of a size (px, RMS) that bends over a length (px)."""
    noise = rng.normal(size=(2, *shape))
    u = np.stack([ndimage.gaussian_filter(one, over) for one in noise], axis=-1)
    u *= size / np.sqrt((u**2).sum(axis=-1).mean())
    return np.clip(u, -_MARGIN, _MARGIN)


def _one(moved: Image) -> list[Piece]:
    return [Piece(np.ones(moved.shape[:2], bool), moved)]


def _rest(rng: Random, shape: Shape) -> Image:
    """Return how what surrounds a flaw bends: not at all, or gently."""
    return _soft(rng, shape, min(shape) / 8, float(rng.choice([0.05, 1, 3])))


def _step(rng: Random) -> Image:
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(3, 12)
    return np.array([np.cos(angle), np.sin(angle)]) * size


def _side(rng: Random, shape: Shape) -> Image:
    """Return the signed distance (px) from a random curve through the image, nearly."""
    angle = float(rng.uniform(0, 2 * np.pi))
    across, along = (
        grid(shape) @ np.array([np.cos(angle + turn), np.sin(angle + turn)])
        for turn in (0, np.pi / 2)
    )
    middle = np.quantile(across, float(rng.uniform(0.25, 0.75)))
    waves = min(shape) / rng.uniform(0.7, 4, 3)
    curve = sum(
        0.06 * wave * np.sin(2 * np.pi * along / wave + rng.uniform(0, 2 * np.pi))
        for wave in waves
    )
    return np.asarray(across - middle - curve)


def _gentle(rng: Random, shape: Shape) -> list[Piece]:
    return _one(_soft(rng, shape, min(shape) / float(rng.uniform(7, 14)), rng.uniform(0.8, 4)))


def _torn(rng: Random, shape: Shape) -> list[Piece]:
    """Move one side of a curve by a few px."""
    rest, side = _rest(rng, shape), _side(rng, shape) > 0
    return [Piece(~side, rest), Piece(side, rest + _step(rng))]


def _turned(rng: Random, shape: Shape) -> list[Piece]:
    """Turn one side of a curve."""
    rest, side = _rest(rng, shape), _side(rng, shape) > 0
    off = grid(shape) - rng.uniform(0.2, 0.8, 2) * shape[::-1]
    turned = off[..., ::-1] * (-1, 1) * np.tan(np.deg2rad(rng.uniform(1, 4)))
    moved = np.clip(rest + turned * rng.choice([-1, 1]) + _step(rng) / 2, -_MARGIN, _MARGIN)
    return [Piece(~side, rest), Piece(side, moved)]


def _opened(rng: Random, shape: Shape) -> list[Piece]:
    """Pull both sides of a curve apart, or one over the other."""
    rest, side = _rest(rng, shape), _side(rng, shape)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(side, 8))[::-1], axis=-1).mean((0, 1))
    way = slope / np.hypot(*slope) * rng.choice([-1, 1]) * rng.uniform(3, 12)
    return [Piece(side <= 0, rest), Piece(side > 0, rest + way)]


def _patch(rng: Random, shape: Shape, small: float, large: float) -> Bools:
    """Return a disc, a rectangle or a blob, so large for the shorter side."""
    size = min(shape) * rng.uniform(small, large) * rng.uniform(0.6, 1.4, 2)
    off = grid(shape) - rng.uniform(0.2, 0.8, 2) * shape[::-1]
    kind = int(rng.integers(3))
    if kind == 0:
        return np.asarray((np.abs(off) < size).all(axis=-1))
    around = np.arctan2(off[..., 1], off[..., 0])
    wavy = 1 + (0.25 * np.sin(3 * around + rng.uniform(0, 6)) if kind == 2 else 0)
    return np.asarray(((off / size) ** 2).sum(axis=-1) < wavy**2)


def _slid(rng: Random, shape: Shape) -> list[Piece]:
    """Move one patch within what surrounds it."""
    rest, patch = _rest(rng, shape), _patch(rng, shape, 0.08, 0.25)
    return [Piece(~patch, rest), Piece(patch, rest + _step(rng))]


def _scattered(rng: Random, shape: Shape) -> list[Piece]:
    """Move some small patches, each its own way."""
    rest, left = _rest(rng, shape), np.ones(shape, bool)
    pieces = []
    for _ in range(int(rng.integers(3, 9))):
        patch = _patch(rng, shape, 0.03, 0.1) & left
        left &= ~patch
        pieces.append(Piece(patch, rest + _step(rng)))
    return [Piece(left, rest), *pieces]


def _fault(rng: Random, shape: Shape) -> list[Piece]:
    """Slip along a curve within a few px, as rocks and scans do."""
    share = (1 + np.tanh(_side(rng, shape) / rng.uniform(1, 8))) / 2
    return _one(_rest(rng, shape) + share[..., None] * _step(rng))


def _far(rng: Random, shape: Shape) -> list[Piece]:
    size = min(shape)
    return _one(_soft(rng, shape, size / rng.uniform(8, 14), size * rng.uniform(0.02, 0.05)))


def _sharp(rng: Random, shape: Shape) -> list[Piece]:
    return _one(_soft(rng, shape, rng.uniform(8, 18), rng.uniform(2, 7)))


def _swirled(rng: Random, shape: Shape) -> list[Piece]:
    """Turn a small part in place."""
    reach = min(shape) * rng.uniform(0.05, 0.12)
    off = grid(shape) - rng.uniform(0.25, 0.75, 2) * shape[::-1]
    fall = np.exp(-((off / reach) ** 2).sum(axis=-1, keepdims=True) / 2)
    turned = off[..., ::-1] * (-1, 1) * fall * rng.uniform(0.3, 0.8) * rng.choice([-1, 1])
    return _one(_rest(rng, shape) + turned)


def _repeating(rng: Random, shape: Shape) -> list[Piece]:
    """Bend what repeats by about a period."""
    return _one(_soft(rng, shape, min(shape) / rng.uniform(7, 14), rng.uniform(5, 16)))


def _spoilt(kind: str, name: str, bent: Image, rng: Random) -> Image:
    """Return the bent image with what the other does not show."""
    shape = bent.shape[0], bent.shape[1]
    if kind == "replaced":
        where = _patch(rng, shape, 0.12, 0.35)
        return np.where(where, _other(name, rng, shape), bent)
    result = bent.copy()
    for _ in range(int(rng.integers(3, 12))):
        where = _patch(rng, shape, 0.015, 0.06)
        value = float(rng.uniform(0, 255)) if rng.random() < 0.5 else np.roll(bent, 97, (0, 1))
        result = np.where(where, value, result)
    return result


def _back(piece: Piece) -> Image:
    """Return where the pixels of the plain image lie on the bent one, as far as a piece goes."""
    shape = piece.where.shape
    here = grid((shape[0], shape[1]))
    found = here - piece.moved
    last = np.array(shape[::-1]) - 1
    for _ in range(_UNDONE):
        found = found + 0.7 * (here - found - _between(piece.moved, found))
    undone = np.hypot(*np.moveaxis(here - found - _between(piece.moved, found), -1, 0)) < 0.05
    x, y = np.moveaxis(np.clip(np.rint(found), 0, last).astype(int), -1, 0)
    inside = ((found > -0.5) & (found < last + 0.5)).all(axis=-1)
    return np.where((undone & inside & piece.where[y, x])[..., None], found, np.nan)


def _between(values: Image, points: Image) -> Image:
    at = np.moveaxis(points[..., ::-1], -1, 0)
    parts = [ndimage.map_coordinates(values[..., k], at, order=1, mode="nearest") for k in (0, 1)]
    return np.stack(parts, axis=-1)


_KINDS: dict[str, Callable[[Random, Shape], list[Piece]]] = {
    "torn": _torn,
    "slid": _slid,
    "far": _far,
    "torn and turned": _turned,
    "scattered": _scattered,
    "sharp": _sharp,
    "opened": _opened,
    "replaced": _gentle,
    "texture": _repeating,
    "fault": _fault,
    "swirled": _swirled,
    "appeared": _gentle,
    "lattice": _repeating,
    "unrelated": _gentle,
}
_SPOILT = ("replaced", "appeared")
