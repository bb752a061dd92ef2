"""Resample pixels in memory through a matrix, each way of interpolation at its own precision."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._common.errors import InputError
from .._transform.coordinates import map_points
from .._transform.matrices import Matrix

Interpolation = Literal["nearest", "linear", "cubic", "lanczos"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)

ADDRESSED = 2**15 - 1
"""OpenCV addresses the pixels of an image that it warps with 16-bit integers: below this."""
_BLOCK = 8192
REACH = 8
"""So many pixels around a place are read, and more than any interpolation needs."""
# Beyond what `_fill_exactly` leaves by as much as a cubic kernel reads.
_MARGIN = REACH + 3
# Interpolation overshoots, and its sums go further, by less than this factor.
_HEADROOM = 16
# Shifts by more pixels than this leave nothing to copy.
_FARTHEST = 2.0**31


def resampled(
    image: NDArray[Any],
    matrix: Matrix,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: NDArray[Any],
) -> NDArray[Any]:
    """Return an image on another grid.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, c)
        Of the machine's byte order.
    matrix : ndarray of float64, shape (3, 3)
        Maps (x, y, 1) of the result to those of the image.
    shape : tuple of int
        (height, width) of the result.
    interpolation : str
        Between the pixels.
    border : ndarray, shape (c,)
        Beyond them; see `fill_values`.
    """
    if _is_whole_shift(matrix):
        return _shifted(image, matrix[:2, 2].astype(int), shape, border)
    if interpolation == "nearest":
        return _nearest(image, matrix, shape, border)
    values = border.astype(np.float64, copy=False)
    result = _between_pixels(image, matrix, shape, interpolation, values)
    if image.dtype.kind == "f" and not np.isfinite(result).all():
        largest = np.finfo(image.dtype).max
        if np.abs(image[np.isfinite(image)]).max(initial=0) > largest / _HEADROOM:
            small = image / image.dtype.type(_HEADROOM), matrix, shape
            result = _between_pixels(*small, interpolation, values / _HEADROOM)
            part = np.isfinite(result)
            limit = largest / _HEADROOM
            result[part] = np.clip(result[part], -limit, limit) * _HEADROOM
            result[~part] *= _HEADROOM
    if border.dtype.kind in "iu":
        _fill_exactly(result, matrix, image.shape, border)
    return result


def resampled_to_edges(
    image: NDArray[Any], matrix: Matrix, shape: tuple[int, int], interpolation: Interpolation
) -> NDArray[Any]:
    """Resample as `resampled` does, and give what lies outside the value of the nearest pixel."""
    margin = [(_MARGIN, _MARGIN)] * 2 + [(0, 0)] * (image.ndim - 2)
    further = shifted_by(_MARGIN, _MARGIN) @ matrix
    nothing = np.zeros(1 if image.ndim == 2 else image.shape[2])
    wide = np.pad(image, margin, mode="edge")
    result = resampled(wide, further, shape, interpolation, nothing)
    last = np.array(image.shape[1::-1]) - 1
    for rows, mapped in _mapped_strips(matrix, shape):
        outside = ((mapped < -1) | (mapped > last + 1)).any(axis=-1)
        x, y = np.rint(np.clip(mapped[outside], 0, last)).astype(np.intp).T
        result[rows][outside] = image[y, x]
    return result


def _between_pixels(
    image: NDArray[Any],
    matrix: Matrix,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: Matrix,
) -> NDArray[Any]:
    """Interpolate in the working type, and return the result in the image's own."""
    exact = _working_dtype(image.dtype) == np.float64
    if interpolation == "linear" and exact:
        return _restored(_linear(image, matrix, shape, border), image.dtype)
    if interpolation == "cubic" and exact:
        found = _cubic(_cast(image, np.float64), matrix, shape, border)
        result = _restored(found, image.dtype)
        _fill_exactly(result, matrix, image.shape, as_pixel(border, image.dtype))
        return result
    return _smooth(image, matrix, shape, interpolation, border)


