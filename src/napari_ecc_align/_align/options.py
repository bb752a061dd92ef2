"""The arguments of an alignment, checked before any work is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._ecc.options import SearchOptions
from .._images.sources import Source
from .._transform.transform import Transform


@dataclass(frozen=True, eq=False)
class Job:
    """Arguments of `align` that can be used."""

    reference: Source
    moving: Source
    options: SearchOptions
    initial: NDArray[np.float64] | None


def checked_initial(initial: Transform | ArrayLike | None) -> NDArray[np.float64] | None:
    """Return the matrix of a start, None if there is none, or raise `InputError`."""
    if initial is None:
        return None
    if isinstance(initial, Transform):
        return initial.matrix
    try:
        return Transform(np.asarray(initial), model="homography").matrix
    except InputError as error:
        raise InputError(f"initial cannot be used: {error}") from error
