"""Encodes TIFF images, in the manner of another TIFF where one is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from .layout import Layout
from .tags import GridTags, Tag, TiffStyle

if TYPE_CHECKING:
    from PIL.Image import Image


_NONE, _ZLIB = 1, 8
# What tifffile writes by itself, and what Pillow's libtiff writes for it.
_OWN = {_NONE: None, _ZLIB: "zlib", 32946: "zlib"}
_LIBTIFF = {2: "tiff_ccitt", 3: "group3", 4: "group4", 5: "tiff_lzw", 32773: "packbits"}
_FOR_BITS = (2, 3, 4)
_NAMED = set("TZCYXS")
# Micrometres of an inch.
_UM = 25400
# The axes of an image with so many channels, their number, and whether they are colours.
_PLAIN: dict[tuple[int, ...], tuple[Any, ...]] = {
    (): ("YX", ()),
    (3,): ("YXS", (3,), True),
    (4,): ("YXS", (4,), True, (2,)),
}


def tiff_encoder(
    path: Path,
    image: NDArray[Any],
    style: TiffStyle | None,
    grid: GridTags,
    more: tuple[Tag, ...] = (),
) -> Callable[[BinaryIO], object]:
    """Return a function that writes an image as TIFF, compressed as `style` says or with zlib.

    With tags beside those of `style` and `grid`.

    Raises
    ------
    InputError
        If TIFF cannot hold the image.
    """
    style = style or TiffStyle(_ZLIB)
    style = replace(style, tags=(*style.tags, *more))
    layout = style.layout or Layout(*_PLAIN[image.shape[2:]])
    colour = bool(layout.colours)
    if image.dtype.kind not in "biuf" or image.itemsize > 8 or (colour and image.dtype == bool):
        raise unfit(path, image, "TIFF")
    codec = _LIBTIFF.get(style.compression)
    if codec and style.layout is None and _pillow_holds(image, style.compression):
        return _libtiff_writer(image, codec, style, grid)
    compression = _OWN.get(style.compression, "zlib")
    told = axes_for_tifffile(path, image.dtype, layout.axes, layout.lengths, style, grid)

    def write(file: BinaryIO) -> None:
        import tifffile

        planar = None
        if "S" in layout.axes:
            planar = "contig" if layout.axes[-1] == "S" else "separate"
        tifffile.imwrite(
            file,
            layout.stored(image),
            photometric="rgb" if layout.rgb else "minisblack",
            planarconfig=planar,
            extrasamples=layout.extra or None,
            compression=compression,
            predictor=style.predictor and compression is not None and image.dtype.kind in "iu",
            **told,
        )

    return write


def tags_for_tifffile(grid: GridTags, more: tuple[Tag, ...] = ()) -> dict[str, Any]:
    """Return what writes the tags of a grid, and more of them, as arguments of `imwrite`."""
    tags = (*grid.georeference, *more)
    counts = [len(value) if hasattr(value, "__len__") else 1 for _, _, value in tags]
    return {
        "resolution": grid.resolution,
        "resolutionunit": grid.unit if grid.resolution else None,
        "extratags": [
            (*tag[:2], count, tag[2], True) for tag, count in zip(tags, counts, strict=True)
        ],
    }


def axes_for_tifffile(
    path: Path,
    dtype: np.dtype[Any],
    axes: str,
    lengths: tuple[int, ...],
    style: TiffStyle,
    grid: GridTags,
) -> dict[str, Any]:
    """Return what writes axes and the size of a pixel, as arguments of `imwrite`.

    Parameters
    ----------
    path : Path
        A name that ends in ``.ome.tif`` gets the metadata of OME.
    dtype : dtype
        Of the pixels.
    axes : str
        As tifffile names them, in their order.
    lengths : tuple of int
        Of the axes but Y and X.
    style, grid : TiffStyle, GridTags
        What is said of other axes, and of rows and columns. What came of ImageJ is for ImageJ.
    """
    tags = tags_for_tifffile(grid, style.tags)
    if not set(axes) <= _NAMED:
        return {**tags, "ome": False, "metadata": {}}
    count = dict(zip((axis for axis in axes if axis not in "YX"), lengths, strict=True))
    further = {name: value for name, value in style.further if _told(name, value, count)}
    if path.name.lower().endswith((".ome.tif", ".ome.tiff")):
        return {**tags, "ome": True, "metadata": {"axes": axes, **further, **_in_um(grid)}}
    in_order = "".join(axis for axis in "TZCYXS" if axis in axes) == axes
    if style.imagej and in_order and dtype in (np.uint8, np.uint16, np.float32):
        if grid.per_inch is not None:
            x, y = grid.per_inch
            tags |= {"resolution": (x / _UM, y / _UM), "resolutionunit": 1}
            further["unit"] = "um"
        # OME's words are not ImageJ's, which has no letter for micro either.
        further = {name: value for name, value in further.items() if not name.startswith("Ph")}
        return {**tags, "imagej": True, "metadata": {"axes": axes, **further}}
    named = {"axes": axes} if set(axes) & set("TZC") else None
    return {**tags, "ome": False, "metadata": named}


def _told(name: str, value: Any, count: dict[str, int]) -> bool:
    """Tell whether what is said of an axis is of one that is there, as long as it was."""
    if name == "Channel":
        return len(value["Name"]) == count.get("C", 1)
    ends = {"PhysicalSizeZ": "Z", "spacing": "Z", "TimeIncrement": "T", "finterval": "T"}
    return all(axis in count for start, axis in ends.items() if name.startswith(start))


def _in_um(grid: GridTags) -> dict[str, Any]:
    if grid.per_inch is None:
        return {}
    found: dict[str, Any] = {}
    for axis, number in zip("XY", grid.per_inch, strict=True):
        found |= {f"PhysicalSize{axis}": _UM / number, f"PhysicalSize{axis}Unit": "µm"}
    return found


def as_pillow(image: NDArray[Any]) -> Image:
    """Return an array as a Pillow image."""
    from PIL.Image import fromarray

    return fromarray(image)


def _pillow_holds(image: NDArray[Any], compression: int) -> bool:
    if image.dtype == bool or compression in _FOR_BITS:
        return image.dtype == bool
    return image.dtype == np.uint8 or (image.dtype == np.uint16 and image.ndim == 2)


def _libtiff_writer(
    image: NDArray[Any], codec: str, style: TiffStyle, grid: GridTags
) -> Callable[[BinaryIO], object]:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    for code, kind, value in (*grid.georeference, *style.tags):
        tags.tagtype[code] = kind
        tags[code] = value
    if style.predictor and codec == "tiff_lzw":
        tags[317] = 2
    options: dict[str, Any] = {"compression": codec, "tiffinfo": tags}
    if grid.resolution is not None:
        x, y = grid.resolution
        options |= {"x_resolution": x, "y_resolution": y}
        options["resolution_unit"] = {2: "inch", 3: "cm"}.get(grid.unit, "inch")
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
    kind = {(3,): " RGB", (4,): " RGBA"}.get(image.shape[2:], "")
    return InputError(f"{path}: {name} cannot hold a {image.dtype}{kind} image; {advice}")
