"""Where an image comes from, as a text within its file, which ``ecc-align show`` prints."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from ..._common.errors import InputError
from ..._common.memory import check_file_size
from ..._common.opening import opened
from .decoding import image_head
from .nifti import is_nifti, nifti_origin
from .opened_tiff import TIFF_HEADS, opened_tiff
from .tags import Tag

# A number of those that TIFF leaves to everybody, and the keyword of a text of PNG.
_TIFF_TAG = 65321
_KEYWORD = "napari-ecc-align"
_ASCII = 2
# As much as a comment of JPEG holds.
_LONGEST_COMMENT = 65_533
# What stands before a comment, which any program may write.
_JPEG_START = f"{_KEYWORD}: "


def origin_tags(origin: str | None) -> tuple[Tag, ...]:
    """Return the tags of a TIFF that say where it comes from."""
    return () if origin is None else ((_TIFF_TAG, _ASCII, origin),)


def origin_chunk(origin: str | None) -> bytes:
    """Return the chunk of a PNG that says where it comes from: a compressed ``iTXt``."""
    if origin is None:
        return b""
    text = zlib.compress(origin.encode("ascii"))
    return png_chunk(b"iTXt", _KEYWORD.encode() + b"\0\1\0\0\0" + text)


def origin_comment(origin: str | None) -> dict[str, Any]:
    """Return what writes it as a comment of a JPEG, unless that is too long for one."""
    comment = f"{_JPEG_START}{origin}".encode("ascii")
    return {"comment": comment} if origin and len(comment) <= _LONGEST_COMMENT else {}


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a whole chunk of a PNG, with its length and checksum."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def read_origin(path: Path) -> str | None:
    """Return what a TIFF, PNG, JPEG or NIfTI says of where it comes from; None if it says nothing.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    with opened(path, "an image") as file:
        head = image_head(file, path)
        try:
            if is_nifti(head):
                return nifti_origin(file, path)
            if head.startswith(TIFF_HEADS):
                with opened_tiff(file, path) as tiff:
                    tag = tiff.pages.first.tags.get(_TIFF_TAG)
                    return None if tag is None else str(tag.value)
            check_file_size(file, path)
            from PIL import Image

            with Image.open(file) as image:
                told = image.info.get(_KEYWORD, image.info.get("comment", b""))
        except InputError:
            raise
        except Exception as error:  # of many kinds: no format is checked for what is read here
            raise InputError(f"{path} cannot be read: {error or type(error).__name__}") from error
    if isinstance(told, bytes):
        text = told.decode("ascii", "replace")
        return text.removeprefix(_JPEG_START) if text.startswith(_JPEG_START) else None
    return str(told)
