"""Zarr arrays and fields that somebody has made to hang, to run code or to fill the memory."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr

from napari_ecc_align import Field, InputError, load_fields, read_image
from napari_ecc_align._common.expansion import expands_to
from napari_ecc_align._common.memory import IMAGE_BYTES, expanded
from napari_ecc_align._common.zarr_arrays import opened_array

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


@pytest.mark.parametrize("codec", PACKED)
def test_a_chunk_expands_no_further_than_its_metadata_say(tmp_path, codec):
    chunk = stored(tmp_path / "good.zarr", codec)
    chunk.write_bytes(PACKED[codec](IMAGE.tobytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "good.zarr"), IMAGE)
    chunk = stored(tmp_path / "bad.zarr", codec)
    chunk.write_bytes(PACKED[codec](bytes(LARGE)))

    def read() -> None:
        with pytest.raises(InputError, match="far more than its metadata say"):
            read_image(tmp_path / "bad.zarr")

    assert peak(read) < LARGE / 8


@pytest.mark.parametrize("codec", PACKED)
def test_how_far_data_expand_is_told_before(codec):
    values = np.random.default_rng(0).integers(0, 5, 3 * 2**20, np.uint8).tobytes()
    packed = PACKED[codec](values)
    found = expands_to(packed, codec, 2**22)
    # What is small enough as it is need not be looked at.
    assert found == len(values) or (codec == "gzip" and found == 0)
    assert expands_to(b"no such data", codec, 10) in (0, int.from_bytes(b"uch ", "little"))


def test_zstd_without_a_size_is_told_by_its_blocks():
    head = b"\x28\xb5\x2f\xfd\x00\x58"
    raw = struct.pack("<I", 5 << 3)[:3] + b"bytes"
    repeated = struct.pack("<I", 1 | 1 << 1 | (2**17 << 3))[:3] + b"r"
    assert expands_to(head + raw + repeated, "zstd", 10) == 5 + 2**17
    assert expands_to(b"\x28\xb5\x2f\xfd\x60\x10\x00", "zstd", 10) == 256 + 16


def test_gzip_of_several_members_is_expanded_whole():
    packed = gzip.compress(b"one ") + gzip.compress(b"two")
    assert expanded(packed, 7) == b"one two"
    with pytest.raises(ValueError, match="more than it says"):
        expanded(packed, 6)
    with pytest.raises(ValueError, match="cut off"):
        expanded(packed[:-3], 7)
    with pytest.raises(ValueError, match="damaged"):
        expanded(b"neither of the two", 7)


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices have no names there")
@pytest.mark.parametrize("what", ["pipe", "device", "loop"])
@pytest.mark.parametrize("place", ["0/c/0/0", "0/zarr.json", "zarr.json"])
def test_what_is_no_regular_file_is_never_opened(tmp_path, what, place):
    path = tmp_path / "a.zarr"
    stored(path, "gzip").write_bytes(PACKED["gzip"](IMAGE.tobytes()))
    (path / place).unlink()
    if what == "pipe":
        os.mkfifo(path / place)
    else:
        (path / place).symlink_to({"device": "/dev/zero", "loop": "0"}[what])
    with pytest.raises(InputError):
        read_image(path)


def test_a_link_to_a_chunk_is_read(tmp_path):
    chunk = stored(tmp_path / "a.zarr", "gzip")
    (tmp_path / "elsewhere").write_bytes(PACKED["gzip"](IMAGE.tobytes()))
    chunk.symlink_to(tmp_path / "elsewhere")
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr"), IMAGE)


def test_chunks_larger_than_an_image_are_refused(tmp_path):
    large = {"name": "regular", "configuration": {"chunk_shape": [10**5, 10**5]}}
    stored(tmp_path / "a.zarr", "gzip", chunk_grid=large)
    with pytest.raises(InputError, match=r"chunks of 20,000,000,000 bytes"):
        read_image(tmp_path / "a.zarr")


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
@pytest.mark.parametrize("whole", [True, False])
def test_no_chunk_of_a_shard_expands_further_than_its_metadata_say(tmp_path, codec, place, whole):
    """All of a shard is read at once, or the index and then some of the chunks."""
    values = np.random.default_rng(0).integers(0, 99, (200, 250), np.uint16)
    shard = sharded(tmp_path / "a.zarr", values, SHARD_CODECS[codec], place)
    array = opened_array(tmp_path / "a.zarr" / "0")
    np.testing.assert_array_equal(array[...], values)
    np.testing.assert_array_equal(array[175:, 225:], values[175:, 225:])
    with_bomb(shard, PACKED[codec](bytes(LARGE)), 20, place == "start")
    array = opened_array(tmp_path / "a.zarr" / "0")
    np.testing.assert_array_equal(array[:150, :200], values[:150, :200])

    def read() -> None:
        with pytest.raises(InputError, match="far more than its metadata say"):
            array[...] if whole else array[175:, 225:]

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
        chunk.write_bytes(WRITERS[compressor].encode(bytes(LARGE)))
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
    (image / "0" / "c" / "1" / "1").write_bytes(getattr(numcodecs, name)().encode(bytes(LARGE)))
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


def deep(levels: int) -> list:
    step = UNIT
    for _ in range(levels):
        step = {"type": "sequence", "transformations": [step]}
    return [step]


@pytest.mark.parametrize(
    "more",
    [
        {"steps": [{"type": "scale", "scale": [10**400, 1]}]},
        {"steps": [{"type": "scale", "scale": [1e308, 1]}] * 2},
        {"steps": deep(300)},
        {"axes": [{"name": ["y"], "type": "space"}, AXES[1]]},
        {"axes": [{"type": "space"}, AXES[1]]},
        {"axes": [{**AXES[0], "unit": {}}, AXES[1]]},
        {"datasets": [{"path": "", "coordinateTransformations": [UNIT]}]},
        {"datasets": [{"path": "a\0b", "coordinateTransformations": [UNIT]}]},
        {"datasets": [{"path": "../b/0", "coordinateTransformations": [UNIT]}]},
    ],
)
def test_metadata_that_cannot_be_meant_are_refused_in_words(tmp_path, more):
    with pytest.raises(InputError, match="no OME-Zarr image that can be used"):
        read_image(group(tmp_path / "a.zarr", **more))


def field(path: Path, shape: tuple[int, ...], dtype: str = "f2", filled: bool = True) -> Path:
    """Write an archive of a field of zeros, whose values may be missing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in (("matrix", np.eye(3)), ("rows", [0, 1]), ("columns", [0, 1])):
            buffer = io.BytesIO()
            np.save(buffer, np.array(values, float))
            archive.writestr(f"{name}.npy", buffer.getvalue())
        head = io.BytesIO()
        form = {"descr": f"<{dtype}", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, form)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        archive.writestr("coefficients.npy", head.getvalue() + bytes(size * filled))
    return path


