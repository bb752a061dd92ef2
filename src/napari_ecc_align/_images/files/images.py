"""Image files, and OME-Zarr images: read whole or refused, written whole or not at all."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.atomic import write_atomically
from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.opening import opened
from ..value_counts import two_byte_values
from .decoding import decode
from .image_file import ImageFile
from .nifti import SUFFIXES as NIFTI
from .nifti import nifti_bytes
from .origin import origin_chunk, origin_comment, origin_tags, png_chunk
from .suffixes import SUFFIXES, image_suffix
from .tiff import as_pillow, tiff_encoder, unfit
from .volumes import spacing_of
from .zarr_image import is_zarr, zarr_file

_LARGEST_JPEG_SIDE = 65500
# Where the chunks of a PNG begin that may be added: behind its signature and header.
_PNG_HEAD = 33

_Encoder = Callable[[BinaryIO], object]


def read_image(path: GivenPath) -> NDArray[Any]:
    """Read a PNG, TIFF or JPEG image, a NIfTI volume, or an OME-Zarr image.

    The format is told by the content, not by the suffix. The orientation that a camera or
    scanner noted is applied, and a TIFF whose zero is white is inverted, so that every image
    arrives as a viewer shows it.

    Parameters
    ----------
    path : str or path-like
        The file; of an OME-Zarr image its folder.

    Returns
    -------
    ndarray, shape (h, w), (h, w, 3), (h, w, 4), (n, h, w), (n, h, w, 3) or (n, h, w, 4)
        Rows, columns and, in colour, RGB or RGBA. The dtype is that of the file in native byte
        order: bool for 1 bit, an integer type, or a float type; 2 and 4 bits are widened to
        uint8. A palette becomes its colours in uint8, gray with transparency becomes RGBA. Of a
        TIFF of many channels or pages all, along the first axis: the ``channel_axis=0`` of
        `align` and `warp`. A fourth sample is such a channel, unless the file says that it is
        opacity. Of a NIfTI, which needs nibabel, the planes along z. Of an OME-Zarr image, which
        needs zarr, the finest size, its channels and pages as of a TIFF.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, cut off or of another kind, holds images of
        several sizes, or would take more than 2**30 bytes, or as many as the environment
        variable ``ECC_ALIGN_IMAGE_BYTES`` says, such as 4e9.

    Notes
    -----
    PNG and zlib-compressed TIFF hold checksums. JPEG and other TIFF do not: a file that is cut
    off is noticed, a value that changed within it is not.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from napari_ecc_align import read_image, write_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/dark.png", np.zeros((2, 3), np.uint16))
    ...     read_image(f"{folder}/dark.png")
    array([[0, 0, 0],
           [0, 0, 0]], dtype=uint16)
    """
    return read_file(path).pixels


def read_file(path: GivenPath) -> ImageFile:
    """Read an image as `read_image` does, with what its file says of it.

    Raises
    ------
    InputError
        As `read_image`.
    """
    path = Path(path)
    if is_zarr(path):
        return zarr_file(path)
    with opened(path, "an image") as file:
        return decode(file, path)


def write_image(path: GivenPath, image: NDArray[Any], *, overwrite: bool = False) -> None:
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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from napari_ecc_align import read_image, write_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/mask.png", np.eye(2, dtype=bool))
    ...     read_image(f"{folder}/mask.png")
    array([[ True, False],
           [False,  True]])
    """
    write_file(path, ImageFile(np.asarray(image)), overwrite=overwrite)


def write_file(path: GivenPath, file: ImageFile, *, overwrite: bool = False) -> None:
    """Write an image as `write_image` does, with what its file says of it.

    A TIFF gets all of that and as many channels or pages; PNG and JPEG get the resolution and the
    origin.

    Raises
    ------
    InputError
        As `write_image`.
    """
    path = Path(path)
    write_atomically(path, _encoder(path, file), overwrite=overwrite)


def decode_image(content: bytes, path: GivenPath, max_pixels: int | None = None) -> ImageFile:
    """Read the image in the bytes of a file, as `read_file` does.

    Parameters
    ----------
    content : bytes
        The whole file.
    path : str or path-like
        What to call it in an error.
    max_pixels : int, optional
        More pixels, of all channels and pages, are refused.

    Raises
    ------
    InputError
        As `read_image`.
    """
    return decode(io.BytesIO(content), Path(path), max_pixels)


