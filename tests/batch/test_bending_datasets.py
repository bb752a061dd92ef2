"""Datasets whose pairs bend: fields in records, siblings through them, reports, resumed runs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_ecc_align import Batch, BatchSettings, Field, InputError, read_image, warp
from napari_ecc_align._batch.records.read import read_record
from napari_ecc_align._images.files.images import write_image

SIDE = 192


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One pair that bends, and one that is shifted, each with labels beside the moving image."""
    folder = tmp_path_factory.mktemp("bent")
    noise = np.random.default_rng(4).normal(size=(2, SIDE // 8 + 1, SIDE // 8 + 1))
    u = np.stack([gaussian_filter(one, 2.5) for one in noise], axis=-1)
    field = Field.from_displacements(3 * u / np.sqrt((u**2).sum(axis=-1).mean()), spacing=(8, 8))
    tissue = np.ascontiguousarray(data.immunohistochemistry()[:SIDE, :SIDE, 1])
    cells = np.kron(np.arange(1, 145).reshape(12, 12), np.ones((16, 16))).astype(np.uint16)
    for name in ("reference", "moving", "cells"):
        (folder / name).mkdir()
    for name, fixed in (("bent.png", warp(tissue, field)), ("shifted.png", np.roll(tissue, 3, 1))):
        write_image(folder / "reference" / name, fixed)
        write_image(folder / "moving" / name, tissue)
        write_image(folder / "cells" / name, cells)
    return folder, field


def planned(folder, out, **settings):
    return Batch.plan(
        folder / "reference",
        folder / "moving",
        out,
        siblings=[folder / "cells"],
        settings=BatchSettings(model="smooth", **settings),
    )


def test_pairs_that_bend_have_a_field_by_which_their_siblings_are_resampled(folder, tmp_path):
    folder, truth = folder
    batch = planned(folder, tmp_path / "out")
    steps = list(batch.run(workers=1))
    assert [step.record.outcome for step in steps] == ["aligned"] * 2
    bent, shifted = (read_record(tmp_path / "out", f"{name}.png") for name in ("bent", "shifted"))
    here = np.random.default_rng(0).uniform(20, SIDE - 20, (100, 2))
    assert isinstance(bent.transform, Field) and bent.numbers["bends"] is True
    assert np.median(np.hypot(*(bent.transform(here) - truth(here)).T)) < 0.2
    assert bent.transform.known((SIDE, SIDE)).mean() > 0.8
    assert shifted.numbers["bends"] is False and shifted.transform.largest == 0
    # At the border, where it bends on, little is seen.
    assert bent.numbers["different"] < 0.15 * bent.numbers["different_before"]
    cells = read_image(tmp_path / "out" / "cells" / "bent.png")
    given = read_image(folder / "cells" / "bent.png")
    assert np.array_equal(
        cells, warp(given, bent.transform, output_shape=(SIDE, SIDE), fill=cells[0, 0])
    )
    report = (tmp_path / "out" / "report.csv").read_text().splitlines()
    assert "known_share" in report[0] and len(report) == 3
    # An earlier run is gone on with, and one of another model is done again.
    again = list(planned(folder, tmp_path / "out").run(workers=1))
    assert all(step.resumed for step in again)
    assert again[0].record.transform(here) == pytest.approx(bent.transform(here))
    record = json.loads((tmp_path / "out" / "records" / "bent.png.json").read_text())
    assert record["model"] == "smooth" and len(record["field"]) < 100_000
    # A person finds another field.
    corrected = batch.correct("bent.png", truth)
    assert corrected.outcome == "aligned" and corrected.review.decision == "corrected"
    kept = read_record(tmp_path / "out", "bent.png")
    assert np.abs(kept.transform(here) - truth(here)).max() < 1e-3
    damaged = tmp_path / "out" / "records" / "bent.png.json"
    for found in ("nonsense", "", None):
        damaged.write_text(json.dumps({**record, "field": found}))
        assert read_record(tmp_path / "out", "bent.png") is None


def test_what_bends_knows_neither_opencv_nor_mirrors():
    for other in ({"engine": "opencv"}, {"mirrored": True}):
        with pytest.raises(InputError, match="model 'smooth'"):
            replace(BatchSettings(model="smooth"), **other)
    settings = BatchSettings(model="smooth")
    assert (settings.freest, settings.narrowest, settings.bends) == ("affine", "affine", True)
    assert BatchSettings.from_document(settings.as_document()) == settings
