"""Hostile volumes that were once called aligned."""

from volumes import hostile_pair

from napari_ecc_align import align_volume


def test_weak_spots_that_moved_below_threads_that_stay_are_seen() -> None:
    pair = hostile_pair(7340)
    assert pair.kind == "static"
    result = align_volume(pair.reference, pair.moving, model=pair.model)
    assert result.verdict == "doubtful" and "may belong to the camera" in result.reason
