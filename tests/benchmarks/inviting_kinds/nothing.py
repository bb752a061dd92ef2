"""Pairs without a right motion: whatever is called aligned is wrong."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scenes import TEXTURES, Image, Pair, grid
from scipy import ndimage

from .made import (
    Random,
    a_shape,
    anywhere,
    bumps,
    discs,
    ink,
    kind,
    pair,
    photograph,
    seen,
    soft,
    strokes,
    text_page,
    word,
)


def unrelated(make: Callable[[Random, tuple[int, int]], Callable[[], Image]]) -> None:
    """Register a kind by what makes one image after the other of it, each for itself."""

    def apart(rng: Random) -> Pair:
        shape = a_shape(rng)
        draw = make(rng, shape)
        return pair(rng, (draw(), draw()), noise=float(rng.uniform(1, 5)))

    apart.__name__, apart.__doc__ = make.__name__, make.__doc__
    kind(apart)


@unrelated
def soft_noises(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Noise of one grain."""
    sigma = float(np.exp(rng.uniform(-1, 3.5)))
    return lambda: 128 + 45 * soft(rng, shape, sigma)


@unrelated
def noises_of_one_spectrum(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Noise whose power falls as that of photographs does."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    fall = 1 / np.maximum(np.hypot(fy, fx), 1 / max(shape)) ** float(rng.uniform(0.7, 2))

    def draw() -> Image:
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * fall).real
        return 128 + 45 * (field - field.mean()) / field.std()

    return draw


