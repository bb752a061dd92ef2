"""Blocks of a level that is used whole, and the moving image sampled on them.

Of a strip so long that it is large even on its coarsest level, blocks that are spread evenly stand
for all: they know as well where its ends lie.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..._transform.coordinates import crossings
from ..._transform.models import Array
from .blocks import Blocks, Sampler, Scalar
from .filters import eroded, gradients, smoothed_whole
from .levels import Bools, Floats, InSteps, Level
from .representations import (
    Representation,
    planes_of,
    representation_steps,
    warped_planes,
)

# So many pixels are linearised in a few hundredths of a second; strips of 40 x 500,000 px have no
# more on their coarsest level.
_MOST_PIXELS = 2**19
# The passes that make what is compared of a level take a tenth of a second together from here on.
_LONG_PASS = _MOST_PIXELS // 4


@lru_cache(maxsize=32)
def used_blocks(shape: tuple[int, int], size: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return which rows and columns of blocks of `size` px stand for a level of a shape: all.

    But of long strips as many as are afforded, spread evenly from end to end.
    """
    counts = [-(-length // size) for length in shape]
    shorter = min(counts)
    most = max(1, _MOST_PIXELS // (shorter * size**2))
    rows, columns = (
        np.arange(count)
        if count == shorter or count <= most
        else np.linspace(0, count - 1, most).round().astype(np.int_)
        for count in counts
    )
    return rows, columns


def _blocks_of(image: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Look at (h, w), padded with zeros, as blocks (rows, columns, size, size): at those used."""
    h, w = image.shape
    rows, columns = -(-h // size), -(-w // size)
    if (rows * size, columns * size) != (h, w):
        # In a tenth of the time that numpy's own way takes.
        padded = np.zeros((rows * size, columns * size), image.dtype)
        padded[:h, :w] = image
        image = padded
    blocks = image.reshape(rows, size, columns, size).swapaxes(1, 2)
    used = used_blocks((h, w), size)
    return blocks if (len(used[0]), len(used[1])) == (rows, columns) else blocks[np.ix_(*used)]


def _cut(image: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """Cut (h, w), padded with zeros, into row-major blocks (n, size, size): those used."""
    return np.ascontiguousarray(_blocks_of(image, size).reshape(-1, size, size))


def _whole(level: Level, representation: Representation) -> InSteps[tuple[Floats, Bools | None]]:
    image, valid = yield from representation_steps(level, representation)
    yield from pause(level)
    smooth = smoothed_whole(image, valid)
    yield from pause(level)
    return smooth, valid


def pause(level: Level) -> InSteps[None]:
    """Yield, where a pass over all of a level takes a while."""
    if level.size > _LONG_PASS:
        yield


def whole_reference(
    level: Level, size: int, *, representation: Representation = "intensity"
) -> InSteps[Blocks]:
    """Return all of a level as blocks of `size` px, made once."""
    name = f"blocks of {size}, {representation}"
    if name not in level.cache:
        level.cache[name] = yield from _whole_blocks(level, size, representation)
    blocks: Blocks = level.cache[name]
    return blocks


def _whole_blocks(level: Level, size: int, representation: Representation) -> InSteps[Blocks]:
    image, valid = yield from _whole(level, representation)
    inside = interior(level.shape, size, 1) if valid is None else _cut(eroded(valid, 1), size)
    planes = planes_of(image)
    blocks = np.empty((3, len(planes), *inside.shape), np.float32)
    for k, one in enumerate(planes):
        for out, plane in zip(blocks[:, k], (one, *gradients(one)), strict=True):
            cut = _blocks_of(plane, size)
            np.multiply(cut, inside.reshape(cut.shape), out=out.reshape(cut.shape))
        yield from pause(level)
    blocks = blocks.reshape(3, -1, size, size)
    if len(planes) > 1:
        inside = np.tile(inside, (len(planes), 1, 1))
    return Blocks(_cut_centres(level.shape, size), blocks[0], blocks[1:], inside)


@lru_cache(maxsize=32)
def interior(shape: tuple[int, int], size: int, margin: int) -> Bools:
    """Return where pixels lie so far inside an image, in blocks."""
    whole = np.zeros(shape, bool)
    whole[margin:-margin, margin:-margin] = True
    inside = _cut(whole, size)
    inside.setflags(write=False)
    return inside


@lru_cache(maxsize=32)
def _cut_centres(shape: tuple[int, int], size: int) -> Array:
    y, x = (used * float(size) + (size - 1) / 2 for used in used_blocks(shape, size))
    return crossings(x, y)


def whole_moving(
    level: Level,
    shape: tuple[int, int],
    size: int,
    *,
    representation: Representation = "intensity",
) -> InSteps[Sampler]:
    """Return a sampler of a whole moving level on the blocks of a reference level of `shape`."""
    image, valid = yield from _whole(level, representation)
    if valid is not None:
        image[~valid] = np.nan

    def sample(matrix: Array) -> Floats:
        cut = [
            _cut(one, size)
            for one in planes_of(warped_planes(image, matrix, (shape[1], shape[0])))
        ]
        return cut[0] if len(cut) == 1 else np.concatenate(cut)

    return sample
