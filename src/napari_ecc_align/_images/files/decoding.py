"""Decodes PNG, TIFF and JPEG files to arrays, or refuses them; `images` is its face."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.memory import check_file_size
from ..._common.printing import unprinted
from .image_file import ImageFile
from .layout import Layout
from .nifti import is_nifti, nifti_size, read_nifti
from .opened_tiff import TIFF_HEADS, opened_tiff
from .sizes import check_expansion, check_size, damaged, is_bounded
from .tags import grid_of_pillow, grid_of_tiff, style_of_tiff

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile as PillowFile
    from tifffile import TiffFile, TiffPageSeries

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG = b"\xff\xd8\xff"
_ORIENTATION_TAG = 274
# As `cv2.Error.StsNoMem`.
_CV2_NO_MEMORY = -4
# Channels by the colour type of a PNG, once palettes are colours and transparency is a channel.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}
# Samples of so many bits Pillow widens to all of a byte, as a viewer does.
_PART_BYTES = (2, 4)
_PLAIN_MODES = ("1", "L", "I", "I;16", "I;16B", "I;16L", "F", "RGB", "RGBA", "RGBX")


def decode(file: BinaryIO, path: Path, max_pixels: int | None = None) -> ImageFile:
    """Return what is in an open file; `path` is for the error messages.

    Raises
    ------
    InputError
        As `read_image` does.
    """
    check_file_size(file, path)
    head = image_head(file, path)
    with damage_told(path):
        tiff = head.startswith(TIFF_HEADS)
        read = _read_tiff if tiff else read_nifti if is_nifti(head) else _read_pillow
        found = read(file, path, max_pixels)
    pixels = found.pixels
    if pixels.dtype.kind not in "biuf":
        raise InputError(f"{path} holds {pixels.dtype} values; convert them to real numbers")
    return replace(found, pixels=np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("=")))


def header_size(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Return the height and width that an open file's header claims; nothing is decoded.

    Raises
    ------
    InputError
        If the file is empty or damaged, or no PNG, TIFF or JPEG.
    """
    check_file_size(file, path)
    head = image_head(file, path)
    with damage_told(path):
        if is_nifti(head):
            return nifti_size(file, path)
        if head.startswith(TIFF_HEADS):
            with opened_tiff(file, path) as tif:
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
    if not head.startswith((_PNG, _JPEG, *TIFF_HEADS)) and not is_nifti(head):
        kinds = "a PNG, TIFF or JPEG image, nor a NIfTI or OME-Zarr one"
        raise InputError(f"{path} is not {kinds}; convert it to one of them")
    return head


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what decoders raise, or print, over a broken file into an `InputError`."""
    try:
        with unprinted() as errors:
            yield
        if errors:
            raise damaged(path)
    except InputError:
        raise
    # They raise whatever they stumble over: struct.error, KeyError, SyntaxError, ...
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "code", None) == _CV2_NO_MEMORY:
            raise InputError(f"{path} is too large for this computer's memory; crop it") from error
        raise damaged(path) from error


@contextlib.contextmanager
def _opened_by_pillow(file: BinaryIO, head: bytes) -> Iterator[PillowFile]:
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open: that has a pixel limit of its own, which is global to the process.
    opener = PngImageFile if head.startswith(_PNG) else JpegImageFile
    with _strict_pillow(), opener(file) as image:
        yield image


def _read_pillow(file: BinaryIO, path: Path, max_pixels: int | None) -> ImageFile:
    head = image_head(file, path)
    with _opened_by_pillow(file, head) as image:
        depth, colour = (head[24], head[25]) if head.startswith(_PNG) else (8, 2)
        pixel_bytes = (depth + 7) // 8 * _PNG_CHANNELS.get(colour, 4)
        check_size(path, image.height, image.width, pixel_bytes, max_pixels)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise InputError(f"{path} holds {frames} frames; save one by itself")
        image.load()
        orientation, grid = _orientation(image), grid_of_pillow(image)
        # Pillow cuts 16-bit colour down to 8 bits; it has proven the file whole, though.
        deep = depth == 16 and colour != 0
        array = None if deep else _pillow_array(image)
    del image
    pixels = _decode_deep_png(file) if array is None else array
    return ImageFile(_upright(pixels, orientation), grid)


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

    encoded = np.frombuffer(_bare_png(file), np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16:
        raise ValueError("OpenCV could not decode a 16-bit PNG")
    if image.ndim == 3:
        # In place: a second copy of all is what memory may not have.
        blue = image[..., 0].copy()
        image[..., 0] = image[..., 2]
        image[..., 2] = blue
    return np.asarray(image)


def _bare_png(file: BinaryIO) -> bytes:
    """Return a PNG without all that is no pixel: of that libpng warns on the terminal."""
    file.seek(0)
    parts = [file.read(len(_PNG))]
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind in _PIXEL_CHUNKS:
            parts += [head, file.read(length + 4)]
        else:
            file.seek(length + 4, io.SEEK_CUR)
        if kind == b"IEND":
            break
    return b"".join(parts)


def _upright(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation: the side of the scene that row 0 and column 0 show."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _read_tiff(file: BinaryIO, path: Path, max_pixels: int | None) -> ImageFile:
    from tifffile import PHOTOMETRIC

    with opened_tiff(file, path) as tif:
        series = _only_series(tif, path)
        layout = _layout(series, path, max_pixels)
        check_intact(series, path)
        page: Any = series.keyframe
        grid = grid_of_tiff(tif, page)
        if (stored := _by_tifffile(series, path)) is None:
            pixels, found = _by_pillow(file, tif, layout, path)
            return ImageFile(pixels, grid, style_of_tiff(tif, page, found))
        tag = page.tags.get(_ORIENTATION_TAG)
        orientation = 1 if tag is None else int(tag.value)
        if page.photometric == PHOTOMETRIC.PALETTE:
            if page.colormap is None:
                raise damaged(path)
            stored = np.moveaxis((page.colormap >> 8).astype(np.uint8)[:, stored], 0, -1)
            layout = Layout(f"{layout.axes}S", (*layout.lengths, 3), rgb=True)
        elif page.photometric == PHOTOMETRIC.MINISWHITE:
            stored = from_white(stored, page)
        pixels = layout.pixels(stored)
        if layout.is_veiled_gray:
            pixels = np.moveaxis(pixels[[0, 0, 0, 1]], 0, -1)
            layout = Layout("YXS", (4,), rgb=True, extra=layout.extra)
        if layout.planes:
            pixels = np.moveaxis(_upright(np.moveaxis(pixels, 0, -1), orientation), -1, 0)
        else:
            pixels = _upright(pixels, orientation)
        return ImageFile(pixels, grid, style_of_tiff(tif, page, layout))


def _by_tifffile(series: TiffPageSeries, path: Path) -> NDArray[Any] | None:
    """Return the pixels of a TIFF; None if tifffile leaves its codec or colours to others."""
    from tifffile import PHOTOMETRIC

    plain = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB, PHOTOMETRIC.PALETTE)
    page: Any = series.keyframe
    if page.photometric not in plain or not is_bounded(page) or page.bitspersample in _PART_BYTES:
        return None
    for page in series.pages:
        if page is not None:
            check_expansion(page, path)
    try:
        kept = zip(series.axes, series.shape, strict=True)
        return series.asarray().reshape([n for axis, n in kept if n > 1 or axis in "YX"])
    except Exception as error:
        if not lacks_codec(error):
            raise
        return None


def lacks_codec(error: Exception) -> bool:
    """Tell whether tifffile failed for want of what it does not bring along.

    That is the optional imagecodecs for LZW, JPEG, the fax codecs and samples of 12 bits, before
    Python 3.14 a module for Zstandard; before its 2024.9 it did not know of the fax codecs.
    """
    words = ("imagecodecs", "not supported")
    return isinstance(error, ImportError) or any(word in str(error) for word in words)


def rare(path: Path) -> InputError:
    """Say that nothing here decodes a TIFF that may be sound."""
    advice = "save it with zip compression or none, and 8 or 16 bits"
    return InputError(f"{path} has a rare compression or number of bits; {advice}")


def from_white(stored: NDArray[Any], page: Any) -> NDArray[Any]:
    """Return the pixels of a page whose zero is white, as one whose zero is black holds them."""
    if stored.dtype.kind not in "bu":
        return stored
    if stored.dtype == bool or page.bitspersample == 8 * stored.itemsize:
        return ~stored
    return np.asarray(stored ^ stored.dtype.type(2**page.bitspersample - 1))


def _only_series(tif: TiffFile, path: Path) -> TiffPageSeries:
    if not tif.series:
        raise damaged(path)
    if len(tif.series) > 1:
        raise InputError(f"{path} holds {len(tif.pages)} pages; save the one you want by itself")
    return tif.series[0]


def _layout(series: TiffPageSeries, path: Path, max_pixels: int | None) -> Layout:
    """Return how the pixels of a TIFF lie in it; refuse one that holds no image."""
    from tifffile import PHOTOMETRIC

    page: Any = series.keyframe
    sizes = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YX"]
    names = [axis for axis, _ in sizes]
    if names.count("Y") != 1 or names.count("X") != 1 or names.count("S") > 1:
        raise InputError(f"{path} has the axes {series.axes}; save the image you want by itself")
    # What is not said of several axes is not the same.
    axes = "".join(str(k) if names.count(axis) > 1 else axis for k, axis in enumerate(names))
    layout = Layout(
        axes,
        tuple(n for axis, n in sizes if axis not in "YX"),
        rgb=page.photometric == PHOTOMETRIC.RGB,
        extra=tuple(int(kind) for kind in page.extrasamples),
    )
    length = dict(zip(axes, (n for _, n in sizes), strict=True))
    many = math.prod(length[axis] for axis in layout.planes)
    # Several images are as large as one of all their rows.
    samples = 3 if page.photometric == PHOTOMETRIC.PALETTE else math.prod(layout.lengths) // many
    pixel_bytes = series.dtype.itemsize * samples
    check_size(path, length["Y"] * many, length["X"], pixel_bytes, max_pixels)
    return layout


def check_intact(series: TiffPageSeries, path: Path) -> None:
    """Refuse a file that ends before its data do: tifffile would fill in zeros."""
    for page in series.pages:
        if page is None:
            raise InputError(f"{path} keeps part of its image in another file; join them")
        size = page.parent.filehandle.size
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            if count == 0 or offset + count > size:
                raise damaged(path)


def _by_pillow(
    file: BinaryIO, tif: TiffFile, layout: Layout, path: Path
) -> tuple[NDArray[Any], Layout | None]:
    """Return the pixels of a TIFF that tifffile cannot decode, and how they lie."""
    from PIL.TiffImagePlugin import TiffImageFile

    file.seek(0)
    frames = []
    try:
        opened = TiffImageFile(file)
    except SyntaxError as error:  # tifffile has understood its header
        raise rare(path) from error
    # Pillow sets a TIFF upright by itself.
    with _strict_pillow(), opened as image:
        for number in range(len(tif.pages)):
            image.seek(number)
            image.load()
            frames.append(_pillow_array(image))
    page: Any = tif.series[0].keyframe
    if any(f.dtype.newbyteorder("=") != page.dtype.newbyteorder("=") for f in frames):
        raise rare(path)
    samples = frames[0].shape[2:]
    if samples == (() if page.samplesperpixel == 1 else (page.samplesperpixel,)):
        found = replace(layout.interleaved(), rgb=layout.rgb or samples == (3,))
        leading = found.lengths[: len(found.lengths) - len(samples)]
        stored = np.stack(frames).reshape(*leading, *frames[0].shape)
        return found.pixels(stored), found
    # Colours that it has converted: a palette, four inks, gray with opacity.
    if len(frames) > 1 or (layout.rgb and page.samplesperpixel > samples[0]):
        raise rare(path)
    return frames[0], None


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
