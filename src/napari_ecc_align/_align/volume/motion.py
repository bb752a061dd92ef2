"""Motion models of volumes: linear restrictions of an affine displacement.

Points are in the order of the array's axes, (z, y, x), here and in all modules of the room; only
`VolumeTransform` turns them round. Lengths are those of the axes' spacing, so that a rigid motion
is rigid in micrometres and not in voxels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from ..._transform.models import Array
from .transform import VolumeMotionModel

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class VolumeModel:
    """A motion model near its identity.

    Attributes
    ----------
    name : str
        ``"translation"``, ``"euclidean"``, ``"similarity"`` or ``"affine"``.
    basis : (3, 4, p) array
        Coefficients of the displacement along each axis over 1 and the coordinates, per parameter.
    """

    name: VolumeMotionModel
    basis: Array = field(repr=False)

    @property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        return int(self.basis.shape[2])

    def increment(self, delta: Array) -> Array:
        """Return the (4, 4) transform, in normalised coordinates, of parameters near zero.

        Euclidean and similarity increments are group elements, so that compositions never leave
        the model.
        """
        out = np.eye(4)
        if self.name == "affine":
            out[:3] += np.roll(self.basis @ delta, -1, axis=1)
            return out
        turn = delta[3:6] if len(delta) > 3 else np.zeros(3)
        scale = np.exp(delta[6]) if len(delta) > 6 else 1.0
        out[:3, :3] = scale * rotation(turn)
        out[:3, 3] = delta[:3]
        return out

    def project(self, linear: ArrayLike) -> Array:
        """Return the (3, 3) member of the model nearest to a linear map between lengths."""
        full = np.array(linear, np.float64)
        if self.name == "affine":
            return full
        if self.name == "translation":
            return np.eye(3)
        left, singular, right = np.linalg.svd(full)
        turn = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
        return np.asarray(turn * (singular.mean() if self.name == "similarity" else 1.0))


def rotation(turn: Array) -> Array:
    """Return the (3, 3) rotation about an axis by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(turn))
    skew = _SKEW @ turn
    if angle < 1e-12:
        return np.eye(3) + skew
    cross = skew / angle
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _skew() -> Array:
    out = np.zeros((3, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[i, k, j], out[k, i, j] = 1.0, -1.0
    return out


# (3, 3, 3): times a vector, the matrix of the cross product with it.
_SKEW = _skew()


def _models() -> dict[str, VolumeModel]:
    shift, turn, grow = np.zeros((3, 4, 3)), np.zeros((3, 4, 3)), np.zeros((3, 4, 1))
    shift[range(3), 0, range(3)] = 1
    turn[:, 1:] = _SKEW
    grow[range(3), range(1, 4), 0] = 1
    parts: dict[VolumeMotionModel, list[Array]] = {
        "translation": [shift],
        "euclidean": [shift, turn],
        "similarity": [shift, turn, grow],
        "affine": [np.eye(12).reshape(3, 4, 12)],
    }
    return {name: VolumeModel(name, np.concatenate(part, axis=2)) for name, part in parts.items()}


VOLUME_MODELS = _models()


@dataclass(frozen=True, eq=False)
class VolumeFrame:
    """Normalised coordinates of a volume: the same length along all axes, 1 the longest half.

    Attributes
    ----------
    shape : tuple of int
    spacing : (3,) array
        Length of a voxel along each axis.
    """

    shape: Shape
    spacing: Array

    @property
    def unit(self) -> float:
        """The shortest side of a voxel, which is what a px of a volume is."""
        return float(self.spacing.min())

    @property
    def centre(self) -> Array:
        """Centre in voxels."""
        return (np.array(self.shape) - 1) / 2

    @property
    def radius(self) -> float:
        """Half the longest side, in lengths."""
        return float((np.array(self.shape) * self.spacing).max() / 2)

    @cached_property
    def scale(self) -> Array:
        """Voxels along each axis in a normalised length of 1, shape (3,)."""
        return self.radius / self.spacing

    @cached_property
    def matrix(self) -> Array:
        """The (4, 4) map from voxels to normalised coordinates."""
        out = np.diag([*(1 / self.scale), 1.0])
        out[:3, 3] = -self.centre / self.scale
        return out

    @cached_property
    def inverse(self) -> Array:
        """The (4, 4) map from normalised coordinates to voxels."""
        out = np.diag([*self.scale, 1.0])
        out[:3, 3] = self.centre
        return out

    @cached_property
    def corners(self) -> Array:
        """The (8, 3) corner voxels."""
        return corners(self.shape)

    def monomials(self, points: Array) -> Array:
        """Return 1 and the normalised coordinates of points (..., 3), shape (..., 4)."""
        coordinates = (points - self.centre) / self.scale
        return np.concatenate([np.ones((*points.shape[:-1], 1)), coordinates], axis=-1)


def corners(shape: Shape) -> Array:
    """Return the (8, 3) corner voxels of a volume."""
    return np.array(list(product(*((0.0, n - 1.0) for n in shape))))


def mapped(matrix: Array, points: Array) -> Array:
    """Return points (..., 3) where a (4, 4) matrix puts them."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def inverse(matrix: Array) -> Array:
    """Return the inverse of a (4, 4) matrix."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def scaled(matrix: Array, moving_step: Array, reference_step: Array) -> Array:
    """Return a matrix between voxels that are so many as long along each axis, each (3,)."""
    out = matrix.copy()
    out[:3, :3] = matrix[:3, :3] * reference_step / moving_step[:, None]
    out[:3, 3] = matrix[:3, 3] / moving_step
    return out


class VolumeMotion:
    """The motion of a volume, whose matrices are of shape (4, 4).

    Parameters
    ----------
    model : VolumeModel
    frame : VolumeFrame
        Of the reference level.
    moving_spacing : (3,) array
        Of the moving level.
    """

    def __init__(self, model: VolumeModel, frame: VolumeFrame, moving_spacing: Array) -> None:
        self.model = model
        self.frame = frame
        self.n_parameters = model.n_parameters
        self.radius = frame.radius / frame.unit
        self._moving_spacing = moving_spacing

    def composed(self, matrix: Array, delta: Array) -> Array:
        """Return the inverse compositional update ``W <- W o dW^-1``."""
        back = np.linalg.inv(self.model.increment(delta))
        return np.asarray(matrix @ self.frame.inverse @ back @ self.frame.matrix)

    def jacobian(self, matrix: Array, points: Array | None = None) -> Array:
        """Return how the parameters move n points (the corners) at `matrix`, (3 n, p), in px."""
        at = self.frame.monomials(self.frame.corners if points is None else points)
        linear = self._moving_spacing[:, None] * matrix[:3, :3] * self.frame.scale
        moved = -(linear / self.frame.unit) @ np.einsum("cj,ijp->cip", at, self.model.basis)
        return np.asarray(moved.reshape(-1, self.n_parameters))

    def restricted(self, matrix: Array) -> Array:
        """Return the member of the model that acts like `matrix` around the centre."""
        out = np.eye(4)
        own, other = self.frame.spacing, self._moving_spacing
        linear = self.model.project(other[:, None] * matrix[:3, :3] / own)
        out[:3, :3] = linear * own / other[:, None]
        centre = self.frame.centre
        out[:3, 3] = mapped(matrix, centre) - out[:3, :3] @ centre
        return out
