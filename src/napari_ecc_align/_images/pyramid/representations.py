"""What of an image is compared: its pixels, how strong its edges are, or which way they run."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from ..._common.opencv import cv2
from ..._common.steps import outcome_of
from ..._transform.models import Array
from ..._transform.parts import affine_at
from .filters import RADIUS, eroded, gradients, smoothed_inside, warp
from .levels import Bools, Floats, InSteps, Level, floats, made_in_parts

Representation: TypeAlias = Literal["intensity", "gradient", "orientation"]

# Orientations are gathered by a Gaussian of this size, as sigma and radius (px of the level).
_SIGMA, _REACH = 0.7, 2
# What is weaker than this share of the typical gradient has hardly an orientation.
_WEAK = 0.3
# Orientations of a level of at most so many pixels are kept.
_KEPT_PIXELS = 2**17
_KEPT = ("orientations", "where orientations are known")
# So many pixels around one matter for how it is represented.
_AROUND: dict[Representation, int] = {
    "intensity": 0,
    "gradient": RADIUS + 1,
    "orientation": RADIUS + 1 + _REACH,
}
# The typical gradient is that of so many patches a side, of so many px each.
_PATCHES, _PATCH = 4, 64


def represent(
    level: Level, image: Floats, valid: Bools | None, representation: Representation
) -> tuple[Floats, Bools | None]:
    """Return the planes of which a representation consists, and where they are known.

    Parameters
    ----------
    level : Level
        Which the pixels are of.
    image : ndarray of float32, shape (h, w)
        Pixels as the level converts them.
    valid : ndarray of bool, shape (h, w), or None
        Which count; None if all.
    representation : {"intensity", "gradient", "orientation"}
        The pixels themselves; the magnitude of their gradient, which outlives other stains and
        bands; or which way the edges run, which outlives any other brightness.

    Returns
    -------
    planes : ndarray of float32, shape (h, w) or (h, w, 2)
        Two planes for orientations: cosine and sine of twice the angle, so that it does not
        matter which side of an edge is the bright one, times how much the orientations around a
        pixel agree, from 0 to 1.
    valid : ndarray of bool, shape (h, w), or None
    """
    if representation == "intensity":
        return image, valid
    out, ok = smoothed_inside(image, valid)
    gx, gy = gradients(out)
    # Not cv2.magnitude, whose last bits depend on where in memory its arguments lie.
    strength = floats(np.sqrt(gx * gx + gy * gy))
    if representation == "gradient":
        return strength, eroded(ok, 1)
    planes = np.empty((*image.shape, 3), np.float32)
    inverse = 1 / np.maximum(strength, np.float32(1e-12))
    np.multiply(gx * gx - gy * gy, inverse, out=planes[..., 0])
    np.multiply(2 * gx * gy, inverse, out=planes[..., 1])
    planes[..., 2] = strength
    size = 2 * _REACH + 1
    planes = floats(cv2.GaussianBlur(planes, (size, size), _SIGMA))
    weak = np.float32(_WEAK * _typical_gradient(level))
    return floats(planes[..., :2] / (planes[..., 2:] + weak)), eroded(ok, 1 + _REACH)


def planes_of(image: Floats) -> list[Floats]:
    """Return the planes of an image, (h, w) or (h, w, k)."""
    return [image] if image.ndim == 2 else list(np.moveaxis(image, -1, 0))


def turned(planes: Floats, matrix: Array, place: Array) -> Floats:
    """Return orientations of a moving image as they are seen from the reference.

    Parameters
    ----------
    planes : ndarray of float32, shape (..., 2)
        Sampled on pixels of the reference; their angles are those in the moving image.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    place : ndarray of float64, shape (2,)
        The reference pixel (x, y) at which the turn is measured; it differs in a perspective.
    """
    linear = affine_at(matrix, place)[1]
    # Gradients are carried over by the transpose, and the planes hold twice their angle.
    angle = 2 * np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # OpenCV's way is the quicker, and knows images alone.
    image = planes.reshape(-1, *planes.shape[-2:])
    return floats(cv2.transform(image, turn.T).reshape(planes.shape))


def warped_planes(planes: Floats, matrix: Array, size: tuple[int, int]) -> Floats:
    """Return a moving image's planes as `warp` does, orientations as seen from the reference."""
    out = warp(planes, matrix, size)
    return out if out.ndim == 2 else turned(out, matrix, (np.array(size) - 1) / 2)


def whole_representation(
    level: Level, representation: Representation
) -> tuple[Floats, Bools | None]:
    """Return all of a level as `represent` does, in arrays of the caller's own."""
    return outcome_of(representation_steps(level, representation))


def representation_steps(
    level: Level, representation: Representation
) -> InSteps[tuple[Floats, Bools | None]]:
    """Make what `whole_representation` returns, in parts of a large level."""
    if representation != "orientation" or level.size > _KEPT_PIXELS:
        return (
            yield from made_in_parts(
                level,
                lambda image, valid: represent(level, image, valid, representation),
                _AROUND[representation],
            )
        )
    planes, valid = (level.cache.get(name) for name in _KEPT)
    if planes is None:
        planes, valid = represent(level, *level.whole(), representation)
        assert valid is not None
        level.cache.update(zip(_KEPT, (planes, valid), strict=True))
    return planes.copy(), valid


def halo(representation: Representation = "intensity") -> int:
    """Pixels around a tile that its smoothing and derivatives read."""
    return RADIUS + 1 + _AROUND[representation]


def _typical_gradient(level: Level) -> float:
    """Return the mean magnitude of a level's gradient, from patches that cover it evenly."""
    kept = level.cache.get("typical gradient")
    if kept is None:
        found, weights = [0.0], [1e-12]
        starts = (
            np.linspace(0, max(0, n - _PATCH), min(_PATCHES, -(-n // _PATCH))).astype(int)
            for n in level.shape
        )
        for y, x in np.stack(np.meshgrid(*starts), axis=-1).reshape(-1, 2).tolist():
            patch = level.patch(
                y, min(y + _PATCH, level.shape[0]), x, min(x + _PATCH, level.shape[1])
            )
            strength, ok = represent(level, *patch, "gradient")
            counted = strength[ok]
            found.append(float(counted.sum()))
            weights.append(float(counted.size))
        kept = level.cache["typical gradient"] = np.array(max(1e-6, sum(found) / sum(weights)))
    return float(kept)
