"""Two images as an estimate lays them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .._ecc.estimate import Estimate
from .._images.pyramid.pair import Pyramids


@dataclass(frozen=True, eq=False)
class Laid:
    """Two images as an estimate lays them on each other; `inverted` if one is a negative."""

    pyramids: Pyramids
    estimate: Estimate
    inverted: bool

    def at(self, matrix: NDArray[np.float64]) -> Laid:
        """Return them as another matrix, of the same form, lays them."""
        return Laid(self.pyramids, replace(self.estimate, matrix=matrix), self.inverted)
