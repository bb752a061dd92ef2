"""A form in its dock: how narrow it may be, and that it lets go of all when the dock is closed."""

import numpy as np
import pytest
from napari._qt.utils import combine_widgets
from napari.settings import get_settings
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QTabBar, QWidget

from napari_ecc_align._gui.shared.docks import TABS
from napari_ecc_align._gui.shared.keyboard import stops
from napari_ecc_align._gui.shared.narrow import be_narrow
from napari_ecc_align._gui.shared.rows import named_rows
from napari_ecc_align._gui.shared.scrolling import Scroll


def listeners(viewer):
    """Return how many callbacks each event of the viewer and of its layers has."""
    here = {"layers": viewer.layers, "dims": viewer.dims, "viewer": viewer}
    here |= {layer.name: layer for layer in viewer.layers}
    return {
        (name, event): len(emitter.callbacks)
        for name, one in here.items()
        for event, emitter in one.events.emitters.items()
        if emitter is not None
    }


def open_form(viewer, title):
    return viewer.window.add_plugin_dock_widget("napari-ecc-align", title)


TITLES = ["Align images", "Apply transform", "Compare binarised", "Align a dataset"]


@pytest.mark.both_bindings
@pytest.mark.parametrize("title", TITLES)
def test_a_closed_form_listens_to_nothing(viewer, qtbot, title):
    for name in ("first", "second"):
        viewer.add_image(np.eye(64), name=name)
    before, keys = listeners(viewer), dict(viewer.keymap)
    dock, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", title)
    if title != "Align a dataset":
        assert listeners(viewer) != before
    # As its cross does.
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: not isalive(form.native), timeout=120_000)
    assert listeners(viewer) == before
    assert dict(viewer.keymap) == keys
    viewer.add_image(np.eye(64), name="third")
    viewer.layers["first"].translate = (1, 1)


@pytest.mark.drawn
@pytest.mark.parametrize("title", TITLES)
def test_a_form_asks_for_little_room_whatever_layers_are_called(viewer, title):
    for letter in "ab":
        viewer.add_image(np.eye(64), name=letter * 90)
    dock, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", title)
    assert dock.minimumSizeHint().width() <= 260
    assert dock.minimumSizeHint().height() <= 610
    boxes = [box for box in form.native.findChildren(QComboBox) if box.currentText() == "a" * 90]
    assert all("a" * 90 in box.toolTip() for box in boxes)


def test_names_and_signs_of_folds_follow_font_and_theme(viewer, window, qtbot):
    _, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    qtbot.wait(50)
    fold = form.folds["Settings"]
    dark = fold.collapsedIcon().pixmap(16).toImage()
    get_settings().appearance.font_size = 18
    viewer.theme = "light"

    def roomy():
        for label, _ in named_rows(form.native):
            assert label.width() >= label.fontMetrics().horizontalAdvance(label.text())

    qtbot.waitUntil(lambda: fold.collapsedIcon().pixmap(16).toImage() != dark, timeout=120_000)
    qtbot.waitUntil(roomy, timeout=120_000)


@pytest.mark.both_bindings
def test_forms_are_tabs_and_the_menu_brings_one_forward(viewer, window, qtbot):
    for name in ("first", "second"):
        viewer.add_image(np.eye(64), name=name)
    docks, forms = zip(*(open_form(viewer, title) for title in TITLES[:2]), strict=True)
    main = viewer.window._qt_window
    qtbot.waitUntil(lambda: main.tabifiedDockWidgets(docks[0]) == [docks[1]], timeout=120_000)
    qtbot.waitUntil(lambda: docks[0].visibleRegion().isEmpty(), timeout=120_000)
    # Where no window is active, a window still knows what has the focus in it.
    assert main.focusWidget() is next(stops(forms[1].native))
    # As napari's menu does of a form that is open.
    docks[0].setVisible(not docks[0].isVisible())
    qtbot.waitUntil(lambda: not docks[0].visibleRegion().isEmpty(), timeout=120_000)
    docks[0].setVisible(not docks[0].isVisible())
    qtbot.wait(20)
    assert not docks[0].isVisible()
    docks[0].show()
    form = forms[0]
    pinned = form.native.layout()
    assert pinned.indexOf(form.pair.native) == 0
    get_settings().appearance.font_size = 18
    main.resize(1000, 600)
    main.resizeDocks([docks[0]], [280], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: pinned.indexOf(form.pair.native) < 0, timeout=120_000)
    assert next(stops(form.native)) is form.align_button.native
    get_settings().appearance.font_size = 9
    main.resize(1000, 800)
    qtbot.waitUntil(lambda: pinned.indexOf(form.pair.native) == 0, timeout=120_000)


