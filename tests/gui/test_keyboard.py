"""By the keyboard alone: the command palette, Tab, Return, Escape and the keys of the buttons."""

import pytest
from napari._app_model import get_app_model
from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QTextBrowser, QWidget

from napari_ecc_align._gui.shared.docks import docked
from napari_ecc_align._gui.shared.keyboard import stops

PLUGIN = "napari-ecc-align"
WIDGETS = ("Align images", "Apply transform", "Compare binarised", "Align a dataset")


def manifest():
    return PluginManager.instance().get_manifest(PLUGIN)


def palette(viewer):
    """Return the commands of the plugin that napari's palette offers, by the words it shows."""
    offered = viewer.window._qt_window._command_palette._list.all_commands
    return {command.title: command.id for command in offered if command.id.startswith(PLUGIN)}


def from_palette(viewer, text, title=""):
    """Type into the palette and press Return, as a person does; choose by the title if given."""
    box = viewer.window._qt_window._command_palette
    box.update_context(viewer.window._qt_window)
    box.show()
    box._line.setText(text)
    QApplication.processEvents()
    row = 0
    while title and box._list.command_at(row).title != f"{title} (ECC Align)":
        row += 1
    assert PLUGIN in box._list.command_at(row).id
    box._list.execute(row)
    box.hide()


def test_every_command_is_in_the_palette_by_a_title_that_says_what_it_does(viewer):
    offered = palette(viewer)
    samples = {each.command: each.display_name for each in manifest().contributions.sample_data}
    others = {each.id for each in manifest().contributions.commands} - samples.keys()
    assert others <= set(offered.values())
    assert set(samples.values()) <= {title.partition(" (ECC Align)")[0] for title in offered}
    assert len(offered) == len(others) + len(samples)
    for title in (
        "Align images (ECC Align)",
        "Apply transform (ECC Align)",
        "Compare binarised (ECC Align)",
        "Align a dataset (ECC Align)",
        "Align now, as the form is set (ECC Align)",
        "Judge whether two images lie right as they are (ECC Align)",
        "Cancel the alignment (ECC Align)",
        "Undo the last alignment (ECC Align)",
        "Blink reference and aligned image (ECC Align)",
        "Apply the transform to other layers (ECC Align)",
        "Save the transform that was found (ECC Align)",
        "Copy the last alignment as Python (ECC Align)",
        "Drag the moving image into place (ECC Align)",
        "Help on aligning images (ECC Align)",
    ):
        assert title in offered
    registered = get_app_model().commands
    assert all(command in registered for command in offered.values())


@pytest.mark.both_bindings
@pytest.mark.parametrize("title", WIDGETS)
def test_the_palette_opens_each_form(viewer, title):
    from_palette(viewer, title.lower(), title)
    declared = {each.display_name: each for each in manifest().contributions.widgets}
    assert tuple(declared) == WIDGETS
    assert isinstance(docked(viewer, title), declared[title].get_callable())


def test_a_whole_session_from_the_palette(pair, finish, monkeypatch, tmp_path):
    from_palette(pair, "align now")
    form = docked(pair, "Align images")
    finish(form)
    assert "Aligned" in form.after.results.verdict.value
    from_palette(pair, "ecc blink")
    assert form.after.next.blink.value
    from_palette(pair, "ecc blink")
    assert not form.after.next.blink.value
    path = tmp_path / "found.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    from_palette(pair, "ecc save")
    assert path.exists()
    from_palette(pair, "ecc other layers")
    assert docked(pair, "Apply transform").source.value == "second onto first"
    from_palette(pair, "ecc undo")
    assert [layer.name for layer in pair.layers] == ["first", "second"]
    from_palette(pair, "ecc drag")
    assert pair.layers["second"].mode == "transform"


@pytest.mark.parametrize("wish", ["undo", "blink", "save", "copy the last"])
def test_the_palette_says_when_there_is_nothing_to_do(viewer, wish):
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    from_palette(viewer, f"ecc {wish}")
    assert "align two images first" in notification_manager.records[-1].message


def test_a_form_is_there_once_however_it_is_opened(pair, finish):
    from_palette(pair, "align images", "Align images")
    form = docked(pair, "Align images")
    form.run()
    finish(form)
    form.after.next.apply.native.click()
    get_app_model().commands.execute_command(f"{PLUGIN}.apply_to_layers")
    names = [name for name in pair.window.dock_widgets if "Apply" in name]
    assert names == ["Apply transform (ECC Align)"]


@pytest.fixture
def keys(viewer, widget, window, qtbot):
    """A form that keys go to, as they do to a window on the screen only."""

    def active():
        window.activateWindow()
        return window.isActiveWindow()

    qtbot.waitUntil(active, timeout=120_000)
    # So high that nothing of the form is moved into what scrolls.
    size = window.size()
    window.resize(size.width(), 1000)
    qtbot.waitUntil(lambda: widget.native.height() > 400, timeout=120_000)
    yield viewer, widget
    window.resize(size)


