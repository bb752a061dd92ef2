"""One comparison in a worker thread: two planes in, counts and a map out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..._compare.binary import Comparison, compare
from ..._compare.thresholding import Thresholding
from ..._images.coverage import overlap
from ..._images.limits import LIMITS
from ..._images.opacity import flattened
from ..._images.pixels import valid_pixels
from ..._images.warping import warp
from ..._transform.transform import Transform
from ..layers.comparison_layers import NOT_COMPARED


def compare_steps(
    reference: Any, moving: Any, start: Transform | None, thresholding: Thresholding
) -> Generator[None, None, Comparison]:
    """Compare two planes where they lie, on the reference's grid.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        Perhaps lazy.
    start : Transform or None
        Reference pixel to moving pixel by their places in the world; None if pixel on pixel.
    thresholding : Thresholding
        How they are binarised.

    Raises
    ------
    InputError
        If the reference is too large or the two do not overlap.

    Returns
    -------
    generator
        Returns the comparison, whose map has the label `NOT_COMPARED`, too.
    """
    # A turn for the thread's owner to stop it, before each of the two long steps.
    yield
    if prod(reference.shape[:2]) > LIMITS.compared_pixels:
        raise InputError("The reference is too large to be compared whole; crop it first.")
    fixed = np.asarray(reference)
    placed = start or Transform.identity("translation")
    laid = np.asarray(
        warp(moving, placed, output_shape=fixed.shape, fill="background", interpolation="linear")
    )
    inside = overlap(placed, output_shape=fixed.shape, moving_shape=moving.shape)
    if not inside.any():
        raise InputError(
            "The two layers do not overlap in the world: there is nothing to compare."
        )
    yield
    inside &= valid_pixels(flattened(fixed)) & valid_pixels(flattened(laid))
    found = compare(fixed, laid, mask=inside, **vars(thresholding))
    return replace(found, labels=np.where(inside, found.labels, np.uint8(NOT_COMPARED)))
