"""Motion models as linear restrictions of one polynomial displacement field.

Every model moves a point of the reference by a polynomial of its *normalised* coordinates (the
image centre at the origin, the longer half side of length one).  Written over the monomials ``1,
x, y`` (and ``x², xy, y²`` for a homography) once for the x and once for the y displacement, a
model is a constant matrix that maps its parameters to those coefficients.  The estimator
therefore sums moments once and restricts them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .coordinates import UNMOVED, corners
from .parts import affine_at

Array: TypeAlias = NDArray[np.float64]

_LAST_ROW = [0.0, 0.0, 1.0]


def _rows(size: int, entries: dict[tuple[int, int], float], parameters: int) -> Array:
    matrix = np.zeros((2 * size, parameters))
    for (row, column), value in entries.items():
        matrix[row, column] = value
    return matrix


def exponents(degree: int) -> list[tuple[int, int]]:
    """Return the (i, j) of the monomials ``x^i y^j`` up to `degree`: 1, x, y, x², xy, y²."""
    return [(i, d - i) for d in range(degree + 1) for i in range(d, -1, -1)]


@dataclass(frozen=True, eq=False)
class Model:
    """A motion model near its identity.

    Attributes
    ----------
    name : str
        ``"translation"``, ``"euclidean"``, ``"similarity"``, ``"affine"`` or ``"homography"``.
    degree : int
        Degree of the displacement polynomial: 1, or 2 for a homography.
    basis : (2m, p) array
        Coefficients of the x displacement over the m monomials, then of the y displacement, per
        parameter.
    """

    name: str
    degree: int
    basis: Array = field(repr=False)

    @cached_property
    def n_parameters(self) -> int:
        """Number of free parameters."""
        return int(self.basis.shape[1])

    @cached_property
    def shifts(self) -> list[int]:
        """Which parameters shift the image along x and y."""
        constant = self.basis[:: len(self.basis) // 2]
        return [int(row.argmax()) for row in constant]

    def increment(self, delta: Array) -> Array:
        """Return the (3, 3) transform, in normalised coordinates, of parameters near zero.

        Euclidean and similarity increments are group elements, so that compositions never leave
        the model.
        """
        out = UNMOVED.copy()
        if self.name in ("translation", "euclidean", "similarity"):
            angle = delta[2] if len(delta) > 2 else 0.0
            scale = np.exp(delta[3]) if len(delta) > 3 else 1.0
            cos, sin = scale * np.cos(angle), scale * np.sin(angle)
            out[:2, :2] = [[cos, -sin], [sin, cos]]
            out[:2, 2] = delta[:2]
            return out
        out[0] += (delta[1], delta[2], delta[0])
        out[1] += (delta[4], delta[5], delta[3])
        if self.name == "homography":
            out[2, :2] = delta[6:]
        return out

    def project(self, matrix: ArrayLike, centre: tuple[float, float]) -> Array:
        """Return the member of the model that acts like `matrix` around `centre` (x, y)."""
        full = np.array(matrix, dtype=np.float64)
        full /= full[2, 2]
        if self.name == "homography":
            return full
        point = np.array(centre)
        image, linear = affine_at(full, point)
        if self.name == "translation":
            linear = np.eye(2)
        elif self.name in ("euclidean", "similarity"):
            left, singular, right = np.linalg.svd(linear)
            rotation = left @ np.diag([1.0, np.sign(np.linalg.det(left @ right))]) @ right
            linear = rotation * (singular.mean() if self.name == "similarity" else 1.0)
        out = UNMOVED.copy()
        out[:2, :2] = linear
        out[:2, 2] = image - linear @ point
        return out


_SHIFT = {(0, 0): 1.0, (3, 1): 1.0}
_TURN = {(2, 2): -1.0, (4, 2): 1.0}
_GROW = {(1, 3): 1.0, (5, 3): 1.0}
MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("translation", 1, _rows(3, _SHIFT, 2)),
        Model("euclidean", 1, _rows(3, _SHIFT | _TURN, 3)),
        Model("similarity", 1, _rows(3, _SHIFT | _TURN | _GROW, 4)),
        Model("affine", 1, np.eye(6)),
        Model(
            "homography",
            2,
            _rows(
                6,
                {
                    (0, 0): 1, (1, 1): 1, (2, 2): 1, (6, 3): 1, (7, 4): 1, (8, 5): 1,
                    (3, 6): -1, (4, 7): -1, (10, 6): -1, (11, 7): -1,
                },
                8,
            ),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """Normalised coordinates of an image of `shape` (h, w): ``(x - centre) / radius``."""

    shape: tuple[int, int]

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) in px."""
        return (self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2

    @property
    def radius(self) -> float:
        """Half the longer side in px."""
        return max(self.shape) / 2

    @cached_property
    def matrix(self) -> Array:
        """The (3, 3) map from pixels to normalised coordinates."""
        (x, y), r = self.centre, self.radius
        return np.array([[1 / r, 0, -x / r], [0, 1 / r, -y / r], [0, 0, 1]])

    @cached_property
    def inverse(self) -> Array:
        """The (3, 3) map from normalised coordinates to pixels."""
        (x, y), r = self.centre, self.radius
        return np.array([[r, 0, x], [0, r, y], [0, 0, 1]])

    @cached_property
    def corners(self) -> Array:
        """The (4, 2) corner pixels (x, y), one after the other around the image."""
        return corners(self.shape)[[0, 1, 3, 2]]


def compose(matrix: Array, model: Model, frame: Frame, delta: Array) -> Array:
    """Return the inverse compositional update ``W <- W o dW^-1`` [1]_ (eq. 36).

    References
    ----------
    .. [1] S. Baker and I. Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56(3),
       2004.
    """
    from .._common.opencv import cv2

    if model.name == "translation":
        # A product of four would take most of the time of a step on a small level.
        out = matrix.copy()
        out[:, 2] -= matrix[:, :2] @ (frame.radius * delta)
    else:
        back = cv2.invert(model.increment(delta))[1]
        out = matrix @ frame.inverse @ back @ frame.matrix
    if out[2].tolist() == _LAST_ROW:
        return np.asarray(out)
    # Of a step that cannot be taken back, not finite: the caller looks.
    with np.errstate(all="ignore"):
        return np.asarray(out / out[2, 2])


@lru_cache(maxsize=64)
def frame_of(shape: tuple[int, int]) -> Frame:
    """Return the frame of an image of `shape` (h, w), which then keeps its matrices."""
    return Frame(shape)


def motions(model: Model, frame: Frame, points: Array) -> Array:
    """Return d(displacement) / d(parameters) at points (x, y), shape (n, 2, p), in px."""
    x, y = ((points - frame.centre) / frame.radius).T
    monomials = np.stack([x**i * y**j for i, j in exponents(model.degree)], axis=1)
    halves = model.basis.reshape(2, monomials.shape[1], -1)
    return np.asarray(frame.radius * (monomials @ halves).transpose(1, 0, 2))


@lru_cache(maxsize=64)
def corner_motions(model: Model, frame: Frame) -> Array:
    """Return the `motions` of the corners, shape (4, 2, p)."""
    out = motions(model, frame, frame.corners)
    out.setflags(write=False)
    return out


def slopes(matrix: Array, points: Array, moved: Array) -> Array:
    """Return d(positions in the moving image) / d(parameters) at points (x, y), shape (2 n, p).

    In px. `compose` moves a reference point by minus the model's displacement, of which `moved`
    are the `motions` there, and the derivative of `matrix` carries that over to the moving image.
    """
    if matrix[2].tolist() == _LAST_ROW:
        return np.asarray(-(matrix[:2, :2] @ moved).reshape(2 * len(points), -1))
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    weight = homogeneous[:, 2, None, None]
    derivative = (matrix[:2, :2] - homogeneous[:, :2, None] / weight * matrix[2, :2]) / weight
    return np.asarray(-(derivative @ moved).reshape(2 * len(points), -1))
