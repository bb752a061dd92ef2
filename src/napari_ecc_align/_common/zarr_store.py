"""A store of zarr's, an extra, that reads no more than an array may hold."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

from zarr.abc.store import ByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

from .errors import InputError
from .expansion import ChunkBounds, ShardIndex

_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_LARGEST_METADATA = 2**24


class BoundedStore(LocalStore):
    """The files below a folder, of which those are read that `chunk_bounds` allows.

    Parameters
    ----------
    root : Path
        The folder of an array.
    bounds : ChunkBounds
        How large its stored chunks may be.
    """

    def __init__(self, root: Path, bounds: ChunkBounds) -> None:
        super().__init__(root, read_only=True)
        self._bounds = bounds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.root, self._bounds)

    async def get(
        self, key: str, prototype: Any = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what is stored under a key, or None; raise `InputError` for what may not be."""
        is_there = self._is_there(key, byte_range)
        found = await super().get(key, prototype, byte_range) if is_there else None
        return self._checked(key, found, byte_range)

    async def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return what is stored under several keys, or parts of it."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def get_ranges(
        self, key: str, byte_ranges: Sequence[ByteRequest | None], *, prototype: Any, **_: Any
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        """Yield parts of what is stored under a key: zarr merges them, of which no size is known.

        None of what is missing.
        """
        for number, part in enumerate(byte_ranges):
            yield [(number, await self.get(key, prototype, part))]

    def get_ranges_sync(
        self, key: str, byte_ranges: Sequence[ByteRequest | None], *, prototype: Any, **_: Any
    ) -> Sequence[tuple[int, Buffer | None]]:
        """Return the same as `get_ranges`, where zarr knows such a method."""
        read = (self.get_sync(key, prototype=prototype, byte_range=part) for part in byte_ranges)
        return [*enumerate(read)]

    def get_sync(
        self, key: str, *, prototype: Any = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the same as `get`, where zarr knows such a method."""
        is_there = self._is_there(key, byte_range)
        how = {"prototype": prototype, "byte_range": byte_range}
        return self._checked(key, super().get_sync(key, **how) if is_there else None, byte_range)

    def _is_there(self, key: str, byte_range: ByteRequest | None) -> bool:
        """Tell whether there is such a file, which is as large as it may be at the most."""
        place = self.root / key
        most = _LARGEST_METADATA if place.name in _METADATA else self._bounds.most_stored
        try:
            status = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:  # such as a link to itself
            raise InputError(f"cannot read {place}: {error.strerror or error}") from error
        if stat.S_ISDIR(status.st_mode):
            return False
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{place} is no regular file; remove it")
        if status.st_size > most or self._is_longer(byte_range):
            raise _too_much(place)
        return True

    def _is_longer(self, byte_range: ByteRequest | None) -> bool:
        """Tell whether a part of a file is more than a piece, or the index of all."""
        if self._bounds.shard is None or not isinstance(byte_range, RangeByteRequest):
            return False
        most = max(self._bounds.most, self._bounds.shard.size)
        return byte_range.end - byte_range.start > most

    def _checked(
        self, key: str, found: Buffer | None, byte_range: ByteRequest | None
    ) -> Buffer | None:
        """Return what was read, if it expands to no more than it may."""
        place, bounds = self.root / key, self._bounds
        if found is None or place.name in _METADATA or not bounds.compression:
            return found
        if byte_range is None:
            is_fine = bounds.holds(found.to_bytes())
        elif bounds.shard is None or self._is_index(byte_range, bounds.shard):
            is_fine = True
        else:
            is_fine = bounds.holds_piece(found.to_bytes())
        if not is_fine:
            raise _too_much(place)
        return found

    @staticmethod
    def _is_index(byte_range: ByteRequest, shard: ShardIndex) -> bool:
        if isinstance(byte_range, RangeByteRequest):
            return shard.at_start and (byte_range.start, byte_range.end) == (0, shard.size)
        return isinstance(byte_range, SuffixByteRequest) and not shard.at_start


def _too_much(place: Path) -> InputError:
    return InputError(f"{place} holds far more than its metadata say; make it again")
