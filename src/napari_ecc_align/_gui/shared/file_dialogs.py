"""The dialogs that ask where a transform is to be saved, or which one to load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from ..._transform.formats.field_files import FIELD_FORMATS
from ..._transform.formats.registry import FORMATS

_ALL = "Transforms (" + " ".join(f"*{suffix}" for suffix in (*FORMATS, *FIELD_FORMATS)) + ")"


def ask_where_to_save(
    parent: QWidget, name: str, formats: Mapping[str, str] = FORMATS, title: str = ""
) -> Path | None:
    """Return the file that a person chose, with a suffix; None if they thought better of it.

    A file that is there already they have agreed to replace.

    Parameters
    ----------
    parent : QWidget
        What the dialog is in front of.
    name : str
        What the file is called at first, without a suffix.
    formats : mapping of str to str
        What each suffix stands for; the first is offered.
    title : str, optional
        Of the dialog, if it is not for transforms.
    """
    kinds = {f"{words} (*{suffix})": suffix for suffix, words in formats.items()}
    many = "Save the transforms of all frames"
    title = title or ("Save the transform" if formats is FORMATS else many)
    first = next(iter(formats))
    chosen, kind = QFileDialog.getSaveFileName(parent, title, f"{name}{first}", ";;".join(kinds))
    if not chosen:
        return None
    if any(chosen.lower().endswith(suffix) for suffix in formats):
        return Path(chosen)
    path = Path(chosen + kinds.get(kind, first))
    # The dialog has asked about the name as it was typed.
    question = f"{path.name} exists already. Replace it?"
    yes = QMessageBox.StandardButton.Yes
    if path.exists() and QMessageBox.question(parent, title, question) != yes:
        return None
    return path


def ask_what_to_load(parent: QWidget) -> Path | None:
    """Return the file that a person chose, or None."""
    chosen, _ = QFileDialog.getOpenFileName(
        parent, "Load a transform", "", f"{_ALL};;All files (*)"
    )
    return Path(chosen) if chosen else None
