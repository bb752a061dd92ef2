"""The arguments of an alignment, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._ecc.options import SearchOptions
from .._images.sources import Source
from .._transform.transform_like import TransformLike, as_transform
from .follower import Follower


@dataclass(frozen=True, eq=False)
class Job:
    """Arguments of `align` that can be used; of a frame of a film, what those before foretell.

    `freed` are the axes, 0 for x, across which lines of the images have been taken out. Where
    nobody is `watching`, steps need not tell what has been reached.
    """

    reference: Source
    moving: Source
    options: SearchOptions
    initial: NDArray[np.float64] | None
    follower: Follower | None = None
    freed: tuple[int, ...] = ()
    watching: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the reference."""
        height, width = self.reference.shape[:2]
        return height, width


def checked_initial(initial: TransformLike | None) -> NDArray[np.float64] | None:
    """Return the matrix of a start, None if there is none, or raise `InputError`."""
    return None if initial is None else as_transform(initial, "initial").matrix
