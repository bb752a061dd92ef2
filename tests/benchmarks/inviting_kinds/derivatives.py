"""One thing made visible in two ways, one like a derivative: all places share one false offset."""

from __future__ import annotations

import numpy as np
from scenes import Image, Pair, grid, shift
from scipy import ndimage

from .made import (
    Matrix,
    Random,
    a_shape,
    a_shift,
    anywhere,
    bumps,
    discs,
    kind,
    pair,
    photograph,
    seen,
    sheet,
    soft,
    text_page,
    with_margin,
)


def _way(rng: Random) -> Image:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _slope(height: Image, way: Image) -> Image:
    """Return the derivative along a direction (x, y), scaled to a picture."""
    down, right = np.gradient(height)
    slope = right * way[0] + down * way[1]
    return 128 + 45 * slope / slope.std()


def _scaled(values: Image) -> Image:
    return 128 + 45 * (values - values.mean()) / values.std()


def _of_canvases(
    rng: Random, shape: tuple[int, int], canvases: tuple[Image, Image], *others: Matrix
) -> Pair:
    """Return a pair whose images show one canvas each; `others` come after the truth's motion."""
    truth = a_shift(rng, 1, 20)
    images = seen(sheet(canvases[0]), shape), seen(sheet(canvases[1]), shape, truth)
    return pair(rng, images, truth, *(truth @ other for other in others))


def _hills(rng: Random, shape: tuple[int, int]) -> Image:
    sigma = float(rng.uniform(2.5, 9))
    wide = with_margin(shape)
    return soft(rng, wide, sigma) + 0.5 * soft(rng, wide, 2.5 * sigma)


def _cells(rng: Random, shape: tuple[int, int], radius: float) -> Image:
    wide = with_margin(shape)
    count = int(wide[0] * wide[1] / (float(rng.uniform(20, 70)) * radius**2))
    return bumps(wide, anywhere(rng, wide, count), radius, rng.uniform(0.7, 1.3, count))


@kind
def hillshades(rng: Random) -> Pair:
    """One relief lit from two sides, 40 to 180 degrees apart."""
    shape = a_shape(rng)
    height, first = _hills(rng, shape), _way(rng)
    turn = np.deg2rad(float(rng.uniform(40, 180)))
    second = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ first
    return _of_canvases(rng, shape, (_slope(height, first), _slope(height, second)))


@kind
def hillshade_and_height(rng: Random) -> Pair:
    """A map of heights beside the relief, lit."""
    shape = a_shape(rng)
    height = _hills(rng, shape)
    return _of_canvases(rng, shape, (_scaled(height), _slope(height, _way(rng))))


@kind
def dic_and_fluorescence(rng: Random) -> Pair:
    """Cells that shine, and the same in differential interference contrast."""
    shape = a_shape(rng)
    cells = _cells(rng, shape, float(rng.uniform(3, 8)))
    return _of_canvases(rng, shape, (40 + 110 * cells, _slope(cells, _way(rng))))


@kind
def dic_two_ways(rng: Random) -> Pair:
    """DIC with the shear the other way round."""
    shape = a_shape(rng)
    cells, way = _cells(rng, shape, float(rng.uniform(3, 8))), _way(rng)
    return _of_canvases(rng, shape, (_slope(cells, way), _slope(cells, -way)))


@kind
def phase_halos(rng: Random) -> Pair:
    """Cells in brightfield, and with halos in phase contrast."""
    shape = a_shape(rng)
    cells = _cells(rng, shape, float(rng.uniform(3, 7)))
    halo = ndimage.gaussian_laplace(cells, float(rng.uniform(3, 6)))
    return _of_canvases(rng, shape, (_scaled(-cells), _scaled(halo)))


@kind
def cast_shadows(rng: Random) -> Pair:
    """Low things and their shadows in the morning and in the evening; the ground is right."""
    shape, way = a_shape(rng), _way(rng)
    wide = with_margin(shape)
    count, length = int(rng.integers(40, 220)), float(rng.uniform(4, 14))
    at, radius = anywhere(rng, wide, count), rng.uniform(3, 8, count)
    ground = 150 + float(rng.uniform(0, 12)) * soft(rng, wide, 3.0)
    things = discs(wide, at, radius)
    faint = float(rng.uniform(0, 40))
    evening = np.deg2rad(float(rng.uniform(70, 180)))
    turned = (
        np.array([[np.cos(evening), -np.sin(evening)], [np.sin(evening), np.cos(evening)]]) @ way
    )
    canvases = []
    for light in (way, turned):
        shadow = np.clip(discs(wide, at + length * light, radius) - things, 0, 1)
        canvases.append(ndimage.gaussian_filter(ground - 90 * shadow + faint * things, 0.8))
    return _of_canvases(rng, shape, (canvases[0], canvases[1]))


@kind
def outlines_and_fill(rng: Random) -> Pair:
    """A map's areas, and only the lit sides of their outlines."""
    shape = a_shape(rng)
    areas = _hills(rng, shape) > float(rng.uniform(-0.5, 0.5))
    fill = ndimage.gaussian_filter(60 + 130.0 * areas, 1.0)
    return _of_canvases(rng, shape, (fill, _slope(ndimage.gaussian_filter(fill, 1.5), _way(rng))))


@kind
def edges_of_photograph(rng: Random) -> Pair:
    """A photograph, and the strength of its edges."""
    shape = a_shape(rng)
    canvas = seen(photograph(rng, shape, 150), with_margin(shape))
    edges = ndimage.gaussian_gradient_magnitude(canvas, float(rng.uniform(1, 3)))
    return _of_canvases(rng, shape, (canvas, 40 + 60 * edges / edges.std()))


