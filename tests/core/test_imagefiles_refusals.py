import contextlib
import io
import logging
import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from arrays import check_same, picture, smooth
from PIL import Image, ImageFile

from napari_ecc_align._common.errors import InputError
from napari_ecc_align._images.files.film import opened_film
from napari_ecc_align._images.files.headers import check_image_file
from napari_ecc_align._images.files.images import decode_image, read_image, write_image
from napari_ecc_align._images.files.sizes import MAX_PIXELS


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

    def test_different_pages_are_counted(self, tmp_path):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as tif:
            tif.write(picture())
            tif.write(picture(shape=(9, 9)))
        self.refused(path, "2 pages")

    def test_many_channels_are_as_many_pixels(self, tmp_path):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture(shape=(9, 30, 40)), photometric="minisblack")
        with pytest.raises(InputError, match="more than the 10,799"):
            decode_image(path.read_bytes(), path, 9 * 30 * 40 - 1)

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


@pytest.mark.parametrize("back_to", ["itself", "the first page"])
@pytest.mark.parametrize("pages", [2, 150])
def test_a_tiff_whose_pages_lead_back_is_refused(tmp_path, pages, back_to):
    path = tmp_path / "loop.tif"
    tifffile.imwrite(path, np.zeros((pages, 8, 9), np.uint8), photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        offsets = [page.offset for page in tif.pages]
        last, form = offsets[-1], tif.tiff
    content = bytearray(path.read_bytes())
    (tags,) = struct.unpack_from(form.tagnoformat, content, last)
    target = last if back_to == "itself" else offsets[0]
    struct.pack_into(
        form.offsetformat, content, last + form.tagnosize + tags * form.tagsize, target
    )
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_image(path)
    with pytest.raises(InputError, match="damaged"), opened_film(path):
        pass


@pytest.mark.parametrize("place", ["{0}", "{0}.png", "folder/{0}.tif", "{0}/a.png"])
def test_names_that_no_file_can_have_are_refused_in_words(tmp_path, place):
    path = tmp_path / place.format("a" * 5000)
    with pytest.raises(InputError, match="cannot read"):
        read_image(path)
    with pytest.raises(InputError, match="cannot read"):
        check_image_file(path)
    with pytest.raises(InputError, match=r"cannot write|must end in"):
        write_image(path, np.zeros((8, 8), np.uint8))
