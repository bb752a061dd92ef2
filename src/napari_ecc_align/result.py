"""The outcome of an alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .evidence import TileEvidence
from .transform import Transform

Verdict = Literal["aligned", "doubtful", "failed"]
Representation = Literal["intensity", "detail"]


@dataclass(frozen=True, eq=False)
class AlignmentResult:
    """A transform, and whether to trust it.

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
    overlap : float
        Share of the reference's valid pixels that valid moving pixels cover.
    iterations : int
        Iterations at full resolution.
    converged : bool
        The estimator settled before its iterations were used up.
    start : str
        Where the estimator started: "initial", "identity", "phase correlation", or "none".
    representation : {"intensity", "detail"}
        What was correlated: the images themselves or, where that led nowhere, their detail with
        brightness and contrast evened out.
    engine : str
        Which estimator ran.
    seconds : float
        How long everything took.
    cancelled : bool
        The caller cancelled; the verdict is then "failed".
    evidence : TileEvidence or None
        What small tiles say of the alignment, each on its own.
    """

    transform: Transform
    verdict: Verdict
    reason: str
    ecc: float
    ecc_before: float
    inverted: bool
    overlap: float
    iterations: int
    converged: bool
    start: str
    representation: Representation
    engine: str
    seconds: float
    cancelled: bool = False
    evidence: TileEvidence | None = None
