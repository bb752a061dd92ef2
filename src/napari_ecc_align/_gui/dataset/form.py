"""Which folders, and how: the upper part of the dataset form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, Container, FileEdit, PushButton, Select, SpinBox
from qtpy.QtWidgets import QFileDialog

from ..._batch.records.reopen import Folders
from ..._batch.run.run_plan import cores
from ..._batch.settings import DOUBTFUL, BatchSettings
from ..._transform.matrices import MOTION_MODELS
from .processes import Request

_SIBLINGS_HEIGHT = 58


class Siblings(Container):  # type: ignore[type-arg]
    """A list of folders, to which some are added and from which some are taken."""

    def __init__(self) -> None:
        self._chosen: tuple[str, ...] = ()
        # A function, as napari has all choices made anew whenever a layer comes or goes.
        self.folders = Select(choices=self._offered, allow_multiple=True)
        self.add_button = PushButton(
            text="Add…",
            tooltip="A folder with another flavour of the moving images: they get the same "
            "transform",
        )
        self.remove_button = PushButton(text="Remove", tooltip="Take the chosen folders out")
        buttons: Container[Any] = Container(
            widgets=[self.add_button, self.remove_button], labels=False
        )
        buttons.margins = (0, 0, 0, 0)
        super().__init__(
            widgets=[self.folders, buttons], layout="horizontal", labels=False, label="siblings"
        )
        self.margins = (0, 0, 0, 0)
        self.folders.max_height = _SIBLINGS_HEIGHT
        self.add_button.changed.connect(self._ask)
        self.remove_button.changed.connect(self._remove)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The folders, perhaps with their flavours before them."""
        return self._chosen

    @chosen.setter
    def chosen(self, folders: tuple[str, ...]) -> None:
        self._chosen = folders
        self.folders.reset_choices()

    def _offered(self, _: object = None) -> tuple[str, ...]:
        return self._chosen

    def _ask(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.native, "Another flavour", "")
        if folder and folder not in self.chosen:
            self.chosen = (*self.chosen, folder)

    def _remove(self) -> None:
        gone = set(self.folders.value)
        self.chosen = tuple(folder for folder in self.chosen if folder not in gone)


class FolderForm(Container):  # type: ignore[type-arg]
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
        self.model = ComboBox(
            choices=MOTION_MODELS,
            value="affine",
            label="motion model",
            tooltip="What may have happened to the moving images",
        )
        super().__init__(
            widgets=[self.reference, self.moving, self.siblings, self.out, self.model]
        )
        self.margins = (0, 0, 0, 0)

    @property
    def empty(self) -> bool:
        """Whether no folder of images is chosen."""
        return not (_text(self.reference) or _text(self.moving) or self.siblings.chosen)

    def fill(self, folders: Folders) -> None:
        """Show the folders that an earlier run was made from."""
        self.reference.value = folders.reference
        flavour = folders.flavour
        named = flavour and flavour != folders.moving.name
        self.moving.line_edit.value = (f"{flavour}=" if named else "") + str(folders.moving)
        self.siblings.chosen = tuple(
            str(folder) if folder.name == flavour else f"{flavour}={folder}"
            for flavour, folder in folders.siblings.items()
        )


class RunForm(Container):  # type: ignore[type-arg]
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
        super().__init__(widgets=[self.doubtful, self.workers])
        self.margins = (0, 0, 0, 0)


def request_of(folders: FolderForm, run: RunForm, settings: BatchSettings) -> Request:
    """Return what is chosen; what the forms do not offer is as in `settings`."""
    return Request(
        reference=_text(folders.reference),
        moving=_text(folders.moving),
        siblings=folders.siblings.chosen,
        out=Path(_text(folders.out)),
        settings=replace(settings, model=folders.model.value, doubtful=run.doubtful.value),
        workers=run.workers.value,
    )


def _folder(label: str, tooltip: str) -> FileEdit:
    return FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label=label, tooltip=tooltip)


def _text(box: FileEdit) -> str:
    return str(box.line_edit.value).strip()
