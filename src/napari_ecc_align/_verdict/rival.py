"""Another place at which the images may belong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .limits import least_like


@dataclass(frozen=True, eq=False)
class Rival:
    """How well two images correlate where they lie, and at the best other place.

    Attributes
    ----------
    here, there : float
        Normalised correlations; the second is 0 where nothing else comes near.
    known_to : float
        What they differ by, from 1 or from each other, for the way they are computed.
    matrix : ndarray of float64, shape (3, 3), or None
        Maps reference pixels to moving pixels there, roughly; of tiles, to where those here are.
        None where nothing comes near.
    """

    here: float
    there: float
    known_to: float = 0.0
    matrix: NDArray[np.float64] | None = None

    @property
    def likeness(self) -> float:
        """Correlation there relative to here; infinite where there is none here."""
        return self.there / self.here if self.here > 0 else float("inf")

    def is_like(self, share: float) -> bool:
        """Tell whether the images might belong there: it correlates to this share of here.

        And does not leave twice as much unexplained.
        """
        return self.likeness > share and self.there > least_like(self.here, self.known_to)


NO_RIVAL = Rival(1.0, 0.0)
