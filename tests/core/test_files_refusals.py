"""Wrong and hostile transform files: one clear sentence each, and nothing is replaced unasked."""

import os

import numpy as np
import pytest
from ome_documents import ENDS, axes, ome

from napari_ecc_align import InputError, Transform
from napari_ecc_align._transform.formats.registry import FORMATS

AFFINE = Transform([[1.1, 0.2, 5.5], [-0.05, 0.9, -7.25], [0, 0, 1]])


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
    "affinder 3-D": ("t.txt", "1,0,0,0\n0,1,0,0\n0,0,1,0\n0,0,0,1\n", "VolumeTransform.load"),
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
    "ome 3-D": ("t.json", ome({"type": "scale", "scale": [1, 2, 3]}), "not a transform of two"),
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
