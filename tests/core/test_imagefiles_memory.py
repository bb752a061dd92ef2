"""Files that would take more memory than their headers say, or than an image may."""

import gzip
import lzma
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile

from napari_ecc_align._common.errors import InputError
from napari_ecc_align._common.memory import IMAGE_BYTES, whole_file
from napari_ecc_align._images.files.film import opened_film
from napari_ecc_align._images.files.images import (
    read_file,
    read_image,
    write_file,
    write_image,
)
from napari_ecc_align._images.files.origin import read_origin

MEGABYTE = 2**20


def expanding_tiff(path, megabytes, compression):
    """Write a TIFF that claims 64 x 64 pixels and whose strip holds so many megabytes."""
    packer = zlib.compressobj(1) if compression == 8 else lzma.LZMACompressor(preset=0)
    data = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)) + packer.flush()
    data += b"\0" * (len(data) % 2)
    entries = [(256, 64), (257, 64), (258, 8), (259, compression), (262, 1), (273, 8), (277, 1)]
    entries += [(278, 64), (279, len(data))]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    path.write_bytes(head + data + struct.pack("<H", len(entries)) + packed + b"\0" * 4)


@pytest.mark.parametrize("compression", [8, 34925])
def test_a_strip_is_expanded_no_further_than_its_header_says(tmp_path, compression):
    path = tmp_path / "a.tif"
    expanding_tiff(path, 100, compression)
    code = (
        "import resource, sys\n"
        "from napari_ecc_align import InputError, read_image\n"
        "import tifffile\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_image(sys.argv[1])\n"
        "except InputError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    pytest.importorskip("resource")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, env=environment
    )
    said, grown = done.stdout.splitlines()
    assert "more than its header says" in said
    assert int(grown) < 50 * 1024, "of the 100 MB that the strip expands to"


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
@pytest.mark.parametrize("tile", [None, (64, 64)])
@pytest.mark.parametrize("dtype", ["uint8", "float64", "bool"])
def test_what_is_as_large_as_it_says_is_read(tmp_path, compression, tile, dtype):
    image = (np.add.outer(np.arange(150), np.arange(210)) % 2).astype(dtype)
    if dtype == "bool" and tile:
        pytest.skip("tifffile writes no such")
    options = {"compression": compression, "tile": tile, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


def test_a_frame_of_a_film_is_expanded_no_further(tmp_path):
    path = tmp_path / "a.tif"
    pages = [np.zeros((64, 64), np.uint8), np.ones((64, 64), np.uint8)]
    tifffile.imwrite(path, np.stack(pages), compression="zlib", rowsperstrip=64)
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[1]
        at, count = page.tags["StripOffsets"], page.tags["StripByteCounts"]
        places = at.valueoffset, count.valueoffset
    expanded = zlib.compress(bytes(100 * MEGABYTE), 1)
    content = bytearray(path.read_bytes())
    for place, value in zip(places, (len(content), len(expanded)), strict=True):
        struct.pack_into("<I", content, place, value)
    path.write_bytes(content + expanded)
    with opened_film(path) as film:
        assert not film[0].any()
        with pytest.raises(InputError, match="more than its header says"):
            film[1]


def test_the_limit_can_be_set(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, np.zeros((100, 100, 4), np.uint16))
    monkeypatch.setenv(IMAGE_BYTES, "8e4")
    assert read_image(path).nbytes == 80_000
    monkeypatch.setenv(IMAGE_BYTES, "79999")
    with pytest.raises(InputError, match=f"100 x 100 pixels of 8 bytes.*{IMAGE_BYTES}"):
        read_image(path)
    monkeypatch.setenv(IMAGE_BYTES, "plenty")
    with pytest.raises(InputError, match=f"{IMAGE_BYTES} must be a number"):
        read_image(path)


def png(width, height, depth, colour, data, *extra):
    """Return a PNG of these bytes of pixels, compressed, and more chunks before them."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", head), *extra, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_sixteen_bits_of_four_channels_are_counted(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(16_000, 16_000, 16, 6, zlib.compress(bytes(1000))))
    with pytest.raises(InputError, match="16000 x 16000 pixels of 8 bytes"):
        read_image(path)


def test_libpng_says_nothing_on_the_terminal(tmp_path, capfd):
    rows = (b"\0" + bytes(range(60))) * 10
    profile = b"bad\0\0" + zlib.compress(bytes(200))
    path = tmp_path / "a.png"
    extra = (b"iCCP", profile), (b"gAMA", bytes(4))
    path.write_bytes(png(10, 10, 16, 2, zlib.compress(rows), *extra))
    assert read_image(path).shape == (10, 10, 3)
    assert capfd.readouterr() == ("", "")


def test_colours_of_sixteen_bits_keep_their_order(tmp_path):
    image = np.arange(4 * 5 * 4, dtype=np.uint16).reshape(4, 5, 4) * 701
    for channels in (3, 4):
        write_image(tmp_path / f"{channels}.png", image[..., :channels])
        np.testing.assert_array_equal(
            read_image(tmp_path / f"{channels}.png"), image[..., :channels]
        )


def test_a_file_larger_than_any_image_is_not_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(2 * 10**6 + 1)
    monkeypatch.setenv(IMAGE_BYTES, "1e6")
    with path.open("rb") as file, pytest.raises(InputError, match=r"2,000,001 bytes.*1,000,000"):
        whole_file(file, path)
    path.write_bytes(b"as it is")
    with path.open("rb") as file:
        assert whole_file(file, path) == b"as it is"


@pytest.mark.parametrize("compression", [1, 4, 5, 7, 8, 32773])
@pytest.mark.parametrize("what", ["strip", "text", "numbers"])
def test_what_a_sparse_file_claims_is_not_read(tmp_path, what, compression):
    path, large = tmp_path / "a.tif", 2**29
    entries = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 4, 1, 8), (259, 4, 1, compression)]
    entries += [(262, 4, 1, 1), (273, 4, 1, 8), (277, 4, 1, 1), (278, 4, 1, 64)]
    entries += [(279, 4, 1, large if what == "strip" else 100)]
    entries += {
        "strip": [],
        "text": [(305, 2, large, 8)],
        "numbers": [(65000, 16, large // 8, 8)],
    }[what]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + packed + bytes(4)
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 108) + zlib.compress(bytes(4096)).ljust(100) + directory
    )
    with path.open("r+b") as file:
        file.truncate(large + 1000)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"damaged|more than its header says"):
        read_image(path)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < large / 8


@pytest.mark.skipif(os.name == "nt", reason="pipes have no names there")
def test_a_pipe_that_ome_names_is_not_waited_for(tmp_path):
    head = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    plane = '<TiffData FirstT="{0}" IFD="0"><UUID FileName="{1}">urn:uuid:{0}</UUID></TiffData>'
    document = (
        f'{head}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
        'SizeX="20" SizeY="20" SizeZ="1" SizeC="1" SizeT="2"><Channel ID="Channel:0:0" '
        f'SamplesPerPixel="1"/>{plane.format(0, "a.ome.tif")}{plane.format(1, "b.ome.tif")}'
        "</Pixels></Image></OME>"
    )
    path = tmp_path / "a.ome.tif"
    pixels = np.arange(400, dtype=np.uint8).reshape(20, 20)
    tifffile.imwrite(path, pixels, description=document, metadata=None)
    os.mkfifo(tmp_path / "b.ome.tif")
    with pytest.raises(InputError, match=r"b\.ome\.tif is not a file"):
        read_image(path)
    with pytest.raises(InputError, match=r"b\.ome\.tif is not a file"), opened_film(path):
        pass
    # Real files that hold the rest are read.
    (tmp_path / "b.ome.tif").unlink()
    (tmp_path / "b.ome.tif").write_bytes(path.read_bytes())
    assert read_image(path).shape == (2, 20, 20)


@pytest.mark.parametrize("place", ["offset", "extension"])
def test_a_nifti_is_expanded_no_further_than_its_header_says(tmp_path, place):
    nibabel = pytest.importorskip("nibabel")
    header = bytearray(nibabel.Nifti1Image(np.zeros((8, 8, 8), np.uint8), np.eye(4)).to_bytes())
    struct.pack_into("<f", header, 108, 2.0**29)
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(100 * MEGABYTE), 1))
    read = read_image if place == "offset" else read_origin
    tracemalloc.start()
    with pytest.raises(InputError, match="begins only behind 536,870,912 bytes"):
        read(path)
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 10 * MEGABYTE


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e300])
def test_pixels_of_impossible_sizes_are_of_unknown_size(tmp_path, size):
    path = tmp_path / "a.ome.tif"
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    steps = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    tifffile.imwrite(path, pixels, ome=True, metadata=steps)
    file = read_file(path)
    assert file.grid.resolution is None
    write_file(tmp_path / "b.ome.tif", file)
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif"), pixels)
