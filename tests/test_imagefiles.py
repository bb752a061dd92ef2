import contextlib
import io
import logging
import os
import signal
import struct
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile, ImageOps

from napari_ecc_align.errors import InputError
from napari_ecc_align.imagefiles import (
    MAX_PIXELS,
    read_image,
    same_file,
    write_atomically,
    write_image,
)

INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "float32", "float64"]
COLOURS = [(), (3,), (4,)]


def picture(dtype="uint8", channels=(), shape=(37, 53), seed=0):
    values = np.random.default_rng(seed).random(shape + channels)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return values > 0.6
    if dtype.kind == "f":
        return (values * 3 - 1).astype(dtype)
    return (values * min(np.iinfo(dtype).max, 2**40)).astype(dtype)


def smooth(shape=(64, 96)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (127 + 60 * np.sin(rows / 9) + 60 * np.cos(columns / 7)).astype(np.uint8)


def check_same(found, expected):
    assert found.dtype == expected.dtype
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert found.flags.writeable
    np.testing.assert_array_equal(found, expected)


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if ".tmp-" in p.name)


class TestRoundTrip:
    @pytest.mark.parametrize(
        ("suffix", "dtype", "channels"),
        [
            (".png", "bool", ()),
            *((".png", d, c) for d in ("uint8", "uint16") for c in COLOURS),
            *((".tif", d, c) for d in INTEGERS + FLOATS for c in COLOURS),
            (".tiff", "bool", ()),
            (".PNG", "uint8", ()),
        ],
    )
    def test_lossless_formats_keep_everything(self, tmp_path, suffix, dtype, channels):
        image = picture(dtype, channels)
        write_image(tmp_path / f"a{suffix}", image)
        check_same(read_image(tmp_path / f"a{suffix}"), image)
        assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]

    @pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
    def test_jpeg_is_close(self, tmp_path, suffix):
        gray = smooth()
        for image in (gray, np.dstack([gray, gray[::-1], gray[:, ::-1]])):
            path = tmp_path / f"a{suffix}"
            write_image(path, image, overwrite=True)
            found = read_image(path)
            assert (found.shape, found.dtype) == (image.shape, np.uint8)
            assert np.abs(found.astype(int) - image).mean() < 1.5

    def test_not_a_number_is_kept(self, tmp_path):
        image = picture("float32")
        image[3:5, 7] = np.nan, np.inf
        write_image(tmp_path / "a.tif", image)
        check_same(read_image(tmp_path / "a.tif"), image)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_any_memory_layout_and_byte_order(self, tmp_path, suffix):
        image = picture("uint16", (3,))
        for number, strange in enumerate(
            (image[::-2, ::3], image.swapaxes(0, 1), image.astype(">u2"), np.asfortranarray(image))
        ):
            path = tmp_path / f"{number}{suffix}"
            write_image(path, strange)
            check_same(read_image(path), np.ascontiguousarray(strange, np.uint16))

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_hypothesis(self, tmp_path_factory, data):
        suffix, dtypes = data.draw(
            st.sampled_from([(".png", ["uint8", "uint16"]), (".tif", INTEGERS + FLOATS)])
        )
        side = st.integers(1, 20)
        shape = data.draw(st.tuples(side, side)) + data.draw(st.sampled_from(COLOURS))
        dtype = data.draw(st.sampled_from(dtypes))
        image = data.draw(hnp.arrays(dtype, shape))
        path = tmp_path_factory.mktemp("h") / f"a{suffix}"
        write_image(path, image)
        check_same(read_image(path), image)


