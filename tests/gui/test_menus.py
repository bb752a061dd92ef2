"""Where napari offers what the plugin has."""

import pytest
from npe2 import PluginManager
from results import result

from napari_ecc_align._gui.demo import open_demo
from napari_ecc_align._images.samples import sample_names


@pytest.mark.parametrize(
    ("menu", "command"),
    [
        ("napari/layers/register", "napari-ecc-align.align"),
        ("napari/layers/register", "napari-ecc-align.dataset"),
        ("napari/layers/transform", "napari-ecc-align.apply"),
        ("napari/layers/measure", "napari-ecc-align.compare"),
    ],
)
def test_the_layers_menu_offers_the_widgets(viewer, menu, command):
    items = list(PluginManager.instance().iter_menu(menu))
    assert command in [item.command for item in items]


def test_the_plugins_menu_offers_the_widget(viewer):
    widgets = PluginManager.instance().get_manifest("napari-ecc-align").contributions.widgets
    assert [widget.display_name for widget in widgets] == [
        "Align images",
        "Apply transform",
        "Compare binarised",
        "Align a dataset",
    ]


@pytest.mark.parametrize("name", sample_names())
def test_open_sample_gives_a_pair_that_is_chosen(viewer, name):
    viewer.open_sample("napari-ecc-align", name)
    assert len(viewer.layers) >= 2
    assert [layer.visible for layer in viewer.layers][:2] == [True, True]
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    assert widget.pair.reference.value == viewer.layers[0]
    assert widget.pair.moving.value == viewer.layers[1]
    assert viewer.layers[0].metadata["source"]


def test_the_demo_opens_aligned(viewer, finish, monkeypatch):
    monkeypatch.setattr("napari.Viewer", lambda **_: viewer)
    _, widget = open_demo("lung")
    finish(widget)
    # Tissue bends.
    assert "Doubtful" in widget.after.results.verdict.value
    assert result(viewer, "difference") is not None
