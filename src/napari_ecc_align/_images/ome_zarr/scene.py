"""Scenes of OME-NGFF 0.6: two images, and the transform between them, with where it comes from.

Direction: written as from the moving image to the reference, which a viewer needs to show both; in
the units of the images. Axis order: that of the images. The pixels are linked, not copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.json_files import json_in
from ..._common.staging import folder_in_staging
from ..._common.zarr_arrays import METADATA
from ..._transform.axes import in_row_column
from ..._transform.coordinates import map_points
from ..._transform.field import Field
from ..._transform.field_samples import sampled
from ..._transform.formats.field_zarr import Sampled, write_displacements
from ..._transform.matrices import Matrix, checked_of_any_size, inverse_of
from .arrays import link_array
from .image import OmeZarrImage, read_ome_zarr

VERSION = "0.6"
PROVENANCE = "napari-ecc-align"
_ENDINGS = (".zarr", ".ome")
_TOLD = ("verdict", "reason", "spacing", "corner_uncertainty", "ecc", "inverted", "start")
_PLACE = "coordinateTransformations/displacements"


def save_scene(
    path: GivenPath,
    transform: Any,
    reference: GivenPath,
    moving: GivenPath,
    *,
    copy: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a scene of OME-NGFF 0.6: two OME-Zarr images, one laid on the other.

    A new folder has the metadata of both images as version 0.6, and the transform from the moving
    image to the reference, with axes and units. Nothing of the two images is changed or resampled:
    their arrays are linked, or copied where the system makes no links.

    Parameters
    ----------
    path : str or path-like
        The folder to write, such as ``pair.zarr``; there must be nothing of that name.
    transform : Transform, Field, VolumeTransform, result, or array_like, (3, 3) or (4, 4)
        From pixels (x, y), or (x, y, z), of the reference's finest level to those of the moving
        image's. Of a field the inverse is written, as displacements in the units of space, as far
        apart as lines between them are right to 0.01 px.
    reference, moving : str or path-like
        OME-Zarr images of version 0.4, 0.5 or 0.6, with the same axes.
    copy : bool, default: False
        Copy the arrays, so that the scene can be moved without the images.
    provenance : mapping, optional
        Where the transform comes from; the numbers of a result are added.

    Raises
    ------
    InputError
        If an image cannot be used, their axes differ, the transform is a homography or of another
        number of axes, or `path` exists.

    Examples
    --------
    >>> from napari_ecc_align import save_scene
    >>> save_scene("pair.zarr", [[1, 0, 5], [0, 1, 0], [0, 0, 1]], "a.zarr", "b.zarr")
    Traceback (most recent call last):
    InputError: a.zarr is no OME-Zarr image: it has neither zarr.json nor .zattrs
    """
    path = Path(path)
    images = read_ome_zarr(reference), read_ome_zarr(moving)
    step, bent = _transformation(transform, *images)
    names = _names(*images)
    ends = [
        {"name": image.system, "path": name} for image, name in zip(images, names, strict=True)
    ]
    step = {"name": f"{names[1]} to {names[0]}", **step, "input": ends[1], "output": ends[0]}
    made = _made(transform, images, names, provenance or {})
    attributes = {
        "ome": {"version": VERSION, "scene": {"coordinateTransformations": [step]}},
        PROVENANCE: made,
    }
    with folder_in_staging(path) as folder:
        _write_group(folder, attributes)
        if bent is not None:
            moving_axes = [images[1].axes[at] for at in images[1].spatial]
            write_displacements(folder / _PLACE, bent, images[1].system, moving_axes)
        for image, name in zip(images, names, strict=True):
            _write_image(folder / name, path / name, image, copy=copy)


def scene_provenance(path: GivenPath) -> dict[str, Any] | None:
    """Return what a scene says of where it comes from, or None if a folder is none of ours."""
    file = Path(path) / "zarr.json"
    if not file.is_file():
        return None
    attributes = json_in(file, METADATA)[0].get("attributes")
    found = attributes.get(PROVENANCE) if isinstance(attributes, dict) else None
    return found if isinstance(found, dict) else None


def _transformation(
    given: Any, reference: OmeZarrImage, moving: OmeZarrImage
) -> tuple[dict[str, Any], Sampled | None]:
    """Return the transformation from the moving image's coordinate system to the reference's.

    And the displacements that it refers to, if it is one of a field.
    """
    labels = [[(a["name"], a.get("unit")) for a in image.axes] for image in (reference, moving)]
    if [name for name, _ in labels[0]] != [name for name, _ in labels[1]]:
        raise InputError(
            f"the axes of {reference.folder} and {moving.folder} differ: "
            f"{', '.join(name for name, _ in labels[0])} and "
            f"{', '.join(name for name, _ in labels[1])}"
        )
    where = reference.spatial
    into, out_of = reference.pixels_to_space(), np.linalg.inv(moving.pixels_to_space())
    held = getattr(given, "transform", given)
    if isinstance(held, Field):
        if len(where) != 2:
            raise InputError(f"a field is of images: these have {len(where)} axes of space")
        if held.matrix[2, :2].any():
            raise InputError("a scene cannot hold a field after a homography")
        return _bending(len(labels[0]), where), _in_space(held, reference, moving)
    back = in_row_column(inverse_of(_matrix(held, len(where))))
    inner = into @ back @ out_of
    whole = np.eye(len(labels[0]) + 1)[:-1]
    whole[np.ix_(where, [*where, -1])] = inner[:-1]
    return {"type": "affine", "affine": whole.tolist()}, None