class TestRead:
    def test_content_decides_not_the_suffix(self, tmp_path):
        image = picture()
        write_image(tmp_path / "a.png", image)
        (tmp_path / "a.png").rename(tmp_path / "a.jpg")
        check_same(read_image(str(tmp_path / "a.jpg")), image)

    @pytest.mark.parametrize("bigtiff", [False, True])
    @pytest.mark.parametrize("order", "<>")
    @pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
    def test_byte_orders_of_tiff(self, tmp_path, order, dtype, bigtiff):
        image = picture(dtype, (3,))
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, image, byteorder=order, bigtiff=bigtiff, photometric="rgb")
        check_same(read_image(path), image)

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", None])
    @pytest.mark.parametrize("channels", [(), (3,)])
    def test_codecs_of_tiff(self, tmp_path, compression, channels):
        image = picture("uint8", channels)
        Image.fromarray(image).save(tmp_path / "a.tif", compression=compression)
        check_same(read_image(tmp_path / "a.tif"), image)

    @pytest.mark.parametrize("compression", ["group3", "group4", "tiff_lzw", None])
    def test_bilevel_tiff_reads_as_it_looks(self, tmp_path, compression):
        image = picture("bool")
        for white in (0, 1):
            path = tmp_path / f"{white}.tif"
            shown = Image.fromarray(image)
            shown.save(path, compression=compression, tiffinfo={262: white})
            check_same(read_image(path), np.array(Image.open(path)))

    def test_zero_is_white(self, tmp_path):
        image = picture("uint16")
        tifffile.imwrite(tmp_path / "a.tif", image, photometric="miniswhite")
        check_same(read_image(tmp_path / "a.tif"), 65535 - image)

    def test_jpeg_in_tiff_and_its_colours(self, tmp_path):
        image = np.dstack([smooth(), smooth()[::-1], smooth()[:, ::-1]])
        Image.fromarray(image).save(tmp_path / "a.tif", compression="jpeg", quality=95)
        found = read_image(tmp_path / "a.tif")
        assert found.shape == image.shape
        assert np.abs(found.astype(int) - image).mean() < 4

    def test_tiles_and_planes_of_tiff(self, tmp_path):
        image = picture("uint16", (3,), shape=(80, 100))
        tifffile.imwrite(
            tmp_path / "a.tif", image, tile=(32, 32), compression="zlib", photometric="rgb"
        )
        check_same(read_image(tmp_path / "a.tif"), image)
        planes = np.moveaxis(image, -1, 0)
        tifffile.imwrite(tmp_path / "b.tif", planes, planarconfig="separate", photometric="rgb")
        check_same(read_image(tmp_path / "b.tif"), image)

    @pytest.mark.parametrize("kind", ["imagej", "ome"])
    def test_colour_as_channels(self, tmp_path, kind):
        image = picture("uint8", (3,))
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.moveaxis(image, -1, 0),
            metadata={"axes": "CYX"},
            photometric="minisblack",
            **{kind: True},
        )
        check_same(read_image(tmp_path / "a.tif"), image)

    def test_length_one_axes_are_dropped(self, tmp_path):
        image = picture("uint16", shape=(1, 53))
        tifffile.imwrite(tmp_path / "a.tif", image[np.newaxis], photometric="minisblack")
        check_same(read_image(tmp_path / "a.tif"), image)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_palette_becomes_colours(self, tmp_path, suffix):
        colours = np.random.default_rng(1).integers(0, 256, (16, 3), dtype=np.uint8)
        indices = np.random.default_rng(2).integers(0, 16, (20, 30), dtype=np.uint8)
        image = Image.fromarray(indices).convert("P")
        image.putpalette(colours.tobytes())
        image.save(tmp_path / f"a{suffix}")
        check_same(read_image(tmp_path / f"a{suffix}"), colours[indices])

    def test_palette_with_transparency(self, tmp_path):
        image = Image.fromarray(np.tile(np.arange(4, dtype=np.uint8), (5, 1))).convert("P")
        image.putpalette(bytes(range(12)))
        image.save(tmp_path / "a.png", transparency=bytes([0, 80, 255, 255]))
        found = read_image(tmp_path / "a.png")
        assert found.shape == (5, 4, 4)
        assert found[0, :, 3].tolist() == [0, 80, 255, 255]

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_gray_with_transparency(self, tmp_path, suffix):
        gray, alpha = picture(seed=1), picture(seed=2)
        Image.fromarray(np.dstack([gray, alpha])).save(tmp_path / f"a{suffix}")
        check_same(read_image(tmp_path / f"a{suffix}"), np.dstack([gray, gray, gray, alpha]))

    def test_cmyk_jpeg_becomes_rgb(self, tmp_path):
        Image.fromarray(smooth()).convert("CMYK").save(tmp_path / "a.jpg")
        assert read_image(tmp_path / "a.jpg").shape == (64, 96, 3)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".lzw.tif"])
    def test_orientation(self, tmp_path, suffix, orientation):
        path = tmp_path / f"a{suffix}"
        image = Image.fromarray(smooth((24, 40)))
        image.getexif()[274] = orientation
        options = {"compression": "tiff_lzw"} if suffix == ".lzw.tif" else {"quality": 98}
        image.save(path, exif=image.getexif(), **options)
        expected = np.array(ImageOps.exif_transpose(image))
        assert expected.shape == ((40, 24) if orientation > 4 else (24, 40))
        found = read_image(path)
        assert found.shape == expected.shape
        largest = np.abs(found.astype(int) - expected).max()
        assert largest <= (4 if suffix == ".jpg" else 0)

    def test_damaged_metadata_do_not_matter(self, tmp_path):
        image = smooth()
        Image.fromarray(image).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
        check_same(read_image(tmp_path / "a.png"), image)


