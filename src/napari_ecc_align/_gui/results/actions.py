"""What people do after an alignment: look at it, take it elsewhere, or take it back."""

from __future__ import annotations

from magicgui.widgets import CheckBox, ComboBox, Container, Label, PushButton
from magicgui.widgets.bases import Widget

from ..shared.labels import fill_width
from ..shared.rows import Form, form, row
from .views import STACK_VIEWS, VIEWS

BLINK_KEY = "Alt-B"


class Actions(Container):  # type: ignore[type-arg]
    """The ways to look at a result, and buttons for what comes next."""

    def __init__(self) -> None:
        super().__init__(widgets=[*self._ways_to_look(), *self._next_steps()], labels=False)
        self.margins = (0, 0, 0, 0)
        fill_width(self.legend)

    def _ways_to_look(self) -> list[Widget]:
        self.view = ComboBox(
            choices=VIEWS,
            label="show",
            tooltip="Which way of comparing the two images is on show",
        )
        self.stack_view = ComboBox(
            choices=STACK_VIEWS,
            label="show",
            tooltip="The aligned frames, or each beside what it was aligned to: the frame before "
            "it, as that was aligned, where you chose so",
            visible=False,
        )
        self.blink = CheckBox(
            value=False,
            text=f"blink ({BLINK_KEY.replace('-', '+')})",
            tooltip="Show reference and aligned image in turn: what jumps does not lie right. "
            "Alt+B begins and ends it, over the image and in this form",
        )
        self.drift = PushButton(
            text="Plot the drift",
            tooltip="Draw the shift and the turn of every frame",
            visible=False,
        )
        self.save_drift = PushButton(
            text="Save the drift…",
            tooltip="Keep the shift and the turn of every frame as a table: CSV, in pixels and in "
            "the layer's units, with each verdict",
            visible=False,
        )
        self.legend = Label(value="", visible=False)
        drifts = row(self.drift, self.save_drift)
        return [drifts, form(self.view, self.stack_view), self.legend, row(self.blink)]

    def _next_steps(self) -> list[Form]:
        self.apply = PushButton(
            text="Apply &to layers…", tooltip="Give other layers the same transform (Alt+T)"
        )
        self.save = PushButton(
            text="Save transf&orm…",
            tooltip="Keep it in a file: JSON, ITK .tfm, OME-NGFF, CSV or NumPy (Alt+O)",
        )
        self.copy = PushButton(
            text="Copy as P&ython",
            tooltip="Put a script on the clipboard that finds the same transform (Alt+Y)",
        )
        self.undo = PushButton(
            text="&Undo", tooltip="Take the last run back, layers and all (Alt+U)"
        )
        self.redo = PushButton(text="&Redo", tooltip="Make the run again that was undone (Alt+R)")
        return [row(self.apply, self.save), row(self.copy), row(self.undo, self.redo)]

    def of_a_stack(self, stack: bool) -> None:
        """Show what there is for a stack and not for a single image, or the other way round."""
        self.view.visible = not stack
        self.stack_view.visible = stack
        self.drift.visible = self.save_drift.visible = stack
        self.save.text = "Save transf&orms…" if stack else "Save transf&orm…"

    @property
    def needing_a_transform(self) -> list[PushButton]:
        """The buttons that make sense only with a transform at hand."""
        return [self.apply, self.save, self.copy]
