"""A matrix from pairs of points that somebody has set by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._common.errors import InputError
from .._common.given import Numbers, as_floats
from .matrices import Matrix, MotionModel, check_model

FEWEST: dict[MotionModel, int] = {
    "translation": 1,
    "euclidean": 2,
    "similarity": 2,
    "affine": 3,
    "homography": 4,
}
"""How many pairs each motion model needs."""

# Products of coordinates up to this can be summed.
_FARTHEST = 1e50
# Set by hand a point is a pixel or so off: on a narrower band than this it says nothing across.
_NARROW = 1e-3


def estimate_from_points(
    reference_points: Numbers, moving_points: Numbers, model: MotionModel | None
) -> tuple[Matrix, MotionModel]:
    """Return the matrix and the model of `Transform.from_points`.

    Notes
    -----
    Rotation and scale are scikit-image's estimates after Umeyama [1]_, homographies its normalised
    direct linear transformation after Hartley [2]_.

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
    least = FEWEST[chosen]
    if len(first) < least:
        raise InputError(
            f"the model {chosen!r} needs {least} pair{'s' * (least > 1)} of points or more, "
            f"there {'is' if len(first) == 1 else 'are'} {len(first) or 'none'}"
        )
    _check_spread(first, chosen, "reference")
    _check_spread(second, chosen, "moving")
    return _estimate(first, second, chosen), chosen


def _suggested(pairs: int) -> MotionModel:
    if pairs < 2:
        return "translation"
    return "similarity" if pairs == 2 else "affine"


def _checked(points: Numbers, name: str) -> Matrix:
    checked = as_floats(points, f"{name} must be numbers of shape (N, 2)")
    if checked.ndim != 2 or checked.shape[1] != 2:
        raise InputError(f"{name} must have shape (N, 2), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError(f"{name} must be finite, but holds NaN or infinity")
    if np.abs(checked).max(initial=0) > _FARTHEST:
        raise InputError(f"{name} must be coordinates in px, but one lies beyond {_FARTHEST:g}")
    return checked


def _check_spread(points: Matrix, model: MotionModel, name: str) -> None:
    """Raise `InputError` if points do not determine a model, whatever their partners are."""
    if model == "translation":
        return
    along, across = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if along <= _NARROW:
        raise InputError(f"the {name} points coincide; set them far apart")
    if model in ("affine", "homography") and across <= _NARROW * along:
        raise InputError(
            f"the {name} points lie on one line, which leaves open what happens beside it; "
            "set one away from it, or choose the model 'similarity'"
        )


def _estimate(first: Matrix, second: Matrix, model: MotionModel) -> Matrix:
    from skimage.transform import EuclideanTransform, SimilarityTransform

    if model == "homography":
        return _homography(first, second)
    if model in ("euclidean", "similarity"):
        kind = EuclideanTransform if model == "euclidean" else SimilarityTransform
        matrix = _estimated(kind, first, second)
        if matrix is None:
            raise InputError(f"the points do not determine a transform of the model {model!r}")
        return matrix
    here, there = first.mean(axis=0), second.mean(axis=0)
    linear = np.eye(2)
    if model == "affine":
        # scikit-image's affine estimate minimises an algebraic error, which is not least squares.
        linear = np.linalg.lstsq(first - here, second - there, rcond=None)[0].T
    return np.column_stack([linear, there - linear @ here])


def _homography(first: Matrix, second: Matrix) -> Matrix:
    from skimage.transform import ProjectiveTransform

    matrix = _estimated(ProjectiveTransform, first, second)
    if not (matrix is None or _in_line_but_for_one(first) or _in_line_but_for_one(second)):
        weights = first @ matrix[2, :2] + matrix[2, 2]
        if not weights.min() <= 0 <= weights.max():
            return matrix
    raise InputError(
        "the points do not determine a homography: no three of four may lie on one line, and "
        "they must go round in the same order in both images"
    )


def _estimated(kind: Any, first: Matrix, second: Matrix) -> Matrix | None:
    """Return the matrix that a class of scikit-image estimates, or None if it cannot."""
    found = kind.from_estimate(first, second)
    return np.asarray(found.params) if found else None


def _in_line_but_for_one(points: Matrix) -> bool:
    centred = points - points.mean(axis=0)
    # What the scatter loses with each point, whose mean goes with it.
    lost = centred[:, :, None] * centred[:, None, :] * (len(points) / (len(points) - 1))
    across, along = np.linalg.eigvalsh(centred.T @ centred - lost).T
    return bool((across <= _NARROW**2 * along).any())
