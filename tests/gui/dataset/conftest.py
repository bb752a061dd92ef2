"""A dataset, the folder of its run, and the form that aligns it, for the tests that want them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import DOUBTED, PATIENCE, SHAPE

from here import StepsHere, pool_or_here
from music.page import make_page
from napari_ecc_align import Batch
from napari_ecc_align._batch.run import run_plan
from napari_ecc_align._gui.dataset import widget as dataset_widget
from napari_ecc_align._images.files.images import write_image


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three displaced pages, one whose gray scan is another page's, and one without a scan."""
    root = tmp_path_factory.mktemp("dataset")
    pages = [make_page(shape=SHAPE, seed=seed, displacement=5.0) for seed in range(4)]
    other = make_page(shape=SHAPE, seed=9, displacement=5.0)
    for folder in ("ideal", "gray", "bw"):
        (root / folder).mkdir()
    for number, page in enumerate(pages):
        name = f"p{number}.png"
        write_image(root / "ideal" / name, page.reference)
        wrong = name == DOUBTED
        gray = other.gray[: page.gray.shape[0], : page.gray.shape[1]] if wrong else page.gray
        write_image(root / "gray" / name, np.resize(gray, page.gray.shape) if wrong else gray)
        write_image(root / "bw" / name, page.binary)
    write_image(root / "ideal" / "p4.png", pages[0].reference)
    return root, {f"p{n}.png": page.matrix for n, page in enumerate(pages)}


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    """The output folder of a whole run, to be copied."""
    root, _ = dataset
    out = tmp_path_factory.mktemp("finished") / "out"
    plan = Batch.plan(root / "ideal", root / "gray", siblings=[root / "bw"], out=out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_plan, "Pool", pool_or_here)
        list(plan.run(workers=1))
    return out


@pytest.fixture
def copied(finished, tmp_path):
    """A finished folder of the test's own."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def here(monkeypatch):
    """Let this process do what the form has done by others, and its one worker."""
    monkeypatch.setattr(dataset_widget, "BackgroundProcess", StepsHere)
    monkeypatch.setattr(run_plan, "Pool", pool_or_here)


@pytest.fixture
def widget(viewer):
    return viewer.window.add_plugin_dock_widget("napari-ecc-align", "Align a dataset")[1]


@pytest.fixture
def settle(qtbot, widget):
    def wait():
        qtbot.waitUntil(lambda: not widget.running, timeout=PATIENCE)

    return wait
