"""What is chosen in a box, stands on a button or over a dock is read whole, or cut with a sign."""

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_ecc_align._gui.shared.docks import TABS
from napari_ecc_align._gui.shared.fitted import ElidedBox, WrappedButton
from napari_ecc_align._gui.shared.ready import make_ready
from napari_ecc_align._gui.shared.scrolling import Scroll

LONG = "w-38_p001_gray onto w-38_p001_ideal"


@pytest.fixture
def form(qtbot):
    """A form with a name and a box in a row, and below it a button."""
    made = QWidget()
    beside = QWidget(made)
    row = QHBoxLayout(beside)
    row.addWidget(QLabel("transform", beside))
    box = QComboBox(beside)
    box.addItems(["short", "onto it, again", LONG])
    row.addWidget(box)
    QPushButton("Take &smooth all the same", made)
    make_ready(made)
    qtbot.addWidget(made)
    made.show()
    return made


def same(one, other):
    return one.toImage() == other.toImage()


def test_a_choice_that_is_too_long_shows_its_ends(form):
    box = form.findChild(QComboBox)
    shown = box.findChild(ElidedBox)
    plain = QComboBox(form)
    plain.addItems([LONG])
    plain.show()
    box.setCurrentIndex(2)
    for width in (180, 120):
        box.resize(width, 30)
        assert shown.shown.startswith("w-3") and shown.shown.endswith("al")
        assert "…" in shown.shown and len(shown.shown) < len(LONG)
        # It is drawn so: what is cut without a sign looks otherwise.
        plain.resize(box.size())
        drawn = box.grab()
        plain.setItemText(0, LONG)
        assert not same(drawn, plain.grab())
        plain.setItemText(0, shown.shown)
        assert same(drawn, plain.grab())
    assert box.currentText() == LONG and LONG in box.toolTip()
    box.resize(900, 30)
    assert shown.shown == LONG
    box.setCurrentIndex(0)
    box.resize(90, 30)
    assert shown.shown == "short"


def test_a_name_stands_above_a_choice_that_would_not_be_read_beside_it(form, qtbot):
    box = form.findChild(QComboBox)
    row = box.parentWidget()
    letter = box.fontMetrics().averageCharWidth()
    beside = row.findChild(QLabel).sizeHint().width() + row.layout().spacing()
    row.resize(beside + 19 * letter, 80)
    label = row.findChild(QLabel)
    for at, above in ((0, False), (2, True), (0, False)):
        box.setCurrentIndex(at)

        def stands(above=above):
            assert (label.geometry().bottom() < box.geometry().top()) == above

        qtbot.waitUntil(stands, timeout=20_000)


def test_a_button_takes_the_lines_that_it_needs(form):
    button = form.findChild(QPushButton)
    shown = button.findChild(WrappedButton)
    one = button.sizeHint()
    button.resize(one)
    assert shown.shown == button.text() and button.minimumHeight() == 0
    drawn = button.grab()
    button.resize(one.width() * 2 // 3, one.height() * 3)
    assert shown.shown.count("\n") == 1
    assert shown.shown.split() == button.text().split()
    assert button.minimumHeight() > one.height()
    assert button.minimumWidth() < one.width() * 2 // 3
    plain = QPushButton(shown.shown, form)
    plain.show()
    plain.resize(button.size())
    assert same(button.grab(), plain.grab())
    # Another text, another need.
    button.setText("Try")
    button.grab()
    assert "\n" not in shown.shown and button.minimumHeight() == 0
    button.setText("Take &smooth all the same")
    button.resize(one)
    assert same(button.grab(), drawn)


@pytest.mark.both_bindings
def test_the_longest_next_step_is_no_wider_than_a_narrow_dock(pair, window, qtbot):
    get_settings().appearance.font_size = 18
    dock, widget = pair.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    pair.window._qt_window.resizeDocks([dock], [280], Qt.Orientation.Horizontal)
    steps = widget.steps
    steps.visible = steps.freer.visible = steps.edges.visible = True
    steps.freer.text = "Take smooth all the same"
    widget.after.next.visible = True
    widget.after.next.save.text = "Save transf&orms…"
    (scroll,) = widget.native.findChildren(Scroll)

    def fits():
        assert scroll.widget().minimumSizeHint().width() <= 245
        assert steps.freer.native.width() <= 262
        assert steps.freer.native.findChild(WrappedButton).shown.count("\n") == 1

    qtbot.waitUntil(fits, timeout=20_000)


@pytest.mark.both_bindings
def test_the_title_of_a_dock_is_as_short_as_it_must_be(viewer, window, qtbot):
    viewer.add_image(np.eye(64), name="first")
    dock, _ = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Compare binarised")
    full = "Compare binarised (napari-ecc-align)"

    def says(text):
        def whole():
            title = dock.titleBarWidget().findChild(QLabel)
            assert title.text() == text and title.toolTip() == full
            # A gap is left at the edge.
            assert title.geometry().right() < dock.titleBarWidget().width() - 4
            assert title.width() >= title.fontMetrics().horizontalAdvance(text)

        qtbot.waitUntil(whole, timeout=20_000)

    main = viewer.window._qt_window
    main.resize(1280, 800)
    for width, text in ((600, full), (260, "Compare binarised"), (600, full)):
        main.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        says(text)
    get_settings().appearance.font_size = 18
    main.resizeDocks([dock], [260], Qt.Orientation.Horizontal)
    says(TABS["Compare binarised"])
