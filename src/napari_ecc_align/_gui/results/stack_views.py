"""The ways to look at an aligned stack: drawn when they are chosen, one on show at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox

from ..runs.finished_stack import FinishedStack
from ..shared.background import Background
from ..shared.refusal import Refusal
from .layers_in_viewer import ResultLayers
from .stack_pictures import Pictures, can_be_drawn, picture_steps
from .views import STACK_VIEWS, StackView, drawn_together, show_only

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from ..runs.task import Parameters


_ALIGNED: StackView = "aligned"


class StackViews:
    """Draws what is chosen of the last stack, in a worker thread.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose status tells what is being drawn.
    layers : ResultLayers
        Where the pictures are kept.
    choice : ComboBox
        What a person wants to see.
    warn : callable
        Given a sentence where something cannot be drawn.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layers: ResultLayers,
        choice: ComboBox,
        warn: Callable[[str], object],
    ) -> None:
        self._viewer = viewer
        self._layers = layers
        self._choice = choice
        self._warn = warn
        self._run: FinishedStack | None = None
        self._drawn: dict[str, object] = {}
        self._work = Background(self._work_changed)
        choice.changed.connect(lambda _: self.show())

    @property
    def busy(self) -> bool:
        """Whether something is being drawn."""
        return self._work.running

    @property
    def possible(self) -> bool:
        """Whether there is anything to choose from."""
        return self._run is not None and can_be_drawn(self._run)

    def begin(self, run: FinishedStack | None) -> None:
        """Look at another run from now on, or at none."""
        if run is not None:
            for role in STACK_VIEWS:
                if role != _ALIGNED:
                    self._layers.remove_role(run.task.pair, role)
        self._run = run
        self._drawn.clear()
        self._work.cancel()
        self.show()

    def look_again(self, parameters: Parameters) -> None:
        """Compare in another way what was aligned already."""
        run = self._run
        if run is None:
            return
        job = replace(run.job, task=replace(run.job.task, parameters=parameters))
        self._run = replace(run, job=job)
        self._work.cancel()
        self.show()

    def roles(self) -> dict[str, Layer]:
        """Return the layers of the last run, by role."""
        if self._run is None:
            return {}
        found = {role: self._layers.get(self._run.task.pair, role) for role in STACK_VIEWS}
        return {role: layer for role, layer in found.items() if layer is not None}

    def show(self) -> None:
        """Show what is chosen, once it is drawn."""
        run, view = self._run, str(self._choice.value)
        # Where work is under way, its end comes back here.
        if run is None or not self.possible or self._work.running:
            return
        wanted = [role for role in drawn_together(view) if self._due(run, role)]
        if view != _ALIGNED and wanted:
            self._work.start(
                picture_steps,
                run,
                wanted,
                on_step=self._tell,
                on_end=lambda drawn: self._add(run, drawn),
            )
            return
        show_only(view, self.roles())

    def leave(self) -> None:
        """Let nothing come back: Qt is about to delete the panel."""
        self._work.leave()

    def _add(self, run: FinishedStack, drawn: Pictures | Refusal) -> None:
        if run is not self._run:
            return
        if isinstance(drawn, Refusal):
            self._choice.value = _ALIGNED
            self._warn(drawn.message)
            return
        for role, layer in drawn.layers.items():
            self._layers.put(run.task.pair, role, layer)
            self._drawn[role] = _way(run, role)
        if drawn.note:
            self._warn(drawn.note)
        self._tell("")

    def _due(self, run: FinishedStack, role: str) -> bool:
        """Tell whether a picture is missing, or was drawn in another way than is wanted now."""
        return role not in self.roles() or self._drawn.get(role) != _way(run, role)

    def _tell(self, what: str) -> None:
        self._viewer.status = what

    def _work_changed(self, running: bool) -> None:
        if not running:
            self.show()


def _way(run: FinishedStack, role: str) -> object:
    """Return the settings that a picture depends on."""
    chosen = run.job.parameters
    ways: dict[str, object] = {
        "difference": chosen.difference,
        "binary difference": chosen.thresholding,
    }
    return ways.get(role, role)
