"""Images with channels, with axes that have names, and stacks of either."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from skimage import data, measure

from napari_ecc_align import InputError, Transform, align, align_stack, warp, warp_stack

CAMERA = data.camera()
REFERENCE, MOVING = CAMERA[100:280, 100:350], CAMERA[97:297, 105:355]
SHIFT = Transform([[1, 0, -5], [0, 1, 3]])
FILM = np.stack([CAMERA[100 + 2 * k : 300 + 2 * k, 100 + k : 300 + k] for k in range(4)])
COLOURS = np.stack([FILM, FILM // 2, 255 - FILM, FILM // 3, FILM], axis=1)


def shift_of(result):
    return result.transform.matrix[:2, 2].round(1).tolist()


def channels_of(image):
    """Five channels, of which the last one faintly shows something that moved otherwise."""
    return np.stack([image, image // 2, image // 3, image, image[::-1, ::-1] // 8])


def named(pixels, dims, start=0.0, **others):
    coords = {
        dim: start + 0.5 * np.arange(length)
        for dim, length in zip(dims, pixels.shape, strict=True)
        if dim in "xyXY"
    }
    return xr.DataArray(pixels, dims=dims, coords=coords, **others)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("lazy", [np.asarray, da.from_array, zarr.array])
def test_channels_are_aligned_by_their_mean_or_one_of_them(axis, lazy):
    images = [
        lazy(np.ascontiguousarray(np.moveaxis(channels_of(image), 0, axis)))
        for image in (REFERENCE, MOVING)
    ]
    for chosen in (None, 1, -2):
        result = align(*images, channel_axis=axis, align_channel=chosen, model="translation")
        assert (result.verdict, shift_of(result)) == ("aligned", [-5, 3])
    alone = align(REFERENCE, images[1], channel_axis=axis, align_channel=0, model="translation")
    assert shift_of(alone) == [-5, 3]
    warped = np.moveaxis(warp(images[1], result, like=images[0], channel_axis=axis), axis, 0)
    assert np.array_equal(warped[1], warp(MOVING // 2, SHIFT, like=REFERENCE))


def test_each_channel_is_resampled_as_what_it_is():
    labels = measure.label(CAMERA > 180)
    both = np.stack([CAMERA.astype(labels.dtype), labels])
    turn = Transform([[0.99, 0.05, 3.3], [-0.05, 0.99, 2.2]])
    warped = warp(both, turn, channel_axis=0, fill=(7, 0))
    assert np.array_equal(warped[0], warp(both[0], turn, interpolation="linear", fill=7))
    assert np.array_equal(warped[1], warp(labels, turn, interpolation="nearest", fill=0))


@pytest.mark.parametrize("dims", [("y", "x"), ("x", "y"), ("X", "Y")])
def test_a_data_array_is_read_by_the_names_of_its_axes(dims):
    def given(image, **more):
        return named(image if dims[0] in "yY" else image.T, dims, **more)

    reference = given(REFERENCE, start=7)
    moving = given(MOVING, name="seen", attrs={"unit": "photons"})
    result = align(reference, moving, model="translation")
    assert shift_of(result) == [-5, 3]
    warped = warp(moving, result, like=reference)
    assert type(warped) is xr.DataArray
    assert (warped.dims, warped.name, warped.attrs) == (dims, "seen", {"unit": "photons"})
    for dim in dims:
        assert np.array_equal(warped[dim], reference[dim])
    plain = warped.transpose(*sorted(dims, key=str.lower, reverse=True)).to_numpy()
    assert np.array_equal(plain, warp(MOVING, result, like=REFERENCE))
    known = warp(moving, result)  # a result knows the size of its reference, not its coordinates
    assert np.array_equal(known, warped)
    assert not known.coords
    own = warp(moving, result.transform)
    assert np.array_equal(own[dims[0]], moving[dims[0]])


def test_a_data_array_knows_its_channels_and_keeps_its_other_axes():
    stack = np.stack([channels_of(MOVING)] * 2, axis=1)  # (c, z, y, x)
    moving = named(stack, ("C", "z", "Y", "X")).assign_coords(C=list("abcde"))
    result = align(named(REFERENCE, ("y", "x")), moving.isel(z=0), align_channel=0)
    assert result.verdict == "aligned"
    warped = warp(moving, SHIFT, like=named(REFERENCE, ("y", "x"), start=3))
    assert (warped.dims, warped.shape) == (("C", "z", "y", "x"), (5, 2, 180, 250))
    assert warped.C.values.tolist() == list("abcde")
    assert warped.y.values[0] == 3
    with pytest.raises(InputError, match=r"reference must be one image.*\('C', 'z', 'Y', 'X'\)"):
        align(moving, MOVING)


STACKS = {
    "zarr": (zarr.array(FILM), {}),
    "channels": (COLOURS, {"channel_axis": 1}),
    "channels in zarr": (zarr.array(COLOURS), {"channel_axis": 1}),
    "channels first": (np.moveaxis(COLOURS, 1, 0), {"channel_axis": 0}),
    "channels last": (da.moveaxis(da.from_array(COLOURS), 1, -1), {"channel_axis": -1}),
    "named": (named(COLOURS.transpose(2, 0, 3, 1), ("Y", "time", "X", "band")), {}),
    "list": (list(COLOURS), {"channel_axis": 0}),
    "list of names": ([named(frame, ("y", "x")) for frame in FILM], {}),
}


@pytest.mark.parametrize("name", STACKS)
def test_stacks_with_any_axes_are_aligned_and_warped(name):
    frames, axes = STACKS[name]
    results = align_stack(frames, model="translation", **axes)
    assert [shift_of(result) for result in results] == [[-k, -2 * k] for k in range(4)]
    warped = warp_stack(frames, results, **axes)
    assert np.shape(warped) == np.shape(frames)
    assert isinstance(warped, da.Array) == (type(frames) in (da.Array, zarr.Array))
    if name == "named":
        assert warped.dims == frames.dims
        warped = warped.transpose("time", "band", "Y", "X")
    warped = np.asarray(warped)
    if (channels := axes.get("channel_axis")) in (0, -1) and not isinstance(frames, list):
        warped = np.moveaxis(warped, channels, 1)
    every = COLOURS if warped.ndim == 4 else FILM
    for frame, image, result in zip(warped, every, results, strict=True):
        planes = zip(np.atleast_3d(frame.T).T, np.atleast_3d(image.T).T, strict=True)
        assert all(np.array_equal(plane, warp(one, result)) for plane, one in planes)


@pytest.mark.parametrize(
    "reference",
    [COLOURS[0], FILM[0], COLOURS[::-1], list(FILM[::-1]), named(FILM[0].T, ("x", "y"))],
    ids=["frame", "plane", "stack", "list", "named"],
)
def test_the_reference_of_a_stack_has_its_axes_or_those_of_a_frame(reference):
    several = len(reference) == 4
    axis = 1 if isinstance(reference, np.ndarray) else None
    frames = COLOURS if axis else FILM
    results = align_stack(frames, reference=reference, model="translation", channel_axis=axis)
    start = [3 - k if several else 0 for k in range(4)]
    expected = [[s - k, 2 * (s - k)] for k, s in enumerate(start)]
    assert [shift_of(result) for result in results] == expected


class Reads:
    """A stack in a file that counts what is read of it; like zarr's, it has no len."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.ndim = pixels, pixels.shape, pixels.ndim
        self.dtype, self.reads = pixels.dtype, 0

    def __getitem__(self, key):
        part = self.pixels[key]
        self.reads += part.size
        return part


