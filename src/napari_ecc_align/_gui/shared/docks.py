"""The plugin's forms in napari's window, each at most once, however it was opened."""

from __future__ import annotations

from typing import Any

import napari
from magicgui.widgets import Container
from npe2 import PluginManager
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QTabBar,
    QWidget,
)

from .keyboard import stops
from .rows import timer

_PLUGIN = "napari-ecc-align"
# What the forms are called on the tabs of their docks, which are as wide together as one form.
TABS = {
    "Align images": "Align",
    "Apply transform": "Apply",
    "Compare binarised": "Compare",
    "Align a dataset": "Dataset",
}

_MAY_BE_NARROW = (QEvent.Type.Resize, QEvent.Type.LayoutRequest)
# Pixels between the buttons of napari's title, at its two ends and of the line before its text.
_GAP, _BESIDE_TITLE = 4, 30


class EndsWithItsDock(QObject):
    """Lets Qt delete a form once its dock is closed, and with it all that it listens to.

    napari takes a form out of a dock that is closed and forgets it, but goes on telling it of
    layers. And it docks a form below those that are there, where neither has room: it becomes a
    tab beside another form of the plugin.

    Parameters
    ----------
    form : Container
        What is docked.
    viewer : napari.viewer.Viewer
        Where.
    """

    def __init__(self, form: Container[Any], viewer: napari.viewer.Viewer) -> None:
        native: QWidget = form.native
        super().__init__(native)
        self._native = native
        # Not at once: a form may be on its way from one dock to another.
        self._dock: QDockWidget | None = None
        self._behind = False
        self._soon = timer(native, self._settle)
        self._forward = timer(native, self._come_forward)
        self._tabs = timer(native, self._show_tabs)
        self._title = timer(native, self._fit_title)
        native.installEventFilter(self)
        layers = viewer.layers.events
        emitters = layers.inserted, layers.removed, layers.reordered, layers.renamed

        def forget(_: object = None) -> None:
            for emitter in emitters:
                emitter.disconnect(form.reset_choices)

        native.destroyed.connect(forget)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look at where the form has gone, and for what reason its dock is hidden."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self._soon.start()
        hidden = event is not None and event.type() == QEvent.Type.Hide
        # napari's menus hide a form that is open, even one that is out of sight as a tab.
        if hidden and watched is self._dock and self._behind:
            self._forward.start()
        # napari makes another title where a dock floats or goes to another side.
        if watched is self._dock and event is not None and event.type() in _MAY_BE_NARROW:
            self._title.start()
        return False

    def is_in(self, dock: QDockWidget) -> bool:
        """Tell whether the form has been put in order in a dock."""
        return self._dock is dock

    def _settle(self) -> None:
        dock = self._native.parent()
        if dock is None:
            self._native.deleteLater()
        elif isinstance(dock, QDockWidget) and dock is not self._dock:
            dock.visibilityChanged.connect(self._set_seen)
            dock.installEventFilter(self)
            take_height(self._native)
            _shorten_title(dock)
            _join_others(dock)
            self._dock = dock
            self._tabs.start()
            self._title.start()
            _go_in(self._native)

    def _set_seen(self, seen: bool) -> None:
        self._behind = not seen
        # Also where a person has made it a tab.
        self._tabs.start()

    def _show_tabs(self) -> None:
        # A dock that is closed is hidden, and deleted before its form.
        dock = self._dock
        if dock is not None and isalive(dock):  # type: ignore[no-untyped-call]
            _show_tabs(dock)

    def _fit_title(self) -> None:
        dock = self._dock
        if dock is not None and isalive(dock):  # type: ignore[no-untyped-call]
            _fit_title(dock)

    def _come_forward(self) -> None:
        dock = self._dock
        window = None if dock is None else dock.parent()
        # Of a window that is hidden as a whole it is not hidden by itself.
        if dock is None or not isinstance(window, QMainWindow) or not dock.isHidden():
            return
        if window.dockWidgetArea(dock) != Qt.DockWidgetArea.NoDockWidgetArea:
            dock.show()
            dock.raise_()


