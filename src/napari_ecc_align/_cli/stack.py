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
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._images.files.film import TiffFilm, write_film
from .._images.files.image_file import ImageFile
from .._images.files.images import write_file
from .._images.files.tags import GridTags
from .._images.files.warped import warped_file
from .._images.stack_axes import Role, unpaired
from .._transform.formats.registry import STACK_FORMATS
from .._transform.transform import Transform
from .console import progress_bar, say, tell
from .inputs import (
    ImageFiles,
    aligned_planes,
    axes_told,
    found_on,
    opened_frames,
    read_mask,
    read_meant,
    search_options,
)
from .outputs import (
    all_or_none,
    check_folder,
    check_outputs,
    check_transform_out,
    own_stem,
    warped_suffix,
)
from .show import exit_code, files, result_numbers, some, to_json, written_text
from .values import check_fill


def run_stack(chosen: argparse.Namespace) -> int:
    """Align the frames of a film and write them registered; return the exit code."""
    return run_frames(chosen, chosen.frames, chosen.reference)


def run_frames(
    chosen: argparse.Namespace,
    paths: list[Path],
    reference: str | int | Path,
    initial: Path | None = None,
    alone: Role = "frames",
) -> int:
    """Align the frames in files, or in one, and write them registered; return the exit code.

    Parameters
    ----------
    chosen : Namespace
        With the options that ``align`` and ``stack`` share.
    paths : list of Path
        The frames in their order, or one TIFF of them.
    reference : str, int or Path
        What they are aligned to: a word, a frame, an image, or a film with a frame for each.
    initial : Path, optional
        A transform file to start from.
    alone : str, default: "frames"
        What pages of the reference are of which nothing is said.
    """
    if chosen.out is not None:
        check_folder(chosen.out)
    outputs = _paths(chosen, paths)
    every = [path for role in outputs.values() for path in _listed(role)]
    with opened_frames(paths, chosen.frame_axis, chosen.channel_axis) as frames:
        first = like = frames.file(0)
        check_fill(chosen.fill, first.pixels.dtype)
        fixed: Any = reference
        if isinstance(reference, Path):
            like = read_meant(reference, chosen, alone)
            fixed = _references(like, reference, frames, chosen.channel)
        masks: dict[str, Any] = {
            "reference_mask": read_mask(chosen.mask, "what is aligned to", like.shape),
            "moving_mask": read_mask(chosen.moving_mask, "a frame", first.shape),
        }
        optional = [chosen.mask, chosen.moving_mask, reference, initial]
        given = [*paths, *(each for each in optional if isinstance(each, Path))]
        check_outputs(every, given, overwrite=chosen.overwrite)
        with progress_bar(chosen) as show:
            steps = stack_steps(
                aligned_planes(frames, chosen.channel),
                search_options(chosen),
                reference=fixed,
                initial=None if initial is None else Transform.load(initial),
                called=frames.called,
                **masks,
            )
            stack = outcome_of(steps, show)
        found = len(stack.gaps) < len(stack)
        if every and found:
            with all_or_none(every, overwrite=chosen.overwrite) as staged:
                _write(staged, outputs, stack, frames, like.grid, chosen)
    written = outputs if found else {}
    notes = []
    if frames.tells_more:
        notes = axes_told(paths[0], frames.held, found_on(frames.held, chosen.channel))
    if chosen.json:
        say(to_json(_report(stack, paths, written) | {"notes": notes}))
    else:
        tell(chosen, _text(stack, written, notes, wanted=bool(every)))
    return exit_code(chosen, stack.verdicts)


def _listed(paths: Path | list[Path]) -> list[Path]:
    return paths if isinstance(paths, list) else [paths]


def _references(
    like: ImageFile, path: Path, frames: ImageFiles | TiffFilm, channel: int | None
) -> Any:
    """Return the image that frames are aligned to, or one for each."""
    if like.frames == 1:
        return like.plane(channel, path)
    if like.frames != len(frames):
        possible = "one reference for all, or as many; for one transform in all, align --frame N"
        raise InputError(unpaired(like.frames, len(frames), frames.called, possible))
    return [like.plane(channel, path, frame) for frame in range(like.frames)]


def _paths(chosen: argparse.Namespace, frames: list[Path]) -> dict[str, Path | list[Path]]:
    """Return where the results go, by role, in the order of writing."""
    paths: dict[str, Path | list[Path]] = {}
    if (folder := chosen.out) is not None:
        whole = own_stem(frames[0]) if len(frames) == 1 else "stack"
        byte = np.dtype(np.uint8)
        kept = [f"{own_stem(path)}_aligned{warped_suffix(path, byte)}" for path in frames]
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
                axes=frames.axes,
                style=frames.style,
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
    """Yield what is written on the grid of the reference, a gap by the transform of its neighbour.

    Of a film these are its pages in their order, all channels of a frame by its transform.
    """
    transforms = stack.filled_transforms
    for number, part in frames.parts():
        check_fill(chosen.fill, part.pixels.dtype)
        yield warped_file(
            part,
            transforms[number],
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


def _text(
    stack: StackResult,
    written: dict[str, Path | list[Path]],
    notes: list[str],
    *,
    wanted: bool,
) -> str:
    lines = [
        f"{stack.called[:-1]} {number}: {result.verdict}: {result.reason}"
        for number, result in zip(stack.frames, stack, strict=True)
        if not result.aligned
    ]
    last = written_text(written) or (["Nothing was written."] if wanted else [])
    return "\n".join([repr(stack), *notes, *some(lines, " (--json lists all)"), *last])