def in_json(path: Path) -> Path:
    document = {"format": "napari-ecc-align field", "version": 1}
    document["field"] = base64.b64encode(path.read_bytes()).decode()
    (path.with_suffix(".json")).write_text(json.dumps(document))
    return path.with_suffix(".json")


def test_a_field_is_no_larger_than_an_image_may_be(tmp_path, monkeypatch):
    made = field(tmp_path / "a.npz", (1000, 1000, 2))
    assert np.allclose(Field.load(made)([(3.0, 4.0)]), (3, 4))
    monkeypatch.setenv(IMAGE_BYTES, "1e7")

    def load() -> None:
        for path, read in ((made, Field.load), (in_json(made), Field.load), (made, load_fields)):
            with pytest.raises(InputError, match=f"10,000,000 bytes.*{IMAGE_BYTES}"):
                read(path)

    assert peak(load) < 10**7
    claims = field(tmp_path / "claims.npz", (10**6, 10**6, 2), filled=False)
    with pytest.raises(InputError, match="larger than they can be"):
        Field.load(claims)


@pytest.mark.parametrize(
    ("size", "compressed", "why"),
    [
        ("64 64", True, "more than it says"),
        ("1000000 1000000", False, "1000000 x 1000000 vectors"),
        (f"{10**400} 3", False, "vectors"),
        ("-1 -1", False, "-1 x -1 vectors"),
    ],
)
def test_a_metaimage_holds_what_it_says(tmp_path, size, compressed, why):
    head = f"ObjectType = Image\nNDims = 2\nCompressedData = {compressed}\nDimSize = {size}\n"
    head += "ElementNumberOfChannels = 2\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    path = tmp_path / "a.mha"
    path.write_bytes(head.encode() + zlib.compress(bytes(LARGE), 1))

    def load() -> None:
        with pytest.raises(InputError, match=why):
            Field.load(path)

    assert peak(load) < LARGE / 8


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2, 10**400, 3]},
        {"fill_value": 10**400},
        {"shape": [2, 5000, 5000], "chunk_grid": SINGLE},
    ],
)
def test_a_field_in_a_zarr_is_looked_at_before_it_is_read(tmp_path, change):
    path = tmp_path / "a.zarr"
    Field.from_displacements(np.full((30, 30, 2), 0.5)).save(path)
    array = path / "coordinateTransformations" / "displacements" / "s0" / "zarr.json"
    document = json.loads(array.read_text())
    array.write_text(json.dumps({**document, **change}))
    with pytest.raises(InputError, match="holds no usable field"):
        Field.load(path)
    array.write_text("[" * 100_000)
    with pytest.raises(InputError, match="holds no usable field"):
        Field.load(path)
    array.write_text(json.dumps(document))
    (array.parent / "c" / "0" / "0" / "0").write_bytes(gzip.compress(bytes(LARGE), 1))

    def load() -> None:
        with pytest.raises(InputError, match="more than it says"):
            Field.load(path)

    assert peak(load) < LARGE / 8
