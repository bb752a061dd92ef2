"""``ecc-align judge`` of a film: every frame where its transform lays it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from .._align.judged import judge_job, judge_steps
from .._align.passes import anchor_of
from .._align.progress import FrameProgress
from .._align.stack_result import StackResult
from .._common.errors import InputError
from .._common.steps import outcome_of
from .._images.files.image_file import ImageFile
from .._images.files.paged_film import PagedFilm
from .._transform.files import load_transforms
from .._transform.transform import Transform
from .console import progress_bar, say_all, tell
from .inputs import (
    ImageFiles,
    aligned_planes,
    axes_told,
    found_on,
    opened_frames,
    read_mask,
    read_meant,
)
from .provenance import provenance_of
from .show import exit_code, json_pieces
from .stack import film_report, film_text
from .values import in_pixels
from .volume_film_files import is_deep

Frames = ImageFiles | PagedFilm


def run_judge_film(chosen: argparse.Namespace) -> int:
    """Judge the frames of a film by their transforms, or as they lie; return the exit code.

    The film is MOVING; or REFERENCE alone, whose frames then lie on the one that they were
    aligned to.
    """
    if chosen.out is not None:
        raise InputError("--out is for a pair: apply writes a film by its transforms")
    path = chosen.moving or chosen.reference
    with ExitStack() as stack:
        try:
            opened = opened_frames([path], chosen.frame_axis, chosen.channel_axis)
            frames = stack.enter_context(opened)
        except InputError as error:
            raise InputError(f"{error}; of a pair give REFERENCE and MOVING") from error
        if isinstance(frames, PagedFilm) and is_deep(frames, told=not chosen.planes):
            raise InputError(f"{path} is a film of volumes: judge them two by two, or --planes")
        judged = _judged(chosen, frames, path)
        notes = axes_told(path, frames.held, found_on(frames.held, chosen.channel))
    if chosen.json:
        say_all(json_pieces(film_report(judged, [path], {}) | {"notes": notes}))
    else:
        tell(chosen, film_text(judged, notes))
    return exit_code(chosen, judged.verdicts)


def _judged(chosen: argparse.Namespace, frames: Frames, path: Path) -> StackResult:
    transforms = [Transform.identity()] * len(frames)
    if chosen.transform is not None:
        transforms = [in_pixels(each, chosen) for each in load_transforms(chosen.transform)]
    if len(transforms) != len(frames):
        raise InputError(
            f"{chosen.transform} holds the transforms of {len(transforms)} frames; {path} has "
            f"{len(frames)}"
        )
    planes, results = aligned_planes(frames, chosen.channel), []
    like, anchor = _reference(chosen, frames, path)
    reference = like.plane(chosen.channel, chosen.reference)
    masks: dict[str, Any] = {
        "reference_mask": read_mask(chosen.mask, chosen.reference, like.shape),
        "moving_mask": read_mask(chosen.moving_mask, "a frame", frames.file(0).shape),
    }
    with progress_bar(chosen) as show:
        for number, transform in enumerate(transforms):
            show(FrameProgress(number / len(frames), f"judging frame {number}"))
            job = judge_job(reference, planes[number], transform, chosen.model, **masks)
            results.append(outcome_of(judge_steps(job)))
    return StackResult(tuple(results), anchor, called=frames.called)


def _reference(
    chosen: argparse.Namespace, frames: Frames, path: Path
) -> tuple[ImageFile, str | int]:
    """Return what a film lies on, and what that is called."""
    if chosen.moving is not None:
        like = read_meant(chosen.reference, chosen)
        if like.frames > 1:
            raise InputError(f"{chosen.reference} has {like.frames} frames; give one image")
        return like, "image"
    made: dict[str, Any] = {}
    with suppress(InputError):
        made = provenance_of(chosen.transform or path)
    options = made.get("options")
    to = options.get("reference", "first") if isinstance(options, dict) else "first"
    if to == "mean" or (isinstance(to, str) and to not in ("first", "previous")):
        raise InputError(f"{path} was aligned to {to}: give what that is as REFERENCE")
    anchor = anchor_of(to, len(frames), frames.called, "an image")
    return frames.file(anchor), "first" if anchor == 0 else anchor
