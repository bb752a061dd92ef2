"""The arrays and paths that can be given, for type checkers to check; nobody runs it."""

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_ecc_align import (
    StackResult,
    Transform,
    align,
    align_stack,
    compare,
    difference,
    inspect_alignment,
    load_transforms,
    polygon_mask,
    read_image,
    save_transforms,
    warp,
    warp_stack,
    write_image,
)


def images(given: NDArray[np.uint8]) -> NDArray[np.uint8]:
    lazy = da.zeros((100, 100))
    stored = zarr.open_array("image.zarr", mode="r")
    result = align(lazy, stored, reference_mask=lazy, initial=[[1, 0, 2], [0, 1, 3.5]])
    align(given, [given, given[::2, ::2]], initial=align(given, given), channel_axis=0)
    inspect_alignment(lazy, stored, result, moving_mask=given > 0).overlay()
    compare(given, lazy, mask=stored, thresholds=(1, 2.5))
    difference(stored, given, signed=True)
    warp(lazy, np.eye(3, dtype=np.float32), like=stored, fill="background")
    warp(given.tolist(), [[1, 0, 2], [0, 1, 3]], output_shape=(10, 20), fill=(1, 2, 3))
    return warp(given, result, like=lazy)


def stacks(film: zarr.Array[Any], frames: list[NDArray[np.float32]]) -> StackResult:
    stack = align_stack(film, reference="previous", moving_mask=[None, frames[1] > 0])
    align_stack(frames, reference=-1)[1:].save("film.json", overwrite=True)
    align_stack(da.zeros((3, 100, 100)), reference=frames[0])
    warp_stack(film, stack, like=frames[0])
    warp_stack(frames, [[[1, 0, 2], [0, 1, 3]], Transform.identity(), stack[0]])
    return stack


def files(folder: Path, stack: StackResult) -> list[Transform]:
    write_image(folder / "image.png", read_image(str(folder / "image.tif")))
    save_transforms({"image": stack[0]}, folder / "all.json")
    save_transforms([stack[0], np.eye(3)], folder / "some.npy", overwrite=True)
    polygon_mask((10, 10), [[0, 0], [5.5, 2], (2, 8)])
    Transform.from_points([[0, 0], [9.5, 2]], np.zeros((2, 2), np.int64)).save(folder / "t.tfm")
    return [Transform.load(folder / "t.tfm"), *load_transforms(folder / "all.json")]
