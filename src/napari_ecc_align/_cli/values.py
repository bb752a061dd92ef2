"""The values that options of ``ecc-align`` take."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._ecc.options import FINEST_PRECISION

Fill = float | Literal["background"]


def iterations(text: str) -> int:
    """Return a whole number of at least 1, or raise `ArgumentTypeError`."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def seconds(text: str) -> float:
    """Return a number above 0, or raise `ArgumentTypeError`."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < np.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def tolerance(text: str) -> float:
    """Return a number from 0 to 1, or raise `ArgumentTypeError`."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of pixels from 0 to 1")
    return number


def epsilon(text: str) -> float:
    """Return a number from 0 to 1, or raise `ArgumentTypeError`."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of at least 0 and below 1")
    return number


def precision(text: str) -> float:
    """Return a number of at least 0.0001, or raise `ArgumentTypeError`."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not FINEST_PRECISION <= number < np.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of at least {FINEST_PRECISION:g}")
    return number


def fill_value(text: str) -> Fill:
    """Return a number or the word background, or raise `ArgumentTypeError`."""
    if text == "background":
        return "background"
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a number nor the word background") from None


def check_fill(fill: Fill, image: NDArray[Any]) -> None:
    """Raise `InputError` if an image's pixels cannot take a value."""
    if isinstance(fill, str) or image.dtype.kind == "f":
        return
    low, high = (0, 1) if image.dtype.kind == "b" else _limits(image.dtype)
    if not (low <= fill <= high and fill == np.rint(fill)):
        raise InputError(
            f"--fill {fill:g} is no value of a {image.dtype} image; "
            f"choose a whole number from {low} to {high}"
        )


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
