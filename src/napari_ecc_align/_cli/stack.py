"""``ecc-align stack``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .._align.stack import stack_steps
from .._align.stack_result import StackResult
from .._common.steps import outcome_of
from .._images.files.film import TiffFilm, write_film
from .._images.files.image_file import ImageFile
from .._images.files.images import read_file, write_file
from .._images.files.tags import GridTags
from .._images.files.warped import warped_file
from .._transform.formats.registry import STACK_FORMATS
from .console import progress_bar, say, tell
from .inputs import ImageFiles, aligned_planes, opened_frames, read_mask, search_options
from .outputs import (
    all_or_none,
    check_folder,
    check_outputs,
    check_transform_out,
    warped_suffix,
)
from .show import exit_code, files, result_numbers, some, to_json, written_text
from .values import check_fill


def run_stack(chosen: argparse.Namespace) -> int:
    """Align the frames of a film and write them registered; return the exit code."""
    if chosen.out is not None:
        check_folder(chosen.out)
    paths = _paths(chosen)
    lists = (each if isinstance(each, list) else [each] for each in paths.values())
    outputs = [path for each in lists for path in each]
    with opened_frames(chosen.frames) as frames:
        first = like = frames.file(0)
        check_fill(chosen.fill, first.pixels.dtype)
        reference: Any = chosen.reference
        if isinstance(reference, Path):
            like = read_file(reference)
            reference = like.plane(chosen.channel, reference)
        masks: dict[str, Any] = {
            "reference_mask": read_mask(chosen.mask, "what is aligned to", like.shape),
            "moving_mask": read_mask(chosen.moving_mask, "a frame", first.shape),
        }
        optional = [chosen.mask, chosen.moving_mask, chosen.reference]
        given = [*chosen.frames, *(each for each in optional if isinstance(each, Path))]
        check_outputs(outputs, given, overwrite=chosen.overwrite)
        with progress_bar(chosen) as show:
            planes = aligned_planes(frames, chosen.channel)
            steps = stack_steps(planes, search_options(chosen), reference=reference, **masks)
            stack = outcome_of(steps, show)
        found = len(stack.gaps) < len(stack)
        if outputs and found:
            with all_or_none(outputs, overwrite=chosen.overwrite) as staged:
                _write(staged, paths, stack, frames, like.grid, chosen)
    written = paths if found else {}
    if chosen.json:
        say(to_json(_report(stack, chosen.frames, written)))
    else:
        tell(chosen, _text(stack, written, wanted=bool(outputs)))
    return exit_code(chosen, stack.verdicts)


def _paths(chosen: argparse.Namespace) -> dict[str, Path | list[Path]]:
    """Return where the results go, by role, in the order of writing."""
    paths: dict[str, Path | list[Path]] = {}
    if (folder := chosen.out) is not None:
        frames = chosen.frames
        whole = frames[0].stem if len(frames) == 1 else "stack"
        kept = [f"{path.stem}_aligned{warped_suffix(path, np.dtype(np.uint8))}" for path in frames]
        paths["warped"] = [folder / name for name in kept]
        paths["table"] = folder / f"{whole}_drift.csv"
    paths |= check_transform_out(chosen.transform_out, folder, chosen.model, STACK_FORMATS)
    if folder is not None:
        paths["transform"] = folder / f"{whole}_transforms.json"
    return paths


def _write(
    staged: list[Path],
    paths: dict[str, Path | list[Path]],
    stack: StackResult,
    frames: ImageFiles | TiffFilm,
    grid: GridTags,
    chosen: argparse.Namespace,
) -> None:
    where = iter(staged)
    if "warped" in paths:
        warped = _warped(stack, frames, grid, chosen)
        if isinstance(frames, TiffFilm):
            write_film(
                next(where),
                (file.pixels for file in warped),
                frames.shape_on(stack.shape),
                frames.dtype,
                channels=frames.channel_axis is not None,
                grid=grid.of_result(frames.grid),
            )
        else:
            for file in warped:
                write_file(next(where), file)
        stack.save_table(next(where))
    for path in where:
        stack.save(path)


def _warped(
    stack: StackResult, frames: ImageFiles | TiffFilm, grid: GridTags, chosen: argparse.Namespace
) -> Iterator[ImageFile]:
    """Yield the frames on the grid of the reference, a gap by the transform of its neighbour."""
    for index, transform in enumerate(stack.filled_transforms):
        frame = frames.file(index)
        check_fill(chosen.fill, frame.pixels.dtype)
        yield warped_file(
            frame,
            transform,
            stack.shape,
            grid,
            interpolation=chosen.interpolation,
            fill=chosen.fill,
        )


def _report(
    stack: StackResult, frames: list[Path], written: dict[str, Path | list[Path]]
) -> dict[str, Any]:
    counts = Counter(stack.verdicts)
    rows = [
        {"frame": number, "file": str(frames[number if len(frames) > 1 else 0])}
        | result_numbers(result)
        for number, result in zip(stack.frames, stack, strict=True)
    ]
    return {
        "reference": stack.reference,
        **{verdict: counts[verdict] for verdict in ("aligned", "doubtful", "failed")},
        "frames": rows,
        "files": files(written),
    }


def _text(stack: StackResult, written: dict[str, Path | list[Path]], *, wanted: bool) -> str:
    lines = [
        f"frame {number}: {result.verdict}: {result.reason}"
        for number, result in zip(stack.frames, stack, strict=True)
        if not result.aligned
    ]
    last = written_text(written) or (["Nothing was written."] if wanted else [])
    return "\n".join([repr(stack), *some(lines, " (--json lists all)"), *last])
