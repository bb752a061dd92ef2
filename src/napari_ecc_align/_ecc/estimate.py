"""What an estimator returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._images.pyramid.representations import Representation
from .refined import Refined


class Step(NamedTuple):
    """One step of an estimator.

    Attributes
    ----------
    stage : str
        What is being done, in words.
    matrix : ndarray of float64, shape (3, 3), or None
        The transform reached, in pixels of full resolution, if there is any.
    fraction : float
        Share of the work that is done; 0 where nobody knows.
    """

    stage: str
    matrix: NDArray[np.float64] | None
    fraction: float = 0.0


@dataclass(frozen=True, eq=False)
class Estimate:
    """A matrix and how it was found.

    Attributes
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Maps reference pixels (x, y, 1) to moving pixels.
    inverted : bool
        Dark in one image is bright in the other.
    iterations : int
        Iterations on the last level.
    converged : bool
        The last solve settled, and its start was believed.
    start : str
        Which start led here: "initial", "identity", "phase correlation", "rotation and scale",
        "blobs", "features" or "mutual information".
    representation : {"intensity", "gradient", "orientation"}
        What was correlated: the images, the magnitude of their gradients, or which way these
        point.
    corner_uncertainty : float
        One sigma of the RMS over the reference's four corners, in pixels of the moving image; NaN
        where the estimator gives none.
    covariance : ndarray of float64, shape (p, p), or None
        Of the model's parameters (see `Model.increment`) in normalised coordinates: lengths in
        half the reference's longer side, around its centre.
    timings : dict of str to float
        Seconds spent on each start.
    refined : Refined or None
        How the last level was solved, which foretells how images alike will be.
    """

    matrix: NDArray[np.float64]
    inverted: bool
    iterations: int
    converged: bool
    start: str
    representation: Representation
    corner_uncertainty: float = float("nan")
    covariance: NDArray[np.float64] | None = None
    timings: dict[str, float] = field(default_factory=dict)
    refined: Refined | None = None

    @classmethod
    def of(
        cls,
        refined: Refined,
        n_parameters: int,
        *,
        start: str,
        representation: Representation,
        accepted: bool = True,
        timings: dict[str, float] | None = None,
    ) -> Estimate:
        """Return the estimate that a refined transform amounts to.

        Parameters
        ----------
        refined : Refined
        n_parameters : int
            Of the motion model.
        start, representation, timings
            As the attributes.
        accepted : bool
            The start was believed.
        """
        solution = refined.solution
        covariance = solution.covariance
        corner = float(np.hypot(refined.uncertainty, refined.bias))
        if len(covariance) != n_parameters:
            # The coarsest levels know a homography only by its affine part.
            covariance, corner = np.full((n_parameters, n_parameters), np.inf), np.inf
        return cls(
            matrix=refined.matrix,
            inverted=solution.gain < 0,
            iterations=solution.iterations,
            converged=accepted and refined.settled,
            start=start,
            representation=representation,
            corner_uncertainty=corner,
            covariance=covariance,
            timings=dict(timings or {}),
            refined=refined,
        )
