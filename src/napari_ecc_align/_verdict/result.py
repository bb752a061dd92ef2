"""The outcome of an alignment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Representation
from .._transform.transform import Transform
from .tile_matching import Tiles

Verdict = Literal["aligned", "doubtful", "failed"]
VERDICTS: tuple[Verdict, ...] = ("failed", "doubtful", "aligned")
"""All verdicts, the worst first."""


@dataclass(frozen=True, eq=False)
class AlignmentResult:
    """A transform, and whether to trust it; by default one for which nothing was measured.

    Attributes
    ----------
    transform : Transform
        Maps reference pixels to moving pixels. When `verdict` is "failed", the best one met, or
        identity.
    verdict : {"aligned", "doubtful", "failed"}
        Whether the transform is right, as far as the images can tell.
    reason : str
        What the verdict rests on, in a sentence.
    ecc : float
        Enhanced correlation coefficient of reference and aligned over their overlap, in [-1, 1];
        of an inverted image, that of its negative.
    ecc_before : float
        The same without any transform.
    inverted : bool
        The moving image is a negative of the reference, as dark ink on white is of white ink on
        black.
    overlap_fraction : float
        Share of the reference's valid pixels that valid moving pixels cover.
    corner_uncertainty : float
        One sigma of the error, in pixels: RMS over the reference's four corners, with what the
        tiles contradict beyond doubt. NaN from the "opencv" engine, which gives none, and infinite
        where nothing was found.
    covariance : ndarray of float64, shape (p, p), or None
        Of the model's parameters: translation (x, y), then rotation, then the logarithm of scale
        for the models up to "similarity"; the six affine coefficients (1, x, y) of the x and of
        the y displacement, and the two of perspective for the others. Lengths in half the
        reference's longer side, around its centre.
    iterations : int
        Iterations on the last level.
    converged : bool
        The estimator settled before its iterations were used up.
    start : str
        Which start led to it: "initial", "identity", "phase correlation", "rotation and scale",
        "features", "region" or "smaller image" where the region that counts or the moving image
        is small and was aligned by itself first, or "none".
    timings : dict of str to float
        Seconds spent on each start.
    representation : {"intensity", "gradient"}
        What was correlated: the images themselves or, where that led nowhere, the magnitude of
        their gradients.
    engine : str
        Which estimator ran.
    seconds : float
        How long everything took, as `align` measures it; 0 where nobody did.
    cancelled : bool
        The caller cancelled; the verdict is then "failed".
    tiles : Tiles or None
        What small tiles say of the alignment, each on its own: its `displacements` are how far
        from where the transform puts them they fit best in the moving image laid on the
        reference, its `uncertainties` one sigma of that.
    """

    transform: Transform
    verdict: Verdict
    reason: str
    ecc: float = 0.0
    ecc_before: float = 0.0
    inverted: bool = False
    overlap_fraction: float = 0.0
    corner_uncertainty: float = float("inf")
    covariance: NDArray[np.float64] | None = None
    iterations: int = 0
    converged: bool = False
    start: str = "none"
    timings: dict[str, float] = field(default_factory=dict)
    representation: Representation = "intensity"
    engine: str = "pyramid"
    seconds: float = 0.0
    cancelled: bool = False
    tiles: Tiles | None = None
