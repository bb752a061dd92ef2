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


def _beside(control: QWidget) -> QWidget | None:
    """Return the nearest control in the row of another that can be used, rather the next one."""
    around = list(stops(control.parentWidget() or control))
    at = around.index(control) if control in around else 0
    usable = [number for number, each in enumerate(around) if each.isEnabled()]
    nearest = min(usable, key=lambda number: (abs(number - at), -number), default=None)
    return None if nearest is None else around[nearest]


class KeptFocus:
    """Gives the focus back that Qt moves on when the control that has it is disabled.

    Parameters
    ----------
    form : QWidget
        Whose controls are disabled while something runs.
    """

    def __init__(self, form: QWidget) -> None:
        self._form = form
        self._under_way: set[object] = set()
        # Weakly: what has the focus may be the whole viewer, which is not to outlive its window.
        self._had: ref[QWidget] | None = None
        self._went: ref[QWidget] | None = None

    def through(self, running: bool, change: Callable[[], object], what: object = None) -> None:
        """Disable controls as something begins, or enable them again as it ends.

        Of several things that overlap, told apart by `what`, the focus goes back after the last;
        where its control has come to be of no use, to the nearest beside it.
        """
        focus, first = self._focus(), not self._under_way
        if running and first and focus is not None and self._form.isAncestorOf(focus):
            self._had = ref(focus)
        (self._under_way.add if running else self._under_way.discard)(what)
        change()
        if running:
            went = self._focus()
            self._went = None if went is None else ref(went)
        if self._under_way:
            return
        had = None if self._had is None else self._had()
        went = None if self._went is None else self._went()
        self._had, now = None, self._focus()
        # Unless a person has gone elsewhere meanwhile.
        lost = now is None or now is went or not now.isVisibleTo(self._form.window())
        alive = had is not None and isalive(had)  # type: ignore[no-untyped-call]
        if had is not None and alive and lost:
            usable = had if had.isEnabled() else _beside(had)
            if usable is not None:
                usable.setFocus()

    def _focus(self) -> QWidget | None:
        window = self._form.window()
        return None if window is None else window.focusWidget()
