"""3x3 matrices as a NumPy array: one, or of shape (n, 3, 3) one for each frame of a stack.

Those of volumes are of shape (4, 4), or (n, 4, 4).

Direction: reference pixel to moving pixel. Axis order: (x, y). It is what
``skimage.transform.warp`` takes as its inverse map and ``cv2.warpPerspective`` with
``WARP_INVERSE_MAP``.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..matrices import Matrix, MotionModel
from .stored import StoredMatrix

_SHAPES = ((3, 3), (2, 3), (4, 4), (3, 4))


def dump(matrix: Matrix, model: MotionModel) -> bytes:
    """Return the file that holds one matrix."""
    return _saved(matrix)


def dump_stack(stored: Sequence[StoredMatrix]) -> Iterator[bytes]:
    """Yield the file that holds the matrices of a stack's frames, whole."""
    yield _saved(np.array([each.matrix for each in stored]))


def parse(content: bytes) -> list[StoredMatrix]:
    """Return the matrices that a file holds, or raise `InputError`."""
    shape, dtype = header_of(io.BytesIO(content))
    if dtype.kind not in "iuf":
        kind = "Python objects" if dtype.hasobject else f"values of type {dtype!s:.40}"
        raise InputError(f"it holds {kind}, not real numbers")
    if len(shape) not in (2, 3) or shape[-2:] not in _SHAPES or shape[0] < 0:
        raise InputError(f"it holds an array of shape {shape!s:.40}, not (3, 3) and not (n, 3, 3)")
    # Before any memory is set aside for what the file says it holds.
    if prod(shape) * dtype.itemsize > len(content):
        raise InputError("it is not a whole .npy file")
    with _damage_told():
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return [StoredMatrix(matrix) for matrix in (array if array.ndim == 3 else [array])]


def holds_a_stack(content: bytes) -> bool:
    """Return whether a file holds a matrix per frame."""
    try:
        return len(header_of(io.BytesIO(content))[0]) == 3
    except InputError:
        return False


def _saved(array: NDArray[np.float64]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def header_of(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the array in an open file; raise `InputError` if there is none."""
    with _damage_told():
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    return shape, dtype


@contextmanager
def _damage_told() -> Iterator[None]:
    """Keep what NumPy warns of, and turn whatever it raises into an `InputError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    # The header is Python, and it raises whatever the parser does: TokenError, TypeError, ...
    except Exception as error:
        raise InputError("it is not a whole .npy file") from error
