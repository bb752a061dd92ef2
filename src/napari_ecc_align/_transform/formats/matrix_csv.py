"""Matrices as comma-separated numbers under a header: a row a line, or a frame a line.

They are 3x3, those of volumes 4x4. Direction: reference pixel to moving pixel. Axis order: (x, y),
or (x, y, z). The header begins with ``#``, so that ``numpy.loadtxt`` skips it, and sets the file
apart from a bare matrix, which is taken for a napari affine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isqrt

import numpy as np

from ..._common.errors import InputError
from ..matrices import Matrix, MotionModel
from .stored import StoredMatrix, numbers_of, text_of

_START = "# napari-ecc-align transform"
_STACK_START = "# napari-ecc-align stack"
_PIXELS = "pixel (x, y, 1) to moving pixel"


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    what = "voxel (x, y, z, 1) to moving voxel" if len(matrix) == 4 else _PIXELS
    header = f"{_START}: reference {what}"
    return (f"{header}\n" + lines_of(matrix.tolist())).encode()


def dump_stack(stored: Sequence[StoredMatrix]) -> Iterator[bytes]:
    """Yield the pieces of the file that holds the matrices of a stack's frames."""
    volumes = len(np.asarray(stored[0].matrix)) == 4
    size, what = (4, "voxel (x, y, z, 1) to voxel") if volumes else (3, "pixel (x, y, 1) to pixel")
    header = (
        f"{_STACK_START}: a line per frame, its {size}x{size} matrix row by row, "
        f"reference {what} of the frame"
    )
    yield f"{header}\n".encode()
    for each in stored:
        yield lines_of([np.ravel(each.matrix).tolist()]).encode()


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrices that a file holds, or raise `InputError`."""
    if not holds_a_stack(content):
        return [StoredMatrix(matrix_of(content))]
    found = []
    for number, row in enumerate(_rows_of(content)):
        if len(row) not in (9, 16):
            raise InputError(
                f"frame {number}: there must be nine numbers, of volumes sixteen, not {len(row)}"
            )
        side = isqrt(len(row))
        found.append(StoredMatrix([row[at : at + side] for at in range(0, len(row), side)]))
    return found


def recognise(content: bytes) -> bool:
    """Return whether a file is of this format and not a bare matrix."""
    return _begins_with(content, _START) or holds_a_stack(content)


def holds_a_stack(content: bytes) -> bool:
    """Return whether a file holds a line per frame."""
    return _begins_with(content, _STACK_START)


def matrix_of(content: bytes) -> list[list[float]]:
    """Return the rows of the matrix that a text holds, or raise `InputError`.

    Two or three of three numbers, or of volumes three or four of four.
    """
    rows = _rows_of(content)
    widths = [len(row) for row in rows]
    if widths in ([4, 4, 4], [4, 4, 4, 4]):
        return rows
    if len(rows) > 3:
        raise InputError("it has more than the three rows of a 3x3 matrix")
    if widths not in ([3, 3, 3], [3, 3]):
        raise InputError("it must hold three rows of three numbers with commas between them")
    return rows


def lines_of(rows: Iterable[list[float]]) -> str:
    """Return rows of numbers as lines, each number with all its digits."""
    return "".join(",".join(map(repr, row)) + "\n" for row in rows)


def _begins_with(content: bytes, start: str) -> bool:
    # A spreadsheet may have put a byte order mark, quotes or empty cells around the header.
    return content.removeprefix(b"\xef\xbb\xbf").lstrip(b'" ').startswith(start.encode())


def _rows_of(content: bytes) -> list[list[float]]:
    """Return the numbers of every line, lines with ``#`` and empty ones left out."""
    return [
        numbers_of(line.split(","))
        for line in text_of(content).splitlines()
        if line.strip(', "') and not line.lstrip('" ').startswith("#")
    ]
