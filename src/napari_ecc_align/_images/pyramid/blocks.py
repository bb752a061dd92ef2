"""Square blocks of a reference level with their gradients, and the moving image sampled on them.

Two sources look alike to the solver: a whole (coarse) level cut into blocks, see `whole_blocks`,
and chosen tiles of a fine one.  Of a representation of k planes there are k blocks at every place,
those of the first plane before those of the second.  Both images are smoothed by the same
Gaussian.  The moving image is sampled in single precision, bilinearly, after the smoothing;
samples that would touch a pixel outside the image or a masked one come back as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..._common.opencv import cv2
from ..._transform.models import Array
from ..interpolation import ADDRESSED
from .filters import (
    KERNEL,
    RADIUS,
    SIGMA,
    eroded,
    inner_gradients,
)
from .kept_memory import lent
from .levels import Bools, Floats, Image, Level, floats
from .representations import (
    Representation,
    halo,
    represent,
)
from .windows import OnDemand

# What smoothing to single precision loses nothing of.
_NARROW = (np.dtype(np.uint8), np.dtype(np.uint16))
# A level of at most so many pixels is smoothed whole, once.
_SMOOTHED_PIXELS = 1_100_000

Sampler: TypeAlias = Callable[[Array], Floats]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Blocks:
    """Blocks of the reference.

    Attributes
    ----------
    centres : (n, 2) array
        Centres (x, y) in px of the level.
    values : (k * n, b, b) float32 array
        The smoothed planes; zero where not valid.
    slopes : (2, k * n, b, b) float32 array
        Their derivatives by x and y, per px; zero where not valid.
    valid : (k * n, b, b) bool array or None
        None if all are.
    """

    centres: Array
    values: Floats
    slopes: Floats
    valid: Bools | None

    @property
    def size(self) -> int:
        """Side of a block in px."""
        return int(self.values.shape[-1])

    @property
    def planes(self) -> int:
        """Number of planes."""
        return len(self.values) // max(1, len(self.centres))


def planes_apart(blocks: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return blocks (n, b, b, k) as (k * n, b, b); those of one plane, (n, b, b), as they are."""
    if blocks.ndim == 3:
        return blocks
    return np.moveaxis(blocks, -1, 0).reshape(-1, *blocks.shape[1:3])


def planes_first(sample: Sampler) -> Sampler:
    """Return what samples blocks (n, b, b, k) as (k * n, b, b)."""
    return lambda matrix: planes_apart(sample(matrix))


def tile_reference(
    level: Level, origins: Array, size: int, *, representation: Representation = "intensity"
) -> Blocks:
    """Return the tiles that begin at `origins`, (n, 2) as (x, y), `halo` px off the border.

    Of the last choices of tiles they are kept, for the next image that is laid on the level.
    """
    key = origins.tobytes(), size
    name = f"tiles, {representation}"
    return level.recent(name, key, lambda: _tile_blocks(level, origins, size, representation))


def _tile_blocks(
    level: Level, origins: Array, size: int, representation: Representation
) -> Blocks:
    image, mask, ring = _smoothed_tiles(level, origins, size, representation)
    values, valid = _inner_tiles(image, mask, size, ring)
    planes = 1 if values.ndim == 3 else values.shape[-1]
    values, slopes = (planes_apart(part) for part in (values, _within(image, size + 2, ring - 1)))
    slopes = inner_gradients(slopes)
    if valid is not None and planes > 1:
        valid = np.tile(valid, (planes, 1, 1))
    if valid is not None:
        slopes[:, ~valid] = 0
    return Blocks(origins + (size - 1) / 2, values, slopes, valid)


def tile_values(
    level: Level, origins: Array, size: int, representation: Representation = "intensity"
) -> tuple[Floats, Bools | None]:
    """Return the values, (n, b, b) or (n, b, b, k), and validity of tiles as `tile_reference`."""
    image, mask, ring = _smoothed_tiles(level, origins, size, representation)
    return _inner_tiles(image, mask, size, ring)


def _smoothed_tiles(
    level: Level, origins: Array, size: int, representation: Representation
) -> tuple[Floats, Bools | None, int]:
    """Return tiles and a ring around them, one below the other, what is valid, and the ring."""
    first = origins.astype(int)
    whole = smoothed(level, representation)
    if whole is not None:
        tiles = windows(whole, first - 1, size + 2)
        image: Floats = tiles.reshape(-1, *tiles.shape[2:])
        return image, None if level.valid is None else eroded(~_missing(image), 1), 1
    ring = halo(representation)
    image, mask = blurred(level, *stacked(level, first - ring, size + 2 * ring), representation)
    if mask is None or level.valid is None:
        return image, None, ring
    return image, eroded(mask, RADIUS + 1), ring


