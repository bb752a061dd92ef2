"""Files resampled on the grid of a reference, with all that they hold and say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._transform.field import Field
from ..._transform.transform import Transform
from ..coverage import overlap, touched
from ..filling import Fill
from ..interpolation import Interpolation
from ..warping import warp
from .image_file import ImageFile
from .tags import GridTags


def warped_file(
    file: ImageFile,
    transform: Transform | Field | Sequence[Transform] | Sequence[Field],
    shape: tuple[int, int],
    grid: GridTags,
    *,
    interpolation: Interpolation | None,
    fill: Fill,
) -> ImageFile:
    """Return all channels and pages of a file on the grid of a reference, as `warp` does.

    Parameters
    ----------
    file : ImageFile
        The image.
    transform : Transform, Field or sequence of them
        Maps reference pixels to its pixels; or those of each frame, whose channels move together.
    shape, grid : tuple of int, GridTags
        Height and width of the reference, and what its file says of its grid.
    interpolation, fill
        As in `warp`.
    """
    if not isinstance(transform, Transform | Field):
        return _warped_frames(file, transform, shape, grid, interpolation, fill)
    pixels = warp(
        continued(file).pixels,
        transform,
        output_shape=shape,
        interpolation=interpolation,
        fill=fill,
        channel_axis=file.channel_axis,
    )
    return blanked(file, file.resampled(pixels, grid), transform, fill)


def _warped_frames(
    file: ImageFile,
    transforms: Sequence[Transform | Field],
    shape: tuple[int, int],
    grid: GridTags,
    interpolation: Interpolation | None,
    fill: Fill,
) -> ImageFile:
    assert file.layout is not None
    planes = []
    for pixels, frame in zip(file.pixels, file.layout.frame_numbers, strict=True):
        style = None if file.style is None else replace(file.style, layout=None)
        one = replace(file, pixels=pixels, style=style)
        way: Any = {"interpolation": interpolation, "fill": fill}
        planes.append(warped_file(one, transforms[frame], shape, grid, **way).pixels)
    return file.resampled(np.stack(planes), grid)


def continued(file: ImageFile) -> ImageFile:
    """Return a file whose pixels without data have the value of the nearest that have some.

    So none of the value of no data, which is far from all others mostly, gets into what is
    interpolated beside it; `blanked` puts it back where it belongs.
    """
    missing = file.missing
    if missing is None or not missing.any() or missing.all():
        return file
    from ..._common.opencv import cv2

    _, nearest = cv2.distanceTransformWithLabels(
        missing.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Which pixel each label is of.
    places = np.zeros(nearest.max() + 1, np.intp)
    places[nearest[~missing]] = np.flatnonzero(~missing)
    pixels, many = file.pixels.copy(), file.channel_axis is not None
    for plane in pixels if many else [pixels]:
        flat = plane.reshape(missing.size, -1)
        flat[missing.ravel()] = flat[places[nearest[missing]]]
    return replace(file, pixels=pixels)


def blanked(
    file: ImageFile, result: ImageFile, transform: Transform | Field, fill: Fill
) -> ImageFile:
    """Put a file's value of no data, if it has one, where a result holds none of its data.

    Parameters
    ----------
    file, result : ImageFile
        An image, and the same resampled.
    transform : Transform or Field
        Maps pixels of the result to those of `file`.
    fill : float, sequence of float, or "background"
        What was asked for outside the image: a number is left there.
    """
    missing, value = file.missing, file.no_data
    if missing is None or value is None:
        return result
    held: NDArray[Any] = result.pixels
    empty = touched(missing, transform, result.shape)
    if isinstance(fill, str):
        empty |= ~overlap(transform, output_shape=result.shape, moving_shape=file.shape)
    held[(slice(None), empty) if file.channel_axis == 0 else empty] = value
    return result
