"""Pairs whose transform is known, as people bring them: what ought to be aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scenes import PHOTOGRAPHS, TEXTURES, Image, Pair, eight_bit, page, views
from scipy import ndimage

from napari_ecc_align._transform.matrices import MOTION_MODELS, MotionModel
from pairs import random_transform

Random = np.random.Generator
_SIDES = (128, 160, 200, 256, 320, 400, 512)
_LARGE = {"retina": 1300, "hubble_deep_field": 800}


def known_pairs(count: int, seed: int, *, without: Sequence[str] = ()) -> Iterator[Pair]:
    """Yield pairs of every kind in turn, each kind with all models in turn.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Decides them; the same pair results whatever the count.
    without : sequence of str
        Kinds that are passed over.
    """
    kinds = list(_KINDS.items())
    for number in range(count):
        kind, make = kinds[number % len(kinds)]
        model = MOTION_MODELS[number // len(kinds) % len(MOTION_MODELS)]
        if kind not in without:
            yield make(kind, np.random.default_rng([seed, number, 1]), model)


def _scene(
    rng: Random,
    model: MotionModel,
    *,
    sides: tuple[int, ...] = _SIDES,
    names: tuple[str, ...] = PHOTOGRAPHS + TEXTURES,
    zoom: float = 1.0,
) -> tuple[str, Image, Image, NDArray[np.float64]]:
    name = str(rng.choice(names))
    shape = int(rng.choice(sides)), int(rng.choice(sides))
    size = float(rng.uniform(0.2, 0.04 * min(shape)))
    truth = random_transform(int(rng.integers(1 << 30)), model, shape, size=size).matrix
    reference, moving = views(name, rng, shape, truth, zoom=zoom)
    if rng.random() < 0.3:
        moving = 255 - moving
    return f"{name} {shape} {model} {size:.1f} px", reference, moving, truth


def _plain(kind: str, rng: Random, model: MotionModel) -> Pair:
    name, reference, moving, truth = _scene(rng, model)
    return Pair(kind, name, eight_bit(reference, rng), eight_bit(moving, rng), truth, model)


def _noisy(kind: str, rng: Random, model: MotionModel) -> Pair:
    name, reference, moving, truth = _scene(rng, model)
    noise = float(rng.uniform(5, 20))
    images = eight_bit(reference, rng, noise), eight_bit(moving, rng, noise)
    return Pair(kind, f"{name} noise {noise:.0f}", *images, truth, model)


def _clean(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Keep all digits, without any noise."""
    name, reference, moving, truth = _scene(rng, model)
    return Pair(
        kind,
        name,
        reference.astype(np.float32) / 255,
        moving.astype(np.float32) / 255,
        truth,
        model,
    )


def _deep(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Use 16 bits, each image a part of its own of the range."""
    name, reference, moving, truth = _scene(rng, model)
    images = []
    for image in (reference, moving):
        gain = float(rng.choice([4.0, 40.0, 250.0]))
        values = gain * (image + rng.normal(0, 1.5, image.shape)) + 100
        images.append(np.clip(np.rint(values), 0, 65535).astype(np.uint16))
    return Pair(kind, name, *images, truth, model)


def _relit(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Change gain, offset, gamma, and the light from side to side."""
    name, reference, moving, truth = _scene(rng, model)
    lit = 255 * (moving / 255) ** float(rng.uniform(0.6, 1.6))
    slope = np.linspace(-1, 1, lit.shape[1]) * float(rng.uniform(-0.35, 0.35))
    lit = (float(rng.uniform(0.4, 0.9)) + slope) * lit + float(rng.uniform(0, 30))
    return Pair(kind, name, eight_bit(reference, rng), eight_bit(lit, rng), truth, model)


def _blurred(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Blur one image more than the other."""
    name, reference, moving, truth = _scene(rng, model)
    blurred = ndimage.gaussian_filter(moving, float(rng.uniform(0.8, 3)))
    return Pair(kind, name, eight_bit(reference, rng), eight_bit(blurred, rng), truth, model)


def _soft(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Magnify a picture until no detail is finer than several pixels."""
    name, reference, moving, truth = _scene(
        rng,
        model,
        sides=(256, 400, 512, 800),
        names=PHOTOGRAPHS,
        zoom=float(rng.uniform(0.2, 0.5)),
    )
    return Pair(kind, name, eight_bit(reference, rng), eight_bit(moving, rng), truth, model)


def _large(kind: str, rng: Random, model: MotionModel) -> Pair:
    name, reference, moving, truth = _scene(
        rng,
        model,
        sides=(700, 1000, 1250, 1500),
        names=("retina", "hubble_deep_field", "astronaut", "gravel", "coffee"),
    )
    return Pair(kind, name, eight_bit(reference, rng), eight_bit(moving, rng), truth, model)


def _page(kind: str, rng: Random, model: MotionModel) -> Pair:
    """Draw a page, as binary image and as scan or in the other polarity.

    Its displacement is affine, so no smaller model is asked to find it.
    """
    sides = [(300, 300), (480, 640), (700, 500), (900, 1200), (1500, 1100)]
    shape = sides[int(rng.integers(len(sides)))]
    drawn = page(int(rng.integers(1 << 20)), shape, float(rng.uniform(0, 0.025 * min(shape))))
    flavour = ("gray", "binary", "staffless")[int(rng.integers(3))]
    wide: MotionModel = "homography" if model == "homography" else "affine"
    return Pair(
        kind, f"{shape} {flavour}", drawn.reference, getattr(drawn, flavour), drawn.matrix, wide
    )


_KINDS: dict[str, Callable[[str, Random, MotionModel], Pair]] = {
    "plain": _plain,
    "noisy": _noisy,
    "clean float32": _clean,
    "16 bit": _deep,
    "relit": _relit,
    "blurred": _blurred,
    "soft": _soft,
    "large": _large,
    "page": _page,
}
