"""What a person last chose, kept by napari over restarts.

The choices are napari's plugin settings: they are declared in the manifest and shown under
Preferences, and napari writes them to a file beside its own.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from magicgui.widgets.bases import ValueWidget
from napari.settings import get_plugin_settings
from pydantic import ValidationError

_PLUGIN = "napari-ecc-align"


def remember(group: str, widgets: dict[str, ValueWidget[Any]]) -> None:
    """Fill widgets with what was last chosen, and keep what will be chosen.

    A kept value that a widget no longer offers is passed over.

    Parameters
    ----------
    group : str
        A configuration of the manifest.
    widgets : dict of str to magicgui widget
        By the names of that configuration's properties.
    """
    kept = _settings(group)
    if kept is None:
        return
    for name, widget in widgets.items():
        with suppress(ValueError, TypeError):
            widget.value = getattr(kept, name)
        widget.changed.connect(partial(_keep, group, name))


def _keep(group: str, name: str, value: object) -> None:
    # Half a number that is still being typed, or the plugin is registered no more.
    with suppress(ValidationError, AttributeError):
        setattr(_settings(group), name, value)


def _settings(group: str) -> Any:
    """Return napari's settings of a group, or None where the plugin is not registered."""
    try:
        return getattr(get_plugin_settings(_PLUGIN), group)
    except (KeyError, AttributeError):
        return None
