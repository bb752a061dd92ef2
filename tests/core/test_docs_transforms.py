"""The code of docs/transforms.md, run as it stands there."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_ecc_align import Transform
from pairs import known_pair

PAGE = Path(__file__).parents[2] / "docs" / "transforms.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
TRUTH = Transform([[1.02, 0.03, 3.5], [-0.02, 0.99, -2.25], [0, 0, 1]])


@pytest.fixture(scope="module")
def known():
    return known_pair("camera", TRUTH)


def test_the_code_of_the_page_lays_the_moving_image_on_the_reference(tmp_path, monkeypatch, known):
    monkeypatch.chdir(tmp_path)
    for suffix in (".npy", ".csv", ".tfm", ".txt"):
        TRUTH.save(f"transform{suffix}")
    points = np.array([[20.0, 30], [25, 200], [170, 110]])
    theirs = TRUTH.to_moving(points[:, ::-1])[:, ::-1]
    names = {
        "reference": known.reference,
        "moving": known.moving,
        "layer": SimpleNamespace(affine=None),
        "reference_points": SimpleNamespace(data=points),
        "moving_points": SimpleNamespace(data=theirs),
    }
    seen = []
    for block in BLOCKS:
        names.pop("aligned", None)
        exec(block, names)
        if "aligned" in names:
            aligned = names["aligned"]
            seen.append(aligned if isinstance(aligned, np.ndarray) else as_array(aligned))
    assert len(seen) == 4
    for aligned in seen:
        gap = np.abs(aligned - known.reference)[12:-12, 12:-12]
        assert np.median(gap) < 1.5
    x, y = TRUTH.to_moving((60, 40))
    assert (names["layer"].affine @ [y, x, 1])[:2] == pytest.approx([40, 60])
    assert known.error_of(names["start"]) < 1e-6
    assert known.error_of(names["result"].transform) < 0.1
    assert known.error_of(Transform.load("back.tfm").inverse) < 1e-9


def as_array(image):
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(image)
