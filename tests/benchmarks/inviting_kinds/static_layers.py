"""A scene moves below a layer that stays and outshines it: only the scene's motion is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scenes import Image, Pair, grid, shift
from scipy import ndimage

from .made import (
    Random,
    a_shape,
    a_shift,
    anywhere,
    both,
    bumps,
    discs,
    faded,
    ink,
    kind,
    pair,
    photograph,
    polar,
    sheet,
    soft,
    strokes,
    with_margin,
    word,
)

Layer = Callable[[Image], Image]


def layer(make: Callable[[Random, tuple[int, int]], Layer]) -> None:
    """Register a kind by its layer: what that makes of an image, the same of both."""

    def below(rng: Random) -> Pair:
        shape = a_shape(rng)
        truth = a_shift(rng)
        scene = faded(photograph(rng, shape), float(rng.uniform(0.08, 1.0)))
        over = make(rng, shape)
        first, second = (over(image) for image in both(scene, shape, truth))
        return pair(rng, (first, second), truth, noise=float(rng.uniform(1, 6)))

    below.__name__, below.__doc__ = make.__name__, make.__doc__
    kind(below)


def _added(mark: Image) -> Layer:
    return lambda image: image + mark


def _blended(cover: Image, value: float) -> Layer:
    return lambda image: image + cover * (value - image)


def _gain(factor: Image) -> Layer:
    return lambda image: image * factor


@layer
def laser_speckle(rng: Random, shape: tuple[int, int]) -> Layer:
    """Speckle of a still diffuser."""
    grain = soft(rng, shape, float(rng.uniform(0.8, 2.5)))
    return _gain(np.exp(float(rng.uniform(0.1, 0.5)) * grain))


@layer
def fibre_bundle(rng: Random, shape: tuple[int, int]) -> Layer:
    """The honeycomb of cores of an endoscope's fibre bundle."""
    pitch = float(rng.uniform(5, 12))
    rows, columns = np.mgrid[: int(shape[0] / pitch * 1.2) + 2, : int(shape[1] / pitch) + 2]
    at = np.stack([(columns + rows % 2 / 2) * pitch, rows * pitch * np.sqrt(0.75)], -1)
    at = at.reshape(-1, 2) + rng.normal(0, 0.06 * pitch, (rows.size, 2))
    return _gain(0.25 + 0.9 * bumps(shape, at, 0.3 * pitch, rng.uniform(0.7, 1.0, len(at))))


@layer
def channel_logo(rng: Random, shape: tuple[int, int]) -> Layer:
    """A broadcaster's logo and name in a corner."""
    scale = float(rng.uniform(0.8, 2.0))
    x, y = int(shape[1] * rng.uniform(0, 0.5)), int(shape[0] * rng.uniform(0.3, 0.95))
    name = ink(shape, (word(rng, 3, 6).upper(), x, y, scale), thick=3)
    badge = discs(shape, np.array([(x + 30 * scale, y - 40 * scale)]), 16 * scale)
    return _blended(np.maximum(name, badge), 255.0)


@layer
def picture_frame(rng: Random, shape: tuple[int, int]) -> Layer:
    """A carved frame around the picture."""
    h, w = shape
    x, y = grid(shape).transpose(2, 0, 1)
    edge = np.minimum(np.minimum(x, w - 1 - x), np.minimum(y, h - 1 - y))
    width = min(shape) * float(rng.uniform(0.05, 0.16))
    carved = 120 + 60 * np.cos(edge / 2.5) + 40 * soft(rng, shape, 2.0)
    return lambda image: np.where(edge < width, carved, image)


@layer
def blotches(rng: Random, shape: tuple[int, int]) -> Layer:
    """Stains of the optics, as coarse as the scene."""
    return _added(float(rng.uniform(10, 45)) * soft(rng, shape, float(rng.uniform(3, 14))))


@layer
def fixed_pattern(rng: Random, shape: tuple[int, int]) -> Layer:
    """Each pixel's own offset."""
    return _added(float(rng.uniform(4, 30)) * rng.normal(size=shape))


@layer
def pixel_gain(rng: Random, shape: tuple[int, int]) -> Layer:
    """Each pixel's own gain."""
    return _gain(1 + float(rng.uniform(0.03, 0.2)) * rng.normal(size=shape))


@layer
def row_offsets(rng: Random, shape: tuple[int, int]) -> Layer:
    """Offsets of the rows of a sensor, and fainter ones of the columns."""
    size = float(rng.uniform(3, 25))
    columns = 0.4 * size * rng.normal(size=(1, shape[1]))
    return _added(size * rng.normal(size=(shape[0], 1)) + columns)


