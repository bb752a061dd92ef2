"""Processes of their own: what this one has imported, or has on its path, is not in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
# opencv-python sets these to folders of its own when it is imported.
QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_SECONDS = 300


def run(command: list[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a command, and return what it printed; an error of it is an error here."""
    finished = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_SECONDS
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def run_python(
    *arguments: str,
    cwd: Path,
    ahead: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run Python, the folder `ahead` coming first on its path, and return what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in QT_VARIABLES
    }
    if ahead is not None:
        environment["PYTHONPATH"] = str(ahead)
    # -P: nothing is imported from the current folder, nor from a script's.
    command = [sys.executable, "-P", *arguments]
    return run(command, cwd=cwd, environment={**environment, **(variables or {})})
