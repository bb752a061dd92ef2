"""Make the pictures of the README and the docs, from real runs.

Needs a display that can render, such as Xvfb::

    xvfb-run -s "-screen 0 1600x1000x24" python docs/make_screenshots.py

and Chromium for the picture of a report.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import napari
import numpy as np
from drawn_images import cells, drifting, rounds, wandering
from napari.settings import get_plugin_settings, get_settings
from PIL import Image
from qtpy.QtWidgets import QApplication
from scipy.ndimage import map_coordinates

from napari_ecc_align import Batch, align, overlay, read_image, warp
from napari_ecc_align._compare.inspection import inspect_alignment
from napari_ecc_align._gui.align.widget import AlignWidget
from napari_ecc_align._gui.apply.widget import ApplyWidget
from napari_ecc_align._gui.dataset.widget import DatasetWidget
from napari_ecc_align._gui.demo import open_demo
from napari_ecc_align._gui.shared.docks import open_dock
from napari_ecc_align._images.files.images import write_image
from napari_ecc_align._images.samples import sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from music.page import make_page

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = (1400, 860)
REPORT_SIZE = (1200, 1150)
_IDLE = SimpleNamespace(busy=False)


def main() -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    # The pictures show the form as it is at first, and leave nobody's choices changed.
    get_settings(path=None).appearance.theme = "light"
    get_plugin_settings(path_dir=None)
    for name in ("page", "lung", "tobolsk"):
        shoot_window(name)
    shoot_overlay()
    shoot_region()
    shoot_stack()
    shoot_volumes()
    shoot_volume_film()
    shoot_doubtful()
    shoot_apply()
    shoot_dataset()
    shoot_report()
    write_before_after("page", rows=slice(150, 420), columns=slice(250, 800))
    write_modalities("village")


def shoot_window(name: str) -> None:
    """Take a picture of napari's window after the demo of a sample has run."""
    viewer, widget = open_demo(name)
    finish(viewer, widget, name)


def shoot_overlay() -> None:
    """Take a picture of two sections in two colours."""
    viewer, widget = open_demo("lung")
    settle(widget)
    widget.after.next.view.value = "overlay"
    finish(viewer, widget, "overlay")


def shoot_region() -> None:
    """Take a picture of an alignment that only one part of the images has decided."""
    viewer, widget = open_form()
    viewer.open_sample("napari-ecc-align", "lung")
    height, width = viewer.layers[0].data.shape[:2]
    ring = np.array([[0.1, 0.3], [0.1, 0.8], [0.45, 0.9], [0.75, 0.6], [0.5, 0.25]])
    drawn = viewer.add_shapes(
        ring * [height, width],
        shape_type="polygon",
        name="airway",
        face_color="#ffffff22",
        edge_color="#e66100",
        edge_width=5,
    )
    viewer.layers.move(2, 0)
    widget.where.region.value = drawn
    widget.folds["Where"].expand(animate=False)
    widget.run()
    settle(widget)
    widget.after.next.view.value = "overlay"
    settle(widget)
    viewer.layers.move(viewer.layers.index(drawn), len(viewer.layers))
    drawn.visible = True
    finish(viewer, widget, "region")


def shoot_stack() -> None:
    """Take a picture of a film over its first frame, aligned to that, and of its drift."""
    viewer, widget = open_form()
    viewer.add_image(drifting(cells()), name="film", colormap="gray")
    widget.model.value = "euclidean"
    widget.run()
    settle(widget)
    widget.after.next.stack_view.value = "overlay"
    widget.after.next.drift.native.click()
    settle(widget)
    viewer.dims.set_point(0, 15)
    finish(viewer, widget, "stack", height=SIZE[1] + 100)


