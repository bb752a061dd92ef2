"""PNG, TIFF and JPEG files: read whole or refused, written whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ._decoding import MAX_PIXELS, decode
from ._tiff import as_pillow, tiff_encoder, unfit
from .errors import InputError
from .tallies import only_two

if TYPE_CHECKING:
    from .imageheaders import TiffStyle

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "decode_image",
    "encode_image",
    "move_into_place",
    "read_image",
    "same_file",
    "write_atomically",
    "write_image",
]

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
"""Suffixes of the files that are read and written."""

_LARGEST_JPEG_SIDE = 65500

_Encoder = Callable[[BinaryIO], object]


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a PNG, TIFF or JPEG image.

    The format is told by the content, not by the suffix. The orientation that a camera or
    scanner noted is applied, and a TIFF whose zero is white is inverted, so that every image
    arrives as a viewer shows it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    ndarray, shape (h, w), (h, w, 3) or (h, w, 4)
        Rows, columns and, in colour, RGB or RGBA. The dtype is that of the file in native byte
        order: bool for 1 bit, an integer type, or a float type. A palette becomes its colours
        in uint8, gray with transparency becomes RGBA.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, cut off or of another kind, holds several
        pages or frames, or has more than `MAX_PIXELS` pixels.

    Notes
    -----
    PNG and zlib-compressed TIFF hold checksums. JPEG and other TIFF do not: a file that is cut
    off is noticed, a value that changed within it is not.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file; name an image file")
        with path.open("rb") as file:
            return decode(file, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def write_image(
    path: str | os.PathLike[str], image: NDArray[Any], *, overwrite: bool = False
) -> None:
    """Write an image whole or not at all, in the format that the suffix names.

    Values are never scaled and never cast to another dtype. PNG holds bool, uint8 and uint16;
    JPEG holds uint8 without transparency, and is lossy; TIFF, compressed with zlib, holds bool,
    integers and floats.

    Parameters
    ----------
    path : str or path-like
        Where to write, ending in ``.png``, ``.tif``, ``.tiff``, ``.jpg`` or ``.jpeg``.
    image : ndarray, shape (h, w), (h, w, 3) or (h, w, 4)
        Rows, columns and, in colour, RGB or RGBA.
    overwrite : bool, default: False
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the format cannot hold the image, the folder does not exist, the file exists and
        `overwrite` is false, or the disk refuses.
    """
    path = Path(path)
    write_atomically(path, _encoder(path, image), overwrite=overwrite)


def decode_image(content: bytes, path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the image in the bytes of a file, as `read_image` does.

    Parameters
    ----------
    content : bytes
        The whole file.
    path : str or path-like
        What to call it in an error.

    Raises
    ------
    InputError
        As `read_image`.
    """
    return decode(io.BytesIO(content), Path(path))


def encode_image(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    *,
    style: TiffStyle | None = None,
    quick: bool = False,
) -> bytes:
    """Return the bytes that `write_image` would write.

    Parameters
    ----------
    path : str or path-like
        Whose suffix names the format.
    image : ndarray, shape (h, w), (h, w, 3) or (h, w, 4)
        As for `write_image`.
    style : TiffStyle, optional
        How a TIFF is stored: with this compression where it can be written, and resolution.
    quick : bool, default: False
        Compress a PNG in a fraction of the time, to a few per cent more.

    Raises
    ------
    InputError
        If the format cannot hold the image.
    """
    memory = io.BytesIO()
    _encoder(Path(path), image, style, quick)(memory)
    return memory.getvalue()


def _encoder(
    path: Path, image: NDArray[Any], style: TiffStyle | None = None, quick: bool = False
) -> _Encoder:
    image = np.asarray(image)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} must end in one of {', '.join(SUFFIXES)}")
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,), (4,)) or image.size == 0:
        raise InputError(
            f"{path} cannot hold an array of shape {image.shape}: "
            "an image has shape (h, w), (h, w, 3) or (h, w, 4)"
        )
    image = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    if suffix == ".png":
        return _png_encoder(path, image, quick)
    if suffix in (".jpg", ".jpeg"):
        return _jpeg_encoder(path, image)
    return tiff_encoder(path, image, style)


def write_atomically(
    path: str | os.PathLike[str],
    content: bytes | Callable[[BinaryIO], object],
    *,
    overwrite: bool = False,
) -> None:
    """Write a file under a temporary name beside it, then rename it.

    Whoever looks sees the old file or the new one, never a part, even if the process is killed.

    Parameters
    ----------
    path : str or path-like
        Where to write.
    content : bytes or callable
        The bytes, or a function that writes them to the binary file it is given.
    overwrite : bool, default: False
        Replace a file that is there already.

    Raises
    ------
    InputError
        If the folder does not exist, the file exists and `overwrite` is false, or the disk
        refuses. Nothing is left behind then.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: its folder does not exist; create it first")
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    # Unique per process and call; the name is cut because file systems limit its length.
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name[:50]}.tmp-{token}")
    try:
        try:
            with temporary.open("x+b") as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            move_into_place(temporary, path, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def move_into_place(finished: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name, on the same file system.

    Parameters
    ----------
    finished : Path
        The whole file under a temporary name. It may still be there afterwards.
    path : Path
        The name it gets.
    overwrite : bool
        Replace a file that is there already.

    Raises
    ------
    InputError
        If `path` exists and `overwrite` is false, or the disk refuses.
    """
    try:
        if overwrite:
            finished.replace(path)
        else:
            _move_to_free_name(finished, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to one file, through links too, or would if it existed."""
    a, b = Path(a), Path(b)
    try:
        return a.samefile(b)
    except OSError:
        return a.resolve() == b.resolve()


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists already; ask to overwrite it or choose another name")


def _move_to_free_name(temporary: Path, path: Path) -> None:
    """Rename without ever replacing a file, even one that appeared a moment ago."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:
        # A file system without hard links: claim the name with an empty file, then replace it.
        try:
            path.open("x").close()
        except FileExistsError as error:
            raise _exists(path) from error
        temporary.replace(path)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders, and needs no such thing
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _png_encoder(path: Path, image: NDArray[Any], quick: bool) -> _Encoder:
    if image.dtype not in (bool, np.uint8, np.uint16) or (image.dtype == bool and image.ndim > 2):
        raise unfit(path, image, "PNG")
    if (image.dtype == np.uint16 and image.ndim > 2) or (quick and image.dtype != bool):
        return lambda file: file.write(_encode_with_opencv(image))
    return lambda file: as_pillow(image).save(file, format="PNG")


def _encode_with_opencv(image: NDArray[Any]) -> bytes:
    """Encode 16-bit colour, which Pillow cannot, or anything else quickly."""
    from ._cv2 import cv2

    colours = image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]
    options = []
    if image.dtype == np.uint8 and image.ndim == 2 and only_two(image):
        # Half the size, in less time: strokes go on in the row below.
        options = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
        options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, encoded = cv2.imencode(".png", colours, options)
    if not done:
        raise OSError("OpenCV could not encode a PNG")
    return encoded.tobytes()


def _jpeg_encoder(path: Path, image: NDArray[Any]) -> _Encoder:
    if image.dtype != np.uint8 or image.shape[2:] == (4,):
        raise unfit(path, image, "JPEG")
    if max(image.shape) > _LARGEST_JPEG_SIDE:
        raise InputError(f"{path}: a JPEG side has at most {_LARGEST_JPEG_SIDE} pixels; use .tif")
    return lambda file: as_pillow(image).save(file, format="JPEG", quality=95, subsampling=0)
