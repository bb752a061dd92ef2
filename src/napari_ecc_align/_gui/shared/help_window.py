"""The documentation's pages in a window of their own, without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtWidgets import QTextBrowser, QWidget

_SIZE = (760, 820)
_NAME = "ecc-align-help"


def docs_folder() -> Path:
    """Return the folder of the documentation, which is installed with the package."""
    return Path(str(files("napari_ecc_align._gui"))) / "docs"


def open_help(parent: QWidget, page: str = "align.md") -> QTextBrowser:
    """Open a page of the documentation, in the window that is open already if there is one.

    Parameters
    ----------
    parent : QWidget
        Whose life the window shares.
    page : str
        A file in `docs`.
    """
    browser: QTextBrowser | None = parent.findChild(QTextBrowser, _NAME)
    if browser is None:
        browser = QTextBrowser(parent)
        browser.setObjectName(_NAME)
        browser.setWindowFlag(Qt.WindowType.Window)
        browser.setWindowTitle("ECC Align: help")
        browser.setOpenExternalLinks(True)
        browser.resize(*_SIZE)
    browser.setSource(QUrl.fromLocalFile(str(docs_folder() / page)))
    browser.show()
    browser.raise_()
    return browser
