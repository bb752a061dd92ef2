"""A ring around the control of a form that the keyboard has come to: napari draws none."""

from __future__ import annotations

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QApplication, QWidget

_WIDTH = 2.0
_ROUND = 3.0


class FocusRing(QObject):
    """Rings the control that has the focus, unless the mouse has just brought it there.

    Parameters
    ----------
    form : QWidget
        Whose controls are ringed, and whose life it shares.
    """

    def __init__(self, form: QWidget) -> None:
        super().__init__(form)
        self._form = form
        self._ring: _Ring | None = None
        self._around: QWidget | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Stay around a control that gets another place or size."""
        if event is not None and event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._fit()
        return False

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        self._leave()
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is None or pressed or not self._form.isAncestorOf(now):
            return
        around = now.parentWidget()
        if around is None:
            return
        # Beside the control, so that it scrolls with it and ends with it.
        self._around, self._ring = now, _Ring(around)
        now.installEventFilter(self)
        self._fit()
        self._ring.show()

    def _fit(self) -> None:
        if _is_there(self._ring) and _is_there(self._around):
            assert self._ring is not None and self._around is not None
            self._ring.setGeometry(self._around.geometry())
            self._ring.raise_()

    def _leave(self) -> None:
        if self._around is not None and _is_there(self._around):
            self._around.removeEventFilter(self)
        if self._ring is not None and _is_there(self._ring):
            self._ring.hide()
            self._ring.deleteLater()
        self._around = self._ring = None


class _Ring(QWidget):
    """A frame in the colour of the text, through which the mouse goes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, _: QPaintEvent | None) -> None:
        """Draw it inside the edges, where nothing cuts it off."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().windowText().color(), _WIDTH))
        half = _WIDTH / 2
        place = QRectF(self.rect()).adjusted(half, half, -half, -half)
        painter.drawRoundedRect(place, _ROUND, _ROUND)
        painter.end()


def _is_there(widget: QWidget | None) -> bool:
    return widget is not None and bool(isalive(widget))  # type: ignore[no-untyped-call]
