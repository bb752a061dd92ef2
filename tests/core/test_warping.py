import dask.array as da
import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import InputError, Transform, align, warp
from napari_ecc_align._images.coverage import overlap
from napari_ecc_align._images.interpolation import INTERPOLATIONS
from pairs import known_pair, picture, random_transform

SHIFT = Transform([[1, 0, 2], [0, 1, 1], [0, 0, 1]], model="translation")


def expected_linear(image, transform, shape, fill):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    points = transform.to_moving(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float))
    return ndimage.map_coordinates(
        image.astype(float), points.T[::-1], order=1, mode="grid-constant", cval=fill
    ).reshape(shape)


def test_brings_the_moving_pixel_to_the_reference():
    moving = np.arange(30).reshape(5, 6).astype(np.uint8)
    aligned = warp(moving, SHIFT, output_shape=(3, 3))
    assert np.array_equal(aligned, moving[1:4, 2:5])


@pytest.mark.parametrize("model", ["affine", "homography"])
@pytest.mark.parametrize(
    "dtype",
    ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">f4"],
)
def test_every_dtype_is_interpolated_at_its_own_precision(dtype, model):
    transform = random_transform(3, model, (60, 70))
    image = picture("camera")[200:260, 200:270]
    kind = np.dtype(dtype).kind
    image = image > 120 if kind == "b" else image / 2 if dtype == "i1" else image
    image = image.astype(dtype)
    aligned = warp(image, transform, output_shape=(50, 80), fill=1)
    assert aligned.shape == (50, 80)
    assert aligned.dtype == np.dtype(dtype).newbyteorder("=")
    expected = expected_linear(image, transform, (50, 80), 1)
    if kind == "b":
        expected, tolerance = expected >= 0.5, 0
        assert (aligned != expected).mean() < 0.01
        return
    tolerance = 0.51 if kind in "ui" else 0.13 if dtype == "f2" else 0.01
    # OpenCV's fixed point for perspective warps of 8 bits: a fraction of a gray value more.
    assert np.abs(aligned.astype(float) - expected).max() <= tolerance + 0.5 * (model != "affine")


def test_accuracy_of_the_resampling_itself():
    truth = random_transform(1, "affine", (200, 240))
    pair = known_pair("camera", truth)
    aligned = warp(pair.moving, truth, output_shape=pair.reference.shape, interpolation="cubic")
    inside = overlap(truth, output_shape=(200, 240), moving_shape=(200, 240))
    gap = np.abs(aligned - pair.reference)[inside]
    assert np.median(gap) < 0.5


def test_nearest_copies_labels_exactly():
    labels = np.array([[0, 2**40, 7], [1, 2**41 + 1, 9], [3, 4, 5]], np.int64)
    half = Transform([[1, 0, 0.4], [0, 1, -0.4], [0, 0, 1]], model="translation")
    assert np.array_equal(warp(labels, half, output_shape=(3, 3), interpolation="nearest"), labels)
    moved = warp(labels, SHIFT, output_shape=(3, 3), interpolation="nearest", fill=-1)
    assert moved.tolist() == [[9, -1, -1], [5, -1, -1], [-1, -1, -1]]


def test_large_integers_do_not_wrap_round():
    image = np.full((8, 8), np.iinfo(np.int64).max)
    aligned = warp(image, Transform.identity(), output_shape=(8, 8), fill=0)
    assert (aligned == np.iinfo(np.int64).max).all()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("shape", [(40, 33_000), (33_000, 40)])
def test_images_longer_than_opencv_can_address(shape, interpolation):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, shape, dtype=np.uint8)
    aligned = warp(image, SHIFT, output_shape=shape, interpolation=interpolation)
    assert np.array_equal(aligned[:-10, :-10], image[1:-9, 2:-8])


def test_colour_and_fill():
    image = np.zeros((10, 10, 3), np.uint8)
    image[...] = 10, 20, 30
    aligned = warp(image, SHIFT, output_shape=(10, 10), fill=(1, 2, 3))
    assert aligned[0, 0].tolist() == [10, 20, 30]
    assert aligned[9, 9].tolist() == [1, 2, 3]


