"""A batch of depth stacks: z is searched, and the report shows three planes of each."""

import base64

import cv2
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_ecc_align import (
    Batch,
    BatchSettings,
    Field,
    InputError,
    VolumeField,
    VolumeTransform,
    save_volume,
    warp_volume,
)
from napari_ecc_align._batch.records.read import read_record
from napari_ecc_align._transform.volume_field import load_field_of_either

NOISE = ndimage.gaussian_filter(np.random.default_rng(5).random((52, 76, 80)), 2)
NOISE = np.rint(60_000 * (NOISE - NOISE.min()) / np.ptp(NOISE)).astype(np.uint16)
REFERENCE, MOVING = NOISE[6:46, 8:68, 8:72], NOISE[4:44, 5:65, 13:77]
LABELS = (MOVING > 40_000).astype(np.uint8) * 255


@pytest.fixture
def folders(tmp_path):
    told = {f"PhysicalSize{axis}": 0.5 for axis in "XYZ"}
    volumes = {"one": (REFERENCE, MOVING, LABELS), "same": (REFERENCE, REFERENCE, LABELS)}
    for name, three in volumes.items():
        for folder, volume in zip(("fixed", "moving", "cells"), three, strict=True):
            path = tmp_path / folder / f"{name}.ome.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, volume, ome=True, metadata={"axes": "ZYX", **told})
    return tmp_path


def batch_of(folders, **settings):
    return Batch.plan(
        folders / "fixed",
        folders / "moving",
        folders / "out",
        siblings=folders / "cells",
        settings=BatchSettings(model="translation", **settings),
    )


def test_volumes_are_aligned_resampled_reported_and_done_once(folders):
    batch = batch_of(folders)
    records = {step.record.name: step.record for step in batch.run(workers=1)}
    one, same = records["one.ome.tif"], records["same.ome.tif"]
    assert (one.outcome, same.outcome) == ("aligned", "passed through")
    assert isinstance(one.transform, VolumeTransform)
    assert np.allclose(one.transform.matrix[:3, 3], (-5, 3, 2), atol=0.05)
    numbers = one.numbers
    assert numbers["corner_shift"] == pytest.approx(np.sqrt(38), abs=0.05)
    assert numbers["corner_shift_um"] == pytest.approx(np.sqrt(38) / 2, abs=0.03)
    assert (numbers["x"], numbers["z"]) == (
        pytest.approx(-5, abs=0.05),
        pytest.approx(2, abs=0.05),
    )
    assert (numbers["depth"], numbers["height"], numbers["width"]) == REFERENCE.shape
    assert numbers["different"] < 0.2 * numbers["different_before"]
    inner = (slice(4, -4), slice(6, -6), slice(6, -6))
    with tifffile.TiffFile(folders / "out" / "moving" / "one.ome.tif") as tif:
        assert tif.series[0].axes == "ZYX" and 'PhysicalSizeZ="0.5"' in tif.ome_metadata
        warped = tif.asarray()
    assert np.abs(warped[inner].astype(float) - REFERENCE[inner]).mean() < 300
    cells = tifffile.imread(folders / "out" / "cells" / "one.ome.tif")
    assert set(np.unique(cells)) == {0, 255}
    copied = (folders / "out" / "moving" / "same.ome.tif").read_bytes()
    assert copied == (folders / "moving" / "same.ome.tif").read_bytes()
    again = batch_of(folders)
    steps = list(again.run(workers=1))
    assert all(step.resumed for step in steps)
    kept = {step.record.name: step.record for step in steps}["one.ome.tif"]
    assert np.array_equal(kept.transform.matrix, one.transform.matrix)
    # Three planes before, and the same below them after: of 64 + 64 + 60 and 60 + 40 rows.
    picture = base64.b64decode(one.thumbnail.split(",")[1])
    height, width = cv2.imdecode(np.frombuffer(picture, np.uint8), 1).shape[:2]
    assert (height, width) == (2 * 60 + 4, 64 + 64 + 60 + 2 * 4)
    page = batch.report.read_text("utf-8")
    assert "the middle planes across z, y and x" in page
    corrected = batch.correct("one.ome.tif", VolumeTransform(np.eye(4), "translation"))
    assert corrected.outcome == "aligned" and corrected.review.decision == "corrected"


def test_planes_are_no_depth_where_that_is_said_and_flat_images_are_no_volume(folders):
    (step, *_) = batch_of(folders, depth="planes").run(workers=1)
    assert not isinstance(step.record.transform, VolumeTransform)
    for folder in ("fixed", "moving", "cells"):
        tifffile.imwrite(folders / folder / "one.ome.tif", REFERENCE[0])
    records = [step.record for step in batch_of(folders, depth="volume").run(workers=1)]
    (flat,) = (record for record in records if record.name == "one.ome.tif")
    assert flat.outcome == "failed" and "is no volume" in flat.reason
    with pytest.raises(InputError, match="spacing must be three"):
        BatchSettings(spacing=(1, 2))


