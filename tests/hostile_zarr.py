"""Zarr images made by hand, and how much memory reading one takes."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import numcodecs
import numpy as np

LARGE = 2**27
IMAGE = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
AXES = [{"name": name, "type": "space"} for name in "yx"]
UNIT = {"type": "scale", "scale": [1, 1]}


def group(path: Path, steps: object = None, **image: object) -> Path:
    """Write the metadata of an OME-Zarr image of version 0.5, without its array."""
    one = {"axes": AXES, "datasets": [{"path": "0", "coordinateTransformations": [UNIT]}], **image}
    if steps is not None:
        one["datasets"] = [{"path": "0", "coordinateTransformations": steps}]
    attributes = {"ome": {"version": "0.5", "multiscales": [one]}}
    path.mkdir()
    (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "attributes": attributes}))
    return path


def stored(path: Path, codec: str, **more: object) -> Path:
    """Write an image with one chunk, and return where that is."""
    codecs = {"gzip": {"level": 1}, "zstd": {"level": 1, "checksum": False}, "blosc": BLOSC}
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [40, 50],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [40, 50]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": codec, "configuration": codecs.get(codec, {})},
        ],
        "attributes": {},
        **more,
    }
    chunk = group(path) / "0" / "c" / "0" / "0"
    chunk.parent.mkdir(parents=True)
    (path / "0" / "zarr.json").write_text(json.dumps(document))
    return chunk


SINGLE = {"name": "regular", "configuration": {"chunk_shape": [1, 1, 1]}}
BLOSC = {"cname": "lz4", "clevel": 1, "shuffle": "noshuffle", "typesize": 2, "blocksize": 0}
PACKED = {
    "gzip": lambda data: gzip.compress(data, 9),
    "zstd": numcodecs.Zstd(9).encode,
    "blosc": numcodecs.Blosc("zstd").encode,
}


def peak(act: object) -> int:
    """Return how many bytes Python and NumPy had at most while a function ran."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
