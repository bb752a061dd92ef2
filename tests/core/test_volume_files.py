"""Transforms of volumes on disk: each format against the library or the file it is for."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from napari_ecc_align import InputError, Transform, VolumeTransform, load_transforms, warp_volume
from napari_ecc_align._transform.formats.registry import FORMATS, holds_a_volume

MATRIX = [[1.02, 0.1, -0.05, 4.5], [-0.08, 0.97, 0.2, -3.25], [0.04, -0.18, 1.01, 2.75]]
AFFINE = VolumeTransform(MATRIX)
POINTS = np.array([[0.0, 0, 0], [31, 0, 0], [7, 22, 3], [12.5, 4.25, 19]])


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_back_what_it_was_given(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    for transform in (AFFINE, VolumeTransform(np.eye(4) + np.eye(4, k=3) * 5, "translation")):
        transform.save(path, overwrite=True)
        assert holds_a_volume(path)
        loaded = VolumeTransform.load(path)
        assert loaded.model == transform.model
        assert np.abs(loaded.matrix - transform.matrix).max() < (
            1e-9 if suffix == ".txt" else 0.1**30
        )
    for read in (Transform.load, load_transforms):
        with pytest.raises(InputError, match=r"of volumes, .*VolumeTransform\.load reads it"):
            read(path)
    Transform.identity().save(path, overwrite=True)
    assert not holds_a_volume(path)
    with pytest.raises(InputError, match=r"of images, .* Transform\.load reads it"):
        VolumeTransform.load(path)


def test_simpleitk_reads_the_same_transform_and_resamples_the_same_volume(tmp_path):
    moving = np.random.default_rng(0).random((14, 22, 30))
    spacing, other = (2.0, 0.5, 0.75), (1.5, 0.5, 0.5)
    images = [sitk.GetImageFromArray(moving) for _ in range(2)]
    for image, lengths in zip(images, (spacing, other), strict=True):
        image.SetSpacing(lengths[::-1])
    for transform, grids in ((AFFINE, None), (AFFINE.in_units(spacing, other), images)):
        transform.save(tmp_path / "t.tfm", overwrite=True)
        read = sitk.ReadTransform(str(tmp_path / "t.tfm"))
        for point in POINTS:
            assert np.allclose(read.TransformPoint(point.tolist()), transform.to_moving(point))
        grid, image = grids or [sitk.GetImageFromArray(moving)] * 2
        theirs = sitk.GetArrayFromImage(sitk.Resample(image, grid, read, sitk.sitkLinear, -1.0))
        ours = warp_volume(moving, AFFINE, fill=-1)
        inside = (theirs >= 0) & (ours >= 0)
        assert inside.sum() > 3000
        # The rim may be blended with what lies outside.
        assert np.quantile(np.abs(theirs - ours)[inside], 0.95) < 1e-9


def centred(transform):
    transform.SetCenter((5, 6, 7))
    return transform


def turned_in_another_order():
    transform = sitk.Euler3DTransform((5, 6, 7), 0.1, 0.2, -0.3, (1, 2, 3))
    transform.SetComputeZYX(True)
    return transform


@pytest.mark.parametrize(
    "theirs",
    [
        centred(sitk.AffineTransform(np.ravel(np.array(MATRIX)[:, :3]).tolist(), [3, 4, 5])),
        sitk.TranslationTransform(3, (4.5, -3, 1)),
        sitk.Euler3DTransform((5, 6, 7), 0.1, 0.2, -0.3, (1, 2, 3)),
        turned_in_another_order(),
        sitk.VersorRigid3DTransform((0.1, 0.2, -0.3, 0.9), (1, 2, 3), (5, 6, 7)),
        sitk.Similarity3DTransform(1.2, (0.1, 0.2, -0.3, 0.9), (1, 2, 3), (5, 6, 7)),
        sitk.ScaleTransform(3, (1.5, 0.5, 2)),
        sitk.Transform(3, sitk.sitkIdentity),
        sitk.CompositeTransform(
            [sitk.TranslationTransform(3, (4, -3, 2)), sitk.Euler3DTransform((9, 5, 1), 0.3, 0, 0)]
        ),
    ],
    ids=lambda transform: transform.GetName(),
)
def test_what_simpleitk_writes_is_read(tmp_path, theirs):
    path = tmp_path / "t.tfm"
    sitk.WriteTransform(theirs, str(path))
    expected = [theirs.TransformPoint(point.tolist()) for point in POINTS]
    np.testing.assert_allclose(VolumeTransform.load(path).to_moving(POINTS), expected, atol=1e-9)


def test_what_affinder_writes_is_read_as_the_affine_of_a_layer(tmp_path):
    layer_affine = np.array([[1, 0.1, 0, 3], [0, 0.9, 0.2, -2], [0.1, 0, 1.1, 5], [0, 0, 0, 1]])
    np.savetxt(tmp_path / "t.txt", layer_affine, delimiter=",")
    there = VolumeTransform.load(tmp_path / "t.txt").to_reference((4, 5, 6))
    assert np.allclose((layer_affine @ [6, 5, 4, 1])[2::-1], there)


def test_ome_ngff_names_its_axes_and_is_read_by_them(tmp_path):
    AFFINE.save(tmp_path / "t.ome.json")
    document = json.loads((tmp_path / "t.ome.json").read_text())
    rows = np.array(document["coordinateTransformations"][0]["affine"])
    for system in document["coordinateSystems"]:
        assert [axis["name"] for axis in system["axes"]] == ["z", "y", "x"]
    assert np.allclose((rows @ [6, 5, 4, 1])[::-1], AFFINE.to_moving((4, 5, 6)))
    # Of other names they are in another order.
    names = [{"name": name} for name in "xzy"]
    document["coordinateSystems"] = [
        {"name": name, "axes": names} for name in ("reference", "moving")
    ]
    (tmp_path / "t.ome.json").write_text(json.dumps(document))
    x, y, z = VolumeTransform.load(tmp_path / "t.ome.json").to_moving((6, 4, 5))
    assert np.allclose((z, y, x), AFFINE.to_moving((4, 5, 6))[[1, 0, 2]])


DOCUMENT = {
    "format": "napari-ecc-align transform",
    "version": 1,
    "model": "homography",
    "matrix": np.eye(4).tolist(),
}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "1,0,0,0\n0,1,0,0\n0,0,1,0\n0,0,1,1\n", "last row must be 0,0,0,1"),
        ("t.csv", "1,0,0,0\n0,1,0,0\n0,1,0,0\n0,0,0,1\n", "singular"),
        ("t.json", json.dumps(DOCUMENT), "does not belong"),
    ],
    ids=["perspective", "singular", "homography"],
)
def test_a_bad_file_gives_one_clear_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        VolumeTransform.load(tmp_path / name)
