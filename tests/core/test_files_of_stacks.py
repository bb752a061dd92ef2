"""The transforms of a stack on disk: every bit survives, and bad files get one sentence."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from napari_ecc_align import (
    InputError,
    Transform,
    load_transforms,
    save_transforms,
)
from napari_ecc_align._transform.formats.registry import AFFINE_ONLY, STACK_FORMATS, holds_a_stack
from pairs import random_transform

SHAPE = (200, 240)
STACK = [random_transform(seed, "affine", SHAPE) for seed in range(5)]
BENT = Transform([[1, 0.1, 3], [0, 1, 4], [1e-4, -2e-4, 1]], model="homography")


class Judged(NamedTuple):
    """What a result has that is saved."""

    transform: Transform
    verdict: str


def matrices(transforms):
    return np.array([each.matrix for each in transforms])


@pytest.mark.parametrize("suffix", STACK_FORMATS)
@pytest.mark.parametrize("stack", [STACK, STACK[:1], [*STACK, BENT]], ids=["5", "1", "bent"])
def test_every_bit_of_a_stack_survives(tmp_path, suffix, stack):
    path = tmp_path / f"film{suffix}"
    save_transforms(stack, path)
    loaded = load_transforms(path)
    assert np.array_equal(matrices(loaded), matrices(stack))
    assert holds_a_stack(path)


def test_other_programs_read_the_numbers(tmp_path):
    save_transforms(STACK, tmp_path / "film.csv")
    table = np.loadtxt(tmp_path / "film.csv", delimiter=",")
    assert np.array_equal(table.reshape(-1, 3, 3), matrices(STACK))
    save_transforms(STACK, tmp_path / "film.npy")
    assert np.array_equal(np.load(tmp_path / "film.npy"), matrices(STACK))


def test_a_table_that_a_spreadsheet_has_saved(tmp_path):
    path = tmp_path / "film.csv"
    save_transforms(STACK, path)
    header, *rows = path.read_text().splitlines()
    commas = "," * 8
    path.write_text("\ufeff" + "\r\n".join([f'"{header}"{commas}', *rows, commas, ""]))
    assert np.array_equal(matrices(load_transforms(path)), matrices(STACK))


def test_what_was_said_of_each_frame_is_kept(tmp_path):
    path = tmp_path / "film.json"
    said = ["aligned", "failed", "aligned", "doubtful", "aligned"]
    save_transforms(map(Judged, STACK, said), path)
    document = json.loads(path.read_text())
    assert [frame["verdict"] for frame in document["frames"]] == said
    assert document["model"] == "affine"


def test_what_stands_for_transforms_is_saved_as_they_are(tmp_path):
    path = tmp_path / "film.json"
    save_transforms(dict(zip("abcde", STACK, strict=True)), path)
    assert [frame["name"] for frame in json.loads(path.read_text())["frames"]] == list("abcde")
    for given in (matrices(STACK), matrices(STACK).tolist(), load_transforms(path)):
        save_transforms(given, path, overwrite=True)
        assert load_transforms(path) == STACK


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (STACK[0], "must be many"),
        (None, "must be many"),
        ([STACK[0], None], r"transforms\[1\] must be a Transform.*not None"),
        ("film.json", r"transforms\[0\] must be a Transform"),
        (np.eye(3), r"transforms\[0\] cannot be used: matrix must have shape"),
        ({"a": STACK[0], "b": 3}, r"transforms\['b'\] cannot be used"),
        ({}, "at least one"),
    ],
)
def test_what_is_no_transforms_is_refused(tmp_path, bad, words):
    with pytest.raises(InputError, match=words):
        save_transforms(bad, tmp_path / "film.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", STACK_FORMATS)
def test_one_and_many_are_told_apart(tmp_path, suffix):
    one, many = tmp_path / f"one{suffix}", tmp_path / f"many{suffix}"
    STACK[0].save(one)
    save_transforms(STACK, many)
    assert holds_a_stack(many)
    assert not holds_a_stack(one)
    with pytest.raises(InputError, match="one transform for each frame of a stack"):
        Transform.load(many)
    # One is a stack of one to whoever wants a list.
    (found,) = load_transforms(one)
    assert np.array_equal(found.matrix, STACK[0].matrix)


@pytest.mark.parametrize("suffix", AFFINE_ONLY)
def test_a_list_of_one_comes_from_every_format(tmp_path, suffix):
    path = tmp_path / f"one{suffix}"
    STACK[0].save(path)
    assert not holds_a_stack(path)
    (found,) = load_transforms(path)
    assert np.array_equal(found.matrix, Transform.load(path).matrix)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    for path, complaint in (
        (tmp_path / "film.tfm", "must end in one of .json, .csv, .npy"),
        (tmp_path / "film.ome.json", "must end in one of"),
        (tmp_path / "no" / "film.json", "folder"),
    ):
        with pytest.raises(InputError, match=complaint):
            save_transforms(STACK, path)
    with pytest.raises(InputError, match="at least one"):
        save_transforms([], tmp_path / "film.json")
    save_transforms(STACK, tmp_path / "film.json")
    before = (tmp_path / "film.json").read_bytes()
    with pytest.raises(InputError, match="exists"):
        save_transforms(STACK[:2], tmp_path / "film.json")
    assert (tmp_path / "film.json").read_bytes() == before
    save_transforms(STACK[:2], tmp_path / "film.json", overwrite=True)
    assert len(load_transforms(tmp_path / "film.json")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["film.json"]


HEADER = "# napari-ecc-align stack\n"
FRAME = '{"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}'


def document(frames, version=1, model='"affine"'):
    return (
        f'{{"format": "napari-ecc-align stack", "version": {version}, "model": {model}, '
        f'"frames": {frames}}}'
    )


def npy_of(shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    return lambda path: path.write_bytes(start + header + np.eye(3).tobytes())


BAD = {
    "suffix": ("t.yaml", "", "must end in one of"),
    "not itk": ("t.tfm", "", "does not begin as ITK"),
    "missing": ("t.csv", None, "cannot read"),
    "other json": ("t.json", "[]", "its format is not"),
    "json version": ("t.json", document("[]", version=9), "its version is 9"),
    "json no frames": ("t.json", document("[]"), "no frames"),
    "json frames": ("t.json", document("[1]"), "each with a matrix"),
    "json model": ("t.json", document(f"[{FRAME}]", model='"bent"'), "model must be one of"),
    "json frame": ("t.json", document(f'[{FRAME}, {{"matrix": 1}}]'), "frame 1: matrix"),
    "json nested": ("t.json", "[" * 200_000, "not valid JSON"),
    "csv header": ("t.csv", "1,0,0,0,1,0,0,0,1\n", "three rows of three numbers"),
    "csv few": (
        "t.csv",
        HEADER + "1,0,0\n",
        "frame 0: there must be nine numbers, .*, not 3",
    ),
    "csv word": ("t.csv", HEADER + "1,0,0,0,1,0,0,0,x\n", "'x' is not a number"),
    "csv nan": ("t.csv", HEADER + "1,0,nan,0,1,0,0,0,1\n", "frame 0: .*NaN"),
    "csv empty": ("t.csv", HEADER, "no frames"),
    "npy objects": (
        "t.npy",
        lambda path: np.save(path, np.array([{}], object), allow_pickle=True),
        "Python objects",
    ),
    "npy shape": ("t.npy", lambda path: np.save(path, np.zeros((4, 2, 2))), "not \\(n, 3, 3"),
    "npy singular": ("t.npy", lambda path: np.save(path, np.zeros((4, 3, 3))), "frame 0: "),
    "npy boundless": ("t.npy", npy_of("(100000000, 3, 3)"), "not a whole .npy file"),
    "npy beyond": ("t.npy", npy_of(f"({'9' * 400}, 3, 3)"), "not a whole .npy file"),
    "npy less than none": ("t.npy", npy_of("(-1, 3, 3)"), "array of shape \\(-1, 3, 3\\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_stack_files_get_one_sentence(tmp_path, name):
    file, content, complaint = BAD[name]
    path = tmp_path / file
    if callable(content):
        content(path)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=complaint) as caught:
        load_transforms(path)
    assert "\n" not in str(caught.value)
