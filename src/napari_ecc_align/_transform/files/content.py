"""What several formats need: text, JSON and numbers from bytes that anybody may have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._common.errors import InputError
from ..transform import Transform, narrowest_model

# Exchanges (x, y) and (row, column) on either side of a 3x3 matrix.
SWAP: NDArray[np.float64] = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def content_of(path: Path, largest: int, what: str) -> bytes:
    """Return what is in a file, or raise `InputError`.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        A file of more bytes is refused.
    what : str
        What kind of file it should be, for an error.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file; name a {what} file")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > largest:
        raise InputError(f"{path} is too large to be a {what} file")
    return content


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


def transform_of(matrix: ArrayLike) -> Transform:
    """Return a matrix, (x, y) and reference to moving, as the narrowest transform it is."""
    found = Transform(np.asarray(matrix), "homography")
    return Transform(found.matrix, narrowest_model(found.matrix))


def check_affine(transform: Transform, holder: str) -> None:
    """Raise `InputError` if a transform has a perspective part, which `holder` cannot hold."""
    if transform.model == "homography" and transform.matrix[2, :2].any():
        raise InputError(
            f"{holder} cannot hold a homography; save it as .json, .csv or .npy, "
            "or align with the model 'affine'"
        )
