"""What is on show after an alignment: one way of comparing at a time, or the two in turn."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer

from ..layers.attributes import METADATA_KEY

VIEWS = ("binary difference", "difference", "aligned", "overlay", "checkerboard", "residuals")
STACK_VIEWS = ("aligned", "difference", "binary difference", "overlay", "checkerboard")

_ALIGNED = "aligned"
# The binary difference is drawn over the gray one.
_TOGETHER = {"binary difference": ("difference",), "residuals": ("aligned",)}
_BLINK_MILLISECONDS = 500


def drawn_together(view: str) -> tuple[str, ...]:
    """Return the roles of the layers that a view is made of, the one below first."""
    return (*_TOGETHER.get(view, ()), view)


def show_only(view: str, layers: dict[str, Layer]) -> None:
    """Make one view's layers visible and the others of the same alignment invisible.

    Parameters
    ----------
    view : str
        One of `VIEWS`.
    layers : dict of str to Layer
        The layers of an alignment by role.
    """
    shown = set(drawn_together(view))
    for role, layer in layers.items():
        layer.visible = role in shown


def show_in_front(viewer: ViewerModel, shown: Sequence[Layer]) -> None:
    """Put layers above all images that can be seen; hide the pictures of other pairs.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the layers are.
    shown : sequence of Layer
        What is to be seen, the one below first. Points and shapes stay above it.
    """
    if not shown:
        return
    pair = shown[-1].metadata[METADATA_KEY].get("pair")
    for layer in viewer.layers:
        note = layer.metadata.get(METADATA_KEY, {})
        if note.get("role", _ALIGNED) != _ALIGNED and note.get("pair") != pair:
            layer.visible = False
    for layer in shown:
        over = [
            at
            for at, other in enumerate(viewer.layers)
            if other.visible and isinstance(other, Image | Labels) and other not in shown
        ]
        here = viewer.layers.index(layer)
        if over and over[-1] > here:
            viewer.layers.move(here, over[-1] + 1)


class Blink:
    """Shows two layers in turn until it is stopped, and then all as it was.

    Parameters
    ----------
    parent : QObject
        Whose life the timer shares.
    """

    def __init__(self, parent: QObject) -> None:
        self._timer = QTimer(parent)
        self._timer.setInterval(_BLINK_MILLISECONDS)
        self._timer.timeout.connect(self._turn)
        # The front layer first.
        self._before: list[tuple[Layer, bool]] = []

    def start(self, back: Layer, front: Layer, others: list[Layer]) -> None:
        """Let `front` appear and disappear over `back`, with all other layers hidden."""
        self.stop()
        self._before = [(layer, layer.visible) for layer in (front, back, *others)]
        for layer in others:
            layer.visible = False
        back.visible = front.visible = True
        self._timer.start()

    def stop(self) -> None:
        """Show all layers as before."""
        self._timer.stop()
        for layer, visible in self._before:
            layer.visible = visible
        self._before = []

    def _turn(self) -> None:
        if self._before:
            front, _ = self._before[0]
            front.visible = not front.visible
