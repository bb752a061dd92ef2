"""Volumes turned by any angle about any axis, where all turns are asked for."""

import numpy as np
import pytest
from scipy import ndimage

from napari_ecc_align import align_volume
from napari_ecc_align._align.volume import search
from napari_ecc_align._align.volume.motion import rotation


def test_every_turn_has_one_that_is_tried_near_it():
    tried = np.array([*search._all_turns()])
    assert np.allclose(tried @ tried.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(tried), 1)
    rng = np.random.default_rng(0)
    for quaternion in rng.normal(size=(300, 4)):
        axis, length = quaternion[1:], np.linalg.norm(quaternion[1:])
        turn = rotation(2 * np.arctan2(length, quaternion[0]) * axis / length)
        nearest = np.einsum("nij,ij->n", tried, turn).max()
        # Farther than from one of the turns about z to the next, a tilt is not.
        assert np.degrees(np.arccos((nearest - 1) / 2)) < 17


def test_a_volume_turned_over_is_found_where_all_turns_are_asked_for(monkeypatch):
    rng = np.random.default_rng(3)
    volume = ndimage.gaussian_filter(rng.normal(size=(40, 44, 42)), 2)
    over = np.rot90(volume, 2, axes=(0, 1))
    offset = np.array([2, -1, 3])
    moving = np.roll(over, offset, (0, 1, 2))
    # Some of all: the whole takes seconds.
    near = [turn for turn in search._all_turns() if turn[0, 0] < -0.9 and turn[1, 1] < -0.8]
    assert 2 < len(near) < 100
    monkeypatch.setattr(search, "_all_turns", lambda: iter(near))
    assert not align_volume(volume, moving).aligned
    result = align_volume(volume, moving, all_turns=True)
    assert result.aligned and result.start == "turns"
    expected = np.diag([1.0, -1.0, -1.0])
    assert result.transform.matrix[:3, :3] == pytest.approx(expected, abs=2e-3)
    at_middle = result.transform.to_moving(np.array([[20.0, 20.0, 20.0]]))[0]
    assert at_middle == pytest.approx([23, 22, 21], abs=0.1)
