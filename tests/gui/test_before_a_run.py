"""What the form says and remembers before anything runs, and what is seen while it does."""

import re

import numpy as np
import pytest
from qtpy.QtGui import QTextCursor
from qtpy.QtWidgets import QTextBrowser
from skimage import data

from napari_ecc_align._align.progress import FrameProgress, Progress
from napari_ecc_align._gui.align import widget as form
from napari_ecc_align._gui.align.controls import name_stage
from napari_ecc_align._gui.shared.help_window import _links, docs_folder

PLUGIN = "napari-ecc-align"


def open_form(viewer):
    return viewer.window.add_plugin_dock_widget(PLUGIN, "Align images")[1]


def test_nothing_is_said_of_a_plain_pair(widget):
    assert not widget.plan.visible
    assert not widget.cancel_button.visible
    assert not widget.after.next.visible


def test_two_layers_that_are_selected_are_chosen_and_compared_step_by_step(
    pair, finish, steps_taken
):
    viewer = pair
    zero = viewer.add_image(np.zeros((50, 50)), name="zero")
    viewer.layers.move(2, 0)
    first, second = viewer.layers["first"], viewer.layers["second"]
    viewer.layers.selection = {second, first}
    widget = open_form(viewer)
    assert (widget.pair.reference.value, widget.pair.moving.value) == (first, second)
    assert not widget.pair.selected.visible
    viewer.layers.selection = {zero, second}
    assert widget.pair.selected.native.isVisibleTo(widget.native)
    widget.pair.selected.native.click()
    assert (widget.pair.reference.value, widget.pair.moving.value) == (zero, second)
    assert not widget.pair.selected.visible
    widget.pair.choose(first.unique_id, second.unique_id)
    widget.run()
    finish(widget)
    # The bar does not stand at its end while the two are compared.
    shares = [step.fraction for step in steps_taken if step.stage == "comparing"]
    assert shares == sorted(set(shares))
    assert len(shares) > 4
    assert shares[0] < 0.8


def test_pixel_sizes_that_differ_are_told_of(viewer):
    viewer.add_image(np.zeros((50, 50)), scale=(0.5, 0.5), units="um")
    viewer.add_image(np.zeros((50, 50)), scale=(400, 400), units="nm")
    widget = open_form(viewer)
    assert "0.5 and 0.4" in widget.plan.value
    viewer.layers[1].scale = (500, 500)
    widget.pair.moving.value, widget.pair.moving.value = None, viewer.layers[1]
    assert "pixel sizes" not in widget.plan.value


def test_one_layer_chosen_twice_is_told_of_before_align_is_pressed(widget, pair):
    widget.pair.reference.value = pair.layers["second"]
    assert widget.plan.native.isVisibleTo(widget.native)
    assert widget.plan.value == "Reference and moving are one layer; choose two."
    widget.pair.moving.value = pair.layers["first"]
    assert not widget.plan.native.isVisibleTo(widget.native)


def test_colour_is_told_of(viewer):
    viewer.add_image(data.astronaut(), name="colour")
    viewer.add_image(data.camera(), name="gray")
    assert "Colour: the reference is compared" in open_form(viewer).plan.value


def test_units_that_cannot_be_compared_are_told_of(viewer):
    viewer.add_image(np.zeros((50, 50)), units="um")
    viewer.add_image(np.zeros((50, 50)))
    assert "pixel" in open_form(viewer).plan.value


def test_choices_survive_a_restart(viewer, start_over, settings_file):
    from napari import settings

    widget = open_form(viewer)
    widget.model.value = "translation"
    widget.settings.threshold.method.value = "li"
    widget.settings.precision.value = "0.05"
    assert "translation" in settings_file.read_text()
    # What a new process begins with: nothing but the file.
    settings._clear_plugin_settings_cache()
    start_over()
    again = open_form(viewer)
    assert again.model.value == "translation"
    assert again.settings.threshold.method.value == "li"
    assert again.parameters().search.precision == 0.05


def test_a_spoilt_settings_file_does_no_harm(viewer, settings_file):
    settings_file.parent.mkdir(parents=True)
    settings_file.write_text("align:\n  model: sideways\n  iterations: many\n")
    widget = open_form(viewer)
    assert widget.model.value == "affine"


def test_half_a_number_is_not_kept(viewer, start_over):
    widget = open_form(viewer)
    widget.settings.epsilon.native.setText("1e-")
    start_over()
    assert open_form(viewer).settings.epsilon.value == 1e-7


def test_the_moving_image_is_seen_to_move_and_is_put_back(widget, viewer, finish, known):
    moving = viewer.layers["second"]
    before, seen = moving.affine.affine_matrix.copy(), []
    x, y = known.truth.to_moving((30.0, 40.0))
    # That is no placement to tell of.
    widget.plan.changed.connect(lambda said: pytest.fail(said))
    moving.events.affine.connect(lambda: seen.append(moving.data_to_world((y, x))))
    moving.events.affine.connect(lambda: widget._tell_plan())
    widget.run()
    finish(widget)
    assert np.allclose(seen[0], (40, 30), atol=1)
    assert np.array_equal(moving.affine.affine_matrix, before)


def test_a_tilt_is_seen_as_what_an_affine_can_show_of_it(widget, viewer, finish):
    widget.model.value = "homography"
    seen = []
    viewer.layers["second"].events.affine.connect(lambda: seen.append(1))
    widget.run()
    finish(widget)
    assert seen


def shown(moving):
    """Return what counts how often a layer is put somewhere."""
    seen = []
    moving.events.affine.connect(lambda: seen.append(moving.affine.affine_matrix))
    return seen