def _missing(image: Floats) -> Bools:
    """Tell which pixels of an image are NaN, in all planes or in none."""
    return np.isnan(image if image.ndim == 2 else image[..., 0])


def smoothed(level: Level, representation: Representation = "intensity") -> Floats | None:
    """Return all of a small level smoothed, NaN where data are missing; None if it is not small.

    Tiles of a small level overlap, and are wanted more than once.
    """
    small = level.size <= _SMOOTHED_PIXELS and max(level.shape) < ADDRESSED
    if not small or not isinstance(level.image, np.ndarray):
        return None
    name = f"smoothed {representation}"
    kept = level.cache.get(name)
    if kept is None:
        valid = None if level.valid is None else level.valid[:, :]
        out = lent(level.shape) if representation == "intensity" else None
        kept, valid = blurred(level, level.image, valid, representation, out)
        if valid is not None:
            kept[~eroded(valid, RADIUS)] = np.nan
        for edge in (slice(None, RADIUS), slice(-RADIUS, None)):
            kept[edge] = np.nan
            kept[:, edge] = np.nan
        level.cache[name] = kept
    return kept


def blurred(
    level: Level,
    raw: Image,
    valid: Bools | None,
    representation: Representation,
    out: Floats | None = None,
) -> tuple[Floats, Bools | None]:
    """Smooth pixels of a level, into `out` if given, and tell which of them are valid."""
    plain = valid is None and representation == "intensity"
    if plain and raw.dtype in _NARROW and raw.dtype.isnative:
        # In one pass, which also brings the pixels to the level's units; of 16 bits it is slow.
        if raw.dtype == np.uint8:
            pixels = raw
        else:
            pixels = level.singles if raw is level.image else floats(raw)
        kernel = np.asarray(cv2.getGaussianKernel(KERNEL, SIGMA))
        offset = -level.offset / level.scale
        kernels = kernel / level.scale, kernel
        smooth = cv2.sepFilter2D(pixels, cv2.CV_32F, *kernels, out, delta=offset)
        return floats(smooth), None
    values, valid = represent(level, level.convert(raw, valid), valid, representation)
    return floats(cv2.GaussianBlur(values, (KERNEL, KERNEL), SIGMA, out)), valid


def windows(image: NDArray[Scalar], first: NDArray[Any], size: int) -> NDArray[Scalar]:
    """Return square parts of an image, (h, w) or (h, w, k), from pixels (x, y) on, copied.

    Of shape (n, size, size) or (n, size, size, k).
    """
    x, y = first.astype(np.intp).T
    rows, columns, *planes = image.shape
    shape = rows - size + 1, columns - size + 1, size, size, *planes
    strides = *image.strides[:2], *image.strides
    # In a tenth of the time of `as_strided`.
    every = np.ndarray(shape, image.dtype, image, strides=strides)
    return np.asarray(every[y, x])


def stacked(level: Level, first: NDArray[np.int_], side: int) -> tuple[Image, Bools | None]:
    """Read square patches, one below the other.

    Filters then run once, and only the rings of the patches mix. What lies beyond the image is
    not valid.
    """
    n = len(first)
    raw = np.zeros((n, side, side), level.image.dtype)
    beyond = (first + side > level.shape[::-1]).any()
    valid = np.zeros((n, side, side), bool) if beyond or level.valid is not None else None
    # What is read chunk by chunk knows in which order it had better be.
    order = level.image.reader.order(first) if isinstance(level.image, OnDemand) else range(n)
    for k in order:
        x, y = first[k].tolist()
        part = level.image[y : y + side, x : x + side]
        within = k, slice(part.shape[0]), slice(part.shape[1])
        raw[within] = part
        if valid is not None:
            counted = level.valid
            valid[within] = counted is None or counted[y : y + side, x : x + side]
    mask = None if valid is None else valid.reshape(n * side, side)
    return raw.reshape(n * side, side), mask


def _within(stack: NDArray[Scalar], size: int, ring: int) -> NDArray[Scalar]:
    blocks = stack.reshape(-1, size + 2 * ring, *stack.shape[1:])
    return blocks[:, ring : ring + size, ring : ring + size]


def _inner_tiles(
    image: Floats, mask: Bools | None, size: int, ring: int
) -> tuple[Floats, Bools | None]:
    """Return tiles without the ring around them, zero where they are not valid."""
    values = np.ascontiguousarray(_within(image, size, ring))
    if mask is None:
        return values, None
    valid = np.ascontiguousarray(_within(mask, size, ring))
    values[~valid] = 0
    return values, valid
