"""What an image file says of itself, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._common.given import GivenPath
from ..._common.opening import opened
from .decoding import MAX_PIXELS, check_size, header_size

_RESOLUTION = ("XResolution", "YResolution", "ResolutionUnit")
# What programs write that know of no resolution.
_UNSET = ((1.0, 1.0), 1)


@dataclass(frozen=True)
class TiffStyle:
    """How a TIFF is stored, beside its pixels.

    Attributes
    ----------
    compression : int
        The number of TIFF's Compression tag: 1 none, 4 CCITT G4, 5 LZW, 8 zlib, ...
    predictor : bool
        Whether differences of pixels are stored.
    resolution : tuple of float, or None
        Pixels per unit in x and y.
    unit : int
        TIFF's ResolutionUnit: 1 none, 2 inch, 3 centimetre.
    """

    compression: int
    predictor: bool = False
    resolution: tuple[float, float] | None = None
    unit: int = 2


def check_image_file(path: GivenPath, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a file that cannot be an image, or is too large, after a look at its header.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_pixels : int, optional
        Most pixels that an image may claim.

    Raises
    ------
    InputError
        If the file is missing, may not be read, is empty, is no PNG, TIFF or JPEG, has a header
        that is damaged, or claims too many pixels.
    """
    path = Path(path)
    with opened(path, "an image") as file:
        check_size(path, *header_size(file, path), max_pixels)


def tiff_style(path: GivenPath) -> TiffStyle | None:
    """Return how a TIFF is stored, or None for another kind of file."""
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return None
    from tifffile import TiffFile

    from .decoding import quiet_tifffile

    try:
        with quiet_tifffile(), TiffFile(Path(path)) as tif:
            page: Any = tif.pages[0]
            x, y, unit = (page.tags.get(name) for name in _RESOLUTION)
            resolution = _resolution(x and x.value, y and y.value)
            units = 2 if unit is None else int(unit.value)
            if (resolution, units) == _UNSET:
                resolution, units = None, 2
            return TiffStyle(
                compression=int(page.compression),
                predictor=int(page.predictor) == 2,
                resolution=resolution,
                unit=units,
            )
    except Exception:  # whatever is wrong with it is told when the image is read
        return None


def _resolution(x: Any, y: Any) -> tuple[float, float] | None:
    try:
        (a, b), (c, d) = x, y
        found = float(a / b), float(c / d)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return found if min(found) > 0 else None
