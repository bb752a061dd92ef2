"""Volumes written as OME-Zarr 0.5, chunk by chunk: zarr is not needed for that."""

from __future__ import annotations

import gzip
import json
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.staging import folder_in_staging
from ..blocks_on_demand import Window
from ..sources import is_lazy

VERSION = "0.5"
_CHUNK = 128
# So many chunks are made at a time.
_TOGETHER = 4
_NAMES = ("z", "y", "x")


def written_volume(
    path: Path,
    levels: Sequence[Any],
    spacing: Sequence[float],
    *,
    unit: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Generator[float, None, None]:
    """Write a volume, at all sizes it is given at, as an OME-Zarr image; whole or not at all.

    Parameters
    ----------
    path : Path
        A folder that does not exist yet.
    levels : sequence of arrays, shape (d, h, w)
        In memory or lazy; full resolution first.
    spacing : sequence of 3 floats
        Lengths of a voxel along (z, y, x).
    unit : str, optional
        Of those, such as ``"micrometer"``.
    attributes : mapping, optional
        What else the image is to say.

    Returns
    -------
    generator
        Yields which share is written. If it is closed, nothing is left.

    Raises
    ------
    InputError
        If there is something already, no folder to write to, or the disk refuses.
    """
    total, done = sum(prod(level.shape) for level in levels), 0
    with folder_in_staging(path) as folder:
        folder.mkdir()
        _write_json(folder, _group(path, levels, spacing, unit, attributes or {}))
        for number, level in enumerate(levels):
            for voxels in _written(folder / str(number), level):
                done += voxels
                yield done / total


def _group(
    path: Path,
    levels: Sequence[Any],
    spacing: Sequence[float],
    unit: str | None,
    attributes: Mapping[str, Any],
) -> dict[str, Any]:
    datasets = []
    for number, level in enumerate(levels):
        step = np.array(levels[0].shape) / np.array(level.shape)
        placed = [
            {"type": "scale", "scale": (step * spacing).tolist()},
            {"type": "translation", "translation": ((step - 1) / 2 * spacing).tolist()},
        ]
        datasets.append({"path": str(number), "coordinateTransformations": placed})
    axis = {"type": "space", **({"unit": unit} if unit else {})}
    image = {
        "name": path.name.split(".")[0],
        "axes": [{"name": name, **axis} for name in _NAMES],
        "datasets": datasets,
    }
    said = {**attributes, "ome": {"version": VERSION, "multiscales": [image]}}
    return {"zarr_format": 3, "node_type": "group", "attributes": said}


def _written(folder: Path, level: Any) -> Generator[int, None, None]:
    """Write one array, and yield how many voxels were written."""
    dtype = np.dtype(level.dtype)
    chunk = [min(_CHUNK, int(length)) for length in level.shape]
    folder.mkdir()
    _write_json(
        folder,
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": [int(length) for length in level.shape],
            "data_type": dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": False if dtype.kind == "b" else 0,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "gzip", "configuration": {"level": 1}},
            ],
            "dimension_names": list(_NAMES),
            "attributes": {},
        },
    )
    source = Window(level) if is_lazy(level) else level
    counts = [-(-int(length) // side) for length, side in zip(level.shape, chunk, strict=True)]

    def write(index: tuple[int, ...]) -> int:
        box = tuple(slice(k * n, (k + 1) * n) for k, n in zip(index, chunk, strict=True))
        values: NDArray[Any] = np.asarray(source[box])
        if values.any():
            whole = np.zeros(chunk, dtype.newbyteorder("<"))
            whole[tuple(slice(n) for n in values.shape)] = values
            file = folder.joinpath("c", *map(str, index))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(whole.tobytes(), 1, mtime=0))
        return values.size

    places = list(product(*map(range, counts)))
    with ThreadPoolExecutor(_TOGETHER) as threads:
        for first in range(0, len(places), _TOGETHER):
            yield sum(threads.map(write, places[first : first + _TOGETHER]))


def _write_json(folder: Path, document: Mapping[str, Any]) -> None:
    (folder / "zarr.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
