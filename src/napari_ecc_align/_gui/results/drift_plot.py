"""A plot of how the frames of a stack have drifted."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QWidget

from ..._align.drift import Drift

_SIZE = (4, 2.2)
_LEAST_HEIGHT = 220


def drift_canvas(drift: Drift, *, dark: bool) -> QWidget:
    """Return a Qt widget with the shift and the rotation of every frame.

    Frames that are not called aligned are marked.

    Parameters
    ----------
    drift : Drift
        From a run on a stack.
    dark : bool
        Draw on a dark ground.
    """
    from matplotlib import style
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
    from matplotlib.figure import Figure

    frames = np.arange(len(drift.x))
    with style.context("dark_background" if dark else "default"):
        canvas = FigureCanvasQTAgg(  # type: ignore[no-untyped-call]
            Figure(_SIZE, layout="constrained")
        )
        # A figure that is squeezed flat cannot be laid out.
        canvas.setMinimumHeight(_LEAST_HEIGHT)
        shift, turn = canvas.figure.subplots(2, sharex=True, height_ratios=(2, 1))
        shift.plot(frames, drift.x, "-", color="#e66100", label="x")
        shift.plot(frames, drift.y, "--", color="#40b0e4", label="y")
        unsure = ~drift.aligned
        if unsure.any():
            shift.plot(frames[unsure], drift.x[unsure], "s", color="#e66100", label="not sure")
            shift.plot(frames[unsure], drift.y[unsure], "s", color="#40b0e4")
        shift.set_ylabel("shift, px")
        shift.legend(loc="best", fontsize="small")
        turn.plot(frames, drift.rotation, "-", color="gray")
        turn.set_ylabel("turn, °")
        turn.set_xlabel("frame")
        turn.xaxis.get_major_locator().set_params(integer=True)
    return canvas
