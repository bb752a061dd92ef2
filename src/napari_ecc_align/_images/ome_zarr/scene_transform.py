"""The transform that a scene of two images holds, between the pixels of their finest levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.json_files import json_in
from ..._common.opening import is_folder
from ..._common.own_files import is_path_below
from ..._common.zarr_arrays import METADATA
from ..._transform.axes import in_row_column
from ..._transform.field import Field, field_through
from ..._transform.formats.field_zarr import Stored, read_displacements
from ..._transform.formats.ome_ngff import matrix_of
from ..._transform.matrices import Matrix, checked_of_any_size, inverse_of
from .image import OmeZarrImage, read_ome_zarr

_STEPS = "coordinateTransformations"
_FLAWS = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


def is_scene(path: GivenPath) -> bool:
    """Return whether there is a folder with a transformation between images that it holds."""
    file = Path(path) / "zarr.json"
    if not is_folder(path) or not file.is_file():
        return False
    try:
        (step,) = json_in(file, METADATA)[0]["attributes"]["ome"]["scene"][_STEPS]
        return all(step[end]["path"] for end in ("input", "output"))
    except (InputError, *_FLAWS):
        return False


def transform_in_scene(path: GivenPath) -> Matrix | Field:
    """Return the transform of a scene, as `save_scene` was given it.

    Parameters
    ----------
    path : str or path-like
        The folder of a scene of two images and one transformation.

    Returns
    -------
    ndarray of float64, shape (3, 3) or (4, 4), or Field
        From pixels (x, y), or (x, y, z), of the image that the scene leaves in place to those of
        the other, each of its finest level.

    Raises
    ------
    InputError
        If there is no such scene, or its transformation is one that `save_scene` does not write.
    """
    folder = Path(path)
    try:
        said = json_in(folder / "zarr.json", METADATA)[0]["attributes"]["ome"]
        (step,) = said["scene"][_STEPS]
        names = [step[end]["path"] for end in ("output", "input")]
        if not all(isinstance(name, str) and is_path_below(name) for name in names):
            raise InputError("its images are not in it")
        return _between_pixels(folder, step, *(read_ome_zarr(folder / name) for name in names))
    except InputError as error:
        raise InputError(f"{folder} is no scene that can be used: {error}") from error
    except _FLAWS as error:
        raise InputError(f"{folder} is no scene of two images: {error!r:.200}") from error


def _between_pixels(
    folder: Path, step: dict[str, Any], reference: OmeZarrImage, moving: OmeZarrImage
) -> Matrix | Field:
    where = moving.spatial
    out_of, into = moving.pixels_to_space(), inverse_of(reference.pixels_to_space())
    bent = _displacements_of(step, where)
    if bent is not None:
        between = read_displacements(folder, str(bent["path"]))
        return field_through(Stored(in_row_column(out_of), between, in_row_column(into), True))
    whole = matrix_of(step, len(moving.axes))
    inner = whole[np.ix_([*where, -1], [*where, -1])]
    return checked_of_any_size(inverse_of(in_row_column(into @ inner @ out_of)))


def _displacements_of(step: dict[str, Any], where: list[int]) -> dict[str, Any] | None:
    """Return the part of a transformation that displaces in space, or None if none does."""
    if step["type"] == "displacements":
        return step
    if step["type"] == "byDimension":
        for part in step["transformations"]:
            inner: dict[str, Any] = part["transformation"]
            if inner["type"] == "displacements" and part["inputAxes"] == where:
                return inner
    return None
