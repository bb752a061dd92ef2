"""Callbacks on napari's events that end with the form that wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget


class Watch:
    """Connections to events of napari's, all of which end when a widget does.

    Parameters
    ----------
    owner : QWidget
        Whose life they share.
    """

    def __init__(self, owner: QWidget) -> None:
        self._held: list[tuple[Any, Callable[..., object]]] = []
        owner.destroyed.connect(lambda _=None: self.end())

    def begin(self, action: Callable[..., object], *emitters: Any) -> None:
        """Have something done at every event of emitters, or groups of them."""
        for emitter in emitters:
            emitter.connect(action)
            self._held.append((emitter, action))

    def layer_list(self, viewer: ViewerModel, action: Callable[..., object]) -> None:
        """Have something done whenever layers come, go, change places or are renamed."""
        events = viewer.layers.events
        self.begin(action, events.inserted, events.removed, events.reordered, events.renamed)

    def end(self) -> None:
        """Let go of all events."""
        held, self._held = self._held, []
        for emitter, action in held:
            emitter.disconnect(action)