@pytest.mark.both_bindings
def test_the_tabs_of_all_forms_can_be_read_in_large_letters(viewer, window, qtbot):
    assert list(TABS) == TITLES
    get_settings().appearance.font_size = 18
    docks = [open_form(viewer, title)[0] for title in TITLES]
    # By these napari finds them.
    assert set(viewer.window.dock_widgets) == {f"{title} (napari-ecc-align)" for title in TITLES}

    def bar():
        bars = viewer.window._qt_window.findChildren(QTabBar)
        return next((each for each in bars if each.isVisible() and each.count() == 4), None)

    def is_read(index):
        tabs = bar()
        if tabs is None:
            return False
        letters = tabs.fontMetrics().horizontalAdvance(tabs.tabText(index))
        place = tabs.tabRect(index)
        whole = tabs.elideMode() == Qt.TextElideMode.ElideNone and place.width() >= letters
        return whole and tabs.rect().contains(place)

    qtbot.waitUntil(lambda: bar() is not None, timeout=120_000)
    for dock, title in zip(docks, TITLES, strict=True):
        dock.raise_()
        tab = [bar().tabText(index) for index in range(4)].index(TABS[title])
        qtbot.waitUntil(lambda tab=tab: is_read(tab), timeout=120_000)
        assert bar().tabToolTip(tab) == f"{title} (napari-ecc-align)" == dock.accessibleName()
        assert bar().usesScrollButtons()


@pytest.mark.parametrize("title", TITLES)
def test_a_form_has_all_of_its_dock_where_napari_lets_it_ask_only(
    viewer, window, qtbot, monkeypatch, title
):
    def as_in_napari_0_9_0(widget, vertical):
        combined = combine_widgets(widget, vertical=vertical)
        combined.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        return combined

    docking = "napari._qt.widgets.qt_viewer_dock_widget.combine_widgets"
    monkeypatch.setattr(docking, as_in_napari_0_9_0)
    window.resize(1000, 900)
    dock, form = open_form(viewer, title)
    area = viewer.window._qt_window.centralWidget()
    qtbot.waitUntil(lambda: dock.height() >= area.height() > 600, timeout=120_000)
    assert form.native.height() > 0.9 * dock.height()


@pytest.mark.drawn
def test_a_narrow_dataset_form_shows_names_of_pairs_and_ends_of_paths(viewer, window, qtbot):
    dock, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align a dataset")
    viewer.window._qt_window.resizeDocks([dock], [260], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    letter = form.table.fontMetrics().averageCharWidth()
    assert form.table.columnWidth(0) >= 15 * letter
    for box in (form.folders.reference, form.folders.moving, form.folders.out):
        assert box.line_edit.native.width() >= 12 * letter


@pytest.mark.both_bindings
def test_every_control_of_every_dock_is_named_and_reached_in_order_at_any_font(
    viewer, window, qtbot
):
    get_settings().appearance.font_size = 18
    for name in ("first", "second"):
        viewer.add_image(np.eye(64), name=name)
    for title in TITLES:
        dock, form = viewer.window.add_plugin_dock_widget("napari-ecc-align", title)
        qtbot.wait(50)
        assert dock.minimumSizeHint().width() <= 260
        # What is folded away counts, too.
        controls = list(stops(form.native))
        assert len(controls) > 5
        for control in controls:
            assert control.accessibleName() and control.accessibleDescription()
            assert "&" not in control.accessibleName()
        for label, named in named_rows(form.native):
            assert label.buddy() is named or named.isAncestorOf(label.buddy())
        here = controls[0]
        for control in controls[1:]:
            here = here.nextInFocusChain()
            while here not in controls:
                here = here.nextInFocusChain()
            assert here is control
        viewer.window.remove_dock_widget(dock)
        form.native.deleteLater()


@pytest.mark.both_bindings
@pytest.mark.parametrize("title", TITLES)
def test_no_form_scrolls_to_the_side_in_a_narrow_dock_and_a_large_font(pair, window, qtbot, title):
    get_settings().appearance.font_size = 18
    widget = pair.window.add_plugin_dock_widget("napari-ecc-align", title)[1]
    scrolls = widget.native.findChildren(Scroll)
    assert scrolls

    def fits():
        return all(each.widget().minimumSizeHint().width() <= 245 for each in scrolls)

    # A dock of 280 px leaves it beside its own edges and a bar that scrolls.
    qtbot.waitUntil(fits, timeout=20_000)


def test_what_stands_beside_a_checkbox_takes_the_lines_that_it_needs(qtbot):
    form = QWidget()
    check = QCheckBox("only those that somebody has to look at", form)
    qtbot.addWidget(form)
    be_narrow(form)
    form.show()
    for width, lines in ((900, 1), (200, 2), (900, 1)):
        check.resize(width, 80)
        assert len(check.text().splitlines()) >= lines
        assert check.sizeHint().width() <= width
    assert check.text() == "only those that somebody has to look at"


@pytest.mark.both_bindings
def test_a_form_gets_low_rather_than_the_window_high(viewer, window, qtbot):
    get_settings().appearance.font_size = 18
    for name in ("first", "second"):
        viewer.add_image(np.zeros((20, 64, 64)), name=name, axis_labels=("z", "y", "x"))
    main = viewer.window._qt_window
    main.resize(1280, 780)
    docks = [open_form(viewer, title)[0] for title in TITLES[:1]]
    qtbot.wait(100)
    assert docks[0].minimumSizeHint().height() <= 230
    # As a script does, before any becomes a tab beside the others.
    docks += [open_form(viewer, title)[0] for title in TITLES[1:]]
    qtbot.waitUntil(lambda: len(main.tabifiedDockWidgets(docks[0])) == 3, timeout=120_000)
    assert main.height() <= 780 and main.width() <= 1280
