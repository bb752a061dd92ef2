"""A store of zarr's, an extra, that reads no more than an array may hold."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from .errors import InputError
from .expansion import ChunkBounds, expands_to

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

    async def get(self, key: str, *given: Any, **how: Any) -> Any:
        """Return what is stored under a key, or None; raise `InputError` for what may not be."""
        place = self.root / key
        is_metadata = place.name in _METADATA
        most = _LARGEST_METADATA if is_metadata else self._bounds.most
        try:
            status = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # such as a link to itself
            raise InputError(f"cannot read {place}: {error.strerror or error}") from error
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{place} is no regular file; remove it")
        if status.st_size > most:
            raise InputError(f"{place} holds far more than its metadata say; make it again")
        found = await super().get(key, *given, **how)
        if found is not None and not is_metadata and self._bounds.compression:
            expands = expands_to(found.to_bytes(), self._bounds.compression, most)
            if expands > most:
                raise InputError(f"{place} holds far more than its metadata say; make it again")
        return found
