"""OME-NGFF coordinate transformations (specification 0.6) as a JSON file of their own.

Direction: from the points of ``input`` to those of ``output``; written as reference to moving,
and turned round when reading if ``input`` is called "moving" or ``output`` "reference". Axis
order: that of the coordinate systems in the file, written (y, x) or (z, y, x); a file without any
is taken to be in these, as OME-Zarr images are. Pixel centres are at integers.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..axes import in_row_column
from ..matrices import Matrix, MotionModel, checked_of_any_size, inverse_of
from .stored import StoredMatrix, json_of

_DEEPEST = 20
_AXES = ("z", "y", "x")


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    matrix = in_row_column(matrix)
    # Every reader knows translations; affine ones are only recommended to it.
    if model == "translation":
        kind: dict[str, Any] = {"type": "translation", "translation": matrix[:-1, -1].tolist()}
    else:
        kind = {"type": "affine", "affine": matrix[:-1].tolist()}
    axes = [{"name": name, "type": "array"} for name in _AXES[1 - len(matrix) :]]
    document = {
        "coordinateSystems": [{"name": name, "axes": axes} for name in ("reference", "moving")],
        "coordinateTransformations": [
            {**kind, "input": {"name": "reference"}, "output": {"name": "moving"}}
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def recognise(content: bytes) -> bool:
    """Return whether a JSON file is of this format."""
    return b'"coordinateTransformations"' in content


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrix that a file holds, or raise `InputError`."""
    document = json_of(content)
    found = document.get("coordinateTransformations") if isinstance(document, dict) else None
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise InputError("its coordinateTransformations must be a list of one transformation")
    item = found[0]
    source, target = ends_of(item)
    size = 3 if _has_three_axes(item) else 2
    into, out_of = (_order(document, name, size) for name in (source, target))
    with np.errstate(all="ignore"):
        matrix = checked_of_any_size(out_of.T @ matrix_of(item, size) @ into)
    if source == "moving" or target == "reference":
        matrix = inverse_of(matrix)
    return [StoredMatrix(matrix)]


def ends_of(item: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the names of the coordinate systems between which a transformation is."""
    return _name(item.get("input")), _name(item.get("output"))


def _has_three_axes(item: Any, depth: int = 0) -> bool:
    """Tell whether a transformation, or a part of it, is of three axes."""
    if not isinstance(item, dict) or depth > _DEEPEST:
        return False
    parts = item.get("transformations")
    inner = [item.get("forward"), *(parts[:_DEEPEST] if isinstance(parts, list) else [])]
    own = item.get(str(item.get("type")))
    return (isinstance(own, list) and len(own) == 3) or any(
        _has_three_axes(part, depth + 1) for part in inner
    )


def matrix_of(item: Any, size: int, depth: int = 0) -> Matrix:
    """Return a transformation as a matrix in the axis order of the file."""
    if not isinstance(item, dict) or depth > _DEEPEST:
        raise InputError("it holds what is not an OME-NGFF transformation")
    kind = item.get("type")
    matrix, diagonal = np.eye(size + 1), range(size)
    if kind == "sequence":
        parts = item.get("transformations")
        if not isinstance(parts, list) or len(parts) > _DEEPEST:
            raise InputError("its sequence has no list of a few transformations")
        for part in parts:
            matrix = matrix_of(part, size, depth + 1) @ matrix
    elif kind == "bijection":
        matrix = matrix_of(item.get("forward"), size, depth + 1)
    elif kind == "affine":
        matrix[:size] = _numbers(item, "affine", (size, size + 1))
    elif kind == "rotation":
        matrix[:size, :size] = _numbers(item, "rotation", (size, size))
    elif kind == "translation":
        matrix[:size, size] = _numbers(item, "translation", (size,))
    elif kind == "scale":
        matrix[diagonal, diagonal] = _numbers(item, "scale", (size,))
    elif kind != "identity":
        raise InputError(f"its transformation of type {kind!r:.40} cannot be used here")
    return matrix


def _numbers(item: dict[str, Any], key: str, shape: tuple[int, ...]) -> Matrix:
    try:
        given = np.array(item.get(key), np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"its {key} does not hold numbers") from error
    if given.shape != shape:
        size = " x ".join(map(str, shape))
        raise InputError(f"its {key} must hold {size} numbers in the file itself")
    return given


def _name(end: Any) -> str | None:
    name = end.get("name") if isinstance(end, dict) else end
    return name if isinstance(name, str) else None


def _order(document: dict[str, Any], name: str | None, size: int) -> Matrix:
    """Return the matrix from (x, y), or (x, y, z), to the axes of a coordinate system."""
    axes: list[str | None] = [*_AXES[-size:]]
    systems = document.get("coordinateSystems", [])
    for system in systems if isinstance(systems, list) else []:
        if isinstance(system, dict) and name is not None and system.get("name") == name:
            given = system.get("axes")
            axes = [_name(axis) for axis in given] if isinstance(given, list) else []
    if sorted(map(str, axes)) != sorted(_AXES[-size:]):
        words = "y and x" if size == 2 else "z, y and x"
        raise InputError(f"the axes of {name!r:.40} must be called {words}")
    return np.eye(size + 1)[[*("xyz".index(str(axis)) for axis in axes), size]]
