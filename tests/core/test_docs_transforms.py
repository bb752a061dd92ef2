"""The code of docs/transforms.md and docs/directions.md, run as it stands there."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from docs_pages import DOCS, blocks, run
from napari_ecc_align import Transform, warp
from pairs import known_pair

TRUTH = Transform([[1.02, 0.03, 3.5], [-0.02, 0.99, -2.25], [0, 0, 1]])


def test_the_code_of_the_page_lays_the_moving_image_on_the_reference(tmp_path, monkeypatch):
    known = known_pair("camera", TRUTH)
    monkeypatch.chdir(tmp_path)
    TRUTH.save("transform.tfm")
    points = np.array([[20.0, 30], [25, 200], [170, 110]])
    theirs = TRUTH.to_moving(points[:, ::-1])[:, ::-1]
    names = run(
        "transforms.md",
        reference=known.reference,
        moving=known.moving,
        reference_points=SimpleNamespace(data=points),
        moving_points=SimpleNamespace(data=theirs),
    )
    gap = np.abs(names["aligned"] - known.reference)[12:-12, 12:-12]
    assert np.median(gap) < 1.5
    assert known.error_of(names["start"]) < 1e-6
    assert known.error_of(names["result"].transform) < 0.1
    assert known.error_of(Transform.load("back.tfm").inverse) < 1e-9


def seen_through(layer, reference):
    """Return what a layer shows where the pixels of another lie, on the screen."""
    places = np.stack(np.mgrid[: reference.data.shape[0], : reference.data.shape[1]], axis=-1)
    world = [reference.data_to_world(place) for place in places.reshape(-1, 2)]
    positions = np.array([layer.world_to_data(place) for place in world]).T
    shown = ndimage.map_coordinates(layer.data.astype(float), positions, order=1)
    return shown.reshape(reference.data.shape)


def test_each_neighbour_lays_the_f_on_the_reference(tmp_path, monkeypatch):
    from napari.layers import Image

    monkeypatch.chdir(tmp_path)
    first, *others = blocks("directions.md")
    names = {}
    exec(first, names)
    reference, moving, transform = names["reference"], names["moving"], names["transform"]
    right = warp(moving, transform, output_shape=reference.shape, interpolation="linear", fill=0)
    # Resampled twice, it is gray along its edges and else the same.
    assert np.mean(np.abs(right.astype(float) - reference) > 128) < 0.005
    ways = []
    for block in others:
        for name in ("warped", "layer", "reference_layer"):
            names.pop(name, None)
        exec(block, names)
        if "layer" in names:
            names["warped"] = seen_through(
                names["layer"], names.get("reference_layer") or Image(reference)
            )
        if "warped" in names:
            gap = np.abs(names["warped"].astype(float) - right)
            # OpenCV places pixels to 1/32, which is 8 of 255 on an edge.
            assert gap.max() <= 16, block
            ways.append(block)
    assert len(ways) == 10
    x, y, rotation, scale = names["in_pixels"]
    assert (x, y) == pytest.approx(transform((31.5, 23.5)) - (31.5, 23.5))
    assert names["in_micrometres"] == pytest.approx((x / 2, y / 2, rotation, scale))
    # Each mistake that is drawn shows: none of them would pass.
    swapped = transform.ndimage_matrix()
    for wrong in (transform.inverse.matrix, swapped, np.linalg.inv(swapped)):
        mistaken = warp(
            moving, wrong, output_shape=reference.shape, interpolation="linear", fill=0
        )
        assert np.mean(np.abs(mistaken.astype(float) - right) > 128) > 0.05


def test_the_picture_is_drawn_from_the_code_of_the_page(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import make_directions

    (tmp_path / "images").mkdir()
    (tmp_path / "directions.md").write_bytes((DOCS / "directions.md").read_bytes())
    monkeypatch.setattr(make_directions, "DOCS", tmp_path)
    make_directions.main()
    assert (tmp_path / "images" / "directions.png").stat().st_size < 20_000
    assert "(images/directions.png)" in (DOCS / "directions.md").read_text(encoding="utf-8")
