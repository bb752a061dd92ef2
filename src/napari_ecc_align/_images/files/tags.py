"""What an image file says beside its pixels: of their grid, of how they are stored, of values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .layout import Layout
from .units import micrometres

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile as PillowFile
    from tifffile import TiffFile, TiffPage

Tag = tuple[int, int, Any]
"""Number, type and value of a TIFF tag."""

_RESOLUTION = ("XResolution", "YResolution", "ResolutionUnit")
_INCH, CENTIMETRE = 2, 3
# What programs write that know of no resolution.
_UNSET = ((1.0, 1.0), 1)
# GeoTIFF: pixel scale, tie points, transformation, keys and their numbers and texts.
_OF_GRID = (33550, 33922, 34264, 34735, 34736, 34737)
# Colour profile, and GDAL's metadata of bands and value of no data.
_NO_DATA = 42113
_OF_VALUES = (34675, 42112, _NO_DATA)
_UM_OF_CENTIMETRE = 10_000.0
# Far from what pixels of any image measure, and what a fraction of 32 bits can hold.
_LEAST, _MOST = 1e-9, 4e9
_OME_STEPS = ("PhysicalSizeZ", "PhysicalSizeZUnit", "TimeIncrement", "TimeIncrementUnit")
_IMAGEJ_STEPS = ("unit", "spacing", "finterval", "tunit", "mode")


@dataclass(frozen=True)
class GridTags:
    """What an image file says of the grid of its pixels.

    Attributes
    ----------
    resolution : tuple of float, or None
        Pixels per unit in x and y.
    unit : int
        TIFF's ResolutionUnit: 1 none, 2 inch, 3 centimetre.
    georeference : tuple
        The tags of a GeoTIFF that say where the grid lies.
    """

    resolution: tuple[float, float] | None = None
    unit: int = _INCH
    georeference: tuple[Tag, ...] = ()

    @property
    def per_inch(self) -> tuple[float, float] | None:
        """Pixels per inch in x and y, if the file says so."""
        if self.resolution is None or self.unit not in (_INCH, CENTIMETRE):
            return None
        factor = 2.54 if self.unit == CENTIMETRE else 1.0
        x, y = self.resolution
        return x * factor, y * factor

    @property
    def pixel_um(self) -> tuple[float, float] | None:
        """How wide and high a pixel is in micrometres, if the file says so."""
        if self.per_inch is None:
            return None
        x, y = (25_400 / number for number in self.per_inch)
        return x, y

    def of_result(self, own: GridTags) -> GridTags:
        """Return what to say of an image that was resampled on this grid, and had its own.

        Its own resolution is kept where this grid has none: the scale of two images that can be
        aligned is mostly the same.
        """
        if self.resolution is not None or own.resolution is None:
            return self
        return replace(self, resolution=own.resolution, unit=own.unit)


UNKNOWN_GRID = GridTags()
"""Nothing is said of the grid."""


@dataclass(frozen=True)
class TiffStyle:
    """How a TIFF is stored, beside its pixels.

    Attributes
    ----------
    compression : int
        The number of TIFF's Compression tag: 1 none, 4 CCITT G4, 5 LZW, 8 zlib, ...
    predictor : bool
        Whether differences of pixels are stored.
    layout : Layout or None
        How its pixels lie in it, where they are more than one image of gray or colour.
    tags : tuple
        Those that say what values mean: colour profile, GDAL's metadata and value of no data.
    further : tuple
        What OME or ImageJ say of other axes than x and y, by name: the step in depth and time,
        the names of channels.
    imagej : bool
        Whether it is as ImageJ writes it.
    """

    compression: int
    predictor: bool = False
    layout: Layout | None = None
    tags: tuple[Tag, ...] = ()
    further: tuple[tuple[str, Any], ...] = ()
    imagej: bool = False

    @property
    def of_film(self) -> TiffStyle:
        """The same with what holds for each frame of many: of the tags, the value of no data."""
        return replace(self, tags=tuple(tag for tag in self.tags if tag[0] == _NO_DATA))

    @property
    def no_data(self) -> float | None:
        """The value of pixels that hold no data, if the file names one."""
        named = next((value for code, _, value in self.tags if code == _NO_DATA), None)
        try:
            return None if named is None else float(str(named).strip("\0 "))
        except ValueError:
            return None


def style_of_tiff(tiff: TiffFile, page: TiffPage, layout: Layout | None) -> TiffStyle:
    """Return how an open TIFF is stored."""
    return TiffStyle(
        compression=int(page.compression),
        predictor=int(page.predictor) == 2,
        layout=None if layout is None or layout.is_plain else layout,
        tags=_tags(page, _OF_VALUES),
        further=_further(tiff),
        imagej=bool(tiff.is_imagej),
    )


def grid_of_tiff(tiff: TiffFile, page: TiffPage) -> GridTags:
    """Return what an open TIFF says of its grid; nothing where that is broken."""
    try:
        x, y, unit = (page.tags.get(name) for name in _RESOLUTION)
        resolution = _resolution(x and x.value, y and y.value)
        units = _INCH if unit is None else int(unit.value)
        if (resolution, units) == _UNSET:
            resolution, units = None, _INCH
        if (found := _physical(tiff, resolution)) is not None:
            resolution, units = found, CENTIMETRE
        return GridTags(resolution, units, _tags(page, _OF_GRID))
    except Exception:  # broken metadata are no reason to refuse a whole image
        return GridTags()


def grid_of_pillow(image: PillowFile) -> GridTags:
    """Return what an open PNG or JPEG says of its grid."""
    try:
        x, y = image.info["dpi"]
        return GridTags(_resolution((x, 1), (y, 1)))
    except (KeyError, TypeError, ValueError):
        return GridTags()


def _tags(page: TiffPage, codes: tuple[int, ...]) -> tuple[Tag, ...]:
    found = (page.tags.get(code) for code in codes)
    return tuple((tag.code, int(tag.dtype), tag.value) for tag in found if tag is not None)


def _resolution(x: Any, y: Any) -> tuple[float, float] | None:
    try:
        (a, b), (c, d) = x, y
        found = float(a / b), float(c / d)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if is_usable(*found) else None


def is_usable(*resolution: float) -> bool:
    """Tell whether a TIFF can hold pixels per length: fractions of numbers of 32 bits."""
    return all(_LEAST <= number <= _MOST for number in resolution)


def _ome_pixels(tiff: TiffFile) -> Any:
    """Return the element of OME's XML that tells of the first image, or None."""
    from xml.etree import ElementTree

    return next(ElementTree.fromstring(tiff.ome_metadata or "").iterfind(".//{*}Pixels"), None)


