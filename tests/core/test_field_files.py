"""Fields in files of others: OME-NGFF's displacements, read and written as its schema says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from scipy.ndimage import gaussian_filter, map_coordinates

from docs_pages import ROOT
from napari_ecc_align import Field, InputError, Transform
from napari_ecc_align._transform.formats.field_zarr import Sampled, write_zarr

SIDE = 96
SCHEMAS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in (ROOT / "tests/cli/ngff_0_6").glob("*.schema")
}
REGISTRY = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


@pytest.fixture
def bent() -> Field:
    noise = np.random.default_rng(3).normal(size=(2, 13, 13))
    u = np.stack([gaussian_filter(one, 4) for one in noise], axis=-1)
    u *= 1.5 / np.sqrt((u**2).sum(axis=-1).mean())
    return Transform([[1.01, 0.02, 4], [-0.01, 0.99, -3]]) @ Field.from_displacements(
        u, spacing=(8, 8)
    )


@pytest.fixture
def places() -> np.ndarray:
    return np.random.default_rng(0).uniform(4, SIDE - 4, (200, 2))


def attributes(folder: Path) -> dict:
    return json.loads((folder / "zarr.json").read_text("utf-8"))["attributes"]


def change(folder: Path, how: dict) -> None:
    """Change what a group says: keys with dots lead deeper."""
    document = json.loads((folder / "zarr.json").read_text("utf-8"))
    for key, value in how.items():
        *way, last = key.split(".")
        part = document
        for step in way:
            part = part[int(step) if step.isdigit() else step]
        part[last] = value
    (folder / "zarr.json").write_text(json.dumps(document))


def test_a_field_in_a_zarr_is_valid_and_moves_places_as_it_should(
    bent: Field, places: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "bent.zarr"
    bent.save(folder)
    for group, schema in ((folder, "scene"), (folder / GROUP, "image")):
        said = Draft202012Validator(SCHEMAS[schema], registry=REGISTRY)
        said.validate(attributes(group))
    # As another program applies it: zarr reads the vectors, lines lie between them.
    level = attributes(folder / GROUP)["ome"]["multiscales"][0]["datasets"][0]
    scale, shift = level["coordinateTransformations"][0]["transformations"]
    vectors = np.asarray(zarr.open_array(folder / GROUP / level["path"], mode="r")[...])
    at = (places[:, ::-1] - shift["translation"][1:]) / scale["scale"][1:]
    moved = [map_coordinates(one, at.T, order=1) for one in vectors]
    assert np.abs(places + np.stack(moved[::-1], axis=1) - bent(places)).max() < 0.015
    assert vectors.size < 0.5 * 2 * SIDE**2
    assert np.abs(Field.load(folder)(places) - bent(places)).max() < 0.01
    with pytest.raises(InputError, match="exists already"):
        bent.save(folder)
    (Transform([[1, 0, 1], [0, 1, 0]]) @ bent).save(folder, overwrite=True)
    assert np.abs(Field.load(folder)(places) - bent(places) - (1, 0)).max() < 0.01
    assert {path.name for path in tmp_path.iterdir()} == {"bent.zarr"}
    (tmp_path / "photos.zarr").mkdir()
    with pytest.raises(InputError, match="no field"):
        bent.save(tmp_path / "photos.zarr", overwrite=True)


GROUP = "coordinateTransformations/displacements"


def test_a_field_that_another_program_has_written_is_read(
    bent: Field, places: np.ndarray, tmp_path: Path
) -> None:
    """Compressed by zarr, in chunks, with x before y, and from moving to reference."""
    folder = tmp_path / "other.zarr"
    bent.save(folder)
    vectors = np.asarray(zarr.open_array(folder / GROUP / "s0", mode="r")[...])
    turned = vectors[::-1].swapaxes(1, 2)
    zarr.create_array(folder / GROUP / "s0", data=turned, chunks=(1, 5, 4), overwrite=True)
    image = "attributes.ome.multiscales.0"
    axes = attributes(folder / GROUP)["ome"]["multiscales"][0]["coordinateSystems"][0]["axes"]
    change(folder / GROUP, {f"{image}.coordinateSystems.0.axes": [axes[0], axes[2], axes[1]]})
    assert np.abs(Field.load(folder)(places) - bent(places)).max() < 0.01
    step = "attributes.ome.scene.coordinateTransformations.0"
    change(folder, {f"{step}.input.name": "moving", f"{step}.output.name": "reference"})
    back = Field.load(folder)
    assert np.abs(back(bent(places)) - places).max() < 0.03
    parts = attributes(folder)["ome"]["scene"]["coordinateTransformations"][0]
    shift = {"type": "translation", "translation": [2.0, 5.0]}
    whole = {"type": "sequence", "transformations": [parts, shift]}
    whole |= {"input": {"name": "reference"}, "output": {"name": "moving"}}
    change(folder, {"attributes.ome.scene.coordinateTransformations": [whole]})
    assert np.abs(Field.load(folder)(places) - bent(places) - (5, 2)).max() < 0.02


@pytest.mark.parametrize(("unit", "turned"), [(1.0, 0.0), (1.0, 60.0), (0.25, 25.0), (200.0, 0.0)])
def test_a_field_from_moving_to_reference_is_turned_round_whatever_lies_around_it(
    places: np.ndarray, tmp_path: Path, unit: float, turned: float
) -> None:
    """In units of which many or few are a pixel, with turns and shifts before, in and after."""
    folder, angle = tmp_path / "other.zarr", np.radians(turned)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def displaced(points: np.ndarray) -> np.ndarray:
        y, x = np.moveaxis(points[..., ::-1] / unit, -1, 0)
        waves = np.stack([2 * np.sin(y / 20), 2 * np.cos(x / 25)], axis=-1)
        return (points - 50 * unit) @ turn.T + (waves + np.array([60.0, -20.0])) * unit

    apart = 4 * unit
    grid = np.stack(np.meshgrid(*[apart * np.arange(-2, SIDE // 4 + 3)] * 2), axis=-1)
    start = tuple(grid[0, 0].tolist())
    write_zarr(folder, Sampled(displaced(grid) - grid, start, (apart, apart)), overwrite=False)
    before = Transform([[0, -unit, 90 * unit], [unit, 0, 0]]) if not turned else scaled(unit)
    after = scaled(1 / unit) @ Transform([[0.8, 0.6, 300 * unit], [-0.6, 0.8, -200 * unit]])
    parts = attributes(folder)["ome"]["scene"]["coordinateTransformations"]
    whole = {"type": "sequence", "input": {"name": "moving"}, "output": {"name": "reference"}}
    whole |= {"transformations": [as_affine(before), *parts, as_affine(after)]}
    change(folder, {"attributes.ome.scene.coordinateTransformations": [whole]})
    inside = before(places)
    known = places[((inside > 0) & (inside < SIDE * unit)).all(axis=1)]
    assert len(known) > 80
    there = after(displaced(before(known)))
    field = Field.load(folder)
    assert np.abs(field(there) - known).max() < 0.02
    assert np.abs(field.to_reference(known) - there).max() < 0.02


def scaled(by: float) -> Transform:
    return Transform(np.diag([by, by, 1.0]))


def as_affine(transform: Transform) -> dict:
    """Return a matrix of (x, y) as one of (y, x)."""
    rows = transform.matrix[[1, 0]][:, [1, 0, 2]]
    return {"type": "affine", "affine": rows.tolist()}


def test_displacements_that_turn_are_right_up_to_the_border() -> None:
    y, x = np.mgrid[:60:4, :80:4].astype(float)
    angle = np.radians(150)
    places = np.stack([x, y], axis=-1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    field = Field.from_displacements(places @ turn.T + (70, 50) - places, spacing=(4, 4))
    here = np.array([(0.5, 1), (3, 54), (75, 2), (74, 55.5), (40, 30)])
    there = here @ turn.T + (70, 50)
    assert np.abs(field(here) - there).max() < 1e-6
    assert np.abs(field.to_reference(there) - here).max() < 1e-6
    assert np.abs(field.inverse(there) - here).max() < 1e-4


@pytest.mark.parametrize(
    ("group", "how", "why"),
    [
        ("", {"attributes.ome.scene.coordinateTransformations.0.type": "affine"}, "0 transform"),
        ("", {"attributes.ome.scene.coordinateTransformations.0.path": "../.."}, "elsewhere"),
        ("", {"attributes.ome": []}, "no group of OME-NGFF"),
        ("", {"attributes.ome.scene.coordinateTransformations.0.path": 3}, "cannot read"),
        (GROUP, {"attributes.ome.multiscales.0.coordinateSystems.0.axes": []}, "axes y and x"),
        (GROUP, {"attributes.ome.multiscales": []}, "usable"),
        (f"{GROUP}/s0", {"shape": [2, 10**9, 10**9]}, "shape"),
        (f"{GROUP}/s0", {"shape": [2, 3, 3]}, "4 or more"),
        (f"{GROUP}/s0", {"chunk_grid.configuration.chunk_shape": [0, 1, 1]}, "regular"),
        (f"{GROUP}/s0", {"codecs": [{"name": "bytes"}]}, "usable"),
    ],
)
def test_what_holds_no_field_is_refused_in_words(
    bent: Field, tmp_path: Path, group: str, how: dict, why: str
) -> None:
    folder = tmp_path / "bent.zarr"
    bent.save(folder)
    change(folder / group, how)
    with pytest.raises(InputError, match=why):
        Field.load(folder)


def test_a_file_that_is_damaged_is_refused_in_words(bent: Field, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing"):
        Field.load(tmp_path / "missing.zarr")
    bent.save(tmp_path / "bent.npz")
    parts = dict(np.load(tmp_path / "bent.npz"))
    for name, part in (
        ("matrix", np.eye(4)),
        ("rows", np.ones(3)),
        ("columns", np.array([0, 0.0])),
        ("coefficients", np.full((5, 5, 2), np.nan)),
        ("sigma", np.ones(3)),
    ):
        np.savez(tmp_path / "bad.npz", **{**parts, name: part})
        with pytest.raises(InputError, match="usable field"):
            Field.load(tmp_path / "bad.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    with pytest.raises(InputError, match="usable field"):
        Field.load(tmp_path / "empty.npz")
