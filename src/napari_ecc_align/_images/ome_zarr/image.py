"""What the metadata of an OME-Zarr image say: its axes, its levels, and where its pixels lie.

Versions 0.4, 0.5 and 0.6. No pixel is read, and zarr is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._common.errors import InputError
from ..._common.given import GivenPath
from ..._common.json_files import json_in
from ..._common.own_files import is_path_below
from ..._common.zarr_arrays import METADATA

INTRINSIC = "physical"
"""What the coordinate system is called of an image that has no name for it."""
_DEEPEST = 20


@dataclass(frozen=True)
class OmeZarrImage:
    """An OME-Zarr image on disk, by its metadata.

    Parameters
    ----------
    folder : Path
        The group of the image.
    axes : tuple of dict
        Of its intrinsic coordinate system: ``name``, and ``type`` and ``unit`` if it has them.
    system : str
        The name of that coordinate system.
    levels : tuple of (str, ndarray of shape (n,), ndarray of shape (n,))
        The path of each level's array, finest first, and the scale and the translation from its
        pixels to the coordinate system, in the order of the axes and in their units.
    zarr_format : int
        2 for version 0.4, else 3.
    metadata : dict
        What the group says under ``ome``, or all it says in version 0.4.
    sha256 : str
        Of the file with these metadata.
    """

    folder: Path
    axes: tuple[dict[str, Any], ...]
    system: str
    levels: tuple[tuple[str, NDArray[np.float64], NDArray[np.float64]], ...]
    zarr_format: int
    metadata: dict[str, Any]
    sha256: str

    @property
    def spatial(self) -> list[int]:
        """The places of the axes of space among all, in their order."""
        return [at for at, axis in enumerate(self.axes) if axis.get("type") == "space"]

    def pixels_to_space(self) -> NDArray[np.float64]:
        """Return the matrix from pixels of the finest level to space, of its axes alone."""
        _, scale, translation = self.levels[0]
        where = self.spatial
        matrix = np.diag([*scale[where], 1.0])
        matrix[:-1, -1] = translation[where]
        return matrix


def read_ome_zarr(folder: GivenPath) -> OmeZarrImage:
    """Return what the metadata of an OME-Zarr image say.

    Raises
    ------
    InputError
        If there is no such image, or its metadata cannot be used.
    """
    folder = Path(folder)
    for name, zarr_format in (("zarr.json", 3), (".zattrs", 2)):
        if (folder / name).is_file():
            return _image(folder, name, zarr_format)
    raise InputError(f"{folder} is no OME-Zarr image: it has neither zarr.json nor .zattrs")


def is_ome_zarr(folder: GivenPath | None) -> bool:
    """Return whether there is an OME-Zarr image at a path that can be used."""
    try:
        return folder is not None and bool(read_ome_zarr(folder))
    except InputError:
        return False


def _image(folder: Path, name: str, zarr_format: int) -> OmeZarrImage:
    document, sha256 = json_in(folder / name, METADATA)
    try:
        metadata = document["attributes"]["ome"] if zarr_format == 3 else document
        image = metadata["multiscales"][0]
        systems = {each["name"]: each["axes"] for each in image.get("coordinateSystems", [])}
        first = image["datasets"][0]["coordinateTransformations"][0]
        system = first["output"]["name"] if systems else INTRINSIC
        axes = tuple({**axis} for axis in (systems[system] if systems else image["axes"]))
        count = len(axes)
        # Of all levels alike, before version 0.6; since then from one named system to another.
        above = () if systems else image.get("coordinateTransformations", ())
        levels = tuple(
            (str(each["path"]), *_steps([*each["coordinateTransformations"], *above], count))
            for each in image["datasets"]
        )
        found = OmeZarrImage(folder, axes, system, levels, zarr_format, metadata, sha256)
        for path, *_ in levels:
            if not is_path_below(path):
                raise ValueError(f"its level {path!r:.60} lies outside of it")
        _check_words(system, axes)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _unusable(folder, name, error) from error
    if not 2 <= len(found.spatial) <= 3:
        raise InputError(f"{folder} must have two or three axes of type 'space'")
    return found


def _unusable(folder: Path, name: str, error: Exception) -> InputError:
    """Say why there is no image in a folder, and where there may be one."""
    why = str(error)
    if isinstance(error, LookupError):
        is_key = isinstance(error, KeyError)
        why = f"its metadata have no {error}" if is_key else "a list in its metadata is empty"
    # Bio-Formats and others write several images into one folder.
    if error.args[:1] in (("ome",), ("multiscales",)) and (folder / "0" / name).is_file():
        why += f"; if it holds several images, name one, such as {folder / '0'}"
    return InputError(f"{folder} is no OME-Zarr image that can be used: {why}")


def _check_words(system: Any, axes: tuple[dict[str, Any], ...]) -> None:
    """Raise `ValueError` where a name, a type or a unit is no text, or a name is missing."""
    words = [system, *(axis["name"] for axis in axes)]
    words += [axis[key] for axis in axes for key in ("type", "unit") if axis.get(key) is not None]
    for word in words:
        if not isinstance(word, str):
            raise ValueError(f"{word!r:.60} is no name, type or unit of an axis")


def _steps(
    given: list[Any], count: int, depth: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scales and translations, one after the other, as one scale and one translation."""
    if depth > _DEEPEST:
        raise ValueError("its transformations lie too deep within each other")
    scale, translation = np.ones(count), np.zeros(count)
    for step in given:
        if step["type"] == "sequence":
            more, further = _steps(step["transformations"], count, depth + 1)
        elif step["type"] == "identity":
            continue
        else:
            numbers = np.array(step[step["type"]], np.float64)
            if step["type"] not in ("scale", "translation") or numbers.shape != (count,):
                raise ValueError(f"a transformation {step!r:.80}")
            is_scale = step["type"] == "scale"
            more = numbers if is_scale else np.ones(count)
            further = np.zeros(count) if is_scale else numbers
        with np.errstate(all="ignore"):
            scale, translation = scale * more, translation * more + further
    if not (np.isfinite(scale).all() and (scale > 0).all() and np.isfinite(translation).all()):
        raise ValueError("a scale or a translation that is no usable number")
    return scale, translation
