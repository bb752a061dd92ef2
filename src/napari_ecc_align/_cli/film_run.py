"""What the commands that align films have in common, whatever their frames are."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from .._align.frame_records import FrameRecords, frame_records
from .._align.progress import FrameProgress, Progress
from .._common.atomic import real_path, rewrite
from .._common.steps import outcome_of
from .._common.workers.process import cores
from .._images.files.suffixes import own_stem
from .._transform.formats.field_files import MANY_FIELDS
from .._transform.formats.own_json import with_member
from .._transform.formats.registry import STACK_FORMATS
from .console import narrate, progress_bar
from .inputs import search_options
from .outputs import check_transform_out

# Pixels in all, from which on it pays to start processes, and of frames in memory at a time, up
# to which they are started unasked: some 3 GB of volumes with their levels.
_WORTH_PROCESSES, _AT_A_TIME = 40e6, 2**27

Stack = TypeVar("Stack")


@contextmanager
def noted(
    chosen: argparse.Namespace,
    paths: list[Path],
    given: list[Path],
    reference: str | int | Path,
    **more: Any,
) -> Iterator[FrameRecords | None]:
    """Yield the records of the frames, if there is a folder for results.

    They go when all is done, and stay where it is not, for the same command to go on. `more` is
    what else the results depend on.
    """
    if chosen.out is None:
        yield None
        return
    asked = {
        "options": asdict(search_options(chosen)),
        "frames": [chosen.frame_axis, chosen.channel_axis, chosen.channel],
        "reference": str(reference),
        "masks": [str(chosen.mask), str(chosen.moving_mask)],
        "inputs": [[str(real_path(path)), *_state(path)] for path in given],
        **more,
    }
    missing = [each for each in (chosen.out, *chosen.out.parents) if not os.path.lexists(each)]
    path = chosen.out / f".{whole_name(paths)}_frames.jsonl"
    with frame_records(path, asked) as records:
        yield records
    path.unlink(missing_ok=True)
    for folder in missing:
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def followed(
    steps: Generator[Progress, None, Stack],
    chosen: argparse.Namespace,
    records: FrameRecords | None,
    called: str,
) -> Stack:
    """Go through the steps of a film, telling how fast it goes and noting what comes of each."""
    began, done = time.monotonic(), 0
    if records is not None and records.known:
        narrate(chosen, f"going on behind {len(records.known)} {called} that are done")
    with progress_bar(chosen) as show:

        def told(step: Progress) -> None:
            nonlocal done
            if isinstance(step, FrameProgress) and step.result is not None:
                done += 1
                if records is not None:
                    records.add(step.result)
                rate = done / max(time.monotonic() - began, 1e-3)
                step = replace(step, stage=f"{step.stage}, {rate:.3g} {called} a second")
            show(step)

        return outcome_of(steps, told)


def transform_paths(chosen: argparse.Namespace, name: str) -> dict[str, Path]:
    """Return where the transforms of a film go, by role; fields have a format of their own."""
    bends = chosen.model == "smooth"
    formats = MANY_FIELDS if bends else STACK_FORMATS
    paths = check_transform_out(chosen.transform_out, chosen.out, chosen.model, formats)
    if chosen.out is not None:
        paths["transform"] = chosen.out / f"{name}_transforms{'.npz' if bends else '.json'}"
    return paths


def tell_provenance(path: Path, made: Mapping[str, Any]) -> None:
    """Let a file of a film's transforms say how they were made; one of fields has no room."""
    if path.suffix == ".json":
        rewrite(path, with_member(path.read_bytes(), "provenance", made))


def workers_of(chosen: argparse.Namespace, count: int, size: int) -> int:
    """Return how many processes align so many frames of so many pixels."""
    much = count * size > _WORTH_PROCESSES
    return chosen.workers or (max(1, min(cores(), _AT_A_TIME // size)) if much else 1)


def whole_name(frames: list[Path]) -> str:
    """Return what the results of a film are called."""
    return own_stem(frames[0]) if len(frames) == 1 else "stack"
