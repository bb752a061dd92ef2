"""Zarr arrays and fields that somebody has made to hang, to run code or to fill the memory."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from hostile_zarr import AXES, IMAGE, LARGE, PACKED, SINGLE, UNIT, group, peak, stored
from napari_ecc_align import Field, InputError, load_fields, read_image
from napari_ecc_align._common.expansion import expands_to
from napari_ecc_align._common.memory import IMAGE_BYTES, expanded


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
