"""``ecc-align align``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .._align.pair import align_steps
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._compare.inspection import inspect_alignment
from .._ecc.options import SearchOptions
from .._images.files.images import read_image
from .._transform.formats.registry import AFFINE_ONLY, check_suffix
from .._transform.transform import Transform
from .console import progress_bar, say
from .outputs import check_folder, check_outputs, result_paths, write_results
from .show import EXIT_CODES, report, result_text, to_json
from .values import check_fill


def run_align(chosen: argparse.Namespace) -> int:
    """Align two files and write what there is to look at; return the exit code."""
    check_folder(chosen.out)
    _check_transform_out(chosen.transform_out, chosen.out, chosen.model)
    initial = Transform.load(chosen.initial) if chosen.initial else None
    reference, moving = read_image(chosen.reference), read_image(chosen.moving)
    masks: dict[str, Any] = {
        "reference_mask": _read_mask(chosen.mask, chosen.reference, reference),
        "moving_mask": _read_mask(chosen.moving_mask, chosen.moving, moving),
    }
    check_fill(chosen.fill, moving)
    optional = [chosen.mask, chosen.moving_mask, chosen.initial]
    given = [chosen.reference, chosen.moving, *filter(None, optional)]
    paths = result_paths(chosen.out, chosen.moving, moving.dtype)
    check_outputs(paths.values(), given, overwrite=chosen.overwrite)
    if chosen.transform_out:
        taken = [*given, *paths.values()]
        check_outputs([chosen.transform_out], taken, overwrite=chosen.overwrite)
    options = SearchOptions(**{f.name: getattr(chosen, f.name) for f in fields(SearchOptions)})
    with progress_bar() as show:
        steps = align_steps(reference, moving, options, initial=initial, **masks)
        result = outcome_of(steps, show)
    inspection, written = None, dict[str, Path]()
    if result.found:
        inspection = inspect_alignment(
            reference,
            moving,
            result.transform,
            method=chosen.method,
            signed=chosen.signed,
            interpolation=chosen.interpolation,
            fill=chosen.fill,
            **masks,
        )
        written = paths
        write_results(paths, result, inspection, overwrite=chosen.overwrite)
        if chosen.transform_out:
            result.transform.save(chosen.transform_out, overwrite=chosen.overwrite)
    if chosen.json:
        say(to_json(report(result, inspection, written)))
    else:
        say(result_text(result, inspection, written))
    return EXIT_CODES[result.verdict]


def _check_transform_out(path: Path | None, folder: Path, model: str) -> None:
    """Refuse before any work what could only be refused after it."""
    if path is None:
        return
    if check_suffix(path) in AFFINE_ONLY and model == "homography":
        raise InputError(f"{path} cannot hold a homography; choose .json, .csv or .npy")
    # The folder for the results is made if need be.
    if not path.parent.is_dir() and path.parent.resolve() != folder.resolve():
        raise InputError(f"cannot write {path}: its folder does not exist; create it first")


def _read_mask(path: Path | None, image_path: Path, image: NDArray[Any]) -> NDArray[Any] | None:
    if path is None:
        return None
    mask = read_image(path)
    if mask.ndim != 2:
        raise InputError(f"{path} is in colour; a mask has one channel, 0 where nothing counts")
    if mask.shape != image.shape[:2]:
        raise InputError(
            f"{path} is {_size(mask)} pixels, but its image {image_path} is {_size(image)}"
        )
    return mask


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
