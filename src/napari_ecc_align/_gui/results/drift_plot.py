"""A plot of how the frames of a stack have drifted."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from ..runs.finished_run import FinishedRun

_SIZE = (4, 2.2)
_LEAST_HEIGHT = 220


def drift_canvas(run: FinishedRun, *, dark: bool) -> QWidget:
    """Return a Qt widget with the shift and the rotation of every frame.

    Frames that are not called aligned are marked.

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
    frames, x, y = drift["frame"], drift["x"], drift["y"]
    with style.context("dark_background" if dark else "default"):
        canvas = FigureCanvasQTAgg(  # type: ignore[no-untyped-call]
            Figure(_SIZE, layout="constrained")
        )
        # A figure that is squeezed flat cannot be laid out.
        canvas.setMinimumHeight(_LEAST_HEIGHT)
        shift, turn = canvas.figure.subplots(2, sharex=True, height_ratios=(2, 1))
        shift.plot(frames, x, "-", color="#e66100", label="x")
        shift.plot(frames, y, "--", color="#40b0e4", label="y")
        unsure = drift["verdict"] != "aligned"
        if unsure.any():
            shift.plot(frames[unsure], x[unsure], "s", color="#e66100", label="not sure")
            shift.plot(frames[unsure], y[unsure], "s", color="#40b0e4")
        shift.set_ylabel("shift, px")
        shift.legend(loc="best", fontsize="small")
        turn.plot(frames, drift["rotation"], "-", color="gray")
        turn.set_ylabel("turn, °")
        turn.set_xlabel(run.task.frames.called[:-1])
        turn.xaxis.get_major_locator().set_params(integer=True)
    return canvas
