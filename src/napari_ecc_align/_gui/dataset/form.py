"""Which folders, and how: the upper part of the dataset form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, Select, SpinBox
from qtpy.QtWidgets import QFileDialog

from ..._batch.records.reopen import Folders
from ..._batch.settings import DOUBTFUL, BatchSettings
from ..._common.errors import InputError
from ..._common.workers.process import cores
from ..shared.lists import elide_middle, tell_in_tooltips
from ..shared.model_box import model_box
from ..shared.rows import Form, button
from .processes import Request

_SIBLINGS_HEIGHT = 58


class Siblings(Form):
    """A list of folders, to which some are added and from which some are taken."""

    def __init__(self) -> None:
        self._chosen: tuple[str, ...] = ()
        # A function, as napari has all choices made anew whenever a layer comes or goes.
        self.folders = Select(choices=lambda _: self._chosen, allow_multiple=True)
        self.add_button = button(
            "Add…",
            "A folder of images that lie on the moving ones: they get the same transform",
            self._ask,
        )
        self.remove_button = button("Remove", "Take the chosen folders out", self._remove)
        buttons = Form(self.add_button, self.remove_button, labels=False)
        super().__init__(
            self.folders, buttons, layout="horizontal", labels=False, label="siblings"
        )
        self.folders.max_height = _SIBLINGS_HEIGHT
        # The names of folders differ at their ends, and paths begin alike.
        elide_middle(self.folders.native)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The folders, perhaps with their names before them."""
        return self._chosen

    @chosen.setter
    def chosen(self, folders: tuple[str, ...]) -> None:
        self._chosen = folders
        self.folders.reset_choices()
        tell_in_tooltips(self.folders.native)

    def _ask(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.native, "Siblings of the moving images", "")
        if folder and folder not in self.chosen:
            self.chosen = (*self.chosen, folder)

    def _remove(self) -> None:
        gone = set(self.folders.value)
        self.chosen = tuple(folder for folder in self.chosen if folder not in gone)


class FolderForm(Form):
    """The folders of a dataset and the motion model."""

    def __init__(self) -> None:
        self.reference = _folder("reference", "The images that stay as they are")
        self.moving = _folder("moving", "The images to be laid on them, under the same names")
        self.siblings = Siblings()
        self.out = _folder(
            "results",
            "Where the aligned images and the report go: a new folder, or that of an earlier run, "
            "which is then shown and gone on with",
        )
        self.model = model_box("What may have happened to the moving images", bends=True)
        super().__init__(self.reference, self.moving, self.siblings, self.out, self.model)

    @property
    def empty(self) -> bool:
        """Whether no folder of images is chosen."""
        return not (text_of(self.reference) or text_of(self.moving) or self.siblings.chosen)

    def fill(self, folders: Folders) -> None:
        """Show the folders that an earlier run was made from."""
        self.reference.value = folders.reference
        self.moving.line_edit.value = folders.named_moving
        self.siblings.chosen = folders.named_siblings


class RunForm(Form):
    """What is seldom changed."""

    def __init__(self) -> None:
        self.doubtful = ComboBox(
            choices=DOUBTFUL,
            value="write",
            label="doubtful pairs",
            tooltip="Whether the results of a doubtful pair are written before a person has "
            "looked at it",
        )
        self.workers = SpinBox(
            value=cores(),
            min=1,
            max=max(64, cores()),
            label="processes",
            tooltip="How many pairs are done at once, each on a core",
        )
        super().__init__(self.doubtful, self.workers)


def request_of(folders: FolderForm, run: RunForm, settings: BatchSettings) -> Request:
    """Return what is chosen; what the forms do not offer is as in `settings`.

    Raises
    ------
    InputError
        If a folder that is needed was not chosen.
    """
    for role, box in (("reference", folders.reference), ("moving", folders.moving)):
        if not text_of(box):
            raise InputError(f"Choose the folder of the {role} images.")
    out = Path(text_of(folders.out))
    if out == Path():
        raise InputError("Choose a folder for the results; it may be a new one.")
    return Request(
        reference=text_of(folders.reference),
        moving=text_of(folders.moving),
        siblings=folders.siblings.chosen,
        out=out,
        settings=replace(settings, model=folders.model.value, doubtful=run.doubtful.value),
        workers=run.workers.value,
    )


def _folder(label: str, tooltip: str) -> FileEdit:
    made = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label=label, tooltip=tooltip)
    made.choose_btn.text = "Choose…"
    return made


def text_of(box: FileEdit) -> str:
    """Return what is written in a box, which may be a folder that is not there."""
    return str(box.line_edit.value).strip()
