"""A viewer with a pair in it, and the widget as a person gets it from the menu."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable

import numpy as np
import pytest

from napari_ecc_align._common.steps import retold
from napari_ecc_align._gui.align.widget import AlignWidget
from napari_ecc_align._gui.shared.background import Background
from pairs import KnownPair, known_pair, random_transform

SHAPE = (160, 200)


@pytest.fixture(scope="session", autouse=True)
def napari_made_cheap():
    """Let every test have a viewer of its own, but what never changes be read and visited once.

    Napari reads the manifests of all plugins anew for each viewer in a test, and collects garbage
    before and after: together a quarter of the time that a small test takes.
    """
    import napari.viewer  # noqa: F401
    from npe2 import PluginManifest

    read_once = functools.cache(PluginManifest.from_file)
    with pytest.MonkeyPatch.context() as patch:
        copied = staticmethod(lambda path: read_once(path).model_copy(deep=True))
        patch.setattr(PluginManifest, "from_file", copied)
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()


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
        qtbot.waitUntil(lambda: not widget.running and not widget.after.busy, timeout=120_000)

    return wait


@pytest.fixture
def steps_taken(monkeypatch):
    """The steps that work in the background has taken: a list that grows."""
    taken, start = [], Background.start

    def counted(step):
        taken.append(step)
        return step

    def start_counted(self, steps, *arguments, **options):
        return start(self, lambda *given: retold(steps(*given), counted), *arguments, **options)

    monkeypatch.setattr(Background, "start", start_counted)
    return taken
