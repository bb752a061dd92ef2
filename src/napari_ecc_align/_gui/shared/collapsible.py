"""A part of a form that is folded away until it is needed."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

from .dressed import Dressed

_UNLIMITED = 16_777_215
_EXPANDED, _COLLAPSED = "▼", "▶"
# superqt's own style shows no focus.
_STYLE = """
QPushButton { text-align: left; border: none; }
QPushButton:focus { text-decoration: underline; }
"""


class CollapsiblePart(QCollapsible):
    """A title that shows and hides what is below it.

    What is folded away is hidden and not only flat, so that Tab passes it over; and what is shown
    may grow, as rows of a form come and go.

    Parameters
    ----------
    title : str
        What is on the button.
    content : QWidget
        What is folded away.
    parent : QWidget
        What it is part of.
    tooltip : str
        What is to be found there.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget, *, tooltip: str) -> None:
        super().__init__(title, parent, expandedIcon=_EXPANDED, collapsedIcon=_COLLAPSED)
        self.setDuration(0)
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
        self.setContent(content)
        self.toggleButton().setStyleSheet(_STYLE)
        self.toggleButton().setToolTip(tooltip)
        self.toggled.connect(self._show)
        # superqt draws them but once, in the colour of before.
        Dressed(self.toggleButton(), self._draw_icons)
        self.collapse(animate=False)

    def _draw_icons(self) -> None:
        self.setExpandedIcon(_EXPANDED)
        self.setCollapsedIcon(_COLLAPSED)

    def _show(self, wanted: bool) -> None:
        self.content().setVisible(wanted)
        if wanted:
            self.content().setMaximumHeight(_UNLIMITED)
