"""The documentation's pages in a window of their own, without a network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QSize, Qt, QUrl
from qtpy.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from qtpy.QtWidgets import QTextBrowser, QWidget

from .rows import timer

_SIZE = QSize(640, 820)
_MARGIN = 40
# Of links on a light ground and on a dark one.
_LINKS = ("#0b5cad", "#58a6ff")
_MIDDLE = 128
_NAME = "ecc-align-help"
_PAUSE_MS = 100


class HelpWindow(QTextBrowser):
    """Pages whose pictures are never wider than the window.

    Parameters
    ----------
    parent : QWidget
        The form, which it opens beside and whose life it shares.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(_NAME)
        self.setWindowFlag(Qt.WindowType.Window)
        self.setWindowTitle("ECC Align: help")
        self.setAccessibleName("Help")
        self.setOpenExternalLinks(True)
        self.sourceChanged.connect(self._colour_links)
        self._drawn_at = 0
        self._again = timer(self, self._draw_again, _PAUSE_MS)
        screen = parent.screen()
        assert screen is not None
        room, corner = screen.availableGeometry(), parent.mapToGlobal(QPoint(0, 0))
        self.resize(_SIZE.boundedTo(room.size() - QSize(_MARGIN, _MARGIN)))
        # Beside the form, on the side that has more room.
        left, right = corner.x() - room.left(), room.right() - corner.x() - parent.width()
        x = corner.x() - self.width() if left > right else corner.x() + parent.width()
        y = min(corner.y(), room.bottom() - self.height())
        x = min(max(x, room.left()), room.right() - self.width())
        self.move(x, max(y, room.top()))

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Return a page, or a picture that fits into the window."""
        found = super().loadResource(kind, name)
        if kind != QTextDocument.ResourceType.ImageResource.value or not found:
            return found
        viewport = self.viewport()
        assert viewport is not None
        picture, width = QImage(), viewport.width() - _MARGIN
        picture.loadFromData(found)
        if picture.width() <= width:
            return picture
        return picture.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Close the window at Escape, and go back to where its help was asked for."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.close()
            form = self.parentWidget()
            if form is not None:
                form.activateWindow()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Have the pictures drawn again at the new width, soon."""
        super().resizeEvent(event)
        if self._drawn_at != self.width():
            self._again.start()

    def _draw_again(self) -> None:
        self._drawn_at = self.width()
        bar, document = self.verticalScrollBar(), self.document()
        assert bar is not None and document is not None
        seen = bar.value() / max(1, bar.maximum())
        document.clear()
        self.reload()
        self._colour_links()
        bar.setValue(round(seen * bar.maximum()))

    def changeEvent(self, event: QEvent | None) -> None:
        """Give links another colour for another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange:
            self._colour_links()

    def _colour_links(self, _: object = None) -> None:
        """Let links be told from the ground: of Markdown Qt takes the application's own blue."""
        dark = self.palette().base().color().lightness() < _MIDDLE
        look, document = QTextCharFormat(), self.document()
        look.setForeground(QColor(_LINKS[dark]))
        assert document is not None
        cursor = QTextCursor(document)
        for start, end in _links(document):
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(look)


def _links(document: QTextDocument) -> list[tuple[int, int]]:
    """Return where the links of a text begin and end."""
    found = []
    block = document.begin()
    while block.isValid():
        parts = block.begin()
        while not parts.atEnd():
            part = parts.fragment()
            if part.charFormat().isAnchor():
                found.append((part.position(), part.position() + part.length()))
            parts += 1
        block = block.next()
    return found


def docs_folder() -> Path:
    """Return the folder of the documentation: installed with the package, or a checkout's."""
    installed = Path(str(files("napari_ecc_align._gui"))) / "docs"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "docs"


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
        browser = HelpWindow(parent)
    browser.setSource(QUrl.fromLocalFile(str(docs_folder() / page)))
    browser.show()
    browser.raise_()
    # The arrow keys scroll, Tab goes from link to link, and Escape goes back to the form.
    browser.activateWindow()
    browser.setFocus(Qt.FocusReason.OtherFocusReason)
    return browser
