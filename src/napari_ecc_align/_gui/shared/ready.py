"""What every form gets once all that it holds is in it."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from .access import name_controls
from .dressed import write_all_in_one_font
from .focus_ring import FocusRing
from .narrow import be_narrow
from .wheel import wheel_only_scrolls


def make_ready(form: QWidget) -> None:
    """Let a form be narrow, in one font, named, ringed where the keyboard is, only scrolled."""
    be_narrow(form)
    write_all_in_one_font(form)
    name_controls(form)
    wheel_only_scrolls(form)
    FocusRing(form)