def shoot_volumes() -> None:
    """Take pictures of two aligned volumes in two colours, in a slice and in 3-D."""
    viewer, widget = open_form()
    placing = {"scale": (0.5, 0.2, 0.2), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
    for name, volume in zip(("round 1", "round 2"), rounds(), strict=True):
        viewer.add_image(volume, name=name, colormap="gray", **placing)
    widget.model.value = "euclidean"
    widget.run()
    settle(widget)
    widget.after.next.view.value = "overlay"
    viewer.dims.set_point(0, 10)
    finish(viewer, widget, "volume", close=False)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.zoom /= 1.8
    viewer.scene.camera.angles = (-20, 30, 145)
    settle(widget)
    save(viewer, "volume_3d")


def shoot_volume_film() -> None:
    """Take a picture of a film of volumes, aligned to its first, and of its drift."""
    viewer, widget = open_form()
    viewer.add_image(
        wandering(),
        name="embryo",
        colormap="gray",
        scale=(30, 0.5, 0.2, 0.2),
        units=("s", "um", "um", "um"),
        axis_labels=("t", "z", "y", "x"),
    )
    widget.model.value = "euclidean"
    widget.run()
    settle(widget)
    widget.after.next.stack_view.value = "overlay"
    widget.after.next.drift.native.click()
    settle(widget)
    viewer.dims.set_point(0, 240)
    viewer.dims.set_point(1, 10)
    finish(viewer, widget, "volume_film", height=SIZE[1] + 100)


def shoot_doubtful() -> None:
    """Take a picture of what is said of two images that do not belong together."""
    viewer, widget = open_form()
    widget.model.value = "affine"
    for name, attribute in (("page", "reference"), ("lung", "moving")):
        viewer.add_image(getattr(sample(name), attribute), name=name)
    widget.run()
    finish(viewer, widget, "doubtful")


def open_form() -> tuple[napari.Viewer, AlignWidget]:
    """Open napari with the form docked and no layers."""
    viewer = napari.Viewer(title="ECC Align")
    return viewer, open_dock(viewer, "Align images")


def finish(
    viewer: napari.Viewer,
    widget: AlignWidget,
    name: str,
    *,
    height: int = SIZE[1],
    close: bool = True,
) -> None:
    """Wait until all is done, and take the picture."""
    viewer.window.resize(SIZE[0], height)
    settle(widget)
    viewer.reset_view()
    settle(widget)
    save(viewer, name, close=close)


def save(viewer: napari.Viewer, name: str, *, close: bool = True) -> None:
    """Write a picture of a viewer's window, and close it."""
    picture = viewer.screenshot(canvas_only=False, flash=False)
    with_few_colours(Image.fromarray(picture[..., :3])).save(IMAGES / f"{name}.png", optimize=True)
    if close:
        viewer.close()


def with_few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture with a palette, which makes a small file: a window's own colours kept."""
    own = sorted(picture.getcolors(picture.width * picture.height), reverse=True)[:64]
    others = picture.quantize(192, method=Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for _, colour in own for value in colour] + others)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def shoot_apply() -> None:
    """Take a picture of the form that applies a transform, after it has been used."""
    viewer, widget = open_demo("page")
    settle(widget)
    form = open_dock(viewer, "Apply transform", tabify=True)
    form.layers.value = [viewer.layers["scan, staffless"], viewer.layers["scan, binary"]]
    form.run()
    settle(form)
    for layer in viewer.layers:
        layer.visible = layer.name in ("page", "scan, staffless aligned")
    viewer.window.resize(*SIZE)
    viewer.reset_view()
    settle(form)
    save(viewer, "apply")