def test_volumes_of_ome_zarr_are_images_as_files_are(tmp_path):
    volumes = {"one": (REFERENCE, MOVING, LABELS), "same": (REFERENCE, REFERENCE, LABELS)}
    for name, three in volumes.items():
        for folder, volume in zip(("fixed", "moving", "cells"), three, strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            path = tmp_path / folder / f"{name}.ome.zarr"
            assert save_volume(path, volume, spacing=0.5, unit="micrometer")
    batch = batch_of(tmp_path)
    assert not batch.problems
    records = {step.record.name: step.record for step in batch.run(workers=1)}
    one, same = records["one.ome.zarr"], records["same.ome.zarr"]
    assert (one.outcome, same.outcome) == ("aligned", "passed through")
    assert np.allclose(one.transform.matrix[:3, 3], (-5, 3, 2), atol=0.05)
    assert one.numbers["corner_shift_um"] == pytest.approx(np.sqrt(38) / 2, abs=0.03)
    with tifffile.TiffFile(tmp_path / "out" / "moving" / "one.ome.tif") as tif:
        assert tif.series[0].axes == "ZYX" and 'PhysicalSizeZ="0.5"' in tif.ome_metadata
    passed_on = tifffile.imread(tmp_path / "out" / "moving" / "same.ome.tif")
    assert np.array_equal(passed_on, REFERENCE)
    cells = tifffile.imread(tmp_path / "out" / "cells" / "one.ome.tif")
    assert set(np.unique(cells)) == {0, 255}
    assert all(step.resumed for step in batch_of(tmp_path).run(workers=1))
    chunk = next(path for path in (tmp_path / "moving" / "one.ome.zarr" / "0").rglob("0"))
    while chunk.is_dir():
        chunk = next(chunk.iterdir())
    chunk.write_bytes(b"damaged")
    steps = {step.record.name: step for step in batch_of(tmp_path).run(workers=1)}
    assert steps["same.ome.zarr"].resumed and not steps["one.ome.zarr"].resumed
    assert steps["one.ome.zarr"].record.outcome == "failed"
    assert "cannot read" in steps["one.ome.zarr"].record.reason


def test_volumes_that_bend_have_a_field_by_which_their_siblings_are_resampled(tmp_path):
    shape = (48, 52, 56)
    rng = np.random.default_rng(3)
    fine, soft = (ndimage.gaussian_filter(rng.normal(size=shape), size) for size in (1.6, 5))
    moving = 10_000 + 2000 * (fine / fine.std() + soft / soft.std())
    z, y, x = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    u = 1.2 * np.stack([np.sin(z / 9), np.cos(x / 9), np.sin(y / 9)], axis=-1)
    truth = VolumeField.from_displacements(u)
    bent = warp_volume(moving, truth, interpolation="cubic", fill=10_000)
    cells = (moving > 12_000).astype("u2") * 7
    three = {"fixed": bent, "moving": moving, "cells": cells}
    told = {f"PhysicalSize{axis}": 0.5 for axis in "XYZ"}
    for folder, volume in three.items():
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "one.ome.tif"
        tifffile.imwrite(path, volume.astype("u2"), ome=True, metadata={"axes": "ZYX", **told})
    settings = BatchSettings(model="smooth")
    batch = Batch.plan(
        tmp_path / "fixed", tmp_path / "moving", tmp_path / "out",
        siblings=tmp_path / "cells", settings=settings,
    )  # fmt: skip
    (step,) = batch.run(workers=1)
    record = step.record
    assert record.outcome == "aligned", record.reason
    here = rng.uniform(8, np.array(shape[::-1]) - 9, (200, 3))
    assert isinstance(record.transform, VolumeField) and record.numbers["bends"] is True
    assert np.median(np.linalg.norm(record.transform(here) - truth(here), axis=1)) < 0.2
    assert record.numbers["known_share"] > 0.5 and record.numbers["bends_up_to"] > 1
    assert record.numbers["different"] < 0.3 * record.numbers["different_before"]
    written = tifffile.imread(tmp_path / "out" / "cells" / "one.ome.tif")
    assert set(np.unique(written)) == {0, 7}
    inner = (slice(8, -8),) * 3
    assert np.mean((bent > 12_000)[inner] == (written > 0)[inner]) > 0.95
    (again,) = batch.run(workers=1)
    assert again.resumed
    path = tmp_path / "out" / "records" / "one.ome.tif.json"
    kept = VolumeField.load(path)
    assert np.abs(kept(here) - record.transform(here)).max() < 1e-3
    assert load_field_of_either(path).matrix.shape == (4, 4)
    with pytest.raises(InputError, match="of volumes, not of images"):
        Field.load(path)
    corrected = batch.correct("one.ome.tif", truth)
    assert corrected.outcome == "aligned" and corrected.review.decision == "corrected"
    read = read_record(tmp_path / "out", "one.ome.tif").transform
    assert np.abs(read(here) - truth(here)).max() < 0.01
