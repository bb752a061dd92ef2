"""Pairs with exact transforms to compare estimators on, column by column of the table.

Photographs come from scikit-image's wheel, enlarged and, for the large columns, tiled to a mosaic;
pages are drawn. Gain, offset and noise differ between the two
images of a pair.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))

from music.page import make_page
from napari_ecc_align import Transform
from napari_ecc_align._transform.coordinates import corner_error, corners
from napari_ecc_align._transform.matrices import MotionModel
from pairs import known_pair, picture

PHOTOGRAPHS = (
    "camera",
    "astronaut",
    "coffee",
    "immunohistochemistry",
    "gravel",
    "grass",
    "retina",
)
_NOISE = 2.0


@dataclass(frozen=True, eq=False)
class Pair:
    """A pair of uint8 images and the transform between them."""

    column: str
    name: str
    model: MotionModel
    reference: NDArray[np.uint8]
    moving: NDArray[np.uint8]
    matrix: NDArray[np.float64]

    def error_of(self, matrix: NDArray[np.float64]) -> float:
        """Return the corner error of an estimate in pixels."""
        return corner_error(matrix, self.matrix, self.reference.shape)


@dataclass(frozen=True)
class Scenario:
    """A pair that can be made when it is needed."""

    column: str
    name: str
    make: Callable[[], Pair]


def scenarios(*, repeats: int = 5, large: bool = True, seed: int = 0) -> Iterator[Scenario]:
    """Yield every scenario of the grid.

    Parameters
    ----------
    repeats : int, default: 5
        Pairs per level of difficulty.
    large : bool, default: True
        With the columns of 1024 pixels and more.
    seed : int, default: 0
        Other seeds are other pairs.
    """
    side = (512, 512)
    for number in range(repeats):
        for size in (2, 5, 10, 20, 40):
            yield _photo("affine 512", f"{size} px", side, _affine(size), "affine", number, seed)
        for degrees in (5, 15, 30, 45):
            warp = _similar(degrees, 1.0)
            yield _photo("rotation 512", f"{degrees} deg", side, warp, "euclidean", number, seed)
        for scale in (0.8, 0.9, 1.1, 1.25):
            warp = _similar(2, scale)
            yield _photo("scale 512", f"x {scale}", side, warp, "affine", number, seed)
        for size in (5, 20):
            warp = _perspective(size)
            yield _photo("homography 512", f"{size} px", side, warp, "homography", number, seed)
        for size in (2, 5, 10, 20):
            for negative in (False, True):
                yield _page("page 1024", (760, 1024), size, negative, number, seed)
    if not large:
        return
    for number in range(max(2, repeats // 2)):
        for height, width in ((1024, 1024), (2048, 2048), (2480, 3500)):
            column = f"photo {width}"
            warp = _affine(5 * width / 512)
            yield _photo(column, "1 %", (height, width), warp, "affine", number, seed)
        for negative in (False, True):
            yield _page("page 3500", (2480, 3500), 10, negative, number, seed)


Warp = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def _affine(size: float) -> Warp:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        height, width = shape
        points = np.array([[0, 0, 1], [width - 1, 0, 1], [width / 2, height - 1, 1.0]])
        moved = points[:, :2] + rng.normal(0, size, (3, 2))
        matrix = np.eye(3)
        matrix[:2] = np.linalg.solve(points, moved).T
        return matrix

    return draw


def _perspective(size: float) -> Warp:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        points = corners(shape)
        moved = points + rng.normal(0, size, points.shape)
        rows, right = [], []
        for (x, y), (u, v) in zip(points, moved, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
            right += [u, v]
        return np.append(np.linalg.solve(np.array(rows), right), 1.0).reshape(3, 3)

    return draw


def _similar(degrees: float, scale: float) -> Warp:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
        angle = np.deg2rad(degrees * rng.choice([-1, 1]))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = corners(shape).mean(axis=0)
        matrix = np.eye(3)
        matrix[:2, :2] = turn
        matrix[:2, 2] = middle - turn @ middle + rng.normal(0, 4, 2)
        return matrix

    return draw


def _photo(
    column: str,
    level: str,
    shape: tuple[int, int],
    warp: Warp,
    model: MotionModel,
    number: int,
    seed: int,
) -> Scenario:
    name = f"{column}, {level}, {number}"

    def make() -> Pair:
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        source = _source(PHOTOGRAPHS[number % len(PHOTOGRAPHS)], int(max(shape) * 1.25) + 220)
        known = known_pair(source, Transform(warp(rng, shape), model=model), shape=shape)
        reference = known.reference + rng.normal(0, _NOISE, shape)
        gain, offset = rng.uniform(0.8, 1.1), rng.uniform(-10, 10)
        moving = gain * known.moving + offset + rng.normal(0, _NOISE, shape)
        return Pair(column, name, model, _bytes(reference), _bytes(moving), known.truth.matrix)

    return Scenario(column, name, make)


def _page(
    column: str, shape: tuple[int, int], size: float, negative: bool, number: int, seed: int
) -> Scenario:
    column = f"{column} {'negative' if negative else 'positive'}"
    name = f"{column}, {size} px, {number}"

    def make() -> Pair:
        drawn = zlib.crc32(f"{shape}, {size}, {number}, {seed}".encode())
        page = _drawn(shape=shape, seed=drawn, displacement=size)
        # The reference is white ink on black and the scan dark ink on white.
        moving = page.gray if negative else 255 - page.gray
        return Pair(column, name, "affine", page.reference, moving, page.matrix)

    return Scenario(column, name, make)


# The one and its negative follow each other.
_drawn = lru_cache(maxsize=1)(make_page)


@lru_cache(maxsize=3)
def _source(name: str, side: int) -> NDArray[np.float64]:
    """Return a photograph, enlarged by up to two and then mirrored to a mosaic of `side` px."""
    small = picture(name)
    factor = min(2.2, side / min(small.shape))
    image = ndimage.zoom(small, factor, order=3) if factor > 1 else small
    while min(image.shape) < side:
        image = np.block([[image, image[:, ::-1]], [image[::-1], np.roll(image, 97, axis=1)]])
    return np.ascontiguousarray(image[:side, :side])


def _bytes(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
