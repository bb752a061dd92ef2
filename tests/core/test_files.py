"""Transforms on disk: each format against the library or the file it is for."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from ome_documents import ENDS, axes, ome
from skimage.transform import AffineTransform

from napari_ecc_align import InputError, Transform, warp
from napari_ecc_align._transform.matrices import MOTION_MODELS
from pairs import picture, random_transform

SHAPE = (200, 240)
POINTS = np.array([[0.0, 0.0], [239.0, 0.0], [17.0, 143.0], [120.5, 60.25]])
AFFINE = Transform([[1.1, 0.2, 5.5], [-0.05, 0.9, -7.25], [0, 0, 1]])
BENT = Transform([[1, 0.1, 3], [0, 1, 4], [1e-4, -2e-4, 1]], model="homography")
EXACT = [".json", ".ome.json", ".tfm", ".csv", ".npy"]


@pytest.mark.parametrize("suffix", EXACT)
@given(seed=st.integers(0, 2**32 - 1), model=st.sampled_from(MOTION_MODELS[:-1]))
def test_every_bit_survives(tmp_path_factory, suffix, seed, model):
    path = tmp_path_factory.mktemp("files") / f"t{suffix}"
    transform = random_transform(seed, model, SHAPE)
    transform.save(path)
    loaded = Transform.load(path)
    assert np.array_equal(loaded.matrix, transform.matrix)
    assert MOTION_MODELS.index(loaded.model) <= MOTION_MODELS.index(model)


@given(seed=st.integers(0, 2**32 - 1), model=st.sampled_from(MOTION_MODELS[:-1]))
def test_a_napari_affine_survives_but_for_rounding(tmp_path_factory, seed, model):
    path = tmp_path_factory.mktemp("files") / "t.txt"
    transform = random_transform(seed, model, SHAPE)
    transform.save(path)
    np.testing.assert_allclose(Transform.load(path).matrix, transform.matrix, atol=1e-9)


@pytest.mark.parametrize("suffix", [".json", ".csv", ".npy"])
def test_a_homography_survives(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    BENT.save(path)
    assert np.array_equal(Transform.load(path).matrix, BENT.matrix)
    assert Transform.load(path).model == "homography"


@pytest.mark.parametrize("suffix", [".tfm", ".ome.json", ".txt"])
def test_a_homography_is_refused_where_it_does_not_fit(tmp_path, suffix):
    with pytest.raises(InputError, match="cannot hold a homography; save it as"):
        BENT.save(tmp_path / f"t{suffix}")
    assert list(tmp_path.iterdir()) == []


# ITK


def test_simpleitk_reads_the_same_transform_and_resamples_the_same_image(tmp_path):
    path = tmp_path / "t.tfm"
    AFFINE.save(path)
    read = sitk.ReadTransform(str(path))
    for point in POINTS:
        assert read.TransformPoint(point.tolist()) == pytest.approx(
            AFFINE.to_moving(point), abs=1e-12
        )
    moving = picture("camera")[:150, :210]
    grid = sitk.GetImageFromArray(np.zeros(SHAPE))
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(sitk.GetImageFromArray(moving), grid, read, sitk.sitkLinear, -1.0)
    )
    ours = warp(moving, AFFINE, output_shape=SHAPE, fill=-1)
    inside = (theirs != -1) & (ours > 0)
    assert inside.sum() > 10_000
    # The rim may be blended with what lies outside.
    assert np.quantile(np.abs(theirs - ours)[inside], 0.98) < 1e-6


def centred(transform, centre):
    transform.SetCenter(centre)
    return transform


COMPOSITE = sitk.CompositeTransform(
    [sitk.TranslationTransform(2, (4, -3)), centred(sitk.Euler2DTransform((0, 0), 0.3), (9, 5))]
)


@pytest.mark.parametrize(
    "theirs",
    [
        centred(sitk.AffineTransform([1.1, 0.2, -0.1, 0.9], [3, 4]), (50, 60)),
        sitk.TranslationTransform(2, (4.5, -3)),
        centred(sitk.Euler2DTransform((0, 0), 0.2, (1, 2)), (50, 60)),
        centred(sitk.Similarity2DTransform(1.2, -0.3, (1, 2)), (50, 60)),
        sitk.Transform(2, sitk.sitkIdentity),
        centred(sitk.ScaleTransform(2, (1.5, 0.5)), (50, 60)),
        COMPOSITE,
    ],
    ids=["affine", "translation", "euler", "similarity", "identity", "scale", "composite"],
)
@pytest.mark.parametrize("suffix", [".tfm", ".txt"])
def test_what_simpleitk_writes_is_read(tmp_path, theirs, suffix):
    path = tmp_path / f"t{suffix}"
    sitk.WriteTransform(theirs, str(path))
    ours = Transform.load(path)
    expected = [theirs.TransformPoint(point.tolist()) for point in POINTS]
    np.testing.assert_allclose(ours.to_moving(POINTS), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (sitk.AffineTransform(3), "not a transform of two dimensions"),
        (sitk.BSplineTransform(2), "no affine transform"),
    ],
)
def test_what_is_not_affine_in_itk_is_refused(tmp_path, theirs, words):
    sitk.WriteTransform(theirs, str(tmp_path / "t.tfm"))
    with pytest.raises(InputError, match=words):
        Transform.load(tmp_path / "t.tfm")


# OME-NGFF


def test_ome_ngff_maps_reference_to_moving_in_the_order_of_its_axes(tmp_path):
    AFFINE.save(tmp_path / "t.ome.json")
    document = json.loads((tmp_path / "t.ome.json").read_text())
    (found,) = document["coordinateTransformations"]
    assert (found["type"], found["input"], found["output"]) == (
        "affine",
        {"name": "reference"},
        {"name": "moving"},
    )
    for system in document["coordinateSystems"]:
        assert [axis["name"] for axis in system["axes"]] == ["y", "x"]
    rows = np.array(found["affine"])
    assert rows.shape == (2, 3)
    x, y = 17, 143
    assert (rows @ [y, x, 1])[::-1] == pytest.approx(AFFINE.to_moving((x, y)))


def test_ome_ngff_writes_translations_as_such_for_readers_that_know_no_affine(tmp_path):
    slide = Transform([[1, 0, 5], [0, 1, -2]], model="translation")
    slide.save(tmp_path / "t.ome.json")
    (found,) = json.loads((tmp_path / "t.ome.json").read_text())["coordinateTransformations"]
    assert (found["type"], found["translation"]) == ("translation", [-2, 5])


# The first is the specification's own example: y = 1 j + 2 i + 3, x = 4 j + 5 i + 6.
OME_CASES = {
    "yx": (
        ome({"type": "affine", "affine": [[1, 2, 3], [4, 5, 6]], **ENDS}),
        (10, 100),
        (456, 123),
    ),
    "xy": (
        ome(
            {"type": "affine", "affine": [[1, 2, 3], [4, 5, 6]], **ENDS},
            systems=[axes("in", "x", "y"), axes("out", "x", "y")],
        ),
        (10, 100),
        (213, 546),
    ),
    "mixed": (
        ome(
            {"type": "affine", "affine": [[1, 2, 3], [4, 5, 6]], **ENDS},
            systems=[axes("in", "x", "y"), axes("out", "y", "x")],
        ),
        (10, 100),
        (546, 213),
    ),
    "sequence": (
        ome(
            {
                "type": "sequence",
                "transformations": [
                    {"type": "scale", "scale": [2, 3]},
                    {"type": "translation", "translation": [5, 7]},
                    {"type": "identity"},
                    {"type": "rotation", "rotation": [[0, -1], [1, 0]]},
                ],
                **ENDS,
            }
        ),
        (10, 100),
        (205, -37),
    ),
    "bijection": (
        ome(
            {
                "type": "bijection",
                "forward": {"type": "translation", "translation": [1, 2]},
                "inverse": {"type": "translation", "translation": [-1, -2]},
                **ENDS,
            }
        ),
        (10, 100),
        (12, 101),
    ),
    "moving first": (
        ome(
            {
                "type": "translation",
                "translation": [1, 2],
                "input": {"name": "moving"},
                "output": {"name": "reference"},
            }
        ),
        (10, 100),
        (8, 99),
    ),
}


@pytest.mark.parametrize("name", OME_CASES)
@pytest.mark.parametrize("suffix", [".ome.json", ".json"])
def test_ome_ngff_of_others_is_read(tmp_path, name, suffix):
    text, point, expected = OME_CASES[name]
    path = tmp_path / f"t{suffix}"
    path.write_text(text)
    assert Transform.load(path).to_moving(point) == pytest.approx(expected)


# Matrices


def test_csv_and_npy_hold_what_scikit_image_takes_as_inverse_map(tmp_path):
    AFFINE.save(tmp_path / "t.csv")
    AFFINE.save(tmp_path / "t.npy")
    text = np.loadtxt(tmp_path / "t.csv", delimiter=",")
    binary = np.load(tmp_path / "t.npy", allow_pickle=False)
    np.testing.assert_array_equal(text, binary)
    np.testing.assert_allclose(AffineTransform(binary)(POINTS), AFFINE.to_moving(POINTS))


def test_npy_may_be_two_rows_of_any_real_dtype(tmp_path):
    np.save(tmp_path / "t.npy", np.array([[1, 0, 4], [0, 1, 5]], ">i2"))
    loaded = Transform.load(tmp_path / "t.npy")
    assert loaded.to_moving((0, 0)).tolist() == [4, 5]
    assert loaded.model == "translation"


def test_csv_survives_a_spreadsheet(tmp_path):
    path = tmp_path / "t.csv"
    AFFINE.save(path)
    header, *rows = path.read_text().splitlines()
    text = "\r\n".join([f'"{header}",,', *rows, ""])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert np.array_equal(Transform.load(path).matrix, AFFINE.matrix)


@pytest.mark.parametrize("name", ["affinder.txt", "affinder.csv"])
def test_affinder_s_file_moves_the_moving_layer_onto_the_reference(tmp_path, name):
    # As affinder does: rows and columns, estimated from the moving points to the reference's.
    corners = np.array([[0, 0], [0, 200], [150, 0]], float)
    reference = corners @ np.array([[0.9, 0.1], [-0.2, 1.1]]) + [4, 9]
    to_reference = np.vstack([np.linalg.solve(np.c_[corners, np.ones(3)], reference).T, [0, 0, 1]])
    np.savetxt(tmp_path / name, to_reference, delimiter=",")
    transform = Transform.load(tmp_path / name)
    np.testing.assert_allclose(
        transform.to_moving(reference[:, ::-1]), corners[:, ::-1], atol=1e-9
    )
    transform.save(tmp_path / "again.txt")
    np.testing.assert_allclose(
        np.loadtxt(tmp_path / "again.txt", delimiter=","), to_reference, atol=1e-12
    )
