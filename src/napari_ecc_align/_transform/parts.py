"""What a matrix does to an image, in numbers that people understand."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .matrices import Matrix

_LEAST_ANGLE = 0.005
_SMALL_SCALE = 0.01


class Parts(NamedTuple):
    """Shift, rotation, scales and shear of a transform from the reference to the moving image.

    They are those of ``skimage.transform.AffineTransform``, whose angles are in radians:
    ``AffineTransform(scale=(scale_x, scale_y), rotation=..., shear=..., translation=...)`` has
    the same matrix.

    Attributes
    ----------
    x, y : float
        How far the point that was asked about is moved, in the units of the transform: pixels, but
        for what `Transform.in_units` returns.
    rotation : float
        Of the x axis, in degrees, from x to y: clockwise on the screen.
    scale_x, scale_y : float
        How much longer things are in the moving image; `scale_y` is negative of a mirror image.
    shear : float
        In degrees, between -90 and 90: how far the y axis is from a right angle to the x axis.

    Examples
    --------
    >>> from napari_ecc_align import Transform
    >>> parts = Transform([[0, -2, 5], [2, 0, 0]]).parts()
    >>> parts.x, parts.y, parts.rotation, parts.scale_x, parts.scale_y
    (5.0, 0.0, 90.0, 2.0, 2.0)
    """

    x: float
    y: float
    rotation: float
    scale_x: float
    scale_y: float
    shear: float


def parts_of(matrix: Matrix, center: tuple[float, float]) -> Parts:
    """Return the parts of an invertible matrix; of a homography, of the affine map at `center`."""
    point = np.array(center, np.float64)
    image, linear = affine_at(matrix, point)
    x, y = (image - point).tolist()
    (a, b), (c, d) = linear.tolist()
    scale_x = math.hypot(a, c)
    cosine, sine = a / scale_x, c / scale_x
    scale_y = cosine * d - sine * b
    return Parts(
        x=x,
        y=y,
        rotation=math.degrees(math.atan2(c, a)),
        scale_x=scale_x,
        scale_y=scale_y,
        shear=math.degrees(math.atan(-(cosine * b + sine * d) / scale_y)),
    )


def parts_or_nan(matrix: Matrix, center: tuple[float, float]) -> Parts:
    """Return the same, NaN where the image has no area that float64 could hold."""
    try:
        with np.errstate(all="ignore"):
            return parts_of(matrix, center)
    except (ZeroDivisionError, OverflowError):
        return Parts(*[math.nan] * 6)


def affine_at(matrix: Matrix, point: Matrix) -> tuple[Matrix, Matrix]:
    """Return where a matrix carries a point (x, y), and its derivative there, shape (2, 2)."""
    x, y, weight = matrix @ [*point, 1.0]
    image = np.array([x, y]) / weight
    return image, (matrix[:2, :2] - np.outer(image, matrix[2, :2])) / weight


def words_beyond_shift(parts: Parts, *, perspective: bool = False) -> list[str]:
    """Return in a few words what parts do but shift; nothing of what rounds to nothing."""
    turned, scale_x, scale_y, sheared = parts[2:]
    words = []
    if scale_y < 0:
        # By half a turn, top and bottom exchanged are left and right exchanged.
        half = math.copysign(180.0, turned) if abs(turned) > 90 else 0.0
        words.append(f"mirrored {'left to right' if half else 'top to bottom'}")
        turned, scale_y = turned - half, -scale_y
    turned, sheared = round(turned, 3), round(sheared, 3)
    sizes = [scale_words(scale) for scale in (scale_x, scale_y)]
    words += [f"turned {turned:.2f}°"] if abs(turned) >= _LEAST_ANGLE else []
    if sizes != [scale_words(1.0)] * 2:
        words.append(f"scaled {' x '.join(dict.fromkeys(sizes))}")
    if abs(sheared) >= _LEAST_ANGLE:
        words.append(f"sheared {sheared:.2f}°")
    return words + ["in perspective"] * perspective


def scale_words(scale: float, digits: int = 3) -> str:
    """Return a scale with so many decimals, or with as many digits where they would not show it.

    Between pixels and units, a scale may be a millionth.
    """
    usual = _SMALL_SCALE <= abs(scale) < 1e4
    return f"{scale:.{digits}f}" if usual else f"{scale:.{digits}g}"
