"""Volumes in NIfTI files: their spacing and their place in space are read, and written again."""

import json
import sys

import numpy as np
import pytest
from processes import run_main
from scipy import ndimage

from napari_ecc_align import VolumeTransform, read_image, write_image
from napari_ecc_align._images.files.images import read_file
from napari_ecc_align._images.files.volumes import spacing_of

nibabel = pytest.importorskip("nibabel")

FINE = ndimage.gaussian_filter(np.random.default_rng(5).random((88, 76, 80)), 2)
FINE = np.rint(30_000 * (FINE - FINE.min()) / np.ptp(FINE)).astype(np.int16)
REFERENCE, MOVING = FINE[8:72:2, 8:68, 8:72], FINE[4:68:2, 5:65, 13:77]
# Millimetres of voxels (x, y, z): x runs to the left.
SPACE = np.array([[-1.5, 0, 0, 80.0], [0, 1.5, 0, -60], [0, 0, 3, -50], [0, 0, 0, 1]])


def saved(path, volume, space=SPACE, **header):
    image = nibabel.Nifti1Image(volume.T, space)
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def test_what_is_aligned_lies_where_the_reference_lies(tmp_path):
    shifted = SPACE.copy()
    shifted[:3, 3] += (300, 0, 0)
    reference = saved(tmp_path / "one.nii.gz", REFERENCE)
    # Its voxels lie, by its own word, where those of the reference are that show the same.
    started = saved(tmp_path / "started.nii.gz", MOVING, SPACE @ _moved([-5, 3, 2]))
    options = "--model", "translation", "--out", tmp_path, "--json"
    done = run_main("align", reference, started, *options)
    assert done.code == 0 and json.loads(done.out)["start"] == "initial"
    made = nibabel.load(tmp_path / "started_aligned.nii.gz")
    assert np.allclose(made.affine, SPACE) and np.allclose(made.get_qform(), SPACE)
    assert made.header.get_xyzt_units()[0] == "mm" and made.get_data_dtype() == np.int16
    there = np.asarray(made.dataobj).T
    # Also behind what is said of its origin, which is longer than a header.
    np.testing.assert_array_equal(read_image(tmp_path / "started_aligned.nii.gz"), there)
    inner = (slice(4, -4), slice(6, -6), slice(6, -6))
    assert np.abs(there[inner].astype(float) - REFERENCE[inner]).mean() < 150
    transform = VolumeTransform.load(tmp_path / "started_transform.json")
    assert np.allclose(transform.matrix[:3, 3], (-5, 3, 2), atol=0.05)
    by = "--transform", tmp_path / "started_aligned.nii.gz"
    again = run_main("judge", reference, started, *by, "--json")
    assert again.code == 0 and np.allclose(json.loads(again.out)["matrix"], transform.matrix)
    labels = saved(tmp_path / "cells.nii", (MOVING > 15_000).astype(np.uint8) * 7, shifted)
    out = tmp_path / "cells_there.nii.gz"
    done = run_main("apply", tmp_path / "started_transform.json", labels, "--like", reference,
                    "--out", out)  # fmt: skip
    assert done.code == 0
    made = nibabel.load(out)
    assert np.allclose(made.affine, SPACE) and set(np.unique(made.dataobj)) == {0, 7}
    shown = run_main("show", out)
    assert "command: apply" in shown.out


def _moved(shift):
    """Return where voxels lie of a volume whose voxels are shifted by (x, y, z)."""
    out = np.eye(4)
    out[:3, 3] = shift
    return np.linalg.inv(out)


def test_slopes_units_and_what_is_no_volume(tmp_path):
    scaled = saved(tmp_path / "scaled.nii", REFERENCE, scl_slope=0.5, scl_inter=3, xyzt_units=3)
    # nibabel chooses a slope of its own when it writes: read what it reads.
    assert np.allclose(read_image(scaled), np.asarray(nibabel.load(scaled).dataobj).T)
    assert spacing_of(read_file(scaled)) == pytest.approx((3.0, 1.5, 1.5))
    write_image(tmp_path / "plain.nii.gz", np.float64(REFERENCE))
    assert np.array_equal(read_image(tmp_path / "plain.nii.gz"), REFERENCE)
    film = saved(tmp_path / "film.nii", np.zeros((3, 9, 9, 9), np.int16))
    cut = tmp_path / "cut.nii"
    cut.write_bytes(scaled.read_bytes()[:5000])
    for path, said in ((film, "one volume of three axes"), (cut, "is cut off")):
        refused = run_main("align", path, scaled)
        assert refused.code == 2 and said in refused.complaint


def test_a_header_whose_image_is_another_file_is_not_called_cut_off(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(REFERENCE.T, SPACE), tmp_path / "a.img")
    done = run_main("align", tmp_path / "a.hdr", tmp_path / "a.hdr")
    assert done.code == 2 and "a.hdr is the header alone, whose image is an .img" in done.err


def test_what_is_stored_as_a_mirror_image_is_refused_in_a_sentence(tmp_path):
    mirrored = SPACE * [-1, 1, 1, 1]
    paths = saved(tmp_path / "one.nii", REFERENCE), saved(tmp_path / "two.nii", MOVING, mirrored)
    refused = run_main("align", *paths)
    assert refused.code == 2 and "(LAS and RAS), one a mirror image" in refused.complaint


def test_without_nibabel_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = saved(tmp_path / "one.nii", REFERENCE)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    refused = run_main("align", path, path)
    assert refused.code == 2 and "napari-ecc-align[nifti]" in refused.complaint