def focus_on(widget):
    widget.setFocus()
    assert QApplication.focusWidget() is widget


@pytest.mark.both_bindings
def test_tab_goes_from_top_to_bottom(keys, qtbot):
    _, widget = keys
    seen = []
    stop = widget.pair.reference.native
    focus_on(stop)
    for _ in range(9):
        seen.append(stop)
        qtbot.keyClick(stop, Qt.Key.Key_Tab)
        stop = QApplication.focusWidget()
    shown = [box for box in widget.pair if box is not widget.pair.selected]
    expected = (*shown, widget.align_button, widget.judge_button)
    assert seen[:5] == [box.native for box in expected]
    # Then the two folds and the help, for all else is out of sight.
    tops = [each.mapTo(widget.native, each.rect().topLeft()).y() for each in seen[:8]]
    assert tops == sorted(tops)
    assert widget.help.native is seen[7]


def test_tab_reaches_what_is_unfolded_in_its_place(keys, qtbot):
    _, widget = keys
    widget.folds["Settings"].expand(animate=False)
    stop, seen = widget.align_button.native, []
    focus_on(stop)
    for _ in range(14):
        qtbot.keyClick(stop, Qt.Key.Key_Tab)
        stop = QApplication.focusWidget()
        seen.append(stop)
    assert widget.settings.output.native in seen
    wanted = [
        widget.settings.output.native,
        widget.settings.interpolation.native,
        widget.settings.difference.native,
        widget.settings.threshold.method.native,
        widget.settings.engine.native,
        widget.settings.representation.native,
        widget.settings.precision.native,
        widget.settings.iterations.native,
        widget.settings.epsilon.native,
        widget.settings.mirrored.native,
    ]
    start = seen.index(wanted[0])
    assert seen[start : start + len(wanted)] == wanted


@pytest.mark.both_bindings
def test_return_aligns_and_escape_cancels(keys, qtbot, finish):
    viewer, widget = keys
    for start in (widget.pair.moving.native, widget.model.native):
        focus_on(start)
        qtbot.keyClick(start, Qt.Key.Key_Return)
        assert widget.running
        qtbot.keyClick(start, Qt.Key.Key_Escape)
        finish(widget)
        assert "Cancelled" in widget.after.results.verdict.value
    assert len(viewer.layers) == 2
    qtbot.keyClick(start, Qt.Key.Key_Enter)
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value


def test_return_in_a_number_takes_what_was_typed(keys, qtbot, finish):
    _, widget = keys
    widget.folds["Settings"].expand(animate=False)
    box = widget.settings.iterations.native
    focus_on(box)
    box.selectAll()
    qtbot.keyClicks(box, "37")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    finish(widget)
    assert widget.after.run.task.parameters.search.max_iterations == 37


@pytest.mark.both_bindings
def test_return_on_a_button_presses_that_button(keys, qtbot, finish):
    viewer, widget = keys
    widget.run()
    finish(widget)
    undo = widget.after.next.undo.native
    focus_on(undo)
    qtbot.keyClick(undo, Qt.Key.Key_Return)
    assert len(viewer.layers) == 2
    assert not widget.running
    # There is something to look at in napari's controls, and a way back under the keyboard.
    assert viewer.layers.selection.active is viewer.layers["second"]
    redo = widget.after.next.redo.native
    assert viewer.window._qt_window.focusWidget() is redo
    qtbot.keyClick(redo, Qt.Key.Key_Return)
    assert len(viewer.layers) > 2
    assert viewer.window._qt_window.focusWidget() is undo


def test_escape_is_left_alone_while_nothing_runs(keys, qtbot):
    _, widget = keys
    focus_on(widget.model.native)
    qtbot.keyClick(widget.model.native, Qt.Key.Key_Escape)
    assert widget.after.results.verdict.value == ""


def test_the_keys_of_the_buttons(keys, qtbot, finish):
    viewer, widget = keys
    window = viewer.window._qt_window
    focus_on(widget.model.native)
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(widget.model.native, Qt.Key.Key_A, alt)
    # Qt lets the button be seen to go down.
    qtbot.waitUntil(lambda: widget.running, timeout=120_000)
    finish(widget)
    assert "Aligned" in widget.after.results.verdict.value
    clipboard = QApplication.clipboard()
    clipboard.setText("")
    qtbot.keyClick(widget.model.native, Qt.Key.Key_Y, alt)
    qtbot.waitUntil(lambda: "align(" in clipboard.text(), timeout=120_000)
    for start in (widget.model.native, window._qt_viewer.canvas.native):
        for expected in (True, False):
            focus_on(start)
            qtbot.keyClick(start, Qt.Key.Key_B, alt)
            assert widget.after.next.blink.value is expected
    focus_on(widget.model.native)
    qtbot.keyClick(widget.model.native, Qt.Key.Key_U, alt)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=120_000)