@layer
def dead_lines(rng: Random, shape: tuple[int, int]) -> Layer:
    """Columns and rows of the sensor that are dead or stuck."""
    dead = np.zeros(shape)
    dead[:, rng.integers(0, shape[1], int(rng.integers(3, 30)))] = 1
    dead[rng.integers(0, shape[0], int(rng.integers(0, 10)))] = 1
    return _blended(dead * float(rng.uniform(0.3, 1)), float(rng.choice([0, 255])))


@layer
def dust(rng: Random, shape: tuple[int, int]) -> Layer:
    """Grains on the cover glass."""
    count = int(rng.integers(15, 90))
    grains = discs(shape, anywhere(rng, shape, count), rng.uniform(1.5, 8, count))
    return _blended(ndimage.gaussian_filter(grains, 1.0) * float(rng.uniform(0.3, 1)), 20.0)


@layer
def dust_rings(rng: Random, shape: tuple[int, int]) -> Layer:
    """Dust out of focus: doughnuts."""
    count = int(rng.integers(6, 40))
    rings = discs(shape, anywhere(rng, shape, count), rng.uniform(6, 24, count), thick=3)
    return _gain(1 - float(rng.uniform(0.1, 0.6)) * ndimage.gaussian_filter(rings, 1.5))


@layer
def pipette(rng: Random, shape: tuple[int, int]) -> Layer:
    """A micropipette that reaches into the field."""
    tip = np.array(shape[::-1]) * rng.uniform(0.35, 0.65, 2)
    end = np.array(
        [shape[1] * float(rng.choice([-0.1, 1.1])), shape[0] * float(rng.uniform(0, 1))]
    )
    along = (end - tip) / np.linalg.norm(end - tip)
    off = grid(shape) - tip
    far, side = off @ along, np.abs(off @ (along[1], -along[0]))
    width = (3 + 0.12 * np.maximum(far, 0)) * float(rng.uniform(0.7, 1.8))
    wall = np.exp(-(((side - width) / 1.8) ** 2)) * (far > 0)
    body = (side < width) & (far > 0)
    return lambda image: np.where(body, 0.5 * image + 80, image) - 120 * wall


@layer
def newton_rings(rng: Random, shape: tuple[int, int]) -> Layer:
    """Interference between two glasses."""
    centre = np.array(shape[::-1]) * rng.uniform(0.1, 0.9, 2)
    radius2 = ((grid(shape) - centre) ** 2).sum(-1)
    return _added(float(rng.uniform(6, 50)) * np.cos(radius2 / (rng.uniform(4, 14) * min(shape))))


@layer
def etalon_fringes(rng: Random, shape: tuple[int, int]) -> Layer:
    """Wavy fringes of a thinned sensor."""
    wave = np.array([np.cos(angle := rng.uniform(0, np.pi)), np.sin(angle)]) / rng.uniform(1.2, 6)
    bent = grid(shape) @ wave + 4 * soft(rng, shape, 40)
    return _added(float(rng.uniform(5, 35)) * np.cos(bent))


@layer
def still_shadows(rng: Random, shape: tuple[int, int]) -> Layer:
    """Shadows of what stands beside the camera."""
    cover = soft(rng, shape, float(rng.uniform(10, 40))) > float(rng.uniform(-0.3, 0.8))
    return _gain(1 - float(rng.uniform(0.3, 0.85)) * ndimage.gaussian_filter(1.0 * cover, 1.2))


@layer
def vignetting(rng: Random, shape: tuple[int, int]) -> Layer:
    """A dark rim with the edge of the field stop."""
    radius, _ = polar(grid(shape), shape)
    stop = 1 / (1 + np.exp((radius - float(rng.uniform(0.7, 1.0))) * 60))
    return _gain(stop * (1.1 - 0.6 * np.minimum(radius, 1.4) ** 2).clip(0.05))


@layer
def scan_lines(rng: Random, shape: tuple[int, int]) -> Layer:
    """Dark lines of a tube between the rows."""
    period = int(rng.integers(2, 9))
    dark = (np.arange(shape[0]) % period < period / 2)[:, None] * np.ones(shape)
    return _gain(1 - float(rng.uniform(0.15, 0.7)) * dark)


