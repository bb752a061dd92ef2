"""What the covariance of a motion's parameters says of places and of the parts of a transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._transform.coordinates import corners
from .._transform.models import MODELS, Model, compose, frame_of, motions, slopes
from .._transform.parts import Parts, parts_of

Array = NDArray[np.float64]

_OF_SIZE = {model.n_parameters: model for model in MODELS.values()}
# Of a parameter, for central differences: the error of rounding is then as small as that of bends.
_STEP = float(np.cbrt(np.finfo(float).eps))
_ANGLES = [Parts._fields.index(name) for name in ("rotation", "shear")]


def whole_covariance(
    matrix: Array,
    covariance: Array,
    shape: tuple[int, int],
    *,
    corner_uncertainty: float,
    contradiction: float,
) -> Array:
    """Return a covariance with all that an uncertainty of the corners holds beside it.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    covariance : ndarray of float64, shape (p, p)
        Of the parameters of a motion before it; see `AlignmentResult`.
    shape : tuple of int
        Height and width of the reference.
    corner_uncertainty : float
        One sigma, RMS over the corners, which the result's `spread_at` has there.
    contradiction : float
        That part of it, in quadrature, which raises everything by one factor. What else there is
        beside the covariance is a shift.
    """
    model = _model_of(covariance)
    constant = model.basis[:: len(model.basis) // 2]
    shift = np.diag(constant.any(axis=0).astype(np.float64))

    jacobian = _jacobian(corners(shape), matrix, model, shape)

    def at_corners(spread: Array) -> float:
        return float((_spread(jacobian, spread) ** 2).mean())

    certain = max(0.0, corner_uncertainty**2 - contradiction**2)
    own = at_corners(covariance)
    whole = covariance + max(0.0, certain - own) / at_corners(shift) * shift
    return np.asarray(whole * (corner_uncertainty**2 / (at_corners(whole) or 1.0)))


def spread_at(points: Array, matrix: Array, covariance: Array, shape: tuple[int, int]) -> Array:
    """Return one sigma of where points of the reference lie in the moving image.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
        As (x, y), in pixels of the reference.
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels to moving pixels.
    covariance : ndarray of float64, shape (p, p)
        Of the parameters of a motion before it; see `AlignmentResult`.
    shape : tuple of int
        Height and width of the reference.

    Returns
    -------
    ndarray of float64, shape (n,)
        RMS of the distance, in pixels of the moving image.
    """
    return _spread(_jacobian(points, matrix, _model_of(covariance), shape), covariance)


def spread_share(points: Array, matrix: Array, covariance: Array, shape: tuple[int, int]) -> float:
    """Return one sigma (RMS) at points relative to that at the corners; 1 where it is unknown.

    The arguments are those of `spread_at`.
    """
    # What is but moved is moved alike all over.
    if len(covariance) == 2 or not np.isfinite(covariance).all():
        return 1.0
    both = np.concatenate([corners(shape), points])
    squares = spread_at(both, matrix, covariance, shape) ** 2
    frame, there = squares[:4].sum() / 4, squares[4:].sum() / len(points)
    return float(np.sqrt(there / frame)) if frame > 0 else 1.0


def uncertainty_over(hull: Array, estimate: Estimate, shape: tuple[int, int]) -> float:
    """Return an estimate's uncertainty at corners (x, y) other than those of the frame."""
    if estimate.covariance is None:
        return estimate.corner_uncertainty
    share = spread_share(hull, estimate.matrix, estimate.covariance, shape)
    return estimate.corner_uncertainty * share


def spread_of_parts(
    matrix: Array, covariance: Array, shape: tuple[int, int], center: tuple[float, float]
) -> Parts:
    """Return one sigma of each of the parts of a matrix at a point (x, y); as in `spread_at`."""
    model, frame = _model_of(covariance), frame_of(shape)

    def parts(delta: Array) -> Array:
        return np.array(parts_of(compose(matrix, model, frame, delta), center))

    steps = _STEP * np.eye(len(covariance))
    gaps = np.stack([parts(step) - parts(-step) for step in steps], axis=1)
    gaps[_ANGLES] = (gaps[_ANGLES] + 180) % 360 - 180
    jacobian = gaps / (2 * _STEP)
    return Parts(*np.sqrt(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)).tolist())


def _jacobian(points: Array, matrix: Array, model: Model, shape: tuple[int, int]) -> Array:
    """Return what parameters do at points, in the moving image, shape (n, 2, p)."""
    moved = motions(model, frame_of(shape), points)
    return slopes(matrix, points, moved).reshape(len(points), 2, -1)


def _spread(jacobian: Array, covariance: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("nij,jk,nik->n", jacobian, covariance, jacobian)))


def _model_of(covariance: Array) -> Model:
    """Return the motion model that has as many parameters."""
    return _OF_SIZE[len(covariance)]