def _cubic(image: Matrix, matrix: Matrix, shape: tuple[int, int], border: Matrix) -> Matrix:
    """Interpolate in float64, of which OpenCV keeps the range of float32.

    It cuts the border's value to a whole number: within a margin around the image it is pixels.
    """
    finite = np.abs(image[np.isfinite(image)])
    unit = 2.0 ** (int(np.frexp(finite.max(initial=0) or 1.0)[1]) - 1)
    margin = [(_MARGIN, _MARGIN)] * 2
    channels = image.reshape(*image.shape[:2], -1) / unit
    wide = [
        np.pad(channels[..., k], margin, constant_values=outside / unit)
        for k, outside in enumerate(border)
    ]
    source = np.stack(wide, axis=-1).reshape(*wide[0].shape, *image.shape[2:])
    further = shifted_by(_MARGIN, _MARGIN) @ matrix
    found = _smooth(source, further, shape, "cubic", np.zeros_like(border))
    with np.errstate(over="ignore"):
        found *= unit
    return found


def _smooth(
    image: NDArray[Any],
    matrix: Matrix,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: Matrix,
) -> NDArray[Any]:
    result = np.empty((*shape, *image.shape[2:]), _working_dtype(image.dtype))
    source = _cast(image, result.dtype)
    if image.dtype.kind == "b":
        source, border = source * 255, border * 255
    for rows, columns in blocks(shape, _BLOCK):
        result[rows, columns] = _smooth_block(source, matrix, rows, columns, interpolation, border)
    return _restored(result, image.dtype)


def _fill_exactly(
    result: NDArray[Any], matrix: Matrix, extent: tuple[int, ...], border: NDArray[Any]
) -> None:
    """Give what no pixel reaches the value outside, which interpolation has rounded."""
    for rows, mapped in _mapped_strips(matrix, (result.shape[0], result.shape[1])):
        near = (mapped > -REACH) & (mapped < np.array(extent[1::-1]) + REACH - 1)
        result[rows][~near.all(axis=-1)] = border if result.ndim == 3 else border[0]


def _is_whole_shift(matrix: Matrix) -> bool:
    """Tell whether pixels fall on pixels, so that nothing has to be interpolated."""
    shift = matrix[:2, 2]
    turned = matrix[:, :2] != np.eye(3)[:, :2]
    if turned.any() or matrix[2, 2] != 1:
        return False
    return bool((shift == np.rint(shift)).all() and np.abs(shift).max() < _FARTHEST)


