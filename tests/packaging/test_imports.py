"""What importing the package, and using its core, brings into a process, and what not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fresh_process import QT_VARIABLES, run_python
from statements import GUI, REPORT, USES


def report(statements: str, cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        run_python("-W", "error", "-c", statements + REPORT, cwd=cwd)
    )
    return found


@pytest.mark.parametrize("use", USES)
def test_neither_napari_nor_qt_is_loaded(use: str, tmp_path: Path) -> None:
    found = report(USES[use], tmp_path)
    assert "napari_ecc_align" in found["packages"]
    assert not GUI & set(found["packages"])
    assert not set(QT_VARIABLES) & set(found["QT"])


def test_the_names_cost_nothing_until_they_are_used(tmp_path: Path) -> None:
    found = report("import napari_ecc_align; assert dir(napari_ecc_align)", tmp_path)
    assert not {"cv2", "numpy", "scipy", "skimage"} & set(found["packages"])


def test_importing_the_package_is_fast_beside_numpy(tmp_path: Path) -> None:
    script = """
from time import process_time
start = process_time()
import napari_ecc_align
middle = process_time()
import numpy
print(middle - start, process_time() - middle)
"""
    runs = [run_python("-c", script, cwd=tmp_path).split() for _ in range(3)]
    ours, numpys = (min(map(float, times)) for times in zip(*runs, strict=True))
    assert ours < numpys / 2
