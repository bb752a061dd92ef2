"""Parts of a form."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, Widget


def form(*widgets: Widget) -> Container[Any]:
    """Return widgets below each other, with their labels and without margins."""
    return _without_margins(Container(widgets=list(widgets)))


def row(*widgets: Widget) -> Container[Any]:
    """Return widgets beside each other, without labels and margins."""
    return _without_margins(Container(widgets=list(widgets), layout="horizontal", labels=False))


def _without_margins(container: Container[Any]) -> Container[Any]:
    container.margins = (0, 0, 0, 0)
    return container