@layer
def watermark(rng: Random, shape: tuple[int, int]) -> Layer:
    """A stock agency's name again and again, half transparent."""
    name = word(rng, 5, 9).upper()
    step = int(rng.integers(50, 110))
    texts = [
        (name, x + step // 2 * (y // step % 2), y, step / 90)
        for y in range(step // 2, shape[0], step)
        for x in range(-step, shape[1], 3 * step)
    ]
    return _blended(float(rng.uniform(0.15, 0.7)) * ink(shape, *texts, thick=2), 255.0)


@layer
def seal(rng: Random, shape: tuple[int, int]) -> Layer:
    """An archive's seal across the whole picture."""
    radius, angle = polar(grid(shape), shape)
    rays = np.cos(24 * angle + float(rng.uniform(0, 6))) > 0.7
    rim = (np.abs(radius - 0.7) < 0.02) | (np.abs(radius - 0.45) < 0.02)
    cover = ndimage.gaussian_filter(1.0 * (rim | (rays & (radius < 0.6) & (radius > 0.5))), 0.8)
    return _blended(float(rng.uniform(0.2, 0.9)) * cover, 240.0)


@layer
def date_stamp(rng: Random, shape: tuple[int, int]) -> Layer:
    """Date, time and a scale bar burnt in."""
    h, w = shape
    scale = float(rng.uniform(0.4, 1.1))
    stamp = f"{rng.integers(10, 29)}.{rng.integers(10, 13)}.20{rng.integers(10, 27)} 14:35:08"
    text = ink(shape, (stamp, 6, h - 12, scale), ("50 um", w - 90, 24, 0.6), thick=2)
    text[30:36, w - 100 : w - 20] = 1
    return _blended(text, 255.0)


@layer
def data_bar(rng: Random, shape: tuple[int, int]) -> Layer:
    """The bar of letters below an electron micrograph."""
    top = int(shape[0] * rng.uniform(0.7, 0.92))
    rows = range(top + 20, shape[0] + 20, 24)
    text = ink(shape, *((" ".join(word(rng).upper() for _ in range(9)), 5, y, 0.5) for y in rows))
    bar = np.arange(shape[0])[:, None] >= top
    return lambda image: np.where(bar, 250 * text, image)


@layer
def glare(rng: Random, shape: tuple[int, int]) -> Layer:
    """Highlights of lamps in the glass, with their streaks."""
    at = anywhere(rng, shape, int(rng.integers(2, 9)))
    x, y = grid(shape).transpose(2, 0, 1)
    light = np.zeros(shape)
    for (left, top), size in zip(at, rng.uniform(3, 20, len(at)), strict=True):
        dx, dy = np.abs(x - left) / size, np.abs(y - top) / size
        light += np.exp(-(dx**2) - dy**2) + 0.6 * np.exp(-dx / 6 - 4 * dy)
    return _added(float(rng.uniform(80, 260)) * light)


@layer
def eyepiece_scale(rng: Random, shape: tuple[int, int]) -> Layer:
    """Crosshair and ticks of an eyepiece."""
    off = np.abs(grid(shape) - (np.array(shape[::-1]) // 2))
    tick = int(rng.integers(6, 14))
    length = np.where(off % (5 * tick) < 1, 9, 4)
    near = off[..., ::-1] < length
    mark = ((off < 1) | (near & (off % tick < 1))).any(-1)
    return _blended(float(rng.uniform(0.2, 1)) * mark, 0.0)


@layer
def drawn_grid(rng: Random, shape: tuple[int, int]) -> Layer:
    """A counting grid in the eyepiece."""
    pitch = int(rng.integers(10, 70))
    lines = (grid(shape) % pitch < 1).any(-1)
    return _added(float(rng.uniform(10, 110) * rng.choice([-1, 1])) * lines)


@layer
def scratches(rng: Random, shape: tuple[int, int]) -> Layer:
    """Scratches of the glass."""
    count = int(rng.integers(8, 60))
    ends = anywhere(rng, shape, count)[:, None] + rng.normal(0, 50, (count, 2, 2))
    return _added(float(rng.uniform(15, 90)) * strokes(shape, ends))


@layer
def drops(rng: Random, shape: tuple[int, int]) -> Layer:
    """Water drops on the lens, each with a dark rim and a light."""
    count = int(rng.integers(8, 50))
    at, radius = anywhere(rng, shape, count), rng.uniform(4, 18, count)
    rim, light = discs(shape, at, radius, thick=2), discs(shape, at - 0.3 * radius[:, None], 2.0)
    return lambda image: image * (1 - 0.7 * rim) + 150 * light


@layer
def window_bars(rng: Random, shape: tuple[int, int]) -> Layer:
    """The bars of a window that one looks through."""
    pitch, width = int(rng.integers(40, 130)), int(rng.integers(4, 16))
    off = np.abs((grid(shape) + rng.integers(0, pitch, 2)) % pitch - pitch / 2)
    near = np.minimum(off[..., 0], off[..., 1] * float(rng.choice([1.0, 3.0])))
    return lambda image: np.where(near < width / 2, 40 + 12 * near, image)


@layer
def endoscope_mask(rng: Random, shape: tuple[int, int]) -> Layer:
    """The round field of an endoscope with its notch and letters."""
    radius, angle = polar(grid(shape), shape)
    field = (radius < 0.92) & ~((np.abs(angle - 0.8) < 0.06) & (radius > 0.82))
    text = ink(shape, *((word(rng, 5, 9), 4, 18 * row, 0.42) for row in range(1, 5)))
    return lambda image: np.where(field, image, 8 + 220 * text)


@layer
def stuck_mosaic(rng: Random, shape: tuple[int, int]) -> Layer:
    """The colour filters of a raw image."""
    gains = rng.uniform(0.3, 1.0, (2, 2))
    return _gain(np.tile(gains, (shape[0] // 2 + 1, shape[1] // 2 + 1))[: shape[0], : shape[1]])


@layer
def subtitles(rng: Random, shape: tuple[int, int]) -> Layer:
    """A ticker and two lines of subtitles."""
    lines = [(" ".join(word(rng) for _ in range(6)), 10, shape[0] - y, 0.7) for y in (14, 44, 74)]
    return _blended(ink(shape, *lines, thick=2), 255.0)


@layer
def moire_of_screen(rng: Random, shape: tuple[int, int]) -> Layer:
    """The beat of a screen's raster and the camera's."""
    waves = rng.normal(0, 0.25, (3, 2))
    beat = np.cos(grid(shape) @ waves.T).sum(-1)
    return _added(float(rng.uniform(5, 30)) * beat)


@kind
def hot_pixels_below_stars(rng: Random) -> Pair:
    """Stars move; more hot pixels than stars are the sensor's."""
    shape, truth = a_shape(rng), a_shift(rng, 2, 25)
    wide = with_margin(shape)
    count = int(rng.integers(40, 260))
    flux = 15 + 20 * rng.pareto(1.5, count).clip(0, 9)
    scene = sheet(20 + bumps(wide, anywhere(rng, wide, count), 1.4, flux))
    x, y = anywhere(rng, shape, int(rng.integers(20, 300))).astype(int).T
    hot = np.zeros(shape)
    hot[y, x] = rng.uniform(20, 200, len(x))
    first, second = both(scene, shape, truth)
    return pair(rng, (first + hot, second + hot), truth, noise=3.0)


@kind
def ultrasound(rng: Random) -> Pair:
    """Tissue moves in a sector; the sector, its scale and letters stay."""
    shape, truth = a_shape(rng, 280, 600), a_shift(rng, 2, 20)
    tissue = sheet(80 + 45 * soft(rng, with_margin(shape), float(rng.uniform(6, 20))))
    off = grid(shape) - (shape[1] / 2, -0.1 * shape[0])
    far, angle = np.hypot(off[..., 0], off[..., 1]), np.arctan2(off[..., 0], off[..., 1])
    sector = (np.abs(angle) < 0.62) & (far < 1.05 * shape[0]) & (far > 0.22 * shape[0])
    scale = [(f"- {depth}", shape[1] - 44, depth * shape[0] // 11, 0.4) for depth in range(1, 11)]
    text = ink(shape, *scale, *((word(rng), 4, 18 * row, 0.42) for row in range(1, 6)))
    size = float(rng.uniform(0.05, 0.4))
    images = [
        np.where(sector, image * (1 + size * soft(rng, shape, 1.0)), 4) + 200 * text
        for image in both(tissue, shape, truth)
    ]
    return pair(rng, (images[0], images[1]), truth, noise=1.0)


@kind
def turned_below_marks(rng: Random) -> Pair:
    """The scene turns and grows below scratches and stains that stay."""
    from scenes import similarity

    shape = a_shape(rng, 200, 420)
    turn = float(rng.uniform(2, 7) * rng.choice([-1, 1]))
    truth = similarity(shape, turn, float(rng.uniform(1.01, 1.05)), tuple(rng.uniform(-8, 8, 2)))
    scene = faded(photograph(rng, shape, 110), float(rng.uniform(0.1, 0.8)))
    ends = anywhere(rng, shape, 40)[:, None] + rng.normal(0, 50, (40, 2, 2))
    mark = 60 * strokes(shape, ends) + 15 * soft(rng, shape, 5.0)
    first, second = both(scene, shape, truth)
    return pair(rng, (first + mark, second + mark), truth, models="similarity affine")


@kind
def lamps_of_a_led_wall(rng: Random) -> Pair:
    """A picture scrolls by whole lamps over lamps that stay."""
    pitch = int(rng.integers(4, 13))
    shape = int(rng.integers(240, 560)) // pitch, int(rng.integers(240, 560)) // pitch
    x, y = (int(step) for step in rng.integers(-6, 7, 2))
    off = (grid((pitch, pitch)) - (pitch - 1) / 2) / (0.36 * pitch)
    lamp = np.exp(-((off**2).sum(-1) ** 2))
    first, second = both(photograph(rng, shape, 30), shape, shift(x, y))
    images = np.kron(first, lamp), np.kron(second, lamp)
    return pair(rng, images, shift(x * pitch, y * pitch), noise=1.0)
