"""The ways to look at what was aligned: drawn when they are chosen, one on show at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from magicgui.widgets import ComboBox
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import show_warning

from ..._common.errors import InputError
from ..._common.steps import outcome_of
from ..._compare.inspection import Inspection
from ..layers.aligned_layers import LayerTuple, aligned_layer
from ..layers.comparison_layers import comparison_layers
from ..runs.finished_run import FinishedRun
from ..runs.in_worker import aligned_steps, inspect_steps
from ..runs.task import Parameters
from ..shared.background import Background
from ..shared.refusal import Refusal
from .actions import Actions
from .layers_in_viewer import ResultLayers
from .pictures import Pictures, picture_steps
from .residual_layer import residual_layer
from .views import VIEWS, drawn_together, show_in_front, show_only

_ALIGNED = "aligned"
_RESIDUALS = "residuals"
_OVERLAY = "overlay"
_COMPARED = ("difference", "binary difference")


class ViewSwitch:
    """Draws what is chosen of the last run, in a worker thread, and shows it alone.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose status tells what is being drawn.
    layers : ResultLayers
        Where the layers are kept.
    actions : Actions
        With the two choices of a view: of a single image, and of a stack.
    on_compared : callable
        Called with the run when a single image was compared in another way.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layers: ResultLayers,
        actions: Actions,
        on_compared: Callable[[FinishedRun], object],
    ) -> None:
        self._viewer = viewer
        self._layers = layers
        self._actions = actions
        self._on_compared = on_compared
        # As it is on show, and as it is to be looked at.
        self._run: FinishedRun | None = None
        self._wanted: FinishedRun | None = None
        self._drawn: dict[str, object] = {}
        # The view that gave way to the overlay when edges alone were compared.
        self._before: str | None = None
        # Not when it is drawn anew: a person may have put something over it.
        self._to_front = False
        self._work = Background(lambda _: self.show())
        for choice in (actions.view, actions.stack_view):
            choice.changed.connect(lambda _: self._show_anew())

    @property
    def busy(self) -> bool:
        """Whether something is being drawn or compared."""
        return self._work.running

    @property
    def run(self) -> FinishedRun | None:
        """The run that is looked at."""
        return self._run

    def begin(self, run: FinishedRun | None) -> None:
        """Look at another run from now on, or at none."""
        self.look_at(run)
        if run is not None:
            self._open_as_suits(run)
            self._put(run)
            # What is on show is drawn anew, in place; the rest when it is asked for.
            kept = drawn_together(str(self._choice(run).value)) if run.comparable else ()
            for role in VIEWS:
                if role not in (_ALIGNED, *_brought(run), *kept):
                    self._layers.remove_role(run.task, role)
        self._show_anew()

    def _show_anew(self) -> None:
        """Show what is chosen above what covers it."""
        self._to_front = True
        self.show()

    def _open_as_suits(self, run: FinishedRun) -> None:
        """Show the overlay first where only edges agree: the difference would show everything.

        When brightness is compared again, go back to the view of before.
        """
        choice = self._choice(run)
        edges = getattr(run.result, "representation", "") == "orientation"
        with choice.changed.blocked():
            if edges and self._before is None and choice.value in _COMPARED:
                self._before, choice.value = choice.value, _OVERLAY
            elif not edges and self._before is not None:
                if choice.value == _OVERLAY:
                    choice.value = self._before
                self._before = None

    def look_at(self, run: FinishedRun | None) -> None:
        """Go back to a run whose layers are there already, or to none."""
        self._work.cancel()
        self._run = self._wanted = run
        self._drawn.clear()

    def look_again(self, parameters: Parameters) -> None:
        """Compare in another way what was aligned already.

        While a single image is compared, only the latest wish is kept.
        """
        run = self._wanted
        if run is None or not run.comparable:
            return
        task = run.task.compared_as(parameters)
        if task.parameters == run.task.parameters:
            return
        self._wanted = replace(run, task=task)
        if run.inspection is None:
            self._work.cancel()
        self.show()

    def roles(self) -> dict[str, Layer]:
        """Return the layers of the last run, by role."""
        if self._run is None:
            return {}
        found = ((role, self._layers.get(self._run.task, role)) for role in VIEWS)
        return {role: layer for role, layer in found if layer is not None}

    def show(self) -> None:
        """Show what is chosen, once it is drawn."""
        run = self._wanted
        # Where work is under way, its end comes back here.
        if run is None or not run.comparable or self._work.running:
            return
        if run.inspection is not None and run is not self._run:
            self._work.start(
                inspect_steps,
                run.task,
                run.result.transform,
                on_end=lambda seen: self._compared(run, seen),
            )
            return
        view = str(self._choice(run).value)
        missing = [
            role for role in drawn_together(view) if role != _RESIDUALS and self._due(run, role)
        ]
        if missing:
            self._work.start(
                picture_steps,
                run,
                missing,
                on_step=self._tell,
                on_end=lambda drawn: self._add(run, drawn),
            )
            return
        if view == _RESIDUALS and self._due(run, view):
            self._add_residuals(run)
        layers = self.roles()
        show_only(view, layers)
        if self._to_front:
            self._to_front = False
            show_in_front(
                self._viewer, [layers[role] for role in drawn_together(view) if role in layers]
            )

    def leave(self) -> None:
        """Let nothing come back: Qt is about to delete the panel."""
        self._work.leave()

    def _choice(self, run: FinishedRun) -> ComboBox:
        return self._actions.stack_view if run.is_stack else self._actions.view

    def _put(self, run: FinishedRun) -> None:
        """Add or renew the layers that a run brings."""
        for role, layer in _layers_of(run).items():
            self._layers.put(run.task, role, layer)

    def _compared(self, run: FinishedRun, seen: Inspection | Refusal) -> None:
        if self._wanted is None or run.results is not self._wanted.results:
            return
        # What is wanted since then is compared next.
        last = run is self._wanted
        if isinstance(seen, Refusal):
            show_warning(seen.message)
        else:
            self._run = outcome_of(aligned_steps(run, seen))
            self._put(self._run)
            self._on_compared(self._run)
        if last:
            self._wanted = self._run

    def _add(self, run: FinishedRun, drawn: Pictures | Refusal) -> None:
        if run is not self._wanted:
            return
        if isinstance(drawn, Refusal):
            self._choice(run).value = _ALIGNED
            show_warning(drawn.message)
            return
        for role, layer in drawn.layers.items():
            self._layers.put(run.task, role, layer)
            self._drawn[role] = _settings_of(run, role)
        if drawn.note:
            show_warning(drawn.note)
        self._tell("")

    def _add_residuals(self, run: FinishedRun) -> None:
        try:
            layer = residual_layer(run.result, run.task.reference.grid, run.record())
            self._layers.put(run.task, _RESIDUALS, layer)
            self._drawn[_RESIDUALS] = _settings_of(run, _RESIDUALS)
        except InputError as error:
            self._layers.remove_role(run.task, _RESIDUALS)
            show_warning(str(error))

    def _due(self, run: FinishedRun, role: str) -> bool:
        """Tell whether a picture is missing, or was drawn in another way than is wanted now."""
        if role == _ALIGNED:
            return False
        if role in self.roles() and role in _brought(run):
            return False
        return role not in self.roles() or self._drawn.get(role) != _settings_of(run, role)

    def _tell(self, what: str) -> None:
        self._viewer.status = what


def _layers_of(run: FinishedRun) -> dict[str, LayerTuple]:
    """Return the layers that a run brings, by role."""
    task = run.task
    if run.inspection is not None and not run.drawn_where_looked_at:
        layers = comparison_layers(task.reference, task.frames, run.inspection, run.record())
    else:
        layers = {}
    if task.resamples and run.data is not None:
        # As lazy as the moving layer is, which what was compared is not.
        layers[_ALIGNED] = aligned_layer(task.frames, run.data, run.record())
    else:
        layers.pop(_ALIGNED, None)
    return layers


def _brought(run: FinishedRun) -> tuple[str, ...]:
    """Return the roles of the layers that come with a run, and are renewed with it."""
    counted = run.inspection is not None and not run.drawn_where_looked_at
    return _COMPARED if counted else ()


def _settings_of(run: FinishedRun, role: str) -> object:
    """Return the settings that a picture depends on."""
    chosen = run.task.parameters
    own: dict[str, object] = {
        "difference": chosen.signed,
        "binary difference": chosen.thresholding,
        _RESIDUALS: None,
    }
    return own.get(role), None if role == _RESIDUALS else chosen.resampling
