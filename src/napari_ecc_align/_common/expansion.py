"""To how many bytes compressed chunks expand, told without expanding them any further."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from .memory import expanded

# What cannot expand to more than so many bytes need not be looked at.
_CARELESS_BYTES = 2**25
_ZLIB_EXPANSION = 1032
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK = 2**17
# How many bytes tell the size of the whole, by two bits.
_SIZE_BYTES = (0, 2, 4, 8)


@dataclass(frozen=True)
class ChunkBounds:
    """How large what is stored of an array may be.

    Attributes
    ----------
    compression : str
        By which a stored piece is compressed as a whole; empty if by none.
    most : int
        The bytes to which it may expand.
    """

    compression: str
    most: int


def expands_to(data: bytes, codec: str, most: int) -> int:
    """Return to how many bytes, at the most, compressed data expand.

    Parameters
    ----------
    data : bytes
        Whole.
    codec : str
        "gzip", "zlib", "zstd", "blosc" or "lz4", as numcodecs writes them.
    most : int
        Of more it suffices to be told that it is more.

    Returns
    -------
    int
        0 for data that are damaged: whoever decodes them says what is wrong.
    """
    if codec in ("gzip", "zlib"):
        if len(data) * _ZLIB_EXPANSION <= max(_CARELESS_BYTES, most):
            return 0
        return _of_zlib(data, most)
    if codec == "zstd":
        return _of_zstd(data)
    # The sizes that their decoders set memory aside for.
    start = 4 if codec == "blosc" else 0
    return int.from_bytes(data[start : start + 4], "little")


def _of_zlib(data: bytes, most: int) -> int:
    try:
        return len(expanded(data, most))
    except ValueError as error:
        return 0 if isinstance(error.__cause__, zlib.error) else most + 1


def _of_zstd(data: bytes) -> int:
    """Return what the first frame says of its size, or else how much its blocks can hold."""
    if not data.startswith(_ZSTD_MAGIC) or len(data) < 6:
        return 0
    told = data[4]
    is_single = bool(told & 0x20)
    at = 5 + (not is_single) + (0, 1, 2, 4)[told & 3]
    count = _SIZE_BYTES[told >> 6] or int(is_single)
    if count:
        return int.from_bytes(data[at : at + count], "little") + 256 * (count == 2)
    return _of_blocks(data, at)


def _of_blocks(data: bytes, at: int) -> int:
    total = 0
    while at + 3 <= len(data):
        head = int.from_bytes(data[at : at + 3], "little")
        is_last, kind, size = head & 1, head >> 1 & 3, head >> 3
        # A repeated byte takes one, what is stored as it is as many as it says.
        total += _ZSTD_BLOCK if kind == 2 else size
        at += 3 + (1 if kind == 1 else size)
        if is_last:
            break
    return total
