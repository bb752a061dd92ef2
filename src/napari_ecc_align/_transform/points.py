"""A transform from pairs of points that somebody has set by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .transform import MotionModel, Transform, check_model, map_points

FEWEST: dict[MotionModel, int] = {
    "translation": 1,
    "euclidean": 2,
    "similarity": 2,
    "affine": 3,
    "homography": 4,
}
"""How many pairs each motion model needs."""

# Set by hand a point is a pixel or so off: on a narrower band than this it says nothing across.
_NARROW = 1e-3

_Points = NDArray[np.float64]


def transform_from_points(
    reference_points: ArrayLike,
    moving_points: ArrayLike,
    *,
    model: MotionModel | None = None,
) -> Transform:
    """Estimate the transform that carries points of the reference to points of the moving image.

    With the fewest pairs that a model needs all points are met exactly, with more of them by
    least squares.

    Parameters
    ----------
    reference_points, moving_points : array_like, shape (N, 2)
        The same N places in both images as (x, y), that is (column, row), in pixels with pixel
        centres at integers. napari's Points layers hold (row, column): turn them round with
        ``points[:, ::-1]``.
    model : {"translation", "euclidean", "similarity", "affine", "homography"}, optional
        The motion model: 1, 2, 2, 3 and 4 pairs are needed. Left out, it is the one that the
        number of pairs suggests: a translation for one pair, a similarity for two, an affine
        transform for three or more. A homography has to be asked for, as points set by hand
        seldom determine perspective.

    Returns
    -------
    Transform
        Maps reference pixels to moving pixels, for example as ``align(..., initial=transform)``.

    Raises
    ------
    InputError
        If there are too few pairs, or points that coincide or lie on one line so that they do
        not determine the transform.

    Notes
    -----
    Rotation and scale after Umeyama [1]_, homographies by the normalised direct linear
    transformation of Hartley [2]_.

    References
    ----------
    .. [1] S. Umeyama, Least-squares estimation of transformation parameters between two point
           patterns, IEEE TPAMI 13(4), 1991. :DOI:`10.1109/34.88573`
    .. [2] R. Hartley, In defense of the eight-point algorithm, IEEE TPAMI 19(6), 1997.
           :DOI:`10.1109/34.601246`
    """
    first = _checked(reference_points, "reference_points")
    second = _checked(moving_points, "moving_points")
    if len(first) != len(second):
        raise InputError(
            f"there are {len(first)} reference points but {len(second)} moving points; "
            "each needs its partner"
        )
    chosen = _suggested(len(first)) if model is None else check_model(model)
    if len(first) < FEWEST[chosen]:
        raise InputError(
            f"the model {chosen!r} needs {FEWEST[chosen]} pairs of points or more, "
            f"there are {len(first)}"
        )
    _check_spread(first, chosen, "reference")
    _check_spread(second, chosen, "moving")
    if chosen == "homography":
        return _homography(first, second)
    return Transform(_linear(first, second, chosen), chosen)


def _suggested(pairs: int) -> MotionModel:
    if pairs < 2:
        return "translation"
    return "similarity" if pairs == 2 else "affine"


def _checked(points: ArrayLike, name: str) -> _Points:
    try:
        checked = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be numbers of shape (N, 2)") from error
    if checked.ndim != 2 or checked.shape[1] != 2:
        raise InputError(f"{name} must have shape (N, 2), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError(f"{name} must be finite, but holds NaN or infinity")
    return checked


def _check_spread(points: _Points, model: MotionModel, name: str) -> None:
    """Raise `InputError` if points do not determine a model, whatever their partners are."""
    if model == "translation":
        return
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[0] <= _NARROW:
        raise InputError(f"the {name} points coincide; set them far apart")
    if model in ("affine", "homography") and spread[1] <= _NARROW * spread[0]:
        raise InputError(
            f"the {name} points lie on one line, which leaves open what happens beside it; "
            "set one away from it, or choose the model 'similarity'"
        )


def _linear(first: _Points, second: _Points, model: MotionModel) -> _Points:
    here, there = first.mean(axis=0), second.mean(axis=0)
    a, b = first - here, second - there
    if model == "translation":
        linear = np.eye(2)
    elif model == "affine":
        linear = np.linalg.lstsq(a, b, rcond=None)[0].T
    else:
        left, strengths, right = np.linalg.svd(b.T @ a)
        sign = np.array([1.0, np.sign(np.linalg.det(left @ right)) or 1.0])
        linear = left @ np.diag(sign) @ right
        if model == "similarity":
            linear *= (strengths * sign).sum() / (a**2).sum()
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = there - linear @ here
    return matrix


def _homography(first: _Points, second: _Points) -> Transform:
    to_first, to_second = _normaliser(first), _normaliser(second)
    (x, y), (u, v) = map_points(to_first, first).T, map_points(to_second, second).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=1),
        ]
    )
    _, strengths, solutions = np.linalg.svd(rows)
    undetermined = InputError(
        "the points do not determine a homography: no three of four may lie on one line, and "
        "they must go round in the same order in both images"
    )
    if strengths[7] <= _NARROW * strengths[0]:
        raise undetermined
    matrix = np.linalg.inv(to_second) @ solutions[-1].reshape(3, 3) @ to_first
    weights = first @ matrix[2, :2] + matrix[2, 2]
    if weights.min() <= 0 <= weights.max():
        raise undetermined
    return Transform(matrix, "homography")


def _normaliser(points: _Points) -> _Points:
    """Return the matrix that brings points around the origin, at a distance of about one."""
    middle = points.mean(axis=0)
    size = np.sqrt(((points - middle) ** 2).sum(axis=1).mean())
    matrix: _Points = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, size]]) / size
    return matrix
