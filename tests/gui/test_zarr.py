"""Real zarr pyramids in the viewer: read only where needed, and what comes of them is as lazy."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import zarr
from results import result
from scipy.ndimage import zoom
from skimage import data
from zarr.storage import LocalStore

from napari_ecc_align import Transform, inspect_alignment, warp
from napari_ecc_align._images.limits import LIMITS
from napari_ecc_align._transform.coordinates import corner_error

KEY = "napari-ecc-align"
SIDE, CHUNK = 4096, 512
TURN = np.radians(0.4)
TRUTH = Transform(
    [
        [np.cos(TURN), -np.sin(TURN), 22.25],
        [np.sin(TURN), np.cos(TURN), -31.5],
        [0, 0, 1],
    ]
)


class Counting(LocalStore):
    """A store that knows which chunks of the full resolution have been read."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.read = set()

    async def get(self, key, prototype, byte_range=None):
        if key.startswith("s0/c/"):
            self.read.add(key)
        return await super().get(key, prototype, byte_range)

    @property
    def share(self):
        return len(self.read) / (SIDE // CHUNK) ** 2


def write(path, image):
    root = zarr.open_group(path, mode="w")
    for level in range(5):
        chunks = (min(CHUNK, len(image)),) * 2
        array = root.create_array(f"s{level}", shape=image.shape, chunks=chunks, dtype="uint8")
        array[:] = image
        image = image.reshape(len(image) // 2, 2, -1, 2).mean(axis=(1, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pyramids")
    rng = np.random.default_rng(3)
    fine = np.tile(zoom(data.gravel().astype(np.float32), 2, order=1), (4, 4))
    coarse = zoom(data.camera().astype(np.float32), 8, order=1)
    spots = zoom(rng.normal(0, 40, (512, 512)).astype(np.float32), 8, order=1)
    scene = np.clip(0.4 * fine + 0.5 * coarse + spots, 0, 255).astype(np.uint8)
    write(folder / "reference.zarr", scene)
    back = TRUTH.inverse
    write(folder / "moving.zarr", warp(scene, back, output_shape=scene.shape, fill="background"))
    return folder


@pytest.fixture
def large(monkeypatch):
    """Let images of this size be too large to be read whole."""
    monkeypatch.setattr(LIMITS, "compared_pixels", 2**20)


@pytest.fixture
def pyramids(viewer, folder, large):
    """Two layers straight from zarr arrays, and their stores."""
    stores = []
    for name in ("reference", "moving"):
        stores.append(Counting(folder / f"{name}.zarr", read_only=True))
        root = zarr.open_group(stores[-1], mode="r")
        levels = [root[key] for key in sorted(root.array_keys())]
        viewer.add_image(levels, name=name, multiscale=True, scale=(0.5, 0.5), units="um")
    return viewer, stores


def align(viewer, finish, **choices):
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.model.value = choices.pop("model", widget.model.value)
    for name, value in choices.items():
        getattr(widget.settings, name).value = value
    widget.align_button.native.click()
    finish(widget)
    return widget


def found(layer):
    return layer.metadata[KEY]["matrix"]


@pytest.mark.drawn
def test_a_zarr_pyramid_aligns_and_its_aligned_layer_is_lazy_and_multiscale(
    pyramids, finish, folder
):
    viewer, stores = pyramids
    widget = align(viewer, finish)
    assert "Aligned" in widget.after.results.verdict.value
    layer = result(viewer)
    assert corner_error(found(layer), TRUTH.matrix, (SIDE, SIDE)) < 0.1
    assert all(store.share < 0.7 for store in stores)
    assert layer.multiscale
    assert len(layer.data) > 3
    assert all(hasattr(level, "compute") for level in layer.data)
    assert np.allclose(layer.extent.world, viewer.layers["reference"].extent.world)
    part = (slice(1500, 1700), slice(2100, 2300))
    whole = zarr.open_array(folder / "moving.zarr" / "s0", mode="r")[:]
    expected = warp(whole, Transform(found(layer)), output_shape=(SIDE, SIDE), fill="background")
    assert np.abs(layer.data[0][part].compute() - expected[part].astype(int)).max() <= 1


@pytest.mark.drawn
def test_only_what_is_looked_at_is_resampled(pyramids, finish):
    viewer, stores = pyramids
    align(viewer, finish)
    layer = result(viewer)
    stores[1].read.clear()
    np.asarray(layer.data[0][1200:1300, 1200:1300])
    assert 0 < stores[1].share < 0.3
    stores[1].read.clear()
    np.asarray(layer.data[-1])
    assert stores[1].share == 0


@pytest.mark.drawn
def test_a_pair_that_is_too_large_to_be_counted_is_compared_where_one_looks(pyramids, finish):
    viewer, stores = pyramids
    widget = align(viewer, finish)
    view = widget.after.next.view
    assert view.value == "binary difference" and view.enabled
    labels = result(viewer, "binary difference")
    assert labels.visible and labels.multiscale
    # The threshold is told from some of the pixels: what agrees has none.
    assert np.mean(np.asarray(labels.data[0][1200:1300, 1200:1300]) != 0) < 0.01
    assert "compared where you look" in widget.after.results.verdict.value
    for role, axes in (("overlay", 3), ("checkerboard", 2), ("difference", 2)):
        view.value = role
        finish(widget)
        layer = result(viewer, role)
        assert layer.visible and layer.multiscale
        assert all(hasattr(level, "compute") and level.ndim == axes for level in layer.data)
        assert np.allclose(layer.extent.world, viewer.layers["reference"].extent.world)
        for store in stores:
            store.read.clear()
        part = np.asarray(layer.data[0][1200:1300, 1200:1300])
        assert all(0 < store.share < 0.3 for store in stores)
    # What agrees is dark.
    assert np.nanmean(part) < 0.1 * layer.contrast_limits[1]
    widget.settings.difference.value = "signed"
    finish(widget)
    assert np.nanmin(np.asarray(result(viewer, "difference").data[0][1200:1300, 1200:1300])) < 0


def test_moving_a_zarr_pyramid_reads_and_writes_nothing_more(pyramids, finish):
    viewer, _ = pyramids
    align(viewer, finish, output="move")
    assert [layer.name for layer in viewer.layers] == ["reference", "moving"]
    moving = viewer.layers["moving"]
    for x, y in ((0, 0), (4095, 0), (700, 3000)):
        there = TRUTH.to_moving((x, y))[::-1]
        assert np.allclose(moving.data_to_world(there), (y / 2, x / 2), atol=0.06)


def lazily(image):
    return da.from_array(image, chunks=128)


def smaller(image):
    return [image[::step, ::step] for step in (1, 2)]


# What a person may have open, of an image that is small enough to be counted.
KINDS = {
    "lazy pyramids": [lambda image: [lazily(one) for one in smaller(image)]] * 2,
    "lazy arrays": [lazily] * 2,
    "pyramids in memory": [smaller] * 2,
    "a lazy reference": [lazily, np.copy],
    "a lazy moving image": [np.copy, lazily],
}


@pytest.mark.drawn
@pytest.mark.parametrize("model", ["affine", "smooth"])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_comes_of_a_pair_that_is_lazy_is_lazy(viewer, finish, kind, model):
    image = data.camera()
    images = image[100:356, 100:356], image[103:359, 98:354]
    for name, whole, made in zip(("first", "second"), images, KINDS[kind], strict=True):
        viewer.add_image(made(whole), name=name)
    widget = align(viewer, finish, model=model)
    assert "Aligned" in widget.after.results.verdict.value
    for threshold in ("otsu", "mean"):
        widget.settings.threshold.method.value = threshold
        finish(widget)
        run = widget.after.run
        transform = run.transforms[0]
        seen = inspect_alignment(*images, transform, method=threshold)
        assert run.rows()[0].after == f"{seen.after.different:,}"
        assert run.inspection.mean_difference == pytest.approx(seen.mean_difference)
        expected = {
            "aligned": seen.warped,
            "difference": np.where(seen.valid, seen.difference, np.nan),
            "binary difference": seen.after.labels,
        }
        for role in (*expected, "overlay", "checkerboard"):
            widget.after.next.view.value = role
            finish(widget)
            layer = result(viewer, role)
            levels = list(layer.data) if layer.multiscale else [layer.data]
            assert layer.visible and all(hasattr(level, "compute") for level in levels)
            if role in expected:
                drawn = levels[0].compute().astype(float)
                # The contrast is told from some blocks, which here are not all of the image.
                most = 1 if role == "aligned" else 4
                assert np.nanmean(np.abs(drawn - expected[role]) > most) < 0.01


def test_opened_by_napari_from_the_folder(viewer, folder, large, finish):
    for name in ("reference", "moving"):
        viewer.open(folder / f"{name}.zarr", plugin="napari", multiscale=True)
    widget = align(viewer, finish)
    assert "Aligned" in widget.after.results.verdict.value
    assert corner_error(found(result(viewer)), TRUTH.matrix, (SIDE, SIDE)) < 0.1
    widget.after.next.undo.native.click()
    assert len(viewer.layers) == 2


@pytest.mark.drawn
def test_what_the_canvas_reads_meanwhile_does_no_harm(viewer, folder, large, qtbot):
    for name in ("reference", "moving"):
        viewer.open(folder / f"{name}.zarr", plugin="napari", multiscale=True)
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    for _ in range(3):
        widget.run()
        while widget.running:
            # As a person does who pans: napari keeps what dask computes for it by hooks.
            for layer in viewer.layers[:2]:
                np.asarray(layer.data[1][100:900, 200:1000])
            qtbot.wait(1)
        assert "Aligned" in widget.after.results.verdict.value


def test_the_script_of_a_pyramid_gives_the_same_transform_to_the_last_bit(
    viewer, folder, large, finish
):
    for name in ("reference", "moving"):
        viewer.open(folder / f"{name}.zarr", plugin="napari", multiscale=True)
    widget = align(viewer, finish)
    assert "Aligned" in widget.after.results.verdict.value
    script = widget.after.copy_script()
    assert "inspect_alignment" not in script
    printed = subprocess.run(
        [sys.executable, "-I", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    matrix = next(line for line in printed.splitlines() if line.startswith("[["))
    assert matrix == str(found(result(viewer)))


def test_blinking_large_images(pyramids, finish):
    viewer, _ = pyramids
    widget = align(viewer, finish)
    widget.after.next.blink.value = True
    assert not viewer.layers["moving"].visible
    assert result(viewer).visible
    widget.after.next.blink.value = False
    assert viewer.layers["moving"].visible


def test_a_region_on_a_zarr_pyramid(pyramids, finish):
    viewer, stores = pyramids
    box = np.array([[400, 400], [400, 1500], [1500, 1500], [1500, 400]])
    shapes = viewer.add_shapes([box / 2], units="um", name="part")
    widget = viewer.window.add_plugin_dock_widget(KEY, "Align images")[1]
    widget.where.region.value = shapes
    for store in stores:
        store.read.clear()
    widget.run()
    finish(widget)
    # A fifteenth of the image has little to say of its corners.
    assert "Failed" not in widget.after.results.verdict.value
    layer = result(viewer)
    inside = box[:, ::-1]
    gap = Transform(found(layer)).to_moving(inside) - TRUTH.to_moving(inside)
    assert np.abs(gap).max() < 0.5
    assert all(store.share < 0.4 for store in stores)


@pytest.mark.drawn
def test_a_zarr_stack(viewer, tmp_path, finish):
    image = data.camera()
    shifts = [(0, 0), (2, -1), (3, 1)]
    frames = np.stack([image[50 + y : 210 + y, 60 + x : 240 + x] for y, x in shifts])
    array = zarr.create_array(tmp_path / "film.zarr", data=frames, chunks=(1, 80, 90))
    viewer.add_image(array, name="film")
    widget = align(viewer, finish)
    assert "3 frames: 3 aligned" in widget.after.results.verdict.value
    layer = result(viewer)
    assert hasattr(layer.data, "compute")
    got = np.array(layer.metadata[KEY]["frame_matrices"])[:, :2, 2]
    assert np.allclose(got, [(-x, -y) for y, x in shifts], atol=0.1)
