"""How much memory an image in a file may take, looked at before it is taken.

What a header claims is told at once.  What the data of a TIFF expand to is found by expanding them
no further than the header says.
"""

from __future__ import annotations

import importlib
import lzma
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._common.errors import InputError
from ..._common.memory import IMAGE_BYTES, USUAL_IMAGE_BYTES, most_image_bytes

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage

MAX_PIXELS = USUAL_IMAGE_BYTES // 2
"""What holds without a setting: 2**30 bytes, and no more pixels than there would be of 16 bits.

That is 23170 pixels square, above any scanner or camera; a few kilobytes can claim any size.
"""

# Strips and tiles are often padded; beyond so much more than they should hold, they are refused.
_SPARE_BYTES = 2**16
# What cannot expand to more than so many bytes need not be looked at.
_CARELESS_BYTES = 2**25
_ZLIB_EXPANSION = 1032
# What holds pixels as they are, or as many as it is asked for: no compression, and fax codes.
_FIXED = (1, 2, 3, 4)
_ZLIB, _LZMA = (8, 32946, 50013), 34925
# What is left to the optional imagecodecs, by the names of its decoders.
_OPTIONAL = {5: "lzw", 32773: "packbits", 34926: "zstd", 50000: "zstd"}


def check_size(
    path: Path, height: int, width: int, pixel_bytes: int = 1, max_pixels: int | None = None
) -> None:
    """Refuse an image of too many pixels, of too many bytes, or of none, before it is decoded.

    Parameters
    ----------
    path : Path
        What to call it in the error.
    height, width : int
        In pixels.
    pixel_bytes : int, default: 1
        What a pixel takes.
    max_pixels : int, optional
        Most pixels.

    Raises
    ------
    InputError
        If it has more.
    """
    if min(height, width) < 1:
        raise damaged(path)
    pixels, most = height * width, most_image_bytes()
    claim = f"{path} claims {width} x {height} pixels"
    if max_pixels is not None and pixels > max_pixels:
        raise InputError(f"{claim}, more than the {max_pixels:,} that are read; crop or shrink it")
    advice = f"crop or shrink it, or set {IMAGE_BYTES} to more than {most:,}"
    if pixels > most // 2:
        raise InputError(f"{claim}, more than the {most // 2:,} that are read; {advice}")
    if pixels * pixel_bytes > most:
        raise InputError(f"{claim} of {pixel_bytes} bytes, more than are read; {advice}")


def damaged(path: Path) -> InputError:
    """Say that a file is broken."""
    return InputError(f"{path} is damaged or cut off; make or download it again")


def is_bounded(page: TiffPage) -> bool:
    """Tell whether a page uses a compression of which `check_expansion` knows how far it goes."""
    return int(page.compression) in (*_FIXED, *_ZLIB, _LZMA, *_OPTIONAL)


def check_expansion(page: TiffPage | TiffFrame, path: Path) -> None:
    """Refuse a page of a TIFF whose strips or tiles hold more than its header says.

    Parameters
    ----------
    page : TiffPage or TiffFrame
        Of an open file, with a compression that `is_bounded`.
    path : Path
        What to call the file in the error.

    Raises
    ------
    InputError
        If one of them does, or a tile is larger than an image may be.
    """
    header: Any = page.keyframe
    codec, claimed = int(header.compression), _segment_bytes(header)
    if claimed > most_image_bytes():
        raise InputError(f"{path} has tiles of {claimed:,} bytes, too many; save it anew")
    most = 2 * claimed + _SPARE_BYTES
    if max(page.databytecounts, default=0) > most:
        raise InputError(f"{path} holds far more than its header says; make it again")
    if codec in _FIXED:
        return
    handle = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if codec in _ZLIB and count * _ZLIB_EXPANSION <= _CARELESS_BYTES:
            continue
        handle.seek(offset)
        if _expanded_bytes(handle.read(count), codec, most + 1) > most:
            raise InputError(f"{path} holds far more than its header says; make it again")


def _segment_bytes(page: TiffPage) -> int:
    """Return the bytes of a strip or tile as a header has them."""
    shape = list(page.chunks)
    if not page.is_tiled:
        shape[0] = min(shape[0], page.imagelength)
    bits = int(np.max(page.bitspersample))
    # Rows of a few bits may end within a byte.
    return prod(shape) * bits // 8 + prod(shape[:-1])


def _expanded_bytes(data: bytes, codec: int, most: int) -> int:
    """Return how many bytes some data expand to; of more than `most`, only that it is as many."""
    try:
        if codec in _ZLIB:
            return len(zlib.decompressobj().decompress(data, most))
        if codec == _LZMA:
            return len(lzma.LZMADecompressor().decompress(data, most))
        decode: Any = getattr(importlib.import_module("imagecodecs"), f"{_OPTIONAL[codec]}_decode")
    except Exception:  # whoever decodes it says what is wrong
        return 0
    try:
        return len(decode(data, out=most))
    except Exception:  # some fill what they are given, others refuse, as they do broken data
        return most
