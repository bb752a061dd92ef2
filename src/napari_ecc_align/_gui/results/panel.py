"""What a person sees and does after a run: verdict, table, views, and where to go from there."""

from __future__ import annotations

from collections.abc import Callable

import napari
from magicgui.widgets import Container
from napari.utils.notifications import show_info, show_warning
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QApplication

from ..._common.errors import InputError
from ..._compare.inspection import Inspection
from ..._verdict.result import FOUND
from ..layers.aligned_layers import move_layer
from ..layers.attributes import layer_with_id
from ..runs.finished_run import FinishedRun
from ..runs.task import LayerIds, Parameters
from ..shared.docks import open_dock
from ..shared.file_dialogs import ask_where_to_save
from .actions import Actions
from .drift_plot import drift_canvas
from .layers_in_viewer import ResultLayers
from .verdict_table import VerdictTable
from .view_switch import ViewSwitch
from .views import Blink

# Of red, green and blue together.
_MIDDLE = 384


class ResultPanel(Container):  # type: ignore[type-arg]
    """The verdict, the table, and what can be done with a result.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result layers are.
    on_seen : callable
        Called with every comparison of a result.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        on_seen: Callable[[Inspection], object] = lambda seen: None,
    ) -> None:
        self._viewer = viewer
        self._on_seen = on_seen
        self._layers = ResultLayers(viewer)
        self._view_before: str | None = None
        self.results = VerdictTable()
        self.next = Actions()
        super().__init__(widgets=[self.results, self.next], labels=False)
        self.margins = (0, 0, 0, 0)
        self._blink = Blink(self.native)
        for choice in (self.next.view, self.next.stack_view):
            choice.changed.connect(self._end_blinking)
        self._views = ViewSwitch(viewer, self._layers, self.next, self._compared)
        self.next.blink.changed.connect(self._set_blinking)
        self.next.apply.changed.connect(self._open_apply)
        self.next.save.changed.connect(self._save)
        self.next.copy.changed.connect(self.copy_script)
        self.next.undo.changed.connect(self.undo)
        self.next.drift.changed.connect(self._plot_drift)
        self._offer()

    @property
    def busy(self) -> bool:
        """Whether a picture of the last result is being made."""
        return self._views.busy

    @property
    def run(self) -> FinishedRun | None:
        """The last run that found something, until it is undone."""
        return self._views.run

    def say(self, message: str) -> None:
        """Show a plain message in place of the verdict."""
        self.results.say(message)

    def present(self, run: FinishedRun) -> None:
        """Show how a run ended, and add or renew its layers."""
        self._end_blinking()
        self._layers.start()
        self._views.begin(None)
        if run.verdict not in FOUND and run.inspection is None:
            self._layers.remove(run.task.layer_ids)
        else:
            self._choose_view(run)
            if run.task.moves:
                self._move(run)
            self._views.begin(run)
        self._tell(run)
        self._offer()

    def look_again(self, parameters: Parameters) -> None:
        """Compare the last result in another way, without aligning again."""
        self._views.look_again(parameters)

    def undo(self) -> None:
        """Take the last run back."""
        self._end_blinking()
        self._views.begin(None)
        self._layers.undo()
        self.say("Undone: the layers are as they were before the last run.")
        self._offer()

    def forget(self, layer_ids: LayerIds) -> None:
        """Take the layers of a pair away, and its result, as something else takes their place."""
        self._end_blinking()
        if self.run is not None and self.run.task.layer_ids == layer_ids:
            self._views.begin(None)
            self.say("")
        self._layers.remove(layer_ids)
        self._layers.start()
        self._offer()

    def copy_script(self) -> str:
        """Put a script that repeats the last run on the clipboard, and return it."""
        if self.run is None:
            raise InputError("align two images first: there is nothing to repeat yet")
        text = self.run.script()
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        show_info("The script is on the clipboard.")
        return text

    def toggle_blink(self, _: object = None) -> None:
        """Begin or end showing reference and aligned image in turn."""
        if self.next.blink.enabled:
            self.next.blink.value = not self.next.blink.value

    def leave(self) -> None:
        """Let nothing come back: Qt is about to delete the panel."""
        self._views.leave()

    def _compared(self, run: FinishedRun) -> None:
        self._end_blinking()
        self._tell(run)

    def _tell(self, run: FinishedRun) -> None:
        """Show the verdict and the table."""
        rows = run.rows()
        self.results.show_verdict(run.verdict, run.reason(), rows, explained=not run.is_stack)
        if run.inspection is not None:
            self._on_seen(run.inspection)

    def _choose_view(self, run: FinishedRun) -> None:
        """Show the tiles of what is judged, and afterwards what was on show before."""
        view = self.next.view
        if run.task.judged and self._view_before is None:
            self._view_before, view.value = view.value, "residuals"
        elif not run.task.judged and self._view_before is not None:
            view.value, self._view_before = self._view_before, None

    def _move(self, run: FinishedRun) -> None:
        layer = layer_with_id(self._viewer, run.task.layer_ids[1])
        if layer is not None:
            grid = run.task.reference.grid
            self._layers.on_undo(move_layer(layer, run.transforms[0], grid, run.record()))

    def _set_blinking(self, wanted: bool) -> None:
        run = self.run
        if not wanted or run is None:
            self._blink.stop()
            return
        back, moving = (layer_with_id(self._viewer, identity) for identity in run.task.layer_ids)
        front = self._views.roles().get("aligned") or moving
        if back is None or front is None:
            self.next.blink.value = False
            show_warning("To blink, the reference and the aligned layer must both be there.")
            return
        others = [layer for layer in self._viewer.layers if layer not in (back, front)]
        self._blink.start(back, front, others)

    def _end_blinking(self, _: object = None) -> None:
        self._blink.stop()
        self.next.blink.value = False

    def _open_apply(self) -> None:
        open_dock(self._viewer, "Apply transform", tabify=True)

    def _plot_drift(self) -> None:
        if self.run is None:
            return
        ground = get_theme(self._viewer.theme).background.as_rgb_tuple()
        canvas = drift_canvas(self.run.results, dark=sum(ground[:3]) < _MIDDLE)
        self._viewer.window.add_dock_widget(canvas, name="Drift", area="bottom")

    def _save(self) -> None:
        run = self.run
        if run is None:
            return
        name = f"{run.task.moving.name}_transform{'s' if run.is_stack else ''}"
        path = ask_where_to_save(self.native, name, run.formats)
        try:
            if path is not None:
                run.save(path)
        except InputError as error:
            show_warning(str(error))

    def _offer(self) -> None:
        """Enable what makes sense now."""
        run = self.run
        self.next.visible = run is not None or self._layers.can_undo
        self.next.of_a_stack(run is not None and run.is_stack)
        for action in (*self.next.needing_a_transform, self.next.blink):
            action.enabled = run is not None
        for choice in (self.next.view, self.next.stack_view):
            choice.enabled = run is not None and run.comparable
        self.next.undo.enabled = self._layers.can_undo