class TestRefusal:
    """Every refusal is one sentence that names the file."""

    def refused(self, path, *words):
        with pytest.raises(InputError) as caught:
            read_image(path)
        message = str(caught.value)
        assert str(path) in message
        assert "\n" not in message
        for word in words:
            assert word in message
        return message

    def test_missing_folder_and_empty(self, tmp_path):
        self.refused(tmp_path / "none.png", "No such file")
        self.refused(tmp_path, "not a file")
        (tmp_path / "empty.png").touch()
        self.refused(tmp_path / "empty.png", "empty")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of POSIX")
    def test_a_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        self.refused(tmp_path / "pipe.png", "not a file")

    @pytest.mark.parametrize(
        "content", [b"hello", b"GIF89a" + bytes(40), b"\0" * 100, b"%PDF-1.4", b"\x80\x04pickle"]
    )
    def test_other_files(self, tmp_path, content):
        (tmp_path / "a.png").write_bytes(content)
        self.refused(tmp_path / "a.png", "not a PNG, TIFF or JPEG", "convert")

    @pytest.mark.parametrize(
        ("suffix", "dtype", "channels"),
        [
            (".png", "uint8", ()),
            (".png", "uint16", ()),
            (".png", "uint16", (3,)),
            (".tif", "float32", ()),
            (".tif", "uint8", (3,)),
            (".jpg", "uint8", (3,)),
        ],
    )
    def test_cut_off_anywhere(self, tmp_path, suffix, dtype, channels, monkeypatch):
        # Other programs in the process ask Pillow for half images; this one must not get any.
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        path = tmp_path / f"a{suffix}"
        write_image(path, picture(dtype, channels))
        self.never_half(path)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True

    @pytest.mark.parametrize("compression", [None, "tiff_lzw", "group4"])
    def test_tiff_cut_off_anywhere(self, tmp_path, compression):
        Image.fromarray(picture("bool")).save(tmp_path / "a.tif", compression=compression)
        self.never_half(tmp_path / "a.tif")

    def never_half(self, path):
        """A cut file is refused, unless no more than an end mark is gone."""
        data, image = path.read_bytes(), read_image(path)
        for kept in {1, 3, 4, 8, 20, 26, *np.linspace(30, len(data) - 21, 40).astype(int)}:
            path.write_bytes(data[:kept])
            self.refused(path)
        for kept in range(len(data) - 20, len(data)):
            path.write_bytes(data[:kept])
            with contextlib.suppress(InputError):
                check_same(read_image(path), image)

    def test_damaged_png_is_noticed(self, tmp_path):
        path = tmp_path / "a.png"
        write_image(path, picture("uint16", (3,)))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)
        self.refused(path, "damaged or cut off")

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
    def test_noise_after_a_good_start(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        write_image(path, smooth((20, 20)))
        head = path.read_bytes()[:16]
        rng = np.random.default_rng(0)
        for _ in range(40):
            path.write_bytes(head + rng.bytes(int(rng.integers(0, 300))))
            self.refused(path)

    def test_logs_stay_off_the_terminal(self, tmp_path, capfd):
        path = tmp_path / "a.tif"
        write_image(path, smooth())
        path.write_bytes(path.read_bytes()[:300])
        self.refused(path)
        assert capfd.readouterr() == ("", "")
        assert not logging.getLogger("tifffile").handlers

    @pytest.mark.parametrize("side", [25000, 2**31 - 1])
    def test_png_bomb(self, tmp_path, side):
        def chunk(name, data):
            crc = struct.pack(">I", zlib.crc32(name + data))
            return struct.pack(">I", len(data)) + name + data + crc

        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        path = tmp_path / "a.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(1000)))
            + chunk(b"IEND", b"")
        )
        self.refused(path, f"{side} x {side} pixels", f"{MAX_PIXELS:,}")

    def test_jpeg_bomb(self, tmp_path):
        path = tmp_path / "a.jpg"
        write_image(path, smooth())
        data = path.read_bytes()
        frame = data.index(b"\xff\xc0") + 5
        path.write_bytes(data[:frame] + struct.pack(">HH", 60000, 60000) + data[frame + 4 :])
        self.refused(path, "60000 x 60000 pixels")

    def test_tiff_bomb(self, tmp_path):
        path = tmp_path / "a.tif"
        bomb(path, 60000)
        assert path.stat().st_size < 10_000
        self.refused(path, "60000 x 60000 pixels")

    @pytest.mark.parametrize("kind", ["plain", "imagej", "ome"])
    def test_stacks_are_counted(self, tmp_path, kind):
        path = tmp_path / "a.tif"
        options = {} if kind == "plain" else {kind: True, "metadata": {"axes": "ZYX"}}
        tifffile.imwrite(
            path, picture("uint8", shape=(5, 20, 30)), photometric="minisblack", **options
        )
        self.refused(path, "5 pages")

    def test_different_pages_are_counted(self, tmp_path):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as tif:
            tif.write(picture())
            tif.write(picture(shape=(9, 9)))
        self.refused(path, "2 pages")

    def test_channels_that_are_no_colours(self, tmp_path):
        path = tmp_path / "a.tif"
        for count in (2, 4, 7):
            tifffile.imwrite(
                path,
                picture("uint8", shape=(count, 20, 30)),
                imagej=True,
                metadata={"axes": "CYX"},
                photometric="minisblack",
            )
            self.refused(path, f"{count} channels")

    def test_animated_png(self, tmp_path):
        frames = [Image.fromarray(picture(seed=s)) for s in range(3)]
        frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
        self.refused(tmp_path / "a.png", "3 frames")

    def test_complex_numbers(self, tmp_path):
        tifffile.imwrite(tmp_path / "a.tif", picture("float32").astype("complex64"))
        self.refused(tmp_path / "a.tif", "complex64")


