"""What every format of transform files holds, and reading it from what anybody has written."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from ..._common.errors import InputError
from ..matrices import MotionModel


class StoredMatrix(NamedTuple):
    """One matrix as it is in a file.

    Attributes
    ----------
    matrix : array_like, shape (3, 3) or (2, 3), of volumes (4, 4) or (3, 4)
        Maps (x, y, 1), or (x, y, z, 1), in the reference to the moving image, whatever the file's
        own direction and axis order. Not yet checked if it was read.
    model : str, optional
        The motion model, if the file names one.
    verdict, name : str, optional
        What was said of a frame and what it is called, if that is known.
    """

    matrix: ArrayLike
    model: MotionModel | None = None
    verdict: str | None = None
    name: str | None = None


def text_of(content: bytes) -> str:
    """Return bytes as text, or raise `InputError`."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("it is not text") from error


def json_of(content: bytes) -> Any:
    """Return the JSON document that bytes hold, or raise `InputError`."""
    try:
        return json.loads(text_of(content))
    except (ValueError, RecursionError) as error:
        raise InputError("it is not valid JSON") from error


def numbers_of(words: list[str]) -> list[float]:
    """Return words as numbers, or raise `InputError` that quotes the one that is none."""
    numbers = []
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError as error:
            raise InputError(f"{word.strip()!r:.40} is not a number") from error
    return numbers
