"""The moving layer while the search runs: where the transform says, and back."""

import awkward
import numpy as np

from napari_ecc_align._gui.align import preview
from napari_ecc_align._gui.layers.snapshots import snapshot


def test_one_transform_shown_twenty_times_is_one_place(viewer, monkeypatch):
    monkeypatch.setattr(preview, "_INTERVAL", 0.0)
    first, second = (viewer.add_layer(layer) for layer in awkward.pair())
    before = second.affine.affine_matrix.copy()
    preview_of = preview.Preview(second, snapshot(first, viewer), snapshot(second, viewer))
    for _ in range(20):
        preview_of.show(awkward.TRANSFORM)
        landed = awkward.world(second, awkward.moving_points())
        assert np.allclose(landed, awkward.world(first, awkward.POINTS))
    preview_of.remove()
    assert np.array_equal(second.affine.affine_matrix, before)