def bomb(path, side):
    """A TIFF whose header claims `side` pixels square and whose data are a few bytes."""
    small = io.BytesIO()
    tifffile.imwrite(small, np.zeros((8, 8), np.uint8), compression="zlib", metadata=None)
    data = bytearray(small.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        tags = tif.pages[0].tags
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tags[name]
            format_ = "<H" if tag.dtype == 3 else "<I"
            struct.pack_into(format_, data, tag.valueoffset, side)
    path.write_bytes(data)


class TestWrite:
    @pytest.mark.parametrize(
        ("name", "image", "advice"),
        [
            ("a.jpg", picture("uint16"), r"\.png or \.tif"),
            ("a.jpg", picture("uint8", (4,)), r"\.png or \.tif"),
            ("a.jpg", picture("bool"), r"\.png or \.tif"),
            ("a.png", picture("float32"), r"use \.tif"),
            ("a.png", picture("int64"), r"use \.tif"),
            ("a.png", picture("bool", (3,)), "uint8"),
            ("a.tif", picture("bool", (3,)), "uint8"),
            ("a.tif", picture("float32").astype(complex), "real"),
            ("a.tif", picture("float64").astype(np.longdouble), "64 bits"),
            ("a.tif", np.array([["a", "b"]]), "real"),
            ("a.png", picture().astype(object), "real"),
            ("a.jpg", np.zeros((1, 65501), np.uint8), "65500"),
            ("a.bmp", picture(), r"\.png, \.tif"),
            ("a", picture(), r"\.png, \.tif"),
            ("a.png", np.zeros((0, 5), np.uint8), "shape"),
            ("a.png", np.zeros(5, np.uint8), "shape"),
            ("a.png", np.zeros((5, 5, 2), np.uint8), "shape"),
            ("a.tif", np.zeros((3, 5, 5, 3), np.uint8), "shape"),
        ],
    )
    def test_what_a_format_cannot_hold(self, tmp_path, name, image, advice):
        with pytest.raises(InputError, match=advice) as caught:
            write_image(tmp_path / name, image)
        assert str(tmp_path / name) in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_an_existing_file_is_kept_unless_asked(self, tmp_path):
        path = tmp_path / "a.png"
        write_image(path, picture(seed=1))
        before = path.read_bytes()
        with pytest.raises(InputError, match="exists already"):
            write_image(path, picture(seed=2))
        assert path.read_bytes() == before
        write_image(path, picture(seed=2), overwrite=True)
        check_same(read_image(path), picture(seed=2))
        assert leftovers(tmp_path) == []

    def test_missing_folder(self, tmp_path):
        with pytest.raises(InputError, match="folder does not exist"):
            write_image(tmp_path / "none" / "a.png", picture())

    def test_a_folder_in_the_way(self, tmp_path):
        (tmp_path / "a.png").mkdir()
        with pytest.raises(InputError, match="is a folder"):
            write_image(tmp_path / "a.png", picture(), overwrite=True)

    def test_the_same_bytes_every_time(self, tmp_path):
        for suffix in (".png", ".tif", ".jpg"):
            for name in "ab":
                write_image(tmp_path / f"{name}{suffix}", picture())
            one, two = (tmp_path / f"{name}{suffix}" for name in "ab")
            assert one.read_bytes() == two.read_bytes()


class TestAtomic:
    def test_bytes_and_writer(self, tmp_path):
        write_atomically(tmp_path / "a.json", b"{}")
        write_atomically(str(tmp_path / "b.json"), lambda file: file.write(b"[]"))
        assert (tmp_path / "a.json").read_bytes() == b"{}"
        assert (tmp_path / "b.json").read_bytes() == b"[]"
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_a_failing_writer_leaves_the_old_file(self, tmp_path, error):
        path = tmp_path / "a.json"
        path.write_bytes(b"old")

        def fail(file):
            file.write(b"half of the new")
            raise error

        with pytest.raises(error):
            write_atomically(path, fail, overwrite=True)
        assert path.read_bytes() == b"old"
        assert leftovers(tmp_path) == []

    def test_a_full_disk_is_an_input_error(self, tmp_path):
        def fail(file):
            raise OSError(28, "No space left on device")

        with pytest.raises(InputError, match="No space left"):
            write_atomically(tmp_path / "a.json", fail)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("links", [True, False])
    def test_a_file_that_appears_meanwhile_is_kept(self, tmp_path, monkeypatch, links):
        path = tmp_path / "a.json"
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        with pytest.raises(InputError, match="exists already"):
            write_atomically(path, lambda file: path.write_bytes(b"theirs"))
        assert path.read_bytes() == b"theirs"
        assert leftovers(tmp_path) == []

    def test_without_hard_links(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "link", no_links)
        write_atomically(tmp_path / "a.json", b"{}")
        assert (tmp_path / "a.json").read_bytes() == b"{}"
        assert leftovers(tmp_path) == []

    def test_a_dangling_link_is_in_the_way(self, tmp_path):
        (tmp_path / "a.json").symlink_to(tmp_path / "none")
        with pytest.raises(InputError, match="exists already"):
            write_atomically(tmp_path / "a.json", b"{}")

    def test_overwriting_a_link_leaves_what_it_points_to(self, tmp_path):
        (tmp_path / "input").write_bytes(b"input")
        (tmp_path / "a.json").symlink_to(tmp_path / "input")
        write_atomically(tmp_path / "a.json", b"{}", overwrite=True)
        assert (tmp_path / "input").read_bytes() == b"input"

    def test_the_longest_names(self, tmp_path):
        path = tmp_path / ("ä" * 120 + ".json")
        write_atomically(path, b"{}")
        assert path.read_bytes() == b"{}"

    @pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
    def test_permissions_follow_the_umask(self, tmp_path):
        write_atomically(tmp_path / "a", b"")
        (tmp_path / "b").touch()
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
    @pytest.mark.parametrize("old", [None, b"old"])
    def test_killed_while_writing(self, tmp_path, old):
        path = tmp_path / "a.png"
        if old is not None:
            path.write_bytes(old)
        script = """
            import os, signal, sys
            from napari_ecc_align.imagefiles import write_atomically

            def writer(file):
                file.write(b"half")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)

            write_atomically(sys.argv[1], writer, overwrite=True)
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], check=False)
        assert done.returncode == -signal.SIGKILL
        assert (path.read_bytes() if path.exists() else None) == old


def no_links(source, target):
    raise OSError(1, "Operation not permitted")


def test_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "hard").hardlink_to("a")
    (tmp_path / "x").mkdir()
    for other in ("a", "soft", "hard", tmp_path / "a", tmp_path / "x" / ".." / "a"):
        assert same_file("a", other)
    assert not same_file("a", "b")
    assert not same_file("a", "none")
    assert same_file("none", tmp_path / "none")
