"""The widget: two layers, one button, three layers and a verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from magicgui.widgets import (
    ComboBox,
    Container,
    LiteralEvalLineEdit,
    ProgressBar,
    PushButton,
    SpinBox,
)

from ..arguments import DEFAULT_EPSILON, DEFAULT_ITERATIONS, DEFAULT_PRECISION, ENGINES
from ..comparison import THRESHOLD_METHODS
from ..differencing import DIFFERENCE_MODES
from ..errors import InputError
from ..inspection import before_after
from ..progress import Progress
from ..transform import MOTION_MODELS
from ..warping import INTERPOLATIONS
from .choices import LayerPair
from .layers import (
    LayerSnapshot,
    provenance,
    renew,
    result_layers,
    snapshot,
    world_start,
)
from .results_view import ResultsView
from .run import Outcome, Parameters, Refusal, run_steps

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from superqt.utils import GeneratorWorker

_PER_MILLE = 1000


class AlignWidget(Container):  # type: ignore[type-arg]
    """Align one image layer to another, show the difference, and say whether to trust it.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are aligned; napari passes it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._worker: GeneratorWorker[Progress, None, Outcome | Refusal] | None = None
        self._gone = False
        self._results: dict[tuple[object, str], object] = {}
        self.pair = LayerPair(napari_viewer)
        self.model = ComboBox(
            choices=MOTION_MODELS,
            value="affine",
            label="motion model",
            tooltip="What may happen to the moving image: the fewer freedoms, the more exact",
        )
        self.settings = _Settings()
        self.align_button = PushButton(text="Align")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(max=_PER_MILLE, value=0, visible=False)
        self.results = ResultsView()
        super().__init__(
            widgets=[
                self.pair,
                Container(widgets=[self.model]),
                Container(
                    widgets=[self.align_button, self.cancel_button],
                    layout="horizontal",
                    labels=False,
                ),
                self.progress,
                self.results,
            ],
            labels=False,
        )
        self._arrange()
        self.align_button.changed.connect(self.run)
        self.cancel_button.changed.connect(self.cancel)
        self.native.destroyed.connect(self._leave)

    @property
    def running(self) -> bool:
        """Whether an alignment is under way."""
        return self._worker is not None

    def parameters(self) -> Parameters:
        """Return what is chosen.

        Raises
        ------
        InputError
            If the epsilon or the precision is not a number.
        """
        return Parameters(model=self.model.value, **self.settings.chosen())

    def run(self) -> None:
        """Start aligning the chosen layers in a worker thread."""
        if self.running:
            return
        try:
            self._start()
        except InputError as error:
            self._refuse(str(error))

    def cancel(self) -> None:
        """Stop the alignment that is under way, if any; nothing is added."""
        if self._worker is not None:
            self._worker.quit()

    def _arrange(self) -> None:
        from superqt import QCollapsible

        folded = QCollapsible("Settings", self.native)
        folded.setContent(self.settings.native)
        folded.collapse(animate=False)
        self.native.layout().insertWidget(2, folded)
        self.native.layout().addStretch()
        for row in self:
            if isinstance(row, Container):
                row.margins = (0, 0, 0, 0)

    def _start(self) -> None:
        from napari.qt.threading import create_worker

        reference, moving = self.pair.reference.value, self.pair.moving.value
        if reference is None or moving is None:
            raise InputError("Choose two image layers: open a pair from File > Open Sample, say.")
        if reference.unique_id == moving.unique_id:
            raise InputError("Reference and moving are one layer; choose two.")
        parameters = self.parameters()
        fixed, other = snapshot(reference, self._viewer), snapshot(moving, self._viewer)
        pair = (reference.unique_id, moving.unique_id)

        def finish(outcome: Outcome | Refusal) -> None:
            if isinstance(outcome, Refusal):
                self._refuse(outcome.message)
            else:
                self._show(outcome, fixed, other, parameters, pair)

        self._set_running(True)
        self.results.clear()
        worker = create_worker(
            run_steps, fixed.source, other.source, parameters, world_start(reference, moving)
        )
        worker.yielded.connect(self._unless_gone(self._advance))
        worker.returned.connect(self._unless_gone(finish))
        worker.aborted.connect(
            self._unless_gone(lambda: self.results.say("Cancelled: nothing was changed."))
        )
        worker.finished.connect(self._unless_gone(lambda: self._set_running(False)))
        self._worker = worker
        worker.start()

    def _leave(self) -> None:
        self._gone = True
        self.cancel()

    def _unless_gone(self, action: Callable[..., None]) -> Callable[..., None]:
        """Return a slot that does nothing once Qt has deleted the widget."""

        def slot(*arguments: object) -> None:
            if not self._gone:
                action(*arguments)

        return slot

    def _set_running(self, running: bool) -> None:
        if not running:
            self._worker = None
        self.align_button.enabled = not running
        self.cancel_button.enabled = running
        self.progress.visible = running
        self.progress.value = 0

    def _advance(self, step: Progress) -> None:
        self.progress.value = round(step.fraction * _PER_MILLE)
        self.progress.label = step.stage

    def _refuse(self, message: str) -> None:
        from napari.utils.notifications import show_warning

        self.results.clear()
        self.results.say(message)
        show_warning(message)

    def _show(
        self,
        outcome: Outcome,
        reference: LayerSnapshot,
        moving: LayerSnapshot,
        parameters: Parameters,
        pair: tuple[object, object],
    ) -> None:
        result, inspection = outcome.result, outcome.inspection
        if inspection is None:
            self._remove_results(pair)
            self.results.show_result(result, [])
            return
        origin = provenance(reference, moving, vars(parameters), result)
        for role, (data, options, kind) in result_layers(
            reference, moving, inspection, origin
        ).items():
            self._put((pair, role), data, options, kind)
        self.results.show_result(result, before_after(result, inspection))

    def _put(self, key: tuple[object, str], data: Any, options: dict[str, Any], kind: str) -> None:
        """Add a layer, or renew the one that an earlier run of the same pair has left."""
        from napari.layers import Layer

        layer = self._own(key)
        if layer is not None and getattr(layer, "rgb", False) == options.get("rgb", False):
            renew(layer, data, options)
            return
        if layer is not None:
            self._viewer.layers.remove(layer)
        new = self._viewer.add_layer(Layer.create(data, options, kind))
        self._results[key] = new.unique_id

    def _own(self, key: tuple[object, str]) -> Layer | None:
        # napari hands plugins a proxy of its viewer, so layers are told apart by their ids.
        for layer in self._viewer.layers:
            if key in self._results and layer.unique_id == self._results[key]:
                return layer
        return None

    def _remove_results(self, pair: tuple[object, object]) -> None:
        for key in [key for key in self._results if key[0] == pair]:
            layer = self._own(key)
            if layer is not None:
                self._viewer.layers.remove(layer)
            del self._results[key]


