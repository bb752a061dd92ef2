"""TIFF films: whatever writes them, each page arrives as a viewer shows it."""

import numpy as np
import pytest
import tifffile

from napari_ecc_align import InputError, align_stack
from napari_ecc_align._images.files.film import opened_film, write_film
from napari_ecc_align._images.files.tags import GridTags

rng = np.random.default_rng(0)
GRAY = rng.integers(0, 2**16, (5, 40, 50), np.uint16)
RGB = rng.integers(0, 256, (5, 40, 50, 3), np.uint8)

WAYS = {
    "pages": (GRAY, {"photometric": "minisblack"}),
    "big endian": (GRAY, {"photometric": "minisblack", "byteorder": ">"}),
    "compressed": (GRAY, {"photometric": "minisblack", "compression": "zlib"}),
    "contiguous": (GRAY, {"imagej": True}),
    "depth": (GRAY, {"imagej": True, "metadata": {"axes": "ZYX"}}),
    "one channel of ImageJ": (GRAY[:, None], {"imagej": True, "metadata": {"axes": "TCYX"}}),
    "OME": (GRAY, {"ome": True, "metadata": {"axes": "TYX"}, "photometric": "minisblack"}),
    "BigTIFF": (GRAY, {"bigtiff": True, "photometric": "minisblack"}),
    "colour": (RGB, {"photometric": "rgb"}),
    "colour and opacity": (
        np.concatenate([RGB, RGB[..., :1]], axis=3),
        {"photometric": "rgb", "extrasamples": [2]},
    ),
    "colour of ImageJ": (RGB, {"imagej": True}),
    "channels": (
        np.stack([GRAY, ~GRAY], axis=1),
        {"photometric": "minisblack", "metadata": {"axes": "TCYX"}},
    ),
    "channels of ImageJ": (
        np.stack([GRAY, ~GRAY], axis=1),
        {"imagej": True, "metadata": {"axes": "TCYX"}},
    ),
    "three channels": (
        np.stack([GRAY, ~GRAY, GRAY // 2], axis=1),
        {"photometric": "minisblack", "metadata": {"axes": "TCYX"}},
    ),
    "depths and times": (
        np.stack([GRAY, ~GRAY], axis=1),
        {"imagej": True, "metadata": {"axes": "TZYX"}},
    ),
    "float": (GRAY.astype(np.float32), {"photometric": "minisblack"}),
    "two frames": (GRAY[:2], {"photometric": "minisblack"}),
}


def test_samples_that_are_no_colours_are_refused(tmp_path):
    frames = np.concatenate([RGB, RGB[..., :1]], axis=3)
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="rgb", extrasamples=[0])
    with (
        pytest.raises(InputError, match="pages of 4 samples, which are no colours; save each"),
        opened_film(tmp_path / "a.tif"),
    ):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_every_frame_is_its_own(tmp_path, way):
    frames, options = WAYS[way]
    tifffile.imwrite(tmp_path / "a.tif", frames, **options)
    frames = frames.squeeze()
    with opened_film(tmp_path / "a.tif") as film:
        assert (film.shape, film.dtype, len(film)) == (frames.shape, frames.dtype, len(frames))
        for index in (1, 0, len(frames) - 1, -1):
            assert np.array_equal(film[index], frames[index])
            assert film[index].dtype == frames.dtype
        with pytest.raises(IndexError):
            film[len(frames)]


def test_white_may_be_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", ~GRAY, photometric="miniswhite")
    with opened_film(tmp_path / "a.tif") as film:
        assert np.array_equal(film[3], GRAY[3])


@pytest.mark.parametrize("frames", [GRAY, RGB, GRAY > 999, GRAY.astype(np.float32)])
def test_what_is_written_is_read(tmp_path, frames):
    write_film(tmp_path / "a.tif", iter(frames), frames.shape, frames.dtype)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), frames)
    with opened_film(tmp_path / "a.tif") as film:
        assert np.array_equal(np.stack([film[index] for index in range(5)]), frames)


def test_channels_are_written_as_such(tmp_path):
    frames = np.stack([GRAY, ~GRAY], axis=1)
    grid = GridTags((300.0, 200.0), 3)
    path = tmp_path / "a.tif"
    pages = frames.reshape(-1, *frames.shape[2:])
    write_film(path, pages, frames.shape, frames.dtype, axes="TCYX", grid=grid)
    with opened_film(path) as film:
        assert (film.held.channels, film.grid) == (1, grid)
        assert np.array_equal(np.stack([film[index] for index in range(5)]), frames)


def test_a_film_is_a_stack(tmp_path):
    page = np.kron(rng.integers(0, 256, (24, 24), np.uint8), np.ones((4, 4), np.uint8))
    frames = np.stack([page, page])
    write_film(tmp_path / "a.tif", frames, frames.shape, frames.dtype)
    with opened_film(tmp_path / "a.tif") as film:
        assert align_stack(film, model="translation").verdicts == ["aligned", "aligned"]


def two_sizes(path):
    tifffile.imwrite(path, GRAY[0])
    tifffile.imwrite(path, GRAY[0, :20], append=True)


REFUSED = {
    "one page": (lambda path: tifffile.imwrite(path, GRAY[0]), "holds no film"),
    "pages of two sizes": (two_sizes, "holds no film"),
    "text": (lambda path: path.write_text("a film"), "not a PNG, TIFF or JPEG"),
    "nothing": (lambda path: path.touch(), "is empty"),
    "no file": (lambda path: None, "No such file"),
    "a palette": (
        lambda path: tifffile.imwrite(
            path,
            RGB[..., 0],
            photometric="palette",
            colormap=np.zeros((3, 256), np.uint16),
        ),
        "rare colours",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_film_is_refused(tmp_path, case):
    make, words = REFUSED[case]
    make(tmp_path / "a.tif")
    with pytest.raises(InputError, match=words), opened_film(tmp_path / "a.tif"):
        pass


@pytest.mark.parametrize("options", [{"photometric": "minisblack"}, {"imagej": True}])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_film_that_is_cut_off_is_refused(tmp_path, options, kept):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GRAY, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError), opened_film(path) as film:
        [film[index] for index in range(5)]
