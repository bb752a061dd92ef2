"""``ecc-align demo``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

from .._align.align import align
from .._common.atomic import real_path
from .._compare.inspection import inspect_alignment
from .._images.files.image_file import ImageFile
from .._images.samples import SamplePair, sample
from .console import progress_bar, tell
from .outputs import check_folder, check_outputs, result_paths, write_results
from .show import exit_code, result_text

_FOLDER = "ecc-align-demo"
# Qt ends the process when it finds no display it can use, and so do errors while it draws. So a
# process of its own asks first, by drawing as napari does: on some remote displays a context can
# be had but not drawn in, and "offscreen" has no canvas at all.
_PROBE = """
import numpy, qtpy
from qtpy.QtGui import QGuiApplication
from vispy import app, gloo, scene
app.use_app(qtpy.API_NAME)
gloo.gl.use_gl("gl+")
canvas = scene.SceneCanvas(size=(64, 64))
view = canvas.central_widget.add_view()
scene.Image(numpy.ones((64, 64), numpy.float32), clim=(0, 1), parent=view.scene)
drawn = canvas.render()[..., :3].any()
raise SystemExit(not drawn or QGuiApplication.platformName() in {"offscreen", "minimal"})
"""
_PROBE_SECONDS = 60
_BINDINGS = ("PyQt6", "PySide6", "PyQt5")


def run_demo(chosen: argparse.Namespace) -> int:
    """Show a sample pair aligned, in napari if there is a display; return the exit code."""
    if not chosen.no_gui and chosen.out is None:
        obstacle = why_no_gui()
        if obstacle is None:
            return _show(chosen.sample)
        tell(chosen, f"{obstacle}: aligning without napari's window.")
    folder = _new_folder() if chosen.out is None else chosen.out
    return _write(sample(chosen.sample), folder, chosen)


def why_no_gui() -> str | None:
    """Return why napari cannot open a window here, or None if it can."""
    if importlib.util.find_spec("napari") is None:
        return "napari is not installed"
    if not any(map(importlib.util.find_spec, _BINDINGS)):
        return "No Qt binding is installed (the extra [gui] has one)"
    on_linux = sys.platform.startswith("linux")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display"
    try:
        probe = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return "Qt does not start"
    if probe.returncode:
        hint = " (on Debian, libxcb-cursor0 is often what is missing)" if on_linux else ""
        return f"Qt cannot draw in a window here{hint}"
    return None


def _show(name: str) -> int:
    import napari

    from .._gui.demo import open_demo

    open_demo(name)
    napari.run()
    return 0


def _write(sample: SamplePair, folder: Path, chosen: argparse.Namespace) -> int:
    check_folder(folder)
    paths = result_paths(real_path(folder), Path(f"{sample.name}.png"), ImageFile(sample.moving))
    check_outputs(paths.values(), [], overwrite=chosen.overwrite)
    with progress_bar(chosen) as show:
        result = align(sample.reference, sample.moving, progress=show)
    inspection = inspect_alignment(sample.reference, sample.moving, result.transform)
    warped = ImageFile(inspection.warped)
    write_results(paths, result, inspection, warped, overwrite=chosen.overwrite)
    tell(chosen, f"{sample.title}\n{result_text(result, inspection, paths)}")
    return exit_code(chosen, [result.verdict])


def _new_folder() -> Path:
    """Return a folder that is not there yet: earlier results are not overwritten."""
    folders = (Path(_FOLDER if number == 1 else f"{_FOLDER}-{number}") for number in count(1))
    return next(folder for folder in folders if not folder.exists())
