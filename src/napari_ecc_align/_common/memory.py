"""How much memory what is read from a file may take, and data that expand no further."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from typing import BinaryIO

from .errors import InputError

IMAGE_BYTES = "ECC_ALIGN_IMAGE_BYTES"
"""The environment variable that raises, or lowers, how many bytes an image may take."""
USUAL_IMAGE_BYTES = 2**30
"""What holds without it."""

# Of zlib and of gzip alike, told by how they begin.
_EITHER = zlib.MAX_WBITS | 32


def most_image_bytes() -> int:
    """Return how many bytes an image, or a field, that is read may take.

    Raises
    ------
    InputError
        If the environment variable is no positive number.
    """
    given = os.environ.get(IMAGE_BYTES)
    if not given:
        return USUAL_IMAGE_BYTES
    try:
        most = int(float(given))
    except (ValueError, OverflowError):
        most = 0
    if most < 1:
        raise InputError(f"{IMAGE_BYTES} must be a number of bytes such as 4e9, not {given!r}")
    return most


def check_file_size(file: BinaryIO, path: Path) -> int:
    """Return how many bytes an open file holds, at whose start it is then.

    Raises
    ------
    InputError
        If no image needs so many.
    """
    # Twice what the pixels may take: what is said of them, and what could not be compressed.
    size, most = file.seek(0, io.SEEK_END), most_image_bytes()
    if size > 2 * most:
        raise InputError(
            f"{path} holds {size:,} bytes, more than are read; shrink it, or set {IMAGE_BYTES} "
            f"to more than {most:,}"
        )
    file.seek(0)
    return size


def whole_file(file: BinaryIO, path: Path) -> bytes:
    """Return the content of an open file; raise `InputError` if no image needs so many bytes."""
    # So much memory is set aside for what is asked for, not for what there is.
    return file.read(check_file_size(file, path))


def at_most(file: BinaryIO, most: int) -> bytes:
    """Return the content of an open file, or `most` bytes of it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return file.read(min(size, most))


def expanded(data: bytes, most: int) -> bytes:
    """Return what data of zlib or gzip expand to.

    Parameters
    ----------
    data : bytes
        Whole; of gzip perhaps several members, one after the other.
    most : int
        How many bytes that may be.

    Raises
    ------
    ValueError
        If it is more, or the data are damaged or cut off.
    """
    parts: list[bytes] = []
    left = most
    while data:
        unpacker = zlib.decompressobj(_EITHER)
        try:
            parts.append(unpacker.decompress(data, left + 1))
        except zlib.error as error:
            raise ValueError(f"its data are damaged ({error})") from error
        left -= len(parts[-1])
        if left < 0:
            raise ValueError("its data expand to more than it says that it holds")
        if not unpacker.eof:
            raise ValueError("its data are cut off")
        data = unpacker.unused_data
    return b"".join(parts)
