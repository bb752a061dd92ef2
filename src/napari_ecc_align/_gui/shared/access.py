"""Forms for those who do not see them: names, descriptions, and a focus that stays."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ref

from qtpy.compat import isalive
from qtpy.QtWidgets import QAbstractButton, QProgressBar, QWidget

from .keyboard import stops
from .rows import named_rows


def name_controls(form: QWidget) -> None:
    """Give every control of a form an accessible name and description, and every name its buddy.

    The name is what stands before a control, or on it; the description is its tooltip.
    """
    for label, named in named_rows(form):
        controls = list(stops(named)) or [named]
        label.setBuddy(controls[0])
        for control in controls:
            text = control.text() if isinstance(control, QAbstractButton) else ""
            control.setAccessibleName(f"{label.text()} {text}".strip())
            control.setAccessibleDescription(_tip(control) or _tip(named))
    for control in [*stops(form), *form.findChildren(QProgressBar)]:
        if not control.accessibleName():
            text = control.text() if isinstance(control, QAbstractButton) else ""
            control.setAccessibleName(text.replace("&", "") or _tip(control))
        if not control.accessibleDescription():
            control.setAccessibleDescription(_tip(control) or control.accessibleName())


def _tip(widget: QWidget) -> str:
    # Without what is chosen, which is told anyway.
    return str(widget.property("tip") or widget.toolTip())


class KeptFocus:
    """Gives the focus back that Qt moves on when the control that has it is disabled.

    Parameters
    ----------
    form : QWidget
        Whose controls are disabled while something runs.
    """

    def __init__(self, form: QWidget) -> None:
        self._form = form
        # Weakly: what has the focus may be the whole viewer, which is not to outlive its window.
        self._had: ref[QWidget] | None = None
        self._went: ref[QWidget] | None = None

    def through(self, running: bool, change: Callable[[], object]) -> None:
        """Disable controls as something begins, or enable them again as it ends."""
        focus = self._focus()
        if running and focus is not None and self._form.isAncestorOf(focus):
            self._had = ref(focus)
        change()
        if running:
            went = self._focus()
            self._went = None if went is None else ref(went)
            return
        had = None if self._had is None else self._had()
        went = None if self._went is None else self._went()
        self._had, now = None, self._focus()
        # Unless a person has gone elsewhere meanwhile.
        lost = now is None or now is went or not now.isVisibleTo(self._form.window())
        alive = had is not None and isalive(had)  # type: ignore[no-untyped-call]
        if had is not None and alive and lost and had.isEnabled():
            had.setFocus()

    def _focus(self) -> QWidget | None:
        window = self._form.window()
        return None if window is None else window.focusWidget()
