"""What ``ecc-align --version --verbose`` prints."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

_OURS = "napari-ecc-align"
# Whichever of these is installed: each is the one that a report may be about.
_ALTERNATIVES = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "PyQt5",
    "PyQt6",
    "PyQt6-Qt6",
    "PySide2",
    "PySide6",
    "SimpleITK",
    "zarr",
)


def versions_text() -> str:
    """Return the versions that a report of a bug needs: a line each, and no name of a folder."""
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    head = [f"Python: {python}", f"system: {system}, {os.cpu_count()} processors"]
    return "\n".join([*head, *_installed([*_required(), *_ALTERNATIVES])])


def _required() -> list[str]:
    """Return the names of what the package needs, those of its extras last."""
    lines = sorted(requires(_OURS) or (), key=lambda line: "extra ==" in line)
    return [found[0] for line in lines if (found := re.match(r"[\w.-]+", line))]


def _installed(names: Iterable[str]) -> Iterable[str]:
    for name in dict.fromkeys(names):
        try:
            yield f"{name}: {version(name)}"
        except PackageNotFoundError:
            if name not in _ALTERNATIVES:
                yield f"{name}: not installed"