def test_background_is_the_median_along_the_border():
    image = np.full((20, 20), 240, np.uint8)
    image[5:15, 5:15] = 0
    aligned = warp(image, SHIFT, output_shape=(20, 20), fill="background")
    assert aligned[19, 19] == 240


@pytest.mark.parametrize("seed", range(12))
def test_overlap_of_an_affine_motion_is_where_interpolation_has_all_its_pixels(seed):
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-np.pi, np.pi) if seed % 2 else 0.02, rng.uniform(0.6, 1.5)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([60, 40]) - turn @ [50, 45] + rng.uniform(-20, 20, 2)
    transform = Transform(np.vstack([np.column_stack([turn, centre]), [0, 0, 1]]))
    shapes = {"output_shape": (90, 100), "moving_shape": (80, 120)}
    inside = overlap(transform, **shapes)
    y, x = np.indices((90, 100))
    mapped = transform.to_moving(np.stack([x.ravel(), y.ravel()], axis=1).astype(float))
    least = np.minimum(mapped, [119, 79] - mapped).min(axis=1).reshape(90, 100)
    clear = np.abs(least) > 0.01
    assert 0 < inside.sum() < inside.size
    assert np.array_equal(inside[clear], least[clear] > 0)


def test_overlap_is_where_the_moving_image_has_data():
    valid = np.ones((10, 10), bool)
    valid[4, 4] = False
    inside = overlap(SHIFT, output_shape=(10, 10), moving_shape=(10, 10), moving_valid=valid)
    expected = np.zeros((10, 10), bool)
    expected[:9, :8] = True
    expected[3, 2] = False
    assert np.array_equal(inside, expected)


