"""The widget that gives any number of layers a transform, and saves and loads transforms."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, cast

import napari
import numpy as np
from magicgui.widgets import ComboBox, Container, Label, Select
from napari.layers import Layer
from napari.types import LayerData

from ..._common.errors import InputError
from ..._images.interpolation import INTERPOLATIONS
from ..._images.warping import Resampling
from ..._transform.bent_map import BentMap
from ..._transform.formats.field_files import FIELD_FORMATS, GROUPS, MANY_FIELDS
from ..._transform.formats.registry import FORMATS, STACK_FORMATS
from ..layers.apply_transform import Application, moved_affine
from ..layers.attributes import is_result, layer_with_id
from ..layers.frame_transforms import FrameTransforms
from ..layers.resampling import NEAREST
from ..layers.world import Matrix, layer_grid
from ..runs.provenance import tell_origin
from ..shared.access import KeptFocus
from ..shared.background import Background
from ..shared.docks import EndsWithItsDock
from ..shared.file_dialogs import ask_what_to_load, ask_where_to_save
from ..shared.keyboard import Keys, tab_from_top_to_bottom
from ..shared.labels import fill_width
from ..shared.layer_pair import images_in
from ..shared.lists import elide_middle, tell_in_tooltips
from ..shared.ready import make_ready
from ..shared.refusal import Refusal, refusals_to
from ..shared.rows import Form, button, row
from ..shared.scrolling import scroll_all
from ..shared.watching import Watch
from .known_transforms import KnownTransform, transform_in, transforms_of
from .steps import apply_steps, detached

_FORWARD, _INVERSE = "onto the reference", "inverse: back onto the moving image"
_RESAMPLE, _MOVE = "add new layers, resampled", "move the layers themselves"
_FILLS = {"background": "background", "0": 0.0, "NaN": float("nan"), "nearest pixel": NEAREST}


class ApplyWidget(Container):  # type: ignore[type-arg]
    """Apply a transform, from an alignment or a file, to any number of layers at once.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are transformed; napari passes it.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._work = Background(self._set_running, self._say)
        self._loaded: dict[str, KnownTransform] = {}
        self._known: dict[str, KnownTransform] = {}
        self._moves: list[tuple[object, Matrix, Matrix]] = []
        self._proposed: list[Layer] = []
        self._count = 0
        self._problems: list[str] = []
        choices = self._make_choices()
        buttons = self._make_buttons()
        self.message = Label(value="", visible=False)
        super().__init__(widgets=[choices, *buttons, self.message], labels=False)
        self._arrange()
        self._follow()
        self._propose()

    @property
    def running(self) -> bool:
        """Whether layers are being transformed."""
        return self._work.running

    @property
    def chosen(self) -> KnownTransform | None:
        """The transform that is chosen."""
        return self._known.get(self.source.value)

    def run(self) -> None:
        """Transform the chosen layers."""
        if self.running:
            return
        with refusals_to(self._say):
            application = self._application()
            # From the bottom up, so that what is added lies in the same order.
            layers = sorted(self.layers.value, key=self._viewer.layers.index)
            if not layers:
                raise InputError(
                    "Choose the layers to transform in the list; Ctrl chooses several."
                )
            self._count, self._problems = 0, []
            if self.output.value == _MOVE:
                self._move(layers, application)
            else:
                self._work.start(
                    apply_steps,
                    [detached(layer) for layer in layers],
                    application,
                    on_step=self._add,
                    on_end=lambda _: self._tell("added"),
                    on_cancel=lambda: self._tell("added"),
                )

    def undo(self) -> None:
        """Put the layers that were moved last back, unless they have been moved since."""
        for identity, before, after in self._moves:
            layer = layer_with_id(self._viewer, identity)
            if layer is not None and np.allclose(layer.affine.affine_matrix, after):
                layer.affine = before
        self._moves = []
        self.undo_button.enabled = False
        self._say("The layers are back where they were.")

    def load(self, path: Path) -> None:
        """Offer the transform of a file, or those of a stack, and choose it."""
        with refusals_to(self._say):
            known = transform_in(path)
            self._loaded[known.label] = known
            self._follow()
            self.source.value = known.label
            what = f"a transform: {known.all[0].model}"
            if isinstance(known.transform, FrameTransforms):
                what = f"the transforms of {len(known.all)} frames"
            self._say(f"Loaded {what}.")

    def save(self, path: Path) -> None:
        """Write the chosen transform; the dialog has asked whether to replace a file."""
        with refusals_to(self._say):
            if self.chosen is None:
                raise InputError("There is no transform to save: align two images or load a file.")
            if isinstance(self.chosen.transform, FrameTransforms):
                self.chosen.transform.save(path)
            else:
                self.chosen.transform.save(path, overwrite=True)
            if self.chosen.record is not None and path.is_file():
                tell_origin(path, self.chosen.record, {})
            self._say(f"Saved to {path}.")

    def _make_choices(self) -> Container[Any]:
        self.source = ComboBox(
            choices=lambda _: list(self._known),
            nullable=True,
            label="transform",
            tooltip="An alignment whose layers are here, or a transform file that was loaded",
        )
        self.reference = ComboBox(
            choices=lambda _: images_in(self._viewer),
            nullable=True,
            label="reference",
            tooltip="The image whose pixels the transform of the file starts from: new images "
            "get its size and place",
        )
        self.layers = Select(
            # The top one first, as in the viewer's own list.
            choices=lambda _: list(reversed(self._viewer.layers)),
            label="layers",
            tooltip="Which layers to transform: images, labels, points, shapes, vectors… "
            "Ctrl or Shift chooses several",
        )
        elide_middle(self.layers.native)
        self._make_ways()
        self.source.changed.connect(self._show_what_counts)
        self.source.changed.connect(self._propose)
        self.output.changed.connect(self._show_what_counts)
        which = self.source, self.reference, self.layers
        return Form(*which, self.direction, self.output, self.interpolation, self.fill)

    def _make_ways(self) -> None:
        self.direction = ComboBox(
            choices=(_FORWARD, _INVERSE),
            label="direction",
            tooltip="Onto the reference, as the moving image went; or the other way, to bring "
            "what lies on the reference to the moving image",
        )
        self.output = ComboBox(
            choices=(_RESAMPLE, _MOVE),
            label="do",
            tooltip="New layers on the other image's pixels; or set where the layers lie and "
            "leave their data as they are",
        )
        self.interpolation = ComboBox(
            choices=INTERPOLATIONS,
            value="linear",
            label="interpolation",
            tooltip="How images are resampled; labels keep their values",
        )
        self.fill = ComboBox(
            choices=tuple(_FILLS),
            label="outside",
            tooltip="What an image gets where its data do not reach: a guess from its border, 0, "
            "NaN (whole numbers become floats), or its nearest pixel. Labels get 0",
        )

    def _make_buttons(self) -> list[Container[Any]]:
        self.apply_button = button(
            "Apply", "Transform the layers that are chosen (Return)", self.run
        )
        self.cancel_button = button(
            "Cancel", "Stop after the layer under way (Escape)", self._work.cancel
        )
        self.undo_button = button("Undo move", "Put the layers back where they were", self.undo)
        self.load_button = button(
            "Load…",
            "A transform from a file, or those of a stack: JSON, OME-NGFF, ITK .tfm, CSV, "
            "NumPy, or affinder's file",
            self._ask_to_load,
        )
        self.save_button = button(
            "Save…", "Save the transform; the suffix chooses the format", self._ask_to_save
        )
        self.cancel_button.enabled = self.undo_button.enabled = False
        work = row(self.apply_button, self.cancel_button, self.undo_button)
        return [work, row(self.load_button, self.save_button)]

    def _arrange(self) -> None:
        self._focus = KeptFocus(self.native)
        fill_width(self.message)
        scroll_all(self.native)
        tab_from_top_to_bottom(self.native)
        self._keys = Keys(self.native, self.run, self._work.cancel)
        Watch(self.native).layer_list(self._viewer, self._follow)
        make_ready(self.native)
        EndsWithItsDock(self, self._viewer)
        self.native.destroyed.connect(self._work.leave)

    def _follow(self, _: object = None) -> None:
        """Offer the layers and transforms there are, and keep what was chosen."""
        here = {known.label: known for known in transforms_of(self._viewer.layers)}
        self._known = {**here, **self._loaded}
        kept = [layer for layer in self.layers.value if layer in self._viewer.layers]
        # magicgui would put what is new at the end of the list, not where it lies.
        self.layers.native.clear()
        for box in (self.source, self.reference, self.layers):
            box.reset_choices()
        self.layers.value = kept
        tell_in_tooltips(self.layers.native)
        if self.source.value is None and self._known:
            self.source.value = next(iter(self._known))
        images = images_in(self._viewer)
        if self.reference.value is None and images:
            self.reference.value = images[0]
        self._show_what_counts()

    def _propose(self, _: object = None) -> None:
        """Choose what a person has selected, or else what belongs to the moving image.

        Not what the plugin itself has made and selected; nor what has been chosen here.
        """
        if self.layers.value != self._proposed:
            return
        selected = self._viewer.layers.selection
        chosen = [layer for layer in self._viewer.layers if layer in selected]
        if self.chosen is not None and all(is_result(layer) for layer in chosen):
            chosen = [layer for layer in self._viewer.layers if self.chosen.goes_with(layer)]
        self.layers.value = self._proposed = chosen

    def _show_what_counts(self, _: object = None) -> None:
        known = self.chosen
        self.reference.visible = known is not None and known.reference is None
        self.interpolation.visible = self.fill.visible = self.output.value == _RESAMPLE

    def _application(self) -> Application:
        known = self.chosen
        if known is None:
            raise InputError("There is no transform yet: align two images, or load a file.")
        reference = known.reference
        if reference is None:
            if self.reference.value is None:
                raise InputError("Choose the reference: the image that the file's pixels are of.")
            axes = len(known.all[0].matrix) - 1
            if self.reference.value.ndim < axes:
                raise InputError("The transform is of volumes: choose one as the reference.")
            reference = layer_grid(self.reference.value, axes)
        inverse = self.direction.value == _INVERSE
        resampling = Resampling(self.interpolation.value, _FILLS[self.fill.value])
        return Application(known.transform, reference, known.moving, inverse, resampling)

    def _add(self, made: tuple[LayerData, str] | Refusal) -> None:
        if isinstance(made, Refusal):
            self._problems.append(made.message)
            return
        layer, loss = made
        self._viewer.add_layer(Layer.create(*cast("Any", layer)))
        self._problems += [loss] if loss else []
        self._count += 1

    def _move(self, layers: list[Layer], application: Application) -> None:
        moves = []
        for layer in layers:
            with refusals_to(self._problems.append):
                after = moved_affine(layer, application)
                moves.append((layer.unique_id, np.array(layer.affine.affine_matrix), after))
                layer.affine = after
        self._count = len(moves)
        self._moves = moves or self._moves
        self.undo_button.enabled = bool(self._moves)
        self._tell("moved")

    def _tell(self, what: str) -> None:
        layers = "1 layer" if self._count == 1 else f"{self._count} layers"
        said = [f"{layers} {what}."] if self._count else []
        # A homography is refused in the same words for every layer.
        said += dict.fromkeys(self._problems)
        self._say(" ".join(said) or "Cancelled: nothing was added.")

    def _say(self, message: str) -> None:
        self.message.value = escape(message)
        self.message.visible = True

    def _set_running(self, running: bool) -> None:
        def change() -> None:
            self.apply_button.enabled = not running
            self.cancel_button.enabled = running

        self._focus.through(running, change)

    def _ask_to_load(self) -> None:
        path = ask_what_to_load(self.native)
        if path is not None:
            self.load(path)

    def _ask_to_save(self) -> None:
        many = self.chosen is not None and isinstance(self.chosen.transform, FrameTransforms)
        name, formats = ("transforms", STACK_FORMATS) if many else ("transform", FORMATS)
        if self.chosen is not None and isinstance(self.chosen.all[0], BentMap):
            formats = MANY_FIELDS if many else {**FIELD_FORMATS, **GROUPS}
        path = ask_where_to_save(self.native, name, formats)
        if path is not None:
            self.save(path)
