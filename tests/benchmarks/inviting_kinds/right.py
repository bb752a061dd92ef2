"""Pairs that look doubtful and are right: refusing them is what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scenes import Image, Pair, grid, shift, similarity
from scipy import ndimage

from pairs import random_transform

from .made import (
    Matrix,
    Random,
    a_shape,
    a_shift,
    anywhere,
    both,
    discs,
    faded,
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


def _moved(rng: Random, shape: tuple[int, int]) -> Matrix:
    size = float(rng.uniform(1.5, 12))
    return random_transform(int(rng.integers(1 << 30)), "affine", shape, size=size).matrix


def spoilt(make: Callable[[Random, Image, Image], tuple[Image, Image]]) -> None:
    """Register a kind by what is done to the two images of one photograph."""

    def photographed(rng: Random) -> Pair:
        shape = a_shape(rng)
        truth = _moved(rng, shape)
        images = make(rng, *both(photograph(rng, shape, 100), shape, truth))
        return pair(rng, images, truth, models="affine homography")

    photographed.__name__, photographed.__doc__ = make.__name__, make.__doc__
    kind(photographed)


@spoilt
def defocused(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One is out of focus."""
    radius = float(rng.uniform(2, 7))
    size = int(2 * radius) + 3
    disc = np.clip(radius + 0.5 - np.hypot(*(np.mgrid[:size, :size] - size // 2)), 0, 1)
    disc = disc + disc[::-1, ::-1] if size % 2 else np.pad(disc, ((0, 1), (0, 1)))[1:, 1:]
    return first, ndimage.convolve(second, disc / disc.sum(), mode="mirror")


@spoilt
def negative(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One is the negative."""
    return first, 255 - float(rng.uniform(0.4, 1.0)) * second


@spoilt
def thresholded(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One is black and white."""
    level = float(np.quantile(second, rng.uniform(0.25, 0.75)))
    return first, np.where(second > level, 220.0, 30.0)


@spoilt
def both_thresholded(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Both are black and white, at other levels."""
    levels = np.quantile(first, rng.uniform(0.3, 0.7, 2))
    return np.where(first > levels[0], 220.0, 30.0), np.where(second > levels[1], 220.0, 30.0)


@spoilt
def overexposed(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One burnt out, one drowned in black."""
    gains, middle = rng.uniform(1.3, 3, 2), np.median(first)
    return (first - middle) * gains[0] + 60, 200 + (second - middle) * gains[1]


@spoilt
def gamma(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Another curve of brightness."""
    return first, 255 * (second.clip(0, 255) / 255) ** float(np.exp(rng.normal(0, 0.8)))


@spoilt
def solarized(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Bright values turned over, as other stains do."""
    return first, 255 - 2 * np.abs(second - float(rng.uniform(90, 160)))


@spoilt
def partly_negative(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One side of one is a negative."""
    edge = int(second.shape[1] * rng.uniform(0.2, 0.8))
    return first, np.where(np.arange(second.shape[1]) < edge, 255 - second, second)


@spoilt
def few_photons(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Very little light."""
    photons = float(10 ** rng.uniform(-0.7, 1))
    one, two = (rng.poisson(image / 128 * photons) for image in (first, second))
    return 255 * one / max(1, one.max()), 255 * two / max(1, two.max())


@spoilt
def radar_speckle(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Speckle of their own on both."""
    looks = float(rng.uniform(1, 8))
    one, two = (image * rng.gamma(looks, 1 / looks, image.shape) for image in (first, second))
    return ndimage.gaussian_filter(one, 0.6), ndimage.gaussian_filter(two, 0.6)


@spoilt
def motion_blurred(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """One is blurred along a line, the same to both sides."""
    length, angle = float(rng.uniform(3, 14)), float(rng.uniform(0, np.pi))
    steps = np.linspace(-length, length, 15)[:, None] * (np.sin(angle), np.cos(angle))
    parts = [ndimage.shift(second, step, order=1, mode="mirror") for step in steps]
    return first, np.mean(parts, axis=0)


@spoilt
def salt_and_pepper(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Bits fell over, others in each."""
    share = float(rng.uniform(0.02, 0.25))
    one, two = (
        np.where(rng.random(image.shape) < share, rng.choice([0.0, 255.0], image.shape), image)
        for image in (first, second)
    )
    return one, two


@spoilt
def own_shades(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Light from other sides."""
    one, two = (
        image * np.exp(0.4 * soft(rng, image.shape, max(image.shape) / 5))
        for image in (first, second)
    )
    return one, two


@spoilt
def covered(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Other parts of each are covered by plain patches."""
    share = float(rng.uniform(0.1, 0.4))
    out = []
    for image in (first, second):
        blob = soft(rng, image.shape, min(image.shape) / 9)
        out.append(np.where(blob < np.quantile(blob, share), float(rng.uniform(0, 255)), image))
    return out[0], out[1]


@spoilt
def own_dust(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Other grains on each."""
    one, two = (
        image * (1 - 0.8 * discs(image.shape, anywhere(rng, image.shape, 40), 4.0))  # type: ignore[arg-type]
        for image in (first, second)
    )
    return one, two


@spoilt
def faint(rng: Random, first: Image, second: Image) -> tuple[Image, Image]:
    """Little contrast in one."""
    return first, 90 + float(rng.uniform(0.03, 0.15)) * second


def _paper(rng: Random, shape: tuple[int, int], *texts: tuple[str, int, int, float]) -> Image:
    return 238 - 200 * ink(shape, *texts) + soft(rng, shape, 6.0)


def _documents(rng: Random, first: Image, second: Image, shape: tuple[int, int]) -> Pair:
    truth = _moved(rng, shape)
    blurred = [sheet(ndimage.gaussian_filter(one, 0.8)) for one in (first, second)]
    images = seen(blurred[0], shape), seen(blurred[1], shape, truth)
    return pair(rng, images, truth, models="affine homography")


@kind
def letterheads(rng: Random) -> Pair:
    """One firm's letterhead and footer around other letters."""
    shape = a_shape(rng, 280, 620)
    wide = with_margin(shape)
    head = [
        (word(rng, 5, 10).upper(), 90, 110, 1.1),
        (" ".join(word(rng) for _ in range(7)), 90, 135, 0.45),
    ]
    foot = [(" ".join(word(rng) for _ in range(8)), 90, wide[0] - y, 0.42) for y in (85, 100)]
    pages = []
    for _ in range(2):
        rows = range(180, wide[0] - 150, 22)
        body = [(" ".join(word(rng) for _ in range(wide[1] // 48)), 90, y, 0.5) for y in rows]
        pages.append(_paper(rng, wide, *head, *foot, *body[: int(rng.integers(2, 40))]))
    return _documents(rng, pages[0], pages[1], shape)


@kind
def forms(rng: Random) -> Pair:
    """One form, filled in by two hands."""
    shape = a_shape(rng, 280, 620)
    wide = with_margin(shape)
    boxes = [(y, x) for y in range(90, wide[0] - 60, 44) for x in range(60, wide[1] - 150, 150)]
    labels = [(word(rng, 4, 9), x + 3, y + 11, 0.38) for y, x in boxes]
    blank = _paper(rng, wide, ("APPLICATION " + word(rng).upper(), 90, 80, 0.9), *labels)
    for y, x in boxes:
        blank[y, x : x + 140] = blank[y + 36, x : x + 140] = 80
        blank[y : y + 36, x] = blank[y : y + 36, x + 140] = 80
    pages = []
    for _ in range(2):
        hands = [(word(rng, 3, 9), x + 8, y + 30, 0.6) for y, x in boxes if rng.random() < 0.8]
        pages.append(blank - 150 * ink(wide, *hands))
    return _documents(rng, pages[0], pages[1], shape)


@kind
def tickets(rng: Random) -> Pair:
    """Two tickets of one print with other numbers."""
    shape = a_shape(rng, 220, 460)
    wide = with_margin(shape)
    art = 60 + 0.6 * seen(photograph(rng, shape, 150), wide)
    art += 25 * np.sin(0.4 * grid(wide)[..., 0] + 6 * np.sin(0.06 * grid(wide)[..., 1]))
    pages = []
    for _ in range(2):
        number = str(int(rng.integers(10**8, 10**9)))
        pages.append(
            art
            * (1 - ink(wide, (number, 100, 120, 1.0), (number, 100, wide[0] - 90, 1.0), thick=2))
        )
    return _documents(rng, pages[0], pages[1], shape)


@kind
def corrected_proof(rng: Random) -> Pair:
    """A page of text, and the same with marks and a highlighter on it."""
    shape = a_shape(rng, 240, 520)
    wide = with_margin(shape)
    page = text_page(rng, wide, int(rng.integers(15, 32)))
    marks = discs(wide, anywhere(rng, wide, 12), 14.0, thick=2)
    light = discs(wide, anywhere(rng, wide, 20), 18.0)
    return _documents(rng, page, page - 110 * marks - 50 * light, shape)


@kind
def speckled_print(rng: Random) -> Pair:
    """Black and white pages whose pixels fell over by themselves."""
    shape = a_shape(rng, 240, 520)
    page = text_page(rng, with_margin(shape), int(rng.integers(16, 32)))
    made = _documents(rng, page, page, shape)
    share = float(rng.uniform(0.01, 0.15))
    images = [
        np.where((image > 130) ^ (rng.random(shape) < share), 255.0, 0.0)
        for image in (made.reference, made.moving)
    ]
    assert made.truth is not None
    return pair(rng, (images[0], images[1]), made.truth, models="affine", noise=0.0)


@kind
def little_overlap(rng: Random) -> Pair:
    """10 to 40 % are common."""
    shape = int(rng.integers(200, 400)), int(rng.integers(200, 400))
    truth = shift(
        (1 - float(rng.uniform(0.1, 0.4))) * shape[1] * sign(rng),
        float(rng.uniform(-0.1, 0.1)) * shape[0],
    )
    scene = photograph(rng, shape, shape[1])
    return pair(rng, both(scene, shape, truth), truth)


@kind
def other_magnification(rng: Random) -> Pair:
    """Turned, and half to twice as large."""
    shape = int(rng.integers(200, 360)), int(rng.integers(200, 360))
    growth = float(np.exp(rng.uniform(-0.65, 0.65)))
    truth = similarity(shape, float(rng.uniform(-30, 30)), growth)
    scene = photograph(rng, shape, int(0.9 * max(shape)))
    return pair(rng, both(scene, shape, truth), truth, models="similarity affine")


@kind
def faint_sky(rng: Random) -> Pair:
    """Faint clouds move below a ramp of light."""
    shape, truth = a_shape(rng), a_shift(rng, 2, 30)
    sky = sheet(soft(rng, with_margin(shape), float(rng.uniform(8, 25))))
    ramp = 170 - 60 * grid(shape)[..., 1] / shape[0]
    size = float(rng.uniform(1, 10))
    first, second = both(sky, shape, truth)
    return pair(rng, (ramp + size * first, ramp + size * second), truth, noise=1.5)


@kind
def plain_scene(rng: Random) -> Pair:
    """A photograph, moved, with some noise: nothing to doubt."""
    shape = a_shape(rng)
    truth = a_shift(rng, 1, 25)
    scene = faded(photograph(rng, shape), float(rng.uniform(0.2, 1)))
    return pair(rng, both(scene, shape, truth), truth, noise=float(rng.uniform(1, 12)))


@kind
def still_scene_own_noise(rng: Random) -> Pair:
    """A scene that did not move."""
    shape = a_shape(rng)
    image = seen(photograph(rng, shape), shape)
    return pair(rng, (image, image), np.eye(3), noise=float(rng.uniform(2, 15)))
