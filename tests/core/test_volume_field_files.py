"""Fields of volumes in files: our own, ITK's displacement fields, OME-NGFF's displacements."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_ecc_align import Field, VolumeField
from napari_ecc_align._transform.formats.field_files import holds_a_volume_field

POINTS = np.random.default_rng(1).uniform(1, 7, (60, 3))


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(3)
    smooth = np.cumsum(rng.normal(0, 0.2, (5, 6, 7, 3)), axis=0)
    bent = VolumeField.from_displacements(smooth, spacing=(2.5, 2.0, 3.0))
    matrix = np.eye(4)
    matrix[:3] += rng.normal(0, 0.02, (3, 4))
    sigma = rng.uniform(0.1, 0.3, (4, 4, 4, 3))
    sigma[0] = np.inf
    return replace(bent, matrix=matrix, sigma=sigma)


@pytest.mark.parametrize(("suffix", "near"), [(".npz", 1e-12), (".mha", 0.02), (".zarr", 0.02)])
def test_a_field_of_volumes_comes_back(field, tmp_path, suffix, near):
    path = tmp_path / f"bent{suffix}"
    field.save(path)
    again = VolumeField.load(path)
    assert np.abs(again(POINTS) - field(POINTS)).max() < near
    assert holds_a_volume_field(path)
    with pytest.raises(ValueError, match="exists"):
        field.save(path)
    field.save(path, overwrite=True)
    if suffix == ".npz":
        assert np.array_equal(again.sigma, field.sigma)
    with pytest.raises(ValueError, match=r"field|plane|axes"):
        Field.load(path)


@pytest.mark.parametrize("suffix", [".npz", ".mha", ".zarr"])
def test_a_field_of_images_is_none_of_volumes(tmp_path, suffix):
    path = tmp_path / f"flat{suffix}"
    Field.from_displacements(np.full((8, 9, 2), 0.5)).save(path)
    assert not holds_a_volume_field(path)
    with pytest.raises(ValueError, match=r"field|volume|axes"):
        VolumeField.load(path)


def test_simpleitk_reads_and_applies_it(field, tmp_path):
    SimpleITK = pytest.importorskip("SimpleITK")
    field.save(tmp_path / "bent.mha")
    image = SimpleITK.ReadImage(str(tmp_path / "bent.mha"), SimpleITK.sitkVectorFloat64)
    moves = SimpleITK.DisplacementFieldTransform(image)
    theirs = np.array([moves.TransformPoint(point) for point in np.rint(POINTS).tolist()])
    assert np.abs(theirs - field(np.rint(POINTS))).max() < 1e-4


def test_vectors_and_axes_of_a_group_may_come_in_another_order(field, tmp_path):
    field.save(tmp_path / "bent.zarr")
    group = tmp_path / "bent.zarr" / "coordinateTransformations" / "displacements"
    said = json.loads((group / "zarr.json").read_text())
    system = said["attributes"]["ome"]["multiscales"][0]["coordinateSystems"][0]
    assert [axis["name"] for axis in system["axes"]] == ["c", "z", "y", "x"]
    # The same numbers under other names are another field: x where z was.
    for axis, name in zip(system["axes"][1:], "xyz", strict=True):
        axis["name"] = name
    (group / "zarr.json").write_text(json.dumps(said))
    turned = VolumeField.load(tmp_path / "bent.zarr")
    there = turned(POINTS[:, ::-1])[:, ::-1]
    assert np.abs(there - field(POINTS)).max() < 0.02


def test_what_comes_beside_the_displacements_is_refused(field, tmp_path):
    field.save(tmp_path / "bent.zarr")
    path = tmp_path / "bent.zarr" / "zarr.json"
    text = path.read_text()
    path.write_text(text.replace('"name": "reference"', '"name": "moving"', 3))
    with pytest.raises(ValueError, match="from reference to moving"):
        VolumeField.load(tmp_path / "bent.zarr")
