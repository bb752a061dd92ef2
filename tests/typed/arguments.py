"""What the documents say of images and channels, for mypy to check; nobody runs it."""

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_ecc_align import AlignmentResult, align, align_stack, judge, warp, warp_stack


def used(image: NDArray[np.uint16], previous: AlignmentResult) -> list[object]:
    lazy, stored = da.zeros((64, 64)), zarr.zeros((64, 64))
    result = align(image, lazy, initial=previous)
    nested = align([[0.0, 1.0], [2.0, 3.0]], stored, channel_axis=0, align_channel=1)
    kept: NDArray[np.uint16] = warp(image, result)
    known = warp(lazy, np.eye(3, dtype=np.float32), like=image)
    judged = judge(image, lazy, np.eye(3), model="affine").raise_if_not()
    results = align_stack(stored, initial=[[1, 0, 2], [0, 1, 3]])
    several = align_stack([image, lazy], reference=image)
    film = warp_stack(lazy, results, like=stored, interpolation="nearest", fill=[1, 2])
    return [
        judged,
        judge(image, stored),
        nested,
        kept,
        known,
        several,
        film,
        warp_stack([image], [np.eye(3)]),
    ]
