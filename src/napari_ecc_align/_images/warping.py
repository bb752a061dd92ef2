"""Resample an image through a transform."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._common.given import height_and_width
from .._transform.field import Field
from .._transform.matrices import Matrix
from .._transform.transform_like import FieldLike, TransformLike, as_map
from .field_warping import resampled_through
from .filling import Fill, border_pixels, fill_values
from .interpolation import (
    INTERPOLATIONS,
    Interpolation,
    as_pixel,
    between,
    blocks,
    resampled,
    source_window,
)
from .kinds import Kind, TwoValues, kind_of, two_values
from .limits import LIMITS
from .named_axes import NamedAxes, named_axes
from .pixels import as_array
from .pixels import check_shape as check_array
from .sources import LazyArray, is_lazy, is_multiscale
from .stack_axes import Axis

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True)
class Resampling:
    """How an image is resampled: between its pixels, and beyond them; see `warp`."""

    interpolation: Interpolation = "linear"
    fill: Fill = "background"


@overload
def warp(
    moving: NDArray[Pixel],
    transform: TransformLike | FieldLike,
    *,
    like: ArrayLike | LazyArray | None = None,
    output_shape: Sequence[int] | None = None,
    interpolation: Interpolation | None = None,
    fill: Fill = "background",
    channel_axis: Axis | None = None,
) -> NDArray[Pixel]: ...
@overload
def warp(
    moving: ArrayLike | LazyArray,
    transform: TransformLike | FieldLike,
    *,
    like: ArrayLike | LazyArray | None = None,
    output_shape: Sequence[int] | None = None,
    interpolation: Interpolation | None = None,
    fill: Fill = "background",
    channel_axis: Axis | None = None,
) -> Any: ...
def warp(
    moving: ArrayLike | LazyArray,
    transform: TransformLike | FieldLike,
    *,
    like: ArrayLike | LazyArray | None = None,
    output_shape: Sequence[int] | None = None,
    interpolation: Interpolation | None = None,
    fill: Fill = "background",
    channel_axis: Axis | None = None,
) -> Any:
    """Resample the moving image on the reference's grid.

    Parameters
    ----------
    moving : array_like, lazy array or DataArray, shape (h, w) or (h, w, 3 or 4)
        Any real dtype, which the result has too; integers are rounded and clipped to their range.
        A dask or zarr array is read a window at a time; of a masked array the mask is not looked
        at. Of a DataArray "y" and "x" are the rows
        and columns; all planes along its other axes are resampled alike.
    transform : Transform, Field, a result, or array_like of shape (3, 3) or (2, 3)
        Maps reference pixels (x, y) to moving pixels. Through a field an image is read whole.
    like : array_like, lazy array or DataArray, optional
        The reference, whose height and width the result gets. If neither this nor `output_shape`
        is given, they are those of the reference that an AlignmentResult knows, or of `moving`.
    output_shape : sequence of int, optional
        Height and width of the result instead; further numbers are ignored.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}, optional
        As given, or what fits the image: labels, which are integers in plateaus that each keep to
        a place or are few, are copied from the nearest pixel; integers of two values keep these,
        by which of them covers more of a pixel; all else is linear. What only looks like labels,
        such as a posterised photograph, is linear with a warning.
    fill : float, sequence of float, or "background", default: "background"
        Value outside the moving image: one number, one per channel, or the median of the pixels
        along its border, such as the white of a page; 0 for labels (of a lazy image if
        `interpolation` is left out).
    channel_axis : int or str, optional
        The axis of `moving`, and of a `like` with as many axes, that holds channels, of which
        there may be any number; each is resampled on its own. Colours at the end need none.

    Returns
    -------
    ndarray or DataArray, shape (height, width), with the further axes of `moving` where they were
        The warped image. A DataArray if `moving` is one, with the coordinates of `like`, or with
        its own if it keeps its shape.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Warns
    -----
    UserWarning
        If it is not clear whether an image holds labels.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import Transform, warp
    >>> moving = np.arange(12).reshape(3, 4)
    >>> right = Transform([[1, 0, 1], [0, 1, 0], [0, 0, 1]], model="translation")
    >>> warp(moving, right, fill=-1)
    array([[ 1,  2,  3, -1],
           [ 5,  6,  7, -1],
           [ 9, 10, 11, -1]])
    """
    axes = checked_axes(moving, "moving", channel_axis)
    if like is None and output_shape is None and hasattr(transform, "transform"):
        # Of a result: the reference's.
        output_shape = getattr(transform, "shape", None)
    shape, target = target_grid(axes, like, output_shape, channel_axis)
    found = as_map(transform)
    through = found if isinstance(found, Field) else found.matrix
    if interpolation not in (None, *INTERPOLATIONS):
        raise InputError(
            f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}"
        )
    planes = []
    for index in np.ndindex(axes.leading):
        plane = axes.pixels[index] if index else axes.pixels
        value = fill if axes.channels is None else channel_fill(fill, axes, index)
        planes.append(_warp_plane(plane, through, shape, interpolation, value))
    if not axes.leading:
        return axes.restored(planes[0], target)
    return axes.restored(np.stack(planes).reshape(*axes.leading, *planes[0].shape), target)


def checked_axes(
    moving: Any,
    name: str,
    channel_axis: Axis | None,
    frame_axis: Axis | None = None,
    more: int = 0,
) -> NamedAxes:
    """Return `named_axes`; raise `InputError` if there are `more` than are accounted for."""
    axes = named_axes(moving, name, channel_axis, frame_axis)
    spare = len(axes.leading) - more - (axes.channels is not None)
    if axes.given is None and spare > 0:
        extent = tuple(axes.pixels.shape)
        raise InputError(
            f"{name} must have shape (height, width), or (height, width, 3 or 4) for colour, not "
            f"{extent}; say by channel_axis which axis holds channels"
        )
    if not all(axes.pixels.shape):
        raise InputError(f"{name} is empty")
    return axes


def target_grid(
    axes: NamedAxes, like: Any, output_shape: Sequence[int] | None, channel_axis: Axis | None
) -> tuple[tuple[int, int], NamedAxes | None]:
    """Return the height and width of a result, and the reference whose grid it is on."""
    if like is None:
        return axes.plane if output_shape is None else check_shape(output_shape), None
    if output_shape is not None:
        raise InputError("give like or output_shape, not both")
    like = like[0] if is_multiscale(like) and like else like
    try:
        same = np.ndim(like) == len(axes.order)
    except ValueError as error:  # rows of several lengths, or images of several sizes
        raise InputError("like must be an image, or one at decreasing sizes") from error
    target = named_axes(like, "like", channel_axis if same else None)
    return check_shape(target.plane), target


def channel_fill(fill: Fill, axes: NamedAxes, index: tuple[int, ...]) -> Fill:
    """Return the value outside one channel."""
    if isinstance(fill, str) or np.ndim(fill) == 0 or axes.channels is None:
        return fill
    values, count = list(np.asarray(fill, dtype=object)), axes.leading[axes.channels]
    if len(values) != count:
        raise InputError(f"fill must be one number or {count}, not {len(values)}")
    return values[index[axes.channels]]  # type: ignore[no-any-return]


def fitting(
    kind: Kind, interpolation: Interpolation | None, fill: Fill
) -> tuple[Interpolation, Fill]:
    """Return how an image is interpolated and what is beyond it, if that is left to us."""
    if interpolation is None and kind == "perhaps labels":
        warnings.warn(
            "moving may hold labels, but is interpolated linearly; choose interpolation="
            '"nearest" to keep its values, or "linear" if they are none',
            stacklevel=4,
        )
    if kind == "labels" and isinstance(fill, str) and fill == "background":
        fill = 0
    copied = ("labels", "two values")
    return interpolation or ("nearest" if kind in copied else "linear"), fill


def _warp_plane(
    plane: Any,
    through: Matrix | Field,
    shape: tuple[int, int],
    interpolation: Interpolation | None,
    fill: Fill,
) -> NDArray[Any]:
    """Resample (h, w) or (h, w, 3 or 4)."""
    if is_lazy(plane) and not isinstance(through, Field):
        if interpolation is None:
            interpolation, fill = fitting(kind_of(plane), None, fill)
        return _warped_lazily(plane, through, shape, interpolation, fill)
    image = np.ma.getdata(as_array(plane, "moving"))
    if interpolation is None and image.ndim == 2 and image.dtype.kind in "iu":
        pair = two_values(image)
        if pair is not None:
            return _warped_two_values(image, pair, through, shape, fill)
    if interpolation is None or (interpolation == "nearest" and isinstance(fill, str)):
        interpolation, fill = fitting(kind_of(image), interpolation, fill)
    return _resampled(image, through, shape, interpolation, fill_values(image, fill))


def _warped_two_values(
    image: NDArray[Any],
    pair: TwoValues,
    through: Matrix | Field,
    shape: tuple[int, int],
    fill: Fill,
) -> NDArray[Any]:
    """Resample so that each pixel has one of two values: which of them covers more of it."""
    is_high, low, high = pair
    outside = fill_values(image, fill)
    border = fill_values(is_high, "background")
    if not isinstance(fill, str):
        if outside[0] not in (low, high):
            return _resampled(image, through, shape, "nearest", outside)
        border = np.array([float(outside[0] == high)])
    return np.where(_resampled(is_high, through, shape, "linear", border), high, low)


def _resampled(
    image: NDArray[Any],
    through: Matrix | Field,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: NDArray[Any],
) -> NDArray[Any]:
    if isinstance(through, Field):
        return resampled_through(image, through, shape, interpolation, border)
    return resampled(image, through, shape, interpolation, border)


def _warped_lazily(
    moving: Any, matrix: Matrix, shape: tuple[int, int], interpolation: Interpolation, fill: Fill
) -> NDArray[Any]:
    """Resample block by block, reading only the window that each block needs."""
    size = int(moving.shape[0]), int(moving.shape[1])
    extent = tuple(moving.shape)
    check_array(size if extent[2:] == (1,) else extent, moving.dtype, "moving")

    frame = [np.ma.getdata(as_array(pixels, "moving")) for pixels in border_pixels(moving, fill)]
    border = fill_values(frame[0], fill, frame)
    result = np.empty((*shape, *frame[0].shape[2:]), frame[0].dtype)
    outside = as_pixel(border, result.dtype).reshape(result.shape[2:])
    for rows, columns in blocks(shape, LIMITS.warped_side):
        window = source_window(matrix, rows, columns, size, whole_below=0)
        if window is None:
            result[rows, columns] = outside
            continue
        local = between(matrix, window, rows, columns)
        block = rows.stop - rows.start, columns.stop - columns.start
        part = np.ma.getdata(as_array(moving[window], "moving"))
        result[rows, columns] = resampled(part, local, block, interpolation, border)
    return result


def check_shape(output_shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of `output_shape`, or raise `InputError`."""
    height, width = height_and_width(output_shape, "output_shape")
    if height < 1 or width < 1:
        raise InputError(f"output_shape must be positive, not {(height, width)}")
    return height, width
