"""Files of version 0.1.0: each still loads to the same bits, and is still written byte by byte."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_ecc_align import Transform, load_transforms, save_transforms
from napari_ecc_align._transform.formats.registry import (
    AFFINE_ONLY,
    FORMATS,
    STACK_FORMATS,
    holds_a_stack,
)

RECORDED = Path(__file__).parent / "recorded_transforms"
TRANSFORMS = {
    "affine": Transform(
        [[1.0123456789012345, 0.1 / 3, 5.5], [-0.05, 1 / 1.1, -7.25]], model="affine"
    ),
    # Its inverse, which a napari affine holds, is exact on any machine.
    "halves": Transform([[2, 0.5, 5.5], [-0.5, 0.875, -7.25]], model="affine"),
    "translation": Transform([[1, 0, 0.1], [0, 1, -20 / 3]], model="translation"),
    "homography": Transform([[1, 0.1, 3], [0, 1, 4], [1e-4, -2e-4, 1]], model="homography"),
}
VERDICTS = ["aligned", "doubtful", "failed", "aligned"]


def recorded(name):
    return [
        suffix
        for suffix in FORMATS
        if not (name == "homography" and suffix in AFFINE_ONLY)
        and not (name == "affine" and suffix == ".txt")
    ]


@pytest.mark.parametrize(
    ("name", "suffix"), [(name, suffix) for name in TRANSFORMS for suffix in recorded(name)]
)
def test_a_transform(tmp_path, name, suffix):
    path, transform = RECORDED / f"{name}{suffix}", TRANSFORMS[name]
    loaded = Transform.load(path)
    assert loaded.matrix.tobytes() == transform.matrix.tobytes()
    assert loaded.model == transform.model
    transform.save(tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", STACK_FORMATS)
def test_the_transforms_of_a_stack(tmp_path, suffix):
    path, stack = RECORDED / f"stack{suffix}", list(TRANSFORMS.values())
    assert holds_a_stack(path)
    loaded = load_transforms(path)
    assert np.array([each.matrix for each in loaded]).tobytes() == (
        np.array([each.matrix for each in stack]).tobytes()
    )
    # The JSON names one model for all, the widest.
    expected = ["homography"] * 4 if suffix == ".json" else [each.model for each in stack]
    assert [each.model for each in loaded] == expected
    judged = [
        SimpleNamespace(transform=each, verdict=verdict)
        for each, verdict in zip(stack, VERDICTS, strict=True)
    ]
    save_transforms(judged, tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_every_recorded_file_is_looked_at():
    names = {f"{name}{suffix}" for name in TRANSFORMS for suffix in recorded(name)}
    stacks = {f"stack{suffix}" for suffix in STACK_FORMATS}
    assert {path.name for path in RECORDED.iterdir()} == names | stacks
