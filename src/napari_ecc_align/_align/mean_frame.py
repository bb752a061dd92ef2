"""The mean of frames that lie on the first of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._images.coverage import overlap
from .._images.opacity import flattened
from .._images.pixels import to_gray
from .._images.warping import warp
from .progress import AnyResult, FrameResult
from .read_frames import ReadFrames


def mean_frame(images: ReadFrames, results: Sequence[FrameResult]) -> NDArray[np.float32]:
    """Return the mean of frames, in gray, as their results lay them."""
    shape = images[0].shape[:2]

    def on_the_first(index: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        image, transform = images[index], results[index].transform
        gray = to_gray(flattened(image)).astype(np.float32)
        gray = warp(gray, transform, output_shape=shape, interpolation="linear", fill=0)
        return gray, overlap(transform, output_shape=shape, moving_shape=image.shape)

    return mean_image(results, shape, on_the_first).astype(np.float32)


def mean_image(
    results: Sequence[AnyResult],
    shape: tuple[int, ...],
    gray_at: Callable[[int], tuple[NDArray[Any], NDArray[np.bool_]]],
) -> NDArray[np.float64]:
    """Return the mean of the frames that were aligned, on the grid of the first one.

    Parameters
    ----------
    results : sequence of AlignmentResult, SmoothAlignment or VolumeAlignment
        One per frame.
    shape : tuple of int
        Of the first frame: (height, width), or (planes, rows, columns).
    gray_at : callable
        Returns, for the number of a frame, its gray values on that grid and where they hold.

    Returns
    -------
    ndarray of float64, shape ``shape``
        Negatives count with their sign turned. NaN where no frame holds data.
    """
    total, count = np.zeros(shape), np.zeros(shape)
    for index, result in enumerate(results):
        if index and not result.aligned:
            continue
        gray, inside = gray_at(index)
        total += np.where(inside, -gray if result.inverted else gray, 0)
        count += inside
    return np.asarray(total / np.where(count > 0, count, np.nan))
