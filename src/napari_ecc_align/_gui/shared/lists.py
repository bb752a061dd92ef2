"""Lists of names that begin alike and differ at their ends."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QSize, Qt
from qtpy.QtWidgets import QListWidget, QStyledItemDelegate, QStyleOptionViewItem


class _AsWideAsTheList(QStyledItemDelegate):
    """Asks for no width of its own: Qt elides only what has less than it asks for."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return the height that a line needs."""
        return QSize(1, super().sizeHint(option, index).height())


def elide_middle(listed: QListWidget) -> None:
    """Show the beginning and the end of every name in a list, and no bar to scroll sideways."""
    listed.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    listed.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    listed.setItemDelegate(_AsWideAsTheList(listed))


def tell_in_tooltips(listed: QListWidget) -> None:
    """Let every name in a list stand in full in its tooltip."""
    for row in range(listed.count()):
        item = listed.item(row)
        if item is not None:
            item.setToolTip(item.text())
