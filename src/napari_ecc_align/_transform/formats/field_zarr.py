"""Fields as OME-NGFF 0.6 `displacements`: a Zarr group with vectors on an even grid.

Direction: from the points of ``input`` to those of ``output``; written as reference to moving, in
pixels, and turned round by the reader if ``input`` is called "moving" or ``output`` "reference".
Axis order: that of the file, written (y, x), of volumes (z, y, x). What comes before and after
the displacements in a sequence is kept as matrices.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.json_files import json_in
from ..._common.memory import at_most, expanded, most_image_bytes
from ..._common.opening import opened
from ..._common.staging import move_folder_into_place, remove_leftovers, staging_folder
from ..._common.zarr_arrays import METADATA, chunk_bounds, opened_array, part_of
from ..axes import in_row_column
from .ome_ngff import ends_of, matrix_of

Array = NDArray[np.float64]

VERSION = "0.6"
_PLACE, _LEVEL = "coordinateTransformations/displacements", "s0"
_ENDS = ("input", "output")
# Along each axis of a plane, and of a volume, a chunk has so many vectors.
_PART = {2: 512, 3: 64}
# Each takes a look at a file.
_MOST_CHUNKS = 2**18


def _space(axes: int) -> list[dict[str, Any]]:
    return [{"name": name, "type": "array"} for name in "zyx"[-axes:]]


class Sampled(NamedTuple):
    """Displacements (dx, dy), of volumes (dx, dy, dz), on an even grid.

    Attributes
    ----------
    values : ndarray of float64, shape (h, w, 2) or (d, h, w, 3)
    start, spacing : tuple of float
        Where (x, y), or (x, y, z), the first lies, and how far apart they are.
    """

    values: Array
    start: tuple[float, ...]
    spacing: tuple[float, ...]


class Stored(NamedTuple):
    """What a file holds: a matrix before displacements, these, a matrix after, and which way."""

    before: Array
    sampled: Sampled
    after: Array
    backward: bool


def is_zarr(path: GivenPath) -> bool:
    """Return whether a path is called as a Zarr group is."""
    return Path(path).suffix.lower() == ".zarr"


def write_zarr(path: GivenPath, sampled: Sampled, *, overwrite: bool) -> None:
    """Write displacements as a Zarr group, whole or not at all.

    Raises
    ------
    InputError
        If there is something of that name that is none of ours, or `overwrite` is false, or it
        cannot be written.
    """
    path = Path(path)
    there = check_free(path, overwrite=overwrite)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: its folder does not exist; create it first")
    try:
        remove_leftovers(path.parent, [])
        with staging_folder(path.parent) as staged:
            folder = staged / path.name
            _fill(folder, sampled)
            move_folder_into_place(folder, path, overwrite=there)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def check_free(path: Path, *, overwrite: bool) -> bool:
    """Return whether there is a field of that name that may be replaced, False if nothing is.

    Raises
    ------
    InputError
        If there is something that may not.
    """
    there = path.exists() or path.is_symlink()
    if there and not (overwrite and _is_ours(path)):
        raise InputError(
            f"{path} exists already" + " and is no field" * overwrite + "; choose another name"
        )
    return there


def _is_ours(path: Path) -> bool:
    try:
        return not path.is_symlink() and bool(_transformation(path))
    except (InputError, ValueError):
        return False


def _fill(folder: Path, sampled: Sampled) -> None:
    space = _space(len(sampled.start))
    systems = [{"name": name, "axes": space} for name in ("reference", "moving")]
    step = {
        "type": "displacements",
        "path": _PLACE,
        "interpolation": "linear",
        "input": {"name": "reference"},
        "output": {"name": "moving"},
    }
    scene = {"coordinateSystems": systems, "coordinateTransformations": [step]}
    _write_group(folder, {"ome": {"version": VERSION, "scene": scene}})
    write_displacements(folder / _PLACE, sampled, "reference", space)


def write_displacements(
    group: Path, sampled: Sampled, system: str, axes: Sequence[Mapping[str, Any]]
) -> None:
    """Write vectors as an image of their own, for a transformation of type `displacements`.

    Parameters
    ----------
    group : Path
        A folder that is not there yet, in a group.
    sampled : Sampled
        In the units of the axes.
    system : str
        The coordinate system of which they displace the points.
    axes : sequence of mapping
        Its axes, columns last.
    """
    _write_group(group.parent, {})
    vectors: dict[str, Any] = {"name": "c", "type": "displacement", "discrete": True}
    place: list[dict[str, Any]] = [
        {"type": "scale", "scale": [1.0, *map(float, sampled.spacing[::-1])]},
        {"type": "translation", "translation": [0.0, *map(float, sampled.start[::-1])]},
    ]
    placed: dict[str, Any] = {
        "type": "sequence",
        "transformations": place,
        "input": {"path": _LEVEL},
        "output": {"name": system},
    }
    image = {
        "name": "displacements",
        "coordinateSystems": [{"name": system, "axes": [vectors, *axes]}],
        "datasets": [{"path": _LEVEL, "coordinateTransformations": [placed]}],
    }
    _write_group(group, {"ome": {"version": VERSION, "multiscales": [image]}})
    _write_array(group / _LEVEL, np.moveaxis(sampled.values[..., ::-1], -1, 0))


def _write_group(folder: Path, attributes: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _write_array(folder: Path, values: Array) -> None:
    """Write an array (c, h, w), or (c, d, h, w), in single precision."""
    folder.mkdir()
    axes = len(values)
    part = (axes, *(min(_PART[axes], length) for length in values.shape[1:]))
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(values.shape),
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(part)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "gzip", "configuration": {"level": 6}},
        ],
        "dimension_names": ["c", *"zyx"[-axes:]],
        "attributes": {},
    }
    (folder / "zarr.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    for key, box in _parts(values.shape, part):
        chunk = np.zeros(part, "<f4")
        inside = values[box]
        chunk[tuple(slice(0, length) for length in inside.shape)] = inside
        file = folder.joinpath("c", *map(str, key))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(chunk.tobytes(), 6, mtime=0))


def _parts(shape: tuple[int, ...], part: tuple[int, ...]) -> Any:
    """Yield the key of each chunk, and where it lies."""
    counts = (range(-(-length // own)) for length, own in zip(shape, part, strict=True))
    for key in product(*counts):
        starts = [at * own for at, own in zip(key, part, strict=True)]
        yield key, tuple(slice(at, at + own) for at, own in zip(starts, part, strict=True))


def read_zarr(path: GivenPath, axes: int = 2) -> Stored:
    """Return the field that a Zarr group holds, of two axes, or of three.

    Raises
    ------
    InputError
        If there is none that can be used.
    """
    folder = Path(path)
    try:
        return _stored(folder, _transformation(folder), axes)
    except InputError as error:
        raise InputError(f"{folder} holds no usable field: {error}") from error
    except _FLAWS as error:
        raise InputError(f"{folder} holds no usable field: {error!r:.200}") from error


_FLAWS = (KeyError, TypeError, ValueError, IndexError, OSError, AttributeError, OverflowError)


def _said(folder: Path) -> dict[str, Any]:
    """Return what a group says under ``ome``."""
    said = json_in(folder / "zarr.json", METADATA)[0]["attributes"]["ome"]
    if not isinstance(said, dict):
        raise InputError("it is no group of OME-NGFF")
    return said


def _transformation(folder: Path) -> dict[str, Any]:
    """Return the one transformation of a scene or an image that has displacements."""
    said = _said(folder)
    parts = [said.get("scene"), *said.get("multiscales", [])]
    listed = [
        one
        for part in parts
        if isinstance(part, dict)
        for one in part.get("coordinateTransformations", [])
        if isinstance(one, dict)
    ]
    found = [one for one in listed if any(map(_displaces, _steps_of(one)))]
    if len(found) != 1:
        raise InputError(f"it has {len(found)} transformations with displacements, not one")
    return found[0]


def _steps_of(item: dict[str, Any]) -> list[Any]:
    steps = item["transformations"] if item.get("type") == "sequence" else [item]
    return list(steps) if isinstance(steps, list) else []


def _displaces(step: Any) -> bool:
    return isinstance(step, dict) and step.get("type") == "displacements"


def _stored(folder: Path, item: dict[str, Any], axes: int) -> Stored:
    steps = _steps_of(item)
    kinds = [*map(_displaces, steps)]
    if sum(kinds) != 1:
        raise InputError("its sequence has more than one field of displacements")
    at = kinds.index(True)
    sampled = read_displacements(folder, str(steps[at]["path"]), axes)
    before, after = (_matrix(part, axes) for part in (steps[:at], steps[at + 1 :]))
    if any(isinstance(item.get(end), dict) and item[end].get("path") for end in _ENDS):
        raise InputError(
            "it is a scene, whose field lies between its images, in their units; ecc-align judge "
            "--transform takes it"
        )
    source, target = ends_of(item)
    return Stored(before, sampled, after, source == "moving" or target == "reference")


def _matrix(steps: list[Any], axes: int) -> Array:
    """Return steps, of the axes (y, x), as one matrix of (x, y); of volumes of (x, y, z)."""
    inner = {"type": "sequence", "transformations": steps}
    # The order of the axes is turned by the same change as back.
    return in_row_column(matrix_of(inner, axes)) if steps else np.eye(axes + 1)


def displaced_axes(path: GivenPath) -> int:
    """Return of how many axes the displacements in a Zarr group are; raise as `read_zarr`."""
    folder = Path(path)
    try:
        steps = _steps_of(_transformation(folder))
        place = folder / str(next(step for step in steps if _displaces(step))["path"])
        return len(_said(place)["multiscales"][0]["coordinateSystems"][0]["axes"]) - 1
    except (InputError, *_FLAWS) as error:
        raise InputError(f"{folder} holds no usable field: {error!r:.200}") from error


def read_displacements(folder: Path, path: str, count: int = 2) -> Sampled:
    """Return the displacements of so many axes at a path of a group.

    Raises
    ------
    InputError
        If there are others, or none.
    """
    place = (folder / path).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise InputError(f"its displacements lie elsewhere, at {path!r:.80}")
    image = _said(place)["multiscales"][0]
    level = image["datasets"][0]
    axes = image["coordinateSystems"][0]["axes"]
    names = [str(axis["name"]) for axis in axes]
    kinds = [axis.get("type") for axis in axes]
    wanted = "zyx"[-count:]
    told = f"{', '.join(wanted[:-1])} and x"
    if len(axes) != count + 1 or kinds.count("displacement") != 1 or not {*wanted} <= {*names}:
        raise InputError(f"its displacements must have axes {told}, and one of type displacement")
    vector = kinds.index("displacement")
    space = [at for at in range(count + 1) if at != vector]
    scale, start = np.ones(count + 1), np.zeros(count + 1)
    for one in level.get("coordinateTransformations", []):
        for step in _steps_of(one):
            if step["type"] == "scale":
                scale[-len(step["scale"]) :] *= step["scale"]
                start[-len(step["scale"]) :] *= step["scale"]
            elif step["type"] == "translation":
                start[-len(step["translation"]) :] += step["translation"]
            elif step["type"] != "identity":
                raise InputError(f"its displacements are placed by {step['type']!r:.40}")
    values = np.moveaxis(_array(place / str(level["path"]), count), vector, -1)
    if values.shape[-1] != count:
        raise InputError(f"its displacements must have {count} parts, along {told}")
    # As (x, y, z), and the places by planes, rows and columns.
    order = [[names[at] for at in space].index(name) for name in wanted]
    values = values.transpose(*order, count)[..., order[::-1]]
    first, apart = (
        tuple(float(along[space[at]]) for at in order[::-1]) for along in (start, scale)
    )
    if not (min(apart) > 0 and np.isfinite([*first, *apart]).all()):
        raise InputError(f"its grid must go on in {told}")
    if not np.isfinite(values).all():
        raise InputError("its displacements are not all finite")
    return Sampled(np.asarray(values, np.float64), first, apart)


def _array(folder: Path, axes: int) -> Array:
    """Return the numbers of an array: by itself if it is stored plainly, else by zarr."""
    document, _ = json_in(folder / "zarr.json", METADATA)
    shape = tuple(int(length) for length in document["shape"])
    if len(shape) != axes + 1 or min(shape) < 1 or 8 * prod(shape) > most_image_bytes():
        raise InputError(f"its displacements have the shape {shape}")
    codecs = [(codec["name"], codec.get("configuration", {})) for codec in document["codecs"]]
    plain = [name for name, _ in codecs] in (["bytes"], ["bytes", "gzip"])
    key = document["chunk_key_encoding"]
    if not plain or key.get("name") != "default" or document["data_type"] not in _KINDS:
        return part_of(opened_array(folder), (...,), folder).astype(np.float64)
    endian = codecs[0][1].get("endian", "little")
    kind = np.dtype(_KINDS[document["data_type"]]).newbyteorder("<" if endian == "little" else ">")
    separator = key.get("configuration", {}).get("separator", "/")
    part = tuple(int(length) for length in document["chunk_grid"]["configuration"]["chunk_shape"])
    if document["chunk_grid"]["name"] != "regular" or len(part) != axes + 1 or min(part) < 1:
        raise InputError("its chunks are no regular grid")
    if prod(-(-length // own) for length, own in zip(shape, part, strict=True)) > _MOST_CHUNKS:
        raise InputError(f"its chunks of {part} are too many; save it with larger ones")
    bounds = chunk_bounds(folder)
    unpack = partial(expanded, most=bounds.most) if len(codecs) > 1 else bytes
    values = np.full(shape, float(document["fill_value"]))
    for at, box in _parts(shape, part):
        file = folder / separator.join(["c", *map(str, at)])
        if file.is_file():
            with opened(file, "a chunk of an array") as stored:
                content = at_most(stored, bounds.most)
            chunk = np.frombuffer(unpack(content), kind, prod(part))
            inside = values[box].shape
            chunk = np.where(np.isfinite(chunk), chunk, np.inf)
            values[box] = chunk.reshape(part)[tuple(slice(0, length) for length in inside)]
    return values


_KINDS = {"float32": "f4", "float64": "f8"}
