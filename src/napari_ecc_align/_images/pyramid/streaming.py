"""Halve an image that is read once, strip by strip, from top to bottom."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import numpy as np

from ..._common.opencv import cv2
from .halving import halved_pixels
from .levels import Bools, Image

Rows = tuple[Image, Bools | None]


def halved_rows(strips: Iterable[Rows], height: int) -> Iterator[Rows]:
    """Yield the rows of the next coarser level as strips of a level of `height` rows come in.

    Integers of 8 and 16 bits are rounded to their own type, for the sake of memory; everything
    else becomes single precision.
    """
    rows: Image | None = None
    mask: Bools | None = None
    first = done = seen = 0
    for values, valid in strips:
        seen += len(values)
        rows = values if rows is None else np.concatenate([rows, values])
        if valid is not None:
            mask = valid if mask is None else np.concatenate([mask, valid])
        # A row needs two rows below its middle, unless the image ends there.
        ready = (height + 1) // 2 if seen == height else max(done, (seen - 1) // 2)
        if ready > done:
            coarse, inside = _halved(rows, mask)
            begin = done - first // 2
            part = slice(begin, begin + ready - done)
            yield coarse[part], None if inside is None else inside[part]
            done = ready
        # The next row reaches two above its middle; the kept ones begin at an even row.
        keep = max(0, 2 * done - 2)
        rows = rows[keep - first :]
        mask = None if mask is None else mask[keep - first :]
        first = keep


def _halved(rows: Image, mask: Bools | None) -> Rows:
    if mask is None:
        return np.asarray(cv2.pyrDown(rows)), None
    coarse, inside = halved_pixels(np.where(mask, rows, 0).astype(np.float32), mask)
    return np.rint(coarse).astype(rows.dtype) if rows.dtype.kind == "u" else coarse, inside


def gathered(strips: Iterable[Rows], height: int) -> Generator[None, None, Rows]:
    """Return all rows of a level of `height` rows; None for validity if all pixels count.

    Yields after every strip.
    """
    image: Image | None = None
    mask: Bools | None = None
    done = 0
    for values, valid in strips:
        if image is None:
            image = np.empty((height, values.shape[1]), values.dtype)
            mask = None if valid is None else np.empty(image.shape, bool)
        image[done : done + len(values)] = values
        if mask is not None:
            mask[done : done + len(values)] = True if valid is None else valid
        done += len(values)
        yield
    assert image is not None
    return image, None if mask is None or mask.all() else mask
