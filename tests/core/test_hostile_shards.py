"""Shards and codecs of Zarr: what ordinary writers use is read, and expands to what it says."""

from __future__ import annotations

import bz2
import json
import lzma
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr

from hostile_zarr import AXES, IMAGE, LARGE, PACKED, UNIT, group, peak, stored
from napari_ecc_align import InputError, read_image
from napari_ecc_align._common.expansion import expands_to
from napari_ecc_align._common.zarr_arrays import opened_array


def test_what_is_stored_in_shards_is_read(tmp_path):
    path = group(tmp_path / "a.zarr")
    made = zarr.create_array(
        path / "0", shape=IMAGE.shape, dtype="uint16", chunks=(10, 10), shards=(20, 50)
    )
    made[...] = IMAGE
    np.testing.assert_array_equal(read_image(path), IMAGE)


def crc32c(data: bytes) -> int:
    """Return the sum that follows an index."""
    found = 0xFFFFFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ 0x82F63B78 * (found & 1)
    return found ^ 0xFFFFFFFF


def sharded(path, values, codec, place="end"):
    """Write an image in one shard, as zarr does, and return where that is."""
    image = group(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = zarr.create_array(
            image / "0",
            shape=values.shape,
            dtype=values.dtype,
            chunks=tuple(length // n for length, n in zip(values.shape, (4, 5), strict=True)),
            shards={"shape": values.shape, "index_location": place},
            compressors=codec,
        )
        made[...] = values
    return image / "0" / "c" / "0" / "0"


SHARD_CODECS = {
    "gzip": zarr.codecs.GzipCodec(),
    "zstd": zarr.codecs.ZstdCodec(),
    "blosc": zarr.codecs.BloscCodec(cname="lz4"),
}


def with_bomb(shard: Path, bomb: bytes, count: int, at_start: bool) -> None:
    """Put a bomb in the place of the last of the chunks of a shard."""
    data = shard.read_bytes()
    size = 16 * count + 4
    index = bytearray(data[:size] if at_start else data[-size:])
    body = data[size:] if at_start else data[:-size]
    begin = len(data) if at_start else len(body)
    struct.pack_into("<QQ", index, 16 * (count - 1), begin, len(bomb))
    index[-4:] = struct.pack("<I", crc32c(index[:-4]))
    shard.write_bytes(index + body + bomb if at_start else body + bomb + index)


@pytest.mark.parametrize("codec", SHARD_CODECS)
@pytest.mark.parametrize("place", ["start", "end"])
@pytest.mark.parametrize(
    "part", [np.s_[...], np.s_[175:, 225:], np.s_[120:, 60:]], ids=["all", "one", "some"]
)
def test_no_chunk_of_a_shard_expands_further_than_its_metadata_say(tmp_path, codec, place, part):
    """All of a shard is read at once, or the index and then some of the chunks."""
    values = np.random.default_rng(0).integers(0, 99, (200, 250), np.uint16)
    shard = sharded(tmp_path / "a.zarr", values, SHARD_CODECS[codec], place)
    array = opened_array(tmp_path / "a.zarr" / "0")
    np.testing.assert_array_equal(array[...], values)
    np.testing.assert_array_equal(array[part], values[part])
    with_bomb(shard, PACKED[codec](bytes(LARGE)), 20, place == "start")
    array = opened_array(tmp_path / "a.zarr" / "0")
    np.testing.assert_array_equal(array[:150, :200], values[:150, :200])

    def read() -> None:
        with pytest.raises(InputError, match="far more than its metadata say"):
            array[part]

    assert peak(read) < LARGE / 8


def test_shards_whose_index_is_packed_or_lies_are_refused(tmp_path):
    values = IMAGE
    sharded(tmp_path / "a.zarr", values, SHARD_CODECS["zstd"])
    path = tmp_path / "a.zarr" / "0" / "zarr.json"
    document = json.loads(path.read_text())
    inner = document["codecs"][0]["configuration"]
    inner["index_codecs"].append({"name": "gzip", "configuration": {"level": 1}})
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="'gzip', of which is not known"):
        read_image(tmp_path / "a.zarr")
    inner["index_codecs"] = [{"name": "bytes", "configuration": {"endian": "big"}}]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="not little-endian bytes"):
        read_image(tmp_path / "a.zarr")
    inner["index_codecs"] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    inner["chunk_shape"] = [0, 10]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="chunks of 0 bytes"):
        read_image(tmp_path / "a.zarr")


