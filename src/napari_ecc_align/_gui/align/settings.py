"""What few people need to change, folded away under the button."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

from magicgui.widgets import CheckBox, ComboBox, Container, LiteralEvalLineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget

from ..._common.errors import InputError
from ..._ecc.options import COMPARED, DEFAULTS, ENGINES, ModelChoice, SearchOptions
from ..._images.interpolation import INTERPOLATIONS
from ..._images.warping import Resampling
from ..layers.aligned_layers import OUTPUTS
from ..runs.task import Parameters
from ..shared.rows import Form, form
from ..shared.threshold_settings import ThresholdSettings

_SEARCH = (
    "engine",
    "representation",
    "precision",
    "iterations",
    "epsilon",
    "mirrored",
    "all_turns",
)
_KEPT = ("output", "interpolation", "difference", *_SEARCH)


class SettingsForm(Container):  # type: ignore[type-arg]
    """How the result is made and compared, and how the search runs."""

    def __init__(self) -> None:
        result, self.threshold, search = self._of_result(), ThresholdSettings(), self._of_search()
        super().__init__(widgets=[result, self.threshold, search], labels=False)
        self.margins = (0, 0, 0, 0)

    def _of_result(self) -> Form:
        self.output = ComboBox(
            choices=OUTPUTS,
            label="output",
            tooltip="Resample: a new layer on the reference's pixels. "
            "Move: the moving layer itself is put in its place, its pixels stay as they are",
        )
        self.interpolation = ComboBox(
            choices=INTERPOLATIONS,
            value="linear",
            label="interpolation",
            tooltip="How the aligned image is resampled",
        )
        self.difference = ComboBox(
            choices=("absolute", "signed"),
            label="difference",
            tooltip="Absolute: dark where all agrees. "
            "Signed: reference minus aligned, in two colours",
        )
        return form(self.output, self.interpolation, self.difference)

    def _of_search(self) -> Form:
        self.engine = ComboBox(
            choices=ENGINES,
            label="engine",
            tooltip="Pyramid: fast, from any start, with an uncertainty. Opencv: OpenCV's own ECC",
        )
        self.representation = ComboBox(
            choices=COMPARED,
            label="compare by",
            tooltip="Intensity: brightness. Orientation: which way edges run, for images that "
            "differ in kind. Auto: the first that convinces",
        )
        self.precision = LiteralEvalLineEdit(
            value=repr(DEFAULTS.precision),
            label="precision, px",
            tooltip="How exactly the corners must lie, in pixels; finer takes longer",
        )
        self.iterations = SpinBox(
            value=DEFAULTS.max_iterations,
            min=1,
            max=10_000,
            label="iterations",
            tooltip="At most so many steps at each size of the images",
        )
        self.epsilon = LiteralEvalLineEdit(
            value=repr(DEFAULTS.tolerance),
            label="epsilon",
            tooltip="Stop when a step changes the correlation by less than this",
        )
        self.mirrored = CheckBox(
            label="may be mirrored",
            tooltip="Align the moving image turned over, too, as a section mounted upside down is",
        )
        self.all_turns = CheckBox(
            label="all turns",
            visible=False,
            tooltip="Search all turns of a volume, which takes some seconds more, not just any "
            "about z and up to 30 degrees about x and y",
        )
        return form(*(getattr(self, name) for name in _SEARCH))

    @property
    def names(self) -> list[str]:
        """The labels of all rows."""
        return [row.label for group in self for row in group]

    @property
    def kept(self) -> dict[str, ValueWidget[Any]]:
        """The widgets whose values are remembered, by their names in the manifest."""
        return {**{name: getattr(self, name) for name in _KEPT}, **self.threshold.kept}

    def basis(self) -> dict[str, object]:
        """Return what a run depends on, by what it is in words; not how it is looked at."""
        output, interpolation, _ = self[0]
        return {f"the {box.label}": _value(box) for box in (output, interpolation, *self[2])}

    def suit_volumes(self, volume: bool, alone: bool) -> None:
        """Show what there is for images alone, or hide it, and what for two volumes alone."""
        self.all_turns.visible = alone
        for box in (self.engine, self.representation, self.mirrored):
            box.visible = not volume

    def compare_edges_too(self) -> None:
        """Choose what compares edges where brightness does not convince."""
        self.engine.value, self.representation.value = "pyramid", "auto"

    def chosen(self, model: ModelChoice | Literal["smooth"]) -> Parameters:
        """Return what is chosen.

        Raises
        ------
        InputError
            If the epsilon or the precision is not a number, or a value cannot be used.
        """
        epsilon = _number(self.epsilon, "Epsilon must be a number such as 1e-7.")
        precision = _number(self.precision, "Precision must be a number such as 0.02.")
        return Parameters(
            SearchOptions(
                "affine" if model == "smooth" else model,
                self.engine.value,
                precision,
                self.iterations.value,
                epsilon,
                self.representation.value,
                self.mirrored.value,
            ),
            Resampling(self.interpolation.value),
            self.threshold.chosen(),
            self.difference.value == "signed",
            self.output.value,
            model == "smooth",
            self.all_turns.value,
        )


def _value(box: ValueWidget[Any]) -> object:
    # None while it is half typed.
    with suppress(ValueError, SyntaxError):
        return box.value
    return None


def _number(box: LiteralEvalLineEdit, complaint: str) -> float:
    try:
        return float(box.value)
    except (TypeError, ValueError, SyntaxError) as error:
        raise InputError(complaint) from error
