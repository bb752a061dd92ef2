"""Pairs that invite a wrong answer: unrelated, featureless, repeating, spoilt or out of reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scenes import (
    PHOTOGRAPHS,
    TEXTURES,
    Image,
    Pair,
    eight_bit,
    grid,
    page,
    shift,
    similarity,
    view,
    views,
)
from scipy import ndimage

from napari_ecc_align._transform.matrices import MOTION_MODELS, MotionModel
from pairs import random_transform

Random = np.random.Generator
# The name, both images and, as far as there are any, the truth, the model and the start.
Made = tuple[Any, ...]
_SIDES = (128, 160, 200, 240, 320, 420)


def hostile_pairs(count: int, seed: int) -> Iterator[Pair]:
    """Yield pairs of every kind in turn.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Decides them; the same pair results whatever the count.
    """
    for number in range(count):
        yield hostile_pair(number, seed)


def hostile_pair(number: int, seed: int) -> Pair:
    """Return one of the pairs that `hostile_pairs` yields."""
    kinds = list(_KINDS.items())
    kind, make = kinds[number % len(kinds)]
    rng = np.random.default_rng([seed, number])
    name, reference, moving, *known = make(rng)
    truth, model, initial = (*known, None, None, None)[:3]
    return Pair(
        kind, name, reference, moving, truth, model or str(rng.choice(MOTION_MODELS)), initial
    )


def _one(rng: Random, names: tuple[str, ...]) -> str:
    return str(rng.choice(names))


def _shape(rng: Random) -> tuple[int, int]:
    return int(rng.choice(_SIDES)), int(rng.choice(_SIDES))


def _small(rng: Random, shape: tuple[int, int], model: MotionModel) -> NDArray[np.float64]:
    size = float(rng.uniform(1, 12))
    return random_transform(int(rng.integers(1 << 30)), model, shape, size=size).matrix


def _model(rng: Random) -> MotionModel:
    return MOTION_MODELS[int(rng.integers(len(MOTION_MODELS)))]


def _polarity(rng: Random, image: Image) -> Image:
    return 255 - image if rng.random() < 0.3 else image


def _unrelated(rng: Random) -> Made:
    first, second = rng.choice(PHOTOGRAPHS + TEXTURES + ("page", "text"), 2, replace=False)
    images = [view(str(name), rng, _shape(rng)) for name in (first, second)]
    return f"{first}, {second}", *(eight_bit(image, rng) for image in images)


def _apart(rng: Random) -> Made:
    """Cut two places of one picture that share nothing."""
    name = _one(rng, ("grass", "gravel", "brick", "hubble_deep_field", "page", "text", "camera"))
    shape = (90, 150) if name in ("page", "text") else (200, 200)
    across = shift(shape[1] * float(rng.uniform(1.02, 1.1)), float(rng.uniform(-15, 15)))
    reference, moving = views(name, rng, shape, across)
    return name, eight_bit(reference, rng), eight_bit(moving, rng)


def _other_page(rng: Random) -> Made:
    shape = [(400, 520), (600, 800), (300, 300)][int(rng.integers(3))]
    first, second = (page(int(rng.integers(40)) + k * 40, shape, 6.0) for k in (0, 1))
    kind = int(rng.integers(3))
    moving = (second.gray, second.binary, second.staffless)[kind]
    return f"{shape} {('gray', 'binary', 'staffless')[kind]}", first.reference, moving


def _same_staves(rng: Random) -> Made:
    """Write other music on the very same staves."""
    shape = [(400, 520), (600, 800), (300, 300)][int(rng.integers(3))]
    first, second = (page(int(rng.integers(40)) + k * 40, shape, 0.0) for k in (0, 1))
    height, width = np.minimum(first.binary.shape, second.binary.shape)
    lines = first.binary[:height, :width] != first.staffless[:height, :width]
    other = np.where(lines, 0, second.staffless[:height, :width]).astype(np.uint8)
    x, y = rng.integers(0, 12, 2)
    return f"{shape}", first.reference, other[y:, x:]


def _blank(rng: Random) -> Made:
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS)
    picture = eight_bit(view(name, rng, shape), rng)
    kind = ("constant", "noise", "paper", "shadow", "frame")[int(rng.integers(5))]
    blank = np.full(shape, 200.0)
    if kind == "paper":
        blank += 4 * ndimage.zoom(rng.normal(size=(9, 9)), (shape[0] / 9, shape[1] / 9), order=3)
    elif kind == "shadow":
        blank -= 0.3 * grid(shape)[..., 0]
    elif kind == "frame":
        blank[:8] = blank[:, :8] = 90
    if kind != "constant":
        blank += rng.normal(0, 2, shape)
    blank = eight_bit(blank, rng, 0)
    both = rng.random() < 0.3
    other = eight_bit(np.full(shape, 180.0), rng) if both else picture
    images = (blank, other) if rng.random() < 0.5 else (other, blank)
    return f"{kind}, {'blank' if both else name}", *images


def _noise(rng: Random) -> Made:
    shape = _shape(rng)

    def field() -> Image:
        white = rng.normal(size=shape)
        soft = ndimage.gaussian_filter(white, float(rng.choice([0, 1, 3, 8])))
        return 128 + 45 * soft / soft.std()

    name = _one(rng, PHOTOGRAPHS)
    other = field() if rng.random() < 0.5 else view(name, rng, shape)
    return name, eight_bit(field(), rng), eight_bit(other, rng)


def _flipped(rng: Random) -> Made:
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS + TEXTURES)
    reference, moving = views(name, rng, shape, _small(rng, shape, "affine"))
    flipped = moving[:, ::-1] if rng.random() < 0.5 else moving[::-1]
    return name, eight_bit(reference, rng), eight_bit(_polarity(rng, flipped), rng)


def _out_of_reach(rng: Random) -> Made:
    """Turn or grow further than the model or the search reaches."""
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS)
    if rng.random() < 0.5:
        truth = similarity(shape, float(rng.uniform(4, 180)))
        model: MotionModel = "translation"
    else:
        truth = similarity(shape, float(rng.uniform(-90, 90)), float(rng.choice([0.4, 2.4])))
        model = ("euclidean", "affine")[int(rng.integers(2))]
    zoom = 0.4 if model != "translation" else 0.7
    reference, moving = views(name, rng, shape, truth, zoom=zoom)
    return name, eight_bit(reference, rng), eight_bit(moving, rng), truth, model


def _wrong_model(rng: Random) -> Made:
    """Move by more than the model can: sheared, stretched, tilted."""
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS + TEXTURES)
    asked, true = (
        ("translation", "euclidean"),
        ("euclidean", "similarity"),
        ("euclidean", "affine"),
        ("similarity", "affine"),
        ("affine", "homography"),
    )[int(rng.integers(5))]
    size = float(rng.uniform(2, 25))
    seed = int(rng.integers(1 << 30))
    truth = random_transform(seed, true, shape, size=size).matrix  # type: ignore[arg-type]
    reference, moving = views(name, rng, shape, truth)
    text = f"{name} {true} {size:.0f} px"
    return text, eight_bit(reference, rng), eight_bit(moving, rng), truth, asked


def _deformed(rng: Random) -> Made:
    """Bend one image by waves of several px: no transform is right everywhere."""
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS)
    reference = view(name, rng, shape, 0.8)
    amplitude = float(rng.uniform(4, 15))
    wave = float(rng.uniform(0.3, 0.8)) * min(shape)
    points = grid(shape)
    phase = rng.uniform(0, 2 * np.pi, 2)
    bent = points + amplitude * np.sin(2 * np.pi * points[..., ::-1] / wave + phase)
    moving = ndimage.map_coordinates(reference, bent[..., ::-1].transpose(2, 0, 1), order=3)
    return f"{name} {amplitude:.0f} px", eight_bit(reference, rng), eight_bit(moving, rng)


def _little_overlap(rng: Random) -> Made:
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS + TEXTURES)
    share = float(rng.uniform(0.05, 0.3))
    sign = rng.choice([-1, 1])
    truth = shift(sign * (1 - share) * shape[1], float(rng.uniform(-0.05, 0.05)) * shape[0])
    reference, moving = views(name, rng, shape, truth)
    return f"{name} {share:.0%}", eight_bit(reference, rng), eight_bit(moving, rng), truth


def _cells(rng: Random, shape: tuple[int, int], period: int, kind: str) -> Image:
    """Draw a pattern of one period, exact to the pixel, over more than a shape."""
    x, y = grid(shape).transpose(2, 0, 1)
    if kind == "lines":
        bars = ((y % period) < 2).astype(float)
    elif kind == "grid":
        bars = np.maximum((y % period) < 2, (x % period) < 2).astype(float)
    elif kind == "bricks":
        odd = (y // period) % 2
        bars = np.maximum((y % period) < 2, ((x + odd * period) % (2 * period)) < 2).astype(float)
    else:
        bars = (((x // period) + (y // period)) % 2).astype(float)
    return ndimage.gaussian_filter(225 - 180 * bars, 0.8)


def _period_off(rng: Random) -> Made:
    """Start one period off, in a pattern with next to nothing that tells its cells apart."""
    shape = _shape(rng)
    period = int(rng.integers(8, 40))
    kind = _one(rng, ("lines", "grid", "bricks", "checkers"))
    whole = _cells(rng, (shape[0] + 60, shape[1] + 60), period, kind)
    for x, y in rng.integers(0, min(whole.shape), (int(rng.integers(0, 6)), 2)):
        whole[y : y + 7, x : x + 7] = rng.uniform(0, 255)
    x, y = rng.integers(0, 60, 2)
    reference = whole[30 : 30 + shape[0], 30 : 30 + shape[1]]
    moving = whole[y : y + shape[0], x : x + shape[1]]
    truth = shift(30 - x, 30 - y)
    step = 2 * period if kind in ("bricks", "checkers") else period
    off = [(0, period), (step, 0), (0, -2 * period)][int(rng.integers(3))]
    initial = shift(*off) @ truth if rng.random() < 0.7 else None
    text = f"{kind} {period} px"
    images = eight_bit(reference, rng), eight_bit(_polarity(rng, moving), rng)
    return text, *images, truth, _model(rng), initial


def _texture_off(rng: Random) -> Made:
    """Start a brick off in a photograph of a wall, or anywhere in grass."""
    shape = (int(rng.integers(150, 300)), int(rng.integers(150, 300)))
    name = _one(rng, TEXTURES)
    truth = _small(rng, shape, "affine")
    reference, moving = views(name, rng, shape, truth)
    off = rng.choice([-1, 1], 2) * rng.choice([22, 44, 64], 2)
    return (
        f"{name} {off}",
        eight_bit(reference, rng),
        eight_bit(moving, rng),
        truth,
        "affine",
        shift(*off) @ truth,
    )


def _staff_off(rng: Random) -> Made:
    """Start a line or a staff off on a page of music; some pages have hardly any notes."""
    shape = [(400, 520), (600, 800), (300, 300)][int(rng.integers(3))]
    drawn = page(int(rng.integers(40)), shape, 5.0)
    space = float(np.clip(min(shape) / 90, 4, 24))
    off = float(rng.choice([1, -1, 2, 9.5, -9.5])) * space
    initial = shift(0, off) @ drawn.matrix
    gray, reference = drawn.gray, drawn.reference
    if rng.random() < 0.4:
        left = int(shape[1] * 0.3)
        crop = slice(left, left + int(shape[1] * 0.5))
        reference, gray = reference[:, crop], gray[:, crop]
        return (
            f"{shape} part, {off:.0f} px",
            reference,
            gray,
            shift(-left, 0) @ drawn.matrix @ shift(left, 0),
            "affine",
            shift(-left, off) @ drawn.matrix @ shift(left, 0),
        )
    return f"{shape} {off:.0f} px", reference, gray, drawn.matrix, "affine", initial


def _replaced(rng: Random) -> Made:
    """Replace a part of one image by another picture."""
    shape = _shape(rng)
    name, other = rng.choice(PHOTOGRAPHS + TEXTURES, 2, replace=False)
    model = _model(rng)
    truth = _small(rng, shape, model)
    reference, moving = views(str(name), rng, shape, truth)
    share = float(rng.uniform(0.3, 0.9))
    foreign = view(str(other), rng, shape)
    if rng.random() < 0.5:
        moving[:, int((1 - share) * shape[1]) :] = foreign[:, int((1 - share) * shape[1]) :]
    else:
        moving[: int(share * shape[0])] = foreign[: int(share * shape[0])]
    text = f"{name}, {share:.0%} {other}"
    return text, eight_bit(reference, rng), eight_bit(moving, rng), truth, model


def _saturated(rng: Random) -> Made:
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS + TEXTURES)
    model = _model(rng)
    truth = _small(rng, shape, model)
    reference, moving = views(name, rng, shape, truth)
    middle = np.quantile(moving, float(rng.choice([0.02, 0.1, 0.5, 0.9, 0.99])))
    moving = 255 / 2 + float(rng.uniform(3, 40)) * (moving - middle)
    return (
        name,
        eight_bit(reference, rng),
        eight_bit(_polarity(rng, moving), rng),
        truth,
        model,
    )


def _faint(rng: Random) -> Made:
    """Leave a contrast of a few grey values, at or below the noise."""
    shape = _shape(rng)
    name = _one(rng, PHOTOGRAPHS + TEXTURES)
    model = _model(rng)
    truth = _small(rng, shape, model)
    reference, moving = views(name, rng, shape, truth)
    gain = float(rng.uniform(0.003, 0.1))
    moving = 120 + gain * _polarity(rng, moving)
    noise = float(rng.choice([0.2, 1, 3]))
    text = f"{name} gain {gain:.3f}, noise {noise}"
    return text, eight_bit(reference, rng), eight_bit(moving, rng, noise), truth, model


_KINDS: dict[str, Callable[[Random], Made]] = {
    "unrelated": _unrelated,
    "apart": _apart,
    "other page": _other_page,
    "same staves": _same_staves,
    "blank": _blank,
    "noise": _noise,
    "flipped": _flipped,
    "out of reach": _out_of_reach,
    "wrong model": _wrong_model,
    "deformed": _deformed,
    "little overlap": _little_overlap,
    "a period off": _period_off,
    "texture off": _texture_off,
    "staff off": _staff_off,
    "replaced": _replaced,
    "saturated": _saturated,
    "faint": _faint,
}
