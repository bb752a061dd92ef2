"""OME-Zarr images read as image files: axes, sizes of voxels, and what is refused."""

import builtins
import json

import numpy as np
import pytest
import zarr

from napari_ecc_align import InputError, read_image, save_volume
from napari_ecc_align._common.memory import IMAGE_BYTES
from napari_ecc_align._images.files.headers import check_image_file
from napari_ecc_align._images.files.images import read_file
from napari_ecc_align._images.files.volumes import spacing_of
from napari_ecc_align._images.files.zarr_image import ZarrFilm

VOXELS = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)


def image(path, pixels, axes, unit="micrometer", scale=None, version=3):
    group = zarr.open_group(path, mode="w", zarr_format=version)
    chunks = tuple(min(3, length) for length in pixels.shape)
    group.create_array("0", shape=pixels.shape, chunks=chunks, dtype=pixels.dtype)[...] = pixels
    kinds = {"t": {"type": "time"}, "c": {"type": "channel"}}
    space = {"type": "space", **({"unit": unit} if unit else {})}
    step = {"type": "scale", "scale": scale or [1.0] * pixels.ndim}
    told = {
        "axes": [{"name": name, **kinds.get(name, space)} for name in axes],
        "datasets": [{"path": "0", "coordinateTransformations": [step]}],
    }
    if version == 3:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [told]}
    else:
        group.attrs["multiscales"] = [{**told, "version": "0.4"}]
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_pixels_come_with_their_axes_and_sizes(tmp_path, version):
    scale = [1.0, 1.0, 500.0, 200.0, 100.0]
    path = image(tmp_path / "all.zarr", VOXELS, "tczyx", "nanometer", scale, version)
    file = read_file(path)
    assert file.pixels.shape == (24, 5, 6) and np.array_equal(file.pixels.ravel(), VOXELS.ravel())
    assert str(file.held) == "2 frames (T) x 4 planes (Z) of 3 channels (C)"
    assert spacing_of(file) == pytest.approx((0.5, 0.2, 0.1))
    assert file.grid.pixel_um == pytest.approx((0.1, 0.2))
    film = ZarrFilm(path)
    assert len(film) == 2 and film.shape == (2, 3, 4, 5, 6)
    assert np.array_equal(film[1], VOXELS[1])
    assert np.array_equal(film.page(17), VOXELS.reshape(-1, 5, 6)[17])
    assert str(film.file(0).held) == "4 planes (Z) of 3 channels (C)"
    assert spacing_of(film.file(0)) == pytest.approx((0.5, 0.2, 0.1))
    assert [number for number, _ in film.parts()] == [0] * 12 + [1] * 12


@pytest.mark.parametrize("axes", ["xy", "yxc"])
def test_rows_and_columns_come_last_in_this_order(tmp_path, axes):
    path = image(tmp_path / "a.zarr", VOXELS[(0,) * (5 - len(axes))], axes)
    with pytest.raises(
        InputError, match=f"axes {', '.join(axes)}, of which y and x must be the last"
    ):
        read_image(path)


def test_a_folder_of_images_says_that_one_is_to_be_named(tmp_path):
    """As Bio-Formats writes them."""
    zarr.open_group(tmp_path / "all.zarr", mode="w", zarr_format=2).attrs[
        "bioformats2raw.layout"
    ] = 3
    path = image(tmp_path / "all.zarr" / "0", VOXELS[0, 0, 0], "yx", version=2)
    with pytest.raises(
        InputError, match=r"have no 'multiscales'; if it holds .* such as .*all\.zarr/0$"
    ):
        read_image(path.parent)
    assert read_image(path).shape == (5, 6)


def test_axes_of_one_are_left_out(tmp_path):
    path = image(tmp_path / "thin.ome.zarr", VOXELS[:1, :1], "tczyx")
    assert read_image(path).shape == (4, 5, 6)
    flat = image(tmp_path / "flat.ome.zarr", VOXELS[0, 0, :1], "zyx")
    assert read_image(flat).shape == (5, 6) and read_file(flat).held is None
    with pytest.raises(InputError, match="holds no film but one image"):
        ZarrFilm(flat)


def test_what_has_no_unit_is_in_micrometres_and_what_says_nothing_is_unknown(tmp_path):
    assert save_volume(tmp_path / "saved.zarr", VOXELS[0, 0], spacing=(2, 0.5, 0.25))
    assert spacing_of(read_file(tmp_path / "saved.zarr")) == pytest.approx((2, 0.5, 0.25))
    assert save_volume(tmp_path / "bare.zarr", VOXELS[0, 0])
    assert spacing_of(read_file(tmp_path / "bare.zarr")) is None
    odd = image(tmp_path / "odd.zarr", VOXELS[0, 0], "zyx", "parsec")
    assert spacing_of(read_file(odd)) is None


def test_what_cannot_be_read_is_refused(tmp_path, monkeypatch):
    path = image(tmp_path / "all.zarr", VOXELS, "tczyx")
    check_image_file(path)
    with pytest.raises(InputError, match=r"claims"):
        check_image_file(path, max_pixels=100)
    monkeypatch.setenv(IMAGE_BYTES, "100")
    with pytest.raises(InputError, match=r"claims"):
        read_image(path)
    monkeypatch.delenv(IMAGE_BYTES)
    turned = image(tmp_path / "turned.zarr", VOXELS[0, 0], "zyx")
    document = json.loads((turned / "zarr.json").read_text())
    axes = document["attributes"]["ome"]["multiscales"][0]["axes"]
    axes[2] = {"name": "c", "type": "channel"}
    (turned / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="of which y and x must be the last"):
        read_image(turned)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="name an image file"):
        read_image(tmp_path / "folder")
    (path / "0" / "zarr.json").write_text("{}")
    with pytest.raises(InputError, match="holds no array that can be used"):
        read_image(path)

    def without(name, *more, ours=builtins.__import__):
        if name == "zarr":
            raise ImportError(name)
        return ours(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"napari-ecc-align\[zarr\]"):
        read_image(turned)
