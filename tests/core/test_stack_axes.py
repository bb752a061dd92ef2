"""What axes hold: told by their names, guessed by their lengths, or said; and films by them."""

import numpy as np
import pytest
import xarray as xr
from skimage import data

from napari_ecc_align import InputError, align_stack, warp_stack
from napari_ecc_align._images.stack_axes import stack_axes

CAMERA = data.camera()
SHIFTS = [(0, 0), (3, -2), (-4, 5), (2, 6)]
# Frames of what every channel shows in its own way.
FILM = np.stack([CAMERA[100 + y : 260 + y, 100 + x : 280 + x] for y, x in SHIFTS])
TCYX = np.stack([FILM, 255 - FILM, FILM // 3], axis=1)
EXPECTED = [[-x, -y] for y, x in SHIFTS]

# Lengths, names, which axis has a transform for each image, which are channels, in words, guessed.
AXES = [
    ((3, 5), ("c", "t"), 1, 0, "5 frames (t) of 3 channels (c)", False),
    ((5, 3), ("Time", "Channel"), 0, 1, "5 frames (Time) of 3 channels (Channel)", False),
    ((3, 5), ("-4", "-3"), 1, 0, "5 frames (axis 1) of 3 channels (axis 0)", True),
    ((2, 2), ("", ""), 0, 1, "2 frames (axis 0) of 2 channels (axis 1)", True),
    ((30, 20), (), 0, None, "30 frames (axis 0) x 20 planes (axis 1)", True),
    ((20, 3), ("z", ""), 0, 1, "20 planes (z) of 3 channels (axis 1)", True),
    ((20,), ("z",), 0, None, "20 planes (z)", False),
    ((4,), ("",), 0, None, "4 frames (axis 0)", True),
    ((4,), ("band",), None, 0, "4 channels (band)", False),
    ((4, 6, 2), "TZC", 0, 2, "4 frames (T) x 6 planes (Z) of 2 channels (C)", False),
    ((1, 6, 1), "TZC", 1, None, "6 planes (Z)", False),
]


@pytest.mark.parametrize(("lengths", "names", "along", "channels", "said", "guessed"), AXES)
def test_axes_are_told_by_their_names_or_guessed(lengths, names, along, channels, said, guessed):
    axes = stack_axes(lengths, names)
    assert (axes.along, axes.channels) == (along, channels)
    assert (str(axes), axes.guessed) == (said, guessed)


def test_what_is_said_of_an_axis_holds():
    axes = stack_axes((3, 5), ("t", "c"), {0: "channels", 1: "frames"})
    assert (axes.along, axes.channels, axes.guessed) == (1, 0, False)
    assert stack_axes((4,), said={0: "planes"}).noun(0) == "planes"
    assert stack_axes((4,), alone="channels").channels == 0


FILMS = {
    "time first": (TCYX, {"channel_axis": 1}),
    "channels first": (np.moveaxis(TCYX, 1, 0), {"channel_axis": 0}),
    "frames are said": (np.moveaxis(TCYX, 1, 0), {"frame_axis": 1, "align_channel": 0}),
    "names": (xr.DataArray(np.moveaxis(TCYX, 1, 0), dims=("ch", "time", "y", "x")), {}),
    "other names": (
        xr.DataArray(np.moveaxis(TCYX, 1, 0), dims=("dye", "round", "y", "x")),
        {"frame_axis": "round", "channel_axis": "dye", "align_channel": 1},
    ),
}


@pytest.mark.parametrize("name", FILMS)
def test_channels_of_a_film_move_together(name):
    film, axes = FILMS[name]
    found = align_stack(film, model="translation", **axes)
    shifts = [each.transform.matrix[:2, 2].round(1).tolist() for each in found]
    assert (found.verdicts, shifts) == (["aligned"] * 4, EXPECTED)
    assert str(found).startswith("4 frames to the first")
    axes.pop("align_channel", None)
    warped = np.asarray(warp_stack(film, found, **axes))
    assert warped.shape == film.shape
    steady = warped if film.shape[1] == 3 else np.moveaxis(warped, 1, 0)
    for frame in steady[1:, :, 10:-10, 10:-10].astype(int):
        assert np.abs(frame - steady[0, :, 10:-10, 10:-10]).mean(axis=(1, 2)).max() < 1


def test_each_channel_for_itself_is_a_choice():
    """A chromatic shift: the channels lie apart, each as far in every frame."""
    apart = np.stack([[FILM[0], FILM[1]]] * 2)  # (t, c, y, x)
    found = align_stack(apart, frame_axis=1, channel_axis=0, model="translation")
    assert np.allclose(found.transforms[1].matrix[:2, 2], EXPECTED[1], atol=0.05)
    warped = warp_stack(apart, found, frame_axis=1)
    inner = np.s_[10:-10, 10:-10]
    for frame in warped:
        assert np.abs(frame[1][inner].astype(int) - frame[0][inner]).mean() < 1


def test_planes_are_called_planes():
    found = align_stack(xr.DataArray(FILM[:2], dims=("z", "y", "x")), model="translation")
    assert str(found).startswith("2 planes to the first: 2 aligned")
    assert found[:1].called == "planes"


def test_axes_that_are_not_there_are_told():
    named = xr.DataArray(TCYX, dims=("t", "c", "y", "x"))
    for call, message in (
        (lambda: align_stack(named, frame_axis="z"), r"'z' is none.*they are 't', 'c', 'y', 'x'"),
        (lambda: align_stack(TCYX, frame_axis="t"), "frame_axis 't'.*its axes have no names"),
        (lambda: align_stack(TCYX, frame_axis=2), "frame_axis 2 holds the rows"),
        (lambda: align_stack(TCYX, frame_axis=1, channel_axis=1), "choose two"),
        (
            lambda: align_stack(np.stack([TCYX] * 2), frame_axis=1),
            "say which are which by frame_axis",
        ),
    ):
        with pytest.raises(InputError, match=message):
            call()
