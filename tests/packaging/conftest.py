"""The distributions, built or downloaded once for all tests here."""

from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

import pytest
from distributions import Distributions, build, install


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes several seconds; builds or downloads")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The wheel and the sdist of this checkout, and the wheel of that sdist."""
    return build(tmp_path_factory.mktemp("distributions"))


@pytest.fixture(scope="session")
def opencv_with_qt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with opencv-python in it, in the version that is required of the headless one."""
    (ours,) = (line for line in requires("napari-ecc-align") or () if line.startswith("opencv"))
    folder = tmp_path_factory.mktemp("opencv-python")
    return install(ours.replace("-headless", ""), folder, "--only-binary=:all:")