def test_does_not_change_its_input():
    image = picture("camera")[:50, :50].copy()
    image.setflags(write=False)
    warp(image, SHIFT, output_shape=(50, 50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_shape": (0, 5)}, "output_shape must be positive"),
        ({"output_shape": 5}, "output_shape must be"),
        ({"output_shape": (5, 5), "interpolation": "best"}, "interpolation must be one of"),
        ({"output_shape": (5, 5), "fill": (1, 2)}, "fill must be"),
        ({"output_shape": (5, 5), "fill": "white"}, "fill must be"),
        ({"output_shape": (5, 5), "fill": "nan"}, "fill must be"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        warp(np.zeros((5, 5)), SHIFT, **arguments)


@pytest.mark.parametrize("fill", [300, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_refuses_a_fill_that_the_dtype_cannot_hold(fill, interpolation):
    image = np.zeros((5, 5), np.uint8)
    with pytest.raises(InputError, match="fill must be a value that uint8 can hold"):
        warp(image, SHIFT, output_shape=(5, 5), interpolation=interpolation, fill=fill)


def test_refuses_what_is_no_transform():
    for nothing in (None, "transform.json", np.eye(4), object()):
        with pytest.raises(InputError, match="transform"):
            warp(np.zeros((5, 5)), nothing, output_shape=(5, 5))
    with pytest.raises(InputError, match="moving must hold real numbers"):
        warp(np.zeros((5, 5), complex), SHIFT, output_shape=(5, 5))
    with pytest.raises(InputError, match="moving is empty"):
        warp(np.zeros((0, 5)), SHIFT, output_shape=(5, 5))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "f4", "f8", "i8"])
@pytest.mark.parametrize("shift", [(0, 0), (7, -3), (-90, 4), (500, 0), (0, -1e12)])
def test_shifts_by_whole_pixels_copy_them(interpolation, dtype, shift):
    image = (picture("camera")[200:240, 200:280] / 2).astype(dtype)
    x, y = shift
    image = image > 60 if dtype == "?" else image
    moved = warp(
        image,
        Transform([[1, 0, x], [0, 1, y]], model="translation"),
        output_shape=(50, 70),
        interpolation=interpolation,
        fill=1,
    )
    rows, columns = np.mgrid[:50, :70] + np.array([y, x])[:, None, None]
    inside = (rows >= 0) & (rows < 40) & (columns >= 0) & (columns < 80)
    assert moved.dtype == image.dtype
    assert (moved[~inside] == 1).all()
    at = rows[inside].astype(int), columns[inside].astype(int)
    assert np.array_equal(moved[inside], image[at])


def test_a_result_knows_the_grid_of_its_reference():
    known = known_pair("camera", Transform([[1, 0, 4], [0, 1, -3]]), moving_shape=(150, 210))
    result = align(known.reference, known.moving, model="translation")
    assert known.reference.shape != known.moving.shape
    warped = warp(known.moving, result)
    assert np.array_equal(warped, warp(known.moving, result, like=known.reference))
    assert warp(known.moving, result.transform).shape == known.moving.shape


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lanczos"])
@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float64", 0.3),
        ("float64", -1e12),
        ("float64", 1e200),
        ("float64", np.finfo("float64").max),
        ("float32", np.finfo("float32").max),
        ("float16", np.finfo("float16").max),
        ("int64", -(2**40)),
        ("uint32", 2**32 - 1),
        ("int64", 2**63 - 1),
    ],
)
def test_one_value_everywhere_stays_so(interpolation, dtype, value):
    """Within and beyond an image that is all of it; never a number out of the type's range."""
    image = np.full((40, 50), value, dtype)
    turn = Transform([[0.99, 0.01, 3.3], [-0.01, 0.99, 2.2], [0, 0, 1]])
    with np.errstate(all="ignore"):
        for fill in (value, "background"):
            found = warp(image, turn, interpolation=interpolation, fill=fill)
            assert np.isfinite(found).all()
            relative = found.astype(np.longdouble) / np.longdouble(value) - 1
            assert np.abs(relative).max() < (1e-3 if dtype == "float16" else 1e-6)
    if np.dtype(dtype).kind == "f":
        beyond = warp(image, turn, interpolation=interpolation, fill=np.nan)
        assert np.isnan(beyond[-1, -1])
        assert np.isfinite(beyond[5, 5])
        with_infinity = image.copy()
        with_infinity[20, 20] = np.inf
        assert not np.isfinite(warp(with_infinity, turn, interpolation=interpolation)).all()


def test_cubic_gets_the_value_outside_in_double_precision():
    image = np.random.default_rng(0).random((60, 70, 3))
    turn = Transform([[0.99, 0.01, 3.3], [-0.01, 0.99, 2.2], [0, 0, 1]])
    fill = (0.25, 0.5, 0.75)
    double = warp(image, turn, interpolation="cubic", fill=fill)
    single = warp(image.astype(np.float32), turn, interpolation="cubic", fill=fill)
    np.testing.assert_allclose(double, single, atol=1e-5)
    assert double[-1, -1].tolist() == list(fill)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output_shape": (10.5, 5)}, "whole numbers"),
        ({"output_shape": (0, 5)}, "positive"),
        ({"output_shape": (1e10, 1e10)}, "pixels, not"),
        ({"output_shape": (np.inf, 5)}, "height, width"),
        ({"output_shape": 5}, "height, width"),
        ({"fill": 10**400}, "a pixel can hold"),
        ({"fill": None}, "numbers"),
    ],
)
def test_what_no_result_can_be_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        warp(np.ones((20, 20), np.float32), Transform.identity(), **options)


@pytest.mark.parametrize("shape", [(), (100,)])
def test_a_lazy_array_without_rows_and_columns_is_refused(shape):
    pixels = da.ones(shape, chunks=10)
    for use in (lambda: warp(pixels, Transform.identity()), lambda: align(pixels, pixels)):
        with pytest.raises(InputError, match=r"rows|height"):
            use()


def test_images_of_several_sizes_are_no_grid():
    sizes = tuple(np.zeros((1, width), np.uint8) for width in (3, 2, 1))
    with pytest.raises(InputError, match="like must be an image"):
        warp(np.zeros((8, 8, 3)), np.eye(3), like=sizes)
