"""To how many bytes compressed chunks expand, told without expanding them any further."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .memory import expanded

# What cannot expand to more than so many bytes need not be looked at.
_CARELESS_BYTES = 2**25
_ZLIB_EXPANSION = 1032
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK = 2**17
# How many bytes tell the size of the whole, by two bits.
_SIZE_BYTES = (0, 2, 4, 8)
_ZSTD_SKIPPED = range(0x184D2A50, 0x184D2A60)
# So many bytes are expanded at a time, and forgotten.
_AT_ONCE = 2**20
# What xz may take beside what it expands to; its largest dictionary usually has 2**26 bytes.
_LZMA_BYTES = 2**28


@dataclass(frozen=True)
class ShardIndex:
    """Where in a file of many pieces, each compressed by itself, it is told where they lie.

    Attributes
    ----------
    count : int
        The pieces, of each of which an offset and a length are told, 8 bytes each.
    size : int
        The bytes of the index.
    at_start : bool
        It comes first, and otherwise last.
    most : int
        The bytes that the file may have.
    """

    count: int
    size: int
    at_start: bool
    most: int

    def pieces(self, data: bytes) -> Iterator[slice]:
        """Yield where the pieces of a whole file lie in it."""
        index = data[: self.size] if self.at_start else data[-self.size :]
        told = memoryview(index[: 16 * self.count])
        for at in range(0, len(told) // 16 * 16, 16):
            start, length = (int.from_bytes(told[k : k + 8], "little") for k in (at, at + 8))
            # Of a piece that is left out, both are all ones.
            if start < len(data):
                yield slice(start, start + length)


@dataclass(frozen=True)
class ChunkBounds:
    """How large what is stored of an array may be.

    Attributes
    ----------
    compression : str
        By which a stored piece is compressed as a whole; empty if by none.
    most : int
        The bytes to which it may expand.
    shard : ShardIndex, optional
        A file holds many such pieces.
    """

    compression: str
    most: int
    shard: ShardIndex | None = None

    @property
    def most_stored(self) -> int:
        """The bytes that a file may have."""
        return self.most if self.shard is None else self.shard.most

    def holds(self, data: bytes) -> bool:
        """Tell whether none of the pieces in a whole file is, or expands to, more than it may."""
        pieces = [slice(None)] if self.shard is None else self.shard.pieces(data)
        return all(self.holds_piece(data[piece]) for piece in pieces)

    def holds_piece(self, data: bytes) -> bool:
        """Tell the same of one piece."""
        if len(data) > self.most or not self.compression:
            return len(data) <= self.most
        return expands_to(data, self.compression, self.most) <= self.most


def expands_to(data: bytes, codec: str, most: int) -> int:
    """Return to how many bytes, at the most, compressed data expand.

    Parameters
    ----------
    data : bytes
        Whole.
    codec : str
        "gzip", "zlib", "bz2", "lzma" with a header, "zstd", "blosc" or "lz4", as numcodecs writes
        them.
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
    if codec == "bz2":
        return _of_stream(data, bz2.BZ2Decompressor, most)
    if codec == "lzma":
        return _of_stream(data, lambda: lzma.LZMADecompressor(memlimit=most + _LZMA_BYTES), most)
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


def _of_stream(data: bytes, unpacker_of_one: Callable[[], Any], most: int) -> int:
    """Return to how many bytes the streams in data expand, which come one after the other."""
    total = 0
    while data:
        unpacker = unpacker_of_one()
        try:
            while not unpacker.eof:
                part = unpacker.decompress(data, _AT_ONCE)
                total, data = total + len(part), b""
                if total > most or (not part and unpacker.needs_input):
                    return total
        except (OSError, lzma.LZMAError) as error:
            return most + 1 if "emory" in str(error) else total
        data = unpacker.unused_data
    return total


def _of_zstd(data: bytes) -> int:
    """Return the sum of what the frames say of their sizes, or else how much they can hold."""
    total = at = 0
    while at + 6 <= len(data):
        if int.from_bytes(data[at : at + 4], "little") in _ZSTD_SKIPPED:
            at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        elif data[at : at + 4] == _ZSTD_MAGIC:
            size, at = _of_frame(data, at + 4)
            total += size
        else:
            break
    return total


def _of_frame(data: bytes, at: int) -> tuple[int, int]:
    """Return how much one frame, whose header begins there, can hold, and where it ends."""
    told = data[at]
    is_single = bool(told & 0x20)
    at += 1 + (not is_single) + (0, 1, 2, 4)[told & 3]
    count = _SIZE_BYTES[told >> 6] or int(is_single)
    size = int.from_bytes(data[at : at + count], "little") + 256 * (count == 2)
    held, at = _of_blocks(data, at + count)
    # A checksum of four bytes may follow.
    return size if count else held, at + (told & 4)


def _of_blocks(data: bytes, at: int) -> tuple[int, int]:
    total = is_last = 0
    while at + 3 <= len(data) and not is_last:
        head = int.from_bytes(data[at : at + 3], "little")
        is_last, kind, size = head & 1, head >> 1 & 3, head >> 3
        # A repeated byte takes one, what is stored as it is as many as it says.
        total += _ZSTD_BLOCK if kind == 2 else size
        at += 3 + (1 if kind == 1 else size)
    return total, at