def test_every_key_is_told_by_a_tooltip(widget):
    following = widget.after.next
    told = {
        widget.align_button: "Return or Alt+A",
        widget.cancel_button: "Escape",
        following.blink: "Alt+B",
        following.apply: "Alt+T",
        following.save: "Alt+O",
        following.copy: "Alt+Y",
        following.undo: "Alt+U",
    }
    for button, key in told.items():
        assert key in button.tooltip
        mnemonic = key.rpartition("Alt+")[2].lower()
        if "Alt+" in key and button is not following.blink:
            assert f"&{mnemonic}" in button.text.lower()


@pytest.mark.both_bindings
def test_compare_and_apply_by_return(keys, qtbot, finish):
    viewer, widget = keys
    widget.align_button.native.setFocus()
    widget.align_button.native.click()
    finish(widget)
    # It was disabled meanwhile, and Qt had moved the focus on.
    assert viewer.window._qt_window.focusWidget() is widget.align_button.native
    compare = viewer.window.add_plugin_dock_widget(PLUGIN, "Compare binarised", tabify=True)[1]
    qtbot.keyClick(compare.settings.method.native, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not compare.running, timeout=120_000)
    assert "IoU" in compare.results.value
    apply = viewer.window.add_plugin_dock_widget(PLUGIN, "Apply transform", tabify=True)[1]
    apply.layers.value = [viewer.layers["second"]]
    qtbot.keyClick(apply.source.native, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not apply.running, timeout=120_000)
    assert "1 layer added" in apply.message.value


def test_no_key_is_one_of_napari_s_own(keys):
    viewer, widget = keys
    window = viewer.window._qt_window
    own = {
        action.shortcut().toString()
        for each in QApplication.allWidgets()
        for action in each.actions()
    }
    menus = {f"Alt+{action.text().partition('&')[2][:1]}" for action in window.menuBar().actions()}
    ours = [each.native.shortcut().toString() for each in (widget.align_button, widget.help)]
    following = widget.after.next
    ours += [
        each.native.shortcut().toString()
        for each in (*following.needing_a_transform, following.undo)
    ]
    ours = [key for key in ours if key] + ["Alt+B"]
    assert len(set(ours)) == len(ours) == 6
    assert not {*ours} & (own | menus)


@pytest.mark.both_bindings
def test_what_the_keyboard_comes_to_from_outside_is_scrolled_into_sight(pair, window, qtbot):
    """Qt does so by itself only where the key is pressed inside the part that scrolls."""
    window.resize(1000, 600)
    form = pair.window.add_plugin_dock_widget(PLUGIN, "Align images")[1]
    for fold in form.folds.values():
        fold.expand(animate=False)
    window.activateWindow()
    bar = form._scroll.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100, timeout=60_000)
    bar.setValue(bar.maximum())
    first = next(stops(form._scroll.widget()))
    assert first.visibleRegion().isEmpty()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: first.visibleRegion().boundingRect().height() == first.height())
    assert QApplication.focusWidget() is first


@pytest.mark.both_bindings
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("title", WIDGETS)
def test_what_has_the_focus_can_be_seen(pair, window, qtbot, title, theme):
    pair.theme = theme
    form = pair.window.add_plugin_dock_widget(PLUGIN, title)[1].native
    window.activateWindow()
    QApplication.processEvents()
    controls = [each for each in stops(form) if each.isVisible() and each.isEnabled()]
    assert len(controls) > 4
    for control in controls:
        control.clearFocus()
        QApplication.processEvents()
        around = control.parentWidget()
        before = around.grab(control.geometry()).toImage()
        control.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.waitUntil(control.hasFocus)
        QApplication.processEvents()
        after = around.grab(control.geometry()).toImage()
        y = after.height() // 2
        # A line down its left edge, which differs from what was there as much as text does.
        gaps = [
            abs(after.pixelColor(x, y).lightness() - before.pixelColor(x, y).lightness())
            for x in range(2)
        ]
        assert max(gaps) > 60, control.accessibleName()
    rings = [each for each in form.findChildren(QWidget) if type(each).__name__ == "_Ring"]
    assert len([ring for ring in rings if ring.isVisible()]) == 1


@pytest.mark.both_bindings
def test_the_help_is_read_and_closed_by_keys(widget, window, qtbot):
    window.activateWindow()
    widget.help.native.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(widget.help.native.hasFocus)
    qtbot.keyClick(widget.help.native, Qt.Key.Key_Space)
    browser = widget.native.findChild(QTextBrowser)
    qtbot.waitUntil(lambda: browser.hasFocus() and browser.verticalScrollBar().maximum() > 0)
    qtbot.keyClick(browser, Qt.Key.Key_PageDown)
    assert browser.verticalScrollBar().value() > 0
    qtbot.keyClick(browser, Qt.Key.Key_Escape)
    assert not browser.isVisible()
    qtbot.waitUntil(widget.help.native.hasFocus)