class _Settings(Container):  # type: ignore[type-arg]
    """What few people need to change."""

    def __init__(self) -> None:
        self.engine = ComboBox(
            choices=ENGINES,
            value="pyramid",
            label="engine",
            tooltip="pyramid: fast, from any start, with an uncertainty. opencv: OpenCV's own ECC",
        )
        self.precision = LiteralEvalLineEdit(
            value=repr(DEFAULT_PRECISION),
            label="precision, px",
            tooltip="Corner uncertainty at which the pyramid engine is content",
        )
        self.iterations = SpinBox(
            value=DEFAULT_ITERATIONS,
            min=1,
            max=10_000,
            label="iterations",
            tooltip="Most iterations on a level",
        )
        self.epsilon = LiteralEvalLineEdit(
            value=repr(DEFAULT_EPSILON),
            label="epsilon",
            tooltip="Stop when an iteration changes the correlation by less",
        )
        self.threshold = ComboBox(
            choices=THRESHOLD_METHODS,
            value="otsu",
            label="threshold",
            tooltip="How both images are binarised to be compared (scikit-image)",
        )
        self.difference = ComboBox(
            choices=DIFFERENCE_MODES,
            value="absolute",
            label="difference",
            tooltip="Signed: reference minus aligned",
        )
        self.interpolation = ComboBox(
            choices=INTERPOLATIONS,
            value="linear",
            label="interpolation",
            tooltip="How the aligned image is resampled",
        )
        super().__init__(
            widgets=[
                self.engine,
                self.precision,
                self.iterations,
                self.epsilon,
                self.threshold,
                self.difference,
                self.interpolation,
            ]
        )
        self.margins = (0, 0, 0, 0)

    def chosen(self) -> dict[str, Any]:
        """Return the settings as keywords of `Parameters`."""
        epsilon = _number(self.epsilon, "Epsilon must be a number such as 1e-7.")
        precision = _number(self.precision, "Precision must be a number such as 0.02.")
        return {
            "engine": self.engine.value,
            "precision": precision,
            "number_of_iterations": self.iterations.value,
            "termination_eps": epsilon,
            "threshold": self.threshold.value,
            "difference": self.difference.value,
            "interpolation": self.interpolation.value,
        }


def _number(box: LiteralEvalLineEdit, complaint: str) -> float:
    try:
        return float(box.value)
    except (TypeError, ValueError, SyntaxError) as error:
        raise InputError(complaint) from error
