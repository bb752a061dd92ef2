"""What a person sees and does after a run: verdict, table, views, and where to go from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container

from ..._common.errors import InputError
from ..._compare.inspection import Inspection, before_after
from ..layers.aligned_layers import aligned_layer, move_layer
from ..layers.comparison_layers import result_layers
from ..layers.stack_snapshots import stack_layer
from ..runs.finished_run import FinishedRun
from ..runs.finished_stack import FinishedStack
from ..runs.run import inspect_steps, view_steps
from ..runs.task import Pair, Parameters, Task
from ..shared.background import Background
from ..shared.docks import open_dock
from ..shared.file_dialogs import ask_where_to_save
from ..shared.refusal import Refusal
from .actions import NextSteps
from .drift_plot import drift_canvas
from .layers_in_viewer import ResultLayers
from .pair_pictures import picture_layer
from .residual_layer import residual_layer
from .stack_views import StackViews
from .verdict_table import ResultsView
from .views import Blink, show_only

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from ..._transform.transform import Transform

_PICTURES = ("overlay", "checkerboard")
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
        self._work = Background(self._work_changed)
        self._due: Parameters | None = None
        self._run: FinishedRun | None = None
        self._stack: FinishedStack | None = None
        self.results = ResultsView()
        self.next = NextSteps()
        super().__init__(widgets=[self.results, self.next], labels=False)
        self.margins = (0, 0, 0, 0)
        self._blink = Blink(self.native)
        self.next.stack_view.changed.connect(self._end_blinking)
        self._stack_views = StackViews(viewer, self._layers, self.next.stack_view, self._warn)
        self.next.view.changed.connect(self._show_view)
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
        return self._work.running or self._stack_views.busy

    @property
    def run(self) -> FinishedRun | None:
        """The last run that found something, until it is undone."""
        return self._run

    def say(self, message: str) -> None:
        """Show a plain message in place of the verdict."""
        self.results.say(message)

    def present(self, run: FinishedRun) -> None:
        """Show how a run ended, and add or renew its layers."""
        self._end_blinking()
        self._layers.start()
        self._due = None
        found = run.result.verdict != "failed"
        self._run = run if found else None
        self._stack = None
        self._stack_views.begin(None)
        if not found:
            self._layers.remove(run.task.pair)
        if found and run.task.parameters.output in ("move", "both"):
            self._move(run, run.result.transform)
        if run.inspection is not None:
            self._add_layers(run, run.inspection)
        elif found:
            self._add_lazily(run)
        rows = [] if run.inspection is None else before_after(run.result, run.inspection)
        self.results.show_result(run.result, rows)
        self._offer()

    def present_stack(self, run: FinishedStack) -> None:
        """Show how a run on a stack ended, and add or renew its layer."""
        self._end_blinking()
        self._layers.start()
        self._run = self._due = None
        found = any(result.verdict != "failed" for result in run.outcome.results)
        self._stack = run if found else None
        if not found:
            self._layers.remove(run.task.pair)
        elif run.job.moves:
            self._move(run, run.outcome.transforms[0])
        if run.outcome.data is not None:
            layer = stack_layer(run.job.stack, run.outcome.data, run.record())
            self._layers.put(run.task.pair, "aligned", layer)
        self._stack_views.begin(self._stack)
        reason = run.reason()
        if run.outcome.data is not None and not self._stack_views.possible:
            reason += " The frames are too large to be compared here."
        self.results.show_verdict(run.verdict, reason, run.rows())
        self._offer()

    def look_again(self, parameters: Parameters) -> None:
        """Compare the last result in another way, without aligning again.

        While one comparison is under way only the latest wish is kept.
        """
        self._stack_views.look_again(parameters)
        run = self._run
        if run is None or run.inspection is None:
            return
        if self._work.running:
            self._due = parameters
            return
        self._due = None
        task = replace(run.task, parameters=parameters)
        self._work.start(
            inspect_steps,
            task,
            run.result.transform,
            on_end=lambda seen: self._renew(run, task, seen),
        )

    def undo(self) -> None:
        """Take the last run back."""
        self._end_blinking()
        self._stack_views.begin(None)
        self._layers.undo()
        self._run = self._stack = None
        self.say("Undone: the layers are as they were before the last run.")
        self._offer()

    def forget(self, pair: Pair) -> None:
        """Take the layers of a pair away, and its result, as something else takes their place."""
        self._end_blinking()
        if self._finished is not None and self._finished.task.pair == pair:
            self._run = self._stack = None
            self._stack_views.begin(None)
            self.say("")
        self._layers.remove(pair)
        self._layers.start()
        self._offer()

    def copy_script(self) -> str:
        """Put a script that repeats the last run on the clipboard, and return it."""
        from napari.utils.notifications import show_info
        from qtpy.QtWidgets import QApplication

        if self._finished is None:
            raise InputError("align two images first: there is nothing to repeat yet")
        text = self._finished.script()
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        show_info("The script is on the clipboard.")
        return text

    def toggle_blink(self) -> None:
        """Begin or end showing reference and aligned image in turn."""
        if self.next.blink.enabled:
            self.next.blink.value = not self.next.blink.value

    def leave(self) -> None:
        """Let nothing come back: Qt is about to delete the panel."""
        self._work.leave()
        self._stack_views.leave()

    def _add_layers(self, run: FinishedRun, seen: Inspection) -> None:
        self._on_seen(seen)
        self._put_all(run, result_layers(run.task.reference, run.task.moving, seen, run.record()))
        for role in (*_PICTURES, "residuals"):
            self._layers.remove_role(run.task.pair, role)
        self._show_view(self.next.view.value)

    def _add_lazily(self, run: FinishedRun) -> None:
        """Add the aligned image of a pair that is too large to be compared."""
        layer = aligned_layer(
            run.task.reference,
            run.task.moving,
            run.result.transform,
            run.record(),
            interpolation=run.task.parameters.interpolation,
        )
        self._put_all(run, {"aligned": layer})

    def _put_all(self, run: FinishedRun, layers: dict[str, Any]) -> None:
        for role, layer in layers.items():
            if role == "aligned" and run.task.parameters.output == "move":
                continue
            self._layers.put(run.task.pair, role, layer)

    def _move(self, run: FinishedRun | FinishedStack, transform: Transform) -> None:
        layer = self._by_id(run.task.pair[1])
        if layer is None:
            return
        move = move_layer(
            layer,
            transform,
            run.task.reference.grid,
            run.record(),
        )
        self._layers.on_undo(move.undo)

    def _renew(self, run: FinishedRun, task: Task, seen: Inspection | Refusal) -> None:
        if run is not self._run:
            return
        if isinstance(seen, Refusal):
            self._warn(seen.message)
        else:
            self._run = replace(run, task=task, inspection=seen)
            self._add_layers(self._run, seen)
            self.results.show_result(run.result, before_after(run.result, seen))

    def _work_changed(self, running: bool) -> None:
        if not running and self._due is not None:
            self.look_again(self._due)

    def _show_view(self, view: str) -> None:
        run = self._run
        if run is None or run.inspection is None:
            return
        self._end_blinking()
        if self._layers.get(run.task.pair, view) is None:
            if view in _PICTURES:
                self._draw(run, run.inspection, view)
                return
            if view == "residuals":
                self._add_residuals(run)
        show_only(view, self._roles(run))

    def _draw(self, run: FinishedRun, seen: Inspection, view: str) -> None:
        if self._work.running:
            return

        def add(picture: Any) -> None:
            if run is not self._run:
                return
            if isinstance(picture, Refusal):
                self._warn(picture.message)
                return
            self._layers.put(run.task.pair, view, picture_layer(run.task.reference, picture, view))
            show_only(self.next.view.value, self._roles(run))

        self._work.start(
            view_steps, run.task, run.result.transform, seen.aligned, view, on_end=add
        )

    def _add_residuals(self, run: FinishedRun) -> None:
        try:
            layer = residual_layer(run.result, run.task.reference.grid, run.record())
        except InputError as error:
            self._warn(str(error))
            return
        self._layers.put(run.task.pair, "residuals", layer)

    def _roles(self, run: FinishedRun | FinishedStack) -> dict[str, Layer]:
        roles = ("aligned", "difference", "binary difference", *_PICTURES, "residuals")
        found = {role: self._layers.get(run.task.pair, role) for role in roles}
        return {role: layer for role, layer in found.items() if layer is not None}

    def _set_blinking(self, wanted: bool) -> None:
        run = self._finished
        if not wanted or run is None:
            self._blink.stop()
            return
        roles = self._roles(run)
        back = self._by_id(run.task.pair[0])
        front = roles.pop("aligned", None) or self._by_id(run.task.pair[1])
        if back is None or front is None:
            self.next.blink.value = False
            self._warn("To blink, the reference and the aligned layer must both be there.")
            return
        others = [layer for layer in self._viewer.layers if layer not in (back, front)]
        self._blink.start(back, front, others)

    def _end_blinking(self, _: object = None) -> None:
        self._blink.stop()
        self.next.blink.value = False

    def _open_apply(self) -> None:
        open_dock(self._viewer, "Apply transform", tabify=True)

    def _plot_drift(self) -> None:
        from napari.utils.theme import get_theme

        if self._stack is None:
            return
        ground = get_theme(self._viewer.theme).background.as_rgb_tuple()
        dark = sum(ground[:3]) < _MIDDLE
        canvas = drift_canvas(self._stack.outcome.drift, dark=dark)
        self._viewer.window.add_dock_widget(canvas, name="Drift", area="bottom")

    def _save(self) -> None:
        run = self._finished
        if run is None:
            return
        name = f"{run.task.moving.name}_transform{'' if run is self._run else 's'}"
        path = ask_where_to_save(self.native, name, run.formats)
        if path is None:
            return
        try:
            run.save(path)
        except InputError as error:
            self._warn(str(error))

    def _warn(self, message: str) -> None:
        from napari.utils.notifications import show_warning

        show_warning(message)

    def _by_id(self, identity: object) -> Layer | None:
        for layer in self._viewer.layers:
            if layer.unique_id == identity:
                return layer
        return None

    @property
    def _finished(self) -> FinishedRun | FinishedStack | None:
        return self._run or self._stack

    def _offer(self) -> None:
        """Enable what makes sense now."""
        run = self._finished
        self.next.visible = run is not None or self._layers.can_undo
        self.next.of_a_pair(self._stack is None)
        for button in self.next.needing_a_transform:
            button.enabled = run is not None
        self.next.view.enabled = self._run is not None and self._run.inspection is not None
        self.next.stack_view.enabled = self._stack_views.possible
        self.next.blink.enabled = run is not None
        self.next.undo.enabled = self._layers.can_undo
