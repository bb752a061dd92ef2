"""Decodes PNG, TIFF and JPEG files to arrays, or refuses them; `images` is its face."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile
    from tifffile import TiffFile, TiffPageSeries

MAX_PIXELS = 2**29
"""Images with more pixels are refused before they are decoded.

A few kilobytes can claim any size. This cap, 23170 pixels square, lies above any scanner or
camera; aligning an image that large as affine takes OpenCV some 36 GB.
"""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION_TAG = 274
_PLAIN_MODES = ("1", "L", "I", "I;16", "I;16B", "I;16L", "F", "RGB", "RGBA")


def decode(file: BinaryIO, path: Path) -> NDArray[Any]:
    """Return the image in an open file; `path` is for the error messages.

    Raises
    ------
    InputError
        As `read_image` does.
    """
    head = image_head(file, path)
    with damage_told(path):
        tiff = head.startswith(TIFF_HEADS)
        image = _read_tiff(file, path) if tiff else _read_pillow(file, path, head)
    if image.dtype.kind not in "biuf":
        raise InputError(f"{path} holds {image.dtype} values; convert them to real numbers")
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def header_size(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Return the height and width that an open file's header claims; nothing is decoded.

    Raises
    ------
    InputError
        If the file is empty or damaged, or no PNG, TIFF or JPEG.
    """
    head = image_head(file, path)
    with damage_told(path):
        if head.startswith(TIFF_HEADS):
            from tifffile import TiffFile

            with quiet_tifffile(), TiffFile(file) as tif:
                page: Any = tif.pages[0]
                return int(page.imagelength), int(page.imagewidth)
        with _opened_by_pillow(file, head) as image:
            return image.height, image.width


def image_head(file: BinaryIO, path: Path) -> bytes:
    """Return the first bytes of a file, which tell its kind; refuse what is no image."""
    head = file.read(26)
    file.seek(0)
    if not head:
        raise InputError(f"{path} is empty; make or download it again")
    if not head.startswith((_PNG, _JPEG, *TIFF_HEADS)):
        raise InputError(f"{path} is not a PNG, TIFF or JPEG image; convert it to one")
    return head


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what decoders raise over a broken file into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} is too large for this computer's memory; crop it") from error
    # They raise whatever they stumble over: struct.error, KeyError, SyntaxError, ...
    except Exception as error:
        raise _damaged(path) from error


@contextlib.contextmanager
def _opened_by_pillow(file: BinaryIO, head: bytes) -> Iterator[ImageFile]:
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open: that has a pixel limit of its own, which is global to the process.
    opener = PngImageFile if head.startswith(_PNG) else JpegImageFile
    with _strict_pillow(), opener(file) as image:
        yield image


def _read_pillow(file: BinaryIO, path: Path, head: bytes) -> NDArray[Any]:
    with _opened_by_pillow(file, head) as image:
        check_size(path, image.height, image.width)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise InputError(f"{path} holds {frames} frames; save one by itself")
        image.load()
        orientation = _orientation(image)
        depth, colour = (head[24], head[25]) if head.startswith(_PNG) else (8, 0)
        # Pillow cuts 16-bit colour down to 8 bits; it has proven the file whole, though.
        deep = depth == 16 and colour != 0
        array = _decode_deep_png(file) if deep else _pillow_array(image)
    return _upright(array, orientation)


def _orientation(image: Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # broken metadata are no reason to refuse a whole image
        return 1


def _pillow_array(image: Image) -> NDArray[Any]:
    if image.mode not in _PLAIN_MODES:
        alpha = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if alpha else "RGB")
    return np.array(image)