def _join_others(dock: QDockWidget) -> None:
    window = dock.parent()
    if not isinstance(window, QMainWindow) or dock.isFloating():
        return
    area = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        form = other.widget()
        end = None if form is None else form.findChild(EndsWithItsDock)
        # Of several that are opened at a time, each joins those before it.
        ours = end is not None and end.is_in(other)
        beside = not other.isFloating() and window.dockWidgetArea(other) == area
        if other is not dock and ours and beside:
            if other not in window.tabifiedDockWidgets(dock):
                window.tabifyDockWidget(other, dock)
            dock.raise_()
            return


def _shorten_title(dock: QDockWidget) -> None:
    """Let a tab say in a word what is in it, and the dock itself still in full."""
    full = dock.windowTitle()
    dock.setAccessibleName(full)
    dock.setWindowTitle(TABS.get(full.partition(" (")[0], full))


def _fit_title(dock: QDockWidget) -> None:
    """Let a dock's title be as short as it must be to be read."""
    bar = dock.titleBarWidget()
    title = None if bar is None else bar.findChild(QLabel)
    if bar is None or title is None:
        return
    full = dock.accessibleName()
    short = full.partition(" (")[0]
    taken = sum(button.width() + _GAP for button in bar.findChildren(QPushButton))
    room = bar.width() - taken - _BESIDE_TITLE
    width = title.fontMetrics().horizontalAdvance
    fits = (each for each in (full, short, TABS.get(short, short)) if width(each) <= room)
    title.setText(next(fits, TABS.get(short, short)))
    title.setToolTip(full)


def _show_tabs(dock: QDockWidget) -> None:
    """Let the tabs beside a dock be read: what does not fit is scrolled to, and never cut."""
    window = dock.parent()
    if not isinstance(window, QMainWindow):
        return
    docks = [dock, *window.tabifiedDockWidgets(dock)]
    full = {each.windowTitle(): each.accessibleName() or each.windowTitle() for each in docks}
    bars = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    for bar in bars:
        shown = {bar.tabText(index) for index in range(bar.count())}
        if dock.windowTitle() not in shown or not shown <= full.keys():
            continue
        bar.setElideMode(Qt.TextElideMode.ElideNone)
        bar.setUsesScrollButtons(True)
        for index in range(bar.count()):
            bar.setTabToolTip(index, full[bar.tabText(index)])


def take_height(widget: QWidget) -> None:
    """Let a widget that is docked have all of its dock's height.

    napari 0.9.0 lets none be higher than it asks for, so that what scrolls would scroll in a strip
    of an empty dock.

    Parameters
    ----------
    widget : QWidget
        Once napari has put it into its dock.
    """
    policy = widget.sizePolicy()
    if policy.verticalPolicy() == QSizePolicy.Policy.Maximum:
        policy.setVerticalPolicy(QSizePolicy.Policy.Preferred)
        widget.setSizePolicy(policy)


def docked(viewer: napari.viewer.Viewer, title: str) -> Any:
    """Return a form that is in the window already, or None.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose window.
    title : str
        What the manifest calls the form.
    """
    here = viewer.window.dock_widgets
    # napari's menus name it by the plugin's display name, its Python by the package.
    return here.get(_full_name(title), here.get(f"{title} ({_PLUGIN})"))


def open_dock(viewer: napari.viewer.Viewer, title: str, *, tabify: bool = False) -> Any:
    """Return a form, in front, and dock it first if need be.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose window.
    title : str
        What the manifest calls the form.
    tabify : bool, default: False
        Dock it behind the forms that are there.
    """
    widget = docked(viewer, title)
    if widget is None:
        manifest = PluginManager.instance().get_manifest(_PLUGIN)
        found = next(
            each for each in manifest.contributions.widgets or () if each.display_name == title
        )
        widget = found.get_callable()(viewer)
        # By the name that napari's own menus look for, so that they do not open another.
        viewer.window.add_dock_widget(widget, name=_full_name(title), tabify=tabify)
    dock = widget.native.parent()
    if dock is not None:
        dock.show()
        dock.raise_()
    _go_in(widget.native)
    return widget


def _go_in(form: QWidget) -> None:
    """Let the keyboard go on in a form that has been opened."""
    first = next(stops(form), None)
    if first is not None:
        first.setFocus()


def _full_name(title: str) -> str:
    return f"{title} ({PluginManager.instance().get_manifest(_PLUGIN).display_name})"
