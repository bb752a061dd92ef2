"""What people give, as type checkers know it, and as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

# 262144 pixels square: more than any scanner or mosaic has.
_MOST_PIXELS = 2**36

GivenPath: TypeAlias = str | PathLike[str]

Numbers: TypeAlias = ArrayLike | Sequence[Any]
"""Also nested lists of whole numbers and fractions, which mypy takes for lists of objects."""


def as_floats(values: Any, refusal: str) -> NDArray[np.float64]:
    """Return real numbers as float64, or raise an `InputError` that says `refusal`.

    What float64 cannot hold is infinite.
    """
    try:
        given = np.asarray(values)
        if given.dtype.kind == "c":
            raise TypeError("complex")
        with np.errstate(over="ignore"):
            return given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(refusal) from error


def height_and_width(shape: Sequence[int], name: str) -> tuple[int, int]:
    """Return the first two numbers of a shape, or raise an `InputError` that names it."""
    try:
        height, width = (int(side) for side in tuple(shape)[:2])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} must be (height, width)") from error
    if (height, width) != tuple(shape)[:2]:
        raise InputError(f"{name} must be whole numbers, not {tuple(shape)[:2]}")
    if min(height, width) < 0 or height * width > _MOST_PIXELS:
        raise InputError(
            f"{name} must be (height, width) of at most {_MOST_PIXELS:,} pixels, not "
            f"{(height, width)}"
        )
    return height, width
