"""Where a start led on coarse levels, and whether that is worth to be refined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .quick_check import Agreement
from .refine import Refiner
from .refined import Refined

# No accident: so many of the tiles agree, of edges, or in all.
_MIN_AGREEMENT = 0.5
_MIN_ORIENTED = 0.25
_MIN_AGREEING = 4
# What is too small or too plain to ask tiles must correlate so well.
_MIN_ECC = 0.9


@dataclass(frozen=True)
class Candidate:
    """Where a start led on coarse levels, and what tiles say of it.

    Attributes
    ----------
    refined : Refined
    agreement : Agreement
    refiner : Refiner
        Of the representation in which it was refined.
    start : str
        Where the start came from.
    sure, tried : bool
        Believed before any tile was asked; and already refined, in vain.
    seconded : bool
        Orientations have led there, too.
    """

    refined: Refined
    agreement: Agreement
    refiner: Refiner
    start: str
    sure: bool = False
    tried: bool = False
    seconded: bool = False

    @property
    def believed(self) -> bool:
        """Tell whether it is worth to be refined on fine levels."""
        if self.sure:
            return True
        if self.agreement.tiles < _MIN_AGREEING:
            return abs(self.refined.solution.ecc) > _MIN_ECC
        edges = self.seconded or self.refiner.representation == "orientation"
        least = _MIN_ORIENTED if edges else _MIN_AGREEMENT
        return self.agreement.share >= least and self.agreement.agreeing >= _MIN_AGREEING

    @property
    def rank(self) -> tuple[float, float]:
        """What sorts candidates by how good they are."""
        ecc = self.refined.solution.ecc
        return self.agreement.share, abs(ecc) if np.isfinite(ecc) else 0.0