def _further(tiff: TiffFile) -> tuple[tuple[str, Any], ...]:
    """Return what the metadata of OME or ImageJ say of other axes than x and y, as written."""
    try:
        if tiff.is_ome:
            pixels = _ome_pixels(tiff)
            found = [(name, pixels.get(name)) for name in _OME_STEPS if pixels.get(name)]
            names = [each.get("Name") for each in pixels.iterfind("{*}Channel")]
            return (*found, ("Channel", {"Name": names})) if names and all(names) else (*found,)
        said = (tiff.imagej_metadata or {}) if tiff.is_imagej else {}
        return tuple((name, said[name]) for name in _IMAGEJ_STEPS if name in said)
    except Exception:  # broken metadata are no reason to refuse a whole image
        return ()


def _physical(
    tiff: TiffFile, resolution: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the pixels per centimetre that the metadata of OME or ImageJ name, or None."""
    if tiff.is_ome and tiff.ome_metadata:
        pixels = _ome_pixels(tiff)
        sizes = [] if pixels is None else [_size(pixels.attrib, axis) for axis in "XY"]
        found = tuple(1 / size for size in sizes if size > 0)
        return (found[0], found[1]) if len(found) == 2 and is_usable(*found) else None
    if tiff.is_imagej and resolution is not None:
        unit = micrometres((tiff.imagej_metadata or {}).get("unit"))
        per = _UM_OF_CENTIMETRE / (unit or math.inf)
        return (resolution[0] * per, resolution[1] * per) if per else None
    return None


def _size(pixels: dict[str, str], axis: str) -> float:
    """Return the size of a pixel of OME's in centimetres, 0 where it is not said."""
    unit = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm")) or 0.0
    return float(pixels.get(f"PhysicalSize{axis}", 0)) * unit / _UM_OF_CENTIMETRE