@unrelated
def blanks(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Nothing but the sensor's noise."""
    return lambda: np.full(shape, float(rng.uniform(20, 230)))


@unrelated
def ramps(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Light that falls off, to any side."""

    def draw() -> Image:
        slope = rng.normal(0, 80, 2)
        return 128 + (grid(shape) / shape[::-1] - 0.5) @ slope

    return draw


@unrelated
def gratings(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Stripes of one period, at any phase."""
    wave = rng.normal(0, 1, 2)
    wave *= 2 * np.pi / float(rng.uniform(5, 60)) / np.linalg.norm(wave)
    return lambda: 128 + 60 * np.cos(grid(shape) @ wave + float(rng.uniform(0, 6)))


@unrelated
def checkers(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Boards of one period, each cut out anywhere."""
    side = float(rng.uniform(6, 50))

    def draw() -> Image:
        phase = np.pi / side * (grid(shape) + rng.uniform(0, 2 * side, 2))
        return 128 + 70 * np.tanh(6 * np.sin(phase).prod(-1))

    return draw


@unrelated
def graph_papers(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Other curves on one ruling, cut out anywhere."""
    pitch = int(rng.integers(6, 22))

    def draw() -> Image:
        off = grid(shape) + rng.integers(0, 5 * pitch, 2)
        ruling = 40 * (off % pitch < 1).any(-1) + 60 * (off % (5 * pitch) < 1).any(-1)
        x = np.arange(shape[1], dtype=float)
        y = shape[0] / 2 + shape[0] / 6 * soft(rng, x.shape, 15.0)
        return 240 - ruling - 200 * strokes(shape, np.stack([x, y], -1)[None], thick=2)

    return draw


@unrelated
def other_photographs(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Two photographs, one of them mirrored."""
    sides = iter((False, True))
    return lambda: seen(photograph(rng, shape, mirrored=next(sides)), shape)


@unrelated
def other_texture(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """One texture and its mirror image: alike everywhere, the same nowhere."""
    name, sides = str(rng.choice(TEXTURES)), iter((False, True))
    return lambda: seen(photograph(rng, shape, names=(name,), mirrored=next(sides)), shape)


@unrelated
def other_text(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Other text at one pitch of lines."""
    pitch = int(rng.integers(14, 40))
    return lambda: ndimage.gaussian_filter(text_page(rng, shape, pitch), 0.7)


@unrelated
def other_cells(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Other fields of equal cells."""
    count, radius = int(np.prod(shape) / rng.uniform(300, 3000)), float(rng.uniform(3, 9))
    return lambda: 40 + 120 * bumps(shape, anywhere(rng, shape, count), radius)


@unrelated
def other_stars(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Other fields of stars."""
    count = int(rng.integers(15, 200))
    flux = 20 + 25 * rng.pareto(1.5, count).clip(0, 8)
    return lambda: 20 + bumps(shape, anywhere(rng, shape, count), 1.4, flux)


@unrelated
def other_wells(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Plates of wells, of which other ones are filled, each plate lying anywhere."""
    pitch = int(rng.integers(24, 70))

    def draw() -> Image:
        spots = np.stack(np.mgrid[0 : shape[1] + pitch : pitch, 0 : shape[0] + pitch : pitch], -1)
        at = spots.reshape(-1, 2) + rng.uniform(-pitch, 0, 2)
        rims = discs(shape, at, 0.4 * pitch, thick=2)
        full = discs(shape, at[rng.random(len(at)) < 0.5], 0.35 * pitch)
        return 200 - 90 * rims - 70 * full

    return draw


@unrelated
def other_barcodes(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Bar codes of one module width."""
    module = int(rng.integers(3, 9))

    def draw() -> Image:
        bars = rng.random(shape[1] // module + 1) < 0.5
        row = 230 - 200 * np.repeat(bars, module)[: shape[1]]
        return np.broadcast_to(row, shape) + 2 * soft(rng, shape, 3.0)

    return draw


@unrelated
def other_squares_of_code(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Matrix codes of one module width, each cut out anywhere."""
    module = int(rng.integers(5, 16))

    def draw() -> Image:
        cells = rng.random((shape[0] // module + 2, shape[1] // module + 2)) < 0.5
        whole = 230 - 200 * np.kron(cells, np.ones((module, module)))
        top, left = rng.integers(0, module, 2)
        return ndimage.gaussian_filter(whole[top:, left:][: shape[0], : shape[1]], 0.8)

    return draw


@unrelated
def other_ridges(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Fingerprints: ridges of one width."""
    period = float(rng.uniform(5, 12))

    def draw() -> Image:
        bend = sum(size * soft(rng, shape, sigma) for size, sigma in ((9.0, 60.0), (2.0, 25.0)))
        way = grid(shape) @ rng.normal(0, 1, 2) / 1.5
        return 128 + 70 * np.tanh(2 * np.cos(2 * np.pi / period * (way + period * bend / 2)))

    return draw


@unrelated
def blank_in_jpeg(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Plain walls, strongly compressed: only the blocks are common."""
    quality = int(rng.integers(3, 15))

    def draw() -> Image:
        wall = 128 + 20 * soft(rng, shape, 30.0) + rng.normal(0, 6, shape)
        code = cv2.imencode(".jpg", wall.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE).astype(np.float64)

    return draw


@unrelated
def clouds(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """Skies of two days, each with its ramp."""
    ramp = float(rng.uniform(20, 90)) * grid(shape)[..., 1] / shape[0]
    return lambda: 190 - ramp + float(rng.uniform(2, 20)) * soft(rng, shape, 25.0)


@unrelated
def other_labels(rng: Random, shape: tuple[int, int]) -> Callable[[], Image]:
    """A few words on white, other ones."""
    count = int(rng.integers(2, 9))

    def draw() -> Image:
        at = anywhere(rng, shape, count).astype(int)
        return 240 - 200 * ink(shape, *((word(rng), int(x), int(y), 0.8) for x, y in at), thick=2)

    return draw


@kind
def tiny_others(rng: Random) -> Pair:
    """Very small photographs of other things."""
    shape = int(rng.integers(40, 100)), int(rng.integers(40, 100))
    first = seen(photograph(rng, shape), shape)
    second = seen(photograph(rng, shape, mirrored=True), shape)
    return pair(rng, (first, second), models="translation affine homography")