def _bending(count: int, where: list[int]) -> dict[str, Any]:
    """Return the transformation that displaces along two of so many axes."""
    step = {"type": "displacements", "path": _PLACE, "interpolation": "linear"}
    others = [axis for axis in range(count) if axis not in where]
    if not others:
        return step
    parts = [({"type": "identity"}, others), (step, where)]
    return {
        "type": "byDimension",
        "transformations": [
            {"transformation": one, "inputAxes": axes, "outputAxes": axes} for one, axes in parts
        ],
    }


def _in_space(field: Field, reference: OmeZarrImage, moving: OmeZarrImage) -> Sampled:
    """Return by how much points of the moving image are displaced to lie on the reference."""
    turned = field.inverse
    back = sampled(turned, (turned.rows, turned.columns))
    rows, columns = (
        start + spacing * np.arange(count)
        for start, spacing, count in zip(
            back.start[::-1], back.spacing[::-1], back.values.shape, strict=False
        )
    )
    there = np.stack(np.meshgrid(columns, rows), axis=-1)
    into, own = (in_row_column(image.pixels_to_space()) for image in (reference, moving))
    start, end = (map_points(own, np.array(at)) for at in ((0.0, 0.0), (1.0, 1.0)))
    pixel = end - start
    return Sampled(
        map_points(into, there + back.values) - map_points(own, there),
        tuple((start + pixel * back.start).tolist()),
        tuple((pixel * back.spacing).tolist()),
    )


def _matrix(held: Any, axes: int) -> Matrix:
    matrix = checked_of_any_size(getattr(held, "matrix", held))
    if len(matrix) != axes + 1:
        raise InputError(
            f"the transform must be a matrix of {axes + 1} x {axes + 1}: the images have {axes} "
            "axes of space"
        )
    if matrix[-1, :-1].any():
        raise InputError("a scene cannot hold a homography; align with the model 'affine'")
    return matrix


def _names(*images: OmeZarrImage) -> list[str]:
    """Return what the images are called in the scene: as their folders, or by what they are."""
    names = []
    for image in images:
        name = image.folder.resolve().name
        for ending in _ENDINGS:
            name = name.removesuffix(ending)
        names.append(name)
    usable = len({name.lower() for name in names}) == len(names) and all(names)
    return names if usable else ["reference", "moving"]


def _made(
    given: Any,
    images: tuple[OmeZarrImage, ...],
    names: list[str],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Return where a scene comes from: the program, the images by their metadata, the result."""
    from importlib.metadata import version

    from ..._common.tables import finite

    # A result of volumes has no row of its own.
    told = {name: getattr(given, name) for name in _TOLD if hasattr(given, name)}
    numbers = given.to_dict() if hasattr(given, "to_dict") else told
    return {
        "program": f"napari-ecc-align {version('napari-ecc-align')}",
        "images": [
            {"path": name, "name": image.folder.name, "metadata_sha256": image.sha256}
            for image, name in zip(images, names, strict=True)
        ],
        **({"result": finite(numbers)} if numbers else {}),
        **provenance,
    }


def _write_group(folder: Path, attributes: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    (folder / "zarr.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _write_image(folder: Path, place: Path, image: OmeZarrImage, *, copy: bool) -> None:
    """Write an image's metadata as version 0.6, and link its arrays for where it will lie."""
    kept = {key: image.metadata[key] for key in ("omero",) if key in image.metadata}
    one = image.metadata["multiscales"][0]
    if "coordinateSystems" not in one:
        one = {
            **{key: one[key] for key in ("name", "type", "metadata") if key in one},
            "coordinateSystems": [{"name": image.system, "axes": [*image.axes]}],
            "datasets": [
                {
                    "path": path,
                    "coordinateTransformations": [
                        {
                            "type": "sequence",
                            "transformations": [
                                {"type": "scale", "scale": scale.tolist()},
                                {"type": "translation", "translation": translation.tolist()},
                            ],
                            "input": {"path": path},
                            "output": {"name": image.system},
                        }
                    ],
                }
                for path, scale, translation in image.levels
            ],
        }
    _write_group(folder, {"ome": {"version": VERSION, "multiscales": [one], **kept}})
    for path, *_ in image.levels:
        for above in [*Path(path).parents][:-1]:
            if not (folder / above / "zarr.json").exists():
                _write_group(folder / above, {})
        link_array(image.folder / path, folder / path, place / path, image.zarr_format, copy=copy)
