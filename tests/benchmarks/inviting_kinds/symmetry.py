"""Subjects that meet themselves when turned or enlarged: only a small mark tells the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scenes import Image, Pair, grid, shift, similarity
from scipy import ndimage

from .made import (
    Random,
    a_shift,
    a_square,
    anywhere,
    both,
    discs,
    faded,
    kind,
    pair,
    photograph,
    polar,
    sheet,
    sign,
    soft,
    strokes,
    with_margin,
)

Pattern = Callable[[Image, Image], Image]
"""Values in about -1 to 1 by radius (1 at the middle of the sides) and angle."""


def _turned(
    rng: Random,
    pattern: Pattern,
    degrees: float,
    growth: float = 1.0,
    models: str = "euclidean similarity affine",
    mark: float = 1.0,
) -> Pair:
    """Draw a pattern and a mark (of a few pixels) before and after a turn and growth."""
    shape = a_square(rng)
    drift = rng.uniform(-4, 4, 2)
    truth = similarity(shape, degrees, growth, (float(drift[0]), float(drift[1])))
    at, size = shape[0] * rng.uniform(0.25, 0.75, 2), float(rng.uniform(1.5, 6))

    def scene(points: Image) -> Image:
        spot = np.exp(-((points - at) ** 2).sum(-1) / (2 * size**2))
        return 128 + 75 * pattern(*polar(points, shape)) - 90 * mark * spot

    first, second = both(scene, shape, truth)
    images = ndimage.gaussian_filter(first, 0.6), ndimage.gaussian_filter(second, 0.6)
    return pair(rng, images, truth, models=models)


def _more_than_half(rng: Random, period: float) -> float:
    return period * float(rng.uniform(0.55, 1.45)) * sign(rng)


def _inside(radius: Image, low: float, high: float) -> Image:
    return 1 / (1 + np.exp((low - radius) * 90)) / (1 + np.exp((radius - high) * 90))


@kind
def spoked_wheel(rng: Random) -> Pair:
    """A wheel with hub and rim, turned by more than half a spoke."""
    spokes = int(rng.integers(5, 36))

    def pattern(radius: Image, angle: Image) -> Image:
        bars = np.tanh(4 * (np.cos(spokes * angle) - 0.6))
        return bars * _inside(radius, 0.15, 0.8) + _inside(radius, 0.8, 0.88)

    return _turned(rng, pattern, _more_than_half(rng, 360 / spokes))


@kind
def siemens_star(rng: Random) -> Pair:
    """A test star: turned by more than half a ray; any growth looks the same."""
    rays = int(rng.integers(8, 40))
    growth = float(np.exp(rng.normal(0, 0.06)))
    pattern: Pattern = lambda radius, angle: np.tanh(3 * np.sin(rays * angle))  # noqa: E731
    return _turned(rng, pattern, _more_than_half(rng, 360 / rays), growth)


@kind
def log_spiral(rng: Random) -> Pair:
    """A logarithmic spiral: growing it looks like turning it."""
    arms, pitch = int(rng.integers(3, 14)), float(rng.uniform(4, 16))
    growth = float(np.exp(rng.uniform(0.03, 0.2) * sign(rng)))

    def pattern(radius: Image, angle: Image) -> Image:
        return np.tanh(2 * np.cos(arms * angle + pitch * np.log(radius + 0.01)))

    models = "similarity affine"
    return _turned(rng, pattern, float(rng.normal(0, 5)), growth, models)


@kind
def arithmetic_spiral(rng: Random) -> Pair:
    """A spiral groove, as of a record: turning it shifts all turns alike."""
    turns = float(rng.uniform(8, 25))
    pattern: Pattern = lambda radius, angle: np.cos(angle + 2 * np.pi * turns * radius)  # noqa: E731
    return _turned(rng, pattern, float(rng.uniform(3, 180)) * sign(rng))


@kind
def ringed_planet(rng: Random) -> Pair:
    """Jupiter: bands and limb are the same while the ball turns by some degrees of its own."""
    shape = a_square(rng)
    radius = 0.42 * shape[0]
    middle = (shape[0] - 1) / 2
    bands = soft(rng, (400,), 9.0)
    spots = rng.uniform(-0.8, 0.8, (int(rng.integers(3, 30)), 2))
    depth, turn = rng.uniform(-0.5, 0.5, len(spots)), float(rng.uniform(0.02, 0.15))

    def at_time(rotation: float) -> Image:
        x, y = ((grid(shape) - middle) / radius).transpose(2, 0, 1)
        ball = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
        image = (
            (0.3 + 0.7 * ball)
            * (ball > 0)
            * (160 + 30 * np.interp(y, np.linspace(-1, 1, 400), bands))
        )
        longitude = np.arctan2(x, np.maximum(ball, 1e-3))
        for (east, north), dark in zip(spots, depth, strict=True):
            off = (longitude - east - rotation) ** 2 + (y - north) ** 2
            image *= 1 - dark * np.exp(-off / 0.004)
        return ndimage.gaussian_filter(image, 0.8)

    near = shift(radius * turn, 0)
    return pair(rng, (at_time(0), at_time(turn)), near, np.eye(3))


@kind
def reticle_turned(rng: Random) -> Pair:
    """A reticle by itself: turned by 80 to 100 degrees, it meets itself at 90."""

    def pattern(radius: Image, angle: Image) -> Image:
        cross = np.minimum(np.abs(np.cos(angle)), np.abs(np.sin(angle))) * radius
        rings = np.abs((radius * 6) % 1 - 0.5) / 6
        return -1.5 * np.exp(-((np.minimum(cross, rings) / 0.008) ** 2))

    return _turned(rng, pattern, float(rng.uniform(78, 102)) * sign(rng))


@kind
def gear(rng: Random) -> Pair:
    """A gear with holes, turned by a tooth or so."""
    teeth, holes = int(rng.integers(12, 48)), int(rng.integers(3, 7))

    def pattern(radius: Image, angle: Image) -> Image:
        edge = 0.78 + 0.06 * np.tanh(4 * np.cos(teeth * angle))
        hole = np.cos(holes * angle) - 14 * np.abs(radius - 0.45)
        return np.tanh((edge - radius) * 60) - 0.9 / (1 + np.exp(-8 * (hole - 0.2)))

    return _turned(rng, pattern, _more_than_half(rng, 360 / teeth))


@kind
def snowflake(rng: Random) -> Pair:
    """A crystal of six equal arms, turned by about 60 degrees."""
    branch = soft(rng, (120,), 3.0)

    def pattern(radius: Image, angle: Image) -> Image:
        side = np.abs((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6) * radius * 6
        reach = np.interp(radius, np.linspace(0, 1.5, 120), 0.35 + 0.25 * branch)
        return np.tanh(6 * (reach - side)) * _inside(radius, 0.0, 0.9)

    return _turned(rng, pattern, float(rng.uniform(40, 80)) * sign(rng))


@kind
def target_rings(rng: Random) -> Pair:
    """Concentric rings: no turn can be seen but by a faint mark."""
    rings = float(rng.uniform(5, 25))
    pattern: Pattern = lambda radius, angle: np.cos(2 * np.pi * rings * radius)  # noqa: E731
    return _turned(rng, pattern, float(rng.uniform(2, 60)), mark=float(rng.uniform(0, 0.4)))


@kind
def nested_squares(rng: Random) -> Pair:
    """Squares in squares of one ratio: enlarged by that ratio they are the same."""
    ratio = float(rng.uniform(0.15, 0.5))

    def pattern(radius: Image, angle: Image) -> Image:
        side = np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle))) * radius
        return np.tanh(3 * np.cos(2 * np.pi * np.log(side + 0.01) / ratio))

    growth = float(np.exp(ratio * rng.uniform(0.55, 1.0)))
    return _turned(rng, pattern, float(rng.normal(0, 2)), growth, "similarity affine")


@kind
def clock_face(rng: Random) -> Pair:
    """Twelve equal strokes on a dial, turned by about an hour."""

    def pattern(radius: Image, angle: Image) -> Image:
        hours = np.exp(-((np.sin(6 * angle) * radius / 0.07) ** 2)) * _inside(radius, 0.6, 0.78)
        minutes = np.cos(60 * angle) * _inside(radius, 0.8, 0.86)
        return (
            1.4 * hours * (np.cos(12 * angle) > 0)
            + minutes
            - np.exp(-(((radius - 0.9) / 0.02) ** 2))
        )

    return _turned(rng, pattern, _more_than_half(rng, 30.0))


@kind
def flower(rng: Random) -> Pair:
    """Petals with veins, all alike."""
    petals = int(rng.integers(5, 22))

    def pattern(radius: Image, angle: Image) -> Image:
        edge = 0.55 + 0.25 * np.abs(np.cos(petals / 2 * angle))
        veins = 0.3 * np.cos(petals * 5 * angle) * _inside(radius, 0.25, 0.6)
        return np.tanh(25 * (edge - radius)) + veins - 1.2 * _inside(radius, -1.0, 0.2)

    return _turned(rng, pattern, _more_than_half(rng, 360 / petals))


@kind
def kaleidoscope(rng: Random) -> Pair:
    """A photograph repeated in wedges around the middle."""
    wedges = int(rng.integers(4, 13))
    shape = a_square(rng)
    scene = photograph(rng, shape)
    middle = (np.array(shape) - 1) / 2

    def folded(points: Image) -> Image:
        radius, angle = polar(points, shape)
        within = np.abs((angle + np.pi / wedges) % (2 * np.pi / wedges) - np.pi / wedges)
        folds = np.stack([np.cos(within), np.sin(within)], -1) * (radius * shape[0] / 2)[..., None]
        return scene(np.clip(middle + folds, 0, np.array(shape) + 60))

    truth = similarity(shape, _more_than_half(rng, 360 / wedges))
    return pair(rng, both(folded, shape, truth), truth, models="euclidean similarity affine")


@kind
def honeycomb_turned(rng: Random) -> Pair:
    """A lattice of hexagons turned by 40 to 80 degrees: 60 looks the same."""
    shape = a_square(rng)
    wave = 2 * np.pi / float(rng.uniform(8, 26))
    angles = np.arange(3) * np.pi / 3
    waves = wave * np.stack([np.cos(angles), np.sin(angles)])
    middle = (np.array(shape) - 1) / 2

    def scene(points: Image) -> Image:
        return 128 + 30 * np.cos((points - middle) @ waves).sum(-1)

    truth = similarity(shape, float(rng.uniform(40, 80)) * sign(rng))
    return pair(rng, both(scene, shape, truth), truth, models="euclidean similarity affine")


@kind
def masked_ring(rng: Random) -> Pair:
    """Only a ring of a turned subject is left, and its rim outshines what is in it."""
    shape = a_square(rng)
    radius, _ = polar(grid(shape), shape)
    truth = similarity(shape, float(rng.uniform(2, 30)), 1.0, (2.0, -3.0))
    ring = (radius > rng.uniform(0.4, 0.7)) & (radius < 0.85)
    rim = 80 * np.exp(-(((radius - 0.78) / 0.015) ** 2))
    scene = faded(photograph(rng, shape, 160), float(rng.uniform(0.08, 0.3)), 90)
    images = [np.where(ring, image + rim, 0) for image in both(scene, shape, truth)]
    return pair(rng, (images[0], images[1]), truth, models="euclidean affine")


@kind
def straight_edge(rng: Random) -> Pair:
    """Roads and roofs of one direction: a motion along them is not seen."""
    shape, truth = a_square(rng), a_shift(rng, 5, 30)
    profile = sheet(np.repeat(128 + 45 * soft(rng, (1, 1400), 4.0), 300, axis=0), 100)
    angle = float(rng.uniform(0, np.pi))
    across = np.array([np.cos(angle), np.sin(angle)])

    def scene(points: Image) -> Image:
        far = points @ across + 400
        return profile(np.stack([far, np.zeros_like(far)], -1))

    return pair(rng, both(scene, shape, truth), truth)


@kind
def crossing_lines_enlarged(rng: Random) -> Pair:
    """Lines through one point: growing them changes nothing but a few dots."""
    shape = a_square(rng)
    rays, count = rng.uniform(0, np.pi, int(rng.integers(4, 12))), int(rng.integers(0, 6))
    wide = with_margin(shape)
    middle = np.array([wide[1], wide[0]]) / 2
    lines = [
        (
            middle - 900 * np.array([np.cos(a), np.sin(a)]),
            middle + 900 * np.array([np.cos(a), np.sin(a)]),
        )
        for a in rays
    ]
    drawn = strokes(wide, np.array(lines), thick=3) + discs(wide, anywhere(rng, wide, count), 3.0)
    truth = similarity(shape, 0.0, float(rng.uniform(1.02, 1.12)))
    scene = sheet(ndimage.gaussian_filter(220 - 170 * drawn.clip(0, 1), 0.8))
    return pair(rng, both(scene, shape, truth), truth, models="similarity affine")
