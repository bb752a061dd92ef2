"""The files that ``ecc-align`` writes: none of them over an input, and all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._common.atomic import move_into_place, same_file, write_atomically
from .._common.errors import InputError
from .._compare.binary import COLOURS, ONLY_MOVING, ONLY_REFERENCE
from .._compare.inspection import Inspection
from .._images.files.images import write_image
from .._transform.files import as_document
from .._verdict.result import AlignmentResult
from .show import to_json


def result_paths(folder: Path, moving: Path, dtype: np.dtype[Any]) -> dict[str, Path]:
    """Return where the results of one alignment go, by role, in the order of writing.

    Parameters
    ----------
    folder : Path
        Where the results go.
    moving : Path
        The file of the moving image, after which they are named.
    dtype : dtype
        Of the moving image, which the aligned image keeps.
    """
    # A JPEG becomes a PNG: written as JPEG again, it would lose more than by resampling.
    in_tiff = moving.suffix.lower() in (".tif", ".tiff")
    aligned = ".png" if dtype in (bool, np.uint8, np.uint16) and not in_tiff else ".tif"
    return {
        "aligned": folder / f"{moving.stem}_aligned{aligned}",
        "difference": folder / f"{moving.stem}_difference.tif",
        "binary difference": folder / f"{moving.stem}_binary_difference.png",
        "transform": folder / f"{moving.stem}_transform.json",
    }


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Raise `InputError` if an output is an input, or is there and may not be replaced."""
    inputs = list(inputs)
    for output in outputs:
        for given in inputs:
            if same_file(output, given):
                raise InputError(f"{output} is an input and is not overwritten; choose another")
        if output.is_dir():
            raise InputError(f"{output} is a folder; give the name of a file")
        if not overwrite and os.path.lexists(output):
            raise InputError(f"{output} exists; use --overwrite to replace it")


def check_folder(folder: Path) -> None:
    """Raise `InputError` if a folder is not there and cannot be made, or cannot be written to."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{place} is not a folder; results need one")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to the folder {place}; choose another with --out")


def write_results(
    paths: dict[str, Path], result: AlignmentResult, inspection: Inspection, *, overwrite: bool
) -> None:
    """Write the images of an alignment and its transform, making their folder if need be.

    Everything is written to a temporary folder first, so that a full disk or an interrupt
    leaves what was there. The transform comes last: where it is, the images beside it are its
    own.
    """
    folder = paths["transform"].parent
    folder.mkdir(parents=True, exist_ok=True)
    document = {**as_document(result.transform), "alignment": result.to_dict()}
    with TemporaryDirectory(prefix=".ecc-align-", dir=folder) as staging:
        staged = {role: Path(staging, path.name) for role, path in paths.items()}
        write_image(staged["aligned"], inspection.warped)
        write_image(staged["difference"], inspection.difference)
        write_image(staged["binary difference"], coloured(inspection.after.labels))
        write_atomically(staged["transform"], f"{to_json(document)}\n".encode())
        if overwrite:
            paths["transform"].unlink(missing_ok=True)
        for role, path in paths.items():
            move_into_place(staged[role], path, overwrite=overwrite)


def coloured(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a map of differing pixels as RGB on white, shape (h, w, 3)."""
    palette = np.array([(255, 255, 255), COLOURS[ONLY_REFERENCE], COLOURS[ONLY_MOVING]], np.uint8)
    picture: NDArray[np.uint8] = palette[labels]
    return picture
