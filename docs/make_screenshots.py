"""Make the pictures of the README and the docs, from real runs.

Needs a display that can render, such as Xvfb::

    xvfb-run -s "-screen 0 1600x1000x24" python docs/make_screenshots.py
"""

from __future__ import annotations

import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_ecc_align import align
from napari_ecc_align._gui.align_widget import AlignWidget
from napari_ecc_align._gui.apply_widget import ApplyWidget
from napari_ecc_align._gui.demo import open_demo
from napari_ecc_align.inspection import inspect_alignment
from napari_ecc_align.samples import pair

IMAGES = Path(__file__).parent / "images"
SIZE = (1400, 860)


def main() -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    for name in ("page", "lung"):
        shoot_window(name)
    shoot_apply()
    write_before_after("page", rows=slice(150, 420), columns=slice(250, 800))


def shoot_window(name: str) -> None:
    """Take a picture of napari's window after the demo of a sample has run."""
    viewer, widget = open_demo(name)
    viewer.window.resize(*SIZE)
    settle(widget)
    viewer.reset_view()
    settle(widget)
    save(viewer, name)


def save(viewer: napari.Viewer, name: str) -> None:
    """Write a picture of a viewer's window, and close it."""
    picture = viewer.screenshot(canvas_only=False, flash=False)
    # A window has few colours: a palette of them makes a small file.
    small = Image.fromarray(picture[..., :3]).quantize(colors=128, dither=Image.Dither.NONE)
    small.save(IMAGES / f"{name}.png", optimize=True)
    viewer.close()


def shoot_apply() -> None:
    """Take a picture of the form that applies a transform, after it has been used."""
    viewer, widget = open_demo("page")
    settle(widget)
    _, form = viewer.window.add_plugin_dock_widget(
        "napari-ecc-align", "Apply transform", tabify=True
    )
    form.layers.value = [viewer.layers["scan, staffless"], viewer.layers["scan, binary"]]
    form.run()
    settle(form)
    for layer in viewer.layers:
        layer.visible = layer.name in ("page", "scan, staffless aligned")
    viewer.window.resize(*SIZE)
    viewer.reset_view()
    settle(form)
    save(viewer, "apply")


def settle(widget: AlignWidget | ApplyWidget, seconds: float = 1.0) -> None:
    """Let Qt work until the alignment has ended, and a little longer."""
    application = QApplication.instance()
    assert application is not None
    end = time.monotonic() + seconds
    while widget.running or time.monotonic() < end:
        application.processEvents()
        time.sleep(0.01)


def write_before_after(name: str, *, rows: slice, columns: slice) -> None:
    """Write a part of the difference before and after, one above the other."""
    sample = pair(name)
    result = align(sample.reference, sample.moving)
    assert result.verdict == "aligned", result.reason
    unmoved = inspect_alignment(
        sample.reference, sample.moving, type(result.transform).identity()
    ).difference
    aligned = inspect_alignment(sample.reference, sample.moving, result.transform).difference
    gap = np.full((6, columns.stop - columns.start), 255, np.uint8)
    strips = [as_gray(unmoved[rows, columns]), gap, as_gray(aligned[rows, columns])]
    Image.fromarray(np.vstack(strips)).save(IMAGES / f"{name}_before_after.png", optimize=True)


def as_gray(difference: np.ndarray) -> np.ndarray:
    """Return a difference as 8 bits, black where the images agree."""
    return np.clip(difference, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
