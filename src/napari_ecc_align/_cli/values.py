"""The values that options of ``ecc-align`` take."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._ecc.options import FINEST_PRECISION

Fill = float | Literal["background"]
Number = TypeVar("Number", int, float)


def _number(
    convert: Callable[[str], Number], fits: Callable[[Number], bool], wanted: str
) -> Callable[[str], Number]:
    """Return a function that reads a number and raises `ArgumentTypeError` for any other text."""

    def read(text: str) -> Number:
        try:
            number = convert(text)
        except ValueError:
            number = convert("-1")
        if not fits(number):
            raise ArgumentTypeError(f"{text!r} is not {wanted}")
        return number

    return read


count = _number(int, lambda number: number >= 1, "a whole number of at least 1")
seconds = _number(float, lambda number: 0 < number < np.inf, "a number of seconds above 0")
small_number = _number(float, lambda number: 0 <= number < 1, "a number of at least 0 and below 1")
precision = _number(
    float,
    lambda number: FINEST_PRECISION <= number < np.inf,
    f"a number of at least {FINEST_PRECISION:g}",
)


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
    low, high = 0, 1
    if image.dtype.kind != "b":
        limits = np.iinfo(image.dtype)
        low, high = int(limits.min), int(limits.max)
    if not (low <= fill <= high and fill == np.rint(fill)):
        raise InputError(
            f"--fill {fill:g} is no value of a {image.dtype} image; "
            f"choose a whole number from {low} to {high}"
        )
