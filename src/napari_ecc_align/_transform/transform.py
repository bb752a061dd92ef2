"""Motion models and the transform that maps reference pixels to moving pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError

MotionModel = Literal["translation", "euclidean", "similarity", "affine", "homography"]

MOTION_MODELS: tuple[MotionModel, ...] = get_args(MotionModel)
"""Every motion model, each one containing those before it."""

_MODEL_TOLERANCE = 1e-4
_SINGULAR = 1e-9
_ROUNDING = 1e-12


def check_model(model: str) -> MotionModel:
    """Return `model` if it is a motion model, else raise an `InputError` that lists them."""
    for known in MOTION_MODELS:
        if model == known:
            return known
    raise InputError(f"model must be one of {', '.join(MOTION_MODELS)}, not {model!r}")


@dataclass(frozen=True, eq=False)
class Transform:
    """A map from reference pixels to moving pixels.

    The direction is that of OpenCV's ``WARP_INVERSE_MAP``, of scikit-image's ``inverse_map``
    and of ITK's fixed-to-moving transforms. Coordinates are (x, y), that is (column, row),
    with pixel centres at integers.

    Parameters
    ----------
    matrix : array_like, shape (3, 3) or (2, 3)
        Maps (x, y, 1) in the reference to the moving image. Kept as a read-only float64 array of
        shape (3, 3) whose last element is 1.
    model : {"translation", "euclidean", "similarity", "affine", "homography"}
        The motion model that the matrix belongs to.

    Raises
    ------
    InputError
        If the matrix has another shape, is not finite or not invertible, or does not belong to
        the model.
    """

    matrix: NDArray[np.float64]
    model: MotionModel = "affine"

    def __post_init__(self) -> None:
        model = check_model(self.model)
        matrix = _checked_matrix(self.matrix)
        _check_belongs(matrix, model)
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls, model: MotionModel = "affine") -> Self:
        """Return the transform that maps every pixel to itself."""
        return cls(np.eye(3), model)

    def inverse(self) -> Transform:
        """Return the transform from moving pixels back to reference pixels."""
        back: NDArray[np.float64] = np.linalg.inv(self.matrix).astype(np.float64, copy=False)
        return Transform(back, self.model)

    def __matmul__(self, other: Transform) -> Transform:
        """Compose: ``(a @ b).map(p)`` is ``a.map(b.map(p))``; the wider motion model is kept."""
        if not isinstance(other, Transform):
            return NotImplemented
        wider = max(self.model, other.model, key=MOTION_MODELS.index)
        return Transform(self.matrix @ other.matrix, wider)

    def map(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map reference points to the moving image.

        Parameters
        ----------
        points : array_like, shape (2,) or (N, 2)
            Points as (x, y) in reference pixels.

        Returns
        -------
        ndarray of float64
            The mapped points as (x, y) in moving pixels, in the shape of `points`.
        """
        given = np.asarray(points, dtype=np.float64)
        if given.ndim not in (1, 2) or given.shape[-1] != 2:
            raise InputError(f"points must have shape (2,) or (N, 2), not {given.shape}")
        return map_points(self.matrix, given)

    def save(self, path: str | Path, *, overwrite: bool = True) -> None:
        """Write the transform in the format of the suffix; see `save_transforms`."""
        from .files import save_transform

        save_transform(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Transform:
        """Read a transform file; see `save_transforms` for the formats.

        Raises
        ------
        InputError
            If the file is missing, is of no such format, or holds no valid transform.
        """
        from .files import load_transform

        return load_transform(path)


def map_points(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a 3x3 matrix to (x, y) points of shape (..., 2)."""
    mapped: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    if matrix[2, 0] == matrix[2, 1] == 0:
        mapped /= matrix[2, 2]
    else:
        mapped /= (points @ matrix[2, :2] + matrix[2, 2])[..., np.newaxis]
    return mapped


def corners(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the (x, y) centres of the four corner pixels of an image of shape (h, w, ...)."""
    bottom, right = shape[0] - 1.0, shape[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])


def corner_error(a: ArrayLike, b: ArrayLike, shape: tuple[int, ...]) -> float:
    """Return the RMS distance between two matrices over the corners of an image, in pixels.

    Parameters
    ----------
    a, b : array_like, shape (3, 3)
        Matrices that map (x, y, 1) in the reference to the moving image.
    shape : tuple of int
        Shape (height, width, ...) of the reference.
    """
    points = corners(shape)
    gap = map_points(np.asarray(a, np.float64), points) - map_points(
        np.asarray(b, np.float64), points
    )
    return float(np.sqrt((gap**2).sum(axis=1).mean()))


def scaled(matrix: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Return a matrix for images whose pixel coordinates were both multiplied by `factor`.

    Pixel 0 stays pixel 0, as in OpenCV's ``pyrDown``, so there is no half-pixel term.
    """
    out = matrix.copy()
    out[:2, 2] *= factor
    out[2, :2] /= factor
    return out


def _checked_matrix(matrix: ArrayLike) -> NDArray[np.float64]:
    try:
        checked = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("matrix must be numbers of shape (3, 3) or (2, 3)") from error
    if checked.shape == (2, 3):
        checked = np.vstack([checked, [0.0, 0.0, 1.0]])
    if checked.shape != (3, 3):
        raise InputError(f"matrix must have shape (3, 3) or (2, 3), not {checked.shape}")
    if not np.isfinite(checked).all():
        raise InputError("matrix must be finite, but it holds NaN or infinity")
    if abs(checked[2, 2]) < _SINGULAR:
        raise InputError("matrix is singular: its last element must not be zero")
    checked /= checked[2, 2]
    (a, b, c), (d, e, f), (g, h, i) = checked.tolist()
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if not math.isfinite(determinant) or abs(determinant) < _SINGULAR:
        raise InputError("matrix is singular: it squeezes the image onto a line")
    return checked


def as_transform(
    matrix: NDArray[np.float64],
    model: MotionModel,
    initial: NDArray[np.float64] | None = None,
) -> Transform | None:
    """Return a matrix as a transform, or None if it is not a usable one.

    One that is a motion of the model after the initial transform is usable too: it belongs to the
    narrowest model that contains it.
    """
    try:
        return Transform(matrix, model)
    except InputError:
        if initial is None:
            return None
    try:
        Transform(np.linalg.inv(initial) @ matrix, model)
    except InputError:
        return None
    for wider in MOTION_MODELS[MOTION_MODELS.index(model) + 1 :]:
        try:
            return Transform(matrix, wider)
        except InputError:
            continue
    return None


def narrowest_model(matrix: NDArray[np.float64]) -> MotionModel:
    """Return the narrowest motion model that a 3x3 matrix belongs to, but for rounding."""
    return next(model for model in MOTION_MODELS if _departure(matrix, model) <= _ROUNDING)


def _check_belongs(matrix: NDArray[np.float64], model: MotionModel) -> None:
    if model == "homography":
        return
    if np.abs(matrix[2, :2]).max() > _SINGULAR:
        raise InputError(f"matrix has a perspective part, so its model cannot be {model!r}")
    if _departure(matrix, model) > _MODEL_TOLERANCE:
        raise InputError(f"matrix does not belong to the model {model!r}; choose a wider one")


def _departure(matrix: NDArray[np.float64], model: MotionModel) -> float:
    """Return how far a matrix is from a motion model."""
    if model == "homography":
        return 0.0
    perspective = float(np.abs(matrix[2, :2]).max())
    if model == "affine":
        return perspective
    linear = matrix[:2, :2]
    if model == "translation":
        return float(np.abs(linear - np.eye(2)).max()) + perspective
    gram = linear.T @ linear
    if model == "similarity":
        gram = gram / (np.trace(gram) / 2)
    mirrored = linear[0, 0] * linear[1, 1] < linear[0, 1] * linear[1, 0]
    return float(np.abs(gram - np.eye(2)).max() + mirrored) + perspective
