"""Matrices of shape (3, 3), of volumes (4, 4), and the motion models that they belong to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import Numbers, as_floats

Matrix: TypeAlias = NDArray[np.float64]
MotionModel = Literal["translation", "euclidean", "similarity", "affine", "homography"]

MOTION_MODELS: tuple[MotionModel, ...] = get_args(MotionModel)
"""Every motion model, each one containing those before it."""

_MODEL_TOLERANCE = 1e-4
_PERSPECTIVE = 1e-9
# Of the squeeze of an image, to its stretch.
_SINGULAR = 1e-9
# Where shift and perspective cancel the linear part but for this, rounding is what is left.
_CANCELLED = 1e-2
_ROUNDING = 1e-12


def check_model(model: str) -> MotionModel:
    """Return `model` if it is a motion model, else raise an `InputError` that lists them."""
    for known in MOTION_MODELS:
        if model == known:
            return known
    raise InputError(f"model must be one of {', '.join(MOTION_MODELS)}, not {model!r:.80}")


def checked_matrix(matrix: Numbers) -> Matrix:
    """Return an invertible matrix as a new (3, 3) array that ends in 1, or raise `InputError`.

    Parameters
    ----------
    matrix : array_like, shape (3, 3) or (2, 3)
        Two rows are those of an affine map.
    """
    checked = as_floats(matrix, "matrix must be numbers of shape (3, 3) or (2, 3)")
    if checked.shape == (2, 3):
        checked = np.vstack([checked, [0.0, 0.0, 1.0]])
    if checked.shape != (3, 3):
        raise InputError(f"matrix must have shape (3, 3) or (2, 3), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError("matrix must be finite, but it holds NaN or infinity")
    if checked[2, 2] == 0:
        raise InputError("matrix is singular: its last element must not be zero")
    if checked[2, 2] != 1:
        with np.errstate(over="ignore"):
            checked /= checked[2, 2]
        if not np.isfinite(checked).all():
            raise InputError("matrix must be finite, also divided by its last element")
    if _is_singular(checked):
        raise InputError("matrix is singular: it squeezes the image onto a line")
    return checked


def checked_volume_matrix(matrix: Numbers) -> Matrix:
    """Return an invertible affine matrix as a new (4, 4) array, or raise `InputError`.

    Parameters
    ----------
    matrix : array_like, shape (4, 4) or (3, 4)
        Maps (x, y, z, 1) of a reference to a moving volume.
    """
    checked = as_floats(matrix, "matrix must be numbers of shape (4, 4) or (3, 4)")
    if checked.shape == (3, 4):
        checked = np.vstack([checked, [0.0, 0.0, 0.0, 1.0]])
    if checked.shape != (4, 4):
        raise InputError(f"matrix must have shape (4, 4) or (3, 4), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError("matrix must be finite, but it holds NaN or infinity")
    if checked[3].tolist() != [0.0, 0.0, 0.0, 1.0]:
        raise InputError("matrix must be affine: its last row must be 0, 0, 0, 1")
    # Of the greatest, or squares may overflow.
    unit = np.abs(checked[:3, :3]).max() or 1.0
    singular = np.linalg.svd(checked[:3, :3] / unit, compute_uv=False)
    if singular[2] <= _SINGULAR * singular[0]:
        raise InputError("matrix is singular: it squeezes the volume onto a plane")
    return checked.copy()


def checked_spacing(
    given: Sequence[float] | float | None, name: str, default: Sequence[float] | Matrix
) -> Matrix:
    """Return the lengths of a voxel along (z, y, x), shape (3,), or raise `InputError`."""
    if given is None:
        return np.array(default, np.float64)
    refusal = f"{name} must be the length of a voxel, or its lengths along (z, y, x)"
    spacing = as_floats(given, refusal)
    if spacing.shape not in ((), (1,), (3,)):
        raise InputError(refusal)
    checked = np.array(np.broadcast_to(spacing, (3,)))
    if not (np.isfinite(checked) & (checked > 0)).all():
        raise InputError(f"{name} must be positive, not {given}")
    return checked


def checked_of_any_size(matrix: Numbers) -> Matrix:
    """Return a matrix of images or of volumes checked, or raise `InputError`."""
    shape = as_floats(matrix, "matrix must be numbers").shape
    return checked_volume_matrix(matrix) if shape[-1:] == (4,) else checked_matrix(matrix)


def _is_singular(matrix: Matrix) -> bool:
    """Return whether a matrix that ends in 1 has no usable inverse, in whatever units it is.

    Units multiply its derivative at the origin, which decides.
    """
    (a, b, x), (c, d, y), (g, h, _) = matrix.tolist()
    linear, moved = (a, b, c, d), (x * g, x * h, y * g, y * h)
    largest = max(map(abs, linear + moved))
    if not 0 < largest < math.inf:
        return True
    a, b, c, d = (
        one / largest - other / largest for one, other in zip(linear, moved, strict=True)
    )
    size = max(math.hypot(a, b, c, d), _CANCELLED * math.hypot(*moved) / largest)
    return bool(abs(a * d - b * c) <= _SINGULAR * size**2)


def inverse_of(matrix: Matrix) -> Matrix:
    """Return the inverse of a checked matrix, which ends in 1 too."""
    with np.errstate(all="ignore"):
        try:
            inverse = np.linalg.inv(matrix)
            if len(matrix) == 4:
                inverse[3] = [0, 0, 0, 1]
            return checked_of_any_size(inverse)
        except np.linalg.LinAlgError as error:
            raise InputError("matrix has no inverse that numbers can hold") from error


def scaling(sizes: float | tuple[float, float], name: str) -> Matrix:
    """Return the matrix from pixels to what their size, or (x, y) sizes, are measured in.

    Raises
    ------
    InputError
        If a size is no positive number; the message begins with `name`.
    """
    refusal = f"{name} must be the size of a pixel, or its (x, y) sizes"
    given = as_floats(sizes, refusal)
    if given.shape not in ((), (1,), (2,)):
        raise InputError(refusal)
    checked = np.broadcast_to(given, (2,))
    if not (np.isfinite(checked) & (checked > 0)).all():
        raise InputError(f"{name} must be a positive pixel size, not {sizes}")
    return np.diag([*checked, 1.0])


def narrowest_model(matrix: Matrix) -> MotionModel:
    """Return the narrowest motion model that a matrix belongs to, but for rounding.

    One of volumes is a translation or affine: what is rigid, their voxels' sizes would tell.
    """
    if len(matrix) == 4:
        still = np.abs(matrix[:3, :3] - np.eye(3)).max() <= _ROUNDING
        return "translation" if still else "affine"
    return next(model for model in MOTION_MODELS if _departure(matrix, model) <= _ROUNDING)


def model_from(least: MotionModel, matrix: Matrix) -> MotionModel:
    """Return the narrowest motion model that contains both a model and a 3x3 matrix."""
    for model in MOTION_MODELS[MOTION_MODELS.index(least) :]:
        with suppress(InputError):
            check_belongs(matrix, model)
            return model
    return "homography"


def check_belongs(matrix: Matrix, model: MotionModel) -> None:
    """Raise `InputError` if a checked matrix is no motion of a model, as far as can be told."""
    if len(matrix) == 4:
        if model == "homography" or (model, narrowest_model(matrix)) == ("translation", "affine"):
            raise InputError(f"a matrix of volumes does not belong to the model {model!r} here")
        return
    if model == "homography":
        return
    if np.abs(matrix[2, :2]).max() > _PERSPECTIVE:
        raise InputError(f"matrix has a perspective part, so its model cannot be {model!r}")
    if _departure(matrix, model) > _MODEL_TOLERANCE:
        raise InputError(f"matrix does not belong to the model {model!r}; choose a wider one")


def _departure(matrix: Matrix, model: MotionModel) -> float:
    """Return how far a matrix is from a motion model."""
    if model == "homography":
        return 0.0
    perspective = float(np.abs(matrix[2, :2]).max())
    if model == "affine":
        return perspective
    linear = matrix[:2, :2]
    if model == "translation":
        return float(np.abs(linear - np.eye(2)).max()) + perspective
    if model == "similarity":
        linear = linear / np.abs(linear).max()
    with np.errstate(over="ignore"):
        gram = linear.T @ linear
        mirrored = linear[0, 0] * linear[1, 1] < linear[0, 1] * linear[1, 0]
    if model == "similarity":
        gram = gram / (np.trace(gram) / 2)
    return float(np.abs(gram - np.eye(2)).max() + mirrored) + perspective
