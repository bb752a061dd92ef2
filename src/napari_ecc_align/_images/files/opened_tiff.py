"""TIFF files opened by tifffile, once a look at their directories has shown nothing amiss."""

from __future__ import annotations

import contextlib
import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from xml.etree.ElementTree import ParseError, fromstring

from ..._common.opening import opened
from .sizes import damaged

if TYPE_CHECKING:
    from tifffile import TiffFile

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Where the strips of a page lie takes most of them; no file needs millions of strips.
_LARGEST_TAG = 2**25
_TYPE_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)


@contextlib.contextmanager
def opened_tiff(file: BinaryIO, path: Path) -> Iterator[TiffFile]:
    """Open the TIFF in an open file.

    Raises
    ------
    InputError
        If its pages lead back to an earlier one, a tag is longer than any needs to be, or
        either is so of another file that it names.
    """
    from tifffile import TiffFile

    _check_directories(file, path)
    file.seek(0)
    with quiet_tifffile(), TiffFile(file) as tiff:
        _check_others(tiff, path)
        yield tiff


def tiff_at(path: Path) -> TiffFile:
    """Return the TIFF at a path, checked as `opened_tiff` does; whoever asks closes it."""
    from tifffile import TiffFile

    with opened(path, "a TIFF") as file:
        _check_directories(file, path)
    with quiet_tifffile():
        tiff = TiffFile(path)
    try:
        _check_others(tiff, path)
    except BaseException:
        tiff.close()
        raise
    return tiff


@contextlib.contextmanager
def quiet_tifffile() -> Iterator[None]:
    """Keep tifffile's log off the terminal, where nobody has asked for logs."""
    logger, handler = logging.getLogger("tifffile"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _check_directories(file: BinaryIO, path: Path) -> None:
    """Refuse what tifffile would follow for ever, or take memory for without end."""
    # An end that is cut off is an end.
    with contextlib.suppress(struct.error):
        file.seek(0)
        head = file.read(16)
        order = "<" if head.startswith(b"I") else ">"
        is_big = head[2:4] in (b"+\0", b"\0+")
        number, entry, offset = ("Q", "HHQQ", "Q") if is_big else ("H", "HHII", "I")
        (at,) = struct.unpack_from(order + offset, head, 8 if is_big else 4)
        entry, seen = order + entry, set[int]()
        while at > 0:
            if at in seen:
                raise damaged(path)
            seen.add(at)
            file.seek(at)
            (count,) = _unpacked(file, order + number)
            for _ in range(count):
                _, kind, length, _ = _unpacked(file, entry)
                wide = _TYPE_BYTES[kind] if kind < len(_TYPE_BYTES) else 0
                if wide * length > _LARGEST_TAG:
                    raise damaged(path)
            (at,) = _unpacked(file, order + offset)


def _check_others(tiff: TiffFile, path: Path) -> None:
    """Refuse what is no usable file of those that hold the rest of OME's pages."""
    if not tiff.is_ome:
        return
    try:
        found = fromstring(tiff.ome_metadata or "").iterfind(".//{*}UUID")
        names = {each.get("FileName") for each in found}
    except (ParseError, ValueError, TypeError):  # whoever reads them says what is wrong
        return
    for name in names - {None, path.name}:
        place = path.parent / str(name)
        if os.path.lexists(place):
            with opened(place, "an image") as other:
                _check_directories(other, place)


def _unpacked(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
