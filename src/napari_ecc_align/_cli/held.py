"""The transform that a result holds: a transform file, a scene, or an image that was aligned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.tables import MATRIX_KEYS
from .._images.files.suffixes import image_suffix
from .._images.ome_zarr.scene_transform import is_scene, transform_in_scene
from .._transform.field import Field
from .._transform.formats.field_files import FIELD_FORMATS, holds_a_field
from .._transform.formats.registry import holds_a_volume
from .._transform.transform import Transform
from .._transform.volume_field import VolumeField, load_field_of_either
from .provenance import provenance_of

AnyTransform = Transform | VolumeTransform | Field | VolumeField


def is_result(path: Path) -> bool:
    """Return whether a transform is held by a scene or an aligned image, and not in its file."""
    aligned = image_suffix(path) and path.suffix.lower() not in FIELD_FORMATS
    return bool(aligned) or is_scene(path)


def held_transform(path: Path) -> AnyTransform:
    """Return the transform of a file, of a scene, or that an aligned image was made by.

    Raises
    ------
    InputError
        If there is none, or none that can be used.
    """
    if is_scene(path):
        found = transform_in_scene(path)
        return found if isinstance(found, Field) else _of_matrix(found)
    if is_result(path):
        return _told(path, provenance_of(path))
    if holds_a_field(path):
        return load_field_of_either(path)
    return VolumeTransform.load(path) if holds_a_volume(path) else Transform.load(path)


def _told(path: Path, made: Mapping[str, Any]) -> AnyTransform:
    """Return the transform that an image says it was made by."""
    result = made.get("result")
    told = result if isinstance(result, dict) else made
    matrix = told.get("matrix", [told.get(key) for key in MATRIX_KEYS])
    model = told.get("model")
    if model == "smooth" or "changed since" in made or any(part is None for part in matrix or [0]):
        why = "was changed since it was made" if "changed since" in made else "says of none"
        raise InputError(f"{path} {why}: give its transform in a file")
    try:
        numbers = np.array(matrix, np.float64)
        return _of_matrix(numbers.reshape(3, 3) if numbers.size == 9 else numbers, model)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} says of no transform that can be used: {error}") from error


def _of_matrix(matrix: Any, model: Any = None) -> Transform | VolumeTransform:
    return VolumeTransform(matrix) if len(matrix) == 4 else Transform(matrix, model=model)


def as_volume(held: AnyTransform | None, path: Path) -> VolumeTransform | VolumeField | None:
    """Return what is held as a transform of volumes, as those are judged by.

    Raises
    ------
    InputError
        If it is of images.
    """
    if held is None or isinstance(held, VolumeTransform | VolumeField):
        return held
    raise InputError(f"{path} holds a transform of images, not of volumes")


def held_volume(path: Path) -> VolumeTransform | None:
    """Return the transform of volumes that a result holds; raise `InputError` as both do."""
    held = as_volume(held_transform(path), path)
    if isinstance(held, VolumeField):
        raise InputError(
            f"{path} holds a field, by which volumes are judged that fit into memory: crop them"
        )
    return held


def turned_round(held: AnyTransform) -> AnyTransform:
    """Return the inverse of what is held."""
    return held.inverse
