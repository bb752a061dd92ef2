"""How the parameters of a motion model move a transform, and the corners with it."""

from __future__ import annotations

from typing import Protocol

from .._transform.models import Array, Frame, Model, compose, corner_motions, slopes


class Motion(Protocol):
    """What a solver has to know of a motion model around a reference level.

    Attributes
    ----------
    n_parameters : int
    radius : float
        Half the longer side of the level, in px.
    """

    @property
    def n_parameters(self) -> int: ...

    @property
    def radius(self) -> float: ...

    def composed(self, matrix: Array, delta: Array) -> Array:
        """Return `matrix` after a step of the parameters."""

    def jacobian(self, matrix: Array) -> Array:
        """Return how the parameters move the c corners at `matrix`, (d * c, p), in px."""


class PlaneMotion:
    """The motion of an image of two axes, whose matrices are of shape (3, 3).

    Parameters
    ----------
    model : Model
    frame : Frame
        Of the reference level.
    """

    def __init__(self, model: Model, frame: Frame) -> None:
        self.model = model
        self.frame = frame
        self.n_parameters = model.n_parameters
        self.radius = frame.radius
        self._motions = corner_motions(model, frame)

    def composed(self, matrix: Array, delta: Array) -> Array:
        """Return `matrix` after a step of the parameters."""
        return compose(matrix, self.model, self.frame, delta)

    def jacobian(self, matrix: Array) -> Array:
        """Return how the parameters move the corners at `matrix`, (8, p)."""
        return slopes(matrix, self.frame.corners, self._motions)