def _shifted(
    image: NDArray[Any], shift: NDArray[np.int_], shape: tuple[int, int], border: NDArray[Any]
) -> NDArray[Any]:
    """Copy pixels to where they fall."""
    outside = as_pixel(border, image.dtype)
    result = np.empty((*shape, *image.shape[2:]), image.dtype)
    result[:] = outside if image.ndim == 3 else outside[0]
    there, here = [], []
    for by, side, length in zip(shift[::-1].tolist(), shape, image.shape[:2], strict=True):
        first, last = max(0, -by), min(side, length - by)
        here.append(slice(first, max(first, last)))
        there.append(slice(first + by, max(first, last) + by))
    if all(part.stop > part.start for part in here):
        result[tuple(here)] = image[tuple(there)]
    return result


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype in (np.uint8, np.uint16, np.float32):
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    # float32 holds every value of the small types; the others need float64.
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def _cast(image: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    # What float64 cannot hold of a long double is infinite.
    with np.errstate(over="ignore"):
        return image.astype(dtype, copy=False)


def _restored(result: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "b":
        return np.asarray(result >= 128)
    if dtype.kind in "iu" and result.dtype != dtype:
        limits = np.iinfo(dtype)
        rounded = np.rint(result)
        # float64 cannot hold the largest 64-bit integers, and casting past them wraps round.
        with np.errstate(invalid="ignore"):
            restored: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
        restored[rounded >= limits.max] = limits.max
        return restored
    # What a short float cannot hold is infinite.
    with np.errstate(over="ignore"):
        return result.astype(dtype, copy=False)


def as_pixel(border: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the value outside, one per channel, as pixels of a type hold it."""
    if border.dtype == dtype:
        return border
    return _restored(border * 255 if dtype.kind == "b" else border, dtype)


def _parts(length: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]


def blocks(shape: tuple[int, int], size: int) -> Iterator[tuple[slice, slice]]:
    return product(_parts(shape[0], size), _parts(shape[1], size))


def _smooth_block(
    source: NDArray[Any],
    matrix: Matrix,
    rows: slice,
    columns: slice,
    interpolation: Interpolation,
    border: Matrix,
) -> NDArray[Any]:
    from .._common.opencv import cv2

    height, width = rows.stop - rows.start, columns.stop - columns.start
    empty = np.broadcast_to(border, (height, width, len(border))).reshape(
        height, width, *source.shape[2:]
    )
    window = source_window(matrix, rows, columns, source.shape)
    if window is None:
        return empty
    piece = source[window]
    if max(piece.shape[:2]) >= ADDRESSED:
        raise InputError("transform shrinks the moving image too much to resample it in one go")
    local = between(matrix, window, rows, columns)
    flags, value = opencv_flag(interpolation) | cv2.WARP_INVERSE_MAP, tuple(border.tolist())
    affine = np.array_equal(matrix[2], [0, 0, 1])
    resample, local = (cv2.warpAffine, local[:2]) if affine else (cv2.warpPerspective, local)
    return np.asarray(resample(piece, local, (width, height), flags=flags, borderValue=value))


def opencv_flag(interpolation: Interpolation) -> int:
    """Return what OpenCV calls a smooth interpolation."""
    from .._common.opencv import cv2

    names = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
    return names[interpolation]


def source_window(
    matrix: Matrix, rows: slice, columns: slice, shape: tuple[int, ...], whole_below: int = _BLOCK
) -> tuple[slice, slice] | None:
    """Return the part of the moving image that a block of the result needs, or None."""
    height, width = shape[:2]
    if max(height, width) < whole_below:
        return slice(0, height), slice(0, width)
    x, y = (columns.start, columns.stop - 1), (rows.start, rows.stop - 1)
    outline = np.array([[i, j] for i in x for j in y], np.float64)
    if (outline @ matrix[2, :2] + matrix[2, 2] <= 0).any():
        return slice(0, height), slice(0, width)
    mapped = map_points(matrix, outline)
    left, top = np.clip(np.floor(mapped.min(axis=0)) - REACH, 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(mapped.max(axis=0)) + REACH, 0, [width, height]).astype(int)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def shifted_by(x: float, y: float) -> Matrix:
    """Return the matrix that adds to the coordinates of a point."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def between(matrix: Matrix, window: tuple[slice, slice], rows: slice, columns: slice) -> Matrix:
    """Return a matrix as it is from a block of the result to a window of the moving image."""
    back = shifted_by(-window[1].start, -window[0].start)
    return back @ matrix @ shifted_by(columns.start, rows.start)


def _nearest(
    image: NDArray[Any], matrix: Matrix, shape: tuple[int, int], border: NDArray[Any]
) -> NDArray[Any]:
    """Copy the nearest pixel: exact for every dtype, unlike OpenCV's, which knows six of them."""
    height, width = image.shape[:2]
    outside = border.astype(image.dtype) if image.ndim == 3 else image.dtype.type(border[0])
    result = np.empty((*shape, *image.shape[2:]), image.dtype)
    for rows, mapped in _mapped_strips(matrix, shape):
        nearest = np.rint(mapped)
        inside = ((nearest >= 0) & (nearest <= (width - 1, height - 1))).all(axis=-1)
        result[rows] = outside
        x, y = nearest[inside].astype(np.intp).T
        result[rows][inside] = image[y, x]
    return result


def _linear(image: NDArray[Any], matrix: Matrix, shape: tuple[int, int], border: Matrix) -> Matrix:
    """Interpolate in float64, where OpenCV would round positions to 1/32 pixel."""
    from scipy.ndimage import map_coordinates

    channels = image.reshape(*image.shape[:2], -1)
    result = np.empty((*shape, channels.shape[2]), np.float64)
    for rows, mapped in _mapped_strips(matrix, shape):
        positions = mapped[..., ::-1].transpose(2, 0, 1)
        for channel, outside in enumerate(border):
            result[rows, :, channel] = map_coordinates(
                _cast(channels[..., channel], np.float64),
                positions,
                order=1,
                mode="grid-constant",
                cval=outside,
            )
    return result.reshape(*shape, *image.shape[2:])


def _mapped_strips(matrix: Matrix, shape: tuple[int, int]) -> Iterator[tuple[slice, Matrix]]:
    """Yield strips of result rows and the moving (x, y) of their pixels, a few MB at a time."""
    columns = np.arange(shape[1], dtype=np.float64)
    step = max(1, 2**20 // shape[1])
    for rows in _parts(shape[0], step):
        y = np.arange(rows.start, rows.stop, dtype=np.float64)
        with np.errstate(all="ignore"):
            yield rows, map_points(matrix, np.stack(np.meshgrid(columns, y), axis=-1))
