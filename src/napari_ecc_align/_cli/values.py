"""The values that options of ``ecc-align`` take."""

from __future__ import annotations

import argparse
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from .._common.errors import InputError
from .._ecc.options import FINEST_PRECISION

if TYPE_CHECKING:
    from .._align.volume.transform import VolumeTransform
    from .._transform.transform import Transform

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
channel = _number(int, lambda number: number >= 0, "a whole number from 0")
seconds = _number(float, lambda number: 0 < number < np.inf, "a number of seconds above 0")
small_number = _number(float, lambda number: 0 <= number < 1, "a number of at least 0 and below 1")
precision = _number(
    float,
    lambda number: FINEST_PRECISION <= number < np.inf,
    f"a number of at least {FINEST_PRECISION:g}",
)


def one_or_two(wanted: str, least: float) -> Callable[[str], tuple[float, float]]:
    """Return a function that reads A or A,B as two numbers above `least`."""

    def read(text: str) -> tuple[float, float]:
        try:
            first, *others = map(float, text.split(","))
        except ValueError:
            first, others = np.nan, []
        (second,) = others if len(others) == 1 else (first if not others else np.nan,)
        if not (least < first < np.inf and least < second < np.inf):
            raise ArgumentTypeError(f"{text!r} is not {wanted}")
        return first, second

    return read


thresholds = one_or_two("a number, or two with a comma between them", -np.inf)
pixel_size = one_or_two("a size above 0, or two (x,y) with a comma between them", 0)


def voxel_size(text: str) -> tuple[float, float, float]:
    """Return a number, or three, as the lengths of a voxel along z, y and x."""
    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) not in (1, 3) or not all(0 < size < np.inf for size in sizes):
        raise ArgumentTypeError(f"{text!r} is not a length above 0, or three (z,y,x) with commas")
    z, y, x = sizes * (3 // len(sizes))
    return z, y, x


def stack_reference(text: str) -> str | int | Path:
    """Return a word, the number of a frame, or else a file."""
    if text in ("first", "previous", "mean"):
        return text
    return int(text) if text.lstrip("-").isdecimal() else Path(text)


def fill_value(text: str) -> Fill:
    """Return a number or the word background, or raise `ArgumentTypeError`."""
    if text == "background":
        return "background"
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a number nor the word background") from None


def check_fill(fill: Fill, dtype: np.dtype[Any]) -> None:
    """Raise `InputError` if the pixels of an image cannot take a value."""
    if isinstance(fill, str) or dtype.kind == "f":
        return
    low, high = 0, 1
    if dtype.kind != "b":
        limits = np.iinfo(dtype)
        low, high = int(limits.min), int(limits.max)
    if not (low <= fill <= high and fill == np.rint(fill)):
        raise InputError(
            f"--fill {fill:g} is no value of a {dtype} image; "
            f"choose a whole number from {low} to {high}"
        )


def in_units(transform: Transform, chosen: argparse.Namespace) -> Transform:
    """Return a transform between the units that ``--pixel-size`` names; in pixels without it."""
    sizes = _pixel_sizes(chosen)
    return transform if sizes is None else transform.in_units(*sizes)


def in_lengths(transform: VolumeTransform, chosen: argparse.Namespace) -> VolumeTransform:
    """Return a transform between the units of ``--spacing``; in voxels without it."""
    if chosen.spacing is not None:
        return transform.in_units(chosen.spacing, chosen.moving_spacing)
    if chosen.moving_spacing is not None:
        raise InputError("--moving-spacing needs --spacing, that of the reference")
    return transform


def in_pixels(transform: Transform, chosen: argparse.Namespace) -> Transform:
    """Return a transform between pixels that is one between the units of ``--pixel-size``."""
    sizes = _pixel_sizes(chosen)
    if sizes is None:
        return transform
    here, there = ((1 / x, 1 / y) for x, y in sizes)
    return transform.in_units(here, there)


def _pixel_sizes(
    chosen: argparse.Namespace,
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the (x, y) pixel sizes of reference and moving image, None if none are given."""
    if chosen.pixel_size is None:
        if chosen.moving_pixel_size is not None:
            raise InputError("--moving-pixel-size needs --pixel-size, that of the reference")
        return None
    return chosen.pixel_size, chosen.moving_pixel_size or chosen.pixel_size
