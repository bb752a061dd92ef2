"""Transforms on disk: each format against the library or the file it is for, and bad files."""

import json
import os

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import AffineTransform

from napari_ecc_align import InputError, Transform, warp
from napari_ecc_align._transform.formats.registry import FORMATS
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
        COMPOSITE,
    ],
    ids=["affine", "translation", "euler", "similarity", "identity", "composite"],
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


def ome(*transformations, systems=()):
    return json.dumps(
        {"coordinateSystems": list(systems), "coordinateTransformations": list(transformations)}
    )


def axes(name, *names):
    return {"name": name, "axes": [{"name": axis} for axis in names]}


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
ENDS = {"input": {"name": "in"}, "output": {"name": "out"}}
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


# Wrong and hostile files


class Trap:
    def __reduce__(self):
        return os.mkdir, ("sprung",)


def pickled(path):
    np.save(path, np.array([Trap()], object), allow_pickle=True)


def boundless(path):
    path.write_bytes(
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117)
        + b"\n"
    )


def npy_header(header, version=(1, 0)):
    """Write a .npy file with a header of one's own, and the numbers of a matrix."""
    text = header.encode("latin-1") + b"\n"
    length = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    content = b"\x93NUMPY" + bytes(version) + length + text + np.eye(3).tobytes()
    return lambda path: path.write_bytes(content)


def npy_of(descr="'<f8'", shape="(3, 3)"):
    return npy_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


