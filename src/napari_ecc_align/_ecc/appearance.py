"""How two images of one thing differ in tone and sharpness, and how to make them alike.

A linear fit of one image by the other leaves behind whatever a curve of tones or another blur has
made of it. That is no noise, and hides by how much the images are displaced. Where a transform
lays them on each other well enough, both can be measured and taken out.

A Gaussian blur of variance ``v`` changes an image by ``v / 2`` times its Laplacian, to first order
(the heat equation, [1]_ section 2.4), so that regressing each image on the other and on the
other's Laplacian tells which is the blurrier one. Noise makes either seem blurrier than the other,
and cancels in the difference.

References
----------
.. [1] T. Lindeberg, "Scale-Space Theory in Computer Vision", Springer, 1994.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .._common.opencv import cv2
from .._images.pyramid.blocks import tile_values
from .._images.pyramid.filters import warp
from .._images.pyramid.halving import SMALLEST, pyramid
from .._images.pyramid.levels import Bools, Floats, InSteps, Level, floats, made_in_parts, parts
from .._images.pyramid.tile_sampler import TileSampler
from .._transform.coordinates import map_points
from .._transform.models import Array
from .curves import learned_curve
from .solved_tiles import chosen_tiles
from .tones import (
    CLEARLY_LESS,
    Tones,
    centred,
    left_by,
    measured_tones,
    solved,
    thinned,
    within_reference,
)

# So many tiles tell how two images differ; fewer than the last nothing that could be trusted.
_TILES, _LEAST_TILES = 32, 4
# Sampling between the pixels blurs by up to a quarter of a px² along each axis.
_LEAST_BLUR = 0.3
# What is blurred less than by this (px²) on a coarse level stays as it is.
_NO_BLUR = 0.05
# To first order much blur is measured as too little: what is left is measured again, so often.
_ROUNDS = 8
_REACH = 4.0


@dataclass(frozen=True, eq=False)
class Appearance:
    """How two images differ where they lie on each other.

    Attributes
    ----------
    blur : float
        Variance (px²) of the Gaussian that makes the reference as blurred as the moving image;
        negative if the moving image is the one to be blurred.
    tones : Tones or None
        What to take the values of the moving image for, as its levels give them; None where a gain
        and an offset in each place are as good.
    own_tones : Tones or None
        What to take those of the reference for, instead.
    """

    blur: float
    tones: Tones | None
    own_tones: Tones | None = None

    @property
    def differs(self) -> bool:
        """Whether there is anything to make alike."""
        return self.blur != 0 or self.retoned

    @property
    def retoned(self) -> bool:
        """Whether the values of either image are to be taken for others."""
        return self.tones is not None or self.own_tones is not None

    @property
    def is_learned(self) -> bool:
        """Whether any function of values is what they are to be taken for."""
        return self.own_tones is not None or (self.tones is not None and self.tones.is_even)


def measured_appearance(
    reference: list[Level], moving: list[Level], matrix: Array, *, two_kinds: bool = False
) -> Appearance | None:
    """Return how two images differ where a matrix lays them on each other.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    matrix : (3, 3) array
        Maps reference pixels (x, y, 1) to moving pixels.
    two_kinds : bool, default: False
        Look for any function of values, too, of either image's.

    Returns
    -------
    Appearance or None
        None where too little of both is seen.
    """
    size, choice = chosen_tiles(reference, moving[0], 0, matrix, "intensity")
    origins = choice[:_TILES]
    if len(origins) < _LEAST_TILES:
        return None
    own, valid = tile_values(reference[0], origins, size)
    other = TileSampler(moving[0], origins, size)(matrix)
    seen = np.isfinite(other).all(axis=(1, 2))
    if valid is not None:
        seen &= valid.all(axis=(1, 2))
    if np.count_nonzero(seen) < _LEAST_TILES:
        return None
    own, other, origins = own[seen], other[seen], origins[seen]
    place = within_reference(_pixels_of(origins, size), reference[0].shape)
    looks = _looks(own, other, place)
    if two_kinds:
        sharp = _sharp_tiles(reference[0], origins, size, np.eye(3))
        there = _sharp_tiles(moving[0], origins, size, matrix)
        taken = there if looks.tones is None else looks.tones.of(there, thinned(place))
        curve = learned_curve(sharp, there, taken)
        if curve is not None:
            return Appearance(0.0, *curve)
    return looks


def _looks(own: Floats, other: Floats, place: Array) -> Appearance:
    """Return the blur between two stacks of tiles at places, with light and tones if those matter.

    Either one looks like some of the other: what is blurred has lost its brightest and darkest
    values, which a curve gives back in part. So tones are what is left of tiles as blurred as each
    other; those of tiles as they are have to leave clearly less than blur alone does.
    """
    blurred = Appearance(_blur(own, other), None)
    tones = _tones_beside(blurred.blur, own, other, place)
    if tones is not None:
        # What they do to the images looks like blur as well.
        blur = _blur(own, tones.of(other, place))
        again = _tones_beside(blur, own, other, place) if blur != blurred.blur else None
        return Appearance(blur, again or tones)
    tones = measured_tones(own, other, place) if blurred.blur else None
    if tones is None:
        return blurred
    retoned = Appearance(_blur(own, tones.of(other, place)), tones)
    left, without = (_left(own, other, looks, place) for looks in (retoned, blurred))
    return retoned if left < CLEARLY_LESS * without else blurred


def _tones_beside(blur: float, own: Floats, other: Floats, place: Array) -> Tones | None:
    alike = _with_blur(own, max(blur, 0.0)), _with_blur(other, max(-blur, 0.0))
    return measured_tones(*alike, place)


def _left(own: Floats, other: Floats, looks: Appearance, place: Array) -> float:
    """Return which share of tiles is left once they are made alike, away from their borders."""
    taken = other if looks.tones is None else looks.tones.of(other, place)
    first, second = _with_blur(own, max(looks.blur, 0.0)), _with_blur(taken, max(-looks.blur, 0.0))
    ring = own.shape[1] // 4
    first, second = (floats(tiles[:, ring:-ring, ring:-ring]) for tiles in (first, second))
    return left_by(first, second) / max(float((centred(first) ** 2).sum()), 1e-12)


def _sharp_tiles(level: Level, origins: Array, size: int, matrix: Array) -> Floats:
    """Return some of the pixels of tiles of a level under a matrix as they are, not smoothed.

    Of what smooths, a curve of values would make other than the smoothed curve.
    """
    box = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    tiles = []
    for origin in origins:
        mapped = map_points(matrix, origin + box)
        x0, y0 = np.maximum(np.floor(mapped.min(axis=0)).astype(int), 0)
        x1, y1 = np.ceil(mapped.max(axis=0)).astype(int) + 1
        local = matrix.copy()
        local[:, 2] = matrix @ [*origin, 1]
        local[:2] -= np.outer((x0, y0), local[2])
        tiles.append(warp(level.patch(y0, y1, x0, x1)[0], local, (size, size)))
    return thinned(np.stack(tiles))


def _pixels_of(origins: Array, size: int) -> Array:
    """Return where the pixels of tiles lie, (x, y), shape (2, n, size, size)."""
    steps = np.arange(size, dtype=np.float64)
    x = origins[:, 0, None, None] + steps[None, None, :] + np.zeros((size, 1))
    y = origins[:, 1, None, None] + steps[None, :, None] + np.zeros((1, size))
    return np.stack([x, y])


def _blur(own: Floats, other: Floats) -> float:
    """Return the variance (px²) of the Gaussian between two stacks of tiles, 0 if it is small."""
    most = (own.shape[1] / 8) ** 2
    blur = 0.0
    for _ in range(_ROUNDS):
        left = _first_order_blur(
            _with_blur(own, max(blur, 0.0)), _with_blur(other, max(-blur, 0.0))
        )
        if not np.isfinite(left) or abs(blur + left) > most:
            return 0.0
        blur += left
        if abs(left) < _NO_BLUR:
            break
    return blur if abs(blur) > _LEAST_BLUR else 0.0


def _first_order_blur(own: Floats, other: Floats) -> float:
    """Return by how much (px²) the other tiles are blurrier than the own ones, if a little."""
    ring = own.shape[1] // 4
    first, second = (tiles[:, ring:-ring, ring:-ring] for tiles in (own, other))
    bends = [
        np.stack([cv2.Laplacian(tile, cv2.CV_32F)[ring:-ring, ring:-ring] for tile in tiles])
        for tiles in (own, other)
    ]
    forward = solved(centred(second), [centred(first), centred(bends[0])])
    back = solved(centred(first), [centred(second), centred(bends[1])])
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(forward[1] / forward[0] - back[1] / back[0])


def _with_blur(tiles: Floats, variance: float) -> Floats:
    """Return tiles blurred, each by itself."""
    if not variance:
        return tiles
    sigma = float(np.sqrt(variance))
    return floats(np.stack([cv2.GaussianBlur(tile, (0, 0), sigma) for tile in tiles]))


def made_alike(
    reference: list[Level], moving: list[Level], appearance: Appearance, matrix: Array
) -> InSteps[tuple[list[Level], list[Level]]]:
    """Return the pyramids of both images as they look alike where a matrix lays them.

    What stays as it is is not copied.
    """
    shape, back = reference[0].shape, np.asarray(np.linalg.inv(matrix), np.float64)
    if appearance.tones is not None:
        moving = yield from _in_other_tones(moving[0], appearance.tones, back, shape)
    if appearance.own_tones is not None:
        reference = yield from _in_other_tones(
            reference[0], appearance.own_tones, np.eye(3), shape
        )
    first = yield from _all_blurred(reference, max(appearance.blur, 0.0))
    second = yield from _all_blurred(moving, max(-appearance.blur, 0.0))
    return first, second


def _in_other_tones(
    level: Level, tones: Tones, back: Array, shape: tuple[int, int]
) -> InSteps[list[Level]]:
    """Return the pyramid of an image with its values taken for others.

    `back` maps pixels of the image to those of a reference of some shape.
    """
    out = np.empty(level.shape, np.float32)
    for y0, y1, x0, x1 in parts(level.shape):
        place = None
        if not tones.is_even:
            pixels = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1)
            mapped = map_points(back, np.asarray(pixels, np.float64))
            place = within_reference(np.moveaxis(mapped, -1, 0), shape)
        values, valid = level.patch(y0, y1, x0, x1)
        made = tones.of(values, place)
        out[y0:y1, x0:x1] = made if valid is None else np.where(valid, made, np.float32(0))
        yield
    # Of a mean of values, a curve would make other than the mean of what it makes of them.
    return (
        yield from pyramid(replace(level, image=out, offset=0.0, scale=1.0, cache={}), SMALLEST)
    )


def _all_blurred(levels: list[Level], variance: float) -> InSteps[list[Level]]:
    out: list[Level] = []
    for level in levels:
        own = variance / 4**level.index
        if own > _NO_BLUR:
            reach = int(np.ceil(_REACH * np.sqrt(own)))
            make = partial(_blurred, own)
            values, _ = yield from made_in_parts(level, make, reach)
            level = replace(level, image=values, offset=0.0, scale=1.0, cache={})
        out.append(level)
    return out


def _blurred(variance: float, values: Floats, valid: Bools | None) -> tuple[Floats, Bools | None]:
    """Blur what is valid; what is not has no weight (normalised convolution)."""
    sigma = float(np.sqrt(variance))
    if valid is None:
        return floats(cv2.GaussianBlur(values, (0, 0), sigma)), None
    counted = valid.astype(np.float32)
    weight = cv2.GaussianBlur(counted, (0, 0), sigma)
    out = cv2.GaussianBlur(values * counted, (0, 0), sigma) / np.maximum(weight, np.float32(1e-6))
    return floats(np.where(valid, out, np.float32(0))), valid