def test_a_cancelled_layer_is_where_it_was(widget, viewer, held, qtbot, finish):
    moving = viewer.layers["second"]
    before, seen = moving.affine.affine_matrix.copy(), shown(moving)
    widget.run()
    qtbot.waitUntil(lambda: bool(seen), timeout=120_000)
    widget.cancel()
    held.release()
    finish(widget)
    assert "Cancelled" in widget.after.results.verdict.value
    assert np.array_equal(moving.affine.affine_matrix, before)
    assert len(viewer.layers) == 2


def test_a_layer_that_a_person_moves_meanwhile_stays_there(
    widget, viewer, held, steps_taken, qtbot, finish
):
    moving = viewer.layers["second"]
    seen = shown(moving)
    widget.run()
    qtbot.waitUntil(lambda: bool(seen), timeout=120_000)
    moving.affine = [[1, 0, 77], [0, 1, 0], [0, 0, 1]]
    put, taken = len(seen), len(steps_taken)
    held.release(3)
    qtbot.waitUntil(lambda: len(steps_taken) >= taken + 3, timeout=120_000)
    assert any(step.transform is not None for step in steps_taken[taken:])
    widget.cancel()
    held.release()
    finish(widget)
    assert moving.affine.affine_matrix[0, 2] == 77
    assert len(seen) == put


def test_the_bar_says_what_is_being_done(widget, held, qtbot, finish):
    widget.run()
    qtbot.waitUntil(lambda: widget.progress.native.format() != "%p%", timeout=120_000)
    said = widget.progress.native.format()
    widget.cancel()
    held.release()
    finish(widget)
    # A busy machine may look at the bar only once the place is found.
    stages = ("reading", "preparing", "identity", "phase", "rotation", "comparing")
    assert any(stage in said for stage in stages)
    bar = widget.progress.native
    name_stage(widget.progress, "frame 5 of 5: initial, full resolution, ECC 0.935" * 3)
    assert bar.format().endswith("…  %p%")
    assert bar.fontMetrics().horizontalAdvance(bar.format()) <= bar.width()


def test_the_bar_does_not_tell_of_every_frame(widget, monkeypatch):
    steps = (
        (0.0, FrameProgress(0.3, "a frame"), 300),
        (1e9, FrameProgress(0.6, "a frame"), 300),
        (0.0, FrameProgress(0.6, "a frame"), 600),
        (1e9, Progress(0.9, "something else"), 900),
    )
    for seconds, step, shown in steps:
        monkeypatch.setattr(form, "BAR_INTERVAL", seconds)
        widget._advance(step)
        assert widget.progress.value == shown


@pytest.mark.both_bindings
def test_the_help_opens_its_page(widget):
    widget.help.native.click()

    browser = widget.native.findChild(QTextBrowser)
    assert "Align" in browser.toPlainText()
    # At any width no picture is cut off.
    assert browser.horizontalScrollBar().maximum() == 0
    assert not browser.geometry().contains(
        widget.native.mapToGlobal(widget.native.rect().center())
    )
    browser.close()


def test_the_help_is_installed_with_its_pictures():
    pages = list(docs_folder().glob("*.md"))
    assert pages
    for page in pages:
        for link in _local_links(page.read_text()):
            assert (docs_folder() / link).exists(), (page.name, link)


def _local_links(text):
    found = re.findall(r"\]\(([^)#\s]+)", text)
    return [link for link in found if not link.startswith(("http", "../"))]


@pytest.mark.both_bindings
def test_a_small_window_scrolls_and_keeps_the_button_in_sight(viewer, window, qtbot, finish):
    image = data.camera()[:200, :220]
    viewer.add_image(image, name="one")
    viewer.add_image(np.roll(image, 2, axis=0), name="two")
    widget = open_form(viewer)
    window.resize(1000, 620)
    for fold in widget.folds.values():
        fold.expand(animate=False)
    widget.run()
    finish(widget)
    table = widget.after.results.native
    qtbot.waitUntil(lambda: not table.visibleRegion().isEmpty(), timeout=120_000)
    assert window.height() <= 640
    button = widget.align_button.native
    assert button.visibleRegion().boundingRect().height() == button.height()


@pytest.mark.parametrize("start", ["otsu", "sauvola"])
def test_rows_that_come_later_have_room(viewer, window, qtbot, start):
    widget = open_form(viewer)
    threshold = widget.settings.threshold
    threshold.method.value = start
    for fold in widget.folds.values():
        fold.expand(animate=False)
    threshold.method.value = "sauvola"
    widget.where.start.value = "point pairs"
    for row in (threshold.window, threshold.k, widget.where.reference_points):
        qtbot.waitUntil(
            lambda row=row: row.native.height() >= row.native.minimumSizeHint().height(),
            timeout=120_000,
        )
    # What is folded away is not reached by Tab either.
    widget.folds["Settings"].collapse(animate=False)
    assert not threshold.window.native.isVisible()


@pytest.mark.both_bindings
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_links_of_the_help_can_be_read(viewer, widget, qtbot, theme):
    viewer.theme = theme
    widget.help.native.click()
    browser = widget.native.findChild(QTextBrowser)
    qtbot.waitUntil(lambda: not browser._again.isActive())
    links = _links(browser.document())
    assert len(links) > 5
    ground = browser.viewport().grab().toImage().pixelColor(1, 1)
    for start, _ in links:
        cursor = QTextCursor(browser.document())
        cursor.setPosition(start + 1)
        lights = sorted((luminance(cursor.charFormat().foreground().color()), luminance(ground)))
        # What WCAG asks for of text.
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def luminance(colour):
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = np.array(colour.getRgbF()[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