ITK = "#Insight Transform File V1.0\n#Transform 0\n"
HEADER = "# napari-ecc-align transform: reference pixel (x, y, 1) to moving pixel\n"
BAD = {
    "suffix": ("t.mat", "", "must end in one of .json, .ome.json, .tfm"),
    "no suffix": ("t", "", "must end in one of"),
    "huge": ("t.csv", "1," * 600_000, "too large to be a transform file"),
    "npy pickled": ("t.npy", pickled, "Python objects"),
    "npy boundless": ("t.npy", boundless, r"shape \(1000000000000,\)"),
    "npy stack": (
        "t.npy",
        lambda path: np.save(path, np.zeros((7, 3, 3))),
        "one transform for each frame",
    ),
    "npy text": ("t.npy", lambda path: np.save(path, np.array(["a"])), "type <U1"),
    "npy complex": ("t.npy", lambda path: np.save(path, np.eye(3) * 1j), "type complex128"),
    "npy cut": ("t.npy", lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'de"), "whole"),
    "npy nan": ("t.npy", lambda path: np.save(path, np.full((3, 3), np.nan)), "NaN"),
    "npy key of bytes": ("t.npy", npy_header("{b'descr': '<f8', 'shape': (3, 3)}"), "whole"),
    "npy deep": ("t.npy", npy_header("1" + "+1" * 4000), "whole"),
    "npy nested": ("t.npy", npy_header("(" * 300), "whole"),
    "npy open": ("t.npy", npy_header("{'descr': '<f8',", version=(3, 0)), "whole"),
    "npy no type": ("t.npy", npy_of(descr="[]"), "type \\[\\]"),
    "npy no such type": ("t.npy", npy_of(descr="'<f8\\u1234'"), "whole"),
    "npy long type": ("t.npy", npy_of(descr=f"[('{'a' * 900}', '<f8')]"), "type "),
    "npy other": ("t.npy", "PK\x03\x04", "not a whole .npy file"),
    "csv binary": ("t.csv", lambda path: path.write_bytes(b"\xff\x00\xfe"), "not text"),
    "csv words": ("t.csv", HEADER + "a,b,c\n", "'a' is not a number"),
    "csv semicolons": ("t.csv", HEADER + "1;0;0\n0;1;0\n0;0;1\n", "is not a number"),
    "csv few": ("t.csv", HEADER + "1,0\n0,1\n", "three rows of three numbers"),
    "csv many": ("t.csv", HEADER + "1,0,0\n" * 9, "more than the three rows"),
    "csv nan": ("t.csv", HEADER + "nan,0,0\n0,1,0\n0,0,1\n", "NaN"),
    "csv singular": ("t.csv", HEADER + "1,1,0\n1,1,0\n0,0,1\n", "singular"),
    "csv empty": ("t.csv", "", "three rows of three numbers"),
    "csv overflow": ("t.csv", HEADER + "1e305,0,0\n0,1,0\n0,0,1e-8\n", "divided by its last"),
    "csv rounding": (
        "t.txt",
        "-7959028169.797236,57718100716.65257,0\n-2456849878.271868,17816837143.246838,0\n",
        "singular",
    ),
    "affinder 3-D": ("t.txt", "1,0,0,0\n0,1,0,0\n0,0,1,0\n0,0,0,1\n", "more than the three rows"),
    "bare homography": ("t.csv", "1,0,0\n0,1,0\n0.1,0,1\n", "without the header"),
    "itk other": ("t.tfm", "hello", "does not begin as ITK"),
    "itk empty": ("t.tfm", ITK, "must hold one transform"),
    "itk few": (
        "t.tfm",
        f"{ITK}Transform: AffineTransform_double_2_2\nParameters: 1 2\nFixedParameters: 0 0\n",
        "6 parameters, here are 2",
    ),
    "itk word": ("t.tfm", f"{ITK}Transform: A_2_2\nParameters: 1 x\n", "'x' is not a number"),
    "itk centre": (
        "t.tfm",
        f"{ITK}Transform: TranslationTransform_double_2_2\nParameters: 1 2\nFixedParameters: 1\n",
        "not one centre",
    ),
    "itk overflow": (
        "t.tfm",
        f"{ITK}Transform: TranslationTransform_double_2_2\nParameters: 1e999 2\n",
        "infinity",
    ),
    "json nested": ("t.json", "[" * 200_000, "not valid JSON"),
    "json digits": ("t.json", "9" * 10_000, "not valid JSON"),
    "json version": (
        "t.json",
        '{"format": "napari-ecc-align transform", "version": 2}',
        "version is 2, this program reads 1",
    ),
    "json overflow": (
        "t.json",
        (
            '{"format": "napari-ecc-align transform", "version": 1, "model": "affine", '
            f'"matrix": [[1{"0" * 400}, 0, 0], [0, 1, 0], [0, 0, 1]]}}'
        ),
        "matrix must be numbers",
    ),
    "json model": (
        "t.json",
        (
            '{"format": "napari-ecc-align transform", "version": 1, "matrix": [], '
            f'"model": {"9" * 900}}}'
        ),
        "model must be one of",
    ),
    "json squeezed": (
        "t.json",
        (
            '{"format": "napari-ecc-align transform", "version": 1, "model": "euclidean", '
            '"matrix": [[1e160, 0, 0], [0, 1e-160, 0], [0, 0, 1]]}'
        ),
        "singular",
    ),
    "ome overflow": (
        "t.ome.json",
        ome({"type": "sequence", "transformations": [{"type": "scale", "scale": [1e200, 1]}] * 2}),
        "infinity",
    ),
    "ome many": ("t.json", ome({"type": "identity"}, {"type": "identity"}), "list of one"),
    "ome type": ("t.json", ome({"type": "displacements", "path": "a"}), "'displacements' cannot"),
    "ome path": ("t.json", ome({"type": "affine", "path": "a"}), "in the file itself"),
    "ome 3-D": ("t.json", ome({"type": "scale", "scale": [1, 2, 3]}), "must hold 2 numbers"),
    "ome words": ("t.json", ome({"type": "scale", "scale": ["a", "b"]}), "hold numbers"),
    "ome axes": (
        "t.json",
        ome({"type": "identity", **ENDS}, systems=[axes("in", "z", "x")]),
        "must be called y and x",
    ),
    "ome deep": (
        "t.json",
        '{"coordinateTransformations": ['
        + '{"type": "bijection", "forward": ' * 60
        + "null"
        + "}" * 60
        + "]}",
        "not an OME-NGFF transformation",
    ),
    "ome broken": ("t.json", '{"coordinateTransformations": 3}', "list of one"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gives_one_clear_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    file_name, content, words = BAD[name]
    path = tmp_path / file_name
    if callable(content):
        content(path)
    else:
        path.write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        Transform.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < len(str(path)) + 200
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="not a file"):
        Transform.load(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a file"):
        Transform.load(tmp_path / "pipe.csv")


@pytest.mark.parametrize("suffix", FORMATS)
def test_nothing_is_replaced_unless_told(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists already"):
        AFFINE.save(path)
    assert path.read_bytes() == b"precious"
    AFFINE.save(path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    np.testing.assert_allclose(Transform.load(path).matrix, AFFINE.matrix, atol=1e-12)


def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="must end in one of"):
        AFFINE.save(tmp_path / "t.yaml")
    assert list(tmp_path.iterdir()) == []
