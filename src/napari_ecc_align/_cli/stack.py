"""``ecc-align stack``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._align.frame_options import Bending
from .._align.frame_records import FrameRecords
from .._align.mean_sharpness import MeanSharpness
from .._align.passes import StackRun
from .._align.progress import FrameResult
from .._align.smooth_stack import SmoothStack
from .._align.stack import stack_steps
from .._align.stack_result import StackResult
from .._common.errors import InputError
from .._images.coverage import overlap
from .._images.files.film import write_film
from .._images.files.image_file import ImageFile
from .._images.files.images import write_file
from .._images.files.paged_film import PagedFilm
from .._images.files.suffixes import own_stem
from .._images.files.tags import GridTags
from .._images.files.warped import warped_file
from .._images.stack_axes import Role, unpaired
from .._transform.field import Field
from .._transform.transform import Transform
from .console import say_all, tell
from .film_run import (
    followed,
    noted,
    tell_provenance,
    transform_paths,
    whole_name,
    workers_of,
)
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
    warped_suffix,
)
from .provenance import frames_made_by, with_provenance
from .show import (
    exit_code,
    files,
    json_pieces,
    result_numbers,
    some,
    to_json,
    written_text,
)
from .values import check_fill

AnyStack = StackResult | SmoothStack


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
    with opened_frames(paths, chosen.frame_axis, chosen.channel_axis) as frames:
        deep = isinstance(frames, PagedFilm) and len(frames.held.long) > 1
        if deep or chosen.volume:
            # What volumes need takes a while to load.
            from .volume_film import holds_volumes, run_volume_film

            if holds_volumes(frames, paths, chosen):
                return run_volume_film(chosen, frames, paths, reference, initial)
        outputs = _paths(chosen, paths)
        every = [path for role in outputs.values() for path in _listed(role)]
        first = like = frames.file(0)
        check_fill(chosen.fill, first.pixels.dtype)
        fixed: Any = reference
        if isinstance(reference, Path):
            like = read_meant(reference, chosen, alone)
            fixed = _references(like, reference, frames, chosen.channel)
        optional = [chosen.mask, chosen.moving_mask, reference, initial]
        given = [*paths, *(each for each in optional if isinstance(each, Path))]
        arguments: dict[str, Any] = {
            "reference": fixed,
            "reference_mask": read_mask(chosen.mask, "what is aligned to", like.shape),
            "moving_mask": read_mask(chosen.moving_mask, "a frame", first.shape),
            "initial": None if initial is None else Transform.load(initial),
        }
        check_outputs(every, given, overwrite=chosen.overwrite)
        with noted(chosen, paths, given, reference) as records:
            stack = _aligned(frames, arguments, chosen, records)
            found = len(stack.gaps) < len(stack)
            sharpness = MeanSharpness(stack.shape)
            if every and found:
                with all_or_none(every, overwrite=chosen.overwrite) as staged:
                    warped = _Warped(stack, frames, like.grid, chosen, sharpness)
                    made = frames_made_by(chosen, given, stack)
                    _write(staged, outputs, warped, made)
    written = outputs if found else {}
    notes = []
    if frames.tells_more:
        notes = axes_told(paths[0], frames.held, found_on(frames.held, chosen.channel))
    if chosen.json:
        say_all(json_pieces(film_report(stack, paths, written, sharpness) | {"notes": notes}))
    else:
        last = written_text(written) or (["Nothing was written."] if every else [])
        tell(chosen, film_text(stack, notes, sharpness, last))
    return exit_code(chosen, stack.verdicts)


def _aligned(
    frames: ImageFiles | PagedFilm,
    arguments: dict[str, Any],
    chosen: argparse.Namespace,
    records: FrameRecords | None,
) -> AnyStack:
    planes = aligned_planes(frames, chosen.channel)
    shape, known = planes[0].shape[:2], records.known if records else []
    workers = workers_of(chosen, len(planes), shape[0] * shape[1])
    options = search_options(chosen)
    # With as much of the results as is noted.
    run = StackRun(
        frames.called,
        workers,
        known,
        brief=True,
        bending=Bending() if options.bends else None,
    )
    steps = stack_steps(planes, options, run=run, **arguments)
    return followed(steps, chosen, records, frames.called)


def _listed(paths: Path | list[Path]) -> list[Path]:
    return paths if isinstance(paths, list) else [paths]


def _references(
    like: ImageFile, path: Path, frames: ImageFiles | PagedFilm, channel: int | None
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
    whole = whole_name(frames)
    if (folder := chosen.out) is not None:
        byte = np.dtype(np.uint8)
        kept = [f"{own_stem(path)}_aligned{warped_suffix(path, byte)}" for path in frames]
        paths["warped"] = [folder / name for name in kept]
        paths["table"] = folder / f"{whole}_drift.csv"
    return paths | transform_paths(chosen, whole)


@dataclass(frozen=True, eq=False)
class _Warped:
    """The frames of a stack on a grid, as they are written; their sharpness is measured by it."""

    stack: AnyStack
    frames: ImageFiles | PagedFilm
    grid: GridTags
    chosen: argparse.Namespace
    sharpness: MeanSharpness

    def files(self) -> Iterator[ImageFile]:
        """Yield them on the grid of the reference, a gap by the transform of its neighbour.

        Of a film these are its pages in their order, all channels of a frame by its transform.
        """
        filled, blank = self.stack.filled_results, None
        for number, read in self.frames.parts():
            try:
                part = read()
            except InputError:
                if blank is None:
                    raise
                yield blank
                continue
            check_fill(self.chosen.fill, part.pixels.dtype)
            transform = filled[number].transform
            warped = warped_file(
                part,
                transform,
                self.stack.shape,
                self.grid,
                interpolation=self.chosen.interpolation,
                fill=self.chosen.fill,
            )
            if blank is None:
                blank = replace(warped, pixels=np.zeros_like(warped.pixels))
            self._measure(part, warped, transform)
            yield warped

    def _measure(self, part: ImageFile, warped: ImageFile, transform: Transform | Field) -> None:
        planes = [file.plane(self._channel) for file in (part, warped)]
        inside = overlap(transform, output_shape=self.stack.shape, moving_shape=part.shape)
        self.sharpness.add(planes[0], planes[1], inside)

    @property
    def _channel(self) -> int | None:
        return self.chosen.channel if isinstance(self.frames, ImageFiles) else None


def _write(
    staged: list[Path],
    paths: dict[str, Path | list[Path]],
    warped: _Warped,
    made: Mapping[str, Any],
) -> None:
    """Write the frames, the table and the transforms; all but the table say how they were made."""
    where, frames = iter(staged), warped.frames
    if "warped" in paths:
        if isinstance(frames, PagedFilm):
            write_film(
                next(where),
                (file.pixels for file in warped.files()),
                frames.shape_on(warped.stack.shape),
                frames.dtype,
                axes=frames.axes,
                style=frames.style,
                origin=to_json(made, indent=None),
                grid=warped.grid.of_result(frames.grid),
            )
        else:
            for file in warped.files():
                write_file(next(where), with_provenance(file, made))
        warped.stack.save_table(next(where))
    if "transform_out" in paths:
        warped.stack.save(next(where))
    if "transform" in paths:
        path = next(where)
        warped.stack.save(path)
        tell_provenance(path, made)


def film_report(
    stack: AnyStack,
    frames: list[Path],
    written: dict[str, Path | list[Path]],
    sharpness: MeanSharpness | None = None,
) -> dict[str, Any]:
    """Return what ``film --json`` prints, without notes, for `json_pieces`."""
    counts = Counter(stack.verdicts)
    results: Sequence[FrameResult] = stack.results
    rows = (
        {"frame": number, "file": str(frames[number if len(frames) > 1 else 0])}
        | result_numbers(result)
        for number, result in zip(stack.frames, results, strict=True)
    )
    return {
        "reference": stack.reference,
        **{verdict: counts[verdict] for verdict in ("aligned", "doubtful", "failed")},
        "sharpness_before": None if sharpness is None else sharpness.before,
        "sharpness": None if sharpness is None else sharpness.after,
        "frames": rows,
        "files": files(written),
    }


def film_text(
    stack: AnyStack,
    notes: list[str],
    sharpness: MeanSharpness | None = None,
    last: Sequence[str] = (),
) -> str:
    """Return a line of all frames, notes, those that are not aligned, and what comes last."""
    said = enumerate(stack.verdicts)
    wrong = [(at, verdict) for at, verdict in said if verdict != "aligned"]
    results: Sequence[FrameResult] = stack.results
    lines = [
        f"{stack.called[:-1]} {stack.frames[at]}: {verdict}: {results[at].reason}"
        for at, verdict in wrong
    ]
    sharper = ""
    if sharpness is not None and sharpness.before and sharpness.after:
        sharper = f"; the mean is {sharpness.after / sharpness.before:.3g} times as sharp"
    return "\n".join([f"{stack!r}{sharper}", *notes, *some(lines, " (--json lists all)"), *last])
