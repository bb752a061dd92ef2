"""What a person sees and does after a run: verdict, table, views, and where to go from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import napari
from magicgui.widgets import Container, Widget
from napari.utils.notifications import show_info, show_warning
from qtpy.QtWidgets import QApplication

from ..._common.errors import InputError
from ..._compare.inspection import Inspection
from ..layers.aligned_layers import move_layer
from ..layers.attributes import layer_with_id
from ..runs.basis import PAIR, Basis, changes, place_of
from ..runs.finished_run import FinishedRun
from ..runs.task import LayerIds, Parameters
from ..shared.docks import open_dock
from ..shared.file_dialogs import ask_where_to_save
from ..shared.scrolling import bring_into_sight
from .actions import Actions
from .drift_plot import show_drift
from .history import History, Moved
from .layers_in_viewer import ResultLayers
from .legends import legend_of
from .verdict_table import VerdictTable
from .view_switch import ViewSwitch
from .views import VIEWS, Blink


class ResultPanel(Container):  # type: ignore[type-arg]
    """The verdict, the table, and what can be done with a result.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result layers are.
    on_seen : callable
        Called with every comparison of a result.
    below : widget, optional
        Shown below the verdict.
    on_told : callable
        Called with the run whose verdict is shown as that of what is chosen, or None.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        on_seen: Callable[[Inspection], object] = lambda seen: None,
        below: Widget | None = None,
        on_told: Callable[[FinishedRun | None], object] = lambda run: None,
    ) -> None:
        self._on_told = on_told
        self._viewer = viewer
        self._on_seen = on_seen
        self._history = History(viewer)
        self._layers = ResultLayers(viewer, self._history)
        self._view_before: str | None = None
        self._now: Basis = {}
        self._note = ""
        self._working = False
        self.results = VerdictTable(below)
        self.next = Actions()
        super().__init__(widgets=[self.results, self.next], labels=False)
        self.margins = (0, 0, 0, 0)
        self._blink = Blink(self.native)
        for choice in (self.next.view, self.next.stack_view):
            choice.changed.connect(self._end_blinking)
            choice.changed.connect(self._explain)
        self._views = ViewSwitch(viewer, self._layers, self.next, self._compared)
        self.next.blink.changed.connect(self._set_blinking)
        self.next.apply.changed.connect(self._open_apply)
        self.next.save.changed.connect(self._save)
        self.next.copy.changed.connect(self.copy_script)
        self.next.undo.changed.connect(self.undo)
        self.next.redo.changed.connect(self.redo)
        self.next.drift.changed.connect(self._plot_drift)
        self.next.save_drift.changed.connect(self._save_drift)
        self._offer(None)

    @property
    def busy(self) -> bool:
        """Whether a picture of the last result is being made."""
        return self._views.busy

    @property
    def run(self) -> FinishedRun | None:
        """The last run that found something, until it is undone."""
        return self._views.run

    def say(self, message: str, now: Basis | None = None) -> None:
        """Show a plain message above the verdict, until another pair is chosen than now."""
        if now is not None:
            self._now = now
        self._note = message
        self._tell()
        if message:
            bring_into_sight(self.results.verdict.native)

    def work(self, running: bool) -> None:
        """Offer nothing while a run is under way, whose result will take the place of this."""
        self._working = running
        if running:
            self._end_blinking()
            self._note = ""
        self._tell()

    def follow(self, now: Basis, parameters: Parameters | None = None) -> None:
        """Show the result of what is chosen; if there is none, the last one, in gray.

        Parameters
        ----------
        now : mapping of str to object
            What a result depends on, as it is.
        parameters : Parameters, optional
            How a result is to be looked at.
        """
        if now == self._now and parameters is None:
            return
        if now.get(PAIR) != self._now.get(PAIR):
            # What was said was said of another.
            self._note = ""
        self._now = now
        self._tell()
        if parameters is not None and not self.past():
            self._views.look_again(parameters)

    def past(self) -> str:
        """Return why what is on show is no longer the result of what is chosen, if so."""
        run = self._history.latest(self._now.get(PAIR))
        if run is None or not self._now:
            return ""
        changed = changes(run.task.basis, self._now)
        if changed == [PAIR]:
            return "Another pair is chosen." if self._now.get(PAIR) else "No pair is chosen."
        if not changed:
            return ""
        return f"Changed since: {', '.join(changed)}. Align again, or change it back."

    def present(self, run: FinishedRun) -> None:
        """Show how a run ended, and add or renew its layers."""
        self._end_blinking()
        layer = layer_with_id(self._viewer, run.task.layer_ids[1])
        move = None
        if layer is not None and run.leaves_something and run.task.moves:
            grid = run.task.reference.grid
            placed = move_layer(layer, run.transforms[0], grid, run.record())
            # Another image may have been on show alone, to mark places or a region in it.
            layer.visible = True
            move = Moved(layer.unique_id, *placed)
            run = run.moved_to(place_of(layer))
        self._history.begin(run)
        self._layers.start()
        if run.leaves_something:
            self._choose_view(run)
            if move is not None:
                self._history.add(move)
            self._views.begin(run)
        else:
            for role in VIEWS:
                self._layers.remove_role(run.task, role)
        self.say("")

    def undo(self) -> None:
        """Take the last run back."""
        if self._history.can_undo:
            self._go(self._history.undo, "Undone: {}. The layers are as they were before it.")

    def redo(self) -> None:
        """Make the run again that was taken back last."""
        if self._history.can_redo:
            self._go(self._history.redo, "Done again: {}.")

    def _go(self, way: Callable[[], FinishedRun], said: str) -> None:
        self._end_blinking()
        self._views.look_at(None)
        focus = self.native.window().focusWidget()
        task = way().task
        moving = layer_with_id(self._viewer, task.layer_ids[1])
        # napari selects another layer only where one goes by itself.
        if not self._viewer.layers.selection and moving is not None:
            self._viewer.layers.selection.active = moving
        self.say(said.format(task.title))
        for button, other in ((self.next.undo, self.next.redo), (self.next.redo, self.next.undo)):
            # Else the keyboard would come to what follows both.
            if focus is button.native and other.enabled and not button.enabled:
                other.native.setFocus()

    def forget(self, layer_ids: LayerIds) -> None:
        """Take the layers of a pair away, and its results, as something else takes their place."""
        self._end_blinking()
        self._history.forget(layer_ids)
        self._layers.forget(layer_ids)
        self.say("")

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
        self._history.renew(run)
        self._tell()

    def _tell(self) -> None:
        """Show the result of the pair that is chosen, whether it still is, and what to do."""
        run = None if self._working else self._history.latest(self._now.get(PAIR))
        shown = run if run is not None and run.leaves_something else None
        if not self._working and shown is not self.run:
            self._views.look_at(shown)
        past = self.past()
        if run is None:
            self.results.say(self._note)
        else:
            self.results.show_verdict(
                run.verdict,
                run.reason(),
                run.rows(),
                title=run.task.title,
                note=self._note,
                past=past,
            )
            if run.inspection is not None and not past:
                self._on_seen(run.inspection)
        self._on_told(None if past else run)
        self._offer(None if past else shown)

    def _choose_view(self, run: FinishedRun) -> None:
        """Show the tiles of what is judged, and afterwards what was on show before."""
        view = self.next.view
        if run.task.judged and self._view_before is None:
            self._view_before, view.value = view.value, "residuals"
        elif not run.task.judged and self._view_before is not None:
            view.value, self._view_before = self._view_before, None

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

    def _explain(self, _: object = None) -> None:
        """Say what the colours on show mean."""
        run = self.run
        legend = ""
        if run is not None and not self.past():
            view = self.next.stack_view if run.is_stack else self.next.view
            legend = legend_of(str(view.value), run)
        self.next.legend.value = legend
        self.next.legend.visible = bool(legend)

    def _open_apply(self) -> None:
        open_dock(self._viewer, "Apply transform", tabify=True)

    def _plot_drift(self) -> None:
        if self.run is not None:
            show_drift(self._viewer, self.run)

    def _save(self) -> None:
        run = self.run
        if run is not None:
            name = f"{run.task.moving.name}_transform{'s' if run.is_stack else ''}"
            self._write(ask_where_to_save(self.native, name, run.formats), run.save)

    def _save_drift(self) -> None:
        run = self.run
        if run is not None:
            name, kinds = f"{run.task.moving.name}_drift", {".csv": "Table"}
            path = ask_where_to_save(self.native, name, kinds, "Save the drift of all frames")
            self._write(path, run.save_drift)

    def _write(self, path: Path | None, write: Callable[[Path], object]) -> None:
        try:
            if path is not None:
                write(path)
                self.say(f"Saved to {path}.")
        except InputError as error:
            show_warning(str(error))

    def _offer(self, run: FinishedRun | None) -> None:
        """Enable what makes sense with the result of what is chosen, or without one."""
        back, again = self._history.can_undo, self._history.can_redo
        shown = self.run
        self.next.visible = shown is not None or back or again
        self.next.of_a_stack(shown is not None and shown.is_stack)
        offered = self.next
        for action in (
            *offered.needing_a_transform,
            offered.blink,
            offered.drift,
            offered.save_drift,
        ):
            action.enabled = run is not None
        if run is None:
            self._end_blinking()
        self._explain()
        for choice in (self.next.view, self.next.stack_view):
            choice.enabled = run is not None and run.comparable
        self.next.undo.enabled = back and not self._working
        self.next.redo.enabled = again and not self._working
