"""Before means as the layers lay; moved is measured from there, in their units."""

import numpy as np
import pytest
from skimage import data
from skimage.transform import rescale

from napari_ecc_align._gui.runs.finished_run import FinishedRun

CAMERA = data.camera() / 255


def rows(widget):
    """Return the table as (before, after) by label."""
    return {row.label: (row.before, row.after) for row in widget.after.run.rows()}


def run(widget, finish):
    widget.run()
    finish(widget)
    return rows(widget)


@pytest.fixture
def form(viewer):
    """Two images of which a pixel is 0.5 and 0.25 micrometres wide, 1.5 micrometres apart."""
    viewer.add_image(CAMERA[100:260, 100:300], name="first", scale=(0.5, 0.5), units=("um",) * 2)
    moving = rescale(CAMERA[100:260, 103:303], 2, order=3)
    # The corners, not the centres, of the first pixels lie on each other.
    place = {"scale": (0.25, 0.25), "translate": (-0.125, -0.125), "units": ("um",) * 2}
    viewer.add_image(moving, name="second", **place)
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "similarity"
    return widget


def test_before_is_as_the_layers_lay_and_moved_is_in_their_units(form, viewer, finish):
    assert "(0.5 and 0.25 µm)" in form.plan.value
    found = run(form, finish)
    before, after = found["corners moved, µm (px)"]
    assert before == "0"
    assert float(after.split()[0]) == pytest.approx(1.5, abs=0.03)
    assert float(after.split()[1].strip("(")) == pytest.approx(6, abs=0.12)
    assert 0.5 < float(found["ECC"][0]) < float(found["ECC"][1])
    viewer.layers["second"].translate = (-0.125, -0.125 + 1.5)
    found = run(form, finish)
    assert float(found["IoU"][0]) == pytest.approx(float(found["IoU"][1]), abs=0.01)
    assert float(found["corners moved, µm (px)"][1].split()[0]) < 0.03
    assert float(found["ECC"][0]) > 0.99


def test_aligned_again_where_it_was_put_nothing_has_moved(widget, finish):
    widget.settings.output.value = "move"
    first = run(widget, finish)["corners moved, px"][1]
    again = run(widget, finish)
    assert float(first.split()[0]) > 2
    assert float(again["corners moved, px"][1].split()[0]) < 0.1
    for measure, close in (("IoU", 0.01), ("ECC", 0.002)):
        before, after = map(float, again[measure])
        assert before == pytest.approx(after, abs=close)
    assert widget.plan.value == "Starts from where the layers lie."


def test_a_film_has_drifted_from_where_it_lay(viewer, finish):
    frames = np.stack([CAMERA[100:260, 100 + x : 300 + x] for x in (3, 4, 5)])
    viewer.add_image(CAMERA[100:260, 100:300], name="first")
    viewer.add_image(frames, name="film", translate=(0, 0, 3))
    widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")[1]
    widget.model.value = "translation"
    widget.run()
    finish(widget)
    done: FinishedRun = widget.after.run
    assert np.allclose(done.drift()["x"], [0, -1, -2], atol=0.05)
    assert rows(widget)["ECC, median"][0] == ""
