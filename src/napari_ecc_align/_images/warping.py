"""Resample an image through a transform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._common.errors import InputError
from .._transform.matrices import Matrix
from .._transform.transform import Transform, map_points
from .limits import LIMITS
from .pixels import as_array
from .pixels import check_shape as check_array
from .sources import LazyArray, is_lazy

Interpolation = Literal["nearest", "linear", "cubic", "lanczos"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
Fill = float | Sequence[float] | Literal["background"]

# OpenCV addresses the pixels of an image it warps with 16-bit integers.
_BLOCK = 8192
_REACH = 8
# Shifts by more pixels than this leave nothing to copy.
_FARTHEST = 2.0**31


@dataclass(frozen=True)
class Resampling:
    """How an image is resampled: between its pixels, and beyond them; see `warp`."""

    interpolation: Interpolation = "linear"
    fill: Fill = "background"


def warp(
    moving: ArrayLike | LazyArray,
    transform: Transform,
    *,
    output_shape: tuple[int, ...],
    interpolation: Interpolation = "linear",
    fill: Fill = 0,
) -> NDArray[Any]:
    """Resample the moving image on the reference's grid.

    Parameters
    ----------
    moving : array_like or lazy array, shape (h, w) or (h, w, 3 or 4)
        Any real dtype, which the result has too; integers are rounded and clipped to their range.
        A dask or zarr array is read a window at a time.
    transform : Transform
        Maps reference pixels to moving pixels.
    output_shape : tuple of int
        Height and width of the result, usually ``reference.shape``; further numbers are ignored.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}
        Use "nearest" for labels: it copies values as they are.
    fill : float, sequence of float, or "background", default: 0
        Value outside the moving image: one number, one per channel, or "background" for the
        median of the pixels along its border, such as the white of a page.

    Returns
    -------
    ndarray, shape (height, width) or (height, width, 3 or 4)
        The aligned image.

    Raises
    ------
    InputError
        If an argument cannot be used; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import Transform, warp
    >>> moving = np.arange(12).reshape(3, 4)
    >>> right = Transform([[1, 0, 1], [0, 1, 0], [0, 0, 1]], model="translation")
    >>> warp(moving, right, output_shape=(3, 4), fill=-1)
    array([[ 1,  2,  3, -1],
           [ 5,  6,  7, -1],
           [ 9, 10, 11, -1]])
    """
    shape = check_shape(output_shape)
    if not isinstance(transform, Transform):
        raise InputError(f"transform must be a Transform, not {type(transform).__name__}")
    if interpolation not in INTERPOLATIONS:
        raise InputError(
            f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}"
        )
    if is_lazy(moving):
        return _warped_lazily(moving, transform.matrix, shape, interpolation, fill)
    image = np.ma.getdata(as_array(cast("ArrayLike", moving), "moving"))
    if not image.size:
        raise InputError("moving is empty")
    border = fill_values(image, fill)
    return _warped(image, transform.matrix, shape, interpolation, border)


def _warped_lazily(
    moving: Any, matrix: Matrix, shape: tuple[int, int], interpolation: Interpolation, fill: Fill
) -> NDArray[Any]:
    """Resample block by block, reading only the window that each block needs."""
    size = int(moving.shape[0]), int(moving.shape[1])
    if not min(size):
        raise InputError("moving is empty")
    extent = tuple(moving.shape)
    check_array(size if extent[2:] == (1,) else extent, moving.dtype, "moving")

    frame = [np.ma.getdata(as_array(pixels, "moving")) for pixels in border_pixels(moving, fill)]
    border = fill_values(frame[0], fill, frame)
    result = np.empty((*shape, *frame[0].shape[2:]), frame[0].dtype)
    outside = _as_pixel(border, result.dtype).reshape(result.shape[2:])
    for rows, columns in _blocks(shape, LIMITS.warped_side):
        window = _source_window(matrix, rows, columns, size, whole_below=0)
        if window is None:
            result[rows, columns] = outside
            continue
        local = _between(matrix, window, rows, columns)
        block = rows.stop - rows.start, columns.stop - columns.start
        part = np.ma.getdata(as_array(moving[window], "moving"))
        result[rows, columns] = _warped(part, local, block, interpolation, border)
    return result


def _warped(
    image: NDArray[Any],
    matrix: Matrix,
    shape: tuple[int, int],
    interpolation: Interpolation,
    border: Matrix,
) -> NDArray[Any]:
    if _is_whole_shift(matrix):
        return _shifted(image, matrix[:2, 2].astype(int), shape, border)
    if interpolation == "nearest":
        return _nearest(image, matrix, shape, border)
    if interpolation == "linear" and _working_dtype(image.dtype) == np.float64:
        return _restored(_linear(image, matrix, shape, border), image.dtype)
    result = np.empty((*shape, *image.shape[2:]), _working_dtype(image.dtype))
    source = image.astype(result.dtype, copy=False)
    if image.dtype.kind == "b":
        source, border = source * 255, border * 255
    for rows, columns in _blocks(shape, _BLOCK):
        result[rows, columns] = _smooth_block(source, matrix, rows, columns, interpolation, border)
    return _restored(result, image.dtype)


def _is_whole_shift(matrix: Matrix) -> bool:
    """Tell whether pixels fall on pixels, so that nothing has to be interpolated."""
    shift = matrix[:2, 2]
    turned = matrix[:, :2] != np.eye(3)[:, :2]
    if turned.any() or matrix[2, 2] != 1:
        return False
    return bool((shift == np.rint(shift)).all() and np.abs(shift).max() < _FARTHEST)


def _shifted(
    image: NDArray[Any], shift: NDArray[np.int_], shape: tuple[int, int], border: Matrix
) -> NDArray[Any]:
    """Copy pixels to where they fall."""
    outside = _as_pixel(border, image.dtype)
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


def check_shape(output_shape: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of `output_shape`, or raise `InputError`."""
    try:
        height, width = (int(side) for side in tuple(output_shape)[:2])
    except (TypeError, ValueError) as error:
        raise InputError("output_shape must be (height, width)") from error
    if height < 1 or width < 1:
        raise InputError(f"output_shape must be positive, not {(height, width)}")
    return height, width