def test_a_stack_in_a_file_is_read_a_frame_at_a_time():
    film = Reads(FILM)
    align_stack(film, reference=FILM[0], model="translation")
    assert film.reads == FILM.size, "each frame once"
    film.reads = 0
    warped = warp_stack(film, [SHIFT] * 4, interpolation="linear", fill=0)
    assert film.reads == 0
    np.asarray(warped[2])
    assert 0 < film.reads < 2 * FILM[0].size


def test_a_failed_frame_takes_the_transform_of_the_nearest():
    film = FILM.copy()
    film[2] = 0
    results = align_stack(film, model="translation")
    assert [result.verdict for result in results] == ["aligned", "aligned", "failed", "aligned"]
    assert np.array_equal(warp_stack(FILM, results)[2], warp(FILM[2], results[1]))


def test_labels_of_a_stack_are_copied_in_every_frame():
    labels = np.stack([np.zeros_like(FILM[0], int), *(measure.label(f > 180) for f in FILM[1:])])
    turn = [[0.99, 0.05, 3.3], [-0.05, 0.99, 2.2]]
    warped = warp_stack(labels, [turn] * 4)
    for frame, before in zip(warped, labels, strict=True):
        assert np.array_equal(frame, warp(before, turn, interpolation="nearest", fill=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align(MOVING, MOVING, align_channel=1), "align_channel needs channel_axis"),
        (lambda: align(COLOURS[0], MOVING, channel_axis=3), "channel_axis 3 is none of the 3"),
        (lambda: align(COLOURS[0], MOVING, channel_axis=1.5), "channel_axis must be a whole"),
        (
            lambda: align(COLOURS[0], MOVING, channel_axis=0, align_channel=5),
            "align_channel 5 is none of the 5 channels of reference",
        ),
        (
            lambda: align(COLOURS[0], MOVING, channel_axis=0, align_channel=0.5),
            "align_channel must be a whole number, not 0.5",
        ),
        (lambda: warp(FILM, SHIFT), "moving must have shape.*channel_axis"),
        (lambda: warp(MOVING, SHIFT, like=(200, 250)), "like has no rows and columns"),
        (lambda: warp(MOVING, SHIFT, like=MOVING, output_shape=(5, 5)), "not both"),
        (lambda: warp(MOVING, SHIFT, like="page.png"), "like is a path.*read_image"),
        (lambda: warp(COLOURS[0], SHIFT, channel_axis=0, fill=(1, 2)), "one number or 5, not 2"),
        (lambda: align_stack(COLOURS), r"frames\[0\] must have shape"),
        (lambda: align_stack(FILM, channel_axis=0), "frames must have one axis for the frames"),
        (lambda: align_stack("film.tif"), "frames is a path, 'film.tif'.*read_image"),
        (lambda: align_stack(["a.tif", "b.tif"]), "frames is a list of paths.*read_image"),
        (lambda: align_stack(7), "frames must be a stack"),
        (lambda: warp_stack(FILM, [SHIFT]), "one for each of 4 frames, not 1"),
        (lambda: warp_stack(FILM, 5), "transforms must be a sequence"),
        (lambda: warp_stack(FILM, [SHIFT] * 3 + ["t.json"]), r"transforms\[3\] must be"),
        (lambda: warp_stack(FILM[0], [SHIFT]), "frames must be a stack of images"),
        (lambda: warp_stack(["a.tif"], [SHIFT]), "frames is a list of paths"),
        (lambda: warp_stack([], []), "at least one image"),
        (
            lambda: warp_stack([FILM[0], COLOURS[0]], [SHIFT] * 2, channel_axis=0),
            "no rows and columns",
        ),
    ],
)
def test_what_does_not_fit_is_told(call, message):
    with pytest.raises(InputError, match=message):
        call()
