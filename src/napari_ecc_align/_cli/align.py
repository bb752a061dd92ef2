"""``ecc-align align``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from .._align.pair import align_steps, checked_job
from .._align.progress import Progress
from .._align.smooth import smooth_steps
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._compare.inspection import Inspection, inspect_alignment
from .._compare.table import worth_a_look
from .._images.files.image_file import ImageFile
from .._images.files.warped import warped_file
from .._images.files.zarr_image import is_too_large
from .._images.sources import ImageLike
from .._images.stack_axes import Role
from .._transform.transform import Transform
from .._verdict.result import AlignmentResult
from .console import progress_bar, say, tell
from .inputs import axes_told, found_on, read_mask, read_meant, search_options
from .outputs import (
    check_folder,
    check_outputs,
    check_transform_out,
    result_paths,
    write_results,
)
from .provenance import made_by
from .show import exit_code, report, result_text, to_json
from .stack import run_frames
from .values import check_fill
from .volumes import are_volumes, run_volumes

Steps = Callable[..., Generator[Progress, None, Any]]


def run_align(chosen: argparse.Namespace) -> int:
    """Align two files and write what there is to look at; return the exit code."""
    if any(map(is_too_large, (chosen.reference, chosen.moving))):
        from .large_volumes import run_large_volumes

        return run_large_volumes(chosen)
    read = read_pair(chosen, "planes" if chosen.volume else "channels")
    bends = chosen.model == "smooth"
    if are_volumes(read, chosen):
        return run_volumes(chosen, read)
    if chosen.all_turns:
        raise InputError("--all-turns is for volumes: images are searched at all turns anyway")
    beside = check_transform_out(chosen.transform_out, chosen.out, chosen.model)
    options = search_options(chosen)
    initial = Transform.load(chosen.initial) if chosen.initial else None

    def steps(
        reference: ImageLike, moving: ImageLike, **masks: Any
    ) -> Generator[Progress, None, Any]:
        if bends:
            return smooth_steps(checked_job(reference, moving, options, initial=initial, **masks))
        return align_steps(reference, moving, options, initial=initial, **masks)

    return run_pair(chosen, steps, chosen.initial, beside, chosen.frame, read, bends=bends)


def read_pair(chosen: argparse.Namespace, alone: Role = "channels") -> list[ImageFile]:
    """Return both files, once there is a place for results."""
    if chosen.out is not None:
        check_folder(chosen.out)
    return [read_meant(path, chosen, alone) for path in (chosen.reference, chosen.moving)]


def run_pair(
    chosen: argparse.Namespace,
    steps: Steps,
    transform: Path | None,
    beside: dict[str, Path] | None = None,
    frame: int | None = None,
    read: list[ImageFile] | None = None,
    *,
    bends: bool = False,
) -> int:
    """Run steps on two files, print what comes of it, and write it; return the exit code.

    Parameters
    ----------
    chosen : Namespace
        With the options of ``align`` but for those of the search.
    steps : callable
        Of both images and their masks, whose result it is.
    transform : Path or None
        A transform file that was read.
    beside : dict of str to Path, optional
        Further files to write, by role; None if a film has one transform for all its frames.
    frame : int, optional
        The frame of a film whose transform goes for all; their mean if it is not aligned.
    read : list of ImageFile, optional
        Both files, if they have been read.
    bends : bool, default: False
        Whether the result is a field.
    """
    files = read or read_pair(chosen)
    reference, moving = (
        file.plane(chosen.channel, path, frame if file.frames > 1 else None)
        for file, path in zip(files, (chosen.reference, chosen.moving), strict=True)
    )
    if beside is not None and frame is None and files[1].frames > 1:
        if chosen.model == "smooth":
            raise InputError("the model 'smooth' is for single images: choose one with --frame")
        return run_frames(chosen, [chosen.moving], chosen.reference, chosen.initial, "channels")
    masks: dict[str, Any] = {
        "reference_mask": read_mask(chosen.mask, chosen.reference, reference.shape),
        "moving_mask": read_mask(chosen.moving_mask, chosen.moving, moving.shape),
    }
    check_fill(chosen.fill, files[1].pixels.dtype)
    given = [chosen.reference, chosen.moving, chosen.mask, chosen.moving_mask, transform]
    given = [path for path in given if path]
    paths = {**(beside or {}), **_result_paths(chosen, files[1], bends)}
    check_outputs(paths.values(), given, overwrite=chosen.overwrite)
    with progress_bar(chosen) as show:
        result = outcome_of(steps(reference, moving, **masks), show)
    inspection, written = None, dict[str, Path]()
    if worth_a_look(result):
        look = ("method", "thresholds", "signed", "interpolation", "fill")
        masks.update((name, getattr(chosen, name)) for name in look)
        inspection = inspect_alignment(reference, moving, result.transform, **masks)
        if paths:
            warped = _warped(files, result, inspection, chosen)
            kept = {"overwrite": chosen.overwrite, "provenance": made_by(chosen, given)}
            write_results(paths, result, inspection, warped, **kept)
        written = paths
    notes = _axes_told(files, frame, chosen)
    if chosen.json:
        say(to_json(report(result, inspection, written, notes)))
    else:
        unwritten = "\nNothing was written." if paths and not written else ""
        tell(chosen, result_text(result, inspection, written, notes) + unwritten)
    return exit_code(chosen, [result.verdict])


def _result_paths(chosen: argparse.Namespace, moving: ImageFile, bends: bool) -> dict[str, Path]:
    """Return the files of the folder of results, by role: a field's is of another format."""
    paths = result_paths(chosen.out, chosen.moving, moving)
    if bends and "transform" in paths:
        paths["transform"] = paths["transform"].with_suffix(".npz")
    return paths


def _axes_told(files: list[ImageFile], frame: int | None, chosen: argparse.Namespace) -> list[str]:
    """Return what the axes of both files hold, and what was looked at, if there is more to say."""
    reference, moving = files
    of = "" if frame is None else f", that of frame {frame}"
    more = f"; one transform for all{of}{found_on(moving.held, chosen.channel)}"
    notes = axes_told(chosen.moving, moving.held, more)
    if reference.frames > 1:
        seen = "their mean" if frame is None else f"frame {frame}"
        notes += axes_told(chosen.reference, reference.held, f"; {seen} is looked at")
    return list(dict.fromkeys(notes))


def _warped(
    files: list[ImageFile],
    result: AlignmentResult,
    inspection: Inspection,
    chosen: argparse.Namespace,
) -> ImageFile:
    """Return the file of the moving image, with all its channels, on the reference's grid."""
    reference, moving = files
    if moving.channel_axis is None and chosen.channel is None and moving.no_data is None:
        return moving.resampled(inspection.warped, reference.grid)
    return warped_file(
        moving,
        result.transform,
        reference.shape,
        reference.grid,
        interpolation=chosen.interpolation,
        fill=chosen.fill,
    )
