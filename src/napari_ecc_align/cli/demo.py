"""``ecc-align demo``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from ..alignment import align
from ..inspection import before_after, inspect_alignment
from ..samples import SamplePair, pair
from .console import progress_bar, say
from .outputs import check_folder, check_outputs, result_paths, write_results
from .show import EXIT_CODES, table_lines, verdict_line, written_line

_FOLDER = "ecc-align-demo"
# Qt ends the process when it finds no display it can use, so a process of its own asks first.
_PROBE = """
from qtpy.QtWidgets import QApplication
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
application = QApplication([])
surface = QOffscreenSurface()
surface.create()
context = QOpenGLContext()
raise SystemExit(0 if context.create() and context.makeCurrent(surface) else 1)
"""
_PROBE_SECONDS = 60


def run_demo(chosen: argparse.Namespace) -> int:
    """Show a sample pair aligned, in napari if there is a display; return the exit code."""
    if not chosen.no_gui and chosen.out is None:
        obstacle = why_no_gui()
        if obstacle is None:
            return _show(chosen.sample)
        say(f"{obstacle}: aligning without napari's window.")
    folder = _new_folder() if chosen.out is None else chosen.out
    return _write(pair(chosen.sample), folder, overwrite=chosen.overwrite)


def why_no_gui() -> str | None:
    """Return why napari cannot open a window here, or None if it can."""
    if importlib.util.find_spec("napari") is None:
        return "napari is not installed"
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return "Qt does not start"
    if probe.returncode:
        return "Qt cannot open a window here (is the extra [gui] installed?)"
    return None


def _show(name: str) -> int:
    import napari

    from .._gui.demo import open_demo

    open_demo(name)
    napari.run()
    return 0


def _write(sample: SamplePair, folder: Path, *, overwrite: bool) -> int:
    check_folder(folder)
    paths = result_paths(folder, Path(f"{sample.name}.png"), sample.moving.dtype)
    check_outputs(paths.values(), [], overwrite=overwrite)
    with progress_bar() as bar:
        result = align(sample.reference, sample.moving, progress=bar.update)
    inspection = inspect_alignment(sample.reference, sample.moving, result.transform)
    write_results(paths, result, inspection, overwrite=overwrite)
    say(sample.title)
    say(verdict_line(result))
    say("\n".join(table_lines(before_after(result, inspection))))
    say(written_line(folder.resolve(), paths))
    return EXIT_CODES[result.verdict]


def _new_folder() -> Path:
    """Return a folder that is not there yet: earlier results are not overwritten."""
    number = 1
    while (folder := Path(_FOLDER if number == 1 else f"{_FOLDER}-{number}")).exists():
        number += 1
    return folder
