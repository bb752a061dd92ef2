"""A viewer with a pair in it, and the widget as a person gets it from the menu."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_ecc_align._gui.align.widget import AlignWidget
from pairs import KnownPair, known_pair, random_transform

SHAPE = (160, 200)


@pytest.fixture(autouse=True)
def settings_file(tmp_path, monkeypatch):
    """Where a test's settings are kept: in a folder of its own."""
    from napari import settings

    settings._clear_plugin_settings_cache()
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "config" / "settings.yaml"))
    yield tmp_path / "config" / "napari-ecc-align.yaml"
    settings._clear_plugin_settings_cache()


@pytest.fixture(scope="session")
def known() -> KnownPair:
    truth = random_transform(11, "affine", SHAPE, size=4.0)
    return known_pair("camera", truth, shape=SHAPE, moving_shape=(150, 210))


@pytest.fixture
def viewer(make_napari_viewer, known):
    viewer = make_napari_viewer()
    viewer.add_image(known.reference.astype(np.uint8), name="first")
    viewer.add_image(known.moving.astype(np.uint8), name="second", colormap="green")
    return viewer


@pytest.fixture
def widget(viewer) -> AlignWidget:
    _, widget = viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align images")
    return widget


@pytest.fixture
def finish(qtbot) -> Callable[[AlignWidget], None]:
    """Wait until a run has ended."""

    def wait(widget: AlignWidget) -> None:
        qtbot.waitUntil(lambda: not widget.running and not widget.after.busy, timeout=30_000)

    return wait
