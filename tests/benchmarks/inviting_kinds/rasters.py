"""A raster that both images share while the scene moves by a part of it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scenes import Image, Pair, grid, shift
from scipy import ndimage

from .made import Random, a_shape, a_shift, both, faded, kind, pair, photograph, soft

Raster = Callable[[Image], Image]


def raster(make: Callable[[Random, tuple[int, int]], tuple[Raster, float]]) -> None:
    """Register a kind by what is done to both images, and the noise that comes after it."""

    def sampled(rng: Random) -> Pair:
        shape, truth = a_shape(rng), a_shift(rng, 0.7, 14)
        change, noise = make(rng, shape)
        scene = faded(photograph(rng, shape), float(rng.uniform(0.2, 1)))
        first, second = (change(image) for image in both(scene, shape, truth))
        return pair(rng, (first, second), truth, noise=noise)

    sampled.__name__, sampled.__doc__ = make.__name__, make.__doc__
    kind(sampled)


def _enlarged(rng: Random, how: int, noise: float) -> tuple[Raster, float]:
    factor = int(rng.integers(3, 11))

    def change(image: Image) -> Image:
        height, width = image.shape
        small = cv2.resize(
            image, (width // factor, height // factor), interpolation=cv2.INTER_AREA
        )
        return cv2.resize(small, (width, height), interpolation=how)

    return change, noise


@raster
def enlarged_nearest(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Few pixels, enlarged to blocks."""
    return _enlarged(rng, cv2.INTER_NEAREST, float(rng.choice([0.0, 2.0])))


@raster
def enlarged_linear(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Few pixels, enlarged linearly, as by a thermal camera."""
    return _enlarged(rng, cv2.INTER_LINEAR, 1.0)


@raster
def ordered_dither(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Black and white by a matrix of thresholds."""
    order = np.zeros((1, 1))
    for _ in range(int(rng.integers(1, 4))):
        order = np.kron(np.ones((2, 2)), 4 * order) + np.kron(
            [[0, 2], [3, 1]], np.ones_like(order)
        )
    level = 255 * (order + 0.5) / order.size
    repeats = -(-np.array(shape) // len(order))
    screen = np.tile(level, repeats)[: shape[0], : shape[1]]
    return (lambda image: 255.0 * (image > screen)), 0.0


@raster
def halftone(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Dots of ink on a turned screen."""
    angle, pitch = float(rng.uniform(0, np.pi / 2)), float(rng.uniform(4, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    phase = grid(shape) @ turn * (2 * np.pi / pitch)
    screen = 128 + 64 * np.cos(phase).sum(-1)
    return (lambda image: 255 / (1 + np.exp((screen - image) / 12))), 1.0


@raster
def line_screen(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """An engraving: lines that swell where it is dark."""
    period = float(rng.uniform(4, 10))
    lines = 128 + 110 * np.cos(2 * np.pi * grid(shape)[..., 1] / period)
    return (lambda image: 255 / (1 + np.exp((lines - image) / 10))), 1.0


@raster
def jpeg_blocks(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Strongly compressed: blocks of 8."""
    quality = int(rng.integers(2, 14))

    def change(image: Image) -> Image:
        flat = image.clip(0, 255).astype(np.uint8)
        _, code = cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float64)

    return change, 0.0


@raster
def moire(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """A screen's pixels photographed by another raster: the beat of both stays."""
    period, turn = float(rng.uniform(2.1, 3.4)), float(rng.uniform(-0.06, 0.06))
    x, y = grid(shape).transpose(2, 0, 1) * (2 * np.pi / period)
    beat = (1 + np.cos(x + turn * y)) * (1 + np.cos(y - turn * x)) / 4
    return (lambda image: image * (0.3 + 0.9 * beat)), 1.0


@raster
def dark_field(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Interlaced: every second row is a darker field."""
    gain = float(rng.uniform(0.1, 0.7))
    rows = np.where(np.arange(shape[0]) % 2, gain, 1.0)[:, None]
    return (lambda image: image * rows), 2.0


@raster
def blue_threshold(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Black and white by a still mask of noise."""
    noise = rng.normal(size=shape)
    mask = noise - ndimage.gaussian_filter(noise, 1.5)
    level = 128 + float(rng.uniform(40, 90)) * mask / mask.std()
    return (lambda image: 255.0 * (image > level)), 0.0


@raster
def cell_averages(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Averaged within the cells of a detector, its rows half a cell apart."""
    pitch = int(rng.integers(5, 13))
    x, y = grid(shape).transpose(2, 0, 1)
    row = (y // pitch).astype(int)
    label = row * 1000 + ((x + row % 2 * pitch / 2) // pitch).astype(int)
    _, cell = np.unique(label, return_inverse=True)
    cell = cell.reshape(shape)
    count = np.bincount(cell.ravel())

    def change(image: Image) -> Image:
        return (np.bincount(cell.ravel(), image.ravel()) / count)[cell]

    return change, 1.0


@raster
def posterized(rng: Random, shape: tuple[int, int]) -> tuple[Raster, float]:
    """Very few grey levels, with a still raster to hide it."""
    step = float(rng.uniform(30, 80))
    pattern = np.tile(step / 2 * np.eye(4)[:, ::-1], -(-np.array(shape) // 4))[
        : shape[0], : shape[1]
    ]
    return (lambda image: np.rint((image + pattern) / step) * step), 0.0


@kind
def pixel_art(rng: Random) -> Pair:
    """A game's blocks, scrolled by whole blocks."""
    block = int(rng.integers(4, 12))
    shape = int(rng.integers(50, 100)), int(rng.integers(50, 100))
    x, y = (int(step) for step in rng.integers(-7, 8, 2))
    first, second = both(photograph(rng, shape, 12), shape, shift(x, y))
    images = [
        np.kron(np.rint(image / 40) * 40, np.ones((block, block))) for image in (first, second)
    ]
    return pair(rng, (images[0], images[1]), shift(block * x, block * y), noise=0.0)


@kind
def aliased(rng: Random) -> Pair:
    """Sampled without a filter: what is finer than a pixel comes out otherwise each time."""
    factor = int(rng.integers(2, 6))
    small = int(rng.integers(180, 280)), int(rng.integers(180, 280))
    shape = small[0] * factor, small[1] * factor
    truth = a_shift(rng, 0.7, 8)
    scene = photograph(rng, shape)
    grain = float(rng.uniform(5, 60))
    fine = rng.normal(size=(256, 256))

    def rough(points: Image) -> Image:
        places = np.moveaxis(points[..., ::-1], -1, 0)
        return scene(points) + grain * ndimage.map_coordinates(fine, places, order=1, mode="wrap")

    large = shift(factor * truth[0, 2], factor * truth[1, 2])
    first, second = both(rough, shape, large)
    return pair(rng, (first[::factor, ::factor], second[::factor, ::factor]), truth)


@kind
def weave_on_copy(rng: Random) -> Pair:
    """Prints on structured paper: the paper stays in the scanner, the picture moves on it."""
    shape, truth = a_shape(rng), a_shift(rng, 0.7, 12)
    pitch = float(rng.uniform(5, 14))
    phase = 2 * np.pi * grid(shape) / pitch + 0.3 * soft(rng, shape, 20)[..., None]
    paper = float(rng.uniform(8, 35)) * np.cos(phase).prod(-1)
    first, second = both(faded(photograph(rng, shape), 0.5), shape, truth)
    return pair(rng, (first + paper, second + paper), truth)
