"""Resample a volume onto the grid of a reference."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..._common.errors import InputError
from ..._images.sources import is_lazy
from ..._transform.matrices import checked_volume_matrix
from ..._transform.models import Array
from ..._transform.volume_field import VolumeField
from .bent.result import SmoothVolumeAlignment
from .coverage import covered_planes
from .lazy_warp import lazy_warp_volume
from .motion import Shape, mapped
from .result import VolumeAlignment
from .sources import VolumeLike, finest
from .transform import VolumeTransform
from .trilinear import block_for, fill_planes

VolumeInterpolation: TypeAlias = Literal["nearest", "linear", "cubic"]

_ORDERS = {"nearest": 0, "linear": 1, "cubic": 3}
# Planes of the result that one thread makes at a time.
_PLANES = 8
# What places in the world leave of a whole number: the outermost voxels must not be lost for it.
_ROUNDING = 1e-9
# Single precision holds all values of these.
_SINGLE = ("u1", "i1", "u2", "i2", "f4")


def warp_volume(
    moving: VolumeLike,
    transform: VolumeAlignment | VolumeTransform | SmoothVolumeAlignment | VolumeField | ArrayLike,
    *,
    output_shape: tuple[int, int, int] | None = None,
    interpolation: VolumeInterpolation = "linear",
    fill: float = 0.0,
) -> Any:
    """Resample a moving volume so that it lies on the reference.

    Parameters
    ----------
    moving : array_like, lazy array or sequence of such, shape (planes, rows, columns)
        Of any real dtype; of a sequence the first, at full resolution.
    transform : VolumeAlignment, VolumeTransform or array_like of shape (4, 4) or (3, 4)
        Maps reference voxels (x, y, z, 1) to moving voxels. Or a SmoothVolumeAlignment, or a
        VolumeField, through which no lazy volume is resampled.
    output_shape : tuple of int, optional
        Of the reference; by default the one that was aligned, or that of `moving`.
    interpolation : {"linear", "nearest", "cubic"}
        "nearest" for labels.
    fill : float, default: 0
        Where the moving volume has no voxels.

    Returns
    -------
    ndarray or dask array, shape `output_shape`
        Of the dtype of `moving`, to the nearest value that it can hold. A dask array if `moving`
        is lazy: each chunk reads the part of the volume that it needs, when it is computed.
        `save_volume` writes it.

    Raises
    ------
    InputError
        If the volume, the transform or the interpolation cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import warp_volume
    >>> volume = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    >>> right_by_one = np.eye(3, 4) + [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    >>> warp_volume(volume, right_by_one)[0].tolist()
    [[1, 2, 0], [4, 5, 0], [7, 8, 0]]
    """
    volume: Any = finest(moving)
    volume = volume if is_lazy(volume) else np.asarray(volume)
    shape: Shape = tuple(int(length) for length in volume.shape)
    if len(shape) != 3 or volume.dtype.kind not in "buif" or not np.prod(shape):
        raise InputError(
            "moving must hold real numbers along (planes, rows, columns), not the shape "
            f"{shape} of {volume.dtype}"
        )
    if interpolation not in _ORDERS:
        raise InputError(
            f"interpolation must be one of {', '.join(_ORDERS)}, not {interpolation!r:.80}"
        )
    if isinstance(transform, VolumeAlignment | SmoothVolumeAlignment):
        shape, transform = transform.shape, transform.transform
    given = shape if output_shape is None else tuple(output_shape)
    if len(given) != 3 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in given):
        raise InputError(f"output_shape must be three lengths, not {output_shape!r:.80}")
    if isinstance(transform, VolumeField):
        if is_lazy(volume):
            raise InputError(
                "moving is lazy, and a field resamples what is in memory: give a NumPy array"
            )
        return _through(volume, transform, given, _ORDERS[interpolation], fill)
    flipped = np.eye(4)[[2, 1, 0, 3]]
    matrix = flipped @ checked_volume_matrix(np.asarray(transform)) @ flipped
    return warped_by(volume, matrix, given, interpolation=interpolation, fill=fill)


def warped_by(
    volume: Any, matrix: Array, shape: Shape, *, interpolation: VolumeInterpolation, fill: float
) -> Any:
    """Resample a volume, lazily if it is lazy, by a matrix of (z, y, x)."""
    order = _ORDERS[interpolation]
    whole = np.rint(matrix)
    matrix = np.where(np.abs(matrix - whole) < _ROUNDING, whole, matrix)
    if not is_lazy(volume):
        return _resampled(volume, matrix, shape, order, fill)

    def resample(part: NDArray[Any], local: Array, size: Shape) -> NDArray[Any]:
        return _resampled(
            part.astype(part.dtype.newbyteorder("="), copy=False),
            local,
            size,
            order,
            fill,
            threads=1,
        )

    low, high = _limits(np.dtype(volume.dtype))
    return lazy_warp_volume(
        volume, matrix, shape, order, resample, float(np.clip(fill, low, high))
    )


def _resampled(
    volume: NDArray[Any],
    matrix: Array,
    shape: Shape,
    order: int,
    fill: float,
    *,
    threads: int | None = None,
) -> NDArray[Any]:
    from scipy import ndimage

    outside = float(np.clip(fill, *_limits(volume.dtype)))
    if order == 0 and _is_wide(volume):
        numbers, labels = _numbered(volume, outside)
        last = len(labels) - 1
        return np.asarray(labels[_resampled(numbers, matrix, shape, 0, last, threads=threads)])
    source = _for_splines(volume, order)
    out = np.empty(shape, volume.dtype)
    single = order == 1 and volume.dtype in _SINGLE
    block = block_for(volume.shape, matrix, _PLANES) if single else None
    if block is not None:
        source = np.ascontiguousarray(source, np.float32)

    def make(first: int) -> None:
        part = out[first : first + _PLANES]
        if block is None:
            made: NDArray[Any] = np.empty(part.shape, np.float64)
        else:
            made = part if part.dtype == np.float32 else np.empty(part.shape, np.float32)
        begin = matrix.copy()
        begin[:3, 3] = mapped(matrix, np.array([first, 0.0, 0.0]))
        if block is not None:
            fill_planes(made, source, begin, block, outside)
        else:
            # Up to the outermost voxels as "constant", and what is barely beyond as they are.
            ndimage.affine_transform(
                source, begin[:3, :3], begin[:3, 3], output=made, order=order, mode="mirror",
                prefilter=False,
            )  # fmt: skip
            made[~covered_planes(begin, part.shape, volume.shape)] = outside
        if made is not part:
            _store(part, made, order)

    begins = range(0, shape[0], _PLANES)
    if threads == 1:
        for first in begins:
            make(first)
        return out
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make, begins))
    return out


def _through(
    volume: NDArray[Any], field: VolumeField, shape: Shape, order: int, fill: float
) -> NDArray[Any]:
    """Resample a volume in memory through a field."""
    from scipy import ndimage

    outside = float(np.clip(fill, *_limits(volume.dtype)))
    if order == 0 and _is_wide(volume):
        numbers, labels = _numbered(volume, outside)
        return np.asarray(labels[_through(numbers, field, shape, 0, len(labels) - 1)])
    source = _for_splines(volume, order)
    out = np.empty(shape, volume.dtype)
    rows, columns = (np.arange(n, dtype=np.float64) for n in shape[1:])

    def make(first: int) -> None:
        part = out[first : first + _PLANES]
        planes = np.arange(first, first + len(part), dtype=np.float64)
        z, y, x = np.meshgrid(planes, rows, columns, indexing="ij")
        at = np.stack([x, y, z], axis=-1) + field.displacements(planes, rows, columns)
        at = at @ field.matrix[:3, :3].T + field.matrix[:3, 3]
        whole = np.rint(at)
        at = np.where(np.abs(at - whole) < _ROUNDING, whole, at)
        made = np.empty(part.shape, np.float64)
        there = np.moveaxis(at[..., ::-1], -1, 0)
        ndimage.map_coordinates(
            source, there, made, order=order, mode="constant", cval=outside, prefilter=False
        )
        _store(part, made, order)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make, range(0, shape[0], _PLANES)))
    return out


def _is_wide(volume: NDArray[Any]) -> bool:
    """Tell whether doubles do not hold all of its whole numbers."""
    return volume.dtype.kind in "ui" and volume.dtype.itemsize == 8


def _numbered(volume: NDArray[Any], outside: float) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Return numbers that doubles do hold, and what each stands for, the last for outside."""
    labels, numbers = np.unique(volume, return_inverse=True)
    labels = np.append(labels, np.array(outside).astype(volume.dtype))
    return numbers.reshape(volume.shape).astype(np.int32), labels


def _for_splines(volume: NDArray[Any], order: int) -> NDArray[Any]:
    """Return what SciPy interpolates by splines of an order."""
    from scipy import ndimage

    source: NDArray[Any] = volume.view(np.uint8) if volume.dtype.kind == "b" else volume
    if order > 1:
        source = ndimage.spline_filter(source.astype(np.float64), order, mode="constant")
    return source


def _store(part: NDArray[Any], made: NDArray[Any], order: int) -> None:
    """Write what was interpolated by splines of an order as values of another type."""
    if part.dtype.kind == "b":
        np.greater_equal(made, 0.5, out=part)
        return
    if part.dtype.kind in "ui":
        np.rint(made, out=made)
        if order > 1 or part.dtype.itemsize == 8:
            # Splines reach beyond the values of their neighbours, doubles beyond 64 bits.
            np.clip(made, *_limits(part.dtype), out=made)
    np.copyto(part, made, casting="unsafe")


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and largest doubles that a type can hold."""
    if dtype.kind not in "ui":
        return -np.inf, np.inf
    limits = np.iinfo(dtype)
    high = float(limits.max)
    return float(limits.min), high if int(high) <= limits.max else float(np.nextafter(high, 0))
