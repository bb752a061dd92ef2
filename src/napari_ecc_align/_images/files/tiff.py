"""Encodes TIFF images, in the manner of another TIFF where one is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from .headers import TiffStyle

_NONE, _ZLIB = 1, 8
# What tifffile writes by itself, and what Pillow's libtiff writes for it.
_OWN = {_NONE: None, _ZLIB: "zlib", 32946: "zlib"}
_LIBTIFF = {2: "tiff_ccitt", 3: "group3", 4: "group4", 5: "tiff_lzw", 32773: "packbits"}
_FOR_BITS = (2, 3, 4)


def tiff_encoder(
    path: Path, image: NDArray[Any], style: TiffStyle | None
) -> Callable[[BinaryIO], object]:
    """Return a function that writes an image as TIFF, compressed as `style` says or with zlib.

    Raises
    ------
    InputError
        If TIFF cannot hold the image.
    """
    colour = image.ndim > 2
    if image.dtype.kind not in "biuf" or image.itemsize > 8 or (colour and image.dtype == bool):
        raise unfit(path, image, "TIFF")
    codec = None if style is None else _LIBTIFF.get(style.compression)
    if style is not None and codec and _pillow_holds(image, style.compression):
        return _libtiff_writer(image, codec, style)
    compression = "zlib" if style is None else _OWN.get(style.compression, "zlib")

    def write(file: BinaryIO) -> None:
        import tifffile

        predictor = style is not None and style.predictor and compression is not None
        tifffile.imwrite(
            file,
            image,
            photometric="rgb" if colour else "minisblack",
            extrasamples=["unassalpha"] if image.shape[2:] == (4,) else None,
            compression=compression,
            predictor=predictor and image.dtype.kind in "iu",
            resolution=style.resolution if style else None,
            resolutionunit=style.unit if style and style.resolution else None,
            metadata=None,
        )

    return write


def as_pillow(image: NDArray[Any]) -> Image:
    """Return an array as a Pillow image."""
    from PIL.Image import fromarray

    return fromarray(image)


def _pillow_holds(image: NDArray[Any], compression: int) -> bool:
    if image.dtype == bool or compression in _FOR_BITS:
        return image.dtype == bool
    return image.dtype == np.uint8 or (image.dtype == np.uint16 and image.ndim == 2)


def _libtiff_writer(
    image: NDArray[Any], codec: str, style: TiffStyle
) -> Callable[[BinaryIO], object]:
    options: dict[str, Any] = {"compression": codec}
    if style.predictor and codec == "tiff_lzw":
        options["tiffinfo"] = {317: 2}
    if style.resolution is not None:
        x, y = style.resolution
        options |= {"x_resolution": x, "y_resolution": y}
        options["resolution_unit"] = {2: "inch", 3: "cm"}.get(style.unit, "inch")
    return lambda file: as_pillow(image).save(file, format="TIFF", **options)


def unfit(path: Path, image: NDArray[Any], name: str) -> InputError:
    """Say that a format cannot hold an image, and which one can."""
    colour = image.ndim > 2
    if image.dtype == bool and colour:
        advice = "convert it to uint8"
    elif image.dtype.kind not in "biuf" or image.itemsize > 8:
        advice = "no image format here can; convert it to a real dtype of at most 64 bits"
    elif image.dtype in (np.uint8, np.uint16) or image.dtype == bool:
        advice = "use .png or .tif"
    else:
        advice = "use .tif"
    kind = {(): "", (3,): " RGB", (4,): " RGBA"}[image.shape[2:]]
    return InputError(f"{path}: {name} cannot hold a {image.dtype}{kind} image; {advice}")
