"""Images as files, which no command may change."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from here import pool_or_here
from music.page import make_page
from napari_ecc_align import Transform
from napari_ecc_align._batch.run import run_plan
from napari_ecc_align._images.files.images import write_image
from napari_ecc_align._images.samples import sample
from pairs import known_pair, picture


@pytest.fixture(autouse=True)
def one_worker_is_here(monkeypatch):
    """Let this process be the one worker of a batch that asks for no more."""
    monkeypatch.setattr(run_plan, "Pool", pool_or_here)


@pytest.fixture(scope="session")
def page():
    return make_page(shape=(450, 600))


@pytest.fixture(scope="session")
def photograph():
    slide = Transform([[1, 0, 3.3], [0, 1, -2.6], [0, 0, 1]], model="translation")
    return known_pair("camera", slide)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory, page, photograph):
    """A folder of images: a page in its flavours, a plate, a small photograph, and odd ones."""
    folder = tmp_path_factory.mktemp("inputs")
    reference, moving = (
        np.rint(image).astype(np.uint8) for image in (photograph.reference, photograph.moving)
    )
    half_other = moving.copy()
    half_other[:, 92:] = picture("coffee")[:200, :148]
    plate = sample("cathedral")
    images = {
        "page.png": page.reference,
        "scan.png": page.gray,
        "binary.png": page.binary,
        "staffless.tif": page.staffless,
        "green.jpg": plate.reference,
        "red.jpg": plate.moving,
        "camera.png": reference,
        "shifted.png": moving,
        "half_other.png": half_other,
        "coffee.png": np.rint(picture("coffee")[:200, :240]).astype(np.uint8),
        "blank.png": np.full((200, 240), 255, np.uint8),
        "tiny.png": reference[:7, :20],
        "mask.png": np.full((200, 240), 255, np.uint8),
        "colour.png": np.dstack([reference] * 3),
    }
    for name, image in images.items():
        write_image(folder / name, image)
    photograph.truth.save(folder / "slide.json")
    return folder


def digests(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def first_digests(inputs):
    return digests(inputs)


@pytest.fixture(autouse=True)
def inputs_stay_as_they_are(inputs, first_digests):
    """After every test, each input is there with its bytes, and nothing beside them."""
    yield
    assert digests(inputs) == first_digests