def _decode_deep_png(file: BinaryIO) -> NDArray[Any]:
    from ..._common.opencv import cv2

    file.seek(0)
    encoded = np.frombuffer(file.read(), np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16:
        raise ValueError("OpenCV could not decode a 16-bit PNG")
    return np.asarray(image[..., [2, 1, 0, 3][: image.shape[2]]])


def _upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation: the side of the scene that row 0 and column 0 show."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _read_tiff(file: BinaryIO, path: Path) -> NDArray[Any]:
    from tifffile import PHOTOMETRIC, TiffFile

    with quiet_tifffile(), TiffFile(file) as tif:
        series = _only_series(tif, path)
        axes, shape = _layout(series, len(tif.pages), path)
        check_intact(series, path)
        page = series.keyframe
        plain = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
        if page.photometric not in (*plain, PHOTOMETRIC.PALETTE):
            return _read_tiff_pillow(file, page.dtype, path)
        try:
            image = series.asarray().reshape(shape)
        except ValueError as error:
            # Without the optional imagecodecs, tifffile lacks LZW, JPEG and the fax codecs.
            if "imagecodecs" not in str(error):
                raise
            return _read_tiff_pillow(file, page.dtype, path)
        if page.photometric == PHOTOMETRIC.PALETTE:
            if page.colormap is None:
                raise _damaged(path)
            image = (page.colormap[:, image] >> 8).astype(np.uint8)
            axes = "SYX"
        elif page.photometric == PHOTOMETRIC.MINISWHITE and image.dtype.kind in "bu":
            image = ~image
        tag = page.tags.get(_ORIENTATION_TAG)
        if axes == "SYX":
            image = np.moveaxis(image, 0, -1)
        if image.shape[2:] == (2,):
            image = image[..., [0, 0, 0, 1]]
        return _upright(image, 1 if tag is None else int(tag.value))


def _only_series(tif: TiffFile, path: Path) -> TiffPageSeries:
    if not tif.series:
        raise _damaged(path)
    if len(tif.series) > 1:
        raise InputError(f"{path} holds {len(tif.pages)} pages; save the one you want by itself")
    return tif.series[0]


def _layout(series: TiffPageSeries, pages: int, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return the axes of an image, as YX, YXS or SYX, and its shape; refuse other layouts."""
    from tifffile import PHOTOMETRIC

    axes, shape = series.axes, series.shape
    sizes = [(a, n) for a, n in zip(axes, shape, strict=True) if n > 1 or a in "YX"]
    names, kept = "".join(a for a, _ in sizes), tuple(n for _, n in sizes)
    if names not in ("YX", "YXS", "SYX", "CYX"):
        raise InputError(
            f"{path} holds {pages} page{'s'[: pages != 1]} with the axes {axes}; "
            "save the image you want by itself"
        )
    channels = 1 if names == "YX" else kept[names.index("S" if "S" in names else "C")]
    # A fourth channel is transparency only where the file calls the first three colours.
    most = 4 if series.keyframe.photometric == PHOTOMETRIC.RGB and "S" in names else 3
    if channels > most or (channels == 2 and "C" in names):
        raise InputError(f"{path} holds {channels} channels; save one, or three, by themselves")
    height, width = (kept[names.index(a)] for a in "YX")
    check_size(path, height, width)
    return names.replace("C", "S"), kept


def check_intact(series: TiffPageSeries, path: Path) -> None:
    """Refuse a file that ends before its data do: tifffile would fill in zeros."""
    for page in series.pages:
        if page is None:
            raise InputError(f"{path} keeps part of its image in another file; join them")
        size = page.parent.filehandle.size
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if count == 0 or offset + count > size:
                raise _damaged(path)


def _read_tiff_pillow(file: BinaryIO, dtype: np.dtype[Any] | None, path: Path) -> NDArray[Any]:
    """Read a TIFF whose codec or colours tifffile leaves to others."""
    from PIL.TiffImagePlugin import TiffImageFile

    file.seek(0)
    # Pillow sets a TIFF upright by itself.
    with _strict_pillow(), TiffImageFile(file) as image:
        image.load()
        array = _pillow_array(image)
    if array.dtype.newbyteorder("=") != np.dtype(dtype).newbyteorder("="):
        raise InputError(f"{path} uses a rare compression; save it with zip compression or none")
    return array


def check_size(path: Path, height: int, width: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image of too many pixels, before it is decoded."""
    if height * width > max_pixels:
        raise InputError(
            f"{path} claims {width} x {height} pixels, more than the {max_pixels:,} that are read;"
            " crop or shrink it"
        )


def _damaged(path: Path) -> InputError:
    return InputError(f"{path} is damaged or cut off; make or download it again")


@contextlib.contextmanager
def _strict_pillow() -> Iterator[None]:
    """Let Pillow refuse cut-off files, whatever other code asked of it, and keep its warnings."""
    from PIL import ImageFile

    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = lenient


@contextlib.contextmanager
def quiet_tifffile() -> Iterator[None]:
    """Keep tifffile's log off the terminal, where nobody has asked for logs."""
    logger, handler = logging.getLogger("tifffile"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
