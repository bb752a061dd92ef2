import numpy as np
import pytest
import tifffile
from arrays import COLOURS, FLOATS, INTEGERS, check_same, leftovers, picture, smooth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from napari_ecc_align._common.errors import InputError
from napari_ecc_align._images.files.images import read_image, write_image


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