def encode_image(path: GivenPath, file: ImageFile, *, quick: bool = False) -> bytes:
    """Return the bytes that `write_file` would write.

    Parameters
    ----------
    path : str or path-like
        Whose suffix names the format.
    file : ImageFile
        As for `write_file`: a TIFF is stored with its compression where that can be written.
    quick : bool, default: False
        Compress a PNG in a fraction of the time, to a few per cent more.

    Raises
    ------
    InputError
        If the format cannot hold the image.
    """
    memory = io.BytesIO()
    _encoder(Path(path), file, quick)(memory)
    return memory.getvalue()


def _encoder(path: Path, file: ImageFile, quick: bool = False) -> _Encoder:
    image, many = file.pixels, file.channel_axis is not None
    suffix = image_suffix(path).lower()
    if not suffix:
        raise InputError(f"{path} must end in one of {', '.join(SUFFIXES)}")
    if suffix in NIFTI:
        content = nifti_bytes(path, file, spacing_of(file))
        return lambda opened: opened.write(content)
    tiff = suffix in (".tif", ".tiff")
    if many and not tiff:
        raise InputError(f"{path} cannot hold {len(image)} channels or pages; use .tif")
    shape = image.shape[many:]
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,), (4,)) or image.size == 0:
        raise InputError(
            f"{path} cannot hold an array of shape {image.shape}: "
            "an image has shape (h, w), (h, w, 3) or (h, w, 4)"
        )
    image = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    if suffix == ".png":
        return _png_encoder(path, image, file, quick)
    if not tiff:
        return _jpeg_encoder(path, image, file)
    return tiff_encoder(path, image, file.style, file.grid, origin_tags(file.origin))


def _png_encoder(path: Path, image: NDArray[Any], told: ImageFile, quick: bool) -> _Encoder:
    if image.dtype not in (bool, np.uint8, np.uint16) or (image.dtype == bool and image.ndim > 2):
        raise unfit(path, image, "PNG")
    if (image.dtype == np.uint16 and image.ndim > 2) or (quick and image.dtype != bool):
        return lambda file: file.write(_told_in_png(_encode_with_opencv(image), told))
    return lambda file: file.write(_told_in_png(_encode_with_pillow(image), told))


def _told_in_png(png: bytes, told: ImageFile) -> bytes:
    """Return the bytes of a PNG with its pixels per metre and its origin, if they are known."""
    chunks = origin_chunk(told.origin)
    if told.grid.per_inch is not None:
        x, y = (min(2**31 - 1, round(number / 0.0254)) for number in told.grid.per_inch)
        chunks = png_chunk(b"pHYs", struct.pack(">IIB", x, y, 1)) + chunks
    return png[:_PNG_HEAD] + chunks + png[_PNG_HEAD:]


def _encode_with_pillow(image: NDArray[Any]) -> bytes:
    memory = io.BytesIO()
    as_pillow(image).save(memory, format="PNG")
    return memory.getvalue()


def _encode_with_opencv(image: NDArray[Any]) -> bytes:
    """Encode 16-bit colour, which Pillow cannot, or anything else quickly."""
    from ..._common.opencv import cv2

    colours = image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]
    options = []
    if image.dtype == np.uint8 and image.ndim == 2 and two_byte_values(image):
        # Half the size, in less time: strokes go on in the row below.
        options = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]
        options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, encoded = cv2.imencode(".png", colours, options)
    if not done:
        raise OSError("OpenCV could not encode a PNG")
    return encoded.tobytes()


def _jpeg_encoder(path: Path, image: NDArray[Any], told: ImageFile) -> _Encoder:
    if image.dtype != np.uint8 or image.shape[2:] == (4,):
        raise unfit(path, image, "JPEG")
    if max(image.shape) > _LARGEST_JPEG_SIDE:
        raise InputError(f"{path}: a JPEG side has at most {_LARGEST_JPEG_SIDE} pixels; use .tif")
    options: dict[str, Any] = {"quality": 95, "subsampling": 0, **origin_comment(told.origin)}
    if told.grid.per_inch is not None:
        options["dpi"] = tuple(round(number) for number in told.grid.per_inch)
    return lambda file: as_pillow(image).save(file, format="JPEG", **options)
