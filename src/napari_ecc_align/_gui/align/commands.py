"""What the command palette offers of the Align form, without the mouse.

Each opens the form if it is not there yet.
"""

from __future__ import annotations

from magicgui.widgets import CheckBox, PushButton
from napari.utils.notifications import show_warning

# napari passes the viewer by the type, so it must be there at run time.
from napari.viewer import Viewer

from ..shared.docks import open_dock
from .widget import AlignWidget


def align_now(viewer: Viewer) -> None:
    """Align the two layers that the form has chosen."""
    _form(viewer).run()


def judge_now(viewer: Viewer) -> None:
    """Say whether the two layers that the form has chosen lie right as they are."""
    _form(viewer).judge()


def cancel(viewer: Viewer) -> None:
    """Stop the alignment that is under way."""
    _form(viewer).cancel()


def undo(viewer: Viewer) -> None:
    """Take the last run back."""
    _press(_form(viewer).after.next.undo, "undo")


def redo(viewer: Viewer) -> None:
    """Make the run again that was undone."""
    _press(_form(viewer).after.next.redo, "redo")


def blink(viewer: Viewer) -> None:
    """Begin or end showing reference and aligned image in turn."""
    _press(_form(viewer).after.next.blink, "blink")


def apply_to_layers(viewer: Viewer) -> None:
    """Give other layers the transform that was found."""
    open_dock(viewer, "Apply transform", tabify=True)


def save(viewer: Viewer) -> None:
    """Ask where to save the transform that was found."""
    _press(_form(viewer).after.next.save, "save")


def copy_as_python(viewer: Viewer) -> None:
    """Put a script that repeats the last run on the clipboard."""
    _press(_form(viewer).after.next.copy, "copy")


def drag(viewer: Viewer) -> None:
    """Put napari's transform tool on the moving layer."""
    _form(viewer).where.drag.native.click()


def open_help(viewer: Viewer) -> None:
    """Open the documentation."""
    _form(viewer).help.native.click()


def _form(viewer: Viewer) -> AlignWidget:
    form: AlignWidget = open_dock(viewer, "Align images")
    return form


def _press(button: PushButton | CheckBox, verb: str) -> None:
    if button.enabled:
        button.native.click()
    else:
        show_warning(f"There is nothing to {verb} yet: align two images first.")
