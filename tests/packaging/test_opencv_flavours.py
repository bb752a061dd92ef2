"""opencv-python in the place of opencv-python-headless: the same module, with a Qt 5 in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fresh_process import QT_VARIABLES, run_python
from statements import GUI, REPORT, USES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("use", ["core", "samples"])
@pytest.mark.parametrize("before", [{}, dict.fromkeys(QT_VARIABLES, "set before")])
def test_qt_is_left_alone(
    use: str, before: dict[str, str], opencv_with_qt: Path, tmp_path: Path
) -> None:
    found = json.loads(
        run_python("-c", USES[use] + REPORT, cwd=tmp_path, ahead=opencv_with_qt, variables=before)
    )
    assert Path(found["cv2"]).is_relative_to(opencv_with_qt)
    assert not GUI & set(found["packages"])
    assert {name: found["QT"].get(name) for name in QT_VARIABLES} == {
        name: before.get(name) for name in QT_VARIABLES
    }


def test_this_flavour_would_not_leave_qt_alone(opencv_with_qt: Path, tmp_path: Path) -> None:
    found = json.loads(run_python("-c", "import cv2" + REPORT, cwd=tmp_path, ahead=opencv_with_qt))
    assert "cv2" in found["QT"]["QT_QPA_PLATFORM_PLUGIN_PATH"]
