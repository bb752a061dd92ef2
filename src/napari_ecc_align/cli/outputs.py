"""The files that ``ecc-align`` writes, none of them over an input."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import as_document
from ..imagefiles import same_file, write_atomically, write_image
from ..inspection import Inspection
from ..result import AlignmentResult

ONLY_REFERENCE_COLOUR = (216, 67, 21)
ONLY_MOVING_COLOUR = (33, 150, 243)


def result_paths(folder: Path, moving: Path) -> dict[str, Path]:
    """Return where the results of one alignment go, by role."""
    suffix = moving.suffix.lower()
    # A JPEG is resampled once: writing it as JPEG again would lose more.
    aligned = ".tif" if suffix in (".tif", ".tiff") else ".png"
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
        if output.exists() and not overwrite:
            raise InputError(f"{output} exists; use --overwrite to replace it")


def make_folder(folder: Path) -> None:
    """Make the folder for results, with the folders above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{folder} is a file; --out needs a folder") from error


def write_results(
    paths: dict[str, Path], result: AlignmentResult, inspection: Inspection, *, overwrite: bool
) -> None:
    """Write the images of an alignment and then, once they are whole, its transform."""
    write_image(paths["aligned"], inspection.aligned, overwrite=overwrite)
    write_image(paths["difference"], inspection.difference, overwrite=overwrite)
    write_image(paths["binary difference"], coloured(inspection.after.map), overwrite=overwrite)
    document = {**as_document(result.transform), "alignment": summary(result)}
    text = json.dumps(document, indent=2) + "\n"
    write_atomically(paths["transform"], text.encode(), overwrite=overwrite)


def coloured(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a map of differing pixels as RGB on white, shape (h, w, 3)."""
    palette = np.array([(255, 255, 255), ONLY_REFERENCE_COLOUR, ONLY_MOVING_COLOUR], np.uint8)
    picture: NDArray[np.uint8] = palette[labels]
    return picture


def summary(result: AlignmentResult) -> dict[str, Any]:
    """Return an alignment's outcome as plain values that JSON can hold."""
    return {
        "verdict": result.verdict,
        "reason": result.reason,
        "ecc": result.ecc,
        "ecc_before": result.ecc_before,
        "inverted": result.inverted,
        "overlap": result.overlap,
        "iterations": result.iterations,
        "converged": result.converged,
        "start": result.start,
        "representation": result.representation,
        "engine": result.engine,
        "seconds": round(result.seconds, 4),
    }
