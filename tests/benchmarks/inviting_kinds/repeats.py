"""What repeats, and what stays below it: a period off looks nearly as good."""

from __future__ import annotations

import numpy as np
from scenes import TEXTURES, Image, Pair, grid, shift
from scipy import ndimage

from .made import (
    Random,
    Scene,
    a_shape,
    a_shift,
    anywhere,
    both,
    bumps,
    ink,
    kind,
    pair,
    photograph,
    seen,
    sheet,
    sign,
    soft,
    text_page,
    with_margin,
    word,
)


def _tiled(cell: Image, shape: tuple[int, int]) -> Image:
    repeats = -(-np.array(shape) // cell.shape)
    return np.tile(cell, repeats)[: shape[0], : shape[1]]


def _off(rng: Random, period: float, most: float = 60.0) -> float:
    """Return more than half a period, to either side."""
    return min(most, period * float(rng.uniform(0.55, 1.45))) * sign(rng)


@kind
def fine_mesh_below_light(rng: Random) -> Pair:
    """A fine mesh moves below light and stains that stay."""
    shape = a_shape(rng, 400, 900)
    period = float(rng.uniform(7, 24))
    truth = shift(_off(rng, period), _off(rng, period))
    light = 128 + 40 * soft(rng, shape, float(rng.uniform(20, 70)))
    waves = 2 * np.pi / period

    def mesh(points: Image) -> Image:
        return 28 * np.cos(waves * points).sum(-1)

    first, second = both(mesh, shape, truth)
    return pair(rng, (first + light, second + light), truth)


@kind
def sieve_below_dust(rng: Random) -> Pair:
    """A grid's holes move below grains that stay."""
    shape = a_shape(rng, 300, 700)
    period = float(rng.uniform(8, 30))
    truth = shift(_off(rng, period), float(rng.uniform(-3, 3)))
    grains = 90 * bumps(shape, anywhere(rng, shape, 60), float(rng.uniform(2, 6)))

    def holes(points: Image) -> Image:
        return 120 + 60 * np.tanh(3 * (np.cos(2 * np.pi / period * points).prod(-1) - 0.3))

    first, second = both(holes, shape, truth)
    return pair(rng, (first - grains, second - grains), truth)


@kind
def equal_halves(rng: Random) -> Pair:
    """The left half of the scene again on the right: half an image off fits half of it."""
    shape = a_shape(rng, 240, 560)
    half = shape[1] / 2
    scene = photograph(rng, shape)

    def twice(points: Image) -> Image:
        folded = points.copy()
        folded[..., 0] %= half
        return scene(folded)

    truth = shift(float(rng.uniform(0.55, 0.9) * half) * sign(rng), float(rng.uniform(-6, 6)))
    return pair(rng, both(twice, shape, truth), truth, models="translation euclidean")


@kind
def twins(rng: Random) -> Pair:
    """One object twice on a plain ground, the second image shows them moved by their distance."""
    shape, side = a_shape(rng, 260, 520), 80
    thing = photograph(rng, (side, side))
    left, top = int(shape[1] * 0.25), int(shape[0] * rng.uniform(0.2, 0.5))
    apart = int(shape[1] * rng.uniform(0.3, 0.45))
    canvas = 150 + float(rng.uniform(0, 3)) * soft(rng, (shape[0] + 240, shape[1] + 240), 4.0)
    for x in (left, left + apart):
        canvas[120 + top : 120 + top + side, 120 + x : 120 + x + side] = seen(thing, (side, side))
    truth = shift(_off(rng, float(apart), 100.0), float(rng.uniform(-8, 8)))
    return pair(rng, both(sheet(canvas, 120), shape, truth), truth)


@kind
def weave(rng: Random) -> Pair:
    """Cloth with irregularities that are its own."""
    shape, truth = a_shape(rng), a_shift(rng, 2, 40)
    period = float(rng.uniform(4, 22))
    own = sheet(float(rng.uniform(0, 14)) * soft(rng, with_margin(shape), period / 2))

    def cloth(points: Image) -> Image:
        return 128 + 35 * np.cos(2 * np.pi / period * points).prod(-1) + own(points)

    return pair(rng, both(cloth, shape, truth), truth, noise=float(rng.uniform(1, 9)))


@kind
def chips_on_wafer(rng: Random) -> Pair:
    """Equal dies with saw lines, a particle here and there."""
    shape, period = a_shape(rng, 260, 560), int(rng.integers(36, 150))
    die = np.pad(
        seen(photograph(rng, (period - 6, period - 6)), (period - 6, period - 6)),
        3,
        constant_values=230,
    )
    wide = with_margin(shape, 160)
    count = int(rng.integers(0, 40))
    canvas = _tiled(die, wide) - 120 * bumps(wide, anywhere(rng, wide, count), 2.5)
    truth = shift(_off(rng, period, 140), _off(rng, period, 140))
    scene = sheet(ndimage.gaussian_filter(canvas, 0.8), 160)
    return pair(rng, both(scene, shape, truth), truth)


@kind
def wallpaper(rng: Random) -> Pair:
    """A motif on a wall whose slow shades are its own."""
    shape, period = a_shape(rng), int(rng.integers(14, 90))
    wide = with_margin(shape, 120)
    motif = soft(rng, (period, period), 0.1)
    motif = ndimage.gaussian_filter(motif, max(1.2, period / 12), mode="wrap")
    shades = float(rng.uniform(0, 25)) * soft(rng, wide, float(rng.uniform(30, 90)))
    canvas = 128 + 45 * _tiled(motif / motif.std(), wide) + shades
    truth = shift(_off(rng, period, 100), _off(rng, period, 100))
    return pair(rng, both(sheet(canvas, 120), shape, truth), truth)


@kind
def gel(rng: Random) -> Pair:
    """Lanes of one pitch whose bands are partly alike, moved by about a lane."""
    shape, pitch = a_shape(rng, 250, 560), int(rng.integers(20, 56))
    wide = with_margin(shape, 100)
    canvas = np.full(wide, 205.0)
    ladder = rng.uniform(0, wide[0], 16)
    alike = float(rng.uniform(0.2, 0.95))
    for left in range(0, wide[1], pitch):
        own = rng.uniform(0, wide[0], len(ladder))
        for y in np.where(rng.random(len(ladder)) < alike, ladder, own).astype(int):
            canvas[y : y + 6, left + pitch // 7 : left + pitch - pitch // 7] -= rng.uniform(
                30, 100
            )
    truth = shift(_off(rng, pitch, 90), float(rng.uniform(-6, 6)))
    scene = sheet(ndimage.gaussian_filter(canvas, 1.5), 100)
    return pair(rng, both(scene, shape, truth), truth, noise=4.0)


@kind
def texture_far(rng: Random) -> Pair:
    """Bricks, grass or stones, moved far."""
    shape = int(rng.integers(200, 340)), int(rng.integers(200, 340))
    truth = a_shift(rng, 15, 60)
    return pair(rng, both(photograph(rng, shape, names=TEXTURES), shape, truth), truth)


@kind
def carpet(rng: Random) -> Pair:
    """A Sierpinski carpet moved by about a third of a part: most of it meets itself."""
    whole = np.ones((1, 1))
    for _ in range(6):
        whole = np.kron([[1, 1, 1], [1, 0, 1], [1, 1, 1]], whole)
    scene = sheet(ndimage.gaussian_filter(60 + 150 * whole, 1.0), 100)
    shape = int(rng.integers(220, 400)), int(rng.integers(220, 400))
    step = float(rng.choice([27, 81])) * sign(rng)
    truth = shift(step + float(rng.uniform(-3, 3)), float(rng.uniform(-8, 8)))
    return pair(rng, both(scene, shape, truth), truth)


@kind
def windows(rng: Random) -> Pair:
    """A facade of equal windows with other curtains, moved by about a window."""
    shape, pitch = a_shape(rng, 260, 560), int(rng.integers(50, 110))
    wide = with_margin(shape, 160)
    side = pitch - 18
    pane = seen(photograph(rng, (side, side)), (side, side))
    canvas = 150 + 10 * soft(rng, wide, 1.2)
    for top in range(8, wide[0] - pitch, pitch):
        for left in range(8, wide[1] - pitch, pitch):
            canvas[top : top + side, left : left + side] = pane + rng.normal(0, 14)
    truth = shift(_off(rng, pitch, 140), _off(rng, pitch, 140))
    scene = sheet(ndimage.gaussian_filter(canvas, 0.8), 160)
    return pair(rng, both(scene, shape, truth), truth)


@kind
def ruler(rng: Random) -> Pair:
    """A ruler moved along itself by a few of its ticks over a table that stays."""
    shape, tick = a_shape(rng, 240, 520), int(rng.integers(6, 16))
    wide = with_margin(shape, 160)
    canvas = np.full(wide, 220.0)
    for left in range(0, wide[1], tick):
        canvas[160 : 160 + (30 if left % (5 * tick) == 0 else 16), left] = 30
    numbers = [(str(n), n * 5 * tick + 2, 210, 0.5) for n in range(wide[1] // (5 * tick))]
    canvas -= 190 * ink(wide, *numbers)
    truth = shift(float(tick * rng.integers(1, 5)) * sign(rng), 0.0)
    table = seen(photograph(rng, shape), shape) * 0.5 + 40
    strip = np.arange(shape[0])[:, None] < shape[0] * float(rng.uniform(0.3, 0.6))
    rulers = both(sheet(ndimage.gaussian_filter(canvas, 0.7), 160), shape, truth)
    first, second = (np.where(strip, one, table) for one in rulers)
    return pair(rng, (first, second), np.eye(3), truth)


@kind
def fence(rng: Random) -> Pair:
    """The camera walks along a fence before a background far away, which stays."""
    shape, period = a_shape(rng), float(rng.uniform(14, 56))
    truth, wide = shift(_off(rng, period), 0.0), float(rng.uniform(0.3, 0.7)) * period
    far = seen(photograph(rng, shape), shape)

    def pales(points: Image) -> Image:
        off = np.abs(points[..., 0] % period - period / 2)
        return 1 / (1 + np.exp((off - wide / 2) * 3))

    first, second = (far + (215 - far) * cover for cover in both(pales, shape, truth))
    return pair(rng, (first, second), truth, np.eye(3))


@kind
def text_by_lines(rng: Random) -> Pair:
    """Text scrolled by whole lines below a header and a frame that stay."""
    shape, pitch = a_shape(rng, 300, 560), int(rng.integers(14, 28))
    truth = shift(0.0, float(pitch * rng.integers(1, 4)) * sign(rng))
    body = sheet(text_page(rng, with_margin(shape, 100), pitch), 100)
    header = 1 - ink(shape, ("Chapter 4: what stays", 20, 34, 0.8), thick=2)
    x, y = grid(shape).transpose(2, 0, 1)
    outside = (y < 50) | (x < 14) | (x > shape[1] - 15) | (y > shape[0] - 15)
    pages = [np.where(outside, 235 * header, page) for page in both(body, shape, truth)]
    return pair(rng, (pages[0], pages[1]), truth, np.eye(3))


@kind
def row_inserted(rng: Random) -> Pair:
    """A table whose entries moved by a row between lines that stay."""
    shape = a_shape(rng, 300, 560)
    row, column = int(rng.integers(16, 32)), int(rng.integers(50, 100))
    wide = with_margin(shape, 100)
    spots = [(x, y) for y in range(row - 4, wide[0], row) for x in range(6, wide[1], column)]
    entries: Scene = sheet(
        205 * ink(wide, *((word(rng, 2, 6), x, y, row / 44) for x, y in spots)), 100
    )
    truth = shift(0.0, float(row * rng.integers(1, 4)))
    lines = 240 - 150 * (grid(shape) % (column, row) < 1).any(-1)
    first, second = (lines - one for one in both(entries, shape, truth))
    return pair(rng, (first, second), truth, np.eye(3))


@kind
def stripes_with_knots(rng: Random) -> Pair:
    """Boards: stripes of one period, told apart by their knots only."""
    shape, period = a_shape(rng), float(rng.uniform(10, 40))
    wide = with_margin(shape, 100)
    knots = sheet(70 * bumps(wide, anywhere(rng, wide, int(rng.integers(3, 25))), 3.0), 100)
    truth = shift(_off(rng, period, 90), float(rng.uniform(-30, 30)))

    def boards(points: Image) -> Image:
        return 140 + 50 * np.tanh(3 * np.cos(2 * np.pi / period * points[..., 0])) - knots(points)

    return pair(rng, both(boards, shape, truth), truth)


@kind
def keyboard(rng: Random) -> Pair:
    """Equal keys with faint letters, moved by about a key."""
    shape, pitch = a_shape(rng, 240, 480), int(rng.integers(24, 60))
    wide = with_margin(shape, 120)
    off = np.abs(grid(wide) % pitch - pitch / 2).max(-1)
    spots = [
        (x, y)
        for y in range(pitch // 2, wide[0], pitch)
        for x in range(pitch // 3, wide[1], pitch)
    ]
    letters = ink(wide, *((word(rng, 1, 2).upper(), x, y + 5, pitch / 70) for x, y in spots))
    canvas = 200 - 140 * (off > 0.42 * pitch) - float(rng.uniform(20, 150)) * letters
    truth = shift(_off(rng, pitch, 100), _off(rng, pitch, 100))
    scene = sheet(ndimage.gaussian_filter(canvas, 0.8), 120)
    return pair(rng, both(scene, shape, truth), truth)