# Beyond what is expanded at a time; some of these take long to pack more.
SLOWLY = 2**25
WRITERS = {
    "zlib": numcodecs.Zlib(),
    "gzip": numcodecs.GZip(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "lz4": numcodecs.LZ4(),
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc("zstd"),
    "none": None,
}
FILTERS = {
    "delta": [numcodecs.Delta("<u2")],
    "shuffle": [numcodecs.Shuffle(2)],
    "sum": [numcodecs.CRC32()],
    "sum by Adler": [numcodecs.Adler32()],
    "fixed": [numcodecs.FixedScaleOffset(0, 1, "<u2", "<u4")],
    "none": None,
}


@pytest.mark.parametrize(
    ("compressor", "filters"),
    [*((name, "none") for name in WRITERS), *(("zstd", name) for name in FILTERS)],
)
def test_what_ordinary_writers_of_zarr_2_use_is_read(tmp_path, compressor, filters):
    path = tmp_path / "a.zarr"
    image = zarr.open_group(path, mode="w", zarr_format=2)
    levels = [{"path": "0", "coordinateTransformations": [UNIT]}]
    image.attrs["multiscales"] = [{"version": "0.4", "axes": AXES, "datasets": levels}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = image.create_array(
            "0",
            shape=IMAGE.shape,
            chunks=(30, 30),
            dtype="<u2",
            compressors=WRITERS[compressor],
            filters=FILTERS[filters],
        )
        made[...] = IMAGE
    np.testing.assert_array_equal(read_image(path), IMAGE)
    if compressor == "none":
        return
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.write_bytes(WRITERS[compressor].encode(bytes(SLOWLY)))
    with pytest.raises(InputError, match="far more than its metadata say"):
        read_image(path)


@pytest.mark.parametrize("name", ["BZ2", "LZMA", "LZ4", "Zlib", "Zstd", "Blosc"])
def test_codecs_that_zarr_3_has_of_zarr_2_are_read(tmp_path, name):
    """`zarr.codecs.numcodecs`, or `numcodecs.zarr3`, gives them names after `numcodecs.`."""
    known = pytest.importorskip("zarr.codecs.numcodecs")
    image = group(tmp_path / "a.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codec = getattr(known, name)()
        filters = [known.Delta(dtype="uint16"), known.Shuffle(elementsize=2)]
        made = zarr.create_array(
            image / "0",
            shape=IMAGE.shape,
            dtype="uint16",
            chunks=(30, 30),
            filters=filters[:1],
            compressors=[filters[1], codec],
        )
        made[...] = IMAGE
    np.testing.assert_array_equal(read_image(image), IMAGE)
    (image / "0" / "c" / "1" / "1").write_bytes(getattr(numcodecs, name)().encode(bytes(SLOWLY)))
    with pytest.raises(InputError, match="far more than its metadata say"):
        read_image(image)


def test_a_sum_before_what_is_compressed_hides_nothing(tmp_path):
    """What is stored would not begin with compressed data, of which the size is told."""
    codecs = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        {"name": "numcodecs.crc32", "configuration": {}},
    ]
    stored(tmp_path / "a.zarr", "zstd", codecs=codecs).write_bytes(b"")
    with pytest.raises(InputError, match=r"'numcodecs\.crc32', of which is not known"):
        read_image(tmp_path / "a.zarr")


def test_lzma_without_a_header_is_refused(tmp_path):
    image = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    levels = [{"path": "0", "coordinateTransformations": [UNIT]}]
    image.attrs["multiscales"] = [{"version": "0.4", "axes": AXES, "datasets": levels}]
    raw = numcodecs.LZMA(format=3, filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}])
    image.create_array("0", shape=(8, 8), chunks=(8, 8), dtype="<u2", compressors=raw)
    with pytest.raises(InputError, match="without a header"):
        read_image(tmp_path / "a.zarr")


def test_data_of_several_streams_are_told_whole():
    """Of a frame that is small, and one after it that is not."""
    for codec, pack in (("bz2", bz2.compress), ("lzma", lzma.compress)):
        assert expands_to(pack(b"one") + pack(bytes(10**6)), codec, 2 * 10**6) == 10**6 + 3
        assert expands_to(pack(b"one") + pack(bytes(10**7)), codec, 10**6) > 10**6
        assert expands_to(pack(b"one")[:-4], codec, 10) <= 3
        assert expands_to(b"neither", codec, 10) == 0
    zstd = numcodecs.Zstd(1, checksum=True)
    skipped = struct.pack("<II", 0x184D2A53, 3) + b"abc"
    two = zstd.encode(b"one") + skipped + zstd.encode(bytes(10**6))
    assert expands_to(two, "zstd", 10) == 10**6 + 3
    large = lzma.compress(b"one", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**30}])
    assert expands_to(large, "lzma", 100) > 100


def test_codecs_that_run_code_are_refused(tmp_path):
    path = tmp_path / "a.zarr"
    path.mkdir()
    levels = [{"path": "0", "coordinateTransformations": [UNIT]}]
    image = {"multiscales": [{"axes": AXES, "datasets": levels}]}
    (path / ".zattrs").write_text(json.dumps(image))
    (path / "0").mkdir()
    array = {"zarr_format": 2, "shape": [8, 8], "chunks": [8, 8], "dtype": "|u1"}
    array |= {"fill_value": 0, "order": "C", "compressor": None, "filters": [{"id": "pickle"}]}
    (path / "0" / ".zarray").write_text(json.dumps(array))
    (path / "0" / "0.0").write_bytes(pickle.dumps(np.ones((8, 8), np.uint8)))
    with pytest.raises(InputError, match="'pickle', of which is not known"):
        read_image(path)
    array |= {"filters": [{"id": "delta", "dtype": "|u1"}], "compressor": {"id": "zlib"}}
    (path / "0" / ".zarray").write_text(json.dumps(array))
    differences = np.r_[3, np.ones(63)].astype(np.uint8)
    (path / "0" / "0.0").write_bytes(zlib.compress(differences.tobytes()))
    assert read_image(path).ravel().tolist() == list(range(3, 67))
