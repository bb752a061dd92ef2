"""A 3x3 matrix as a NumPy array.

Direction: reference pixel to moving pixel. Axis order: (x, y). It is what
``skimage.transform.warp`` takes as its inverse map and ``cv2.warpPerspective`` with
``WARP_INVERSE_MAP``.
"""

from __future__ import annotations

import io
import warnings
from math import prod
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..transform import Transform
from .content import transform_of


def dump(transform: Transform) -> bytes:
    """Return the file that holds a transform."""
    file = io.BytesIO()
    np.save(file, transform.matrix, allow_pickle=False)
    return file.getvalue()


def parse(content: bytes) -> Transform:
    """Return the transform that a file holds, or raise `InputError`."""
    return transform_of(array_of(content))


def array_of(content: bytes, *, check: bool = True) -> NDArray[Any]:
    """Return the array of numbers that a file holds, or raise `InputError`.

    Unless `check` is false it must be one matrix.
    """
    try:
        _check_header(content, one=check)
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except InputError:
        raise
    except (ValueError, OSError, EOFError, SyntaxError, MemoryError, OverflowError) as error:
        raise InputError("it is not a whole .npy file") from error
    return array


def _check_header(content: bytes, *, one: bool) -> None:
    """Look at what the file says it holds before any memory is set aside for that."""
    file = io.BytesIO(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.kind not in "iuf":
        kind = "Python objects" if dtype.hasobject else f"values of type {dtype}"
        raise InputError(f"it holds {kind}, not real numbers")
    if one and shape not in ((3, 3), (2, 3)):
        raise InputError(f"it holds an array of shape {shape}, not one (3, 3) matrix")
    if prod(shape) * dtype.itemsize > len(content):
        raise InputError("it is not a whole .npy file")
