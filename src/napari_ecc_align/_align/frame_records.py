"""Results of frames in a file that only grows, from which a run goes on where it was ended."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .._common.errors import InputError
from .._common.file_lock import acquire
from .._common.own_files import open_own
from .._transform.bent_map import BentMap, stored_parts
from .._transform.field import Field
from .._transform.formats.field_files import packed
from .._transform.transform import Transform
from .._transform.volume_field import unpacked_field
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .._verdict.tile_matching import Tiles
from .._verdict.verdict import WithVerdict
from .counted_tiles import NO_TILES
from .packed_results import PackedResults
from .progress import FrameResult

if TYPE_CHECKING:
    from .volume.film_frames import VolumeResult

_FORMAT = "napari-ecc-align frames 1"
# A power failure takes no more than the work of so many seconds.
_SYNC_SECONDS = 5.0
_EXTRA = ("transform", "covariance", "tiles", "timings")


class FrameRecords:
    """The results of a run's frames in their order, in an open file of its own.

    Parameters
    ----------
    file : BinaryIO
        Read from its begin, and written to behind the last whole record of the same run. What
        another run has left is removed.
    run : dict
        All that the results depend on, as JSON can hold it.

    Attributes
    ----------
    known : sequence of AlignmentResult, VolumeAlignment, or their kinds that bend
        Those that were there, whose tiles are just counted.
    """

    def __init__(self, file: BinaryIO, run: Mapping[str, Any]) -> None:
        document = json.dumps([version("napari-ecc-align"), run], sort_keys=True)
        head = f"{_FORMAT} {hashlib.sha256(document.encode()).hexdigest()}\n".encode()
        self.known: list[Any] | PackedResults = []
        self._file = file
        self._synced = time.monotonic()
        end = 0
        if file.read(len(head)) == head:
            end = len(head)
            for line in file:
                result = _result(line)
                if result is None:
                    break
                if isinstance(result, AlignmentResult) and not self.known:
                    self.known = PackedResults()
                self.known.append(result)
                end += len(line)
        file.seek(end)
        file.truncate()
        if not end:
            file.write(head)

    def add(self, result: WithVerdict) -> None:
        """Write the result of the next frame."""
        self._file.write(_line(result))
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()


@contextmanager
def frame_records(path: Path, run: Mapping[str, Any]) -> Iterator[FrameRecords]:
    """Open the records at a path, whose folder is made if need be, for this process alone.

    Raises
    ------
    InputError
        If another process has them, or they cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_own(path, os.O_RDWR | os.O_CREAT) as file:
            with suppress(OSError):  # a file system without locks
                if not acquire(file):
                    raise InputError(
                        f"another run is writing to {path.parent}; wait for it to end"
                    )
            yield FrameRecords(file, run)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _line(result: Any) -> bytes:
    tiles = result.tiles
    blank = NO_TILES
    if not isinstance(result, FrameResult):
        # Only films of volumes need what volumes do.
        from .volume.result import NO_TILES as blank
    document = {
        **{f.name: getattr(result, f.name) for f in fields(result) if f.name not in _EXTRA},
        "tiles": tiles
        and {f.name: getattr(tiles, f.name) for f in fields(tiles) if f.name not in blank},
    }
    if isinstance(result.transform, BentMap):
        document["field"] = packed(stored_parts(result.transform))
    else:
        document["transform"] = [result.transform.matrix.tolist(), result.transform.model]
    if isinstance(result, AlignmentResult):
        covariance = result.covariance
        document["covariance"] = None if covariance is None else covariance.tolist()
    return json.dumps(document, default=np.generic.item).encode() + b"\n"


def _result(line: bytes) -> FrameResult | VolumeResult | None:
    """Return the result of a line, None if the line is not whole."""
    try:
        document = json.loads(line)
        if not line.endswith(b"\n"):
            return None
        if "field" in document:
            return _bent(document)
        matrix, model = document["transform"]
        if len(matrix) == 4:
            return _volume(document)
        covariance, tiles = document["covariance"], document["tiles"]
        found = {
            **document,
            "transform": Transform(matrix, model=model),
            "shape": tuple(document["shape"]),
            "covariance": None if covariance is None else np.array(covariance),
            "tiles": _tiles(tiles),
        }
        return AlignmentResult(**found)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _volume(document: dict[str, Any]) -> VolumeResult:
    from .volume.bent.result import SmoothVolumeAlignment
    from .volume.result import NO_TILES, VolumeAlignment
    from .volume.tiles import VolumeTiles
    from .volume.transform import VolumeTransform

    found: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    found["tiles"] = document["tiles"] and VolumeTiles(**document["tiles"], **NO_TILES)
    if isinstance(document["transform"], BentMap):
        return SmoothVolumeAlignment(**found)
    return VolumeAlignment(**found | {"transform": VolumeTransform(*document["transform"])})


def _bent(document: dict[str, Any]) -> SmoothAlignment | VolumeResult:
    field = document["transform"] = unpacked_field(document.pop("field"))
    if not isinstance(field, Field):
        return _volume(document)
    found = {"shape": tuple(document["shape"]), "tiles": _tiles(document["tiles"])}
    return SmoothAlignment(**document | found)


def _tiles(noted: dict[str, Any] | None) -> Tiles | None:
    if noted is None:
        return None
    return Tiles(**noted | {"offset": tuple(noted["offset"])}, **NO_TILES)
