"""A 3x3 matrix as comma-separated numbers under a header line.

Direction: reference pixel to moving pixel. Axis order: (x, y). The header begins with ``#``, so
that ``numpy.loadtxt`` skips it, and sets the file apart from a bare matrix, which is taken for
a napari affine.
"""

from __future__ import annotations

from ..._common.errors import InputError
from ..transform import Transform
from .content import numbers_of, text_of, transform_of

HEADER = "# napari-ecc-align transform: reference pixel (x, y, 1) to moving pixel"
_START = "# napari-ecc-align transform"


def dump(transform: Transform) -> bytes:
    """Return the file that holds a transform."""
    rows = [",".join(map(repr, row)) for row in transform.matrix.tolist()]
    return "\n".join([HEADER, *rows, ""]).encode()


def parse(content: bytes) -> Transform:
    """Return the transform that a file holds, or raise `InputError`."""
    return transform_of(rows_of(content))


def has_header(content: bytes) -> bool:
    """Return whether a file is of this format and not a bare matrix."""
    # A spreadsheet may have put a byte order mark, quotes or empty cells around the header.
    return content.removeprefix(b"\xef\xbb\xbf").lstrip(b'" ').startswith(_START.encode())


def rows_of(content: bytes) -> list[list[float]]:
    """Return the rows of numbers of a text, lines with ``#`` and empty ones left out."""
    rows = []
    for line in text_of(content).splitlines():
        if line.strip() and not line.lstrip('" ').startswith("#"):
            rows.append(numbers_of(line.split(",")))
        if len(rows) > 3:
            raise InputError("it has more than the three rows of a 3x3 matrix")
    if [len(row) for row in rows] not in ([3, 3, 3], [3, 3]):
        raise InputError("it must hold three rows of three numbers with commas between them")
    return rows
