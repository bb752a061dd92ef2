"""A thousand transforms of every model through every format, and the readers of others."""

from __future__ import annotations

import io

import numpy as np
import pytest
import SimpleITK as sitk
from napari.utils.transforms import Affine
from skimage.transform import ProjectiveTransform

from napari_ecc_align import Transform, VolumeTransform
from napari_ecc_align._transform.formats import (
    itk,
    matrix_csv,
    matrix_npy,
    napari_affine,
    ome_ngff,
    own_json,
)
from napari_ecc_align._transform.matrices import MOTION_MODELS

EXACT = 1e-6
"""px"""
SIDE = 4000.0
POINTS = np.random.default_rng(1).uniform(0, SIDE, (5, 2))
PLACES = np.random.default_rng(2).uniform(0, 400, (5, 3))
FORMATS = (itk, matrix_csv, matrix_npy, napari_affine, ome_ngff, own_json)


def transforms(count):
    """Yield transforms of each model in turn: shifts of a mosaic, any turn, tenfold scales."""
    rng = np.random.default_rng(1000)
    for number in range(count):
        model = MOTION_MODELS[number % len(MOTION_MODELS)]
        turn, size = rng.uniform(-np.pi, np.pi), np.exp(rng.uniform(-2.3, 2.3))
        matrix = np.eye(3)
        if model != "translation":
            cosine, sine = np.cos(turn), np.sin(turn)
            matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
        if model not in ("translation", "euclidean"):
            matrix[:2, :2] *= size
        if model in ("affine", "homography"):
            matrix[:2, :2] @= np.eye(2) + rng.uniform(-0.3, 0.3, (2, 2))
        matrix[:2, 2] = rng.uniform(-SIDE, SIDE, 2)
        if model == "homography":
            matrix[2, :2] = rng.uniform(-1, 1, 2) / (10 * SIDE)
        yield Transform(matrix, model=model)


def read_as_others_do(module, content, points, scratch):
    """Return where somebody else's program takes points of the reference, by a file of ours."""
    if module is itk:
        scratch.write_bytes(content)
        read = sitk.ReadTransform(str(scratch))
        return np.array([read.TransformPoint(point) for point in points.tolist()])
    if module is napari_affine:
        # As affinder and napari take it: from the moving image, rows first.
        affine = Affine(affine_matrix=np.loadtxt(io.BytesIO(content), delimiter=","))
        return affine.inverse(points[:, ::-1])[:, ::-1]
    matrix = {
        matrix_npy: lambda: np.load(io.BytesIO(content)),
        matrix_csv: lambda: np.loadtxt(io.BytesIO(content), delimiter=","),
    }.get(module)
    return None if matrix is None else ProjectiveTransform(matrix())(points)


def test_each_comes_back_to_a_millionth_of_a_pixel(tmp_path):
    for transform in transforms(1000):
        there = transform.to_moving(POINTS)
        for module in FORMATS:
            if transform.model == "homography" and module in (itk, napari_affine, ome_ngff):
                continue
            content = module.dump(transform.matrix, transform.model)
            (again,) = module.parse(content)
            assert np.abs(Transform(again.matrix).to_moving(POINTS) - there).max() < EXACT
            theirs = read_as_others_do(module, content, POINTS, tmp_path / "transform.tfm")
            assert theirs is None or np.abs(theirs - there).max() < EXACT, module.__name__


def test_those_of_volumes_do_too(tmp_path):
    rng = np.random.default_rng(7)
    for _ in range(100):
        matrix = np.eye(4)
        matrix[:3] += np.hstack([rng.uniform(-0.3, 0.3, (3, 3)), rng.uniform(-200, 200, (3, 1))])
        there = VolumeTransform(matrix).to_moving(PLACES)
        for module in FORMATS:
            content = module.dump(matrix, "affine")
            (again,) = module.parse(content)
            assert np.abs(VolumeTransform(again.matrix).to_moving(PLACES) - there).max() < EXACT
            if module is itk:
                theirs = read_as_others_do(module, content, PLACES, tmp_path / "transform.tfm")
                assert np.abs(theirs - there).max() < EXACT


@pytest.mark.parametrize("count", [25])
def test_scenes_do_in_ngff_zarr(count, tmp_path, monkeypatch):
    nz = pytest.importorskip("ngff_zarr")
    from napari_ecc_align import save_scene

    monkeypatch.chdir(tmp_path)
    for name, scale, shift in (("a", 0.5, 10.0), ("b", 0.25, -3.0)):
        image = nz.to_ngff_image(
            np.zeros((8, 8), np.uint8),
            dims=["y", "x"],
            scale={"y": scale, "x": scale},
            translation={"y": shift, "x": 2 * shift},
            axes_units={"y": "micrometer", "x": "micrometer"},
        )
        nz.to_ngff_zarr(f"{name}.zarr", nz.to_multiscales(image, scale_factors=[]), version="0.5")
    usable = (one for one in transforms(2 * count) if one.model != "homography")
    for number, transform in zip(range(count), usable, strict=False):
        save_scene(f"{number}.zarr", transform, "a.zarr", "b.zarr")
        scene = nz.NgffScene.from_ome_zarr(f"{number}.zarr", validate=True)
        (step,) = scene.coordinateTransformations
        there = transform.to_moving(POINTS)[:, ::-1] * 0.25 + (-3, -6)
        affine = np.array(step.affine)
        back = (there @ affine[:, :2].T + affine[:, 2] - (10, 20)) / 0.5
        assert np.abs(back[:, ::-1] - POINTS).max() < EXACT