def shoot_dataset(theme: str = "dark", name: str = "dataset") -> None:
    """Take a picture of a small dataset that has been aligned, with a doubtful pair open."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_dataset(Path("scans"))
        viewer = napari.Viewer(title="ECC Align")
        viewer.theme = theme
        widget = open_dock(viewer, "Align a dataset")
        widget.folders.reference.line_edit.value = "scans/ideal"
        widget.folders.moving.line_edit.value = "scans/gray"
        widget.folders.siblings.chosen = ("scans/binary", "scans/staffless")
        widget.folders.out.line_edit.value = "aligned"
        widget.run()
        settle(widget)
        viewer.window.resize(*SIZE)
        settle(widget)
        widget.table.setCurrentIndex(widget.table.model().index(0, 0))
        settle(widget)
        viewer.reset_view()
        settle(widget)
        save(viewer, name)


def shoot_report() -> None:
    """Take a picture of the report of that dataset, as Chromium shows it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_dataset(Path("scans"))
        plan = Batch.plan("scans/ideal", "scans/gray", siblings=["scans/binary"], out="aligned")
        for _ in plan.run():
            pass
        page = Path("aligned", "report.html").resolve()
        here = Path(folder).resolve()
        page.write_text(page.read_text("utf-8").replace(str(here), "/data"), "utf-8")
        window = f"--window-size={REPORT_SIZE[0]},{REPORT_SIZE[1]}"
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", window)
        target = f"--screenshot={IMAGES / 'report.png'}"
        subprocess.run(["chromium", *flags, target, page.as_uri()], check=True)
    picture = Image.open(IMAGES / "report.png").convert("RGB")
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(
        IMAGES / "report.png", optimize=True
    )


def write_dataset(root: Path) -> None:
    """Write pages in flavours: most displaced, one right already, one bent, one missing."""
    for number in range(14):
        path = f"w-{1 + number // 5:02}/p{1 + number % 5:03}.png"
        page = make_page(
            shape=(600, 800), seed=number, displacement=0.0 if number == 5 else 3.0 + number
        )
        height, width = page.gray.shape
        reference = page.reference if number != 5 else page.reference[:height, :width]
        gray = page.gray
        if number == 8:
            rows, columns = np.mgrid[:height, :width]
            bent = [rows + 3 * np.sin(columns / 90), columns + 3 * np.cos(rows / 70)]
            gray = map_coordinates(gray, bent, order=1, mode="nearest")
        flavours = {
            "ideal": reference,
            "gray": gray,
            "binary": page.binary,
            "staffless": page.staffless,
        }
        for flavour, image in flavours.items():
            if (flavour, number) != ("gray", 11):
                (root / flavour / path).parent.mkdir(parents=True, exist_ok=True)
                write_image(root / flavour / path, image)


def settle(widget: AlignWidget | ApplyWidget | DatasetWidget, seconds: float = 1.0) -> None:
    """Let Qt work until the alignment has ended, and a little longer."""
    application = QApplication.instance()
    assert application is not None
    end = time.monotonic() + seconds
    while widget.running or getattr(widget, "after", _IDLE).busy or time.monotonic() < end:
        application.processEvents()
        time.sleep(0.01)


def write_before_after(name: str, *, rows: slice, columns: slice) -> None:
    """Write a part of the difference before and after, one above the other."""
    pair = sample(name)
    result = align(pair.reference, pair.moving)
    assert result.verdict == "aligned", result.reason
    unmoved = inspect_alignment(
        pair.reference, pair.moving, type(result.transform).identity()
    ).difference
    aligned = inspect_alignment(pair.reference, pair.moving, result.transform).difference
    gap = np.full((6, columns.stop - columns.start), 255, np.uint8)
    strips = [as_gray(unmoved[rows, columns]), gap, as_gray(aligned[rows, columns])]
    Image.fromarray(np.vstack(strips)).save(IMAGES / f"{name}_before_after.png", optimize=True)


def write_modalities(name: str) -> None:
    """Write two exposures, one above the other in a file, and their overlays before and after."""
    both = read_image(IMAGES / f"{name}.png")
    reference, moving = np.split(both, 2)
    result = align(reference, moving, representation="orientation")
    assert result.verdict == "aligned", result.reason
    height, width = reference.shape
    picture = np.full((2 * height + 6, 2 * width + 6, 3), 255, np.uint8)
    picture[:height, :width], picture[:height, -width:] = reference[..., None], moving[..., None]
    picture[-height:, :width] = overlay(reference, moving)
    picture[-height:, -width:] = overlay(reference, warp(moving, result.transform))
    Image.fromarray(picture).quantize(128).save(IMAGES / f"{name}_overlay.png", optimize=True)


def as_gray(difference: np.ndarray) -> np.ndarray:
    """Return a difference as 8 bits, black where the images agree."""
    return np.clip(difference, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
