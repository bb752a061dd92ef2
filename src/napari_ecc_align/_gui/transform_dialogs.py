"""The dialogs that ask where a transform is to be saved, or which one to load."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from ..errors import InputError
from ..files import FORMATS, check_suffix

_ALL = "Transforms (" + " ".join(f"*{suffix}" for suffix in FORMATS) + ")"


def ask_where_to_save(parent: QWidget, name: str) -> Path | None:
    """Return the file that a person chose, with a suffix; None if they thought better of it."""
    kinds = {f"{words} (*{suffix})": suffix for suffix, words in FORMATS.items()}
    chosen, kind = QFileDialog.getSaveFileName(
        parent, "Save the transform", f"{name}.json", ";;".join(kinds)
    )
    if not chosen:
        return None
    try:
        check_suffix(chosen)
    except InputError:
        return Path(chosen + kinds.get(kind, ".json"))
    return Path(chosen)


def ask_what_to_load(parent: QWidget) -> Path | None:
    """Return the file that a person chose, or None."""
    chosen, _ = QFileDialog.getOpenFileName(
        parent, "Load a transform", "", f"{_ALL};;All files (*)"
    )
    return Path(chosen) if chosen else None