def fill_values(
    image: NDArray[Any], fill: Fill, border: list[NDArray[Any]] | None = None
) -> Matrix:
    """Return the value outside an image, one per channel, or raise `InputError`.

    Parameters
    ----------
    image : ndarray, shape (h, w) or (h, w, c)
        What the value is for.
    fill : float, sequence of float, or "background"
        As in `warp`.
    border : list of ndarray, optional
        The pixels that are the background, if not those along the edges of `image`.
    """
    channels = 1 if image.ndim == 2 else image.shape[2]
    if isinstance(fill, str):
        if fill != "background":
            raise InputError(f'fill must be numbers or "background", not {fill!r}')
        border = border or [image[0], image[-1], image[:, 0], image[:, -1]]
        edge = np.concatenate([side.reshape(-1, channels) for side in border]).astype(np.float64)
        edge = edge[np.isfinite(edge).all(axis=1)]
        return np.median(edge, axis=0) if len(edge) else np.zeros(channels)
    values = np.asarray(fill, dtype=np.float64)
    if values.shape not in ((), (channels,)):
        raise InputError(f"fill must be one number or {channels}, not shape {values.shape}")
    if image.dtype.kind in "iu":
        limits = np.iinfo(image.dtype)
        if not ((values >= limits.min) & (values <= limits.max)).all():
            raise InputError(f"fill must be a value that {image.dtype} can hold, not {fill}")
    return np.broadcast_to(values, (channels,))


def border_pixels(image: LazyArray, fill: Fill) -> list[NDArray[Any]]:
    """Return what has to be read of an image for `fill_values`: its edges, or a pixel.

    As (1, w), (1, w), (h, 1) and (h, 1) with the channels, or (1, 1).
    """
    if not isinstance(fill, str):
        return [image[:1, :1]]
    height, width = image.shape[:2]
    rows, columns = ((slice(0, 1), slice(side - 1, side)) for side in (height, width))
    return [image[part, :] for part in rows] + [image[:, part] for part in columns]


def _working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype in (np.uint8, np.uint16, np.float32):
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    # float32 holds every value of the small types; the others need float64.
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


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
    return result.astype(dtype, copy=False)


def _as_pixel(border: Matrix, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the value outside, one per channel, as pixels of a type hold it."""
    return _restored(border * 255 if dtype.kind == "b" else border, dtype)


def _parts(length: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]


def _blocks(shape: tuple[int, int], size: int) -> Iterator[tuple[slice, slice]]:
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
    window = _source_window(matrix, rows, columns, source.shape)
    if window is None:
        return empty
    piece = source[window]
    if max(piece.shape[:2]) >= 2**15 - 1:
        raise InputError("transform shrinks the moving image too much to resample it in one go")
    local = _between(matrix, window, rows, columns)
    names = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}
    flags, value = names[interpolation] | cv2.WARP_INVERSE_MAP, tuple(border.tolist())
    affine = np.array_equal(matrix[2], [0, 0, 1])
    resample, local = (cv2.warpAffine, local[:2]) if affine else (cv2.warpPerspective, local)
    return np.asarray(resample(piece, local, (width, height), flags=flags, borderValue=value))


def _source_window(
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
    left, top = np.clip(np.floor(mapped.min(axis=0)) - _REACH, 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(mapped.max(axis=0)) + _REACH, 0, [width, height]).astype(int)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def shifted_by(x: float, y: float) -> Matrix:
    """Return the matrix that adds to the coordinates of a point."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _between(matrix: Matrix, window: tuple[slice, slice], rows: slice, columns: slice) -> Matrix:
    """Return a matrix as it is from a block of the result to a window of the moving image."""
    back = shifted_by(-window[1].start, -window[0].start)
    return back @ matrix @ shifted_by(columns.start, rows.start)


def _nearest(
    image: NDArray[Any], matrix: Matrix, shape: tuple[int, int], border: Matrix
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
                channels[..., channel].astype(np.float64, copy=False),
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
