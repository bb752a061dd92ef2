"""Arrays of Zarr that somebody has made: opened and read by zarr, but only within bounds.

Who made them is not known. What is read is regular files, links to such included, which are no
larger, and expand to no more, than the chunks that the metadata name. Codecs that run code, or of
which is not known how far they expand, are refused.
"""

from __future__ import annotations

import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .expansion import ChunkBounds, ShardIndex
from .json_files import json_in
from .memory import USUAL_IMAGE_BYTES, most_image_bytes

METADATA = "Zarr metadata"
# Chunks are often padded; beyond so much more than they should hold, they are refused.
SPARE_BYTES = 2**16
_SHARDS = "sharding_indexed"
_COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
_FILTERS = {"delta", "fixedscaleoffset", "shuffle", "astype", "bitround", "quantize", "packbits"}
_FILTERS |= {"crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"}
_CODECS = {"bytes", "transpose", "crc32c", "gzip", "zstd", "blosc"}
# Zarr 2 calls them so, and Zarr 3 by that name after this.
_NUMCODECS = "numcodecs."
_CODECS |= {_NUMCODECS + name for name in _COMPRESSORS | _FILTERS}
# Without a header, which tells how far it expands.
_RAW_LZMA = 3
_KINDS = {"bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_KINDS |= {"float16", "float32", "float64"}
_CRC_BYTES = 4
# Of whatever else there is: it is read for nothing but to be refused.
_WIDEST = 16


def opened_array(folder: Path) -> Any:
    """Return the zarr array in a folder.

    Raises
    ------
    InputError
        If zarr is not installed, or there is no array that may be read.
    """
    try:
        import zarr

        from .zarr_store import BoundedStore
    except ImportError as error:
        raise InputError(
            "OME-Zarr images are read by zarr: pip install 'napari-ecc-align[zarr]'"
        ) from error
    bounds = chunk_bounds(folder)
    try:
        with warnings.catch_warnings():
            # That others may not know a codec is of no use to who reads it.
            warnings.filterwarnings("ignore", "Numcodecs codecs are not in the Zarr")
            return zarr.open_array(BoundedStore(folder, bounds), mode="r")
    # zarr has errors of its own for each way in which metadata can be wrong.
    except Exception as error:
        raise _unreadable(f"the array {folder}", error) from error


def part_of(array: Any, index: tuple[Any, ...], name: object) -> NDArray[Any]:
    """Return a part of an array that was opened here; raise `InputError` if it cannot be read."""
    try:
        return np.asarray(array[index])
    # Whatever the codecs of a damaged chunk raise.
    except Exception as error:
        raise _unreadable(str(name), error) from error


def chunk_bounds(folder: Path) -> ChunkBounds:
    """Return how large what is stored of the array in a folder may be, by its metadata.

    Raises
    ------
    InputError
        If there is no array, its chunks are larger than an image may be, or it is stored in a way
        of which that is not known.
    """
    if not folder.is_dir():
        raise InputError(f"there is no array {folder}")
    is_third = (folder / "zarr.json").exists()
    document, _ = json_in(folder / ("zarr.json" if is_third else ".zarray"), METADATA)
    try:
        read, bounds = (_of_zarr_3 if is_third else _of_zarr_2)(document)
    except InputError as error:
        raise InputError(f"the array {folder} {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{folder} holds no array that can be used: {error!r:.200}") from error
    if read < 1 or read > max(most_image_bytes(), USUAL_IMAGE_BYTES):
        raise InputError(
            f"the array {folder} has chunks of {read:,} bytes, none or too many; save it anew"
        )
    return bounds


def _of_zarr_2(document: dict[str, Any]) -> tuple[int, ChunkBounds]:
    """Return the bytes that are read at once, and how large what is stored may be."""
    packed, filters = document.get("compressor"), document.get("filters")
    compression = "" if packed is None else str(packed["id"])
    _check_known([compression] if compression else [], _COMPRESSORS)
    _check_lzma(packed or {})
    _check_known([str(each["id"]) for each in filters or ()], _FILTERS)
    chunk = _bytes(document["chunks"], np.dtype(document["dtype"]).itemsize)
    return chunk, ChunkBounds(compression, _with_spare(chunk))


def _of_zarr_3(document: dict[str, Any]) -> tuple[int, ChunkBounds]:
    kind, codecs = document["data_type"], document["codecs"]
    size = np.dtype(kind).itemsize if isinstance(kind, str) and kind in _KINDS else _WIDEST
    shape = document["chunk_grid"]["configuration"]["chunk_shape"]
    chunk = _bytes(shape, size)
    names = [str(each["name"]) for each in codecs]
    if _SHARDS not in names:
        return chunk, ChunkBounds(_compression(codecs), _with_spare(chunk))
    # Many chunks in a file, each read by itself.
    _check_known(names, {"transpose", "bytes", _SHARDS})
    inner = codecs[names.index(_SHARDS)]["configuration"]
    read = _bytes(inner["chunk_shape"], size)
    if min(chunk, read) < 1:
        return 0, ChunkBounds("", 0)
    index = ShardIndex(
        chunk // read,
        16 * (chunk // read) + _CRC_BYTES * _is_checked(inner["index_codecs"]),
        inner.get("index_location") == "start",
        _with_spare(chunk),
    )
    return read, ChunkBounds(_compression(inner["codecs"]), _with_spare(read), index)


def _compression(codecs: list[dict[str, Any]]) -> str:
    """Return by what a piece is compressed as a whole, by the name that Zarr 2 has for it."""
    names = [str(each["name"]) for each in codecs]
    _check_known(names, _CODECS)
    short = [name.removeprefix(_NUMCODECS) for name in names]
    found = [name for name in short if name in _COMPRESSORS]
    if len(found) > 1:
        raise InputError("is compressed more than once; save it anew")
    if not found:
        return ""
    at = short.index(found[0])
    _check_lzma(codecs[at].get("configuration") or {})
    # It has to be the compressed data that a stored piece begins with.
    _check_known(names[at + 1 :], {"crc32c"})
    return found[0]


def _is_checked(codecs: list[dict[str, Any]]) -> bool:
    """Tell whether a sum follows the index of a shard, which must be stored as it is."""
    names = [str(each["name"]) for each in codecs]
    if names[:1] != ["bytes"] or codecs[0].get("configuration", {}).get("endian") != "little":
        raise InputError("has an index of shards that is not little-endian bytes; save it anew")
    _check_known(names[1:], {"crc32c"})
    return len(names) > 1


def _check_lzma(configuration: dict[str, Any]) -> None:
    if configuration.get("format") == _RAW_LZMA:
        _check_known(["lzma without a header"], _COMPRESSORS)


def _with_spare(chunk: int) -> int:
    return 2 * chunk + SPARE_BYTES


def _bytes(shape: Any, size: int) -> int:
    lengths = [int(length) for length in shape]
    return prod(lengths) * size if min(lengths, default=0) > 0 else 0


def _check_known(names: list[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(
                f"is stored by {name!r:.60}, of which is not known how far it expands; save it "
                "with blosc, gzip or zstd"
            )


def _unreadable(what: str, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    return InputError(f"cannot read {what}: {error or type(error).__name__}")
