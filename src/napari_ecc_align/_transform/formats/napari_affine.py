"""A napari affine as bare comma-separated numbers: what affinder saves and loads.

Direction: moving to reference. Axis order: (row, column), of volumes (plane, row, column), rows of
the matrix first. The numbers are in the units of napari's world: pixels where both layers have
scale 1 and no translation.
"""

from __future__ import annotations

import numpy as np

from ..._common.errors import InputError
from ..axes import in_row_column
from ..matrices import Matrix, MotionModel, checked_of_any_size, inverse_of
from .matrix_csv import lines_of, matrix_of
from .stored import StoredMatrix


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    return lines_of(affine_of(matrix).tolist()).encode()


def affine_of(matrix: Matrix) -> Matrix:
    """Return the affine of a layer that lays the moving image on the reference."""
    affine = in_row_column(inverse_of(matrix))
    affine[-1] = np.eye(len(affine))[-1]
    return affine


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrix that a file holds, or raise `InputError`."""
    rows = matrix_of(content)
    last = [*[0.0] * (len(rows[0]) - 1), 1.0]
    if len(rows) == len(last) and rows[-1] != last:
        raise InputError(
            "without the header of a matrix that this program wrote it is read as a napari "
            f"affine, whose last row must be {','.join(f'{number:g}' for number in last)}"
        )
    return [StoredMatrix(in_row_column(inverse_of(checked_of_any_size(rows))))]
