"""A plot of how the frames of a stack have drifted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from napari.utils.theme import get_theme
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from ..._common.errors import InputError
from ..layers.attributes import layer_with_id
from ..layers.snapshots import show_plane, shown_index
from ..layers.world import unit_of
from ..runs.finished_run import FinishedRun
from ..shared.docks import take_height
from ..shared.watching import Watch

_SIZE = (4, 2.2)
_LEAST_HEIGHT = 220
_DOCK = "Drift"
_LINES = {"x": ("-", "#e66100"), "y": ("--", "#40b0e4"), "z": ("-.", "#8fce00")}
_SIGMAS = 2
# To which frame a key goes from one, of so many.
_KEYS: dict[str, Callable[[int, int], int]] = {
    "left": lambda frame, last: frame - 1,
    "right": lambda frame, last: frame + 1,
    "home": lambda frame, last: 0,
    "end": lambda frame, last: last,
}
# Of red, green and blue together.
_MIDDLE = 384


def show_drift(viewer: Viewer, run: FinishedRun) -> None:
    """Draw the drift in the one dock there is for it, with the frame on show marked.

    A click goes to a frame, and so do the arrow keys. It is drawn anew for another theme.
    """
    ground = get_theme(viewer.theme).background.as_rgb_tuple()
    canvas: Any = drift_canvas(run, dark=sum(ground[:3]) < _MIDDLE)
    old = viewer.window.dock_widgets.get(_DOCK)
    if old is not None:
        viewer.window.remove_dock_widget(old)
        old.deleteLater()
    axis = run.task.frames.axis
    marks = [each.axvline(0, color="gray", linestyle=":") for each in canvas.figure.axes]

    def mark(_: object = None) -> None:
        layer = layer_with_id(viewer, run.task.layer_ids[1])
        with suppress(InputError):
            shown = None if layer is None else shown_index(layer, viewer)[axis]
            for line in marks:
                line.set_visible(shown is not None)
                line.set_xdata([shown or 0] * 2)
            canvas.draw_idle()

    last = len(run.task.frames) - 1

    def go(event: Any) -> None:
        layer = layer_with_id(viewer, run.task.layer_ids[1])
        if layer is not None and event.xdata is not None:
            show_plane(layer, viewer, axis, min(max(round(event.xdata), 0), last))

    def step(event: Any) -> None:
        layer = layer_with_id(viewer, run.task.layer_ids[1])
        with suppress(InputError):
            if layer is not None and event.key in _KEYS:
                there = _KEYS[event.key](shown_index(layer, viewer)[axis], last)
                show_plane(layer, viewer, axis, min(max(there, 0), last))

    mark()
    canvas.mpl_connect("button_press_event", go)
    canvas.mpl_connect("key_press_event", step)
    Watch(canvas).begin(mark, viewer.dims.events.point)
    Watch(canvas).begin(lambda _: show_drift(viewer, run), viewer.events.theme)
    viewer.window.add_dock_widget(canvas, name=_DOCK, area="bottom")
    take_height(canvas)


def drift_canvas(run: FinishedRun, *, dark: bool) -> QWidget:
    """Return a Qt widget with the shift and the rotation of every frame, of volumes along z, too.

    Of frames that bend how far they do takes the place of the rotation. Behind each line is how
    far it is known, by two sigma. Frames that are not called aligned are marked.

    Parameters
    ----------
    run : FinishedRun
        Of a stack.
    dark : bool
        Draw on a dark ground.
    """
    from matplotlib import style
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
    from matplotlib.figure import Figure

    drift = run.drift()
    frames = drift["frame"]
    unit = (unit_of(run.task.reference.grid) if run.task.is_volume_film else None) or "px"
    with style.context("dark_background" if dark else "default"):
        canvas = FigureCanvasQTAgg(  # type: ignore[no-untyped-call]
            Figure(_SIZE, layout="constrained")
        )
        # A figure that is squeezed flat cannot be laid out.
        canvas.setMinimumHeight(_LEAST_HEIGHT)
        canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        canvas.setAccessibleName("drift")
        canvas.setAccessibleDescription("Left, right, home and end go to a frame, as a click does")
        shift, turn = canvas.figure.subplots(2, sharex=True, height_ratios=(2, 1))
        drawn = {axis: look for axis, look in _LINES.items() if axis in drift}
        for axis, (line, colour) in drawn.items():
            shift.plot(frames, drift[axis], line, color=colour, label=axis)
            if f"{axis}_uncertainty" in drift:
                _draw_band(shift, frames, drift[axis], drift[f"{axis}_uncertainty"], colour)
        unsure = (drift["verdict"] != "aligned") & np.isfinite(drift["x"])
        label = "not sure"
        for axis, (_, colour) in drawn.items() if unsure.any() else ():
            shift.plot(frames[unsure], drift[axis][unsure], "s", color=colour, label=label)
            label = ""
        for frame in frames[~np.isfinite(drift["x"])]:
            # Nothing was found: there is no place to mark, but a time.
            shift.axvspan(frame - 0.5, frame + 0.5, color="gray", alpha=0.25, linewidth=0)
        shift.set_ylabel(f"shift, {unit}")
        shift.legend(loc="best", fontsize="small")
        turned, name = ("rotation", "turn, °")
        if "bends_up_to" in drift:
            turned, name = "bends_up_to", f"bends,\n{'voxels' if 'z' in drift else 'px'}"
        turn.plot(frames, drift[turned], "-", color="gray")
        turn.set_ylabel(name)
        turn.set_xlabel(run.task.frames.called[:-1])
        turn.xaxis.get_major_locator().set_params(integer=True)
    return canvas


def _draw_band(axes: Any, frames: Any, along: Any, sigma: Any, colour: str) -> None:
    """Draw how far a line is known."""
    known = np.isfinite(sigma) & np.isfinite(along)
    if not known.any():
        return
    low, high = (np.where(known, along + sign * _SIGMAS * sigma, np.nan) for sign in (-1, 1))
    axes.fill_between(frames, low, high, color=colour, alpha=0.25, linewidth=0)
