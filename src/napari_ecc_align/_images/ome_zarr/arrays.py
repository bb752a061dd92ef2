"""Zarr arrays in another place, without their pixels being touched: linked, or copied."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..._common.json_files import json_in
from ..._common.zarr_arrays import METADATA

_OWN = (".zarray", ".zattrs", "zarr.json")
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")


def link_array(source: Path, target: Path, place: Path, zarr_format: int, *, copy: bool) -> None:
    """Make an array of Zarr 3 of one of Zarr 2 or 3, whose chunks are links to those of the other.

    Parameters
    ----------
    source, target : Path
        The array's folder, and the one to make.
    place : Path
        Where the new one will be moved to before it is used: links are relative to that.
    zarr_format : int
        Of the source.
    copy : bool
        Copy instead.

    Raises
    ------
    InputError
        If there is no such array, or Zarr 3 knows no way to say how it is stored.
    """
    if zarr_format == 3:
        if not (source / "zarr.json").is_file():
            raise InputError(f"there is no array {source}")
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target, place, copy=copy)
        return
    document, _ = json_in(source / ".zarray", METADATA)
    target.mkdir(parents=True)
    try:
        said = json.dumps(_array_of_zarr_2(document), indent=2)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{source} is stored in a way that OME-NGFF 0.6 has no words for ({error}); write it "
            "again as version 0.5 or later"
        ) from error
    (target / "zarr.json").write_text(said + "\n", "utf-8")
    for entry in source.iterdir():
        if entry.name not in _OWN:
            _link(entry, target / entry.name, place / entry.name, copy=copy)


def _link(source: Path, target: Path, place: Path, *, copy: bool) -> None:
    if not copy:
        try:
            start = place.parent.resolve()
            target.symlink_to(os.path.relpath(source.resolve(), start), source.is_dir())
            return
        except (OSError, ValueError):
            # Windows without the right to make links, or another drive.
            pass
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _array_of_zarr_2(document: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of Zarr 3 that describe the chunks of an array of Zarr 2."""
    dtype = np.dtype(document["dtype"])
    if dtype.kind not in "biuf" or document.get("filters"):
        raise ValueError(f"dtype {document['dtype']}, filters {document.get('filters')}")
    codecs: list[dict[str, Any]] = []
    if document["order"] == "F":
        order = [*range(len(document["shape"]))][::-1]
        codecs.append({"name": "transpose", "configuration": {"order": order}})
    endian = {"endian": "big" if dtype.byteorder == ">" else "little"}
    codecs.append({"name": "bytes", **({"configuration": endian} if dtype.itemsize > 1 else {})})
    codecs.extend(_compression(document["compressor"], dtype.itemsize))
    fill = document["fill_value"]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": document["shape"],
        "data_type": dtype.newbyteorder("=").name,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": document["chunks"]},
        },
        "chunk_key_encoding": {
            "name": "v2",
            "configuration": {"separator": document.get("dimension_separator", ".")},
        },
        "fill_value": (False if dtype.kind == "b" else 0) if fill is None else fill,
        "codecs": codecs,
        "attributes": {},
    }


def _compression(said: dict[str, Any] | None, size: int) -> list[dict[str, Any]]:
    if said is None:
        return []
    name = said["id"]
    if name == "blosc":
        # An automatic shuffle is by bytes, of single bytes by bits.
        shuffle = said["shuffle"] if said["shuffle"] >= 0 else 1 + (size == 1)
        configuration = {
            "cname": said["cname"],
            "clevel": said["clevel"],
            "shuffle": _SHUFFLES[shuffle],
            "typesize": size,
            "blocksize": said.get("blocksize", 0),
        }
    elif name == "gzip":
        configuration = {"level": said["level"]}
    elif name == "zstd":
        configuration = {"level": said["level"], "checksum": bool(said.get("checksum", False))}
    else:
        raise ValueError(f"compressor {name}")
    return [{"name": name, "configuration": configuration}]
