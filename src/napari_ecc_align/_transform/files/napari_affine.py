"""A napari affine as bare comma-separated numbers: what affinder saves and loads.

Direction: moving to reference. Axis order: (row, column), rows of the matrix first. The numbers
are in the units of napari's world: pixels where both layers have scale 1 and no translation.
"""

from __future__ import annotations

import numpy as np

from ..._common.errors import InputError
from ..transform import Transform
from .content import SWAP, check_affine, transform_of
from .matrix_csv import rows_of


def dump(transform: Transform) -> bytes:
    """Return the file that holds a transform."""
    check_affine(transform, "a napari affine")
    matrix = SWAP @ transform.inverse().matrix @ SWAP
    matrix[2] = [0, 0, 1]
    return "".join(",".join(map(repr, row)) + "\n" for row in matrix.tolist()).encode()


def parse(content: bytes) -> Transform:
    """Return the transform that a file holds, or raise `InputError`."""
    rows = rows_of(content)
    if len(rows) == 3 and rows[2] != [0.0, 0.0, 1.0]:
        raise InputError(
            "without the header of a matrix that this program wrote it is read as a napari "
            "affine, whose last row must be 0,0,1"
        )
    found = transform_of(np.array(rows))
    return transform_of(SWAP @ found.inverse().matrix @ SWAP)