@kind
def embossed_photograph(rng: Random) -> Pair:
    """A photograph, and its derivative along one direction."""
    shape = a_shape(rng)
    canvas = seen(photograph(rng, shape, 150), with_margin(shape))
    smooth = ndimage.gaussian_filter(canvas, float(rng.uniform(1, 4)))
    return _of_canvases(rng, shape, (canvas, _slope(smooth, _way(rng))))


@kind
def embossed_twice(rng: Random) -> Pair:
    """One photograph embossed along two directions."""
    shape = a_shape(rng)
    canvas = seen(photograph(rng, shape, 150), with_margin(shape))
    smooth = ndimage.gaussian_filter(canvas, float(rng.uniform(1, 4)))
    return _of_canvases(rng, shape, (_slope(smooth, _way(rng)), _slope(smooth, _way(rng))))


@kind
def drop_shadows(rng: Random) -> Pair:
    """White letters on white, seen by their shadow on the left or on the right."""
    shape = a_shape(rng)
    text = 235 - text_page(rng, with_margin(shape), int(rng.integers(22, 50)))
    length = float(rng.uniform(2, 6))
    off = ndimage.shift(text, (length, length), order=1) - text
    other = ndimage.shift(text, (length, -length), order=1) - text
    canvases = tuple(235 - 0.8 * np.clip(one, 0, None) for one in (off, other))
    return _of_canvases(rng, shape, (canvases[0], canvases[1]))


@kind
def slit_light(rng: Random) -> Pair:
    """A scratched metal sheet whose scratches shine on one flank, then on the other."""
    shape = a_shape(rng)
    ridge = ndimage.gaussian_filter(soft(rng, with_margin(shape), 1.2) ** 3, 1.2)
    slope = _slope(ridge, _way(rng)) - 128
    return _of_canvases(
        rng, shape, (60 + np.clip(slope, 0, None) * 2, 60 - np.clip(slope, None, 0) * 2)
    )


@kind
def one_sided_cytoplasm(rng: Random) -> Pair:
    """Nuclei, and the cytoplasm that lies to one side of every one: no image tells which fits."""
    shape, radius = a_shape(rng), float(rng.uniform(4, 8))
    wide = with_margin(shape)
    at = anywhere(rng, wide, int(wide[0] * wide[1] / float(rng.uniform(700, 2000))))
    side = radius * float(rng.uniform(0.6, 1.4)) * _way(rng)
    near = at + side + rng.normal(0, 0.15 * radius, at.shape)
    canvases = (discs(wide, at, radius), discs(wide, near, 1.2 * radius))
    soft_ones = tuple(20 + 180 * ndimage.gaussian_filter(one, 1.2) for one in canvases)
    return _of_canvases(rng, shape, (soft_ones[0], soft_ones[1]), shift(*side))


@kind
def leaning_roofs(rng: Random) -> Pair:
    """Roofs lean to one side in the first view, to the other in the second."""
    shape, lean = a_shape(rng), float(rng.uniform(1.5, 8)) * _way(rng)
    wide = with_margin(shape)
    ground = 30 + 0.5 * seen(photograph(rng, shape, 150), wide)
    roofs = sheet(120 + 0.5 * seen(photograph(rng, shape, 150, mirrored=True), wide), 0)
    at = anywhere(rng, wide, int(wide[0] * wide[1] / float(rng.uniform(2500, 8000))))
    size = rng.uniform(14, 40, at.shape)
    canvases = []
    for off in (-lean, lean):
        points = grid(wide) - off
        inside = np.zeros(wide, bool)
        for corner, sides in zip(at, size, strict=True):
            left, top = np.maximum(corner + off, 0).astype(int)
            right, bottom = np.maximum(corner + off + sides, 0).astype(int)
            inside[top:bottom, left:right] = True
        cover = ndimage.gaussian_filter(1.0 * inside, 0.7)
        canvases.append(ground + cover * (roofs(points) - ground))
    return _of_canvases(rng, shape, (canvases[0], canvases[1]), shift(*(2 * lean)))


@kind
def ghosting(rng: Random) -> Pair:
    """A double glazed pane: every edge has a faint twin, stronger than itself in the second."""
    shape = a_shape(rng)
    scene = photograph(rng, shape)
    truth, twin = a_shift(rng, 1, 15), a_shift(rng, 2.5, 8)
    share = float(rng.uniform(0.15, 0.4))

    def doubled(weight: float, motion: Matrix) -> Image:
        return (1 - weight) * seen(scene, shape, motion) + weight * seen(
            scene, shape, motion @ twin
        )

    images = doubled(share, np.eye(3)), doubled(1 - share, truth)
    return pair(rng, images, truth, truth @ twin, truth @ np.linalg.inv(twin))


@kind
def one_sided_blur(rng: Random) -> Pair:
    """The second is smeared to one side, as by a decaying screen; the sharp front is right."""
    shape, truth = a_shape(rng), a_shift(rng, 1, 15)
    scene, length = photograph(rng, shape), float(rng.uniform(2, 8))
    second = np.zeros(shape)
    weights = np.exp(-np.arange(24) / length)
    for step, weight in enumerate(weights / weights.sum()):
        second += weight * seen(scene, shape, truth @ shift(step, 0))
    way = shift(float(length), 0.0)
    return pair(
        rng, (seen(scene, shape), second), truth, truth @ way, truth @ shift(length / 2, 0)
    )
